/** Shards, which are sets of chunks. Each task of a scheduler computes one shard. */

import { OptionError } from '../../core/errors.js'
import { isCount } from '../../core/numbers.js'
import { integerAtLeast } from '../../options/kinds.js'
import { nestedOptions } from '../../options/read.js'

/** A shard consists of all chunks whose index modulo `count` equals `index` (counted from 0). */
export interface Shard {
  readonly index: number
  readonly count: number
}

const shardKind = nestedOptions({ index: integerAtLeast(0), count: integerAtLeast(1) })

/** @throws OptionError if the value is not a valid shard; `index` must be below `count` */
export function readShard(given: unknown): Shard {
  const shard = given === undefined ? { index: 0, count: 1 } : (shardKind.read?.('shard', given) as Shard)
  if (shard.index >= shard.count)
    throw new OptionError('shard', `k from 0 to ${shard.count - 1}`, shard.index)
  return shard
}

/** Parses a shard such as `17/1000`. */
export function parseShard(text: string): Shard {
  const [k, n] = /^\d+\/\d+$/.test(text) ? text.split('/').map(Number) : []
  if (isCount(n, 1) && isCount(k, 0) && k < n) return { index: k, count: n }
  throw new OptionError('--shard', 'k/n, such as 0/1000 to 999/1000', text)
}

/** The sorted indices of the shards that contain the given chunks. */
export const splitIntoShards = (indices: readonly number[], count: number): number[] =>
  [...new Set(indices.map((index) => index % count))].sort((a, b) => a - b)

/** Formats sorted numbers as a list of ranges, such as `3,17-20`. */
export function formatRanges(numbers: readonly number[]): string {
  const parts: string[] = []
  for (let i = 0; i < numbers.length; ) {
    const from = i
    do i++
    while (i < numbers.length && numbers[i] === numbers[i - 1] + 1)
    parts.push(i - from === 1 ? `${numbers[from]}` : `${numbers[from]}-${numbers[i - 1]}`)
  }
  return parts.join(',')
}
