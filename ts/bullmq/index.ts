/**
 * Chunks by a queue of BullMQ, on a Redis of the user's: `antigrad/bullmq`. The queue is a hint, and the store the truth:
 * whatever is lost of the queue is put into it again, as long as the store lacks results.
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
  /** Of a Redis, as redis://user:password@host:6379/0, by TLS rediss://, or the path of its socket. */
  readonly url: string
  /** Processes that compute; 1. */
  readonly workers?: number | undefined
  /** Chunks that are in the queue at once, and wait; 1,000. */
  readonly window?: number | undefined
  /** Seconds after which at the latest a worker that does not say that it lives has lost its chunk to others; 30. */
  readonly lockSeconds?: number | undefined
  /** Gets spans and metrics of the queue, as `new BullMQOtel()` of bullmq-otel passes them on to OpenTelemetry. */
  readonly telemetry?: Telemetry | undefined
  /** Ends it: what is under way goes to others at once. */
  readonly signal?: AbortSignal | undefined
  /** Called after each chunk that these workers have computed. */
  readonly onStored?: ((index: number, outcome: StoreOutcome) => void) | undefined
  /** Called where a chunk was set aside after three tries. */
  readonly onFailed?: ((index: number, message: string) => void) | undefined
  /** Called where a chunk has lost its worker, and waits for another one. */
  readonly onStalled?: ((index: number) => void) | undefined
}

const queued = {
  ...workerOptions,
  url: option<string, undefined>(
    'an address, as redis://host:6379',
    undefined,
    (x) => typeof x === 'string' && x !== '',
  ),
  workers: integerBetween(1, 1024, 1),
  window: integerAtLeast(1, 1000),
  lockSeconds: positive(30),
  telemetry: option<Telemetry | undefined, undefined>(
    'what BullMQ takes, as new BullMQOtel()',
    undefined,
    (x) => x === undefined || (isObject(x) && isObject((x as Partial<Telemetry>).tracer)),
  ),
  signal: callOptions.signal,
  onStored: optional(callback<(index: number, outcome: StoreOutcome) => void>()),
  onFailed: optional(callback<(index: number, message: string) => void>()),
  onStalled: optional(callback<(index: number) => void>()),
}

/** How often a worker may be lost over a chunk that is not the reason: BullMQ's own limit is 1. */
const MAX_STALLS = 50

/** The first interval between polls of the queue. It doubles while nothing changes. */
const MIN_POLL_MILLISECONDS = 200
/** The longest interval between polls. */
const MAX_POLL_MILLISECONDS = 10_000

/** Milliseconds that a Redis has at the end to answer. */
const LEAVING = 2000

/** What goes through the queue: no data, no results. */
interface Payload {
  readonly index: number
}

const hand = new URL('../chunks/worker-process.js', import.meta.url)

/**
 * Computes chunks of a plan beside others who do the same, until the store has all results. Anyone may come and go: each
 * puts into the queue what the store lacks, and BullMQ gives a chunk whose worker is lost to another one. Chunks are
 * computed in processes of their own, so locks are renewed on every engine.
 *
 * @param plan as `readPlan` takes it
 * @returns what is in the store then
 * @throws (rejects with) OptionError, EngineError, DataError, StoreError as `openWorker` does; AntigradError where there is no
 * Redis at the beginning: later it is waited for; the signal's reason
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
  // A Redis that has gone is waited for; the store is what counts.
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
    // For whatever else goes on, it is over.
    fail(new AntigradError('the run has ended'))
    const closed = worker.close(true)
    pool.end()
    // Chunks under way are given back, if the Redis answers.
    await within(LEAVING, Promise.all([closed, ...work.running]))
    connection.disconnect()
    await within(LEAVING, queue.close())
  }
}

/** @throws StoreError where a store is none that processes can open */
function requireStoreName(store: unknown): string {
  if (typeof store === 'string') return store
  throw new StoreError(
    'a queue needs a store that is a folder or s3://bucket/prefix, which processes open by its name',
  )
}

