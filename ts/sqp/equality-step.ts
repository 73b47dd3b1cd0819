/**
 * The step of a quadratic program whose active constraints are almost known, like after the first steps of a run.
 * The assumed constraints are equations, so one factorization gives the step and the multipliers (Nocedal and Wright,
 * 2006, section 16.2). The step may violate other constraints, or have multipliers of the wrong sign. Then these
 * constraints join or leave, as in a primal-dual active-set method (Hintermüller, Ito and Kunisch, 2002). The Hessian
 * only has to be positive definite along the active constraints.
 */

import { multiply } from '../quadratic/products.js'

/** Normals are dependent if the independent part of one is this small next to the whole normal. */
const DEPENDENT = 1e-7
/** Least pivot of the Hessian along the constraints, relative to its largest element. */
const MIN_PIVOT = 1e-9
/** Squared lengths of normals that are neither lost nor infinite. */
const [LEAST_SQUARE, MOST_SQUARE] = [1e-200, 1e200]

/** A quadratic program for a step. */
export interface EqualityProgram {
  readonly size: number
  readonly count: number
  /** A symmetric matrix by rows. */
  readonly hessian: Float64Array
  readonly gradient: Float64Array
  /** Gradients of the constraints, row by row. */
  readonly rows: Float64Array
  /** Limits of the step's components, followed by the limits of the changes of the constraints. */
  readonly min: Float64Array
  readonly max: Float64Array
}

export class EqualityStep {
  /** Indices of the active constraints, which count the variables first, and 1 for each at its minimum or −1. */
  readonly active: number[] = []
  readonly sides: number[] = []
  /** The step, and the multipliers of the variables and of the constraints. */
  readonly #step: Float64Array
  readonly #multipliers: Float64Array
  readonly #size: number
  /** 1 for each active variable and constraint. */
  readonly #isActive: Uint8Array
  /** Indices of the variables that are not at a bound, and of the active constraints. */
  readonly #free: Int32Array
  readonly #rows: Int32Array
  #freeCount = 0
  #rowCount = 0
  /** Normals in the free variables, which become reflections and the triangle above them. */
  readonly #normals: Float64Array
  /** Diagonal of the triangle, and 2 divided by the squared length of each reflection. */
  readonly #diagonal: Float64Array
  readonly #factors: Float64Array
  /** The Hessian in the directions across and along the constraints. */
  readonly #matrix: Float64Array
  /** Diagonal of the triangle of the Hessian along the constraints, as reciprocals. */
  readonly #pivots: Float64Array
  readonly #slope: Float64Array
  readonly #work: Float64Array
  readonly #d: Float64Array

  /** The results are written to the given arrays. */
  constructor(step: Float64Array, multipliers: Float64Array) {
    const size = step.length
    this.#size = size
    this.#step = step
    this.#multipliers = multipliers
    this.#isActive = new Uint8Array(multipliers.length)
    this.#free = new Int32Array(size)
    this.#rows = new Int32Array(size)
    this.#normals = new Float64Array(size * size)
    this.#diagonal = new Float64Array(size)
    this.#factors = new Float64Array(size)
    this.#matrix = new Float64Array(size * size)
    this.#pivots = new Float64Array(size)
    this.#slope = new Float64Array(size)
    this.#work = new Float64Array(size)
    this.#d = new Float64Array(size)
  }

  /**
   * Solves a program. Returns false, and leaves unusable results, if the active constraints depend on each other, or the
   * Hessian is not positive definite along them. Also returns false if no attempt finds the active constraints.
   *
   * @param active the constraints that are active in the first attempt, besides equations
   * @param attempts count of attempts with different active constraints
   */
  solve(
    program: EqualityProgram,
    active: readonly number[],
    sides: readonly number[],
    attempts: number,
  ): boolean {
    this.#assume(program, active, sides)
    for (let attempt = 0; attempt < attempts; attempt++) {
      if (!this.#select(program) || !this.#factorizeNormals()) return false
      this.#transform(program)
      if (!this.#factorizeHessian()) return false
      this.#solveAlong(program)
      if (this.#isSolution(program)) return true
    }
    return false
  }

  #assume({ min, max }: EqualityProgram, active: readonly number[], sides: readonly number[]): void {
    const isActive = this.#isActive
    isActive.fill(0)
    this.active.length = 0
    this.sides.length = 0
    for (let k = 0; k < active.length; k++) this.#add(active[k], sides[k])
    for (let index = 0; index < isActive.length; index++)
      if (min[index] === max[index] && isActive[index] === 0) this.#add(index, 1)
  }

  #add(index: number, side: number): void {
    this.active.push(index)
    this.sides.push(side)
    this.#isActive[index] = 1
  }

  /** Separates active bounds from active constraints. Returns false if a limit or a normal is unusable. */
  #select({ size, rows, min, max }: EqualityProgram): boolean {
    const { active, sides } = this
    const isActive = this.#isActive
    let rowCount = 0
    for (let k = 0; k < active.length; k++) {
      const index = active[k]
      const limit = sides[k] > 0 ? min[index] : max[index]
      if (!(limit > -Infinity && limit < Infinity)) return false
      if (index >= size) {
        if (rowCount === size) return false
        this.#rows[rowCount++] = index - size
      } else this.#step[index] = limit
    }
    const free = this.#free
    let freeCount = 0
    for (let i = 0; i < size; i++) if (isActive[i] === 0) free[freeCount++] = i
    if (rowCount > freeCount) return false
    this.#freeCount = freeCount
    this.#rowCount = rowCount
    const normals = this.#normals
    for (let k = 0; k < rowCount; k++) {
      const from = this.#rows[k] * size
      for (let j = 0, at = k * size; j < freeCount; j++, at++) normals[at] = rows[from + free[j]]
    }
    return true
  }

