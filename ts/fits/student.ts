/** Student's t distribution, and the normal one as its limit. */

import { elementary } from '../functions/index.js'
import { inside } from './f-distribution.js'

const { atan, cos, sin } = elementary('float64')

/** Beyond so many degrees of freedom, of which there may be ∞, a series by them is too long. */
const MANY = 1000

/**
 * The t that a variable of Student's distribution is within, on either side of 0, with a probability.
 *
 * @param freedom degrees of freedom, whole and ≥ 1, or ∞ for the normal distribution
 */
export function quantile(level: number, freedom: number): number {
  let [low, high] = [0, 1]
  while (probability(high, freedom) < level && high < 1e300) high *= 2
  for (let k = 0; k < 200; k++) {
    const middle = low + (high - low) / 2
    if (middle === low || middle === high) break
    if (probability(middle, freedom) < level) low = middle
    else high = middle
  }
  return high
}

/** P(|T| < t), for t ≥ 0 (Abramowitz and Stegun, 26.7.3 and 26.7.4). */
export function probability(t: number, freedom: number): number {
  if (freedom > MANY) return inside(t * t, freedom)
  const angle = atan(t / Math.sqrt(freedom))
  const [c, s] = [cos(angle), sin(angle)]
  const square = c * c
  let term = freedom % 2 === 1 ? c : 1
  let sum = freedom === 1 ? 0 : term
  for (let k = freedom % 2 === 1 ? 3 : 2; k <= freedom - 2; k += 2) {
    term *= ((k - 1) / k) * square
    sum += term
  }
  return freedom % 2 === 1 ? (2 / Math.PI) * (angle + s * sum) : s * sum
}
