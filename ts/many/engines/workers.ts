/** Workers that advance batches of many runs. Each worker has a separate memory and communicates by messages. */

import { RESERVED_BYTES } from '../../arena/memory.js'
import { withMemoryError } from '../../core/copy.js'
import { getMessage, MemoryError } from '../../core/errors.js'
import { version } from '../../core/package.js'
import type { EngineChoice } from '../../engines/select-engine.js'
import { compile } from '../../engines/wasm.js'
import { type Option, option, optional, type ValuesOf } from '../../options/kinds.js'
import { readOptions } from '../../options/read.js'
import type { WasmModule } from '../../webassembly/module.js'
import type { Batch } from '../batch/batch.js'
import { estimateWork } from '../batch/layout.js'
import {
  type BatchRunner,
  checkOutcome,
  engineFailure,
  type Pause,
  WorkerPlacement as Shared,
} from './engines.js'
import type { BatchWorkerInit, ByteRange, ReleaseBatch, Task, WorkerReply } from './worker.js'
import { text } from './worker-text.js'

/** Time limits in milliseconds, for the start of a worker, and for the end of an idle worker. */
const REPLY_TIMEOUT_MS = 10_000
const IDLE_TIMEOUT_MS = 2_000
/** Number of buffers that are kept per worker. Two batches of one call may be in progress at the same time. */
const MAX_SPARE_BUFFERS = 2
/**
 * Minimum number of operations for which a call uses workers. The operations take half a millisecond, as long as the
 * messages.
 */
const MIN_SHARED_WORK = 1e6

export interface WorkersOptions {
  /**
   * URL of `antigrad/dist/browser/worker.js`, for pages whose content security policy forbids workers from `blob:`. By
   * default, workers use the code that is inlined in the library.
   */
  readonly url?: string | URL
}

const isAddress = (x: unknown) => typeof x === 'string' || x instanceof URL

const optionTable = {
  url: optional(option<string | URL, undefined>('a URL', undefined, isAddress)),
} satisfies Record<keyof WorkersOptions, Option>

/**
 * The value of the option `workers` of `minimizeMany` and `fitMany`. In browsers, runs then use all cores, or `threads`
 * workers, with bit-identical results. Workers start with the first call that needs workers, and end two seconds after
 * the last such call. If no worker starts, the call runs on the main thread, and `engineReasons` in the result states
 * the reason. The option has no effect with the native engine or in synchronous calls.
 *
 * @throws OptionError if an option is unknown or the URL is invalid
 * @example
 * await minimizeMany(f, starts, adam(), { workers: workers() })
 */
export function workers(options: WorkersOptions = {}): Workers {
  return new ImportedWorkers(readOptions('workers: options', options, optionTable))
}

/** Result of {@link workers}. */
export interface Workers extends Shared {}

class ImportedWorkers extends Shared {
  readonly url: string | undefined

  constructor({ url }: ValuesOf<typeof optionTable>) {
    super()
    this.url = url === undefined ? undefined : String(url)
    Object.freeze(this)
  }

  share(
    choice: EngineChoice<BatchRunner>,
    threads: number | undefined,
    module: WasmModule,
  ): EngineChoice<BatchRunner> {
    const { engine, runner } = choice
    const reasons = [...choice.reasons]
    if (engine !== 'wasm') reasons.push(`workers: unused by the engine ${engine}`)
    else if (typeof Worker !== 'function') reasons.push('workers: not available here')
    else
      return {
        engine,
        runner: new WorkerRunner(runner, getPool(this.url, module), threads ?? coreCount(), reasons),
        reasons,
      }
    return { engine, runner, reasons }
  }
}

const coreCount = () => Math.min(globalThis.navigator?.hardwareConcurrency || 1, 32)

/** URL of the inlined code, which is never revoked because the code is short. */
let inlineWorkerUrl: string | undefined

