/** What is said of a fit as a whole, by its least χ². */

import { elementary } from '../../functions/index.js'
import { numbersInRun } from '../../many/batch/data.js'
import type { Loss } from '../problem/loss.js'
import { computeDegreesOfFreedom, type FitContext } from '../solve/fit-context.js'

export interface Statistics {
  /** χ² by degree of freedom; NaN where there is none. */
  readonly reducedChiSquared: number
  /** 1 − χ²/Σw·(y − ȳ)², the part of the variance that the model explains; NaN where y does not vary. */
  readonly rSquared: number
  /** n·log(χ²/n) + 2·p, as lmfit has it; of a deviance χ² + 2·p. What a bound holds is not counted in p. */
  readonly aic: number
  /** The same with log(n)·p. */
  readonly bic: number
}

const { log } = elementary('float64')

/** χ² by degree of freedom; NaN where there is none. */
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

/** What a fit is to meet, in rows that count, and the weights of these, if there are any. */
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

/** Where residuals are 1e-13 of y, rounding is a hundredth of χ²: of less, digits say nothing. */
const MAX_EXACT_RESIDUAL = 1e-26

/** Whether χ² of a fit is no more of Σw·y² than rounding leaves. */
export function isExact(chiSquared: number, squares: number): boolean {
  return chiSquared <= MAX_EXACT_RESIDUAL * squares
}

/** Σw·y² of a fit. */
export function sumOfSquares(context: Pick<FitContext, 'problem' | 'columns'>, fit: number): number {
  const { y, weights } = readResponse(context, fit)
  return y.reduce((sum, x, row) => sum + (weights?.[row] ?? 1) * x * x, 0)
}

/**
 * Σw·(y − ȳ)² with the weighted mean ȳ; no rounding of the mean makes something of what does not vary.
 *
 * @param ones what a constant is in each row, where y has a covariance
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

/** Whether a column has two numbers that differ. */
export function varies(y: Float64Array): boolean {
  return y.some((value) => value !== y[0])
}
