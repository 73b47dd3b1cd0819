/** The quadratic program of a step: a quadratic model of the Lagrangian, and linearized constraints. */

import { type ConvexOutcome, ConvexSolver } from '../quadratic/convex.js'
import { EqualityStep } from './equality-step.js'
import type { Iterate, NonlinearProblem } from './problem.js'

export class Subproblem {
  readonly solver: ConvexSolver
  readonly #problem: NonlinearProblem
  readonly #equalities: EqualityStep
  readonly #min: Float64Array
  readonly #max: Float64Array
  readonly #ones: Float64Array

  constructor(problem: NonlinearProblem) {
    const { size, count } = problem
    this.#problem = problem
    this.solver = new ConvexSolver(size, count)
    this.#equalities = new EqualityStep(this.solver.x, this.solver.multipliers)
    this.#min = new Float64Array(size + count)
    this.#max = new Float64Array(size + count)
    this.#ones = new Float64Array(size * size)
    for (let i = 0; i < size; i++) this.#ones[i * size + i] = 1
  }

  /** The step, and the multipliers. */
  get step(): Float64Array {
    return this.solver.x
  }

  get multipliers(): Float64Array {
    return this.solver.multipliers
  }

  /**
   * Solves for the step from a point.
   *
   * @param values values of the constraints in place of those at the point, for a second-order correction
   */
  solve(
    point: Iterate,
    hessian: Float64Array,
    values: Float64Array = point.constraints,
    gradient: Float64Array = point.gradient,
  ): ConvexOutcome {
    this.#limit(point, values)
    return this.#run(point, hessian, gradient)
  }

  /**
   * Solves as {@link solve}, if almost the same constraints are active as in the last program. The Hessian may have
   * directions of negative curvature across the active constraints. Returns whether the step is the solution.
   */
  solveKnown(
    point: Iterate,
    hessian: Float64Array,
    attempts: number,
    values: Float64Array = point.constraints,
  ): boolean {
    const { size, count } = this.#problem
    const { solver } = this
    const { gradient, rows } = point
    this.#limit(point, values)
    const program = { size, count, hessian, gradient, rows, min: this.#min, max: this.#max }
    const { active, sides } = this.#equalities
    if (!this.#equalities.solve(program, solver.active, solver.sides, attempts)) return false
    solver.assume(active, sides)
    return true
  }

  /** Solves as {@link solve}, but violations of nonlinear constraints need not shrink. A step of 0 is always possible. */
  solveRelaxed(point: Iterate, hessian: Float64Array, gradient: Float64Array): ConvexOutcome {
    const { size, count, isLinear } = this.#problem
    this.#limit(point, point.constraints)
    for (let k = 0; k < count; k++) {
      this.#min[size + k] = Math.min(this.#min[size + k], 0)
      this.#max[size + k] = Math.max(this.#max[size + k], 0)
      if (isLinear[k] === 1 || point.excess(k) === 0) continue
      this.#min[size + k] = -Infinity
      this.#max[size + k] = Infinity
    }
    return this.#run(point, hessian, gradient)
  }

  /** Solves as {@link solve}, but small violations need not shrink. */
  solveTolerant(point: Iterate, hessian: Float64Array): ConvexOutcome {
    const { size, count } = this.#problem
    this.#limit(point, point.constraints)
    for (let k = 0; k < count; k++) {
      this.#min[size + k] = Math.min(this.#min[size + k], 0)
      this.#max[size + k] = Math.max(this.#max[size + k], 0)
    }
    return this.#run(point, hessian, point.gradient)
  }

  /** Solves as {@link solve} with a multiple of the identity matrix as the Hessian. */
  solveClosest(point: Iterate, gradient: Float64Array, values: Float64Array, factor: number): ConvexOutcome {
    return this.solve(
      point,
      this.#ones.map((one) => factor * one),
      values,
      gradient,
    )
  }

  #limit(point: Iterate, values: Float64Array): void {
    const { size, count, min, max } = this.#problem
    for (let i = 0; i < size; i++) {
      this.#min[i] = min[i] - point.x[i]
      this.#max[i] = max[i] - point.x[i]
    }
    for (let k = 0; k < count; k++) {
      this.#min[size + k] = min[size + k] - values[k]
      this.#max[size + k] = max[size + k] - values[k]
    }
  }

  #run(point: Iterate, hessian: Float64Array, gradient: Float64Array): ConvexOutcome {
    const { size, count } = this.#problem
    const { rows, x } = point
    return this.solver.solve(
      { size, count, hessian, gradient, rows, min: this.#min, max: this.#max, origin: x },
      this.solver.active.length > 0,
    )
  }
}
