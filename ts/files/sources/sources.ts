/** Sources and sinks of bytes, independent of the storage. */

import { nextTurn } from '../../core/event-loop.js'
import { FileError } from './errors.js'

/** A readable file. */
export interface Source {
  readonly size: number
  /** Fills an array with the bytes from position `at` on. @throws FileError if the file is too short */
  read(into: Uint8Array, at: number): Promise<void>
  close(): Promise<void>
}

/** A writable file with random access. The caller may reuse the bytes when the promise of a write resolves. */
export interface Sink {
  write(bytes: Uint8Array, at: number): Promise<void>
  /** Completes the file, which then becomes visible. */
  finish(): Promise<void>
  /** Discards all written bytes. */
  abort(): Promise<void>
}

/** A file: a path, a file URL or a Blob. */
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

export const endedError = () => new FileError('file', 'all of its bytes', 'a file that became shorter')

/** Collects pieces for a Blob. The browser decides where to store it. */
export class BlobSink implements Sink {
  /** Pieces of the Blob by their positions. */
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

/** Number of bytes that one read fetches for many small tensors. */
const WINDOW_BYTES = 1 << 20

/** Combines reads of small pieces, because a call of the file system takes as long as reading thousands of bytes. */
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
