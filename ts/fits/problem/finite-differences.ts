/** Derivatives by differences: of what can only be evaluated. */

import type { Slices } from '../../core/slices.js'
import { type GivenOf, integerBetween, optional, positive, type ValuesOf } from '../../options/kinds.js'

export const finiteDifferences = {
  /** 1, a pass over the rows for each parameter, or 2, two of them; 1. */
  order: integerBetween(1, 2, 1),
  /**
   * By which part of itself a parameter is moved, or of how far it has to go to change the curve by the residuals, if that
   * is more; ε^½ of order 1 and ε^⅓ of order 2, with ε = 2⁻⁵².
   */
  step: optional(positive()),
}

export interface FiniteDifferences extends GivenOf<typeof finiteDifferences> {}
export type FiniteDifferenceValues = ValuesOf<typeof finiteDifferences>

/** ε^½ and ε^⅓ */
const RELATIVE_STEPS = [1.4901161193847656e-8, 6.055454452393343e-6]
/** What is left of the digits of derivatives. */
const RELATIVE_ERRORS = [1e-9, 1e-12]

/** Parts of a derivative that are rounding. */
export const getRelativeError = ({ order }: FiniteDifferenceValues) => RELATIVE_ERRORS[order - 1]

/** Where derivatives are wanted, and what may be evaluated. */
export interface DifferencePoint {
  readonly x: Float64Array
  /** What it is there. */
  readonly f: Float64Array
  readonly min: readonly number[]
  readonly max: readonly number[]
  /** How large each parameter is, at least. */
  readonly sizes: ArrayLike<number>
}

/** By what a parameter was moved, and what it came to. */
interface DisplacedPoint {
  readonly displacement: number
  readonly f: Float64Array
}

/**
 * Derivatives by each parameter, by row, in arrays that `evaluate` gives, which nobody else has;
 * what that is given is overwritten. Nothing is evaluated outside of the bounds; where one side has no finite numbers
 * the other one is tried.
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
    // Between bounds that are so near to each other it goes to the farther one.
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
      // Half as far, so that a second order is left of one side too.
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
