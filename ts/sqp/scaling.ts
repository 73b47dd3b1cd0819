/**
 * Scales of a nonlinear program. A run computes with u = x/s, φ·f and ω·c, where all scales are powers of 2, so that
 * scaling does not round. Most programs have the scales 1.
 */

import type { Iterate, NonlinearProblem } from './problem.js'

/** Gradients below this number, and variables outside of this range, get a scale of their own. */
const [SMALL, LARGE] = [1e-4, 1e5]
/** Range of the scales. */
const [LEAST, MOST] = [1e-12, 1e12]
/** A variable has left its scale if the scale differs by this factor from the scale of its present value. */
const MISFIT = 1e3

export class ScaledProgram implements NonlinearProblem {
  readonly size: number
  readonly count: number
  readonly min: Float64Array
  readonly max: Float64Array
  readonly isLinear: Uint8Array
  readonly #program: NonlinearProblem
  /** The scales s, ω and φ. */
  readonly #unit: Float64Array
  readonly #weights: Float64Array
  #factor = 1
  /** Whether all scales s are 1, and whether ω and φ are. */
  #isPlain = true
  #isUnweighted = true
  readonly #x: Float64Array
  readonly #multipliers: Float64Array

  constructor(program: NonlinearProblem) {
    const { size, count, min, max } = program
    this.size = size
    this.count = count
    this.min = min.slice()
    this.max = max.slice()
    this.isLinear = program.isLinear
    this.#program = program
    this.#unit = new Float64Array(size)
    this.#weights = new Float64Array(count)
    this.#x = new Float64Array(size)
    this.#multipliers = new Float64Array(size + count)
  }

  get hasHessian(): boolean {
    return this.#program.hasHessian
  }

  get units(): Float64Array | null {
    return this.#isPlain ? null : this.#unit
  }

  /**
   * Starts a run: chooses the scales of the variables, and scales the start.
   *
   * @param start a point within the bounds; overwritten
   * @param leastUnit the smallest scale of a variable
   */
  start(start: Float64Array, leastUnit: number): void {
    const { size, count } = this
    const { min, max } = this.#program
    this.#factor = 1
    this.#weights.fill(1)
    this.#isUnweighted = true
    this.#isPlain = true
    let largest = 0
    for (let i = 0; i < size; i++) largest = Math.max(largest, Math.abs(start[i]))
    for (let i = 0; i < size; i++) {
      const magnitude = Math.abs(start[i]) || leastBound(min[i], max[i]) || largest
      const unit = Math.max(leastUnit, unitOf(magnitude))
      if (unit !== 1) this.#isPlain = false
      this.#unit[i] = unit
      start[i] /= unit
      this.min[i] = min[i] / unit
      this.max[i] = max[i] / unit
    }
    for (let k = size; k < size + count; k++) {
      this.min[k] = min[k]
      this.max[k] = max[k]
    }
  }

  /** Chooses the scales of the objective and of the constraints by their gradients at the start, and scales the point. */
  adapt(point: Iterate): void {
    const { size, count, min, max } = this
    const { gradient, rows, constraints } = point
    const factor = weightOf(gradient, 0, size)
    if (factor !== 1) {
      this.#isUnweighted = false
      this.#factor = factor
      point.value *= factor
      for (let i = 0; i < size; i++) gradient[i] *= factor
    }
    for (let k = 0; k < count; k++) {
      const weight = weightOf(rows, k * size, size)
      if (weight === 1) continue
      this.#isUnweighted = false
      this.#weights[k] = weight
      constraints[k] *= weight
      for (let i = 0; i < size; i++) rows[k * size + i] *= weight
      min[size + k] *= weight
      max[size + k] *= weight
    }
  }

