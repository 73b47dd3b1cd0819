/** The factorization of a damped Hessian in lanes, with the same bits as `NewtonFactors` (newton-factors.ts). */

import { triangleIndex } from '../newton-factors.js'
import { MIN_NEGATIVE_PIVOT, MIN_PIVOT, TINY } from '../newton-limits.js'
import type { LaneBuilder } from './lines.js'
import type { Vector } from './vectors.js'

export class LaneFactors {
  readonly isIndefinite: number
  readonly leastPivot: number
  readonly #b: LaneBuilder
  readonly #size: number
  readonly #lower: number[] = []
  readonly #pivots: number[] = []
  readonly #inverse: number[] = []

  /**
   * @param matrix lower triangle of the matrix
   * @param scale an upper bound of the elements on the diagonal
   */
  constructor(b: LaneBuilder, matrix: Vector, size: number, scale: number) {
    this.#b = b
    this.#size = size
    const tiny = b.constant(TINY)
    const bound = b.divide(b.one, b.add(scale, tiny))
    const least = b.add(b.multiply(b.constant(MIN_PIVOT), scale), tiny)
    const scaled: number[] = []
    for (let j = 0; j < size; j++) {
      for (let k = 0; k < j; k++)
        this.#lower[triangleIndex(j, k)] = b.multiply(scaled[triangleIndex(j, k)], this.#inverse[k])
      const below: number[] = []
      for (let i = j; i < size; i++) {
        let rest = matrix[triangleIndex(i, j)]
        for (let k = 0; k < j; k++) {
          const product = b.multiply(this.#lower[triangleIndex(j, k)], scaled[triangleIndex(i, k)])
          rest = b.subtract(rest, product)
        }
        scaled[triangleIndex(i, j)] = rest
        if (i > j) below.push(b.operation('abs', rest))
      }
      const pivot = scaled[triangleIndex(j, j)]
      this.#pivots.push(pivot)
      this.#inverse.push(b.divide(b.one, this.#modified(pivot, below, { bound, least })))
    }
    this.leastPivot = this.#pivots.reduce((x, y) => b.operation('min', x, y), b.zero)
    const limit = b.multiply(b.constant(-MIN_NEGATIVE_PIVOT), scale)
    this.isIndefinite = b.operation('less', this.leastPivot, limit)
  }

  /** Solves L·D·Lᵀ·x = right. */
  solve(right: Vector): number[] {
    return this.#substitute(this.eliminate(right).map((x, i) => this.#b.multiply(x, this.#inverse[i])))
  }

  /** Solves L·x = right. */
  eliminate(right: Vector): number[] {
    const x: number[] = []
    for (const [i, node] of right.entries()) {
      let rest = node
      for (let k = 0; k < i; k++) rest = this.#less(rest, triangleIndex(i, k), x[k])
      x.push(rest)
    }
    return x
  }

  /** The sum Σ xᵢ²/Dᵢ. */
  weightedSquares(x: Vector): number {
    const b = this.#b
    return x
      .map((xi, i) => b.multiply(b.multiply(xi, xi), this.#inverse[i]))
      .reduce((sum, node) => b.add(sum, node))
  }

  /** The direction whose curvature is the first of the most negative pivots. */
  negativeDirection(): number[] {
    const b = this.#b
    let rest = b.one
    const unit = this.#pivots.map((pivot) => {
      const is = b.select(b.operation('equal', pivot, this.leastPivot), rest, b.zero)
      rest = b.subtract(rest, is)
      return is
    })
    return this.#substitute(unit)
  }

  /** A positive pivot. */
  #modified(
    pivot: number,
    below: Vector,
    { bound, least }: { readonly bound: number; readonly least: number },
  ): number {
    const b = this.#b
    const size = b.operation('abs', pivot)
    if (below.length === 0) return b.operation('max', size, least)
    const largest = below.reduce((x, y) => b.operation('max', x, y))
    const square = b.multiply(b.multiply(largest, largest), bound)
    return b.operation('max', b.operation('max', size, square), least)
  }

  /** Solves Lᵀ·x = right. */
  #substitute(right: Vector): number[] {
    const x = [...right]
    for (let i = this.#size - 2; i >= 0; i--)
      for (let k = i + 1; k < this.#size; k++) x[i] = this.#less(x[i], triangleIndex(k, i), x[k])
    return x
  }

  #less(rest: number, index: number, x: number): number {
    return this.#b.subtract(rest, this.#b.multiply(this.#lower[index], x))
  }
}
