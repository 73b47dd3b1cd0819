/**
 * Result stores. The result store is the only record of what has been computed. Each result is written once, under the
 * hash of its inputs. A second result with the same name is compared with the first result and never overwrites it.
 */

import { shown, truncate } from '../../core/errors.js'
import { withoutControls } from '../../core/text.js'
import { isRecord } from '../../core/untrusted-input.js'
import { StoreError } from '../plan/errors.js'
import { sha256 } from '../plan/hash.js'

/** A result store, such as a folder or a bucket. Names in a store consist of letters, digits, dots and hyphens. */
export interface Store {
  /** Location of the store, for messages. */
  readonly location: string
  /** Checks that the store can be written. @throws (rejects with) StoreError */
  check(): Promise<void>
  /** All names in the store, with the times at which their entries were stored, in milliseconds. */
  names(): Promise<ReadonlyMap<string, number>>
  /** The bytes that are stored under a name; undefined if the name does not exist. */
  read(name: string): Promise<Uint8Array | undefined>
  /** Writes bytes under a new name, atomically. The result is false if the name already exists. */
  put(name: string, bytes: Uint8Array): Promise<boolean>
  /** Renames an entry of the store. */
  rename(name: string, to: string): Promise<void>
  remove(name: string): Promise<void>
}

/** The host, the engine and the package version that produced a result. */
export interface Provenance {
  readonly host: string
  readonly engine: string
  /** Instruction set of the engine; empty for an engine without instruction sets. */
  readonly instructionSet: string
  readonly version: string
}

export interface SealedResult {
  readonly bytes: Uint8Array
  readonly producedBy: Provenance
}

/** Outcome of storing a result: the result was new, an equal result existed, or a different result existed. */
export type StoreOutcome = 'stored' | 'duplicate' | 'conflict'

/** The version of the format of stored results. Stored results of other versions are not read. */
const STORE_FORMAT = 2
const FAILED = '.failed'
const CONFLICT = '.conflict-'
const CORRUPTED = '.corrupted-'
const SUFFIX_DIGITS = 16

export const failureName = (name: string) => name + FAILED

/** The chunk and the kind of a stored name; null for a name that does not belong to antigrad. */
export function parseStoreName(
  name: string,
): { readonly chunk: string; readonly kind: 'result' | 'conflict' | 'failed' } | null {
  const [, chunk, more = ''] = /^([\da-f]{64})(\..*)?$/.exec(name) ?? []
  if (chunk === undefined) return null
  if (more === '') return { chunk, kind: 'result' }
  if (more === FAILED) return { chunk, kind: 'failed' }
  return more.startsWith(CONFLICT) ? { chunk, kind: 'conflict' } : null
}

/**
 * The stored form of a result: the result's bytes, a line with the chunk and the producer, and a line with the hash of
 * both parts.
 */
export function seal(chunk: string, { bytes, producedBy }: SealedResult): Uint8Array {
  const line = `\n${JSON.stringify({ format: STORE_FORMAT, chunk, bytes: bytes.length, producedBy })}\n`
  return Buffer.concat([bytes, Buffer.from(`${line}${sha256(bytes, line)}\n`)])
}

/**
 * Reads the result from the stored bytes; null if the bytes are corrupted.
 *
 * @throws StoreError if the bytes have another version of the format
 */
export function unseal(chunk: string, sealed: Uint8Array): SealedResult | null {
  const all = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.length)
  const end = all.length - 65
  if (end < 1 || all.toString('latin1', end) !== `${sha256(all.subarray(0, end))}\n`) return null
  const from = all.lastIndexOf(10, end - 2)
  const said: unknown = parseSeal(all.toString('utf8', from + 1, end))
  if (!isRecord(said)) return null
  const { format, chunk: name, bytes, producedBy } = said as Readonly<Record<string, unknown>>
  if (format !== STORE_FORMAT)
    throw new StoreError(
      `${truncate(chunk)}: expected a result in format version ${STORE_FORMAT} (the only version that this release reads), got ${shown(format)}`,
    )
  if (from < 0 || name !== chunk || bytes !== from || !isRecord(producedBy)) return null
  const word = (name: string) =>
    withoutControls(String((producedBy as Readonly<Record<string, unknown>>)[name] ?? '').slice(0, 200))
  return {
    bytes: all.subarray(0, from),
    producedBy: {
      host: word('host'),
      engine: word('engine'),
      instructionSet: word('instructionSet'),
      version: word('version'),
    },
  }
}

function parseSeal(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Quarantines a corrupted result by renaming the entry, so that the chunk counts as missing. */
export const discard = (store: Store, chunk: string, damaged: Uint8Array): Promise<void> =>
  store.rename(chunk, `${chunk}${CORRUPTED}${sha256(damaged).slice(0, SUFFIX_DIGITS)}`)

/** Maximum number of attempts to store a result while other workers write under the same name. */
const MAX_TRIES = 5

/**
 * Stores the result of a chunk. An existing corrupted result is quarantined. If a different valid result exists, the
 * new result is stored as a conflict, in addition to the existing result.
 *
 * @throws (rejects with) StoreError if the store cannot be written
 */
export async function storeResult(store: Store, chunk: string, result: SealedResult): Promise<StoreOutcome> {
  const sealed = seal(chunk, result)
  for (let turn = 0; turn < MAX_TRIES; turn++) {
    if (await store.put(chunk, sealed)) return 'stored'
    const there = await store.read(chunk)
    // Another worker has quarantined the corrupted result in the meantime.
    if (there === undefined) continue
    const other = unseal(chunk, there)
    if (other === null) {
      await discard(store, chunk, there)
    } else if (Buffer.compare(other.bytes, result.bytes) === 0) {
      return 'duplicate'
    } else {
      await store.put(`${chunk}${CONFLICT}${sha256(result.bytes).slice(0, SUFFIX_DIGITS)}`, sealed)
      return 'conflict'
    }
  }
  throw new StoreError(`${store.location}: ${chunk} was corrupted after every attempt to store this result`)
}
