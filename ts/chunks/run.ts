/** Workers: chunks are computed and put into a store. */

import { hostname } from 'node:os'
import type { EngineName } from '../engines/engine.js'
import { engines } from '../engines/index.js'
import { OptionError } from '../ground/errors.js'
import { isObject } from '../ground/given.js'
import { version } from '../ground/package.js'
import { chooseAdvancer } from '../many/engines.js'
import { calls } from '../many/options.js'
import { anything, type Option, option, optional } from '../options/kinds.js'
import { readOptions } from '../options/read.js'
import { text } from '../work/asked.js'
import { bucketStore, isBucket } from './bucket.js'
import { computes } from './compute.js'
import { checkData, shown } from './data.js'
import { folderStore } from './folder.js'
import { checkIndex, checkVersion, nameOf, type Plan, readPlan } from './plan.js'
import { readShard, type Shard } from './shards.js'
import { type Kept, keep, type Maker, type Store, unseal } from './store.js'
import { survey } from './survey.js'

export interface StoreOptions {
  /** A folder, or s3://bucket/prefix, or what has the methods of a {@link Store}. */
  readonly store: string | Store
}

export interface WorkerOptions extends StoreOptions {
  /** Where the data are, unless they are where the plan says: a path or an address that gives ranges. */
  readonly data?: string | undefined
  /** Forces an engine. */
  readonly engine?: EngineName | undefined
  /** On how many threads a chunk is computed: 1, as there are as many workers as cores. */
  readonly threads?: number | undefined
}

export interface RunOptions extends WorkerOptions {
  /** Chunks whose number has the remainder `k` by `n`; all. */
  readonly shard?: Shard | undefined
  /** Ends it: what is under way is not stored. */
  readonly signal?: AbortSignal | undefined
  /** Called after each chunk. */
  readonly onProgress?: ((done: number, of: number) => void) | undefined
}

const methods = ['check', 'names', 'read', 'put', 'rename', 'remove'] as const
const isStore = (x: unknown) =>
  isObject(x) && methods.every((name) => typeof (x as Readonly<Record<string, unknown>>)[name] === 'function')

export const storing = {
  store: option<string | Store, undefined>(
    'a folder, s3://bucket/prefix, or an object with the methods of a store',
    undefined,
    (x) => (typeof x === 'string' && x !== '') || isStore(x),
  ),
}

export const working = {
  ...storing,
  data: optional(text()),
  ...{ engine: calls.engine, threads: calls.threads },
} satisfies Record<keyof WorkerOptions, Option>

const running = {
  ...working,
  shard: anything<Shard>(),
  ...{ signal: calls.signal, onProgress: calls.onProgress },
} satisfies Record<keyof RunOptions, Option>

export function storeOf(store: string | Store): Store {
  if (typeof store !== 'string') return store
  return isBucket(store) ? bucketStore(store) : folderStore(store)
}

/** What has become of a chunk. */
export interface Ran {
  readonly index: number
  /** Of its result in the store. */
  readonly name: string
  readonly kept: Kept
}

export interface Worker {
  readonly plan: Plan
  readonly by: Maker
  /** @throws (rejects with) DataError, StoreError; the signal's reason */
  run(index: number, signal?: AbortSignal): Promise<Ran>
}

/**
 * What computes chunks of a plan, one by one: models are read and starts are drawn once.
 *
 * @param plan as `readPlan` takes it
 * @throws (rejects with) OptionError where the plan is none, or another version's; EngineError; DataError where the data are
 * not there; StoreError where nothing can be written
 */
export async function openWorker(plan: unknown, options: WorkerOptions): Promise<Worker> {
  const read = readPlan(plan)
  const { store, data, engine, threads = 1 } = readOptions('options', options, working)
  checkVersion(read)
  const chosen = chooseAdvancer({ engine, threads })
  const by = {
    ...{ host: hostname(), engine: chosen.engine },
    ...{ instructionSet: engines()[chosen.engine].instructionSets.at(-1) ?? '', version },
  }
  const file = data ?? read.data?.file
  if (read.data !== undefined) await checkData(read.data, file as string)
  else if (data !== undefined) throw new OptionError('data', 'none, as the plan has none', shown(data))
  const to = storeOf(store)
  await to.check()
  const compute = computes(read, file, { engine, threads })
  return {
    ...{ plan: read, by },
    async run(index, signal) {
      checkIndex(read, index)
      const name = nameOf(read, index)
      const there = await to.read(name)
      if (there !== undefined && unseal(name, there) !== null) return { index, name, kept: 'there' }
      return { index, name, kept: await keep(to, name, { bytes: await compute(index, signal), by }) }
    },
  }
}

/**
 * Computes one chunk of a plan and stores it, unless it is there.
 *
 * @throws (rejects with) as `openWorker` does; OptionError where there is no such chunk
 * @example
 * await runChunk(await readFile('plan.json', 'utf8'), Number(process.env.SLURM_ARRAY_TASK_ID), { store: 'results/' })
 */
export async function runChunk(plan: unknown, index: number, options: WorkerOptions): Promise<Ran> {
  const worker = await openWorker(plan, options)
  return await worker.run(index)
}

/**
 * Computes all chunks of a plan that are not there, or those of a shard, one after the other.
 *
 * @throws (rejects with) as `openWorker` does; the signal's reason
 */
export async function runChunks(plan: unknown, options: RunOptions): Promise<Ran[]> {
  const { shard, signal, onProgress, ...rest } = readOptions('options', options, running)
  const worker = await openWorker(plan, rest)
  const all = indicesOf(worker.plan, shard)
  const { missing } = await survey(worker.plan, storeOf(rest.store), all)
  const ran: Ran[] = []
  for (const index of missing) {
    signal?.throwIfAborted()
    ran.push(await worker.run(index, signal))
    onProgress?.(all.length - missing.length + ran.length, all.length)
  }
  return ran
}

/** The numbers of a plan's chunks, or of those of a shard. */
export function indicesOf({ chunks }: Plan, shard: unknown): number[] {
  const { k, n } = readShard(shard)
  return Array.from({ length: Math.max(0, Math.ceil((chunks.length - k) / n)) }, (_, i) => k + i * n)
}

/** What is kept of a chunk that was set aside, for whoever looks for the reason. */
export function failureOf(plan: Plan, index: number, message: string): Uint8Array {
  const { specification, chunks, version, kernels } = plan
  const where = { index, chunk: chunks[index], before: chunks[index - 1] }
  return new TextEncoder().encode(
    `${JSON.stringify({ message, ...where, version, kernels, specification })}\n`,
  )
}
