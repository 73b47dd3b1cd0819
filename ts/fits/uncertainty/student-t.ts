/** Quantiles of Student's t distribution and of the normal distribution. */

import { density, fProbability, fSurvival } from './f-distribution.js'

/**
 * Maximum number of Newton steps. Far quantiles with one degree of freedom or of the normal distribution need some
 * dozens of steps.
 */
const MAX_STEPS = 2000

/**
 * Two-sided quantile: the value t for which P(|T| < t) equals the level.
 *
 * @param degreesOfFreedom an integer ≥ 1, or ∞ for the normal distribution
 */
export function studentQuantile(level: number, degreesOfFreedom: number): number {
  // The missing probability is computed from the smaller of the level and its complement, to keep all digits.
  const missing = (f: number) =>
    level < 0.5 ? level - fProbability(f, degreesOfFreedom) : fSurvival(f, 1, degreesOfFreedom) - (1 - level)
  // The probability P(|T| < t) is concave in t, so Newton steps from below never overshoot the quantile.
  let t = level * Math.sqrt(Math.PI / 2)
  for (let k = 0; k < MAX_STEPS; k++) {
    const next = t + missing(t * t) / density(t, degreesOfFreedom)
    if (!(next > t)) break
    t = next
  }
  return t
}
