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
  direction: Float64Array
  /** The longest step, at least 1. */
  longest = 1
  readonly #start: FloatArray
  readonly #box: BoundsBox
  /** The step at which each variable reaches its bound. */
  readonly #ends: Float64Array
  readonly #bent: Float64Array

  /** @param x a point of the same length and type as the starts of the ways */
  constructor(x: FloatArray, box: BoundsBox) {
    this.#start = x.slice()
    this.#box = box
    this.#ends = new Float64Array(x.length)
    this.#bent = this.#ends.slice()
    this.direction = this.#bent
  }

  /**
   * Begins a way, whose step 1 stays within the bounds. Arrays are reused, because their allocation takes much of the
   * time of a short run.
   *
   * @param x start of the way, within the bounds
   * @param direction is kept until the next way begins
   * @param grads gradient at the start
   */
  begin(x: FloatArray, direction: Float64Array, grads: FloatArray): void {
    this.#start.set(x)
    this.direction = direction
    let end = this.#reach()
    if (end < 1) {
      const { min, max } = this.#box
      const bent = this.#bent
      let slope = 0
      let projected = 0
      for (let i = 0; i < x.length; i++) {
        bent[i] = clamp(x[i] + direction[i], min[i], max[i]) - x[i]
        slope += grads[i] * direction[i]
        projected += grads[i] * bent[i]
      }
      if (!(projected <= MIN_SLOPE_RATIO * slope))
        for (let i = 0; i < x.length; i++) bent[i] = end * direction[i]
      this.direction = bent
      end = this.#reach()
    }
    this.longest = Math.max(1, end)
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

  /** Computes the step at which each variable reaches its bound (infinite without a bound), and returns the least. */
  #reach(): number {
    const { min, max } = this.#box
    const x = this.#start
    const d = this.direction
    let least = Infinity
    for (let i = 0; i < x.length; i++) {
      const di = d[i]
      const end = di < 0 ? (min[i] - x[i]) / di : di > 0 ? (max[i] - x[i]) / di : Infinity
      this.#ends[i] = end
      least = Math.min(least, end)
    }
    return least
  }
}
