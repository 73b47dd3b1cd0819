/** Workers, which compute chunks and store the results. */

import { hostname } from 'node:os'
import { wasmModule } from '#webassembly/fits'
import { OptionError } from '../../core/errors.js'
import { version } from '../../core/package.js'
import { isObject } from '../../core/untrusted-input.js'
import type { EngineName } from '../../engines/engine.js'
import { engines } from '../../engines/index.js'
import { text } from '../../jobs/request.js'
import { selectRunner } from '../../many/engines/engines.js'
import { callOptions } from '../../many/options.js'
import { type Option, option, optional, passThrough } from '../../options/kinds.js'
import { readOptions } from '../../options/read.js'
import { createCompute } from '../plan/compute.js'
import { checkData, displayName } from '../plan/data.js'
import { checkIndex, checkVersion, chunkName, type Plan, readPlan } from '../plan/plan.js'
import { readShard, type Shard } from '../plan/shards.js'
import { bucketStore, isBucket } from '../stores/bucket.js'
import { folderStore } from '../stores/folder.js'
import { surveyStore } from '../stores/status.js'
import { type Provenance, type Store, type StoreOutcome, storeResult, unseal } from '../stores/store.js'

export interface StoreOptions {
  /**
   * Result store: the path of a folder, an address such as s3://bucket/prefix, or an object with the methods of a
   * {@link Store}.
   */
  readonly store: string | Store
}

export interface WorkerOptions extends StoreOptions {
  /**
   * Location of the data, if it differs from the location in the plan: a path, or a URL that supports range requests.
   */
  readonly data?: string | undefined
  /** The engine that computes the chunks. Default: the first available engine. */
  readonly engine?: EngineName | undefined
  /** Number of threads per chunk. The default is one thread, because usually one worker runs per core. */
  readonly threads?: number | undefined
}

export interface RunOptions extends WorkerOptions {
  /**
   * The shard to compute, which consists of the chunks whose index modulo `count` equals `index`. Default: all chunks.
   */
  readonly shard?: Shard | undefined
  /** AbortSignal that ends the run. If the signal aborts, the current chunk is not stored. */
  readonly signal?: AbortSignal | undefined
  /** Callback, called when a chunk is complete. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

const storeMethods = ['check', 'names', 'read', 'put', 'rename', 'remove'] as const
const isStore = (x: unknown) =>
  isObject(x) &&
  storeMethods.every((name) => typeof (x as Readonly<Record<string, unknown>>)[name] === 'function')

export const storeOptions = {
  store: option<string | Store, undefined>(
    'a folder, s3://bucket/prefix, or an object with the methods of a store',
    undefined,
    (x) => (typeof x === 'string' && x !== '') || isStore(x),
  ),
}

export const workerOptions = {
  ...storeOptions,
  data: optional(text()),
  engine: callOptions.engine,
  threads: callOptions.threads,
} satisfies Record<keyof WorkerOptions, Option>

const runOptions = {
  ...workerOptions,
  shard: passThrough<Shard>(),
  signal: callOptions.signal,
  onProgress: callOptions.onProgress,
} satisfies Record<keyof RunOptions, Option>

export function toStore(store: string | Store): Store {
  if (typeof store !== 'string') return store
  return isBucket(store) ? bucketStore(store) : folderStore(store)
}

/** The outcome of computing one chunk. */
export interface ChunkResult {
  readonly index: number
  /** Name of the chunk's result in the result store. */
  readonly name: string
  readonly outcome: StoreOutcome
}

export interface ChunkWorker {
  readonly plan: Plan
  readonly producedBy: Provenance
  /**
   * Computes one chunk and stores the result. @throws (rejects with) DataError, StoreError; the reason of the signal
   */
  run(index: number, signal?: AbortSignal): Promise<ChunkResult>
}

/**
 * Opens a worker that computes chunks of a plan one by one. The worker compiles models and draws starting points only
 * once.
 *
 * @param plan a plan, as JSON text or as the parsed object (see `readPlan`)
 * @throws (rejects with) OptionError if the plan is invalid or belongs to another version of the package
 * @throws (rejects with) EngineError if the engine cannot run
 * @throws (rejects with) DataError if the data are missing
 * @throws (rejects with) StoreError if the result store cannot be written
 */
export async function openWorker(plan: unknown, options: WorkerOptions): Promise<ChunkWorker> {
  const read = readPlan(plan)
  const { store, data, engine, threads = 1 } = readOptions('options', options, workerOptions)
  checkVersion(read)
  const chosen = selectRunner({ engine, threads }, wasmModule)
  const producedBy = {
    host: hostname(),
    engine: chosen.engine,
    instructionSet: engines()[chosen.engine].instructionSets.at(-1) ?? '',
    version,
  }
  const file = data ?? read.data?.file
  if (read.data !== undefined) await checkData(read.data, file as string)
  else if (data !== undefined)
    throw new OptionError('data', 'no file, because the plan has no data', displayName(data))
  const to = toStore(store)
  await to.check()
  const compute = createCompute(read, file, { engine, threads })
  return {
    plan: read,
    producedBy,
    async run(index, signal) {
      checkIndex(read, index)
      const name = chunkName(read, index)
      const there = await to.read(name)
      if (there !== undefined && unseal(name, there) !== null) return { index, name, outcome: 'duplicate' }
      return {
        index,
        name,
        outcome: await storeResult(to, name, { bytes: await compute(index, signal), producedBy }),
      }
    },
  }
}

/**
 * Computes one chunk of a plan and stores its result, unless the store already contains the result.
 *
 * @throws (rejects with) the errors of `openWorker`; OptionError if the plan has no chunk with this index
 * @example
 * await runChunk(await readFile('plan.json', 'utf8'), Number(process.env.SLURM_ARRAY_TASK_ID), { store: 'results/' })
 */
export async function runChunk(plan: unknown, index: number, options: WorkerOptions): Promise<ChunkResult> {
  const worker = await openWorker(plan, options)
  return await worker.run(index)
}

/**
 * Computes all missing chunks of a plan (or of a shard) one after the other.
 *
 * @throws (rejects with) the errors of `openWorker`; the reason of the signal
 */
export async function runChunks(plan: unknown, options: RunOptions): Promise<ChunkResult[]> {
  const { shard, signal, onProgress, ...rest } = readOptions('options', options, runOptions)
  const worker = await openWorker(plan, rest)
  const all = shardIndices(worker.plan, shard)
  const { missing } = await surveyStore(worker.plan, toStore(rest.store), all)
  const ran: ChunkResult[] = []
  for (const index of missing) {
    signal?.throwIfAborted()
    ran.push(await worker.run(index, signal))
    onProgress?.(all.length - missing.length + ran.length, all.length)
  }
  return ran
}

/** The indices of all chunks of a plan (or of a shard). */
export function shardIndices({ chunks }: Plan, shard: unknown): number[] {
  const { index, count } = readShard(shard)
  return Array.from(
    { length: Math.max(0, Math.ceil((chunks.length - index) / count)) },
    (_, i) => index + i * count,
  )
}

/** The stored record of a failed chunk: the error message, and all inputs that reproduce the failure. */
export function toChunkFailure(plan: Plan, index: number, message: string): Uint8Array {
  const { specification, chunks, version, kernels } = plan
  const where = { index, chunk: chunks[index], before: chunks[index - 1] }
  return new TextEncoder().encode(
    `${JSON.stringify({ message, ...where, version, kernels, specification })}\n`,
  )
}
