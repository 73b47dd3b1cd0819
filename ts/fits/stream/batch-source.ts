/** Reads a source ahead of the fits, by at most one batch. */

import { nextTurn } from '../../core/event-loop.js'
import type { CompleteGroups } from './group-buffer.js'
import type { GroupReader } from './group-reader.js'

/** Limits of a batch. A batch ends with the group that reaches one of the limits. */
export interface BatchLimits {
  readonly groups: number
  readonly rows: number
}

/** The error that ends a stream. */
export interface StreamFailure {
  readonly error: unknown
  /** Whether the source has thrown the error. Invalid items cause the other errors. */
  readonly isOfSource: boolean
}

export interface SourceBatch {
  /** The groups to fit. */
  readonly groups: CompleteGroups
  /** The error that follows the groups of the batch. */
  readonly failure: StreamFailure | undefined
  /** Whether the source ends after the batch. */
  readonly isLast: boolean
}

/** Reading yields to the event loop after this time. */
const MAX_TURN_MS = 10
/** The number of items between two looks at the clock adapts to the source, because a look costs as much as some items. */
const MAX_ITEMS_PER_LOOK = 1024
/** Intended time between two looks at the clock. */
const LOOK_MS = 1
/** Time after which waiting fits start with the groups that have arrived from a slow source. */
const FLUSH_INTERVAL_MS = 20

export class BatchSource {
  readonly #iterator: Iterator<unknown> | AsyncIterator<unknown>
  readonly #isAsync: boolean
  /** The items of an array. Its iterator would create an object for each item. */
  readonly #items: readonly unknown[] | undefined
  /** Index of the next item of the array. */
  #at = 0
  readonly #reader: GroupReader
  readonly #limits: BatchLimits
  #deliver: ((batch: SourceBatch) => void) | undefined
  #timer: ReturnType<typeof setInterval> | undefined
  #isReading = false
  #isWaiting = false
  #isClosed = false
  /** Whether the source has ended or failed. Such a source needs no `return`. */
  #hasEnded = false
  /** Whether the source has thrown an exception. */
  #hasThrown = false
  #isLast = false
  #itemsPerLook = 1
  #failure: StreamFailure | undefined

  constructor(
    rows: Iterable<unknown> | AsyncIterable<unknown>,
    isAsync: boolean,
    reader: GroupReader,
    limits: BatchLimits,
  ) {
    this.#iterator = isAsync
      ? (rows as AsyncIterable<unknown>)[Symbol.asyncIterator]()
      : (rows as Iterable<unknown>)[Symbol.iterator]()
    this.#items = !isAsync && isPlainArray(rows) ? rows : undefined
    this.#isAsync = isAsync
    this.#reader = reader
    this.#limits = limits
  }

  /** Resolves to the next batch. The promise never rejects. */
  read(): Promise<SourceBatch> {
    return new Promise((resolve) => {
      this.#deliver = resolve
      if (this.#isFull || this.#isLast) this.#deliverIf(true)
      else if (!this.#isReading) void this.#read()
    })
  }

  /** Lets the batch that is being read end early if the source is slow. The fits would otherwise wait. */
  hurry(): void {
    if (this.#deliver === undefined) return
    this.#timer = setInterval(() => this.#deliverIf(this.#reader.groups > 0), FLUSH_INTERVAL_MS)
  }

  get #isFull(): boolean {
    const { groups, rows } = this.#reader
    return groups >= this.#limits.groups || rows >= this.#limits.rows
  }

  #deliverIf(isReady: boolean): void {
    if (!isReady || this.#deliver === undefined) return
    const deliver = this.#deliver
    this.#deliver = undefined
    clearInterval(this.#timer)
    deliver({ groups: this.#reader.take(), failure: this.#failure, isLast: this.#isLast })
  }

  /** Reads until the batch is full or the source ends. */
  async #read(): Promise<void> {
    this.#isReading = true
    try {
      let turn = performance.now()
      for (let look = turn; !(this.#isAsync ? await this.#readItemsAsync() : this.#readItems()); ) {
        const now = performance.now()
        if (now - look < LOOK_MS) this.#itemsPerLook = Math.min(2 * this.#itemsPerLook, MAX_ITEMS_PER_LOOK)
        else if (now - look > 2 * LOOK_MS) this.#itemsPerLook = Math.ceil(this.#itemsPerLook / 2)
        look = now
        if (now - turn <= MAX_TURN_MS) continue
        await nextTurn()
        turn = look = performance.now()
      }
    } catch (error) {
      this.#failure = { error, isOfSource: this.#hasThrown }
      this.#isLast = true
    } finally {
      this.#isReading = false
      this.#deliverIf(true)
    }
  }

  /** Reads items until the next look at the clock. Returns whether the batch is complete. */
  #readItems(): boolean {
    if (this.#isClosed) return true
    if (this.#items) return this.#readArray(this.#items)
    for (let left = this.#itemsPerLook; left > 0; left--) {
      if (this.#accept(this.#next() as IteratorResult<unknown>)) return true
    }
    return false
  }

  #readArray(items: readonly unknown[]): boolean {
    for (let left = this.#itemsPerLook; left > 0; left--) {
      // The array may grow or shrink meanwhile, as with its iterator.
      if (this.#at >= items.length) return this.#end()
      if (this.#reader.accept(this.#itemOf(items)) && this.#isFull) return true
    }
    return false
  }

  /** The next item. An exception of a getter ends the source. */
  #itemOf(items: readonly unknown[]): unknown {
    try {
      return items[this.#at++]
    } catch (thrown) {
      this.#hasEnded = this.#hasThrown = true
      throw thrown
    }
  }

  /** Ends the last group. */
  #end(): true {
    this.#hasEnded = true
    this.#isLast = true
    this.#reader.end()
    return true
  }

  async #readItemsAsync(): Promise<boolean> {
    for (let left = this.#itemsPerLook; left > 0; left--) {
      if (this.#isClosed) return true
      const step = await this.#wait(this.#next())
      if (this.#isClosed || this.#accept(step)) return true
    }
    return false
  }

  /** Accepts an item or the end of the source. Returns whether the batch is complete. */
  #accept(step: IteratorResult<unknown>): boolean {
    if (step.done) return this.#end()
    return this.#reader.accept(step.value) && this.#isFull
  }

  /** An exception of the source ends the source. */
  #next(): IteratorResult<unknown> | Promise<IteratorResult<unknown>> {
    try {
      return this.#iterator.next()
    } catch (thrown) {
      this.#hasEnded = this.#hasThrown = true
      throw thrown
    }
  }

  async #wait(
    step: PromiseLike<IteratorResult<unknown>> | IteratorResult<unknown>,
  ): Promise<IteratorResult<unknown>> {
    this.#isWaiting = true
    try {
      return await step
    } catch (thrown) {
      this.#hasEnded = this.#hasThrown = true
      throw thrown
    } finally {
      this.#isWaiting = false
    }
  }

  /**
   * Calls `return` of a source that has not ended, and waits for its end unless the source is still waiting for an
   * item: that item may never come.
   */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    this.#isClosed = true
    if (this.#hasEnded) return
    this.#hasEnded = true
    const ending = (async () => this.#iterator.return?.())()
    if (this.#isWaiting) ending.catch(() => {})
    else await ending
  }
}

/** Whether a value is an array that is iterated over like every array. */
const isPlainArray = (rows: unknown): rows is readonly unknown[] =>
  Array.isArray(rows) && rows[Symbol.iterator] === Array.prototype[Symbol.iterator]
