/** `inverse`: unknowns on a standard curve. */

import { OptionError } from '../../core/errors.js'
import { toFloat64Array } from '../../core/untrusted-input.js'
import { exp } from '../../functions/index.js'
import { type GivenOf, integerAtLeast, option, optional, passThrough } from '../../options/kinds.js'
import { readOptions } from '../../options/read.js'
import type { Fit } from '../fit/result.js'
import type { LikelihoodFit } from '../likelihood/result.js'
import type { LikelihoodGroup } from '../likelihood/shared-result.js'
import { probability } from '../problem/confidence-level.js'
import type { SharedGroup } from '../shared/group.js'
import { groupSources } from '../shared/result-source.js'
import { likelihoodOf } from '../solve/distribution.js'
import { fitSources } from '../solve/result-source.js'
import { findCrossings, gridOf, invertBand } from '../uncertainty/inverse-search.js'
import { checkResult } from './computation.js'
import { type Measurements, type NewMean, readMeans } from './new-responses.js'
import { curveOfLikelihood, curveOfSquares, type StandardCurve } from './standard-curve.js'

const rangeOption = option<readonly [number, number] | undefined, undefined>(
  'two numbers [low, high] with low < high',
  undefined,
  (x) => x === undefined,
  (_, given) => {
    const [low, high, ...others] = toFloat64Array(given) ?? []
    const isRange = Number.isFinite(low) && Number.isFinite(high) && low < high && others.length === 0
    return isRange ? [low, high] : undefined
  },
)

const table = {
  /** Confidence level, between 0 and 1. Default 0.95. */
  level: probability,
  /** Number of responses of which each number of `y` is the mean. Default 1. */
  replicates: integerAtLeast(1, 1),
  /**
   * Range of x in which the curve is inverted. Default: the range of x in the data, so that no value is extrapolated.
   */
  range: rangeOption,
  /**
   * Standard deviation of a new response, in the unit of the option `sigma` of the fit: one number, or one number per
   * number of `y`. The option is required if the fit has a column of σ or weights, and with a distribution whose scatter
   * depends on another column than x. Default: 1, or the fit's formula or distribution. With `lognormal`, σ belongs to
   * log y.
   */
  sigma: optional(passThrough<number | Measurements>()),
  /**
   * Number of trials of a new response, for fits with `binomial`: one number, or one number per number of `y`. Default:
   * the number of the distribution. The option is required if a column has the numbers of trials.
   */
  trials: optional(passThrough<number | Measurements>()),
}

/** Options of `inverse`. */
export interface InverseOptions extends GivenOf<typeof table> {}

/** Outcome of the inversion of one response. */
export type InverseReason = 'found' | 'above-curve' | 'below-curve' | 'ambiguous' | 'missing' | 'no-curve'

/** The x of one measured response on a fitted curve. */
export interface InverseEstimate {
  /**
   * The response, or the mean of its replicates. The mean is weighted if `sigma` differs between replicates, and
   * geometric with `lognormal`.
   */
  readonly y: number
  /** Number of responses in the mean. */
  readonly replicates: number
  /** The x at which the curve reaches y, or NaN if no x or several x of the range do. */
  readonly value: number
  /** Standard error of the value by the delta method. The error includes the scatter of the new responses. */
  readonly error: number
  /**
   * Endpoints of the confidence interval: the x whose prediction band covers y. The interval may extend beyond the
   * range. An infinite endpoint marks an unbounded interval, and both endpoints are NaN if no x of the range covers y.
   */
  readonly low: number
  readonly high: number
  /**
   * 'found', or the reason why `value` is NaN. 'above-curve' and 'below-curve' mean that y is above or below all values
   * of the curve in the range. 'ambiguous' means that the curve reaches y several times. 'no-curve' means that the
   * curve has no finite value in the range.
   */
  readonly reason: InverseReason
  /** Explanation of the reason. The message is empty for 'found'. */
  readonly message: string
}

/**
 * Computes the x of measured responses on a fitted curve (inverse regression, calibration). The interval contains all x
 * whose prediction band for the mean of the new responses covers the measured mean. The interval therefore includes the
 * scatter of the new responses and the uncertainty of the curve. For a straight line, the interval is Fieller's. With a
 * distribution, the scatter is the variance of the distribution at x, and the quantile is normal.
 *
 * @param found a result of `fit`, `fitMany(…).at(k)` or `fitShared(…).at(k)`, whose model has one column
 * @param y one number per unknown, or one array of replicates per unknown; null and NaN mark missing numbers
 * @returns one estimate per unknown
 * @throws ArgumentError, OptionError if an argument is invalid
 * @example
 * const [{ value, low, high }] = inverse(fit(models.fourPL(), { x, y }), [[0.52, 0.55, 0.49]])
 */