/** A worker and its message queue. */
class WorkerThread {
  /** Count of batches that the worker currently holds. */
  load = 0
  /** Returned buffers, sorted by size with the largest last. */
  readonly #spare: ArrayBuffer[] = []
  isDead = false
  /** @throws (rejects with) Error if the code is not this package's worker, or cannot run the module */
  readonly isReady: Promise<this>
  readonly #worker: Worker
  /** Pending replies, in the order of the requests. */
  readonly #waiting: { resolve(answer: never): void; reject(reason: Error): void }[] = []

  constructor(given: string | undefined, module: WasmModule) {
    inlineWorkerUrl ??= URL.createObjectURL(new Blob([text], { type: 'text/javascript' }))
    this.#worker = new Worker(given ?? inlineWorkerUrl, { type: 'module' })
    this.#worker.onmessage = ({ data }) => this.#waiting.shift()?.resolve(data as never)
    this.#worker.onmessageerror = () => this.end('its answer does not arrive')
    this.#worker.onerror = (event) => {
      event.preventDefault()
      const isRefused = `${given ?? 'the inlined code'} does not load; a content security policy may forbid it`
      this.end(event.message || isRefused)
    }
    this.isReady = this.#start(module)
    // Callers that wait for the worker receive the error.
    this.isReady.catch(() => {})
  }

  async #start(module: WasmModule): Promise<this> {
    const late = setTimeout(() => this.end('it does not answer'), REPLY_TIMEOUT_MS)
    try {
      const said = await this.#next<unknown>()
      if (said !== version) throw new Error(`this is not the worker of antigrad ${version}`)
      const { failed } = await this.ask({ module: compile(module), reserved: RESERVED_BYTES })
      if (failed !== undefined) throw new Error(failed)
      return this
    } catch (thrown) {
      this.end(getMessage(thrown))
      throw thrown
    } finally {
      clearTimeout(late)
    }
  }

  ask(question: Task | BatchWorkerInit): Promise<WorkerReply> {
    this.#worker.postMessage(question, 'buffer' in question ? [question.buffer] : [])
    return this.#next()
  }

  /**
   * Takes a returned buffer with at least this many bytes. The allocation of a new buffer would take more time than
   * filling a buffer.
   *
   * @throws MemoryError if no memory is available
   */
  take(bytes: number): ArrayBuffer {
    const k = this.#spare.findIndex(({ byteLength }) => byteLength >= bytes)
    return k < 0 ? withMemoryError(bytes, () => new ArrayBuffer(bytes)) : this.#spare.splice(k, 1)[0]
  }

  /** Returns a buffer to the worker's list. The list keeps the largest buffers. */
  give(buffer: ArrayBuffer): void {
    this.#spare.push(buffer)
    this.#spare.sort((a, b) => a.byteLength - b.byteLength)
    if (this.#spare.length > MAX_SPARE_BUFFERS) this.#spare.shift()
  }

  releaseBatch(batch: number): void {
    this.#worker.postMessage({ released: batch } satisfies ReleaseBatch)
  }

  end(why: string): void {
    this.isDead = true
    this.#worker.terminate()
    for (const { reject } of this.#waiting.splice(0)) reject(new Error(why))
  }

  #next<T>(): Promise<T> {
    if (this.isDead) return Promise.reject(new Error('the worker has ended'))
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
  }
}

/** Workers with the same code URL and module, shared by all calls. */
class WorkerPool {
  readonly #url: string | undefined
  readonly #module: WasmModule
  #threads: WorkerThread[] = []
  #users = 0
  #timer: ReturnType<typeof setTimeout> | undefined
  /** The reason why no worker starts. The reason is kept until all calls have left the pool. */
  #failed: Error | undefined

  constructor(url: string | undefined, module: WasmModule) {
    this.#url = url
    this.#module = module
  }

