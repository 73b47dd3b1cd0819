/** Tensors as a safetensors file, piece by piece. */

import { crc32 } from '#disk'
import { nextTurn } from '../ground/event-loop.js'
import type { FloatArray } from '../ground/numbers.js'
import { withChecksums } from './checksums.js'
import { BITS, bytesOf, WRITTEN, type WrittenDtype } from './dtypes.js'
import { type Header, headerOf, type TensorInfo } from './header.js'
import type { Sink } from './places.js'

/** What is written of a tensor. */
export interface Writable {
  readonly name: string
  readonly shape: readonly number[]
  readonly dtype: WrittenDtype
  readonly length: number
  /** Some of its values as they are to be written, asked for piece by piece. */
  values(from: number, to: number): FloatArray
  /** Nobody asks for those before any more. */
  release?(to: number): void
}

/** How many bytes are copied and summed at once, and how many such pieces there are: the others are being written. */
const PIECE = 1 << 20
const PIECES = 4
/** How many numbers of another dtype are made at once, which takes up to 2 ms: then others get their turn. */
const CONVERTED = 1 << 17

/** The places of tensors, one behind the other, and all else that a header has; before anything is written. */
export function prepare(tensors: readonly Writable[], metadata: Header['metadata']) {
  const infos = new Map<string, TensorInfo>()
  let from = 0
  for (const { name, shape, dtype, length } of tensors) {
    const to = from + (length * BITS[WRITTEN[dtype]]) / 8
    infos.set(name, { dtype: WRITTEN[dtype], shape, from, to })
    from = to
  }
  /** Of the same length, whatever the sums. */
  const header = (sums: readonly number[]) => {
    const named = tensors.map(({ name }, i) => [name, sums[i] ?? 0] as const)
    return headerOf({ metadata: withChecksums(metadata, named), tensors: infos })
  }
  return { tensors, header, start: header([]).length }
}

/** Writes all, and the header last: it has the sums of what was written. */
export async function writeAll(sink: Sink, { tensors, header, start }: ReturnType<typeof prepare>) {
  const sums: number[] = []
  const pieces = Array.from({ length: PIECES }, () => new Uint8Array(PIECE))
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
    turn = (turn + 1) % PIECES
    await writing[turn]
  }
  try {
    for (const { dtype, length, values, release } of tensors) {
      const size = BITS[WRITTEN[dtype]] / 8
      const most = size === 2 ? CONVERTED : PIECE
      let sum = 0
      for (let done = 0; done < length; ) {
        const count = Math.min(length - done, most, Math.floor((PIECE - filled) / size))
        if (count === 0) {
          await flush()
          continue
        }
        const bytes = bytesOf(values(done, done + count), dtype)
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
