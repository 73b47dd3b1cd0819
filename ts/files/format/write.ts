/** Writer of safetensors files, which writes each tensor in pieces. */

import { crc32 } from '#disk'
import { nextTurn } from '../../core/event-loop.js'
import type { FloatArray } from '../../core/numbers.js'
import type { Sink } from '../sources/sources.js'
import { addChecksums } from './checksums.js'
import { BITS, FILE_DTYPES, type FileDtype, toBytes } from './dtypes.js'
import { encodeHeader, type FileHeader, type TensorInfo } from './header.js'

/** A tensor to be written. */
export interface WritableTensor {
  readonly name: string
  readonly shape: readonly number[]
  readonly dtype: FileDtype
  readonly length: number
  /** Returns a range of the tensor's values. Ranges are requested in ascending order. */
  values(from: number, to: number): FloatArray
  /** The caller announces that all further requests concern later values. */
  release?(to: number): void
}

/**
 * Number of bytes per piece, and number of pieces. One piece is copied, and its checksum is computed, while all other
 * pieces are written.
 */
const MAX_PIECE_BYTES = 1 << 20
const MAX_PIECES = 4
/** Maximum number of values that are converted before the event loop continues. The conversion takes up to 2 ms. */
const MAX_CONVERTED = 1 << 17

/** Lays out the tensors contiguously and prepares the header, before any byte is written. */
export function prepareHeader(tensors: readonly WritableTensor[], metadata: FileHeader['metadata']) {
  const infos = new Map<string, TensorInfo>()
  let begin = 0
  for (const { name, shape, dtype, length } of tensors) {
    const end = begin + (length * BITS[FILE_DTYPES[dtype]]) / 8
    infos.set(name, { dtype: FILE_DTYPES[dtype], shape, begin, end })
    begin = end
  }
  /** Encodes the header of the file. The length of the header does not depend on the values of the checksums. */
  const header = (sums: readonly number[]) => {
    const named = tensors.map(({ name }, i) => [name, sums[i] ?? 0] as const)
    return encodeHeader({ metadata: addChecksums(metadata, named), tensors: infos })
  }
  return { tensors, header, start: header([]).length }
}

/** Writes the tensors first and the header last, because the header contains the checksums of the tensors. */
export async function writeAll(sink: Sink, { tensors, header, start }: ReturnType<typeof prepareHeader>) {
  const sums: number[] = []
  const pieces = Array.from({ length: MAX_PIECES }, () => new Uint8Array(MAX_PIECE_BYTES))
  const writing = pieces.map(() => Promise.resolve())
  let turn = 0
  let filled = 0
  let at = start
  /** Writes the current piece and waits until the memory of the next piece is free. */
  const flush = async () => {
    writing[turn] = sink.write(pieces[turn].subarray(0, filled), at)
    // The promise of the write is awaited later. Before the promise is awaited, a failed write must not count as an
    // unhandled rejection.
    writing[turn].catch(() => {})
    at += filled
    filled = 0
    turn = (turn + 1) % MAX_PIECES
    await writing[turn]
  }
  try {
    for (const { dtype, length, values, release } of tensors) {
      const size = BITS[FILE_DTYPES[dtype]] / 8
      const most = size === 2 ? MAX_CONVERTED : MAX_PIECE_BYTES
      let sum = 0
      for (let done = 0; done < length; ) {
        const count = Math.min(length - done, most, Math.floor((MAX_PIECE_BYTES - filled) / size))
        if (count === 0) {
          await flush()
          continue
        }
        const bytes = toBytes(values(done, done + count), dtype)
        pieces[turn].set(bytes, filled)
        sum = crc32(bytes, sum)
        filled += bytes.length
        done += count
        release?.(done)
        if (count === most) await nextTurn()
      }
      sums.push(sum)
    }
    await flush()
    await Promise.all(writing)
  } finally {
    // If this function fails, all writes must have ended before.
    await Promise.allSettled(writing)
  }
  await sink.write(header(sums), 0)
  await sink.finish()
}
