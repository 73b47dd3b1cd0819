/** Quantiles of Student's t distribution, and of the normal one as its limit. */

import { density, fProbability, fSurvival } from './f-distribution.js'

/** Newton's steps at most: tails of one degree of freedom, and of the normal distribution, take some dozens. */
const MAX_STEPS = 2000

/**
 * The t that a variable of Student's distribution is within, on either side of 0, with a probability.
 *
 * @param degreesOfFreedom degrees of freedom, whole and ≥ 1, or ∞ for the normal distribution
 */
export function studentQuantile(level: number, degreesOfFreedom: number): number {
  // What is missing, in digits that are there.
  const missing = (f: number) =>
    level < 0.5 ? level - fProbability(f, degreesOfFreedom) : fSurvival(f, 1, degreesOfFreedom) - (1 - level)
  // The probability is concave: below the quantile, tangents lead up to it and not beyond.
  let t = level * Math.sqrt(Math.PI / 2)
  for (let k = 0; k < MAX_STEPS; k++) {
    const next = t + missing(t * t) / density(t, degreesOfFreedom)
    if (!(next > t)) break
    t = next
  }
  return t
}
