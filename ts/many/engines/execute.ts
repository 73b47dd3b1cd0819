/** Who has engines do what many runs and fits call for. */

import { nextTurn, orAbort } from '../../core/event-loop.js'
import type { EngineChoice } from '../../engines/select-engine.js'
import type { Batch } from '../batch/batch.js'
import type { BatchRunner } from './engines.js'

/**
 * What is called for: that an engine advances a batch; nothing, where the event loop may have its turn; or that several
 * make their calls side by side, so that one is made ready while an engine is at work for another.
 */
export type EngineCall = Batch | undefined | readonly Generator<EngineCall, void>[]

/** A turn of the event loop ends when it has taken this long. */
const MIN_TURN_MS = 5
/** Progress is reported again after this time. */
const PROGRESS_INTERVAL_MS = 200

/** How far a call is: reported when that changes, and again by `execute` as long as it does not. */
export class CallProgress {
  total = 0
  readonly #report: ((done: number, total: number) => void) | undefined
  #done = 0

  constructor(report: ((done: number, total: number) => void) | undefined) {
    this.#report = report
  }

  advance(done: number): void {
    this.#done = done
    this.#report?.(done, this.total)
  }

  /** For `execute`; undefined if nobody asks. */
  get repeat(): (() => void) | undefined {
    return this.#report && (() => this.advance(this.#done))
  }
}

/**
 * Makes calls one by one, and leaves the event loop free.
 *
 * @param release gives memory back where the work has failed: no engine has it any more
 * @param tell reports progress; is called every so often, also while nothing else has
 * @throws (rejects with) the signal's reason; what `tell` throws
 */
export async function execute<T>(
  choice: EngineChoice<BatchRunner>,
  calls: Generator<EngineCall, T>,
  signal: AbortSignal | undefined,
  release: () => void,
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
  const timer = tell && setInterval(report, PROGRESS_INTERVAL_MS)
  // Several calls may be under way of one result.
  const runner = choice.runner.withoutWorkers?.() ?? choice.runner
  const execution = new Execution(runner, stop.signal)
  try {
    return await execution.follow(calls)
  } catch (thrown) {
    execution.whenEnded().then(release, () => {})
    throw thrown
  } finally {
    clearInterval(timer)
    signal?.removeEventListener('abort', abort)
    runner.release?.()
  }
}

/** Calls of one result. */
class Execution {
  readonly #runner: BatchRunner
  readonly #signal: AbortSignal
  /** What the call has done before it came here has no turn yet. */
  #began = -Infinity
  #hasFailed = false
  readonly #underWay = new Set<Promise<void>>()

  constructor(runner: BatchRunner, signal: AbortSignal) {
    this.#runner = runner
    this.#signal = signal
  }

  async follow<T>(calls: Generator<EngineCall, T>): Promise<T> {
    try {
      for (;;) {
        const { done, value } = calls.next()
        if (done) return value
        const waiting = value === undefined ? this.#pause() : this.#make(value)
        if (waiting) await waiting
        // Nobody waits any more for what went beside it.
        if (this.#hasFailed) return new Promise(() => {})
      }
    } catch (thrown) {
      this.#hasFailed = true
      throw thrown
    }
  }

  /**
   * When engines have ended what they were at: where one fails then it has spoiled the memory, and where it has paused
   * it has not.
   */
  async whenEnded(): Promise<void> {
    const ends = Array.from(this.#underWay, (work) =>
      work.catch((failed) => {
        if (failed !== this.#signal.reason) throw failed
      }),
    )
    await Promise.all(ends)
  }

  async #make(call: Batch | readonly Generator<EngineCall, void>[]): Promise<void> {
    if (isList(call)) {
      await Promise.all(call.map((calls) => this.follow(calls)))
      return
    }
    const work = this.#runner.advanceAsync(call, this.#pause)
    this.#underWay.add(work)
    await orAbort(work, this.#signal)
    this.#underWay.delete(work)
    this.#signal.throwIfAborted()
  }

  /** An abort counts at each pause, also without a turn of the loop: how fast a machine is decides on nothing. */
  readonly #pause = (): Promise<void> | undefined => {
    this.#signal.throwIfAborted()
    return performance.now() - this.#began > MIN_TURN_MS ? this.#turn() : undefined
  }

  async #turn(): Promise<void> {
    await nextTurn()
    this.#began = performance.now()
    this.#signal.throwIfAborted()
  }
}

const isList = (call: EngineCall): call is readonly Generator<EngineCall, void>[] => Array.isArray(call)

/** The same without a promise. */
export function executeSync<T>(choice: EngineChoice<BatchRunner>, calls: Generator<EngineCall, T>): T {
  for (;;) {
    const { done, value } = calls.next()
    if (done) return value
    if (isList(value)) for (const calls of value) executeSync(choice, calls)
    else if (value !== undefined) choice.runner.advance(value)
  }
}
