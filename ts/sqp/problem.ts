/** A nonlinear program in the form that the method evaluates, and points with the values there. */

import { EPSILON } from '../core/numbers.js'

/** Minimize f(x) with limits on the variables and on the constraints c(x). */
export interface NonlinearProblem {
  readonly size: number
  /** Count of constraints without the bounds. */
  readonly count: number
  /** Limits of the variables, followed by the limits of the constraints. */
  readonly min: Float64Array
  readonly max: Float64Array
  /** 1 for each constraint that is linear. */
  readonly isLinear: Uint8Array
  /** Writes the values of the constraints and returns the objective. */
  evaluate(x: Float64Array, constraints: Float64Array): number
  /** Writes the gradient of the objective and the gradients of the constraints, row by row. */
  differentiate(x: Float64Array, gradient: Float64Array, rows: Float64Array): void
  /** Writes the values and the gradients of the linear constraints only. */
  linear(x: Float64Array, constraints: Float64Array, rows: Float64Array): void
  /** Adds the second derivatives of factor·f − Σ λ·c to a matrix of zeros. */
  curvature(x: Float64Array, factor: number, multipliers: Float64Array, hessian: Float64Array): void
  /** Whether the second derivatives are exact and cheap, so that each step may use them. */
  readonly hasHessian: boolean
  /** Scales of the variables; null if all scales are 1. */
  readonly units?: Float64Array | null
  /** Scales the functions, and their values and derivatives at the start. */
  adapt?(start: Iterate): void
}

/** A point with the values and the derivatives there. */
export class Iterate {
  readonly x: Float64Array
  readonly constraints: Float64Array
  readonly gradient: Float64Array
  readonly rows: Float64Array
  value = NaN
  /** Sum of the weighted violations of the nonlinear constraints; 0 if all are within rounding errors. */
  violation = NaN
  readonly #problem: NonlinearProblem

  constructor(problem: NonlinearProblem) {
    this.#problem = problem
    this.x = new Float64Array(problem.size)
    this.constraints = new Float64Array(problem.count)
    this.gradient = new Float64Array(problem.size)
    this.rows = new Float64Array(problem.count * problem.size)
  }

  /** Forgets the values at the last point, and moves to another point. */
  start(x: Float64Array): void {
    this.x.set(x)
    this.constraints.fill(0)
    this.gradient.fill(0)
    this.rows.fill(0)
    this.value = NaN
    this.violation = NaN
  }

  /** Evaluates the objective and the constraints at x. */
  evaluate(weights: Float64Array): void {
    const { count } = this.#problem
    this.value = this.#problem.evaluate(this.x, this.constraints)
    let sum = 0
    for (let k = 0; k < count; k++) sum += weights[k] * this.excess(k)
    this.violation = sum
  }

  differentiate(): void {
    this.#problem.differentiate(this.x, this.gradient, this.rows)
  }

  get isFinite(): boolean {
    return Number.isFinite(this.value) && Number.isFinite(this.violation)
  }

  get hasDerivatives(): boolean {
    let sum = 0
    for (let i = 0; i < this.gradient.length; i++) sum += Math.abs(this.gradient[i])
    for (let i = 0; i < this.rows.length; i++) sum += Math.abs(this.rows[i])
    return sum < Infinity
  }

  /** The amount by which a constraint is violated; NaN if its value is NaN. */
  excess(k: number): number {
    const { size, min, max } = this.#problem
    const value = this.constraints[k]
    return Math.max(min[size + k] - value, value - max[size + k], 0)
  }

  /** The largest violation of a constraint in units of the violation that counts as none. */
  relativeExcess(tolerance: number): number {
    const { count } = this.#problem
    let largest = 0
    for (let k = 0; k < count; k++) largest = Math.max(largest, this.excess(k) / this.allowed(k, tolerance))
    return largest
  }

  /** A violation that counts as none. */
  allowed(k: number, tolerance: number): number {
    const { size, min, max } = this.#problem
    const value = this.constraints[k]
    const limit = Math.abs(value < min[size + k] ? min[size + k] : value > max[size + k] ? max[size + k] : 0)
    let terms = 0
    for (let i = 0; i < size; i++) terms += Math.abs(this.rows[k * size + i] * this.x[i])
    return tolerance * Math.max(1, limit) + 8 * EPSILON * (limit + terms)
  }

  copy(from: Iterate): void {
    this.x.set(from.x)
    this.constraints.set(from.constraints)
    this.gradient.set(from.gradient)
    this.rows.set(from.rows)
    this.value = from.value
    this.violation = from.violation
  }
}

/** The matrix of second derivatives of the Lagrangian f − Σ λ·c. */
export function lagrangianHessian(
  problem: NonlinearProblem,
  x: Float64Array,
  multipliers: Float64Array,
  hessian: Float64Array,
): void {
  hessian.fill(0)
  problem.curvature(x, 1, multipliers, hessian)
}

/** The gradient of the Lagrangian f − Σ λ·c, with the multipliers of the bounds. */
export function lagrangianGradient(
  { size, count }: NonlinearProblem,
  { gradient, rows }: Iterate,
  multipliers: Float64Array,
  out: Float64Array,
): void {
  for (let i = 0; i < size; i++) {
    let sum = gradient[i] - multipliers[i]
    for (let k = 0; k < count; k++)
      if (multipliers[size + k] !== 0) sum -= multipliers[size + k] * rows[k * size + i]
    out[i] = sum
  }
}
