/**
 * Chunks by a queue of BullMQ, on a Redis of the user's: `antigrad/bullmq`. The queue is a hint, and the store the truth:
 * whatever is lost of the queue is put into it again, as long as the store lacks results.
 */

import { type Job, Queue, type Telemetry, UnrecoverableError, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import {
  AntigradError,
  ChunkError,
  callback,
  calls,
  discard,
  failedOf,
  failureOf,
  isIndex,
  isObject,
  type Kept,
  nameOf,
  openWorker,
  option,
  optional,
  type Plan,
  Pool,
  positive,
  readOptions,
  readPlan,
  type Store,
  StoreError,
  type Survey,
  sha256,
  storeOf,
  survey,
  TRIES,
  unseal,
  type WorkerOptions,
  whole,
  wholeTo,
  working,
} from '../chunks/inner.js'
import { checkAddress } from './address.js'

export interface QueueOptions extends WorkerOptions {
  /** Of a Redis, as redis://user:password@host:6379/0, by TLS rediss://, or the path of its socket. */
  readonly url: string
  /** Processes that compute; 1. */
  readonly workers?: number | undefined
  /** Chunks that are in the queue at once, and wait; 1,000. */
  readonly window?: number | undefined
  /** Seconds after which a worker that does not say that it lives has lost its chunk to others; 30. */
  readonly lockSeconds?: number | undefined
  /** Gets spans and metrics of the queue, as `new BullMQOtel()` of bullmq-otel passes them on to OpenTelemetry. */
  readonly telemetry?: Telemetry | undefined
  /** Ends it: what is under way goes to others. */
  readonly signal?: AbortSignal | undefined
  /** Called after each chunk that these workers have computed. */
  readonly onKept?: ((index: number, kept: Kept) => void) | undefined
  /** Called where a chunk was set aside after three tries. */
  readonly onFailed?: ((index: number, message: string) => void) | undefined
}

const queued = {
  ...working,
  url: option<string, undefined>(
    'an address, as redis://host:6379',
    undefined,
    (x) => typeof x === 'string' && x !== '',
  ),
  ...{ workers: wholeTo(1, 1024, 1), window: whole(1, 1000), lockSeconds: positive(30) },
  telemetry: option<Telemetry | undefined, undefined>(
    'what BullMQ takes, as new BullMQOtel()',
    undefined,
    (x) => x === undefined || (isObject(x) && isObject((x as Partial<Telemetry>).tracer)),
  ),
  signal: calls.signal,
  onKept: optional(callback<(index: number, kept: Kept) => void>()),
  onFailed: optional(callback<(index: number, message: string) => void>()),
}

/** How often a worker may be lost over a chunk that is not the reason: BullMQ's own limit is 1. */
const STALLS = 50

/** Milliseconds between looks at the queue: from the first on twice as many, as long as nothing changes. */
const [SOON, LATE] = [200, 10_000]

/** What goes through the queue: no data, no results. */
interface Payload {
  readonly index: number
}

const hand = new URL('../chunks/hand.js', import.meta.url)

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
export async function runQueued(plan: unknown, options: QueueOptions): Promise<Survey> {
  const { url, workers, window, lockSeconds, telemetry, signal, onKept, onFailed, ...means } = readOptions(
    'options',
    options,
    queued,
  )
  checkAddress('url', url)
  const read = readPlan(plan)
  if (typeof means.store !== 'string') {
    throw new StoreError(
      'a queue needs a store that is a folder or s3://bucket/prefix, which processes open by its name',
    )
  }
  await openWorker(read, means)
  signal?.throwIfAborted()
  const store = storeOf(means.store)
  const name = queueOf(read)
  const connection = await connected(url)
  const watched = telemetry && { telemetry }
  const queue = new Queue<Payload>(name, { connection, ...watched })
  const pool = new Pool(hand, { plan: JSON.stringify(read), options: means }, workers)
  let fail = (_: unknown) => {}
  const failed = new Promise<never>((_, reject) => {
    fail = reject
  })
  failed.catch(() => {})
  const setAside = async (index: number, message: string) => {
    if (await store.put(failedOf(nameOf(read, index)), failureOf(read, index, message)))
      onFailed?.(index, message)
  }
  // Whoever may write to the Redis is a stranger.
  const indexIn = (data: unknown) => {
    const index: unknown = (data as Payload | null)?.index
    return isIndex(read, index) ? index : null
  }
  const compute = async ({ data }: Job<Payload>) => {
    const index = indexIn(data)
    // Not tried again, whatever it says itself of how often: others wait behind it.
    if (index === null) throw new UnrecoverableError('expected the number of a chunk')
    try {
      // Not in the call's brackets: where nobody listens it would not be computed.
      const kept = await pool.run(index)
      onKept?.(index, kept)
    } catch (thrown) {
      if (!(thrown instanceof ChunkError) && !pool.isEnded) fail(thrown)
      throw thrown
    }
  }
  const lockDuration = Math.ceil(lockSeconds * 1000)
  const worker = new Worker<Payload>(name, compute, {
    ...{ connection, concurrency: workers, lockDuration, stalledInterval: lockDuration },
    ...{ maxStalledCount: STALLS, ...watched },
  })
  // A Redis that has gone is waited for; the store is what counts.
  worker.on('error', () => {})
  queue.on('error', () => {})
  connection.on('error', () => {})
  worker.on('failed', (job, { message }) => {
    const isOver = job !== undefined && (job.attemptsMade >= TRIES || /stalled/.test(message))
    const index = indexIn(job?.data)
    if (isOver && !pool.isEnded && index !== null) setAside(index, message).catch(fail)
  })
  const stop = () => fail(signal?.reason)
  signal?.addEventListener('abort', stop)
  try {
    return await Promise.race([failed, complete(read, store, queue, window, worker)])
  } finally {
    signal?.removeEventListener('abort', stop)
    pool.end()
    await Promise.race([worker.close(true), pause(SOON)])
    connection.disconnect()
    await Promise.race([queue.close(), pause(SOON)])
  }
}

/** The queue of a plan: of another plan no chunk comes. */
function queueOf(plan: Plan): string {
  return `antigrad-${sha256(JSON.stringify(plan)).slice(0, 16)}`
}

/** Sees to it that all results are there, and whole. */
async function complete(
  plan: Plan,
  store: Store,
  queue: Queue<Payload>,
  window: number,
  worker: Worker<Payload>,
): Promise<Survey> {
  for (;;) {
    const found = await survey(plan, store, [...plan.chunks.keys()])
    for (const index of found.damaged) {
      const name = nameOf(plan, index)
      const there = await store.read(name)
      if (there !== undefined && unseal(name, there) === null) await discard(store, name, there)
    }
    if (found.missing.length === 0) return found
    await fill(plan, store, queue, window, worker)
  }
}

/** Keeps the queue full of what the store lacks, until that is nothing. */
async function fill(
  plan: Plan,
  store: Store,
  queue: Queue<Payload>,
  window: number,
  worker: Worker<Payload>,
): Promise<void> {
  let open = [...plan.chunks.keys()]
  let wait = SOON
  for (;;) {
    const there = await store.names()
    const before = open.length
    open = open.filter((index) => {
      const name = nameOf(plan, index)
      return !there.has(name) && !there.has(failedOf(name))
    })
    if (open.length === 0) return
    wait = open.length < before ? SOON : Math.min(2 * wait, LATE)
    // While there is no Redis this waits, and results may come from elsewhere.
    const adding = add(plan, queue, open, window).catch(() => {})
    await Promise.race([adding, pause(LATE)])
    if (await drainedWithin(worker, wait)) wait = SOON
  }
}

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
      jobId: `chunk-${nameOf(plan, index)}`,
      ...{ attempts: TRIES, removeOnComplete: true, removeOnFail: true },
    },
  }))
  await queue.addBulk(jobs)
}

/** A connection that waits for its Redis, if it is there at the beginning. */
async function connected(url: string): Promise<Redis> {
  const first = new Redis(url, { lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0 })
  // It says more than the promise does.
  let reason = ''
  first.on('error', ({ message }) => {
    reason = message
  })
  try {
    await first.connect()
    await first.ping()
  } catch (thrown) {
    const message = reason || (thrown as Error).message
    throw new AntigradError(`no Redis answers at the address of the queue: ${message.replaceAll(url, '…')}`)
  } finally {
    first.disconnect()
  }
  return new Redis(url, { maxRetriesPerRequest: null })
}

/** Whether the queue is empty before some time is over. */
async function drainedWithin(worker: Worker<Payload>, milliseconds: number): Promise<boolean> {
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
  await Promise.race([drained, pause(milliseconds)])
  worker.off('drained', tell)
  return isDrained
}

const pause = (milliseconds: number) =>
  new Promise<void>((resolve) => {
    setTimeout(resolve, milliseconds)
  })