/** A lock ends within half of the time; whether one has ended is asked each quarter, and once in a quarter by all workers. */
function lockOptions(lockSeconds: number) {
  const stalledInterval = Math.ceil(lockSeconds * 250)
  return { lockDuration: 2 * stalledInterval, stalledInterval, maxStalledCount: MAX_STALLS }
}

/** A promise that is rejected with the first reason. */
function firstFailure(): { readonly failed: Promise<never>; readonly fail: (reason: unknown) => void } {
  let fail = (_: unknown) => {}
  const failed = new Promise<never>((_, reject) => {
    fail = reject
  })
  failed.catch(() => {})
  return { failed, fail }
}

/** The chunk of a job; null where it is none of the plan, as whoever may write to the Redis is a stranger. */
function indexIn(plan: Plan, data: unknown): number | null {
  const index: unknown = (data as Payload | null)?.index
  return isIndex(plan, index) ? index : null
}

/** Jobs that processes compute, one chunk each. */
class QueueWork {
  /** What is under way. */
  readonly running = new Set<Promise<void>>()
  readonly #plan: Plan
  readonly #pool: ProcessPool
  readonly #fail: (reason: unknown) => void
  readonly #onStored: ((index: number, outcome: StoreOutcome) => void) | undefined

  /** @param fail ends the run: no chunk is the reason */
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
    // Not tried again, whatever it says itself of how often: others wait behind it.
    if (index === null) throw new UnrecoverableError('expected the number of a chunk')
    try {
      // Not in the call's brackets: where nobody listens it would not be computed.
      const outcome = await this.#pool.run(index)
      this.#onStored?.(index, outcome)
    } catch (thrown) {
      if (this.#pool.isEnded) {
        // No try of the chunk's: it waits for others.
        await job.moveToWait(token)
        throw new WaitingError()
      }
      if (!(thrown instanceof ChunkError)) this.#fail(thrown)
      throw thrown
    }
  }
}

/** The queue of a plan: of another plan no chunk comes. */
function openQueue(plan: Plan): string {
  return `antigrad-${sha256(JSON.stringify(plan)).slice(0, 16)}`
}

/** What keeps a queue full. */
interface Filling {
  readonly plan: Plan
  readonly store: Store
  readonly queue: Queue<Payload>
  readonly window: number
  readonly worker: Worker<Payload>
  /** Rejects where the run ends: nothing is waited for any longer. */
  readonly failed: Promise<never>
}

/** Sees to it that all results are there, and whole. */
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

/** Keeps the queue full of what the store lacks, until that is nothing. */
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
    // While there is no Redis this waits, and results may come from elsewhere.
    const adding = add(plan, queue, open, window).catch(() => {})
    await within(MAX_POLL_MILLISECONDS, Promise.race([failed, adding]))
    if (await isDrainedWithin(wait, worker, failed)) wait = MIN_POLL_MILLISECONDS
  }
}

/** The id of a chunk's job. */
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
    // An id that is there already is left alone, also one that failed: those are removed.
    opts: {
      jobId: jobId(plan, index),
      attempts: MAX_TRIES,
      removeOnComplete: true,
      removeOnFail: true,
    },
  }))
  await queue.addBulk(jobs)
}

/** A connection that waits for its Redis, if it is there at the beginning. */
async function connect(url: string, signal: AbortSignal | undefined): Promise<Redis> {
  const first = new Redis(url, { lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0 })
  // It says more than the promise does.
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
    throw new AntigradError(`no Redis answers at the address of the queue: ${message.replaceAll(url, '…')}`)
  } finally {
    first.disconnect()
  }
  return new Redis(url, { maxRetriesPerRequest: null })
}

/** Whether the queue is empty before some time is over. */
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

/** Waits for work, but no longer than that. */
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
