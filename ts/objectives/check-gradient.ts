import { OptionError } from '../core/errors.js'
import type { FloatArray } from '../core/numbers.js'
import { getTypeName } from '../core/typed-arrays.js'
import { type GivenOf, nonNegative, optional, positive } from '../options/kinds.js'
import { readOptions } from '../options/read.js'
import { readObjective, readStart } from './arguments.js'
import { centralDifferences, requireWritten } from './gradient.js'
import type { Objective } from './index.js'

const table = {
  /** Of the larger of both numbers, ≥ 0; 1e-5, or 1e-2 in float32. */
  rtol: optional(nonNegative()),
  /** ≥ 0; 1e-8·max(1, |F(x)|), or 1e-3·max(1, |F(x)|) in float32: as much as differences may be rounded. */
  atol: optional(nonNegative()),
  /** h in xᵢ ± h·max(1, |xᵢ|), > 0; ∛ε of the dtype: 6.1e-6, or 4.9e-3 in float32. */
  step: optional(positive()),
}

/** How far a gradient may be from differences, and how those are taken. */
export interface CheckGradientOptions extends GivenOf<typeof table> {}

/** A gradient beside differences, at the element that is furthest from its tolerance. */
export interface GradientCheck {
  /** Whether all elements are within their tolerance, and everything is finite. */
  readonly ok: boolean
  /** How many elements are not. */
  readonly failures: number
  /** The objective at x. */
  readonly value: number
  /** The element with the largest |analytic − numeric|/(atol + rtol·max(|analytic|, |numeric|)). */
  readonly index: number
  /** What the gradient has there. */
  readonly analytic: number
  /** What central differences have there. */
  readonly numeric: number
  /** |analytic − numeric|; Infinity where one is not finite. */
  readonly absoluteError: number
  /** That by the larger one's absolute value; 0 where both are 0. */
  readonly relativeError: number
}

/** By bytes of an element. */
const tolerances = { 4: { rtol: 1e-2, atol: 1e-3 }, 8: { rtol: 1e-5, atol: 1e-8 } } as Readonly<
  Record<number, { readonly rtol: number; readonly atol: number }>
>

/**
 * Compares a gradient with central differences, element by element: |analytic − numeric| ≤ atol +
 * rtol·max(|analytic|, |numeric|). It takes 2n + 1 values.
 *
 * Check in float64 where you can: in float32 the differences, too, are that coarse, and an element below
 * atol is not seen. At a kink, as ReLU has one at 0, differences are between both slopes, and do not fit.
 *
 * @param objective `{ value, gradient }`, as for `minimize`
 * @param x where, copied: a Float32Array, at which all is float32, or a Float64Array or list of numbers
 * @throws OptionError for what cannot be used; where the value is no number, the gradient does not fill all of
 * `out`, or one of them changes x. What they throw themselves is passed on.
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
    // size is NaN where one of them is.
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

/** @throws OptionError where a call has changed the point that it was given */
function checkKept(name: string, point: FloatArray, x: FloatArray): void {
  const i = point.findIndex((xi, i) => !Object.is(xi, x[i]))
  if (i !== -1)
    throw new OptionError(`objective: ${name}`, 'x to be left as it is', `a call that set x[${i}]`)
}
