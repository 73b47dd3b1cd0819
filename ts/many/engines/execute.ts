/** Runs batches on an engine, asynchronously or synchronously. Fits and calls with many runs request the batches. */

import { nextTurn, orAbort } from '../../core/event-loop.js'
import type { EngineChoice } from '../../engines/select-engine.js'
import type { Batch } from '../batch/batch.js'
import type { BatchRunner } from './engines.js'

/**
 * A request: advance a batch; give the event loop a turn (undefined); or follow several generators concurrently. With
 * several generators, one generator prepares work while an engine works for another generator.
 */
export type EngineCall = Batch | undefined | readonly Generator<EngineCall, void>[]

/** A turn of the event loop ends after this time. */
const MIN_TURN_MS = 5
/** Interval of progress reports. */
const PROGRESS_INTERVAL_MS = 200

/**
 * Progress of a call. A change of the progress is reported at once. Without a change, `execute` repeats the report at
 * intervals.
 */
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

  /** A function that `execute` calls to repeat the report; undefined if no report is requested. */
  get repeat(): (() => void) | undefined {
    return this.#report && (() => this.advance(this.#done))
  }
}

/**
 * Performs requests one after the other without blocking the event loop.
 *
 * @param release called after a failure to return memory, once no engine uses the memory
 * @param tell reports progress; called at regular intervals, even if the progress has not changed
 * @throws (rejects with) the signal's reason, or any error that `tell` throws
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
  // Several calls of one result may run concurrently.
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

/** The requests that one call performs. */
class Execution {
  readonly #runner: BatchRunner
  readonly #signal: AbortSignal
  /** The event loop has had no turn since the start of the work before the call. */
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
        // After a failure, the result of concurrent requests is no longer needed.
        if (this.#hasFailed) return new Promise(() => {})
      }
    } catch (thrown) {
      this.#hasFailed = true
      throw thrown
    }
  }

  /**
   * Waits until the engines have finished their current work. If this work fails, the memory is corrupted. A pause
   * never corrupts the memory.
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

  /**
   * An abort takes effect at the next pause, even without a turn of the event loop. The outcome of an aborted call
   * therefore does not depend on the speed of the machine.
   */
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

/** Performs requests synchronously. */
export function executeSync<T>(choice: EngineChoice<BatchRunner>, calls: Generator<EngineCall, T>): T {
  for (;;) {
    const { done, value } = calls.next()
    if (done) return value
    if (isList(value)) for (const calls of value) executeSync(choice, calls)
    else if (value !== undefined) choice.runner.advance(value)
  }
}
