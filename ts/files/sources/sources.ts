/** Interfaces for reading and writing bytes, for all kinds of storage. */

import { nextTurn } from '../../core/event-loop.js'
import { FileError } from './errors.js'

/** A readable file. */
export interface Source {
  readonly size: number
  /** Fills an array with bytes of the file, starting at position `at`. @throws FileError if the file is too short */
  read(into: Uint8Array, at: number): Promise<void>
  close(): Promise<void>
}

/** A writable file with random access. The caller may reuse the array when the promise of a write resolves. */
export interface Sink {
  write(bytes: Uint8Array, at: number): Promise<void>
  /** Completes the file and makes the file visible. */
  finish(): Promise<void>
  /** Discards all bytes that were written. */
  abort(): Promise<void>
}

/** A file, given as a path, a file URL or a Blob. */
export type FileSource = string | URL | Blob

export const blobSource = (blob: Blob): Source => ({
  size: blob.size,
  async read(into, at) {
    const bytes = new Uint8Array(await blob.slice(at, at + into.length).arrayBuffer())
    if (bytes.length < into.length) throw endedError()
    into.set(bytes)
  },
  async close() {},
})

export const endedError = () => new FileError('file', 'all bytes of the file', 'a file that became shorter')

/** Collects the pieces of a Blob. The browser decides where the Blob is stored. */
export class BlobSink implements Sink {
  /** Pieces of the Blob, by position. */
  readonly #pieces = new Map<number, Blob>()

  async write(bytes: Uint8Array, at: number): Promise<void> {
    // The Blob constructor copies the bytes.
    this.#pieces.set(at, new Blob([bytes as BlobPart]))
    await nextTurn()
  }

  async finish(): Promise<void> {}
  async abort(): Promise<void> {}

  get blob(): Blob {
    const pieces = [...this.#pieces].sort(([a], [b]) => a - b).map(([, piece]) => piece)
    return new Blob(pieces, { type: 'application/octet-stream' })
  }
}

/** Number of bytes per read if tensors are small. */
const WINDOW_BYTES = 1 << 20

/** Combines reads of small pieces, because a single file-system call takes as long as reading thousands of bytes. */
export function readInWindows(source: Source): Source {
  let window: Promise<Uint8Array> | undefined
  let [start, end] = [0, 0]
  const open = (at: number) => {
    const bytes = new Uint8Array(Math.min(WINDOW_BYTES, source.size - at))
    const opened = source.read(bytes, at).then(() => bytes)
    window = opened
    ;[start, end] = [at, at + bytes.length]
    opened.catch(() => {
      if (window === opened) window = undefined
    })
    return opened
  }
  return {
    ...source,
    async read(into, at) {
      if (into.length > WINDOW_BYTES / 4) return source.read(into, at)
      const isInside = window !== undefined && at >= start && at + into.length <= end
      const opened = isInside ? (window as Promise<Uint8Array>) : open(at)
      const from = at - start
      into.set((await opened).subarray(from, from + into.length))
    },
  }
}
