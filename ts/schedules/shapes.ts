/** What several schedules compute. All of it has the same bits in every JavaScript engine. */

import { cos } from '../functions/trigonometric.js'

/**
 * From a to b for p from 0 to 1. Rounding does not lead beyond: below 1, p takes at least as much from b − a as may
 * have been added to it.
 */
export const between = (a: number, b: number, p: number): number => (p >= 1 ? b : a + (b - a) * p)

/** Half a cosine: from 1 to 0 for p from 0 to 1. */
export const halfCosine = (p: number): number => (1 + cos(Math.PI * p)) / 2

/** How far something is, from 0 to 1, that begins at update `begin` and takes `steps`. */
export const progress = (t: number, begin: number, steps: number): number =>
  t <= begin ? 0 : Math.min(1, (t - begin) / steps)

/** How many numbers of an ascending list are ≤ t. */
export function reached(list: readonly number[], t: number): number {
  let [from, to] = [0, list.length]
  while (from < to) {
    const middle = (from + to) >> 1
    if (list[middle] <= t) from = middle + 1
    else to = middle
  }
  return from
}

/** Straight lines, or half cosines, from each value to the next: `values[k]` is at `borders[k]`. */
export function pieces(borders: readonly number[], values: readonly number[], isCosine: boolean) {
  const last = borders.length - 1
  return (t: number): number => {
    const k = reached(borders, t) - 1
    if (k < 0) return values[0]
    if (k >= last) return values[last]
    const p = (t - borders[k]) / (borders[k + 1] - borders[k])
    return between(values[k], values[k + 1], isCosine ? 1 - halfCosine(p) : p)
  }
}

/** The border up to which values rise from the first one on; 0 where they do not. */
export function firstRise(borders: readonly number[], values: readonly number[]): number {
  let k = 0
  while (k + 1 < values.length && values[k + 1] > values[k]) k++
  return k === 0 ? 0 : borders[k]
}
