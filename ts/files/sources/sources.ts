/** What files are read from and written to: bytes at a place, wherever they lie. */

import { nextTurn } from '../../core/event-loop.js'
import { FileError } from './errors.js'

/** A file's bytes. */
export interface Source {
  readonly size: number
  /** Fills an array with what begins there. @throws FileError where the file ends before */
  read(into: Uint8Array, at: number): Promise<void>
  close(): Promise<void>
}

/** Where a file is written, from several places on. The bytes are another's again when the promise resolves. */
export interface Sink {
  write(bytes: Uint8Array, at: number): Promise<void>
  /** All is there: whoever asks for the file finds it from now on. */
  finish(): Promise<void>
  /** Leaves nothing behind. */
  abort(): Promise<void>
}

/** A place in a file system, or bytes that a page has. */
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

export const endedError = () => new FileError('file', 'all of its bytes', 'one that has become shorter')

/** Collects pieces for a blob, which lies where the browser wants it. */
export class BlobSink implements Sink {
  /** By where they begin. */
  readonly #pieces = new Map<number, Blob>()

  async write(bytes: Uint8Array, at: number): Promise<void> {
    // A blob of its own has copied it.
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

/** How many bytes are read at once for tensors that are smaller. */
const WINDOW_BYTES = 1 << 20

/** Small pieces are read many at once: each call of the file system takes as long as thousands of bytes. */
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
