/**
 * `antigrad/bullmq`: computes chunks from a BullMQ queue on the user's Redis server. Only the result store decides
 * which chunks are done. A lost job is added to the queue again, unless the store contains its result.
 */

import { type Job, Queue, type Telemetry, UnrecoverableError, WaitingError, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import {
  AntigradError,
  ChunkError,
  callback,
  callOptions,
  chunkName,
  discard,
  failureName,
  integerAtLeast,
  integerBetween,
  isIndex,
  isObject,
  MAX_TRIES,
  openWorker,
  option,
  optional,
  orAbort,
  type Plan,
  type PlanStatus,
  ProcessPool,
  positive,
  readOptions,
  readPlan,
  type Store,
  StoreError,
  type StoreOutcome,
  sha256,
  surveyStore,
  toChunkFailure,
  toStore,
  unseal,
  type WorkerOptions,
  workerOptions,
} from '../chunks/internal.js'
import { checkAddress } from './address.js'

export interface QueueOptions extends WorkerOptions {
  /**
   * URL of the Redis server, such as redis://user:password@host:6379/0 (rediss:// for TLS), or the path of the server's
   * socket.
   */
  readonly url: string
  /** Number of worker processes. Default 1. */
  readonly workers?: number | undefined
  /** Maximum number of chunks that wait in the queue. Default 1,000. */
  readonly window?: number | undefined
  /** Maximum number of seconds after which the chunk of an unresponsive worker goes to another worker. Default 30. */
  readonly lockSeconds?: number | undefined
  /** Receives spans and metrics of the queue; for OpenTelemetry, pass `new BullMQOtel()` of bullmq-otel. */
  readonly telemetry?: Telemetry | undefined
  /** AbortSignal that ends the run. If the signal aborts, chunks in progress return to the queue at once. */
  readonly signal?: AbortSignal | undefined
  /** Callback, called after each chunk that the workers of this run compute. */
  readonly onStored?: ((index: number, outcome: StoreOutcome) => void) | undefined
  /** Callback, called when a chunk has failed three times. */
  readonly onFailed?: ((index: number, message: string) => void) | undefined
  /** Callback, called when the worker of a chunk is lost and the chunk waits for another worker. */
  readonly onStalled?: ((index: number) => void) | undefined
}

const queued = {
  ...workerOptions,
  url: option<string, undefined>(
    'a URL such as redis://host:6379',
    undefined,
    (x) => typeof x === 'string' && x !== '',
  ),
  workers: integerBetween(1, 1024, 1),
  window: integerAtLeast(1, 1000),
  lockSeconds: positive(30),
  telemetry: option<Telemetry | undefined, undefined>(
    'a BullMQ telemetry object, such as new BullMQOtel()',
    undefined,
    (x) => x === undefined || (isObject(x) && isObject((x as Partial<Telemetry>).tracer)),
  ),
  signal: callOptions.signal,
  onStored: optional(callback<(index: number, outcome: StoreOutcome) => void>()),
  onFailed: optional(callback<(index: number, message: string) => void>()),
  onStalled: optional(callback<(index: number) => void>()),
}

/**
 * Number of workers that may be lost during a chunk, for example by preemption, before the job fails. BullMQ's default
 * is 1.
 */
const MAX_STALLS = 50

/** The first interval between two polls of the queue. The interval doubles as long as nothing changes. */
const MIN_POLL_MILLISECONDS = 200
/** The longest interval between two polls of the queue. */
const MAX_POLL_MILLISECONDS = 10_000

/** Time limit for the Redis server's answer at the end of a run, in milliseconds. */
const LEAVING = 2000

/** The content of a job in the queue. The queue contains neither data nor results. */
interface Payload {
  readonly index: number
}

const hand = new URL('../chunks/worker-process.js', import.meta.url)

/**
 * Computes the chunks of a plan, together with other runs, until the store contains all results. Runs can join and
 * leave at any time. Each run adds the missing chunks to the queue, and BullMQ reassigns a chunk whose worker is lost.
 * Chunks are computed in separate processes, so that this process can renew the locks of the jobs with every engine.
 *
 * @param plan a plan, as JSON text or as the parsed object (see `readPlan`)
 * @returns the status of the plan when all results are in the store
 * @throws (rejects with) OptionError, EngineError, DataError, StoreError (see `openWorker`); AntigradError if no Redis
 * server answers at the start (later, the run waits for the server); the reason of the signal
 */
export async function runQueued(plan: unknown, options: QueueOptions): Promise<PlanStatus> {
  const given = readOptions('options', options, queued)
  const { url, workers, window, lockSeconds, telemetry, signal, onStored, onFailed, onStalled, ...means } =
    given
  checkAddress('url', url)
  const read = readPlan(plan)
  const storeName = requireStoreName(means.store)
  await openWorker(read, means)
  signal?.throwIfAborted()
  const store = toStore(storeName)
  const connection = await connect(url, signal)
  const watched = { connection, ...(telemetry && { telemetry }) }
  const name = openQueue(read)
  const queue = new Queue<Payload>(name, watched)
  const pool = new ProcessPool(hand, { plan: JSON.stringify(read), options: means }, workers)
  const { failed, fail } = firstFailure()
  const work = new QueueWork(read, pool, fail, onStored)
  const worker = new Worker<Payload>(name, (job, token) => work.follow(job, token), {
    ...watched,
    concurrency: workers,
    ...lockOptions(lockSeconds),
  })
  // If the Redis server disappears, the clients reconnect. No results are lost, because the store contains the results.
  worker.on('error', () => {})
  queue.on('error', () => {})
  connection.on('error', () => {})
  worker.on('failed', (job, { message }) => {
    const isOver = job !== undefined && (job.attemptsMade >= MAX_TRIES || /stalled/.test(message))
    const index = indexIn(read, job?.data)
    if (!isOver || pool.isEnded || index === null) return
    store
      .put(failureName(chunkName(read, index)), toChunkFailure(read, index, message))
      .then((isNew) => isNew && onFailed?.(index, message))
      .catch(fail)
  })
  worker.on('stalled', (id) => {
    const index = read.chunks.findIndex((_, index) => jobId(read, index) === id)
    try {
      if (index >= 0) onStalled?.(index)
    } catch (thrown) {
      fail(thrown)
    }
  })
  const stop = () => fail(signal?.reason)
  signal?.addEventListener('abort', stop)
  try {
    return await Promise.race([failed, complete({ plan: read, store, queue, window, worker, failed })])
  } finally {
    signal?.removeEventListener('abort', stop)
    // The rejection stops all other loops of the run.
    fail(new AntigradError('the run has ended'))
    const closed = worker.close(true)
    pool.end()
    // If the Redis server answers, chunks in progress return to the queue.
    await within(LEAVING, Promise.all([closed, ...work.running]))
    connection.disconnect()
    await within(LEAVING, queue.close())
  }
}

/** @throws StoreError if worker processes cannot open the store by its name */
function requireStoreName(store: unknown): string {
  if (typeof store === 'string') return store
  throw new StoreError(
    'a queue needs a store that worker processes can open by its name: a folder or s3://bucket/prefix',
  )
}

/**
 * Locks expire after lockSeconds/2 seconds. The workers look for expired locks every lockSeconds/4 seconds.
 */
function lockOptions(lockSeconds: number) {
  const stalledInterval = Math.ceil(lockSeconds * 250)
  return { lockDuration: 2 * stalledInterval, stalledInterval, maxStalledCount: MAX_STALLS }
}

/** A promise that rejects with the first reason passed to `fail`. */
function firstFailure(): { readonly failed: Promise<never>; readonly fail: (reason: unknown) => void } {
  let fail = (_: unknown) => {}
  const failed = new Promise<never>((_, reject) => {
    fail = reject
  })
  failed.catch(() => {})
  return { failed, fail }
}

/**
 * The index of the chunk that a job requests, or null if the plan contains no chunk with this index. Data in Redis are
 * untrusted.
 */
function indexIn(plan: Plan, data: unknown): number | null {
  const index: unknown = (data as Payload | null)?.index
  return isIndex(plan, index) ? index : null
}

/** Computes the chunks of jobs, one chunk per job, in a process pool. */
class QueueWork {
  /** Jobs that are in progress. */
  readonly running = new Set<Promise<void>>()
  readonly #plan: Plan
  readonly #pool: ProcessPool
  readonly #fail: (reason: unknown) => void
  readonly #onStored: ((index: number, outcome: StoreOutcome) => void) | undefined

  /** @param fail ends the run because of an error that is not caused by a chunk */
  constructor(
    plan: Plan,
    pool: ProcessPool,
    fail: (reason: unknown) => void,
    onStored: ((index: number, outcome: StoreOutcome) => void) | undefined,
  ) {
    this.#plan = plan
    this.#pool = pool
    this.#fail = fail
    this.#onStored = onStored
  }

  follow(job: Job<Payload>, token?: string): Promise<void> {
    const work = this.#compute(job, token)
    const ended = work.catch(() => {}).finally(() => this.running.delete(ended))
    this.running.add(ended)
    return work
  }

  async #compute(job: Job<Payload>, token?: string): Promise<void> {
    const index = indexIn(this.#plan, job.data)
    // UnrecoverableError prevents retries, even if the untrusted job requests further attempts.
    if (index === null) throw new UnrecoverableError('expected the index of a chunk')
    try {
      // The computation is not an argument of the optional call, because without a callback the call would skip its
      // arguments.
      const outcome = await this.#pool.run(index)
      this.#onStored?.(index, outcome)
    } catch (thrown) {
      if (this.#pool.isEnded) {
        // The run has ended, so this does not count as a failed attempt: the job returns to the queue.
        await job.moveToWait(token)
        throw new WaitingError()
      }
      if (!(thrown instanceof ChunkError)) this.#fail(thrown)
      throw thrown
    }
  }
}

/** The name of the queue for a plan. Every plan has its own queue. */
function openQueue(plan: Plan): string {
  return `antigrad-${sha256(JSON.stringify(plan)).slice(0, 16)}`
}

/** The objects that are needed to keep a queue filled. */
interface Filling {
  readonly plan: Plan
  readonly store: Store
  readonly queue: Queue<Payload>
  readonly window: number
  readonly worker: Worker<Payload>
  /** Rejects when the run ends, which stops all waiting. */
  readonly failed: Promise<never>
}

/** Computes chunks until the store contains all results and no result is corrupted. */
async function complete(filling: Filling): Promise<PlanStatus> {
  const { plan, store } = filling
  for (;;) {
    const found = await surveyStore(plan, store, [...plan.chunks.keys()])
    for (const index of found.corrupted) {
      const name = chunkName(plan, index)
      const there = await store.read(name)
      if (there !== undefined && unseal(name, there) === null) await discard(store, name, there)
    }
    if (found.missing.length === 0) return found
    await fill(filling)
  }
}

/** Adds missing chunks to the queue until the store contains a result or a failure for every chunk. */
async function fill({ plan, store, queue, window, worker, failed }: Filling): Promise<void> {
  let open = [...plan.chunks.keys()]
  let wait = MIN_POLL_MILLISECONDS
  for (;;) {
    const there = await store.names()
    const before = open.length
    open = open.filter((index) => {
      const name = chunkName(plan, index)
      return !there.has(name) && !there.has(failureName(name))
    })
    if (open.length === 0) return
    wait = open.length < before ? MIN_POLL_MILLISECONDS : Math.min(2 * wait, MAX_POLL_MILLISECONDS)
    // If the Redis server is missing, the call waits. Meanwhile, other runs may add results to the store.
    const adding = add(plan, queue, open, window).catch(() => {})
    await within(MAX_POLL_MILLISECONDS, Promise.race([failed, adding]))
    if (await isDrainedWithin(wait, worker, failed)) wait = MIN_POLL_MILLISECONDS
  }
}

/** The id of the job for a chunk. */
const jobId = (plan: Plan, index: number) => `chunk-${chunkName(plan, index)}`

async function add(
  plan: Plan,
  queue: Queue<Payload>,
  open: readonly number[],
  window: number,
): Promise<void> {
  const waiting = await queue.getWaitingCount()
  if (waiting > window / 2) return
  const jobs = open.slice(0, window).map((index) => ({
    name: 'chunk',
    data: { index },
    // BullMQ ignores a job with an existing id. Finished and failed jobs are therefore removed, so that the same chunk
    // can be added again.
    opts: {
      jobId: jobId(plan, index),
      attempts: MAX_TRIES,
      removeOnComplete: true,
      removeOnFail: true,
    },
  }))
  await queue.addBulk(jobs)
}

/** A connection that reconnects automatically once the Redis server has answered for the first time. */
async function connect(url: string, signal: AbortSignal | undefined): Promise<Redis> {
  const first = new Redis(url, { lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0 })
  // The error event carries a more detailed message than the promise.
  let reason = ''
  first.on('error', ({ message }) => {
    reason = message
  })
  try {
    await orAbort(
      first.connect().then(() => first.ping()),
      signal,
    )
  } catch (thrown) {
    signal?.throwIfAborted()
    const message = reason || (thrown as Error).message
    throw new AntigradError(
      `no Redis server answers at the URL of the queue: ${message.replaceAll(url, '…')}`,
    )
  } finally {
    first.disconnect()
  }
  return new Redis(url, { maxRetriesPerRequest: null })
}

/** Whether the queue becomes empty within the given time. */
async function isDrainedWithin(
  milliseconds: number,
  worker: Worker<Payload>,
  failed: Promise<never>,
): Promise<boolean> {
  let isDrained = false
  let wake = () => {}
  const drained = new Promise<void>((resolve) => {
    wake = resolve
  })
  const tell = () => {
    isDrained = true
    wake()
  }
  worker.once('drained', tell)
  try {
    await within(milliseconds, Promise.race([failed, drained]))
  } finally {
    worker.off('drained', tell)
  }
  return isDrained
}

/** Waits for a job until the time limit. */
async function within(milliseconds: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, milliseconds)
  })
  try {
    await Promise.race([work, over])
  } finally {
    clearTimeout(timer)
  }
}
