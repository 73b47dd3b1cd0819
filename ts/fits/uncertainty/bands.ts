/** Intervals and bands about where a fit has ended, by derivatives (the delta method). */

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
  /** The probability, between 0 and 1; 0.95. */
  level: probability,
  /** Of the curve ('confidence'), or of what would be measured there ('prediction'); 'confidence'. */
  kind: choice('confidence', 'prediction'),
}

export interface BandOptions extends GivenOf<typeof bandTable> {}

/** What bands are made of. */
export type BandContext = Pick<FitContext, 'problem' | 'data' | 'starts' | 'weightAt'> & {
  readonly solved: Pick<SolvedFits, 'free' | 'covariance' | 'errors' | 'atBound'>
}

/** A fit that predicts, by its index among those of its context. */
export interface Predictor {
  readonly context: BandContext
  readonly index: number
}

/** How errors of parameters are distributed. */
export interface ErrorDistribution {
  readonly isAbsolute: boolean
  readonly degreesOfFreedom: number
  /** That of a row of the weight 1: 1 where σ is known. */
  readonly variance: number
  readonly parameters: readonly Parameter[]
}

/** Student's t, or that of the normal distribution where σ is known; NaN without a degree of freedom. */
function confidenceQuantile(
  { isAbsolute, degreesOfFreedom }: Omit<ErrorDistribution, 'variance'>,
  level: number,
): number {
  if (isAbsolute) return studentQuantile(level, Infinity)
  return degreesOfFreedom > 0 ? studentQuantile(level, degreesOfFreedom) : NaN
}

/**
 * Intervals of parameters by their names, values and standard errors: of a positive one those of its logarithm.
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

/** The model at columns, or at the rows that were given. */
export function predictColumns({ context, index }: Predictor, at: RequestedColumns): Float64Array {
  const { rows, value } = evaluateModel(context, index, at)
  const point = parameterPoint(context, index)
  return Float64Array.from({ length: rows }, (_, row) => value(row, point))
}

/** The ends of a band about it. */
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
  // Of a row that has no weight: 1.
  const weightOf = (row: number, f: number, columns: readonly number[]) =>
    weights?.[row] ?? weightAt?.(f, columns) ?? 1
  // Of a row of which nothing is known, half is NaN.
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
