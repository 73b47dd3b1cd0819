/** A run of sequential quadratic programming, as `minimize` performs it. */

import { OptionError } from '../core/errors.js'
import { createRecord } from '../core/untrusted-input.js'
import type { ConstraintReport } from '../minimize/constraints.js'
import type { MinimizationProblem } from '../minimize/method.js'
import { MethodDescent } from '../minimize/method-descent.js'
import { project } from '../objectives/bounds.js'
import type { ConstraintFunction } from './functions.js'
import type { NonlinearProblem } from './problem.js'
import { moveToLinear, setBounds } from './program.js'
import { FEASIBLE, type SqpRun } from './run.js'
import { keepRunMemory, type RunMemory, takeRunMemory } from './run-memory.js'
import type { ScaledProgram } from './scaling.js'

/** The largest count of parameters. */
const MAX_PARAMETERS = 200
/** Distance from a limit, relative to the limit or to 1, at which a constraint counts as active. */
const ACTIVE = 1e-8
/** Largest count of changes of the scales. */
const MAX_CHANGES_OF_SCALE = 4

export class SqpDescent extends MethodDescent {
  readonly isStuck = false
  readonly params: Float64Array
  readonly grads: Float64Array
  /** Names or indices of the constraints. */
  readonly keys: readonly (string | number)[]
  readonly #memory: RunMemory
  readonly #run: SqpRun
  readonly #program: NonlinearProblem
  readonly #scaled: ScaledProgram
  readonly #problem: MinimizationProblem
  #changesOfScale = 0
  #report: ConstraintReport | undefined

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
    this.#memory = takeRunMemory(problem, constraints)
    const { program, scaled, run } = this.#memory
    this.#program = program
    this.#scaled = scaled
    this.#run = run
    run.tolerance = tolerance
    this.params = new Float64Array(start.length)
    this.grads = new Float64Array(start.length)
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
    this.#changesOfScale = 0
    this.#begin(start)
  }

  /** @param leastUnit the smallest scale of a variable */
  #begin(start: Float64Array, leastUnit = 0): void {
    const run = this.#run
    const { box } = this.#problem
    setBounds(this.#program, box)
    if (box !== null) project(start, box)
    this.#scaled.start(start, leastUnit)
    moveToLinear(this.#scaled, start, { point: run.point, solver: run.subproblem.solver })
    run.start(start)
    this.#scaled.unscale(run.point, this.params, this.grads)
  }

  update(): number | undefined {
    const run = this.#run
    run.advance()
    const { point, outcome } = run
    this.#scaled.unscale(point, this.params, this.grads)
    const value = this.#scaled.value(point.value)
    // The end is confirmed in finer scales, or improved in the scales of the last point.
    const isConverged = outcome === 'converged'
    const isEnd = isConverged || outcome === 'stalled' || outcome === 'infeasible'
    if (isEnd && this.#scaled.hasLeft(point, isConverged) && this.#changesOfScale++ < MAX_CHANGES_OF_SCALE)
      this.#begin(this.params.slice(), isConverged ? 1 : 0)
    return value
  }

  /** The report at the end of the run. Afterwards, other runs reuse the memory of the run. */
  report(): ConstraintReport {
    if (this.#report !== undefined) return this.#report
    this.#report = this.#measure()
    keepRunMemory(this.#memory)
    return this.#report
  }

  #measure(): ConstraintReport {
    const run = this.#run
    run.evaluateStart()
    const { keys } = this
    const excess = keys.map((_, k) => this.excess(k))
    const violated = [...keys.keys()].filter((k) => this.isViolated(k))
    return {
      maxViolation: Math.max(0, ...excess),
      violations: Object.fromEntries(violated.map((k) => [keys[k], excess[k]])),
      multipliers: createRecord(keys as string[], (_, k) => this.multiplier(k)),
      boundMultipliers: this.params.map((_, i) => this.boundMultiplier(i)),
      active: keys.filter((_, k) => this.isActive(k)),
      kktResidual: run.kktResidual(),
    }
  }

  /** The amount by which constraint k is violated. */
  excess(k: number): number {
    return this.#scaled.constraint(this.#run.point.excess(k), k)
  }

  /** Whether the violation is more than a rounding error. */
  isViolated(k: number): boolean {
    return !(this.#run.point.excess(k) <= this.#run.point.allowed(k, FEASIBLE))
  }

  isActive(k: number): boolean {
    const { size, min, max } = this.#scaled
    const value = this.#run.point.constraints[k]
    const isAt = (limit: number) =>
      Number.isFinite(limit) && Math.abs(value - limit) <= ACTIVE * Math.max(1, Math.abs(limit))
    return isAt(min[size + k]) || isAt(max[size + k])
  }

  multiplier(k: number): number {
    const index = this.#scaled.size + k
    return this.#scaled.multiplier(this.#run.multipliers[index], index)
  }

  boundMultiplier(i: number): number {
    return this.#scaled.multiplier(this.#run.multipliers[i], i)
  }

  kktResidual(): number {
    return this.#run.kktResidual()
  }

  /** Evaluates the constraints, unless a step has evaluated them. */
  evaluateStart(): void {
    this.#run.evaluateStart()
  }
}
