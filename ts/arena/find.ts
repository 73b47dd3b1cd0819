/** Binary searches in the tables of an arena, which are sorted. */

import type { Arena } from './arena.js'

/** The index of the first tensor that ends after element `at`; the tensors are sorted by offset. */
export function tensorEndingAfter({ offsets, lengths }: Arena, at: number): number {
  return partitionPoint(lengths.length, (i) => offsets[i] + lengths[i] <= at)
}

/** The first index for which `isBefore` is false. */
export function partitionPoint(count: number, isBefore: (number: number) => boolean): number {
  let [low, high] = [0, count]
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if (isBefore(middle)) low = middle + 1
    else high = middle
  }
  return low
}
