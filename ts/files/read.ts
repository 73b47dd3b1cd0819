/** Safetensors files as they are read: the header at once, tensors when they are asked for. */

import { crc32, openSource } from '#disk'
import { inMemory } from '../ground/copy.js'
import { some } from '../ground/errors.js'
import { checksumsIn, shown } from './checksums.js'
import { readerOf, type Values } from './dtypes.js'
import { FileError } from './errors.js'
import { type Header, headerLength, parseHeader, type TensorInfo } from './header.js'
import { inWindows, type Place, type Source, sourceOf } from './places.js'

export type { Values } from './dtypes.js'
export type { TensorInfo } from './header.js'
export type { Place } from './places.js'

/** How many bytes are read at once, and how many such pieces: one is summed while the others are read. */
const PIECE = 1 << 20
const PIECES = 4

/** An open file: names, dtypes and shapes are known, and tensors are read when they are asked for. */
export class TensorFile {
  /** Texts by name: what a file says beside its tensors. */
  readonly metadata: ReadonlyMap<string, string>
  /** In the order of their bytes. */
  readonly tensors: ReadonlyMap<string, TensorInfo>
  readonly #source: Source
  readonly #start: number
  readonly #sums: ReadonlyMap<string, string>

  private constructor(source: Source, start: number, header: Header) {
    this.metadata = header.metadata
    this.tensors = header.tensors
    this.#source = inWindows(source)
    this.#start = start
    this.#sums = checksumsIn(header)
  }

  /** @internal */
  static async open(place: Place): Promise<TensorFile> {
    const source = place instanceof Blob ? sourceOf(place) : await openSource(place)
    try {
      const { size } = source
      const first = new Uint8Array(Math.min(8, size))
      await source.read(first, 0)
      const bytes = new Uint8Array(headerLength(first, size))
      await source.read(bytes, first.length)
      const start = 8 + bytes.length
      return new TensorFile(source, start, parseHeader(bytes, size - start))
    } catch (error) {
      await source.close()
      throw error
    }
  }

  /**
   * Reads one tensor: F32, F16 and BF16 as a Float32Array, F64 as a Float64Array, whole numbers as arrays of theirs,
   * BOOL as a Uint8Array of 0 and 1. Where antigrad has written the file, its checksum is compared.
   *
   * @throws FileError where there is none of that name, it has changed since, or is of a dtype that JavaScript has no
   * array for: `bytes` are there then
   */
  async read(name: string): Promise<Values> {
    const { dtype } = this.#info(name)
    const reader = readerOf(dtype)
    if (reader === undefined)
      throw new FileError(`tensor ${name}`, 'a dtype with an array of its own; bytes() reads others', dtype)
    return reader(await this.bytes(name))
  }

  /** The bytes of one tensor as they are in the file; for errors see {@link read}. */
  async bytes(name: string): Promise<ArrayBuffer> {
    const { from, to } = this.#info(name)
    const bytes = inMemory(to - from, () => new Uint8Array(to - from))
    const sum = await this.#fill(bytes, this.#start + from)
    const expected = this.#sums.get(name)
    if (expected !== undefined && expected !== shown(sum))
      throw new FileError(`tensor ${name}`, `the checksum ${expected}`, `one whose checksum is ${shown(sum)}`)
    return bytes.buffer
  }

  /** Reads what begins there, several pieces at once. @returns its checksum */
  async #fill(bytes: Uint8Array, start: number): Promise<number> {
    const reading: Promise<void>[] = []
    const begin = (at: number) => {
      const read = this.#source.read(bytes.subarray(at, at + PIECE), start + at)
      // It is awaited later, and may have failed before.
      read.catch(() => {})
      reading.push(read)
    }
    let sum = 0
    try {
      for (let at = 0; at < Math.min(PIECES * PIECE, bytes.length); at += PIECE) begin(at)
      for (let at = 0; at < bytes.length; at += PIECE) {
        await reading.shift()
        if (at + PIECES * PIECE < bytes.length) begin(at + PIECES * PIECE)
        sum = crc32(bytes.subarray(at, at + PIECE), sum)
      }
    } finally {
      await Promise.allSettled(reading)
    }
    return sum
  }

  #info(name: string): TensorInfo {
    const info = this.tensors.get(name)
    if (info !== undefined) return info
    throw new FileError('tensor', `one of ${some([...this.tensors.keys()])}`, name)
  }

  /** Closes the file; what was read stays. */
  close(): Promise<void> {
    return this.#source.close()
  }
}

/**
 * Opens a safetensors file and reads its header, of which each rule of the format is checked.
 *
 * @param place a path, or in a browser a Blob, such as a File
 * @throws FileError where it is none; what the file system throws where it is not there
 */
export function openFile(place: Place): Promise<TensorFile> {
  return TensorFile.open(place)
}
