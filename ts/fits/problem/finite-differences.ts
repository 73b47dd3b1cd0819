/** Finite-difference derivatives of function models. */

import type { Slices } from '../../core/slices.js'
import { type GivenOf, integerBetween, optional, positive, type ValuesOf } from '../../options/kinds.js'

export const finiteDifferences = {
  /**
   * Order of accuracy: 1 (forward differences, one evaluation per parameter) or 2 (central differences, two
   * evaluations per parameter). Default 1.
   */
  order: integerBetween(1, 2, 1),
  /**
   * Relative step. A parameter is displaced by `step` times the larger of two sizes. One size is the parameter's
   * absolute value; the other is the change that alters the curve by as much as the residuals. The default `step` is
   * ε^½ for order 1 and ε^⅓ for order 2, with ε = 2⁻⁵².
   */
  step: optional(positive()),
}

/** The option `finiteDifferences`: order and step of the finite differences. */
export interface FiniteDifferences extends GivenOf<typeof finiteDifferences> {}
export type FiniteDifferenceValues = ValuesOf<typeof finiteDifferences>

/** Default relative steps for the orders 1 and 2: ε^½ and ε^⅓. */
const RELATIVE_STEPS = [1.4901161193847656e-8, 6.055454452393343e-6]
/** Relative errors of the derivatives for the orders 1 and 2. */
const RELATIVE_ERRORS = [1e-9, 1e-12]

/** Relative rounding error of a finite-difference derivative. */
export const getRelativeError = ({ order }: FiniteDifferenceValues) => RELATIVE_ERRORS[order - 1]

/** The point at which derivatives are estimated, with the bounds of the parameters. */
export interface DifferencePoint {
  readonly x: Float64Array
  /** Values of the model function at the point `x`. */
  readonly f: Float64Array
  readonly min: readonly number[]
  readonly max: readonly number[]
  /** Minimum absolute value of each parameter in the computation of its step. */
  readonly sizes: ArrayLike<number>
}

/** Values of the model function at a displaced point, and the exact displacement of the parameter. */
interface DisplacedPoint {
  readonly displacement: number
  readonly f: Float64Array
}

/**
 * Estimates the derivatives with respect to each parameter, one array per parameter with one value per row. `evaluate`
 * must return a new array on each call, because the derivatives are written into the returned arrays. No point outside
 * the bounds is evaluated. If the differences in one direction are not finite numbers, the other direction is tried.
 */
export function* estimateDerivatives(
  evaluate: (x: Float64Array) => Float64Array,
  { x, f, min, max, sizes }: DifferencePoint,
  { order, step = RELATIVE_STEPS[order - 1] }: FiniteDifferenceValues,
): Slices<Float64Array[]> {
  const slopes: Float64Array[] = []
  const point = x.slice()
  const moved = (i: number, by: number): DisplacedPoint => {
    point[i] = x[i] + by
    const exactly = point[i] - x[i]
    const there = evaluate(point)
    point[i] = x[i]
    return { displacement: exactly, f: there }
  }
  for (let i = 0; i < x.length; i++) {
    const at = x[i]
    const size = step * (Math.max(Math.abs(at), sizes[i]) || 1)
    const sides: number[] = []
    if (at + size >= min[i] && at + size <= max[i]) sides.push(size)
    if (at - size >= min[i] && at - size <= max[i]) sides.push(-size)
    // If neither bound is a full step away, the step ends at the farther bound.
    const [up, down] = [max[i] - at, min[i] - at]
    if (sides.length === 0 && up > down) sides.push(up > -down ? up : down)
    let found: Float64Array | undefined
    if (order === 2 && sides.length === 2) {
      const [above, below] = [moved(i, size), moved(i, -size)]
      yield
      found = above.f
      for (let row = 0; row < f.length; row++) {
        found[row] = (above.f[row] - below.f[row]) / (above.displacement - below.displacement)
      }
      if (areFinite(found)) sides.length = 0
    }
    for (const side of sides) {
      // Two one-sided differences, over half and full steps, are extrapolated to order 2.
      const nearPoint = moved(i, order === 2 ? side / 2 : side)
      yield
      found = nearPoint.f
      for (let row = 0; row < f.length; row++)
        found[row] = (nearPoint.f[row] - f[row]) / nearPoint.displacement
      if (order === 2) {
        const farPoint = moved(i, side)
        yield
        for (let row = 0; row < f.length; row++) {
          found[row] = 2 * found[row] - (farPoint.f[row] - f[row]) / farPoint.displacement
        }
      }
      if (areFinite(found)) break
    }
    slopes.push(found ?? new Float64Array(f.length))
  }
  return slopes
}

export function areFinite(numbers: Float64Array): boolean {
  let zero = 0
  for (let k = 0; k < numbers.length; k++) zero += numbers[k] * 0
  return zero === 0
}
