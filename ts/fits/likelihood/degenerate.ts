/** Fits whose scatter is as small as rounding errors. */

import { log } from '../../functions/log.js'
import { evaluateRows } from './evaluate.js'
import type { LikelihoodFamily } from './families.js'
import { fittedRows } from './prediction.js'
import type { LikelihoodProblem } from './problem.js'
import type { LikelihoodSource } from './source.js'

/** Standard deviations per unit of the response below which rounding errors decide. */
const NOISE = 8 * Number.EPSILON
/** For the deviance of the gamma distribution, the differences of which cancel to second order. */
const GAMMA_NOISE = 8 * Math.sqrt(Number.EPSILON)
/** −2 log L per row of a response of 1 with the standard deviation `GAMMA_NOISE`, rounded up. */
const LOW_COST = -28

/**
 * Whether the standard deviation of a row has shrunk to the rounding errors of the response. The likelihood then grows
 * without limit, although rounding errors end the descent.
 */
export function isDegenerate({ run, fit }: LikelihoodSource): boolean {
  const { likelihood, solutions } = run
  const { family, columns, problem } = likelihood
  if (family.isDiscrete) return false
  const rows = run.rowsOf(fit)
  const y = rows[columns.indexOf(problem.y)]
  const largest = y.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  // Most fits need no further evaluation.
  if (!(solutions.cost[fit] < y.length * (2 * log(largest) + LOW_COST))) return false
  const { mean, variance } = fittedRows({ run, fit }, rows)
  return hasVanishingScatter(family, y, mean, variance)
}

/**
 * Whether the standard deviation of no row is as small as the rounding errors of the response.
 *
 * @param point external values of the free parameters, followed by the parameters that are fixed per fit
 */
export function hasScatter(
  likelihood: LikelihoodProblem,
  rows: readonly Float64Array[],
  point: ArrayLike<number>,
): boolean {
  const { family, columns, problem } = likelihood
  const [, , , mean, variance] = evaluateRows(likelihood, point, rows)
  return !hasVanishingScatter(family, rows[columns.indexOf(problem.y)], mean, variance)
}

/** Whether the standard deviation of a row is as small as the rounding errors of the response. */
function hasVanishingScatter(
  { name, isDiscrete }: LikelihoodFamily,
  y: Float64Array,
  mean: Float64Array,
  variance: Float64Array,
): boolean {
  if (isDiscrete) return false
  const noise = name === 'gamma' ? GAMMA_NOISE : NOISE
  return mean.some(
    (value, row) => Math.sqrt(variance[row]) <= noise * Math.max(Math.abs(value), Math.abs(y[row])),
  )
}
