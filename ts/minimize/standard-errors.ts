/** Standard errors of the parameters at a minimum, computed from the curvature of the objective. */

import { OptionError } from '../core/errors.js'
import { plural } from '../core/text.js'
import { readObjective, readStart } from '../objectives/arguments.js'
import { type Bounds, isHeld, project, readBounds } from '../objectives/bounds.js'
import { centralDifferences, requireWritten } from '../objectives/gradient.js'
import type { Objective, TwiceDifferentiable } from '../objectives/objective.js'
import { type GivenOf, integerAtLeast, option, optional, passThrough } from '../options/kinds.js'
import { readOptions } from '../options/read.js'
import { type GradientFunction, type SecondDifferences, secondDifferences } from './second-differences.js'

const kinds = ['negative-log-likelihood', 'chi-squared', 'sum-of-squares'] as const

const table = {
  /**
   * Kind of the objective: −log L; χ² = Σ((y − f)/σ)² with known σ; or Σ(y − f)² with estimated σ. The option is
   * required, because the standard errors depend on it.
   */
  kind: option<(typeof kinds)[number], undefined>(`one of ${kinds.join(', ')}`, undefined, (x) =>
    kinds.includes(x as never),
  ),
  /** Count of observations in a sum of squares. */
  observations: optional(integerAtLeast(1)),
  /** Bounds that were passed to `minimize`. Parameters at a bound count as fixed. */
  bounds: passThrough<Bounds>(),
}

export interface StandardErrorsOptions extends GivenOf<typeof table> {}

/** Outcome of the computation, or the reason why standard errors are not available. */
export type StandardErrorsReason =
  | 'minimum'
  | 'not-at-minimum'
  | 'singular'
  | 'saddle'
  | 'not-finite'
  | 'no-degrees-of-freedom'

export interface StandardErrors {
  /**
   * Standard errors by parameter; NaN for a parameter at a bound. If the Hessian is not usable, all standard errors are
   * NaN.
   */
  readonly errors: Float64Array
  /** Covariance matrix as an array of rows. Entries of parameters whose standard errors are NaN are NaN. */
  readonly covariance: readonly Float64Array[]
  /** Matrix of second derivatives. */
  readonly hessian: readonly Float64Array[]
  /** Source of the second derivatives: exact, or differences of gradients or of values. */
  readonly derivatives: 'exact' | 'gradient-differences' | 'value-differences'
  /** Indices of the parameters at a bound, which count as fixed. */
  readonly atBound: readonly number[]
  /** Distance to the minimum of the quadratic approximation, in standard errors; 0 exactly at a minimum. */
  readonly distance: number
  /**
   * A direction along which the value does not grow, scaled to a largest component of 1; null at a minimum, or if no
   * such direction is known.
   */
  readonly direction: Float64Array | null
  /**
   * - 'minimum': the Hessian is positive definite, and the minimum is at most a hundredth of a standard error away
   * - 'not-at-minimum': the minimum is more than a hundredth of a standard error away; standard errors belong to the
   *   quadratic approximation
   * - 'singular': along some direction the curvature is only rounding error, so some parameters are known only jointly
   *   or not at all
   * - 'saddle': along some direction the value has a maximum, so standard errors do not exist
   * - 'not-finite': the value, a first derivative or a second derivative is infinite or NaN
   * - 'no-degrees-of-freedom': a sum of squares has no more observations than parameters, so σ cannot be estimated
   */
  readonly reason: StandardErrorsReason
  /**
   * Explanation in words, empty for 'minimum'; the text names parameters by the objective's `parameters`, or else by
   * index.
   */
  readonly message: string
}

/** Limits by kind of derivatives. In a matrix that is scaled to a diagonal of 1, a smaller pivot is rounding error. */
const MIN_PIVOT = { exact: 1e-13, 'gradient-differences': 1e-7, 'value-differences': 1e-4 }
/** Distances from the minimum up to this limit, in standard errors, count as 0. */
const MAX_DISTANCE_IN_ERRORS = 0.01

