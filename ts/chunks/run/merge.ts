/** All results, one behind the other. */

import { readOptions } from '../../options/read.js'
import { StoreError } from '../plan/errors.js'
import { chunkName, type Plan, readPlan } from '../plan/plan.js'
import { formatRanges } from '../plan/shards.js'
import { type PlanStatus, surveyStore } from '../stores/status.js'
import { type Provenance, type Store, unseal } from '../stores/store.js'
import { type StoreOptions, shardIndices, storeOptions, toStore } from './run.js'

/**
 * How far a plan is, by what is in a store.
 *
 * @throws (rejects with) OptionError; StoreError where it cannot be read
 */
export async function status(plan: unknown, options: StoreOptions): Promise<PlanStatus> {
  const read = readPlan(plan)
  const { store } = readOptions('options', options, storeOptions)
  return await surveyStore(read, toStore(store), shardIndices(read, undefined))
}

/**
 * The bytes that one process would have written, chunk by chunk. Whether all results are there is found out before the first.
 *
 * @throws (rejects with) OptionError; StoreError where some are missing, damaged or in dispute, which it names
 * @example
 * for await (const bytes of merge(plan, { store: 'results/' })) await file.write(bytes)
 */
export async function* merge(plan: unknown, options: StoreOptions): AsyncGenerator<Uint8Array> {
  const read = readPlan(plan)
  const store = toStore(readOptions('options', options, storeOptions).store)
  const indices = shardIndices(read, undefined)
  checkComplete(store, await surveyStore(read, store, indices))
  for (const index of indices) yield await readChunk(read, store, index)
}

async function readChunk(plan: Plan, store: Store, index: number): Promise<Uint8Array> {
  const name = chunkName(plan, index)
  const there = await store.read(name)
  const result = there && unseal(name, there)
  if (result) return result.bytes
  throw new StoreError(`${store.location}: the result of chunk ${index} has gone or is damaged since`)
}

/** @throws StoreError that says what is not as it has to be */
function checkComplete(
  { location }: Store,
  { total, missing, corrupted, conflicts, failed }: PlanStatus,
): void {
  const problems: string[] = []
  for (const { index, producedBy } of conflicts.slice(0, MAX_SHOWN)) {
    problems.push(
      `chunk ${index} has results that differ, by ${producedBy.map(describeProvenance).join(' and by ')}`,
    )
  }
  if (conflicts.length > MAX_SHOWN)
    problems.push(`${conflicts.length - MAX_SHOWN} other chunks are in dispute`)
  for (const { index, message } of failed.slice(0, MAX_SHOWN)) {
    problems.push(`chunk ${index} was set aside: ${message}`)
  }
  if (failed.length > MAX_SHOWN) problems.push(`${failed.length - MAX_SHOWN} others were set aside`)
  if (corrupted.length > 0) problems.push(`results are damaged of chunks ${shorten(formatRanges(corrupted))}`)
  const gone = missing.filter((index) => !corrupted.includes(index))
  if (gone.length > 0)
    problems.push(`${gone.length} of ${total} results are missing: ${shorten(formatRanges(gone))}`)
  if (problems.length > 0) throw new StoreError(`${location}: ${problems.join('; ')}`)
}

/** Chunks that a message describes by more than their number. */
const MAX_SHOWN = 5
/** Longest list in a message, in characters. */
const MAX_MESSAGE_LENGTH = 200

const shorten = (text: string) =>
  text.length > MAX_MESSAGE_LENGTH ? `${text.slice(0, MAX_MESSAGE_LENGTH)}…` : text

/** As in `node-7 (native avx2, antigrad 0.1.0)`. */
export const describeProvenance = ({ host, engine, instructionSet, version }: Provenance): string =>
  `${host} (${[engine, instructionSet].filter(Boolean).join(' ')}, antigrad ${version})`
