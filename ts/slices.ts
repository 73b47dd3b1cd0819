/** A step in slices, for engines that have no thread beside the main one. */

import type { Arena } from './arena.js'
import type { Runner } from './engines/engine.js'

/** Elements a slice: a fraction of a millisecond in WebAssembly. */
const SLICE = 1 << 17

/** The same step with the same bits, but other tasks of the event loop get their turn in between. */
export async function stepInSlices(arena: Arena, runner: Runner): Promise<void> {
  const count = arena.segmentCount
  const segments = Array.from({ length: count }, (_, i) => arena.segment(i).copy())
  const slice = arena.segment(0)
  try {
    for (const whole of segments) {
      for (let done = 0; done < whole.length; done += SLICE) {
        slice.paste(whole, done, Math.min(SLICE, whole.length - done))
        arena.segmentCount = 1
        runner.step()
        await turn()
      }
    }
  } finally {
    segments.forEach((whole, i) => {
      arena.segment(i).paste(whole, 0, whole.length)
    })
    arena.segmentCount = count
  }
}

/** Resolves when the event loop has been round. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof setImmediate === 'function') {
      setImmediate(resolve)
    } else {
      // Not setTimeout: browsers stretch it to 4 ms when it is nested.
      const { port1, port2 } = new MessageChannel()
      port1.onmessage = () => {
        port1.close()
        resolve()
      }
      port2.postMessage(null)
    }
  })
}
