/** Quantiles of Student's t distribution, and of the normal one as its limit. */

import { density, inside, outside } from './f-distribution.js'

/** Newton's steps at most: tails of one degree of freedom, and of the normal distribution, take some dozens. */
const STEPS = 2000

/**
 * The t that a variable of Student's distribution is within, on either side of 0, with a probability.
 *
 * @param freedom degrees of freedom, whole and ≥ 1, or ∞ for the normal distribution
 */
export function quantile(level: number, freedom: number): number {
  // What is missing, in digits that are there.
  const missing = (f: number) =>
    level < 0.5 ? level - inside(f, freedom) : outside(f, 1, freedom) - (1 - level)
  // The probability is concave: below the quantile, tangents lead up to it and not beyond.
  let t = level * Math.sqrt(Math.PI / 2)
  for (let k = 0; k < STEPS; k++) {
    const next = t + missing(t * t) / density(t, freedom)
    if (!(next > t)) break
    t = next
  }
  return t
}