  evaluate(u: Float64Array, constraints: Float64Array): number {
    const value = this.#program.evaluate(this.#unscaled(u), constraints)
    if (this.#isUnweighted) return value
    for (let k = 0; k < this.count; k++) constraints[k] *= this.#weights[k]
    return this.#factor * value
  }

  differentiate(u: Float64Array, gradient: Float64Array, rows: Float64Array): void {
    this.#program.differentiate(this.#unscaled(u), gradient, rows)
    if (this.#isPlain && this.#isUnweighted) return
    for (let i = 0; i < this.size; i++) gradient[i] *= this.#factor * this.#unit[i]
    this.#scaleRows(rows)
  }

  linear(u: Float64Array, constraints: Float64Array, rows: Float64Array): void {
    this.#program.linear(this.#unscaled(u), constraints, rows)
    if (this.#isPlain && this.#isUnweighted) return
    for (let k = 0; k < this.count; k++) constraints[k] *= this.#weights[k]
    this.#scaleRows(rows)
  }

  curvature(u: Float64Array, factor: number, multipliers: Float64Array, hessian: Float64Array): void {
    const x = this.#unscaled(u)
    if (this.#isPlain && this.#isUnweighted) {
      this.#program.curvature(x, factor, multipliers, hessian)
      return
    }
    const { size, count } = this
    for (let k = 0; k < count; k++) this.#multipliers[size + k] = this.#weights[k] * multipliers[size + k]
    this.#program.curvature(x, factor * this.#factor, this.#multipliers, hessian)
    const unit = this.#unit
    for (let i = 0; i < size; i++) for (let j = 0; j < size; j++) hessian[i * size + j] *= unit[i] * unit[j]
  }

  /** Writes the variables and the gradient of the objective in the scales of the user. */
  unscale({ x: u, gradient }: Iterate, x: Float64Array, grads: Float64Array): void {
    for (let i = 0; i < this.size; i++) {
      x[i] = u[i] * this.#unit[i]
      grads[i] = gradient[i] / this.#unit[i] / this.#factor
    }
  }

  /**
   * Whether a variable has left its scale, so that another run from the point would be more accurate.
   *
   * @param isToFiner whether only scales above 1 count that have become too coarse
   */
  hasLeft({ x: u }: Iterate, isToFiner: boolean): boolean {
    for (let i = 0; i < this.size; i++) {
      const unit = this.#unit[i]
      if (u[i] === 0) continue
      const ratio = unitOf(Math.abs(u[i] * unit)) / unit
      const isCoarse = Math.abs(u[i]) < 1 / MISFIT && unit > 1
      if (isCoarse || (!isToFiner && (ratio > MISFIT || ratio < 1 / MISFIT))) return true
    }
    return false
  }

  /** A value of the objective in the scale of the user. */
  value(scaled: number): number {
    return scaled / this.#factor
  }

  /** A value of constraint k in the scale of the user. */
  constraint(scaled: number, k: number): number {
    return scaled / this.#weights[k]
  }

  /** A multiplier of a variable or a constraint in the scale of the user. */
  multiplier(scaled: number, index: number): number {
    const { size } = this
    const own = index < size ? 1 / this.#unit[index] : this.#weights[index - size]
    return (scaled / this.#factor) * own
  }

  #unscaled(u: Float64Array): Float64Array {
    if (this.#isPlain) return u
    for (let i = 0; i < this.size; i++) this.#x[i] = u[i] * this.#unit[i]
    return this.#x
  }

  #scaleRows(rows: Float64Array): void {
    const { size, count } = this
    for (let k = 0; k < count; k++)
      for (let i = 0; i < size; i++) rows[k * size + i] *= this.#weights[k] * this.#unit[i]
  }
}

/** The smallest |limit| that is neither 0 nor infinite; 0 if no limit is. */
function leastBound(min: number, max: number): number {
  const [low, high] = [Math.abs(min), Math.abs(max)]
  const [a, b] = [low > 0 ? low : Infinity, high > 0 ? high : Infinity]
  const least = Math.min(a, b)
  return least < Infinity ? least : 0
}

/** The scale of a variable by its magnitude. */
function unitOf(magnitude: number): number {
  const isExtreme = magnitude < SMALL || magnitude > LARGE
  return isExtreme && magnitude > 0 ? powerOf2(magnitude) : 1
}

/** The scale of a function by its gradient. */
function weightOf(gradient: Float64Array, first: number, size: number): number {
  let largest = 0
  for (let i = 0; i < size; i++) largest = Math.max(largest, Math.abs(gradient[first + i]))
  return largest > 0 && largest < SMALL ? 1 / powerOf2(largest) : 1
}

/** The power of 2 next to a positive number, within the range of the scales. */
function powerOf2(x: number): number {
  let power = 1
  while (power > x && power > LEAST) power *= 0.5
  while (2 * power <= x && power < MOST) power *= 2
  return power
}
