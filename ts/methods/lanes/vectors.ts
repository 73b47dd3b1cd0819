/** Vectors as arrays of nodes, with one node per element. */

import type { LaneBuilder } from './lines.js'

/** The nodes of a vector's elements. */
export type Vector = readonly number[]

/** Lower and upper bounds, with one node per variable. */
export interface LaneBox {
  readonly min: Vector
  readonly max: Vector
}

/** Operations on vectors. The sums have the order of loops over the elements. */
export class LaneVectors {
  readonly #b: LaneBuilder

  constructor(b: LaneBuilder) {
    this.#b = b
  }

  /** The dot product Σ aᵢ·bᵢ. */
  dot(a: Vector, b: Vector): number {
    return this.sum(a.map((ai, i) => this.#b.multiply(ai, b[i])))
  }

  sum(a: Vector): number {
    return a.reduce((sum, ai) => this.#b.add(sum, ai))
  }

  /** The largest |aᵢ|; NaN if an element is NaN. */
  largest(a: Vector): number {
    return a.map((ai) => this.#b.operation('abs', ai)).reduce((x, y) => this.#b.operation('max', x, y))
  }

  select(condition: number, yes: Vector, no: Vector): number[] {
    return yes.map((node, i) => this.#b.select(condition, node, no[i]))
  }

  subtract(a: Vector, b: Vector): number[] {
    return a.map((ai, i) => this.#b.subtract(ai, b[i]))
  }

  /** a + factor·b */
  addScaled(a: Vector, factor: number, b: Vector): number[] {
    return a.map((ai, i) => this.#b.add(ai, this.#b.multiply(factor, b[i])))
  }

  /** The number in the range that is closest to x. The comparison and the selection become one instruction. */
  clamp(x: number, min: number, max: number): number {
    const b = this.#b
    const inside = b.operation('min', max, x)
    return b.select(b.operation('less', inside, min), min, inside)
  }

  /** 0, or NaN if an element is not finite. */
  zeroOf(a: Vector): number {
    return this.sum(this.subtract(a, a))
  }

  /** Whether each variable is at a bound, and its pull points out of the bounds. Without bounds, all are 0. */
  held(x: Vector, pull: Vector, box: LaneBox | null): number[] {
    const b = this.#b
    if (box === null) return x.map(() => b.zero)
    return x.map((xi, i) => {
      const atMin = b.operation('lessOrEqual', xi, box.min[i])
      const atMax = b.multiply(
        b.operation('less', pull[i], b.zero),
        b.operation('lessOrEqual', box.max[i], xi),
      )
      return b.select(b.operation('less', b.zero, pull[i]), atMin, atMax)
    })
  }

  /** Whether a condition holds for an element. The conditions are 0 or 1. */
  any(conditions: Vector): number {
    return this.#b.operation('less', this.#b.zero, this.sum(conditions))
  }
}
