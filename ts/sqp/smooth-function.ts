/** The objective or a constraint with its derivatives, in memory that all calls share. */

import { AntigradError } from '../core/errors.js'
import type { FloatArray } from '../core/numbers.js'
import type { ObjectiveFunctions } from '../objectives/arguments.js'
import type { BoundsBox } from '../objectives/bounds.js'
import { centralDifferences, requireWritten } from '../objectives/gradient.js'

/** The value and the derivatives of a function, as separate functions. */
export interface FunctionParts extends Pick<ObjectiveFunctions, 'value' | 'gradient' | 'hessian'> {
  readonly both: ((x: FloatArray, out: FloatArray, second?: FloatArray) => number) | undefined
}

/** Functions of constraints whose second derivatives were once computed. */
const differentiable = new WeakSet<FunctionParts>()

const NONE: FunctionParts = { value: () => NaN, gradient() {}, hessian: () => undefined, both: undefined }

export class SmoothFunction {
  readonly #size: number
  /** Indices of the function's parameters; null if the function takes all parameters. */
  readonly #indices: readonly number[] | null
  readonly #point: Float64Array
  readonly #slope: Float64Array
  readonly #matrix: Float64Array
  /** The elements of the whole matrix that the elements of the function's matrix are added to. */
  readonly #places: Uint32Array
  #functions: FunctionParts = NONE
  #value: FunctionParts['value'] = NONE.value
  #gradient: NonNullable<FunctionParts['gradient']> = () => {}
  #second: FunctionParts['gradient']
  #both: FunctionParts['both']
  #isChecked = false

  /**
   * @param indices indices of the function's parameters; null for all parameters
   * @param size count of all parameters
   */
  constructor(indices: readonly number[] | null, size: number) {
    const length = indices?.length ?? size
    this.#size = size
    this.#indices = indices
    this.#point = new Float64Array(length)
    this.#slope = new Float64Array(length)
    this.#matrix = new Float64Array(length * length)
    this.#places = new Uint32Array(indices === null ? 0 : length * length)
    for (let at = 0; indices !== null && at < this.#places.length; at++) {
      const column = at % length
      this.#places[at] = indices[(at - column) / length] * size + indices[column]
    }
  }

  /** Whether another function has the same parameters. */
  fits(indices: readonly number[] | null): boolean {
    const own = this.#indices
    if (own === null || indices === null) return own === indices
    if (own.length !== indices.length) return false
    for (let k = 0; k < own.length; k++) if (own[k] !== indices[k]) return false
    return true
  }

  /**
   * Replaces the function.
   *
   * @param box bounds that differences stay within
   */
  bind(functions: FunctionParts, box: BoundsBox | null): void {
    const { value, gradient, hessian, both } = functions
    this.#isChecked = false
    this.#functions = functions
    this.#value = value
    this.#gradient = gradient ?? centralDifferences(value, new Float64Array(this.#size), undefined, box)
    this.#second = gradient && hessian()
    this.#both = gradient && both
  }

  /** Forgets the function, and what the function refers to. */
  unbind(): void {
    this.bind(NONE, null)
  }

  /** Whether one call computes the value and the derivatives. */
  get isJoint(): boolean {
    return this.#both !== undefined
  }

  /** Whether the function has second derivatives; some operations of expressions have none. */
  hasSecond(x: Float64Array): boolean {
    if (this.#second === undefined) return false
    const functions = this.#functions
    if (differentiable.has(functions)) return true
    try {
      this.computeSecond(x)
      differentiable.add(functions)
      return true
    } catch (error) {
      if (error instanceof AntigradError) return false
      throw error
    }
  }

  value(x: Float64Array): number {
    return this.#value(this.#narrow(x))
  }

  /** Writes the gradient to a row. The first call checks that the function writes its whole gradient. */
  writeGradient(x: Float64Array, row: Float64Array): void {
    const point = this.#narrow(x)
    const out = this.#indices === null ? row : this.#slope
    if (this.#isChecked) this.#gradient(point, out)
    else requireWritten(this.#gradient, out)(point, out)
    this.#isChecked = true
    if (this.#indices !== null) this.#spread(row)
  }

  /** Writes the gradient to a row, keeps the second derivatives if they are wanted, and returns the value. */
  computeAll(x: Float64Array, row: Float64Array, withSecond: boolean): number {
    const both = this.#both as NonNullable<FunctionParts['both']>
    const out = this.#indices === null ? row : this.#slope
    const value = both(this.#narrow(x), out, withSecond ? this.#matrix : undefined)
    if (this.#indices !== null) this.#spread(row)
    return value
  }

  computeSecond(x: Float64Array): void {
    this.#second?.(this.#narrow(x), this.#matrix)
  }

  /** Adds a multiple of the last second derivatives to a matrix. */
  addSecond(weight: number, hessian: Float64Array): void {
    const matrix = this.#matrix
    const places = this.#places
    if (this.#indices === null) for (let i = 0; i < matrix.length; i++) hessian[i] += weight * matrix[i]
    else for (let i = 0; i < matrix.length; i++) hessian[places[i]] += weight * matrix[i]
  }

  #narrow(x: Float64Array): Float64Array {
    const indices = this.#indices
    if (indices === null) return x
    const point = this.#point
    for (let k = 0; k < point.length; k++) point[k] = x[indices[k]]
    return point
  }

  /** Writes the elements of the gradient to their places. */
  #spread(row: Float64Array): void {
    const indices = this.#indices as readonly number[]
    for (let i = 0; i < this.#size; i++) row[i] = 0
    for (let k = 0; k < this.#slope.length; k++) row[indices[k]] = this.#slope[k]
  }
}