  enter(): void {
    this.#users++
    clearTimeout(this.#timer)
  }

  release(): void {
    if (--this.#users > 0) return
    this.#timer = setTimeout(() => {
      this.#failed = undefined
      for (const hand of this.#threads.splice(0)) hand.end('it is idle')
    }, IDLE_TIMEOUT_MS)
  }

  /**
   * Returns the `count` ready workers with the least load, or fewer workers if some workers cannot start. The pool has
   * at most `most` workers.
   *
   * @throws (rejects with) Error if no worker can start
   */
  async threadsFor(count: number, most: number): Promise<WorkerThread[]> {
    if (this.#failed) throw this.#failed
    this.#threads = this.#threads.filter(({ isDead }) => !isDead)
    const free = this.#threads.filter(({ load }) => load === 0).length
    for (let k = free; k < count && this.#threads.length < most; k++)
      this.#threads.push(new WorkerThread(this.#url, this.#module))
    const chosen = this.#threads.sort((a, b) => a.load - b.load).slice(0, count)
    for (const hand of chosen) hand.load++
    const all = await Promise.allSettled(chosen.map(({ isReady }) => isReady))
    const some = all.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    if (some.length > 0) return some
    this.#failed = (all[0] as PromiseRejectedResult).reason
    throw this.#failed
  }
}

const pools = new Map<WasmModule, Map<string | undefined, WorkerPool>>()

function getPool(url: string | undefined, module: WasmModule): WorkerPool {
  const byUrl = pools.get(module) ?? new Map<string | undefined, WorkerPool>()
  const pool = byUrl.get(url) ?? new WorkerPool(url, module)
  pools.set(module, byUrl.set(url, pool))
  return pool
}

/** The cohorts of a batch that one worker advances. */
interface BatchShare {
  readonly thread: WorkerThread
  readonly batch: number
  /**
   * Indices of the worker's cohorts, ranges that are read after each call, and ranges that are read after all runs have
   * ended.
   */
  readonly cohorts: readonly number[]
  readonly read: readonly Uint8Array[]
  readonly results: readonly Uint8Array[]
  isOver: boolean
}

/** Count of all batches so far, which is the number of the next batch. */
let batches = 0

class WorkerRunner implements BatchRunner {
  readonly threads: number
  readonly #fallback: BatchRunner
  readonly #pool: WorkerPool
  readonly #reasons: string[]
  /** Each worker's part of each batch; null while the runner does not use the pool. */
  #shares: Map<Batch, readonly BatchShare[]> | null = null

  /** @param without fallback runner that is used if no worker starts */
  constructor(without: BatchRunner, pool: WorkerPool, threads: number, reasons: string[]) {
    this.#fallback = without
    this.#pool = pool
    this.threads = threads
    this.#reasons = reasons
  }

  advance(batch: Batch): void {
    this.#fallback.advance(batch)
  }

  withoutWorkers(): WorkerRunner {
    return new WorkerRunner(this.#fallback, this.#pool, this.threads, this.#reasons)
  }

  async advanceAsync(batch: Batch, pause: Pause): Promise<void> {
    if (this.#shares === null) {
      this.#pool.enter()
      this.#shares = new Map()
    }
    const all = this.#shares
    const before = all.get(batch)
    const shares = before ?? (await this.#assign(batch))
    if (this.#shares !== all) {
      for (const share of shares) endShare(share)
      throw new Error('the call has ended')
    }
    all.set(batch, shares)
    if (shares.length === 0) return this.#fallback.advanceAsync(batch, pause)
    await Promise.all(shares.map((share) => share.isOver || advanceShare(share, batch, before === undefined)))
    if (batch.live === 0) all.delete(batch)
  }

  release(): void {
    if (this.#shares === null) return
    for (const share of [...this.#shares.values()].flat()) {
      if (!share.isOver) share.thread.releaseBatch(share.batch)
      endShare(share)
    }
    this.#shares = null
    this.#pool.release()
  }

  /**
   * Assigns cohorts to workers. The fallback runner is used if no worker starts, or if messages would take as long as
   * the call.
   */
  async #assign(batch: Batch): Promise<readonly BatchShare[]> {
    const { gradient, rows, runs } = batch.shape
    if (estimateWork(gradient, rows, runs) * batch.updates < MIN_SHARED_WORK) return []
    let hands: WorkerThread[] = []
    let words: string
    try {
      hands = await this.#pool.threadsFor(Math.min(this.threads, batch.shape.cohorts), this.threads)
      words = `workers: ${hands.length}`
    } catch (thrown) {
      words = `workers: none starts, and all runs on this thread: ${getMessage(thrown)}`
    }
    if (!this.#reasons.some((reason) => reason.startsWith('workers: '))) this.#reasons.push(words)
    const number = batches++
    return hands.map((hand, k) => createShare(batch, hand, number, k, hands.length))
  }
}

/** Cohorts are assigned to the workers in turn, because adjacent cohorts may end at about the same time. */
function createShare(
  batch: Batch,
  thread: WorkerThread,
  number: number,
  k: number,
  total: number,
): BatchShare {
  const { shape, perRun } = batch
  const cohorts = Array.from({ length: shape.cohorts }, (_, cohort) => cohort).filter((c) => c % total === k)
  const { x, ...others } = batch.results()
  const results = [...x, ...Object.values(others)].flatMap((column) =>
    cohorts.map((cohort) =>
      toBytes(column.subarray(cohort * perRun, cohort * perRun + batch.counts[cohort])),
    ),
  )
  const read = shape.isRecorded ? cohorts.map((cohort) => batch.bytesOf(cohort)[1]) : []
  return { thread, batch: number, cohorts, read, results, isOver: false }
}

async function advanceShare(share: BatchShare, batch: Batch, isNew: boolean): Promise<void> {
  const { thread, batch: number, cohorts, read, results } = share
  const { byteOffset, byteLength } = batch.region
  const place = (bytes: Uint8Array): ByteRange => [bytes.byteOffset - byteOffset, bytes.byteLength]
  const counts = toBytes(batch.counts)
  const about = {
    bytes: byteLength,
    counts: place(counts),
    read: read.map(place),
    results: results.map(place),
  }
  const written = isNew
    ? [batch.before('laneData'), ...cohorts.flatMap((cohort) => batch.bytesOf(cohort))]
    : [batch.before('value')]
  const buffer = thread.take(written.reduce((sum, { byteLength }) => sum + byteLength, 0))
  const copy = new Uint8Array(buffer)
  let at = 0
  for (const bytes of written) {
    copy.set(bytes, at)
    at += bytes.byteLength
  }
  if (isNew) {
    const theirs = new Uint32Array(buffer, about.counts[0], batch.counts.length)
    for (let cohort = 0; cohort < theirs.length; cohort++) if (!cohorts.includes(cohort)) theirs[cohort] = 0
  }
  let answer: WorkerReply
  try {
    answer = await thread.ask({ batch: number, written: written.map(place), buffer, ...(isNew && { about }) })
  } catch (thrown) {
    throw engineFailure('wasm', `a worker has ended: ${getMessage(thrown)}`)
  }
  const { failed, isFull, isDone, isOver } = answer
  if (isFull) throw new MemoryError(byteLength, `in a worker: ${failed}`)
  if (failed !== undefined) throw engineFailure('wasm', `it has trapped: ${failed}`)
  checkOutcome(isDone, byteLength)
  const living = new Uint32Array(answer.buffer, 0, batch.counts.length)
  for (const cohort of cohorts) batch.counts[cohort] = living[cohort]
  at = living.byteLength
  for (const to of isOver ? [...read, ...results] : read) {
    to.set(new Uint8Array(answer.buffer, at, to.byteLength))
    at += to.byteLength
  }
  thread.give(answer.buffer)
  if (isOver) endShare(share)
}

/**
 * Ends a worker's part of a batch. Repeated calls have no effect, because a reply may arrive after the call has ended.
 */
function endShare(share: BatchShare): void {
  if (share.isOver) return
  share.isOver = true
  share.thread.load--
}

const toBytes = ({ buffer, byteOffset, byteLength }: ArrayBufferView) =>
  new Uint8Array(buffer, byteOffset, byteLength)
