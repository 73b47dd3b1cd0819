/**
 * Curves that several kinds of schedules use. All results of these functions are bit-identical in every JavaScript
 * engine.
 */

import { cos } from '../functions/trigonometric.js'

/**
 * Interpolates from a to b for p from 0 to 1. The result is never beyond b. A p below 1 reduces the difference b − a by
 * at least as much as rounding can have increased the difference.
 */
export const between = (a: number, b: number, p: number): number => (p >= 1 ? b : a + (b - a) * p)

/** Half a cosine, which falls from 1 to 0 as p rises from 0 to 1. */
export const halfCosine = (p: number): number => (1 + cos(Math.PI * p)) / 2

/** Progress from 0 to 1 of a change that begins at update `begin` and takes `steps` updates. */
export const progress = (t: number, begin: number, steps: number): number =>
  t <= begin ? 0 : Math.min(1, (t - begin) / steps)

/** Number of elements ≤ t in an ascending array. */
export function reached(list: readonly number[], t: number): number {
  let [from, to] = [0, list.length]
  while (from < to) {
    const middle = (from + to) >> 1
    if (list[middle] <= t) from = middle + 1
    else to = middle
  }
  return from
}

/**
 * Interpolates linearly or by half cosines between consecutive values, where `values[k]` is the value at `borders[k]`.
 */
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

/** The border up to which the values rise from the start; 0 if the values do not rise. */
export function firstRise(borders: readonly number[], values: readonly number[]): number {
  let k = 0
  while (k + 1 < values.length && values[k + 1] > values[k]) k++
  return k === 0 ? 0 : borders[k]
}
