/**
 * The header of a safetensors file. The length of the header (8 bytes) is followed by JSON with the dtype, shape and
 * byte range of each tensor. Every violation of the format causes an error, because a file with a violation cannot be
 * trusted.
 */

import { truncate } from '../../core/errors.js'
import { endOfString } from '../../core/json.js'
import { isCount } from '../../core/numbers.js'
import { isRecord, toBoundedArray } from '../../core/untrusted-input.js'
import { FileError } from '../sources/errors.js'
import { BITS } from './dtypes.js'
import { readJson } from './json.js'

/** The description of a tensor in a file's header. */
export interface TensorInfo {
  /** Name of the dtype in the safetensors format, such as F32. */
  readonly dtype: string
  readonly shape: readonly number[]
  /** Byte range of the tensor, counted from the end of the header. */
  readonly begin: number
  readonly end: number
}

export interface FileHeader {
  /** Metadata strings by name. */
  readonly metadata: ReadonlyMap<string, string>
  /** Tensors by name, in the order of their bytes. */
  readonly tensors: ReadonlyMap<string, TensorInfo>
}

const LENGTH_BYTES = 8
/** Maximum length of the header. Other readers of safetensors files accept no longer headers. */
export const MAX_HEADER_BYTES = 100_000_000
const METADATA = '__metadata__'
/** Nesting depth of the header's JSON, for the header, a tensor, and the tensor's shape. */
const NESTING = { deepest: 3, areNamed: true }

/**
 * Reads the length of the header from the first bytes of a file.
 *
 * @throws FileError if the file cannot contain a header of this length
 */
export function headerLength(first: Uint8Array, size: number): number {
  if (size < LENGTH_BYTES) throw new FileError('file', `at least ${LENGTH_BYTES} bytes`, size)
  const length = Number(new DataView(first.buffer, first.byteOffset).getBigUint64(0, true))
  if (length > MAX_HEADER_BYTES)
    throw new FileError('header', `a length of at most ${MAX_HEADER_BYTES} bytes`, length)
  if (length > size - LENGTH_BYTES)
    throw new FileError(
      'header',
      `a length of at most ${size - LENGTH_BYTES} bytes (the rest of the file)`,
      length,
    )
  return length
}

/**
 * Parses and validates a header.
 *
 * @param bytes bytes of the header, without the 8 bytes of its length
 * @param size number of bytes in the file after the header
 * @throws FileError if the header violates the format
 */
export function parseHeader(bytes: Uint8Array, size: number): FileHeader {
  const text = decodeText(bytes)
  if (!text.startsWith('{')) throw new FileError('header', 'an object that begins at the first byte', text)
  const given = readJson('header', text, NESTING) as object
  const metadata = new Map<string, string>()
  const tensors: [string, TensorInfo][] = []
  let keys = 0
  for (const [name, value] of Object.entries(given)) {
    keys++
    if (!isRecord(value)) throw new FileError(describeTensor(name), 'an object', value)
    keys += Object.keys(value).length
    if (name === METADATA) {
      for (const [key, text] of Object.entries(value)) {
        if (typeof text !== 'string')
          throw new FileError(describeTensor(`metadata: ${key}`), 'a string', text)
        metadata.set(key, text)
      }
    } else tensors.push([name, readInfo(name, value)])
  }
  // JSON.parse keeps the last of duplicate keys, so the keys are counted in the text.
  if (readKeys(text) !== keys) throw new FileError('header', 'distinct names', 'a repeated name')
  tensors.sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end)
  let end = 0
  for (const [name, { begin, end: to }] of tensors) {
    if (begin !== end)
      throw new FileError(
        describeTensor(name),
        `bytes from ${end} on (the end of the previous tensor)`,
        begin,
      )
    end = to
  }
  if (end !== size) throw new FileError('file', `${end} bytes of tensors after the header`, size)
  return { metadata, tensors: new Map(tensors) }
}

const describeTensor = (name: string) => `header: ${truncate(name)}`

function decodeText(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new FileError('header', 'UTF-8', 'other bytes')
  }
}

/** Number of keys in a JSON text, which are strings followed by a colon. */
function readKeys(text: string): number {
  let keys = 0
  for (let at = text.indexOf('"'); at >= 0; at = text.indexOf('"', at)) {
    at = endOfString(text, at)
    do at++
    while (' \t\n\r'.includes(text[at]))
    if (text[at] === ':') keys++
  }
  return keys
}

function readInfo(name: string, given: object): TensorInfo {
  const { dtype, shape, data_offsets, ...others } = given as Record<string, unknown>
  const [other] = Object.keys(others)
  if (other !== undefined) throw new FileError(describeTensor(name), 'dtype, shape and data_offsets', other)
  if (typeof dtype !== 'string' || !Object.hasOwn(BITS, dtype))
    throw new FileError(
      describeTensor(`${truncate(name)}: dtype`),
      `one of ${Object.keys(BITS).join(', ')}`,
      dtype,
    )
  const lengths = toBoundedArray(shape)
  if (!lengths?.every((length): length is number => isCount(length, 0)))
    throw new FileError(describeTensor(`${truncate(name)}: shape`), 'an array of integers ≥ 0', shape)
  const [from, to, ...rest] = toBoundedArray(data_offsets) ?? []
  if (!isCount(from, 0) || !isCount(to, 0) || from > to || rest.length > 0)
    throw new FileError(
      describeTensor(`${truncate(name)}: data_offsets`),
      '[begin, end], the byte range of the tensor',
      data_offsets,
    )
  const bits = lengths.reduce((product, length) => product * length, BITS[dtype])
  // Products that could match a file's size are computed exactly.
  if (bits !== (to - from) * 8)
    throw new FileError(
      describeTensor(name),
      `bytes for the shape [${truncate(`${lengths}`)}] of ${dtype}`,
      to - from,
    )
  return { dtype, shape: Object.freeze(lengths), begin: from, end: to }
}

/**
 * Encodes a header, preceded by its length. The header is padded so that the bytes of the tensors, which follow
 * contiguously, start at a multiple of 8.
 *
 * @throws FileError if the header is longer than other readers accept, or if a name is not valid Unicode
 */
export function encodeHeader({ metadata, tensors }: FileHeader): Uint8Array {
  const entries = [...tensors].map(([name, { dtype, shape, begin, end }]) => {
    if (name === METADATA) throw new FileError('tensor', `a name other than ${METADATA}`, name)
    return [name, { dtype, shape, data_offsets: [begin, end] }] as const
  })
  const texts = metadata.size > 0 ? [[METADATA, Object.fromEntries(metadata)] as const] : []
  const text = JSON.stringify(Object.fromEntries<object>([...texts, ...entries]))
  // JSON.stringify escapes lone surrogates, which other readers refuse.
  const lone = /(?<!\\)(?:\\\\)*\\ud[89a-f][0-9a-f]{2}/.exec(text)
  if (lone !== null) throw new FileError('tensor', 'a name of valid Unicode characters', lone[0])
  const bytes = new TextEncoder().encode(text)
  if (bytes.length > MAX_HEADER_BYTES)
    throw new FileError('header', `at most ${MAX_HEADER_BYTES} bytes of names and metadata`, bytes.length)
  const padded = new Uint8Array(LENGTH_BYTES + Math.ceil(bytes.length / 8) * 8).fill(0x20)
  new DataView(padded.buffer).setBigUint64(0, BigInt(padded.length - LENGTH_BYTES), true)
  padded.set(bytes, LENGTH_BYTES)
  return padded
}
