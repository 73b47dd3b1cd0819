/** Safetensors files as they are read: the header at once, tensors when they are asked for. */

import { crc32, openSource } from '#disk'
import { withMemoryError } from '../../core/copy.js'
import { joinFirst } from '../../core/errors.js'
import { nextTurn } from '../../core/event-loop.js'
import { FileError } from '../sources/errors.js'
import { blobSource, type FileSource, readInWindows, type Source } from '../sources/sources.js'
import { formatSum, readChecksums } from './checksums.js'
import { findReader, findWidener, type TensorData } from './dtypes.js'
import { type FileHeader, headerLength, parseHeader, type TensorInfo } from './header.js'

export type { FileSource } from '../sources/sources.js'
export type { TensorData } from './dtypes.js'
export type { TensorInfo } from './header.js'

/** How many bytes are read at once, and how many such pieces: one is summed while the others are read. */
const MAX_PIECE_BYTES = 1 << 22
const MAX_PIECES = 4
/** Of those that take longer, as they become other numbers. */
const MAX_WIDENED_BYTES = 1 << 20

/** An open file: names, dtypes and shapes are known, and tensors are read when they are asked for. */
export interface TensorFile {
  /** Texts by name: what a file says beside its tensors. */
  readonly metadata: ReadonlyMap<string, string>
  /** In the order of their bytes. */
  readonly tensors: ReadonlyMap<string, TensorInfo>
  /**
   * Reads one tensor: F32, F16 and BF16 as a Float32Array, F64 as a Float64Array, integers as arrays of theirs,
   * BOOL as a Uint8Array of 0 and 1. Where antigrad has written the file, its checksum is compared.
   *
   * @throws FileError where there is none of that name, it has changed since, or is of a dtype that JavaScript has no
   * array for: `bytes` are there then
   */
  read(name: string): Promise<TensorData>
  /** The bytes of one tensor as they are in the file; for errors see {@link read}. */
  bytes(name: string): Promise<ArrayBuffer>
  /** Closes the file; what was read stays. */
  close(): Promise<void>
}

/** A tensor while it is read. */
interface ReadTarget<T> {
  readonly name: string
  readonly info: TensorInfo
  /** How many bytes are read of it at once. */
  readonly piece: number
  /** Where such bytes of it go. */
  place(at: number, length: number): Uint8Array
  /** They are there. */
  take?(bytes: Uint8Array, at: number): void
  /** All of it. */
  readonly result: T
}

/** A part of it that is on its way. */
interface ReadPiece<T> {
  readonly target: ReadTarget<T>
  readonly at: number
  readonly bytes: Uint8Array
  readonly read: Promise<void>
}

export class OpenTensorFile implements TensorFile {
  readonly metadata: ReadonlyMap<string, string>
  readonly tensors: ReadonlyMap<string, TensorInfo>
  readonly #source: Source
  readonly #start: number
  readonly #sums: ReadonlyMap<string, string>

  constructor(source: Source, start: number, header: FileHeader) {
    this.metadata = header.metadata
    this.tensors = header.tensors
    this.#source = readInWindows(source)
    this.#start = start
    this.#sums = readChecksums(header)
  }

  async read(name: string): Promise<TensorData> {
    const [[, values]] = await toArray(this.readAll([name]))
    return values
  }

  async bytes(name: string): Promise<ArrayBuffer> {
    const [[, bytes]] = await toArray(this.#readInto([name], targetInBuffer))
    return bytes
  }

  /** Reads tensors one after the other, of which the next are on their way while one is looked at. */
  async *readAll(names: Iterable<string>): AsyncGenerator<[name: string, values: TensorData]> {
    yield* this.#readInto(names, createTarget)
  }

  async *#readInto<T>(
    names: Iterable<string>,
    targetOf: (name: string, info: TensorInfo) => ReadTarget<T>,
  ): AsyncGenerator<[name: string, whole: T]> {
    const pieces = this.#begin(names, targetOf)
    const ahead: ReadPiece<T>[] = []
    const begin = () => {
      const { value } = pieces.next()
      if (value) ahead.push(value)
    }
    let sum = 0
    let done = 0
    try {
      for (let k = 0; k < MAX_PIECES; k++) begin()
      for (;;) {
        const piece = ahead.shift()
        if (piece === undefined) return
        await piece.read
        begin()
        const { target, at, bytes } = piece
        sum = crc32(bytes, sum)
        target.take?.(bytes, at)
        if (at + bytes.length === target.info.end - target.info.begin) {
          this.#compare(target.name, sum)
          sum = 0
          yield [target.name, target.result]
        }
        done += bytes.length
        if (done < MAX_WIDENED_BYTES) continue
        // Pieces that have come meanwhile would follow at once.
        done = 0
        await nextTurn()
      }
    } finally {
      await Promise.allSettled(ahead.map(({ read }) => read))
    }
  }

