/** Intervals of parameters and bands of the curve, by the delta method. */

import { exp } from '../../functions/index.js'
import { type DataColumn, numbersInRun } from '../../many/batch/data.js'
import { choice, type GivenOf, type ValuesOf } from '../../options/kinds.js'
import { readOption } from '../../options/read.js'
import { probability } from '../problem/confidence-level.js'
import type { Parameter } from '../problem/parameters.js'
import { type FitContext, getVariance, type SolvedFits } from '../solve/fit-context.js'
import { parameterPoint } from './estimates.js'
import { evaluateModel, type RequestedColumns } from './linearize.js'
import { studentQuantile } from './student-t.js'

export const bandTable = {
  /** Confidence level, between 0 and 1. Default 0.95. */
  level: probability,
  /**
   * Kind of band: 'confidence' for the curve, or 'prediction' for a new observation. Default 'confidence'.
   */
  kind: choice('confidence', 'prediction'),
}

/** Options of `band`. */
export interface BandOptions extends GivenOf<typeof bandTable> {}

/** Parts of a fit context from which bands are computed. */
export type BandContext = Pick<FitContext, 'problem' | 'data' | 'starts' | 'weightAt'> & {
  readonly solved: Pick<SolvedFits, 'free' | 'covariance' | 'errors' | 'atBound'>
}

/** A fit for predictions, identified by the index of the fit in a context. */
export interface Predictor {
  readonly context: BandContext
  readonly index: number
}

/** Distribution of the errors of the parameters. */
export interface ErrorDistribution {
  readonly isAbsolute: boolean
  readonly degreesOfFreedom: number
  /** Variance of a row of weight 1. The variance is 1 if σ is known. */
  readonly variance: number
  readonly parameters: readonly Parameter[]
}

/**
 * Quantile of Student's t, or of the normal distribution if σ is known. The quantile is NaN if the fit has no degrees
 * of freedom.
 */
export function confidenceQuantile(
  { isAbsolute, degreesOfFreedom }: Pick<ErrorDistribution, 'isAbsolute' | 'degreesOfFreedom'>,
  level: number,
): number {
  if (isAbsolute) return studentQuantile(level, Infinity)
  return degreesOfFreedom > 0 ? studentQuantile(level, degreesOfFreedom) : NaN
}

/**
 * Function that computes the confidence interval of a parameter from its name, value and standard error. The interval
 * of a positive parameter is computed for its logarithm.
 *
 * @throws OptionError if the level is not between 0 and 1
 */
export function symmetricIntervals(
  distribution: Omit<ErrorDistribution, 'variance'>,
  level: number,
): (name: string, value: number, error: number) => readonly [low: number, high: number] {
  readOption('level', probability, level)
  const t = confidenceQuantile(distribution, level)
  return (name, value, error) => {
    const half = t * error
    const isPositive = distribution.parameters.some((one) => one.isLogarithmic && one.name === name)
    if (!isPositive) return [value - half, value + half]
    const factor = exp(half / value)
    return [value / factor, value * factor]
  }
}

/** Values of the model at the given columns, or at the rows of the data. */
export function predictColumns({ context, index }: Predictor, at: RequestedColumns): Float64Array {
  const { rows, value } = evaluateModel(context, index, at)
  const point = parameterPoint(context, index)
  return Float64Array.from({ length: rows }, (_, row) => value(row, point))
}

/** Lower and upper limits of the band around the model. */
export function computeBand(
  { context, index: fit }: Predictor,
  at: RequestedColumns,
  distribution: ErrorDistribution,
  { level, kind }: ValuesOf<typeof bandTable>,
): { readonly low: Float64Array; readonly high: Float64Array } {
  const t = confidenceQuantile(distribution, level)
  const { data, problem, weightAt, solved } = context
  const isOwn = at === undefined && problem.weight !== null
  const weights = isOwn ? numbersInRun(data.get(problem.weight as string) as DataColumn, fit) : null
  const point = parameterPoint(context, fit)
  // In data without weights, each row has the weight 1.
  const weightOf = (row: number, f: number, columns: readonly number[]) =>
    weights?.[row] ?? weightAt?.(f, columns) ?? 1
  // The half width of a row with a missing number is NaN.
  const { rows, columns, outputs } = evaluateModel(context, fit, at)
  const middle = new Float64Array(rows)
  const half = middle.map((_, row) => {
    const [f, ...slope] = outputs(row, point)
    middle[row] = f
    const ofCurve = getVariance(solved, fit, slope)
    return (
      t *
      Math.sqrt(
        ofCurve + (kind === 'prediction' ? distribution.variance / weightOf(row, f, columns(row)) : 0),
      )
    )
  })
  return { low: half.map((by, row) => middle[row] - by), high: half.map((by, row) => middle[row] + by) }
}
