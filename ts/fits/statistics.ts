/** What is said of a fit as a whole, by its least χ². */

import { elementary } from '../functions/index.js'
import { type Column, numbersOf } from '../many/data.js'
import type { Problem } from './problem.js'

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

/**
 * @param rows of which the weight is not 0
 * @param freedom how many more these are than parameters that vary and no bound holds
 */
export function statistics(
  problem: Problem,
  columns: ReadonlyMap<string, Column>,
  fit: number,
  chiSquared: number,
  rows: number,
  freedom: number,
): Statistics {
  const count = rows - freedom
  const columnNamed = (name: string | null) => {
    const column = name === null ? undefined : columns.get(name)
    return column === undefined ? undefined : numbersOf(column, fit)
  }
  const criterion = problem.loss === 'poisson' ? chiSquared : rows * log(chiSquared / rows)
  return {
    reducedChiSquared: freedom > 0 ? chiSquared / freedom : NaN,
    rSquared:
      1 -
      chiSquared / (variation(columnNamed(problem.y) as Float64Array, columnNamed(problem.weight)) || NaN),
    aic: criterion + 2 * count,
    bic: criterion + log(rows) * count,
  }
}

/** Σw·(y − ȳ)² with the weighted mean ȳ; no rounding of the mean makes something of what does not vary. */
function variation(y: Float64Array, weights: Float64Array | undefined): number {
  if (!varies(y)) return 0
  let [sum, all, squares] = [0, 0, 0]
  for (const [row, value] of y.entries()) {
    const weight = weights?.[row] ?? 1
    sum += weight * value
    all += weight
  }
  const mean = sum / all
  for (const [row, value] of y.entries()) squares += (weights?.[row] ?? 1) * (value - mean) * (value - mean)
  return squares
}

/** Whether a column has two numbers that differ. */
export function varies(y: Float64Array): boolean {
  return y.some((value) => value !== y[0])
}
