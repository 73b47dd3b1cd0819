/** Intervals and bands about where a fit has ended, by derivatives (the delta method). */

import { exp } from '../../functions/index.js'
import { type DataColumn, numbersInRun } from '../../many/batch/data.js'
import { choice, type GivenOf } from '../../options/kinds.js'
import { probability } from '../problem/confidence-level.js'
import { type FitContext, getVariance, type SolvedFits } from '../solve/fit-context.js'
import { evaluateModel, parameterPoint, type RequestedColumns } from './linearize.js'
import { studentQuantile } from './student-t.js'

export const bandTable = {
  /** The probability, between 0 and 1; 0.95. */
  level: probability,
  /** Of the curve ('confidence'), or of what would be measured there ('prediction'); 'confidence'. */
  kind: choice('confidence', 'prediction'),
}

export interface BandOptions extends GivenOf<typeof bandTable> {}

/** What bands are made of. */
export type BandContext = Pick<FitContext, 'problem' | 'data' | 'starts' | 'isAbsolute' | 'weightAt'> & {
  readonly solved: Pick<SolvedFits, 'free' | 'covariance' | 'errors' | 'atBound'>
}

/** Student's t, or that of the normal distribution where σ is known; NaN without a degree of freedom. */
export function confidenceQuantile(isAbsolute: boolean, degreesOfFreedom: number, level: number): number {
  if (isAbsolute) return studentQuantile(level, Infinity)
  return degreesOfFreedom > 0 ? studentQuantile(level, degreesOfFreedom) : NaN
}

/** The ends of an interval: of a positive parameter those of its logarithm. */
export function symmetricInterval(
  value: number,
  half: number,
  isPositive: boolean,
): readonly [number, number] {
  if (!isPositive) return [value - half, value + half]
  const factor = exp(half / value)
  return [value / factor, value * factor]
}

/** The model at columns, or at the rows that were given. */
export function predictColumns(context: BandContext, fit: number, at: RequestedColumns): Float64Array {
  const { rows, value } = evaluateModel(context, fit, at)
  const point = parameterPoint(context, fit)
  return Float64Array.from({ length: rows }, (_, row) => value(row, point))
}

/**
 * The ends of a band about it.
 *
 * @param t by how many deviations
 * @param ofRows the variance of a row of the weight 1, where σ is not known
 */
export function computeBand(
  context: BandContext,
  fit: number,
  at: RequestedColumns,
  kind: 'confidence' | 'prediction',
  t: number,
  ofRows: number,
): { readonly low: Float64Array; readonly high: Float64Array } {
  const { isAbsolute, data, problem, weightAt, solved } = context
  const isOwn = at === undefined && problem.weight !== null
  const weights = isOwn ? numbersInRun(data.get(problem.weight as string) as DataColumn, fit) : null
  const point = parameterPoint(context, fit)
  // Of a row that has no weight: 1.
  const weightOf = (row: number, f: number, columns: readonly number[]) =>
    weights?.[row] ?? weightAt?.(f, columns) ?? 1
  const size = isAbsolute ? 1 : ofRows
  // Of a row of which nothing is known, half is NaN.
  const { rows, columns, outputs } = evaluateModel(context, fit, at)
  const middle = new Float64Array(rows)
  const half = middle.map((_, row) => {
    const [f, ...slope] = outputs(row, point)
    middle[row] = f
    const ofCurve = getVariance(solved, fit, slope)
    return t * Math.sqrt(ofCurve + (kind === 'prediction' ? size / weightOf(row, f, columns(row)) : 0))
  })
  return { low: half.map((by, row) => middle[row] - by), high: half.map((by, row) => middle[row] + by) }
}