/**
 * Computes standard errors at a point that `minimize` returned, from the second derivatives H of the objective. The
 * standard errors are the square roots of the diagonal of H⁻¹ for −log L, of 2·H⁻¹ for χ², and of 2·H⁻¹·S/(n − p) for a
 * sum of squares S. The derivatives are exact for an `expression`, and for an objective with `hessian(x, out)`, which
 * fills n·n numbers row by row. Otherwise the derivatives are differences of the gradient, correct to about eight
 * digits, or of the values, correct to about six digits. Recurrences, `trigamma` and `voigt` have no second derivatives,
 * so that the gradient is differentiated.
 *
 * @param objective the minimized objective
 * @param x the point, as in the result's `x`; copied and converted to float64
 * @throws OptionError for invalid arguments. If the Hessian is not positive definite, `reason` in the result explains
 * the problem.
 * @example
 * const objective = expression('(y - a*exp(-b*t))^2').with({ t, y })
 * const { x } = minimize(objective, [1, 1], lbfgs())
 * const { errors, reason } = standardErrors(objective, x, { kind: 'sum-of-squares', observations: t.length })
 */
export function standardErrors(
  objective: TwiceDifferentiable | ((x: ArrayLike<number>) => number),
  x: ArrayLike<number>,
  options: StandardErrorsOptions,
): StandardErrors {
  const { kind, observations, bounds } = readOptions('options', options, table)
  if ((observations !== undefined) !== (kind === 'sum-of-squares')) {
    const expected = kind === 'sum-of-squares' ? 'the count of squares' : `none with kind: '${kind}'`
    throw new OptionError('observations', expected, observations)
  }
  const { value, slopes, second, both, names, at, box } = readPoint(objective, x, bounds)
  const all = second && both && evaluateTogether(both, at)
  const here = all ? all.value : value(at)
  if (kind !== 'negative-log-likelihood' && here < 0)
    throw new OptionError('objective: value', `a number ≥ 0 with kind: '${kind}'`, here)
  const unitOf = (count: number) =>
    kind === 'negative-log-likelihood'
      ? 1
      : kind === 'chi-squared'
        ? 2
        : (2 * here) / ((observations as number) - count)
  // This unit ignores that some parameters may be at bounds, which are not known yet. The steps change only slightly.
  const found =
    all ??
    (second
      ? exactHessian(second, slopes ?? ((x, out) => centralDifferences(value, x.slice())(x, out)), at)
      : secondDifferences(value, slopes, at, positiveUnit(unitOf(at.length)), box))
  const { gradient: g, hessian } = found
  const derivatives = second ? 'exact' : slopes ? 'gradient-differences' : 'value-differences'
  const isFixed = (i: number) => box !== null && isHeld(at[i], g[i], i, box)
  const free = [...at.keys()].filter((i) => !isFixed(i))
  const known = { hessian, derivatives, atBound: [...at.keys()].filter(isFixed) } as const

  if (![here, ...g, ...hessian.flatMap((row) => [...row])].every(Number.isFinite)) {
    const message = 'the value or a derivative is not finite'
    return { ...known, ...noErrors(hessian), reason: 'not-finite', message }
  }
  if (kind === 'sum-of-squares' && (observations as number) <= free.length) {
    const message = `${plural(observations as number, 'observation')} for ${plural(free.length, 'parameter')}: no degrees of freedom to estimate σ`
    return { ...known, ...noErrors(hessian), reason: 'no-degrees-of-freedom', message }
  }
  const factored = factorize(
    free.map((i) => free.map((j) => hessian[i][j])),
    MIN_PIVOT[derivatives],
  )
  if (factored.direction !== null) {
    const all = Array.from(at, (_, i) => names?.[i] ?? `x[${i}]`)
    const { direction, isFlat } = factored
    return { ...known, ...noErrors(hessian), ...explainDirection(direction, isFlat, free, all) }
  }
  const isExact = kind === 'sum-of-squares' && here === 0
  return { ...known, ...computeErrors(factored, found, free, unitOf(free.length), isExact) }
}

