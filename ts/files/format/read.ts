/** Reader of safetensors files. The header is read at once, and each tensor is read on request. */

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

/**
 * Number of bytes per read, and number of concurrent reads: the checksum of one piece is computed while further pieces
 * are read.
 */
const MAX_PIECE_BYTES = 1 << 22
const MAX_PIECES = 4
/** Number of bytes per read of a tensor that is widened, because widening takes longer. */
const MAX_WIDENED_BYTES = 1 << 20

/**
 * An open safetensors file. Names, dtypes and shapes of the tensors are available at once. Tensors are read on request.
 */
export interface TensorFile {
  /** Metadata strings by name. */
  readonly metadata: ReadonlyMap<string, string>
  /** Tensors by name, in the order of their bytes. */
  readonly tensors: ReadonlyMap<string, TensorInfo>
  /**
   * Reads one tensor. F32, F16 and BF16 become a Float32Array, F64 becomes a Float64Array, and integers become the
   * corresponding typed array. BOOL becomes a Uint8Array of 0 and 1. If antigrad has written the file, the checksum is
   * verified.
   *
   * @throws FileError if the tensor does not exist, if its checksum differs, or if JavaScript has no typed array for
   * its dtype (in this case, use {@link bytes})
   */
  read(name: string): Promise<TensorData>
  /** Reads the bytes of one tensor without conversion. The errors are the errors of {@link read}. */
  bytes(name: string): Promise<ArrayBuffer>
  /** Closes the file. Arrays that were read from the file stay valid. */
  close(): Promise<void>
}

/** The destination of a tensor that is being read. */
interface ReadTarget<T> {
  readonly name: string
  readonly info: TensorInfo
  /** Number of bytes per read operation. */
  readonly piece: number
  /** Returns the memory into which a piece of the tensor is read. */
  place(at: number, length: number): Uint8Array
  /** Processes a piece that has been read. */
  take?(bytes: Uint8Array, at: number): void
  /** Returns the complete tensor, after all pieces have been processed. */
  readonly result: T
}

/** One piece of a tensor that is being read. */
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

  /** Reads the listed tensors in order. While one piece is being processed, further pieces are read. */
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
        // Without this wait, pieces that have already arrived would be processed without a pause.
        done = 0
        await nextTurn()
      }
    } finally {
      await Promise.allSettled(ahead.map(({ read }) => read))
    }
  }

  /** Starts the read of one further piece for each request. */
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
        // The promise of the read is awaited later. Before the promise is awaited, a failed read must not count as an
        // unhandled rejection.
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
      'a dtype that has a typed array; use bytes() for other dtypes',
      info.dtype,
    )
  const widen = findWidener(info.dtype)
  if (widen === undefined) {
    const target = targetInBuffer(name, info)
    return { ...target, result: reader(target.result) }
  }
  const size = info.end - info.begin
  const result = withMemoryError(2 * size, () => new Float32Array(size / 2))
  // One piece is widened while further pieces are read.
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

/** Opens a file like {@link openFile}, but returns the internal interface. */
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
 * Opens a safetensors file, and reads and validates its header.
 *
 * @param place a path, or a Blob such as a File (browsers support only Blobs)
 * @throws FileError if the file is not a safetensors file; the file system's error if the file cannot be opened
 */
export function openFile(place: FileSource): Promise<TensorFile> {
  return openSafetensors(place)
}
