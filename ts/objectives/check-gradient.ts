import { OptionError } from '../core/errors.js'
import type { FloatArray } from '../core/numbers.js'
import { getTypeName } from '../core/typed-arrays.js'
import { type GivenOf, nonNegative, optional, positive } from '../options/kinds.js'
import { readOptions } from '../options/read.js'
import { readObjective, readStart } from './arguments.js'
import { centralDifferences, requireWritten } from './gradient.js'
import type { Objective } from './index.js'

const table = {
  /** Relative tolerance, as a fraction of the larger of both values, ≥ 0; default 1e-5, or 1e-2 in float32. */
  rtol: optional(nonNegative()),
  /**
   * Absolute tolerance, ≥ 0; default 1e-8·max(1, |F(x)|), or 1e-3·max(1, |F(x)|) in float32. The default covers the
   * rounding error of the finite differences.
   */
  atol: optional(nonNegative()),
  /**
   * Step h > 0 of the finite differences, between the points xᵢ ± h·max(1, |xᵢ|). The default is ∛ε of the dtype:
   * 6.1e-6, or 4.9e-3 in float32.
   */
  step: optional(positive()),
}

/** Tolerances of the comparison, and the step of the finite differences. */
export interface CheckGradientOptions extends GivenOf<typeof table> {}

/** Comparison of a gradient with finite differences, at the element that deviates most in relation to the tolerance. */
export interface GradientCheck {
  /** Whether all elements are within tolerance, and all values are finite. */
  readonly ok: boolean
  /** Count of elements that are not within tolerance. */
  readonly failures: number
  /** The objective at x. */
  readonly value: number
  /** Index of the element with the largest |analytic − numeric|/(atol + rtol·max(|analytic|, |numeric|)). */
  readonly index: number
  /** The element of the analytic gradient. */
  readonly analytic: number
  /** The element of the central differences. */
  readonly numeric: number
  /** |analytic − numeric|; Infinity if one of the two values is not finite. */
  readonly absoluteError: number
  /** Absolute error divided by the larger absolute value; 0 if both values are 0. */
  readonly relativeError: number
}

/** Default tolerances of the gradient check, by bytes per element of the dtype. */
const tolerances = { 4: { rtol: 1e-2, atol: 1e-3 }, 8: { rtol: 1e-5, atol: 1e-8 } } as Readonly<
  Record<number, { readonly rtol: number; readonly atol: number }>
>

/**
 * Compares a gradient with central differences, element by element: |analytic − numeric| ≤ atol + rtol·max(|analytic|,
 * |numeric|). The check takes 2n + 1 evaluations of the value.
 *
 * Check in float64 if possible. In float32 the central differences are also inaccurate, and elements below the
 * tolerance `atol` are not checked. At a kink, such as 0 for ReLU, central differences lie between the two one-sided
 * derivatives and do not match the gradient.
 *
 * @param objective `{ value, gradient }`, as for `minimize`
 * @param x the point, copied. A Float32Array selects float32; a Float64Array or an array of numbers selects float64.
 * @throws OptionError for invalid arguments; if the value is not a number, if the gradient does not fill all of `out`,
 * or if either function changes x. Errors thrown by the objective's functions are passed on.
 * @example
 * const { ok, index, analytic, numeric } = checkGradient(objective, [0.5, -1])
 */
export function checkGradient(
  objective: Required<Objective>,
  x: ArrayLike<number>,
  options: CheckGradientOptions = {},
): GradientCheck {
  const { value, gradient } = readObjective(objective)
  if (gradient === undefined) throw new OptionError('objective: gradient', 'a function', gradient)
  const given = readStart(x)
  const copy = () =>
    getTypeName(given) === 'Float32Array' ? Float32Array.from(given) : Float64Array.from(given)
  const at = copy()
  const { rtol, atol, step } = readOptions('options', options, table)
  const defaults = tolerances[at.BYTES_PER_ELEMENT]

  const point = copy()
  const valueAt = (x: ArrayLike<number>) => {
    const result: unknown = value(x)
    if (typeof result !== 'number') throw new OptionError('objective: value', 'a number', result)
    return result
  }
  const here = valueAt(point)
  checkKept('value', point, at)
  const analytic = copy()
  requireWritten(gradient, analytic)(point, analytic)
  checkKept('gradient', point, at)
  const numeric = new Float64Array(at.length)
  centralDifferences(valueAt, point, step)(at, numeric)

  const size = Number.isFinite(here) ? Math.max(1, Math.abs(here)) : 1
  const compared = compare(analytic, numeric, rtol ?? defaults.rtol, atol ?? defaults.atol * size)
  return Object.freeze({
    ok: compared.failures === 0 && Number.isFinite(here),
    value: here,
    ...compared,
  })
}

function compare(analytic: FloatArray, numeric: FloatArray, rtol: number, atol: number) {
  let failures = 0
  let furthest = -1
  let worst = { index: 0, analytic: NaN, numeric: NaN, absoluteError: NaN, relativeError: NaN }
  for (let index = 0; index < analytic.length; index++) {
    const a = analytic[index]
    const n = numeric[index]
    const size = Math.max(Math.abs(a), Math.abs(n))
    // `size` is NaN if one of the values is NaN.
    const areFinite = size < Infinity
    const absoluteError = areFinite ? Math.abs(a - n) : Infinity
    const relativeError = !areFinite ? Infinity : size === 0 ? 0 : absoluteError / size
    const distance = !areFinite ? Infinity : absoluteError === 0 ? 0 : absoluteError / (atol + rtol * size)
    if (distance > 1) failures++
    if (distance <= furthest) continue
    furthest = distance
    worst = { index, analytic: a, numeric: n, absoluteError, relativeError }
  }
  return { failures, ...worst }
}

/** @throws OptionError if a call has changed its point */
function checkKept(name: string, point: FloatArray, x: FloatArray): void {
  const i = point.findIndex((xi, i) => !Object.is(xi, x[i]))
  if (i !== -1) throw new OptionError(`objective: ${name}`, 'x to stay unchanged', `a call that set x[${i}]`)
}
