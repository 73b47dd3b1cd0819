/** Axes of numbers or of their logarithms: where a number is on them, and which are marked. */

import { exp, log } from '../functions/index.js'

export interface Scale {
  /** Where a number is; NaN where it has no logarithm. */
  of(x: number): number
  /** What is there. */
  back(place: number): number
  /** Numbers that are marked between two places, so many or thereabouts. */
  ticks(low: number, high: number, count: number): number[]
}

/** Round numbers between two, so many or thereabouts: those of d3. */
type Ticks = Scale['ticks']

const linear = (ticks: Ticks): Scale => ({ of: (x) => x, back: (x) => x, ticks })

const LN10 = log(10)

const logarithmic = (ticks: Ticks): Scale => ({
  of: (x) => (x > 0 ? log(x) / LN10 : NaN),
  back: (place) => exp(place * LN10),
  ticks(low, high, count) {
    const decades = ticks(low, high, count).filter(Number.isInteger)
    const wholes = decades.map((k) => Number(`1e${k}`))
    if (decades.length > 3) return wholes
    const first = Math.floor(low)
    const all = Array.from({ length: Math.ceil(high) - first }, (_, k) => Number(`1e${first + k}`)).flatMap(
      (one) => [one, 2 * one, 5 * one],
    )
    const inside = [...all, Number(`1e${Math.ceil(high)}`)].filter(
      (x) => this.of(x) >= low && this.of(x) <= high,
    )
    return inside.length >= 3 ? inside : ticks(this.back(low), this.back(high), count)
  },
})

export const scalesBy = (ticks: Ticks) => (isLogarithmic: boolean) =>
  (isLogarithmic ? logarithmic : linear)(ticks)