export function inverse(
  found: Fit | SharedGroup | LikelihoodFit | LikelihoodGroup,
  y: Measurements,
  options: InverseOptions = {},
): InverseEstimate[] {
  const likelihood = likelihoodOf(found)
  if (likelihood === undefined)
    checkResult(found, 'a result of fit, or a group of fitShared', fitSources, groupSources)
  const { sigma, trials, replicates, range: given, level } = readOptions('options', options, table)
  const hasSigma = sigma !== undefined
  const standard = likelihood
    ? curveOfLikelihood(likelihood.responseCurve(), hasSigma)
    : curveOfSquares(found, hasSigma)
  const { curve, x, isLogarithmic, quantile, trials: ownTrials } = standard
  checkTrials(standard, sigma, trials)
  const means = readMeans(y, { sigma, trials, replicates, ownTrials, isLogarithmic })
  const range = given ?? dataRange(x)
  const grid = range[0] < range[1] ? gridOf(x, range) : Float64Array.of(range[0])
  const values = grid.map((x) => curve(x).f)
  const t = quantile(level)
  return means.map((mean) => invert({ curve, grid, values, t, isLogarithmic }, mean))
}

/** @throws OptionError if the options do not match the distribution */
function checkTrials({ trials: own }: StandardCurve, sigma: unknown, trials: unknown): void {
  if (own === undefined && trials !== undefined)
    throw new OptionError('trials', 'none (only the binomial distribution has trials)', trials)
  if (own !== undefined && sigma !== undefined)
    throw new OptionError('sigma', 'none with the binomial distribution, which has trials', sigma)
  if (own !== undefined && !(own > 0) && trials === undefined)
    throw new OptionError('trials', 'the number of trials of a new response', undefined)
}

const short = (x: number) => `${Number(x.toPrecision(6))}`

interface Search extends Pick<StandardCurve, 'curve' | 'isLogarithmic'> {
  readonly grid: Float64Array
  readonly values: Float64Array
  readonly t: number
}

function invert({ curve, grid, values, t, isLogarithmic }: Search, mean: NewMean): InverseEstimate {
  const { y, response, replicates } = mean
  const none = { y: response, replicates, value: NaN, error: NaN, low: NaN, high: NaN }
  if (Number.isNaN(y)) return { ...none, reason: 'missing', message: 'y is missing' }
  if (!values.some(Number.isFinite))
    return { ...none, reason: 'no-curve', message: 'the curve has no finite value in the range' }
  const crossings = findCrossings(curve, grid, values, y)
  if (crossings.length > 1) {
    const places = crossings.slice(0, 3).map(short).join(', ')
    const message = `the curve reaches ${short(response)} at x = ${places}${crossings.length > 3 ? ', …' : ''}: set { range } to one branch`
    return { ...none, reason: 'ambiguous', message }
  }
  if (crossings.length === 1) {
    const [value] = crossings
    const { variance, scatter } = curve(value)
    const error = Math.sqrt(variance + scatter * mean.scatterFactor) / Math.abs(curve.slope(value))
    const [low, high] = invertBand(curve, grid, mean, t, value)
    return { ...none, value, error, low, high, reason: 'found', message: '' }
  }
  const distances = values.map((f) => (Number.isFinite(y) ? Math.abs(y - f) : -Math.sign(y) * f))
  const nearest = distances.reduce(
    (best, by, k) => (by < distances[best] || Number.isNaN(distances[best]) ? k : best),
    0,
  )
  const [x, f] = [grid[nearest], values[nearest]]
  const isAbove = y > f
  const [low, high] = invertBand(curve, grid, mean, t, x)
  const message = `the curve's ${isAbove ? 'largest' : 'smallest'} value in the range is ${short(isLogarithmic ? exp(f) : f)}, at x = ${short(x)}`
  return { ...none, low, high, reason: isAbove ? 'above-curve' : 'below-curve', message }
}

function dataRange(x: Float64Array): readonly [number, number] {
  return [
    x.reduce((low, x) => Math.min(low, x), Infinity),
    x.reduce((high, x) => Math.max(high, x), -Infinity),
  ]
}