/** Reads the objective in float64, the available derivatives, and the point, which is moved into the bounds. */
function readPoint(
  objective: TwiceDifferentiable | ((x: ArrayLike<number>) => number),
  x: ArrayLike<number>,
  bounds: Bounds | undefined,
) {
  const { value: given, gradient, hessian, both, names } = readObjective(objective)
  const all = hessian()
  const at = Float64Array.from(readStart(x))
  const box = readBounds(bounds, { names, length: at.length, dtype: 'float64' })
  if (box !== null) project(at, box)
  const second = all && both && !hasHessian(all, at) ? undefined : all
  // The functions receive copies, because they may write to their arguments.
  const value = (x: ArrayLike<number>) => {
    const result: unknown = given(Float64Array.from(x))
    if (typeof result !== 'number') throw new OptionError('objective: value', 'a number', result)
    return result
  }
  const slopes =
    gradient && ((x: Float64Array, out: Float64Array) => requireWritten(gradient, out)(x.slice(), out))
  return { value, slopes, second, both, names, at, box }
}

/** A result whose standard errors are all NaN. */
function noErrors(hessian: readonly Float64Array[]) {
  const unknown = () => new Float64Array(hessian.length).fill(NaN)
  return { errors: unknown(), covariance: hessian.map(unknown), distance: NaN, direction: null }
}

/** Explains why a Hessian is not positive definite, and names the parameters along the direction. */
function explainDirection(
  parts: readonly number[],
  isFlat: boolean,
  free: readonly number[],
  names: readonly string[],
): Pick<StandardErrors, 'direction' | 'reason' | 'message'> {
  const direction = new Float64Array(names.length)
  for (const [k, part] of parts.entries()) direction[free[k]] = part
  const along = describeDirection(direction, (i) => names[i])
  return isFlat
    ? {
        direction,
        reason: 'singular',
        message: `the value does not change along ${along}: the minimum is not unique`,
      }
    : {
        direction,
        reason: 'saddle',
        message: `the value falls on both sides along ${along}: this is no minimum`,
      }
}

/**
 * Computes standard errors from a positive definite Hessian.
 *
 * @param unit twice the increase of the value within one standard error
 * @param isExact whether the value is the smallest that the objective can have
 */
function computeErrors(
  { solve }: Factorization,
  { gradient, hessian }: SecondDifferences,
  free: readonly number[],
  unit: number,
  isExact: boolean,
): Pick<StandardErrors, 'errors' | 'covariance' | 'distance' | 'direction' | 'reason' | 'message'> {
  const step = solve(free.map((i) => gradient[i]))
  const decrease = free.reduce((sum, i, k) => sum + gradient[i] * step[k], 0)
  const distance = Math.sqrt(Math.max(0, decrease) / (unit || 1))
  const { errors, covariance } = noErrors(hessian)
  for (const [k, i] of free.entries()) {
    const ofUnit = solve(free.map((_, l) => (l === k ? 1 : 0)))
    for (const [l, j] of free.entries()) covariance[i][j] = unit * ofUnit[l]
    errors[i] = Math.sqrt(covariance[i][i])
  }
  const known = { errors, covariance, distance, direction: null }
  if (distance <= MAX_DISTANCE_IN_ERRORS || isExact) return { ...known, reason: 'minimum', message: '' }
  const message = `the minimum is ${Number(distance.toPrecision(3))} standard errors away: minimize further`
  return { ...known, reason: 'not-at-minimum', message }
}

/** Whether an expression has second derivatives. Recurrences and a few functions have only first derivatives. */
function hasHessian(second: NonNullable<Objective['gradient']>, at: Float64Array): boolean {
  try {
    second(at.slice(), new Float64Array(at.length * at.length))
    return true
  } catch (error) {
    if (error instanceof OptionError) return false
    throw error
  }
}

function exactHessian(
  second: NonNullable<Objective['gradient']>,
  slopes: GradientFunction,
  at: Float64Array,
): SecondDifferences {
  const n = at.length
  const gradient = new Float64Array(n)
  slopes(at, gradient)
  const all = new Float64Array(n * n)
  requireWritten(second, all, 'hessian')(at.slice(), all)
  return { gradient, hessian: splitRows(all, n) }
}

