/** Hands out the fits of batches one by one. */

import { nextTurn } from '../../core/event-loop.js'
import type { FitManyResult } from '../fit/result.js'
import type { GroupLabel } from '../problem/shared-parameters.js'
import { GroupFit, StreamResults } from './group-fit.js'

/** The fits of a batch, with at least one label. */
export interface LabeledFits {
  readonly labels: readonly GroupLabel[]
  readonly fits: FitManyResult
}

/** Whether the signal of the stream has been aborted. A property takes a fraction of the time of `AbortSignal.aborted`. */
export interface AbortState {
  isAborted: boolean
}

type ResultStep = IteratorResult<GroupFit, void>

/** Results are handed out for this time before the event loop has a turn. */
const MAX_TURN_MS = 20
/** Number of results between two looks at the clock. */
const RESULTS_PER_LOOK = 256

/**
 * An async generator that hands out the results of batches. An async generator function would settle several promises
 * for each result, which takes twice the time.
 */
export class ResultStream implements AsyncGenerator<GroupFit, void, undefined> {
  readonly #batches: AsyncGenerator<LabeledFits, void, undefined>
  readonly #abort: AbortState
  #labels: readonly GroupLabel[] = []
  #batch: StreamResults | undefined
  /** Index of the next result of the batch. */
  #index = 0
  /** Number of results of the batch. A batch with invalid data has more labels. */
  #count = 0
  /** The last call without an immediate result. Later calls wait for its end. */
  #pending: Promise<ResultStep> | undefined
  #turn = 0

  constructor(batches: AsyncGenerator<LabeledFits, void, undefined>, abort: AbortState) {
    this.#batches = batches
    this.#abort = abort
    const { asyncDispose } = Symbol as unknown as { readonly asyncDispose?: symbol }
    if (asyncDispose)
      Object.defineProperty(this, asyncDispose, { value: async () => void (await this.return()) })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<ResultStep> {
    const k = this.#index
    const isReady = k < this.#count && k % RESULTS_PER_LOOK !== 0
    if (!isReady || this.#pending !== undefined || this.#abort.isAborted)
      return this.#inOrder(() => this.#proceed())
    return Promise.resolve(this.#take())
  }

  return(): Promise<ResultStep> {
    return this.#inOrder(() => this.#end(this.#batches.return()))
  }

  throw(error: unknown): Promise<ResultStep> {
    return this.#inOrder(() => this.#end(this.#batches.throw(error)))
  }

  /** Waits for the next batch, or gives the event loop a turn. */
  async #proceed(): Promise<ResultStep> {
    if (this.#index < this.#count && performance.now() - this.#turn > MAX_TURN_MS) {
      await nextTurn()
      this.#turn = performance.now()
    }
    // The batches throw the reason of an abort.
    if (this.#index === this.#count || this.#abort.isAborted) {
      const { done, value } = await this.#batches.next()
      this.#begin(done ? undefined : value)
      if (done) return { done, value }
      this.#turn = performance.now()
    }
    return this.#take()
  }

  #begin(batch: LabeledFits | undefined): void {
    this.#index = 0
    this.#count = batch?.fits.length ?? 0
    this.#labels = batch?.labels ?? []
    this.#batch = batch && new StreamResults(batch.fits)
  }

  #take(): ResultStep {
    const k = this.#index++
    return { done: false, value: new GroupFit(this.#labels[k], this.#batch as StreamResults, k) }
  }

  async #end(ending: Promise<unknown>): Promise<ResultStep> {
    this.#begin(undefined)
    await ending
    return { done: true, value: undefined }
  }

  /** Calls a function at the end of the calls before. */
  #inOrder(call: () => Promise<ResultStep>): Promise<ResultStep> {
    const step = this.#pending === undefined ? call() : this.#pending.then(call, call)
    this.#pending = step
    const end = () => {
      if (this.#pending === step) this.#pending = undefined
    }
    step.then(end, end)
    return step
  }
}
