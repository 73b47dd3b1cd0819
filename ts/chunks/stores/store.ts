/**
 * Stores of results: what is in one is the truth. A result has a name and is written once; what another one would be is
 * compared.
 */

import { shown, truncate } from '../../core/errors.js'
import { withoutControls } from '../../core/text.js'
import { isRecord } from '../../core/untrusted-input.js'
import { StoreError } from '../plan/errors.js'
import { sha256 } from '../plan/hash.js'

/** Where results lie: files of a folder, or objects elsewhere. Names have letters, digits, dots and -. */
export interface Store {
  /** For messages. */
  readonly location: string
  /** Sees to it that something can be written. @throws (rejects with) StoreError */
  check(): Promise<void>
  /** All names, and when they came, in milliseconds. */
  names(): Promise<ReadonlyMap<string, number>>
  /** Undefined where there is none. */
  read(name: string): Promise<Uint8Array | undefined>
  /** Writes what has no such name yet, all of it or nothing; false where there is one. */
  put(name: string, bytes: Uint8Array): Promise<boolean>
  /** Gives it another name. */
  rename(name: string, to: string): Promise<void>
  remove(name: string): Promise<void>
}

/** Who has made a result. */
export interface Provenance {
  readonly host: string
  readonly engine: string
  /** Empty where the engine has none. */
  readonly instructionSet: string
  readonly version: string
}

export interface SealedResult {
  readonly bytes: Uint8Array
  readonly producedBy: Provenance
}

/** What has become of a result: the first one; one that was there; or one that has other bytes. */
export type StoreOutcome = 'stored' | 'duplicate' | 'conflict'

/** The version of the format of results in stores. Other versions are not read. */
const STORE_FORMAT = 2
const FAILED = '.failed'
const CONFLICT = '.conflict-'
const CORRUPTED = '.corrupted-'
const SUFFIX_DIGITS = 16

export const failureName = (name: string) => name + FAILED

/** What a name in a store is of. */
export function parseStoreName(
  name: string,
): { readonly chunk: string; readonly kind: 'result' | 'conflict' | 'failed' } | null {
  const [, chunk, more = ''] = /^([\da-f]{64})(\..*)?$/.exec(name) ?? []
  if (chunk === undefined) return null
  if (more === '') return { chunk, kind: 'result' }
  if (more === FAILED) return { chunk, kind: 'failed' }
  return more.startsWith(CONFLICT) ? { chunk, kind: 'conflict' } : null
}

/** A result as it lies in a store: its bytes, a line that says of what and by whom, and one with the hash of all before. */
export function seal(chunk: string, { bytes, producedBy }: SealedResult): Uint8Array {
  const line = `\n${JSON.stringify({ format: STORE_FORMAT, chunk, bytes: bytes.length, producedBy })}\n`
  return Buffer.concat([bytes, Buffer.from(`${line}${sha256(bytes, line)}\n`)])
}

/**
 * The result in a store's bytes; null if they are corrupted.
 *
 * @throws StoreError if another version of the format has written them
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
      `${truncate(chunk)}: expected a result of version ${STORE_FORMAT} of the format, the only one that this release reads, got ${shown(format)}`,
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

/** Sets aside what is damaged, so that the chunk is missing. */
export const discard = (store: Store, chunk: string, damaged: Uint8Array): Promise<void> =>
  store.rename(chunk, `${chunk}${CORRUPTED}${sha256(damaged).slice(0, SUFFIX_DIGITS)}`)

/** Turns in which others may be in the way. */
const MAX_TRIES = 5

/**
 * Puts a result where it belongs. One that is there and damaged is set aside; one that is there and has other bytes stays, and
 * so does this one, beside it.
 *
 * @throws (rejects with) StoreError where it cannot be written
 */
export async function storeResult(store: Store, chunk: string, result: SealedResult): Promise<StoreOutcome> {
  const sealed = seal(chunk, result)
  for (let turn = 0; turn < MAX_TRIES; turn++) {
    if (await store.put(chunk, sealed)) return 'stored'
    const there = await store.read(chunk)
    // Somebody has set it aside meanwhile.
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
  throw new StoreError(`${store.location}: ${chunk} is there, and damaged, again and again`)
}
