/** Linear and logarithmic axes: the positions of numbers on an axis, and tick values. */

import { exp, log } from '../functions/index.js'

export interface AxisScale {
  /** The position of a number on the axis; NaN for a number ≤ 0 on a logarithmic axis. */
  position(x: number): number
  /** The number that lies at a position of the axis. */
  invert(place: number): number
  /** Returns about `count` tick values between two positions of the axis. */
  ticks(low: number, high: number, count: number): number[]
}

/** Returns about `count` round numbers between two numbers, like d3's `ticks`. */
type Ticks = AxisScale['ticks']

const linear = (ticks: Ticks): AxisScale => ({ position: (x) => x, invert: (x) => x, ticks })

const LN10 = log(10)

const logarithmic = (ticks: Ticks): AxisScale => ({
  position: (x) => (x > 0 ? log(x) / LN10 : NaN),
  invert: (place) => exp(place * LN10),
  ticks(low, high, count) {
    const decades = ticks(low, high, count).filter(Number.isInteger)
    const wholes = decades.map((k) => Number(`1e${k}`))
    if (decades.length > 3) return wholes
    const first = Math.floor(low)
    const all = Array.from({ length: Math.ceil(high) - first }, (_, k) => Number(`1e${first + k}`)).flatMap(
      (one) => [one, 2 * one, 5 * one],
    )
    const inside = [...all, Number(`1e${Math.ceil(high)}`)].filter(
      (x) => this.position(x) >= low && this.position(x) <= high,
    )
    return inside.length >= 3 ? inside : ticks(this.invert(low), this.invert(high), count)
  },
})

export const makeScales = (ticks: Ticks) => (isLogarithmic: boolean) =>
  (isLogarithmic ? logarithmic : linear)(ticks)
