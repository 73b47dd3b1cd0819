/** Goodness-of-fit statistics. */

import { elementary } from '../../functions/index.js'
import { numbersInRun } from '../../many/batch/data.js'
import type { Loss } from '../problem/loss.js'
import { computeDegreesOfFreedom, type FitContext } from '../solve/fit-context.js'

export interface Statistics {
  /** χ² divided by the degrees of freedom. The reduced χ² is NaN if the fit has no degrees of freedom. */
  readonly reducedChiSquared: number
  /** Coefficient of determination, 1 − χ²/Σw·(y − ȳ)². R² is NaN if y is constant. */
  readonly rSquared: number
  /**
   * Akaike information criterion: n·log(χ²/n) + 2·p as in lmfit, or χ² + 2·p for a deviance. The formulas use the
   * number n of observations, and the number p of free parameters that are not at a bound.
   */
  readonly aic: number
  /** Bayesian information criterion: the formula of Akaike's criterion with log(n)·p instead of 2·p. */
  readonly bic: number
}

const { log } = elementary('float64')

/** χ² divided by the degrees of freedom. The reduced χ² is NaN if the fit has no degrees of freedom. */
export function reduceChiSquared(chiSquared: number, degreesOfFreedom: number): number {
  return degreesOfFreedom > 0 ? chiSquared / degreesOfFreedom : NaN
}

export function informationCriteria(
  loss: Loss,
  chiSquared: number,
  observations: number,
  degreesOfFreedom: number,
): Pick<Statistics, 'aic' | 'bic'> {
  const count = observations - degreesOfFreedom
  const criterion = loss === 'poisson' ? chiSquared : observations * log(chiSquared / observations)
  return { aic: criterion + 2 * count, bic: criterion + log(observations) * count }
}

export function computeStatistics(context: FitContext, fit: number): Statistics {
  const { problem, whitened, observations, solved } = context
  const chiSquared = solved.cost[fit]
  const degreesOfFreedom = computeDegreesOfFreedom(context, fit)
  const { y, weights } = readResponse(context, fit)
  const variation = totalVariation(y, weights, whitened?.ones)
  return {
    reducedChiSquared: reduceChiSquared(chiSquared, degreesOfFreedom),
    rSquared: 1 - chiSquared / (variation || NaN),
    ...informationCriteria(problem.loss, chiSquared, observations[fit], degreesOfFreedom),
  }
}

/** Response and weights of the rows in use. */
export function readResponse(
  { problem, columns }: Pick<FitContext, 'problem' | 'columns'>,
  fit: number,
): { readonly y: Float64Array; readonly weights: Float64Array | undefined } {
  const read = (name: string | null) => {
    const column = columns.get(name ?? '')
    return column && numbersInRun(column, fit)
  }
  return { y: read(problem.y) as Float64Array, weights: read(problem.weight) }
}

/**
 * Ratio of χ² to Σ w·y² below which χ² has no correct digits. If residuals are 1e-13 of y, rounding errors are about 1%
 * of χ².
 */
const MAX_EXACT_RESIDUAL = 1e-26

/** Whether χ² of a fit is so small a fraction of Σ w·y² that χ² can be due to rounding. */
export function isExact(chiSquared: number, squares: number): boolean {
  return chiSquared <= MAX_EXACT_RESIDUAL * squares
}

/** The sum Σ w·y² of a fit. */
export function sumOfSquares(context: Pick<FitContext, 'problem' | 'columns'>, fit: number): number {
  const { y, weights } = readResponse(context, fit)
  return y.reduce((sum, x, row) => sum + (weights?.[row] ?? 1) * x * x, 0)
}

/**
 * The sum Σ w·(y − ȳ)² with the weighted mean ȳ. The sum is exactly 0 if y is constant, despite the rounding error of
 * the mean.
 *
 * @param ones whitened column of ones, if y has a covariance
 */
function totalVariation(
  y: Float64Array,
  weights: Float64Array | undefined,
  ones: Float64Array | undefined,
): number {
  if (!ones && !varies(y)) return 0
  let [sum, all, squares, rounding] = [0, 0, 0, 0]
  for (let row = 0; row < y.length; row++) {
    const weight = weights?.[row] ?? 1
    const one = ones?.[row] ?? 1
    sum += weight * one * y[row]
    all += weight * one * one
    if (ones) rounding += y[row] * y[row] * 1e-26
  }
  const mean = sum / all
  for (let row = 0; row < y.length; row++) {
    const off = y[row] - mean * (ones?.[row] ?? 1)
    squares += (weights?.[row] ?? 1) * off * off
  }
  return squares > rounding ? squares : 0
}

/** Whether a column contains two different numbers. */
export function varies(y: Float64Array): boolean {
  return y.some((value) => value !== y[0])
}

/** The median of an array, or the lower one of two middle values. */
export function median(numbers: readonly number[]): number {
  const sorted = Float64Array.from(numbers).sort()
  return sorted[(sorted.length - 1) >> 1]
}
