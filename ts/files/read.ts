/** Safetensors files as they are read: the header at once, tensors when they are asked for. */

import { crc32, openSource } from '#disk'
import { inMemory } from '../ground/copy.js'
import { some } from '../ground/errors.js'
import { nextTurn } from '../ground/event-loop.js'
import { checksumsIn, shown } from './checksums.js'
import { readerOf, type Values, widenerOf } from './dtypes.js'
import { FileError } from './errors.js'
import { type Header, headerLength, parseHeader, type TensorInfo } from './header.js'
import { inWindows, type Place, type Source, sourceOf } from './places.js'

export type { Values } from './dtypes.js'
export type { TensorInfo } from './header.js'
export type { Place } from './places.js'

/** How many bytes are read at once, and how many such pieces: one is summed while the others are read. */
const PIECE = 1 << 22
const PIECES = 4
/** Of those that take longer, as they become other numbers. */
const WIDENED = 1 << 20

/** An open file: names, dtypes and shapes are known, and tensors are read when they are asked for. */
export interface TensorFile {
  /** Texts by name: what a file says beside its tensors. */
  readonly metadata: ReadonlyMap<string, string>
  /** In the order of their bytes. */
  readonly tensors: ReadonlyMap<string, TensorInfo>
  /**
   * Reads one tensor: F32, F16 and BF16 as a Float32Array, F64 as a Float64Array, whole numbers as arrays of theirs,
   * BOOL as a Uint8Array of 0 and 1. Where antigrad has written the file, its checksum is compared.
   *
   * @throws FileError where there is none of that name, it has changed since, or is of a dtype that JavaScript has no
   * array for: `bytes` are there then
   */
  read(name: string): Promise<Values>
  /** The bytes of one tensor as they are in the file; for errors see {@link read}. */
  bytes(name: string): Promise<ArrayBuffer>
  /** Closes the file; what was read stays. */
  close(): Promise<void>
}

/** A tensor while it is read. */
interface Target<T> {
  readonly name: string
  readonly info: TensorInfo
  /** How many bytes are read of it at once. */
  readonly piece: number
  /** Where such bytes of it go. */
  place(at: number, length: number): Uint8Array
  /** They are there. */
  take?(bytes: Uint8Array, at: number): void
  /** All of it. */
  readonly whole: T
}

/** A part of it that is on its way. */
interface Piece<T> {
  readonly target: Target<T>
  readonly at: number
  readonly bytes: Uint8Array
  readonly read: Promise<void>
}

export class OpenFile implements TensorFile {
  readonly metadata: ReadonlyMap<string, string>
  readonly tensors: ReadonlyMap<string, TensorInfo>
  readonly #source: Source
  readonly #start: number
  readonly #sums: ReadonlyMap<string, string>

  constructor(source: Source, start: number, header: Header) {
    this.metadata = header.metadata
    this.tensors = header.tensors
    this.#source = inWindows(source)
    this.#start = start
    this.#sums = checksumsIn(header)
  }

  async read(name: string): Promise<Values> {
    const [[, values]] = await all(this.readAll([name]))
    return values
  }

  async bytes(name: string): Promise<ArrayBuffer> {
    const [[, bytes]] = await all(this.#all([name], inBuffer))
    return bytes
  }

  /** Reads tensors one after the other, of which the next are on their way while one is looked at. */
  async *readAll(names: Iterable<string>): AsyncGenerator<[name: string, values: Values]> {
    yield* this.#all(names, targetOf)
  }

  async *#all<T>(
    names: Iterable<string>,
    targetOf: (name: string, info: TensorInfo) => Target<T>,
  ): AsyncGenerator<[name: string, whole: T]> {
    const pieces = this.#begin(names, targetOf)
    const ahead: Piece<T>[] = []
    const begin = () => {
      const { value } = pieces.next()
      if (value) ahead.push(value)
    }
    let sum = 0
    let done = 0
    try {
      for (let k = 0; k < PIECES; k++) begin()
      for (;;) {
        const piece = ahead.shift()
        if (piece === undefined) return
        await piece.read
        begin()
        const { target, at, bytes } = piece
        sum = crc32(bytes, sum)
        target.take?.(bytes, at)
        if (at + bytes.length === target.info.to - target.info.from) {
          this.#compare(target.name, sum)
          sum = 0
          yield [target.name, target.whole]
        }
        done += bytes.length
        if (done < WIDENED) continue
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
    targetOf: (name: string, info: TensorInfo) => Target<T>,
  ): Generator<Piece<T>, undefined> {
    for (const name of names) {
      const info = this.#info(name)
      const { from, to } = info
      const target = targetOf(name, info)
      let at = 0
      do {
        const bytes = target.place(at, Math.min(target.piece, to - from - at))
        const read = this.#source.read(bytes, this.#start + from + at)
        // It is awaited later, and may have failed before.
        read.catch(() => {})
        yield { target, at, bytes, read }
        at += target.piece
      } while (at < to - from)
    }
  }

  #compare(name: string, sum: number): void {
    const expected = this.#sums.get(name)
    if (expected !== undefined && expected !== shown(sum))
      throw new FileError(`tensor ${name}`, `the checksum ${expected}`, `one whose checksum is ${shown(sum)}`)
  }

  #info(name: string): TensorInfo {
    const info = this.tensors.get(name)
    if (info !== undefined) return info
    throw new FileError('tensor', `one of ${some([...this.tensors.keys()])}`, name)
  }

  close(): Promise<void> {
    return this.#source.close()
  }
}

async function all<T>(given: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const one of given) found.push(one)
  return found
}

function inBuffer(name: string, info: TensorInfo): Target<ArrayBuffer> {
  const size = info.to - info.from
  const whole = inMemory(size, () => new ArrayBuffer(size))
  return { ...{ name, info, whole, piece: PIECE }, place: (at, length) => new Uint8Array(whole, at, length) }
}

function targetOf(name: string, info: TensorInfo): Target<Values> {
  const reader = readerOf(info.dtype)
  if (reader === undefined)
    throw new FileError(
      `tensor ${name}`,
      'a dtype with an array of its own; bytes() reads others',
      info.dtype,
    )
  const widen = widenerOf(info.dtype)
  if (widen === undefined) {
    const target = inBuffer(name, info)
    return { ...target, whole: reader(target.whole) }
  }
  const size = info.to - info.from
  const whole = inMemory(2 * size, () => new Float32Array(size / 2))
  // One is widened while others are on their way.
  const pieces = Array.from({ length: PIECES + 1 }, () => new Uint8Array(Math.min(WIDENED, size)))
  return {
    ...{ name, info, whole, piece: WIDENED },
    place: (at, length) => pieces[(at / WIDENED) % pieces.length].subarray(0, length),
    take: ({ buffer, length }, at) => widen(new Uint16Array(buffer, 0, length / 2), whole.subarray(at / 2)),
  }
}

/** What {@link openFile} gives, with all that it has. */
export async function open(place: Place): Promise<OpenFile> {
  const source = place instanceof Blob ? sourceOf(place) : await openSource(place)
  try {
    const { size } = source
    const first = new Uint8Array(Math.min(8, size))
    await source.read(first, 0)
    const bytes = new Uint8Array(headerLength(first, size))
    await source.read(bytes, first.length)
    const start = 8 + bytes.length
    return new OpenFile(source, start, parseHeader(bytes, size - start))
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
export function openFile(place: Place): Promise<TensorFile> {
  return open(place)
}
