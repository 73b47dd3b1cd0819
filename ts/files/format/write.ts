/** Tensors as a safetensors file, piece by piece. */

import { crc32 } from '#disk'
import { nextTurn } from '../../core/event-loop.js'
import type { FloatArray } from '../../core/numbers.js'
import type { Sink } from '../sources/sources.js'
import { addChecksums } from './checksums.js'
import { BITS, FILE_DTYPES, type FileDtype, toBytes } from './dtypes.js'
import { encodeHeader, type FileHeader, type TensorInfo } from './header.js'

/** What is written of a tensor. */
export interface WritableTensor {
  readonly name: string
  readonly shape: readonly number[]
  readonly dtype: FileDtype
  readonly length: number
  /** Some of its values as they are to be written, asked for piece by piece. */
  values(from: number, to: number): FloatArray
  /** Nobody asks for those before any more. */
  release?(to: number): void
}

/** How many bytes are copied and summed at once, and how many such pieces there are: the others are being written. */
const MAX_PIECE_BYTES = 1 << 20
const MAX_PIECES = 4
/** How many numbers of another dtype are made at once, which takes up to 2 ms: then others get their turn. */
const MAX_CONVERTED = 1 << 17

/** The places of tensors, one behind the other, and all else that a header has; before anything is written. */
export function prepareHeader(tensors: readonly WritableTensor[], metadata: FileHeader['metadata']) {
  const infos = new Map<string, TensorInfo>()
  let begin = 0
  for (const { name, shape, dtype, length } of tensors) {
    const end = begin + (length * BITS[FILE_DTYPES[dtype]]) / 8
    infos.set(name, { dtype: FILE_DTYPES[dtype], shape, begin, end })
    begin = end
  }
  /** Of the same length, whatever the sums. */
  const header = (sums: readonly number[]) => {
    const named = tensors.map(({ name }, i) => [name, sums[i] ?? 0] as const)
    return encodeHeader({ metadata: addChecksums(metadata, named), tensors: infos })
  }
  return { tensors, header, start: header([]).length }
}

/** Writes all, and the header last: it has the sums of what was written. */
export async function writeAll(sink: Sink, { tensors, header, start }: ReturnType<typeof prepareHeader>) {
  const sums: number[] = []
  const pieces = Array.from({ length: MAX_PIECES }, () => new Uint8Array(MAX_PIECE_BYTES))
  const writing = pieces.map(() => Promise.resolve())
  let turn = 0
  let filled = 0
  let at = start
  /** Goes on when the next piece is free. */
  const flush = async () => {
    writing[turn] = sink.write(pieces[turn].subarray(0, filled), at)
    // It is awaited later, and may have failed before.
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
    // Nobody writes any more when this has failed.
    await Promise.allSettled(writing)
  }
  await sink.write(header(sums), 0)
  await sink.finish()
}
