/**
 * Stores of results: what is in one is the truth. A result has a name and is written once; what another one would be is
 * compared.
 */

import { isRecord } from '../ground/given.js'
import { withoutControls } from '../ground/text.js'
import { StoreError } from './errors.js'
import { sha256 } from './hash.js'

/** Where results lie: files of a folder, or objects elsewhere. Names have letters, digits, dots and -. */
export interface Store {
  /** For messages. */
  readonly place: string
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
export interface Maker {
  readonly host: string
  readonly engine: string
  /** Empty where the engine has none. */
  readonly instructionSet: string
  readonly version: string
}

export interface Result {
  readonly bytes: Uint8Array
  readonly by: Maker
}

/** What has become of a result: the first one; one that was there; or one that has other bytes. */
export type Kept = 'stored' | 'there' | 'dispute'

const FAILED = '.failed'
const [DISPUTE, DAMAGED] = ['.dispute-', '.damaged-']
const DIGITS = 16

export const failedOf = (name: string) => name + FAILED

/** What a name in a store is of. */
export function chunkOf(
  name: string,
): { readonly chunk: string; readonly kind: 'result' | 'dispute' | 'failed' } | null {
  const [, chunk, more = ''] = /^([\da-f]{64})(\..*)?$/.exec(name) ?? []
  if (chunk === undefined) return null
  if (more === '') return { chunk, kind: 'result' }
  if (more === FAILED) return { chunk, kind: 'failed' }
  return more.startsWith(DISPUTE) ? { chunk, kind: 'dispute' } : null
}

/** A result as it lies in a store: its bytes, a line that says of what and by whom, and one with the hash of all before. */
export function seal(chunk: string, { bytes, by }: Result): Uint8Array {
  const line = `\n${JSON.stringify({ chunk, bytes: bytes.length, by })}\n`
  return Buffer.concat([bytes, Buffer.from(`${line}${sha256(bytes, line)}\n`)])
}

/** The result in what lies there; null where it is damaged. */
export function unseal(chunk: string, sealed: Uint8Array): Result | null {
  const all = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.length)
  const end = all.length - 65
  if (end < 1 || all.toString('latin1', end) !== `${sha256(all.subarray(0, end))}\n`) return null
  const from = all.lastIndexOf(10, end - 2)
  const said: unknown = parsed(all.toString('utf8', from + 1, end))
  if (!isRecord(said)) return null
  const { chunk: of, bytes, by } = said as Readonly<Record<string, unknown>>
  if (from < 0 || of !== chunk || bytes !== from || !isRecord(by)) return null
  const word = (name: string) =>
    withoutControls(String((by as Readonly<Record<string, unknown>>)[name] ?? '').slice(0, 200))
  return {
    bytes: all.subarray(0, from),
    by: {
      host: word('host'),
      engine: word('engine'),
      instructionSet: word('instructionSet'),
      version: word('version'),
    },
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Sets aside what is damaged, so that the chunk is missing. */
export const discard = (store: Store, chunk: string, damaged: Uint8Array): Promise<void> =>
  store.rename(chunk, `${chunk}${DAMAGED}${sha256(damaged).slice(0, DIGITS)}`)

/** Turns in which others may be in the way. */
const TURNS = 5

/**
 * Puts a result where it belongs. One that is there and damaged is set aside; one that is there and has other bytes stays, and
 * so does this one, beside it.
 *
 * @throws (rejects with) StoreError where it cannot be written
 */
export async function keep(store: Store, chunk: string, result: Result): Promise<Kept> {
  const sealed = seal(chunk, result)
  for (let turn = 0; turn < TURNS; turn++) {
    if (await store.put(chunk, sealed)) return 'stored'
    const there = await store.read(chunk)
    // Somebody has set it aside meanwhile.
    if (there === undefined) continue
    const other = unseal(chunk, there)
    if (other === null) {
      await discard(store, chunk, there)
    } else if (Buffer.compare(other.bytes, result.bytes) === 0) {
      return 'there'
    } else {
      await store.put(`${chunk}${DISPUTE}${sha256(result.bytes).slice(0, DIGITS)}`, sealed)
      return 'dispute'
    }
  }
  throw new StoreError(`${store.place}: ${chunk} is there, and damaged, again and again`)
}
