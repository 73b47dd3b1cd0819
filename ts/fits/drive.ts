/** Who has engines do what fits call for. */

import type { Choice } from '../engines/choice.js'
import { nextTurn, unlessAborted } from '../ground/event-loop.js'
import type { Batch } from '../many/batch.js'
import type { Advancer } from '../many/engines.js'

/**
 * What is called for: that an engine advances a batch; nothing, where the event loop may have its turn; or that several
 * make their calls side by side, so that one is made ready while an engine is at work for another.
 */
export type Call = Batch | undefined | readonly Generator<Call, void>[]

/** Milliseconds of a turn of the event loop that are enough. */
const TURN = 5

/**
 * Makes calls one by one, and leaves the event loop free.
 *
 * @param leave gives memory back where the work has failed: no engine has it any more
 * @throws (rejects with) the signal's reason
 */
export async function drive<T>(
  choice: Choice<Advancer>,
  calls: Generator<Call, T>,
  signal: AbortSignal | undefined,
  leave: () => void,
): Promise<T> {
  signal?.throwIfAborted()
  // Several calls may be under way of one result.
  const runner = choice.runner.alone?.() ?? choice.runner
  let began = performance.now()
  let hasFailed = false
  const underWay = new Set<Promise<void>>()
  const make = async (call: Call): Promise<void> => {
    if (isList(call)) {
      await Promise.all(call.map(follow))
    } else if (call !== undefined) {
      const work = runner.advanceAsync(call)
      underWay.add(work)
      await unlessAborted(work, signal)
      underWay.delete(work)
    } else {
      await nextTurn()
      began = performance.now()
    }
  }
  const follow = async <T>(calls: Generator<Call, T>): Promise<T> => {
    try {
      for (;;) {
        const { done, value } = calls.next()
        if (done) return value
        if (value !== undefined || performance.now() - began > TURN) await make(value)
        // At each pause, also without a turn of the loop: how fast a machine is decides on nothing.
        signal?.throwIfAborted()
        // Nobody waits any more for what went beside it.
        if (hasFailed) return new Promise(() => {})
      }
    } catch (thrown) {
      hasFailed = true
      throw thrown
    }
  }
  try {
    return await follow(calls)
  } catch (thrown) {
    // An engine may still be at work; where it fails it has spoilt the memory.
    Promise.all(underWay).then(leave, () => {})
    throw thrown
  } finally {
    runner.leave?.()
  }
}

const isList = (call: Call): call is readonly Generator<Call, void>[] => Array.isArray(call)

/** The same without a promise. */
export function driveSync<T>(choice: Choice<Advancer>, calls: Generator<Call, T>): T {
  for (;;) {
    const { done, value } = calls.next()
    if (done) return value
    if (isList(value)) for (const calls of value) driveSync(choice, calls)
    else if (value !== undefined) choice.runner.advance(value)
  }
}
