/** Student's t distribution, and the normal one as its limit. */

import { elementary } from '../functions/index.js'

const { atan, exp, cos, sin } = elementary('float64')

/** Beyond so many degrees of freedom series of their powers are exact enough. */
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

/** P(|T| < t) (Abramowitz and Stegun, 26.7.3 and 26.7.4; 26.7.8 where there are many degrees of freedom). */
function probability(t: number, freedom: number): number {
  if (freedom > MANY) {
    const z =
      freedom === Infinity ? t : (t * (1 - 1 / (4 * freedom))) / Math.sqrt(1 + (t * t) / (2 * freedom))
    return normal(z)
  }
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

/** P(|Z| < z) of the normal distribution: its series, and far out the continued fraction of its tail. */
function normal(z: number): number {
  const density = exp((-z * z) / 2) * Math.sqrt(2 / Math.PI)
  if (z > 5) {
    let fraction = z
    for (let k = 60; k > 0; k--) fraction = z + k / fraction
    return 1 - density / fraction
  }
  let term = z
  let sum = z
  for (let k = 3; term > sum * 1e-17; k += 2) {
    term *= (z * z) / k
    sum += term
  }
  return density * sum
}
