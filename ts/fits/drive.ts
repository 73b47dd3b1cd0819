/** Who has engines do what fits call for. */

import type { Choice } from '../engines/choice.js'
import { nextTurn, unlessAborted } from '../ground/event-loop.js'
import type { Batch } from '../many/batch.js'
import type { Advancer } from '../many/engines.js'

/** What is called for: that an engine advances a batch, or nothing where the event loop may have its turn. */
export type Call = Batch | undefined

/** Milliseconds of a turn of the event loop that are enough. */
const TURN = 5

/**
 * Makes calls one by one, and leaves the event loop free.
 *
 * @param leave gives memory back where the work has failed: no engine has it any more
 * @throws (rejects with) the signal's reason
 */
export async function drive<T>(
  { runner }: Choice<Advancer>,
  calls: Generator<Call, T>,
  signal: AbortSignal | undefined,
  leave: () => void,
): Promise<T> {
  signal?.throwIfAborted()
  let began = performance.now()
  let last = Promise.resolve()
  try {
    for (;;) {
      const { done, value } = calls.next()
      if (done) return value
      if (value !== undefined) {
        last = runner.advanceAsync(value)
        await unlessAborted(last, signal)
      } else if (performance.now() - began > TURN) {
        await nextTurn()
        began = performance.now()
      }
      // At each pause, also without a turn of the loop: how fast a machine is decides on nothing.
      signal?.throwIfAborted()
    }
  } catch (thrown) {
    // An engine may still be at work; where it fails it has spoilt the memory.
    last.then(leave, () => {})
    throw thrown
  } finally {
    runner.leave?.()
  }
}

/** The same without a promise. */
export function driveSync<T>({ runner }: Choice<Advancer>, calls: Generator<Call, T>): T {
  for (;;) {
    const { done, value } = calls.next()
    if (done) return value
    if (value !== undefined) runner.advance(value)
  }
}