  /** Householder's method. Returns false if normals are dependent. */
  #factorizeNormals(): boolean {
    const size = this.#size
    const normals = this.#normals
    const length = this.#freeCount
    for (let k = 0; k < this.#rowCount; k++) {
      const at = k * size
      for (let q = 0; q < k; q++) this.#reflect(q, normals, at)
      let above = 0
      let squares = 0
      for (let j = 0; j < k; j++) above += normals[at + j] * normals[at + j]
      for (let j = k; j < length; j++) squares += normals[at + j] * normals[at + j]
      const all = above + squares
      if (!(all > LEAST_SQUARE && all < MOST_SQUARE && squares > DEPENDENT * DEPENDENT * all)) return false
      const norm = Math.sqrt(squares)
      const first = normals[at + k]
      const pivot = first > 0 ? -norm : norm
      normals[at + k] = first - pivot
      this.#diagonal[k] = pivot
      // The squared length of the reflection's vector is 2·norm·(norm + |first|).
      this.#factors[k] = 1 / (norm * (norm + Math.abs(first)))
    }
    return true
  }

  /** Applies reflection q to a vector of the free variables. */
  #reflect(q: number, vector: Float64Array, first: number): void {
    const normals = this.#normals
    const length = this.#freeCount
    const own = q * this.#size
    let sum = 0
    for (let j = q; j < length; j++) sum += normals[own + j] * vector[first + j]
    const factor = -this.#factors[q] * sum
    for (let j = q; j < length; j++) vector[first + j] += factor * normals[own + j]
  }

  /** Writes the Hessian and the slope at the bounds in the directions across and along the constraints. */
  #transform({ size, hessian, gradient }: EqualityProgram): void {
    const free = this.#free
    const freeCount = this.#freeCount
    const matrix = this.#matrix
    const slope = this.#slope
    const step = this.#step
    const isActive = this.#isActive
    for (let j = 0; j < freeCount; j++) {
      const at = free[j] * size
      let sum = gradient[free[j]]
      for (let i = 0; i < size; i++) if (isActive[i] === 1) sum += hessian[at + i] * step[i]
      slope[j] = sum
      for (let i = 0; i < freeCount; i++) matrix[j * size + i] = hessian[at + free[i]]
    }
    for (let q = 0; q < this.#rowCount; q++) {
      this.#reflect(q, slope, 0)
      this.#reflectBoth(q)
    }
  }

  /** Applies reflection q to both sides of the matrix. */
  #reflectBoth(q: number): void {
    const size = this.#size
    const length = this.#freeCount
    const normals = this.#normals
    const matrix = this.#matrix
    const own = q * size
    const factor = this.#factors[q]
    const product = this.#work
    let square = 0
    for (let j = 0; j < length; j++) {
      let sum = 0
      for (let i = q, at = j * size + q; i < length; i++, at++) sum += matrix[at] * normals[own + i]
      product[j] = factor * sum
      if (j >= q) square += normals[own + j] * product[j]
    }
    const half = 0.5 * factor * square
    for (let j = q; j < length; j++) product[j] -= half * normals[own + j]
    // The change is −(vpᵀ + pvᵀ), where v has no elements before q.
    for (let j = 0; j < length; j++) {
      const v = j < q ? 0 : normals[own + j]
      const p = product[j]
      for (let i = j < q ? q : 0, at = j * size + i; i < length; i++, at++) {
        matrix[at] -= v * product[i] + (i < q ? 0 : p * normals[own + i])
      }
    }
  }

  /** Cholesky's method for the part along the constraints. Returns false if a pivot is too small. */
  #factorizeHessian(): boolean {
    const size = this.#size
    const length = this.#freeCount
    const matrix = this.#matrix
    const first = this.#rowCount
    const pivots = this.#pivots
    let largest = 0
    for (let i = first; i < length; i++) largest = Math.max(largest, Math.abs(matrix[i * size + i]))
    for (let i = first; i < length; i++) {
      for (let j = first; j <= i; j++) {
        let sum = matrix[i * size + j]
        for (let k = first, a = i * size + k, b = j * size + k; k < j; k++, a++, b++)
          sum -= matrix[a] * matrix[b]
        if (j < i) matrix[i * size + j] = sum * pivots[j]
        else if (sum > MIN_PIVOT * largest && sum < Infinity) pivots[i] = 1 / Math.sqrt(sum)
        else return false
      }
    }
    return true
  }

  /** Computes the parts of the step across and along the constraints, the step, and the multipliers. */
  #solveAlong({ size, rows, min, max, hessian, gradient }: EqualityProgram): void {
    const { active, sides } = this
    const length = this.#freeCount
    const rowCount = this.#rowCount
    const normals = this.#normals
    const matrix = this.#matrix
    const slope = this.#slope
    const step = this.#step
    const pivots = this.#pivots
    const d = this.#d
    let row = 0
    for (let k = 0; k < active.length; k++) {
      const index = active[k]
      if (index < size) continue
      let sum = sides[k] > 0 ? min[index] : max[index]
      const from = (index - size) * size
      for (let i = 0; i < size; i++) if (this.#isActive[i] === 1) sum -= rows[from + i] * step[i]
      for (let j = 0; j < row; j++) sum -= normals[row * size + j] * d[j]
      d[row] = sum / this.#diagonal[row]
      row++
    }
    for (let i = rowCount; i < length; i++) {
      let sum = -slope[i]
      for (let j = 0; j < rowCount; j++) sum -= matrix[j * size + i] * d[j]
      for (let j = rowCount; j < i; j++) sum -= matrix[i * size + j] * d[j]
      d[i] = sum * pivots[i]
    }
    for (let i = length - 1; i >= rowCount; i--) {
      let sum = d[i]
      for (let j = i + 1; j < length; j++) sum -= matrix[j * size + i] * d[j]
      d[i] = sum * pivots[i]
    }
    this.#writeMultipliers()
    for (let q = rowCount - 1; q >= 0; q--) this.#reflect(q, d, 0)
    for (let j = 0; j < length; j++) step[this.#free[j]] = d[j]
    this.#writeBoundMultipliers({ size, rows, hessian, gradient })
  }

  /** The multipliers of the constraints from the slope across the constraints. */
  #writeMultipliers(): void {
    const size = this.#size
    const length = this.#freeCount
    const normals = this.#normals
    const matrix = this.#matrix
    const d = this.#d
    const multipliers = this.#multipliers
    multipliers.fill(0)
    for (let k = this.#rowCount - 1; k >= 0; k--) {
      let sum = this.#slope[k]
      for (let i = 0; i < length; i++) sum += matrix[k * size + i] * d[i]
      for (let q = k + 1; q < this.#rowCount; q++)
        sum -= normals[q * size + k] * multipliers[size + this.#rows[q]]
      multipliers[size + this.#rows[k]] = sum / this.#diagonal[k]
    }
  }

  #writeBoundMultipliers({
    size,
    rows,
    hessian,
    gradient,
  }: Pick<EqualityProgram, 'size' | 'rows' | 'hessian' | 'gradient'>): void {
    const multipliers = this.#multipliers
    for (let i = 0; i < size; i++) {
      if (this.#isActive[i] === 0) continue
      let sum = gradient[i]
      for (let j = 0; j < size; j++) sum += hessian[i * size + j] * this.#step[j]
      for (let k = 0; k < this.#rowCount; k++)
        sum -= multipliers[size + this.#rows[k]] * rows[this.#rows[k] * size + i]
      multipliers[i] = sum
    }
  }

  /** Whether the step is the solution. Otherwise the active constraints change. */
  #isSolution({ size, count, rows, min, max }: EqualityProgram): boolean {
    const { active, sides } = this
    const step = this.#step
    const isActive = this.#isActive
    const before = active.length
    let kept = 0
    for (let k = 0; k < before; k++) {
      const index = active[k]
      const isRight = min[index] === max[index] || sides[k] * this.#multipliers[index] >= 0
      isActive[index] = isRight ? 1 : 2
      if (!isRight) continue
      active[kept] = index
      sides[kept++] = sides[k]
    }
    active.length = kept
    sides.length = kept
    for (let index = 0; index < size + count; index++) {
      if (isActive[index] !== 0) continue
      const value = index < size ? step[index] : multiply(rows, (index - size) * size, step, 0, size)
      if (!(value >= min[index])) this.#add(index, 1)
      else if (!(value <= max[index])) this.#add(index, -1)
    }
    for (let index = 0; index < size + count; index++) if (isActive[index] === 2) isActive[index] = 0
    return kept === before && active.length === kept
  }
}
