/** A run of sequential quadratic programming, as `minimize` performs it. */

import { OptionError } from '../core/errors.js'
import { createRecord } from '../core/untrusted-input.js'
import type { ConstraintReport } from '../minimize/constraints.js'
import type { MinimizationProblem } from '../minimize/method.js'
import { MethodDescent } from '../minimize/method-descent.js'
import type { ConstraintFunction } from './functions.js'
import type { NonlinearProblem } from './problem.js'
import { createProgram, moveToLinear, setBounds } from './program.js'
import { FEASIBLE, SqpRun } from './run.js'

/** The largest count of parameters. */
const MAX_PARAMETERS = 200
/** Distance from a limit, relative to the limit or to 1, at which a constraint counts as active. */
const ACTIVE = 1e-8

export class SqpDescent extends MethodDescent {
  readonly isStuck = false
  readonly params: Float64Array
  readonly grads: Float64Array
  /** Names or indices of the constraints. */
  readonly keys: readonly (string | number)[]
  readonly #run: SqpRun
  readonly #program: NonlinearProblem
  readonly #problem: MinimizationProblem

  constructor(problem: MinimizationProblem) {
    super()
    const { start, tolerance } = problem
    const constraints = problem.constraints as readonly ConstraintFunction[]
    if (start.length > MAX_PARAMETERS)
      throw new OptionError('x', `up to ${MAX_PARAMETERS} numbers with sqp()`, `${start.length} numbers`)
    if (start instanceof Float32Array)
      throw new OptionError('dtype', "'float64', in which sqp() computes", 'float32')
    this.keys = constraints.map(({ key }) => key)
    this.#problem = problem
    this.#program = createProgram(problem, constraints)
    this.#run = new SqpRun(this.#program, tolerance)
    this.params = this.#run.point.x
    this.grads = this.#run.point.gradient
    this.restart(Float64Array.from(start))
  }

  get outcome() {
    return this.#run.outcome
  }

  /**
   * Starts another run within the bounds that the problem has now.
   *
   * @param start overwritten
   */
  restart(start: Float64Array): void {
    setBounds(this.#program, this.#problem.box)
    moveToLinear(this.#program, start, this.#run.subproblem.solver)
    this.#run.start(start)
  }

  update(): number | undefined {
    this.#run.advance()
    return this.#run.point.value
  }

  report(): ConstraintReport {
    const run = this.#run
    run.evaluateStart()
    const { multipliers } = run
    const { size } = this.#program
    const { keys } = this
    const excess = keys.map((_, k) => this.excess(k))
    const violated = [...keys.keys()].filter((k) => this.isViolated(k))
    return {
      maxViolation: Math.max(0, ...excess),
      violations: Object.fromEntries(violated.map((k) => [keys[k], excess[k]])),
      multipliers: createRecord(keys as string[], (_, k) => this.multiplier(k)),
      boundMultipliers: multipliers.slice(0, size),
      active: keys.filter((_, k) => this.isActive(k)),
      kktResidual: run.kktResidual(),
    }
  }

  /** The amount by which constraint k is violated. */
  excess(k: number): number {
    return this.#run.point.excess(k)
  }

  /** Whether the violation is more than a rounding error. */
  isViolated(k: number): boolean {
    return !(this.excess(k) <= this.#run.point.allowed(k, FEASIBLE))
  }

  isActive(k: number): boolean {
    const { size, min, max } = this.#program
    const value = this.#run.point.constraints[k]
    const isAt = (limit: number) =>
      Number.isFinite(limit) && Math.abs(value - limit) <= ACTIVE * Math.max(1, Math.abs(limit))
    return isAt(min[size + k]) || isAt(max[size + k])
  }

  multiplier(k: number): number {
    return this.#run.multipliers[this.#program.size + k]
  }

  boundMultiplier(i: number): number {
    return this.#run.multipliers[i]
  }

  kktResidual(): number {
    return this.#run.kktResidual()
  }

  /** Evaluates the constraints, unless a step has evaluated them. */
  evaluateStart(): void {
    this.#run.evaluateStart()
  }
}
