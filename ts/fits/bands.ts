/** Intervals and bands about where a fit has ended, by derivatives (the delta method). */

import { exp } from '../functions/index.js'
import { type Column, numbersOf } from '../many/data.js'
import { type GivenOf, oneOf } from '../options/kinds.js'
import { type Found, type Ingredients, variance } from './found.js'
import { probability } from './level.js'
import { type ColumnsAsked, modelAt, pointOf } from './linearise.js'
import { quantile } from './student.js'

export const bandTable = {
  /** The probability, between 0 and 1; 0.95. */
  level: probability,
  /** Of the curve ('confidence'), or of what would be measured there ('prediction'); 'confidence'. */
  kind: oneOf('confidence', 'prediction'),
}

export interface BandOptions extends GivenOf<typeof bandTable> {}

/** What bands are made of. */
export type Banded = Pick<Ingredients, 'problem' | 'given' | 'starts' | 'isAbsolute' | 'weightAt'> & {
  readonly found: Pick<Found, 'free' | 'covariance' | 'errors' | 'held'>
}

/** Student's t, or that of the normal distribution where σ is known; NaN without a degree of freedom. */
export function quantileOf(isAbsolute: boolean, freedom: number, level: number): number {
  if (isAbsolute) return quantile(level, Infinity)
  return freedom > 0 ? quantile(level, freedom) : NaN
}

/** The ends of an interval: of a positive parameter those of its logarithm. */
export function symmetric(value: number, half: number, isPositive: boolean): readonly [number, number] {
  if (!isPositive) return [value - half, value + half]
  const factor = exp(half / value)
  return [value / factor, value * factor]
}

/** The model at columns, or at the rows that were given. */
export function predicted(of: Banded, fit: number, at: ColumnsAsked): Float64Array {
  const { rows, value } = modelAt(of, fit, at)
  const point = pointOf(of, fit)
  return Float64Array.from({ length: rows }, (_, row) => value(row, point))
}

/**
 * The ends of a band about it.
 *
 * @param t by how many deviations
 * @param ofRows the variance of a row of the weight 1, where σ is not known
 */
export function bandAbout(
  of: Banded,
  fit: number,
  at: ColumnsAsked,
  kind: 'confidence' | 'prediction',
  t: number,
  ofRows: number,
): { readonly low: Float64Array; readonly high: Float64Array } {
  const { isAbsolute, given, problem, weightAt, found } = of
  const isOwn = at === undefined && problem.weight !== null
  const weights = isOwn ? numbersOf(given.get(problem.weight as string) as Column, fit) : null
  const point = pointOf(of, fit)
  // Of a row that has no weight: 1.
  const weightOf = (row: number, f: number, columns: readonly number[]) =>
    weights?.[row] ?? weightAt?.(f, columns) ?? 1
  const size = isAbsolute ? 1 : ofRows
  // Of a row of which nothing is known, half is NaN.
  const { rows, columns, outputs } = modelAt(of, fit, at)
  const middle = new Float64Array(rows)
  const half = middle.map((_, row) => {
    const [f, ...slope] = outputs(row, point)
    middle[row] = f
    const ofCurve = variance(found, fit, slope)
    return t * Math.sqrt(ofCurve + (kind === 'prediction' ? size / weightOf(row, f, columns(row)) : 0))
  })
  return { low: half.map((by, row) => middle[row] - by), high: half.map((by, row) => middle[row] + by) }
}
