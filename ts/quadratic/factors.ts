/**
 * Factors of a convex quadratic program for a set of active constraints, as by Goldfarb and Idnani (1983). The rows of
 * `basis` form a matrix J with JᵀHJ = I. For the matrix N of the active normals, JᵀN consists of the upper triangle R
 * and zeros.
 */

import { EPSILON } from '../core/numbers.js'
import { addMultiple, addRows, addToRows, multiply, multiplyRows } from './products.js'

/** Normals are linearly dependent if their independent part is this small relative to the whole normal. */
const DEPENDENT = 1e-11

export class ActiveFactors {
  readonly size: number
  /** Count of active constraints. */
  count = 0
  /** Column j of J has the elements from j·n. */
  readonly basis: Float64Array
  /** Column k of R has the elements from k·n. */
  readonly #triangle: Float64Array
  readonly #inverse: Float64Array
  /** The direction z of the last call of {@link project}, and the squared lengths of all and of the free coordinates. */
  #direction: Float64Array
  #squares = 0
  #freeSquares = 0
  /** The normal of the last call of {@link project} in the coordinates of the basis. */
  readonly coordinates: Float64Array

  constructor(size: number) {
    this.size = size
    this.basis = new Float64Array(size * size)
    this.#triangle = new Float64Array(size * size)
    this.#inverse = new Float64Array(size * size)
    this.#direction = new Float64Array(size)
    this.coordinates = new Float64Array(size)
  }

  /**
   * Factorizes a matrix by Cholesky's method, and removes all active constraints. Returns whether each pivot is greater
   * than the least one.
   *
   * @param matrix a symmetric matrix by rows, of which the lower triangle is read
   * @param shift a number that is added to the diagonal
   */
  factorize(matrix: Float64Array, shift: number, leastPivot: number): boolean {
    const { size, basis } = this
    const lower = this.#triangle
    this.count = 0
    for (let i = 0; i < size; i++) {
      for (let j = 0; j <= i; j++) {
        const sum =
          matrix[i * size + j] + (i === j ? shift : 0) - multiply(lower, i * size, lower, j * size, j)
        if (i === j && !(sum > leastPivot && sum < Infinity)) return false
        lower[i * size + j] = i === j ? Math.sqrt(sum) : sum * basis[j * size + j]
        // Diagonal elements of J, by which elements are multiplied, because divisions are slow.
        if (i === j) basis[j * size + j] = 1 / lower[j * size + j]
      }
    }
    // Column j of J = L⁻ᵀ is row j of L⁻¹. Rows of L times earlier columns of J make a column.
    for (let j = 0; j < size; j++) {
      const at = j * size
      const inverse = basis[at + j]
      basis.fill(0, at, at + j)
      for (let k = 0; k < j; k++) addMultiple(basis, at, -lower[at + k], basis, k * size, k + 1)
      for (let i = 0; i < j; i++) basis[at + i] *= inverse
      basis.fill(0, at + j + 1, at + size)
    }
    this.#inverse.set(basis)
    return true
  }

  /** Removes all active constraints. */
  reset(): void {
    this.basis.set(this.#inverse)
    this.count = 0
  }

  /**
   * Computes the coordinates Jᵀa of a normal, the direction z in which the constraint's value changes while the active
   * constraints keep their values, and the change r of the multipliers.
   *
   * Returns the product aᵀz; 0 if the normal depends on the active normals.
   *
   * @param only index of the only element of the normal that is not 0; an index beyond the normal if there are more
   */
  project(normal: Float64Array, z: Float64Array, r: Float64Array, only: number): number {
    const { size, count, basis, coordinates } = this
    if (only < size) {
      const element = normal[only]
      for (let j = 0, at = only; j < size; j++, at += size) coordinates[j] = basis[at] * element
    } else multiplyRows(basis, 0, size, normal, coordinates)
    let active = 0
    let free = 0
    for (let j = 0; j < count; j++) active += coordinates[j] * coordinates[j]
    for (let j = count; j < size; j++) free += coordinates[j] * coordinates[j]
    const all = active + free
    z.fill(0)
    addRows(z, basis, coordinates, count, size)
    this.#direction = z
    this.#squares = all
    this.#freeSquares = free
    this.solveUpper(coordinates, r)
    return free > DEPENDENT * DEPENDENT * all ? free : 0
  }

  /**
   * Projects the normal of the last call of {@link project} again after {@link remove}, which left its coordinates up
   * to date. The direction grows by the part along the column that the removed constraint has set free.
   */
  projectAgain(z: Float64Array, r: Float64Array): number {
    const { size, count, basis, coordinates } = this
    const along = coordinates[count]
    addMultiple(z, 0, along, basis, count * size, size)
    this.#freeSquares += along * along
    this.solveUpper(coordinates, r)
    return this.#freeSquares > DEPENDENT * DEPENDENT * this.#squares ? this.#freeSquares : 0
  }

  /** Solves R·r = d. */
  solveUpper(d: Float64Array, r: Float64Array): void {
    const { size, count } = this
    const upper = this.#triangle
    for (let i = 0; i < count; i++) r[i] = d[i]
    for (let k = count - 1; k >= 0; k--) {
      r[k] /= upper[k * size + k]
      addMultiple(r, 0, -r[k], upper, k * size, k)
    }
  }

  /** Solves Rᵀ·w = d. */
  solveLower(d: Float64Array, w: Float64Array): void {
    const { size, count } = this
    const upper = this.#triangle
    for (let k = 0; k < count; k++) w[k] = (d[k] - multiply(upper, k * size, w, 0, k)) / upper[k * size + k]
  }

  /** Adds the constraint of the last call of {@link project} by one Householder reflection, and overwrites z. */
  add(): void {
    const { size, basis, coordinates: d } = this
    const q = this.count
    let squares = 0
    for (let j = q; j < size; j++) squares += d[j] * d[j]
    const length = Math.sqrt(squares)
    const pivot = d[q] > 0 ? -length : length
    const rest = squares - d[q] * d[q]
    if (rest > EPSILON * EPSILON * squares) {
      const first = d[q] - pivot
      const factor = 2 / (first * first + rest)
      // The reflection's vector in the coordinates of the variables is z without the pivot.
      const vector = this.#direction
      addMultiple(vector, 0, -pivot, basis, q * size, size)
      d[q] = first
      addToRows(basis, d, -factor, vector, q)
      d[q] = pivot
    }
    const column = q * size
    for (let i = 0; i <= q; i++) this.#triangle[column + i] = d[i]
    this.count = q + 1
  }

  /** Removes an active constraint by Givens rotations, also of the coordinates of the last projected normal. */
  remove(position: number): void {
    const { size, basis, coordinates } = this
    const upper = this.#triangle
    const count = --this.count
    for (let k = position; k < count; k++) upper.copyWithin(k * size, (k + 1) * size, (k + 1) * size + k + 2)
    for (let k = position; k < count; k++) {
      const above = upper[k * size + k]
      const below = upper[k * size + k + 1]
      const length = Math.sqrt(above * above + below * below)
      if (below === 0 || !(length > 0)) continue
      const c = above / length
      const s = below / length
      for (let m = k; m < count; m++) rotate(upper, m * size + k, m * size + k + 1, c, s)
      for (let i = 0; i < size; i++) rotate(basis, k * size + i, (k + 1) * size + i, c, s)
      rotate(coordinates, k, k + 1, c, s)
    }
  }
}

function rotate(array: Float64Array, first: number, second: number, c: number, s: number): void {
  const a = array[first]
  const b = array[second]
  array[first] = c * a + s * b
  array[second] = c * b - s * a
}
