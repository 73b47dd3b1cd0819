/** Concatenates the results of all chunks of a plan. */

import { readOptions } from '../../options/read.js'
import { StoreError } from '../plan/errors.js'
import { chunkName, type Plan, readPlan } from '../plan/plan.js'
import { formatRanges } from '../plan/shards.js'
import { type PlanStatus, surveyStore } from '../stores/status.js'
import { type Provenance, type Store, unseal } from '../stores/store.js'
import { type StoreOptions, shardIndices, storeOptions, toStore } from './run.js'

/**
 * Determines the progress of a plan from the results in a store.
 *
 * @throws (rejects with) OptionError; StoreError if the store cannot be read
 */
export async function status(plan: unknown, options: StoreOptions): Promise<PlanStatus> {
  const read = readPlan(plan)
  const { store } = readOptions('options', options, storeOptions)
  return await surveyStore(read, toStore(store), shardIndices(read, undefined))
}

/**
 * Yields, chunk by chunk, the bytes that a single process would write. All results are checked before the first chunk
 * is yielded.
 *
 * @throws (rejects with) OptionError; StoreError if results are missing, corrupted or conflicting (the message lists
 * the chunks)
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
  throw new StoreError(
    `${store.location}: the result of chunk ${index} has disappeared or become corrupted since the check`,
  )
}

/** @throws StoreError that lists missing, corrupted, conflicting and failed chunks */
function checkComplete(
  { location }: Store,
  { total, missing, corrupted, conflicts, failed }: PlanStatus,
): void {
  const problems: string[] = []
  for (const { index, producedBy } of conflicts.slice(0, MAX_SHOWN)) {
    problems.push(
      `chunk ${index} has conflicting results, by ${producedBy.map(describeProvenance).join(' and by ')}`,
    )
  }
  if (conflicts.length > MAX_SHOWN)
    problems.push(`${conflicts.length - MAX_SHOWN} more chunks have conflicting results`)
  for (const { index, message } of failed.slice(0, MAX_SHOWN)) {
    problems.push(`chunk ${index} failed: ${message}`)
  }
  if (failed.length > MAX_SHOWN) problems.push(`${failed.length - MAX_SHOWN} more chunks failed`)
  if (corrupted.length > 0) problems.push(`corrupted results of chunks ${shorten(formatRanges(corrupted))}`)
  const gone = missing.filter((index) => !corrupted.includes(index))
  if (gone.length > 0)
    problems.push(`${gone.length} of ${total} results are missing: ${shorten(formatRanges(gone))}`)
  if (problems.length > 0) throw new StoreError(`${location}: ${problems.join('; ')}`)
}

/** Maximum number of chunks that a message describes in detail. */
const MAX_SHOWN = 5
/** Maximum length of a list in a message, in characters. */
const MAX_MESSAGE_LENGTH = 200

const shorten = (text: string) =>
  text.length > MAX_MESSAGE_LENGTH ? `${text.slice(0, MAX_MESSAGE_LENGTH)}…` : text

/** Formats the producer of a result, such as `node-7 (native avx2, antigrad 0.1.0)`. */
export const describeProvenance = ({ host, engine, instructionSet, version }: Provenance): string =>
  `${host} (${[engine, instructionSet].filter(Boolean).join(' ')}, antigrad ${version})`
