/** A straight way from a point within bounds, which ends where a variable reaches its bound. */

import type { FloatArray } from '../core/numbers.js'
import { type BoundsBox, clamp } from '../objectives/bounds.js'

/** A variable whose bound is at most this many rounding errors away (16ε) is at the bound. */
export const ROUNDING = 1 + 3.552713678800501e-15
/** Least slope towards the projected point, as a fraction of the slope along the direction. */
export const MIN_SLOPE_RATIO = 0.1

/**
 * The points of a line search with bounds. If the step 1 along a direction leaves the bounds, the way leads to the
 * projection of its end. If the function decreases much less that way, the way follows the direction to the first
 * bound. L-BFGS-B ends its subspace step in these two ways (Byrd, Lu, Nocedal and Zhu, 1995; Morales and Nocedal, 2011).
 */
export class BoxPath {
  /** The direction of the way, whose step 1 stays within the bounds. */
  readonly direction: Float64Array
  /** The longest step, at least 1. */
  readonly longest: number
  readonly #start: FloatArray
  readonly #box: BoundsBox
  /** The step at which each variable reaches its bound. */
  readonly #ends: Float64Array

  /**
   * @param x start of the way, within the bounds
   * @param grads gradient at the start
   */
  constructor(x: FloatArray, direction: Float64Array, grads: FloatArray, box: BoundsBox) {
    this.#start = x.slice()
    this.#box = box
    const first = least(stepsToBounds(x, direction, box))
    this.direction = first < 1 ? shorten(x, direction, grads, { box, first }) : direction
    this.#ends = stepsToBounds(x, this.direction, box)
    this.longest = Math.max(1, least(this.#ends))
  }

  /** Writes the point at step t to `out`. A variable that has reached its bound is exactly at the bound. */
  pointAt(t: number, out: FloatArray): FloatArray {
    const { min, max } = this.#box
    const d = this.direction
    for (let i = 0; i < out.length; i++) {
      const isAtEnd = t * ROUNDING >= this.#ends[i]
      out[i] = isAtEnd ? (d[i] < 0 ? min[i] : max[i]) : clamp(this.#start[i] + t * d[i], min[i], max[i])
    }
    return out
  }
}

const least = (steps: Float64Array) => steps.reduce((a, b) => Math.min(a, b), Infinity)

/** The step at which each variable reaches its bound; infinite for a variable that reaches none. */
function stepsToBounds(x: FloatArray, d: Float64Array, { min, max }: BoundsBox): Float64Array {
  return d.map((di, i) => (di < 0 ? (min[i] - x[i]) / di : di > 0 ? (max[i] - x[i]) / di : Infinity))
}

/** A direction whose step 1 stays within the bounds; the direction given leaves them after the step `first`. */
function shorten(
  x: FloatArray,
  direction: Float64Array,
  grads: FloatArray,
  { box: { min, max }, first }: { readonly box: BoundsBox; readonly first: number },
): Float64Array {
  const towards = direction.map((d, i) => clamp(x[i] + d, min[i], max[i]) - x[i])
  let slope = 0
  let projected = 0
  for (let i = 0; i < direction.length; i++) {
    slope += grads[i] * direction[i]
    projected += grads[i] * towards[i]
  }
  return projected <= MIN_SLOPE_RATIO * slope ? towards : direction.map((d) => first * d)
}