/** The value and its derivatives, which one program of an expression computes. */
function evaluateTogether(
  both: NonNullable<ReturnType<typeof readObjective>['both']>,
  at: Float64Array,
): SecondDifferences & { readonly value: number } {
  const n = at.length
  const [gradient, all] = [new Float64Array(n), new Float64Array(n * n)]
  return { value: both(at, gradient, all), gradient, hessian: splitRows(all, n) }
}

const splitRows = (all: Float64Array, n: number) =>
  Array.from({ length: n }, (_, i) => all.slice(i * n, i * n + n))

/** Returns a positive, finite unit for steps; 1 if the given unit is not usable. */
function positiveUnit(unit: number): number {
  return unit > 0 && unit < Infinity ? unit : 1
}

/** The factors of a positive definite matrix, or a direction that proves that the matrix is not positive definite. */
interface Factorization {
  readonly solve: (right: readonly number[]) => number[]
  /** A direction v with vᵀ·H·v ≤ 0. */
  readonly direction: readonly number[] | null
  readonly isFlat: boolean
}

/** Factors L·D·Lᵀ of a matrix that is scaled to a diagonal of 1. */
function factorize(matrix: readonly (readonly number[])[], least: number): Factorization {
  const scales = matrix.map((row, i) => (row[i] === 0 ? 1 : 1 / Math.sqrt(Math.abs(row[i]))))
  const lower: number[][] = []
  const diagonal: number[] = []
  /** Solves Lᵀ·x = `right` for the leading rows. */
  const back = (right: number[]) => {
    for (let i = right.length - 1; i >= 0; i--)
      for (let k = i + 1; k < right.length; k++) right[i] -= lower[k][i] * right[k]
    return right
  }
  for (const [i, row] of matrix.entries()) {
    // Row i of L·D.
    const scaled: number[] = []
    const own: number[] = []
    lower.push(own)
    for (let j = 0; j <= i; j++) {
      let rest = row[j] * scales[i] * scales[j]
      for (let k = 0; k < j; k++) rest -= scaled[k] * lower[j][k]
      scaled.push(rest)
      own.push(j < i ? rest / diagonal[j] : 1)
    }
    const pivot = scaled[i]
    if (pivot > least) {
      diagonal.push(pivot)
      continue
    }
    const direction = back(lower.map((_, k) => (k === i ? 1 : 0))).map((x, k) => x * scales[k])
    const largest = direction.reduce((most, x) => (Math.abs(x) > Math.abs(most) ? x : most), 0)
    const whole = matrix.map((_, k) => (k <= i ? direction[k] / largest : 0))
    return { solve: () => [], direction: whole, isFlat: pivot >= -least }
  }
  const solve = (right: readonly number[]) => {
    const x = right.map((b, i) => b * scales[i])
    for (let i = 0; i < x.length; i++) for (let k = 0; k < i; k++) x[i] -= lower[i][k] * x[k]
    return back(x.map((b, i) => b / diagonal[i])).map((b, i) => b * scales[i])
  }
  return { solve, direction: null, isFlat: false }
}

/** Describes a direction by the names of the parameters with the largest components. */
function describeDirection(direction: Float64Array, nameOf: (i: number) => string): string {
  const order = [...direction.keys()].sort((i, j) => Math.abs(direction[j]) - Math.abs(direction[i]))
  const parts = order.filter((i) => Math.abs(direction[i]) >= 1e-3).slice(0, 4)
  return parts
    .map((i, k) => {
      const size = Math.abs(direction[i])
      const sign = direction[i] < 0 ? '−' : k === 0 ? '' : '+'
      const gap = k === 0 ? '' : ' '
      return `${gap}${sign}${k === 0 ? '' : ' '}${size === 1 ? '' : `${Number(size.toPrecision(3))}·`}${nameOf(i)}`
    })
    .join('')
}
