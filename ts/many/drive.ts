/** Who has engines do what many runs and fits call for. */

import type { Choice } from '../engines/choice.js'
import { nextTurn, unlessAborted } from '../ground/event-loop.js'
import type { Batch } from './batch.js'
import type { Advancer } from './engines.js'

/**
 * What is called for: that an engine advances a batch; nothing, where the event loop may have its turn; or that several
 * make their calls side by side, so that one is made ready while an engine is at work for another.
 */
export type Call = Batch | undefined | readonly Generator<Call, void>[]

/** Milliseconds of a turn of the event loop that are enough, and after which progress is reported again. */
const [TURN, REPORT] = [5, 200]

/**
 * Makes calls one by one, and leaves the event loop free.
 *
 * @param leave gives memory back where the work has failed: no engine has it any more
 * @param tell reports progress; is called every so often, also while nothing else has
 * @throws (rejects with) the signal's reason; what `tell` throws
 */
export async function drive<T>(
  choice: Choice<Advancer>,
  calls: Generator<Call, T>,
  signal: AbortSignal | undefined,
  leave: () => void,
  tell?: () => void,
): Promise<T> {
  signal?.throwIfAborted()
  const stop = new AbortController()
  const abort = () => stop.abort(signal?.reason)
  signal?.addEventListener('abort', abort)
  const report = () => {
    try {
      tell?.()
    } catch (thrown) {
      stop.abort(thrown)
    }
  }
  const timer = tell && setInterval(report, REPORT)
  // Several calls may be under way of one result.
  const runner = choice.runner.alone?.() ?? choice.runner
  // What the call has done before it came here has no turn yet.
  let began = -Infinity
  let hasFailed = false
  const underWay = new Set<Promise<void>>()
  const turn = async () => {
    await nextTurn()
    began = performance.now()
    stop.signal.throwIfAborted()
  }
  // An abort counts at each pause, also without a turn of the loop: how fast a machine is decides on nothing.
  const pause = () => {
    stop.signal.throwIfAborted()
    return performance.now() - began > TURN ? turn() : undefined
  }
  const make = async (call: Batch | readonly Generator<Call, void>[]): Promise<void> => {
    if (isList(call)) {
      await Promise.all(call.map(follow))
      return
    }
    const work = runner.advanceAsync(call, pause)
    underWay.add(work)
    await unlessAborted(work, stop.signal)
    underWay.delete(work)
    stop.signal.throwIfAborted()
  }
  const follow = async <T>(calls: Generator<Call, T>): Promise<T> => {
    try {
      for (;;) {
        const { done, value } = calls.next()
        if (done) return value
        const waiting = value === undefined ? pause() : make(value)
        if (waiting) await waiting
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
    // An engine may still be at work; where it fails it has spoilt the memory, and where it has paused it has not.
    const ends = Array.from(underWay, (work) =>
      work.catch((failed) => {
        if (failed !== stop.signal.reason) throw failed
      }),
    )
    Promise.all(ends).then(leave, () => {})
    throw thrown
  } finally {
    clearInterval(timer)
    signal?.removeEventListener('abort', abort)
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
