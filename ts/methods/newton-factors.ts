/**
 * The factorization of a damped Hessian. If the matrix is not positive definite, the factors belong to a positive
 * definite matrix that differs from it on the diagonal only (Gill, Murray and Wright, 1981, section 4.4.2.2).
 */

import { MIN_NEGATIVE_PIVOT, MIN_PIVOT, TINY } from './newton-limits.js'

/** Index of the element (i, j), j ≤ i, of a lower triangle by rows. */
export const triangleIndex = (i: number, j: number) => (i * (i + 1)) / 2 + j

export class NewtonFactors {
  /** Whether a pivot is clearly negative, and the most negative pivot. */
  isIndefinite = false
  leastPivot = 0
  readonly #size: number
  /** Lower triangle of L, whose diagonal is not used. */
  readonly #lower: Float64Array
  /** Lower triangle of L·D before the pivots are modified. */
  readonly #scaled: Float64Array
  readonly #inverse: Float64Array
  /** The present column of L. */
  readonly #column: Float64Array

  constructor(size: number) {
    this.#size = size
    this.#lower = new Float64Array(triangleIndex(size, 0))
    this.#scaled = this.#lower.slice()
    this.#inverse = new Float64Array(size)
    this.#column = new Float64Array(size)
  }

  /**
   * @param matrix lower triangle of the matrix
   * @param scale an upper bound of the elements on the diagonal
   */
  factorize(matrix: Float64Array, scale: number): void {
    const size = this.#size
    const lower = this.#lower
    const scaled = this.#scaled
    const inverse = this.#inverse
    const column = this.#column
    const bound = 1 / (scale + TINY)
    const least = MIN_PIVOT * scale + TINY
    let leastPivot = 0
    scaled.set(matrix)
    for (let k = 0; k < size; k++) {
      const pivot = scaled[triangleIndex(k, k)]
      let largest = 0
      for (let i = k + 1; i < size; i++) largest = Math.max(largest, Math.abs(scaled[triangleIndex(i, k)]))
      leastPivot = Math.min(leastPivot, pivot)
      inverse[k] = 1 / Math.max(Math.abs(pivot), largest * largest * bound, least)
      for (let i = k + 1; i < size; i++) {
        const row = triangleIndex(i, 0)
        const element = scaled[row + k]
        column[i] = element * inverse[k]
        lower[row + k] = column[i]
        // A product with 0 changes at most the sign of a 0.
        if (element !== 0) for (let j = k + 1; j <= i; j++) scaled[row + j] -= column[j] * element
      }
    }
    this.leastPivot = leastPivot
    this.isIndefinite = leastPivot < -MIN_NEGATIVE_PIVOT * scale
  }

  /** Solves L·D·Lᵀ·x = x in place. */
  solve(x: Float64Array): void {
    this.eliminate(x)
    for (let i = 0; i < x.length; i++) x[i] *= this.#inverse[i]
    this.#substitute(x)
  }

  /** Solves L·x = x in place. */
  eliminate(x: Float64Array): void {
    for (let i = 1; i < x.length; i++) {
      const row = triangleIndex(i, 0)
      let rest = x[i]
      for (let k = 0; k < i; k++) rest -= this.#lower[row + k] * x[k]
      x[i] = rest
    }
  }

  /** The sum Σ xᵢ²/Dᵢ. */
  weightedSquares(x: Float64Array): number {
    let sum = 0
    for (let i = 0; i < x.length; i++) sum += x[i] * x[i] * this.#inverse[i]
    return sum
  }

  /** Writes the direction whose curvature is the first of the most negative pivots. */
  negativeDirection(out: Float64Array): void {
    let rest = 1
    for (let i = 0; i < out.length; i++) {
      out[i] = this.#scaled[triangleIndex(i, i)] === this.leastPivot ? rest : 0
      rest -= out[i]
    }
    this.#substitute(out)
  }

  /** Solves Lᵀ·x = x in place. */
  #substitute(x: Float64Array): void {
    for (let i = x.length - 2; i >= 0; i--) {
      let rest = x[i]
      for (let k = i + 1; k < x.length; k++) rest -= this.#lower[triangleIndex(k, i)] * x[k]
      x[i] = rest
    }
  }
}
