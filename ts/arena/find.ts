/** Where in an arena's tables a range begins. */

import type { Arena } from './arena.js'

/** The first tensor that ends behind the element at `at`; tensors are in the order of their places. */
export function tensorEndingAfter({ offsets, lengths }: Arena, at: number): number {
  return partitionPoint(lengths.length, (i) => offsets[i] + lengths[i] <= at)
}

/** The first number for which `isBefore` is false. */
export function partitionPoint(count: number, isBefore: (number: number) => boolean): number {
  let [low, high] = [0, count]
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if (isBefore(middle)) low = middle + 1
    else high = middle
  }
  return low
}
