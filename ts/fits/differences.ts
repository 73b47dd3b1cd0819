/** Derivatives by differences: of what can only be evaluated. */

import type { Slices } from '../ground/slices.js'
import { type GivenOf, optional, positive, type ValuesOf, wholeTo } from '../options/kinds.js'

export const differences = {
  /** 1, a pass over the rows for each parameter, or 2, two of them; 1. */
  order: wholeTo(1, 2, 1),
  /**
   * By which part of itself a parameter is moved, or of how far it has to go to change the curve by the residuals, if that
   * is more; ε^½ of order 1 and ε^⅓ of order 2, with ε = 2⁻⁵².
   */
  step: optional(positive()),
}

export interface Differences extends GivenOf<typeof differences> {}
export type DifferenceValues = ValuesOf<typeof differences>

/** ε^½ and ε^⅓ */
const STEPS = [1.4901161193847656e-8, 6.055454452393343e-6]
/** What is left of the digits of derivatives. */
const DIGITS = [1e-9, 1e-12]

/** Parts of a derivative that are rounding. */
export const roundingOf = ({ order }: DifferenceValues) => DIGITS[order - 1]

/** Where derivatives are wanted, and what may be evaluated. */
export interface Around {
  readonly x: Float64Array
  /** What it is there. */
  readonly f: Float64Array
  readonly min: readonly number[]
  readonly max: readonly number[]
  /** How large each parameter is, at least. */
  readonly sizes: ArrayLike<number>
}

/**
 * Derivatives by each parameter, by row. Nothing is evaluated outside of the bounds; where one side has no finite numbers
 * the other one is tried.
 */
export function* slopesAt(
  evaluate: (x: Float64Array) => Float64Array,
  { x, f, min, max, sizes }: Around,
  { order, step = STEPS[order - 1] }: DifferenceValues,
): Slices<Float64Array[]> {
  const slopes: Float64Array[] = []
  for (const [i, at] of x.entries()) {
    const size = step * (Math.max(Math.abs(at), sizes[i]) || 1)
    const isInside = (by: number) => at + by >= min[i] && at + by <= max[i]
    const moved = (by: number) => {
      const point = x.slice()
      point[i] = at + by
      return { by: point[i] - at, f: evaluate(point) }
    }
    const sides = [size, -size].filter(isInside)
    // Between bounds that are so near to each other it goes to the farther one.
    const [up, down] = [max[i] - at, min[i] - at]
    if (sides.length === 0 && up > down) sides.push(up > -down ? up : down)
    let found = new Float64Array(f.length)
    if (order === 2 && sides.length === 2) {
      const [above, below] = [moved(size), moved(-size)]
      yield
      found = found.map((_, row) => (above.f[row] - below.f[row]) / (above.by - below.by))
      if (areFinite(found)) sides.length = 0
    }
    for (const side of sides) {
      // Half as far, so that a second order is left of one side too.
      const near = moved(order === 2 ? side / 2 : side)
      yield
      found = f.map((here, row) => (near.f[row] - here) / near.by)
      if (order === 2) {
        const far = moved(side)
        yield
        found = found.map((slope, row) => 2 * slope - (far.f[row] - f[row]) / far.by)
      }
      if (areFinite(found)) break
    }
    slopes.push(found)
  }
  return slopes
}

export function areFinite(numbers: Float64Array): boolean {
  let zero = 0
  for (let k = 0; k < numbers.length; k++) zero += numbers[k] * 0
  return zero === 0
}
