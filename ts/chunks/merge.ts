/** All results, one behind the other. */

import { readOptions } from '../options/read.js'
import { StoreError } from './errors.js'
import { nameOf, type Plan, readPlan } from './plan.js'
import { indicesOf, type StoreOptions, storeOf, storing } from './run.js'
import { ranges } from './shards.js'
import { type Maker, type Store, unseal } from './store.js'
import { type Survey, survey } from './survey.js'

/**
 * How far a plan is, by what is in a store.
 *
 * @throws (rejects with) OptionError; StoreError where it cannot be read
 */
export async function status(plan: unknown, options: StoreOptions): Promise<Survey> {
  const read = readPlan(plan)
  const { store } = readOptions('options', options, storing)
  return await survey(read, storeOf(store), indicesOf(read, undefined))
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
  const store = storeOf(readOptions('options', options, storing).store)
  const indices = indicesOf(read, undefined)
  checkComplete(store, await survey(read, store, indices))
  for (const index of indices) yield await bytesOf(read, store, index)
}

async function bytesOf(plan: Plan, store: Store, index: number): Promise<Uint8Array> {
  const name = nameOf(plan, index)
  const there = await store.read(name)
  const result = there && unseal(name, there)
  if (result) return result.bytes
  throw new StoreError(`${store.place}: the result of chunk ${index} has gone or is damaged since`)
}

/** @throws StoreError that says what is not as it has to be */
function checkComplete({ place }: Store, { of, missing, damaged, disputes, failed }: Survey): void {
  const problems: string[] = []
  for (const { index, by } of disputes.slice(0, SHOWN)) {
    problems.push(`chunk ${index} has results that differ, by ${by.map(describeMaker).join(' and by ')}`)
  }
  if (disputes.length > SHOWN) problems.push(`${disputes.length - SHOWN} other chunks are in dispute`)
  for (const { index, message } of failed.slice(0, SHOWN)) {
    problems.push(`chunk ${index} was set aside: ${message}`)
  }
  if (failed.length > SHOWN) problems.push(`${failed.length - SHOWN} others were set aside`)
  if (damaged.length > 0) problems.push(`results are damaged of chunks ${shortened(ranges(damaged))}`)
  const gone = missing.filter((index) => !damaged.includes(index))
  if (gone.length > 0)
    problems.push(`${gone.length} of ${of} results are missing: ${shortened(ranges(gone))}`)
  if (problems.length > 0) throw new StoreError(`${place}: ${problems.join('; ')}`)
}

/** Chunks of which a message says more than the number, and characters of a list. */
const [SHOWN, LONGEST] = [5, 200]

const shortened = (text: string) => (text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text)

/** As in `node-7 (native avx2, antigrad 0.1.0)`. */
export const describeMaker = ({ host, engine, instructionSet, version }: Maker): string =>
  `${host} (${[engine, instructionSet].filter(Boolean).join(' ')}, antigrad ${version})`
