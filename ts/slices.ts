/** A step in slices on the main thread, where an engine cannot run it on another one. */

import { type Arena, SQUARES_BLOCK } from './arena.js'
import type { Runner } from './engines/engine.js'

/** Elements a slice: a fraction of a millisecond in WebAssembly. */
const SLICE = 1 << 17
/** What a call costs beside its elements, in elements: there may be many small tensors. */
const CALL = 1 << 8

/** The same step with the same bits, but other tasks of the event loop get their turn in between. */
export async function stepInSlices(arena: Arena, runner: Runner): Promise<void> {
  arena.checkSegments()
  const count = arena.segmentCount
  const segments = Array.from({ length: count }, (_, i) => arena.segment(i).copy())
  const slice = arena.segment(0)
  let left = SLICE
  arena.segmentCount = 1
  try {
    for (const whole of segments) {
      for (let done = 0; done < whole.length; done += SLICE) {
        const length = Math.min(SLICE, whole.length - done)
        slice.paste(whole, done, length)
        runner.step()
        left -= CALL + length
        if (left <= 0) {
          await turn(arena)
          left = SLICE
        }
      }
    }
  } finally {
    if (!arena.isDetached) {
      segments.forEach((whole, i) => {
        arena.segment(i).paste(whole, 0, whole.length)
      })
      arena.segmentCount = count
    }
  }
}

/** `sumSquares` in slices: the engine gets some blocks of gradients at a time in place of the tensors. */
export async function sumSquaresInSlices(arena: Arena, runner: Runner): Promise<void> {
  const tensors = Array.from({ length: arena.tensorCount }, (_, i) => arena.tensor(i))
  const sums = tensors.map(() => 0)
  /** Whose the blocks are. */
  const owners: number[] = []
  let left = SLICE
  const addUp = () => {
    for (let i = owners.length; i < tensors.length; i++) arena.setTensor(i, { offset: 0, length: 0 })
    runner.sumSquares()
    owners.forEach((owner, i) => {
      sums[owner] += arena.sumOfSquares(i)
    })
    owners.length = 0
  }
  try {
    for (const [tensor, { offset, length }] of tensors.entries()) {
      for (let done = 0; done < length; done += SQUARES_BLOCK) {
        const block = { offset: offset + done, length: Math.min(SQUARES_BLOCK, length - done) }
        arena.setTensor(owners.length, block)
        owners.push(tensor)
        left -= CALL + block.length
        if (left <= 0 || owners.length === tensors.length) addUp()
        if (left <= 0) {
          await turn(arena)
          left = SLICE
        }
      }
    }
    addUp()
  } finally {
    if (!arena.isDetached) {
      tensors.forEach((tensor, i) => {
        arena.setTensor(i, tensor)
        arena.setSumOfSquares(i, sums[i])
      })
    }
  }
}

/**
 * Resolves when the event loop has been round.
 *
 * @throws (rejects with) TensorError where somebody has transferred the arena's buffer meanwhile
 */
async function turn(arena: Arena): Promise<void> {
  await new Promise<void>((resolve) => {
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
  arena.checkAttached()
}