  /** Begins to read a piece each time that one is asked for. */
  *#begin<T>(
    names: Iterable<string>,
    targetOf: (name: string, info: TensorInfo) => ReadTarget<T>,
  ): Generator<ReadPiece<T>, undefined> {
    for (const name of names) {
      const info = this.#findInfo(name)
      const { begin, end } = info
      const target = targetOf(name, info)
      let at = 0
      do {
        const bytes = target.place(at, Math.min(target.piece, end - begin - at))
        const read = this.#source.read(bytes, this.#start + begin + at)
        // It is awaited later, and may have failed before.
        read.catch(() => {})
        yield { target, at, bytes, read }
        at += target.piece
      } while (at < end - begin)
    }
  }

  #compare(name: string, sum: number): void {
    const expected = this.#sums.get(name)
    if (expected !== undefined && expected !== formatSum(sum))
      throw new FileError(
        `tensor ${name}`,
        `the checksum ${expected}`,
        `one whose checksum is ${formatSum(sum)}`,
      )
  }

  #findInfo(name: string): TensorInfo {
    const info = this.tensors.get(name)
    if (info !== undefined) return info
    throw new FileError('tensor', `one of ${joinFirst([...this.tensors.keys()])}`, name)
  }

  close(): Promise<void> {
    return this.#source.close()
  }
}

async function toArray<T>(given: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const one of given) found.push(one)
  return found
}

function targetInBuffer(name: string, info: TensorInfo): ReadTarget<ArrayBuffer> {
  const size = info.end - info.begin
  const result = withMemoryError(size, () => new ArrayBuffer(size))
  return {
    name,
    info,
    result,
    piece: MAX_PIECE_BYTES,
    place: (at, length) => new Uint8Array(result, at, length),
  }
}

function createTarget(name: string, info: TensorInfo): ReadTarget<TensorData> {
  const reader = findReader(info.dtype)
  if (reader === undefined)
    throw new FileError(
      `tensor ${name}`,
      'a dtype with an array of its own; bytes() reads others',
      info.dtype,
    )
  const widen = findWidener(info.dtype)
  if (widen === undefined) {
    const target = targetInBuffer(name, info)
    return { ...target, result: reader(target.result) }
  }
  const size = info.end - info.begin
  const result = withMemoryError(2 * size, () => new Float32Array(size / 2))
  // One is widened while others are on their way.
  const pieces = Array.from(
    { length: MAX_PIECES + 1 },
    () => new Uint8Array(Math.min(MAX_WIDENED_BYTES, size)),
  )
  return {
    name,
    info,
    result,
    piece: MAX_WIDENED_BYTES,
    place: (at, length) => pieces[(at / MAX_WIDENED_BYTES) % pieces.length].subarray(0, length),
    take: ({ buffer, length }, at) => widen(new Uint16Array(buffer, 0, length / 2), result.subarray(at / 2)),
  }
}

/** What {@link openFile} gives, with all that it has. */
export async function openSafetensors(place: FileSource): Promise<OpenTensorFile> {
  const source = place instanceof Blob ? blobSource(place) : await openSource(place)
  try {
    const { size } = source
    const first = new Uint8Array(Math.min(8, size))
    await source.read(first, 0)
    const bytes = new Uint8Array(headerLength(first, size))
    await source.read(bytes, first.length)
    const start = 8 + bytes.length
    return new OpenTensorFile(source, start, parseHeader(bytes, size - start))
  } catch (error) {
    await source.close()
    throw error
  }
}

/**
 * Opens a safetensors file and reads its header, of which each rule of the format is checked.
 *
 * @param place a path, or in a browser a Blob, such as a File
 * @throws FileError where it is none; what the file system throws where it is not there
 */
export function openFile(place: FileSource): Promise<TensorFile> {
  return openSafetensors(place)
}
