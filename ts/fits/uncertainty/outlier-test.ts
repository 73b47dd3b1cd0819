/** The test of the ROUT method: the robust standard deviation of residuals, and the false discovery rate. */

import { fSurvival } from './f-distribution.js'

/** Fraction of the absolute values of a normal distribution that lie below one standard deviation. */
const ONE_SIGMA = 0.6827
/** Fraction of the rows that is never marked, as in the paper. */
const UNTESTED_FRACTION = 0.7

/**
 * Robust standard deviation of the residuals (RSDR): the 68.27th percentile of their absolute values, multiplied by
 * n/(n − p) as in the paper. The percentile is interpolated linearly between the sorted values.
 *
 * @param parameters number p of the free parameters
 */
export function robustDeviation(residuals: Float64Array, parameters: number): number {
  const { length } = residuals
  const sorted = residuals.map(Math.abs).sort()
  const at = ONE_SIGMA * (length - 1)
  const below = Math.floor(at)
  const above = Math.min(below + 1, length - 1)
  const percentile = sorted[below] + (at - below) * (sorted[above] - sorted[below])
  return (percentile * length) / (length - parameters)
}

/** A marked residual. See `Outlier` for the fields. */
export interface MarkedResidual {
  readonly index: number
  readonly t: number
  readonly pValue: number
  readonly threshold: number
}

/**
 * Tests the largest 30% of the absolute residuals by the procedure of Benjamini and Hochberg (1995): the residual of
 * rank i (1 is the smallest) is compared with q·(n − i + 1)/n. The first residual with a smaller p-value, and all
 * larger residuals, are outliers.
 *
 * @param deviation the robust standard deviation of the residuals
 * @returns the marked residuals, in the order of their indices
 */
export function findOutliers(
  residuals: Float64Array,
  deviation: number,
  degreesOfFreedom: number,
  q: number,
): MarkedResidual[] {
  const { length } = residuals
  const ranked = Uint32Array.from(residuals.keys()).sort(
    (a, b) => Math.abs(residuals[a]) - Math.abs(residuals[b]) || a - b,
  )
  const tested = Array.from(ranked.subarray(Math.floor(UNTESTED_FRACTION * length)), (index, k) => {
    const rank = Math.floor(UNTESTED_FRACTION * length) + k + 1
    const t = Math.abs(residuals[index]) / deviation
    return {
      index,
      t,
      pValue: fSurvival(t * t, 1, degreesOfFreedom),
      threshold: (q * (length - rank + 1)) / length,
    }
  })
  const first = tested.findIndex(({ pValue, threshold }) => pValue < threshold)
  return first < 0 ? [] : tested.slice(first).sort((a, b) => a.index - b.index)
}
