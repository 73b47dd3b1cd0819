import { OptionError } from '../core/errors.js'
import type { FloatArray } from '../core/numbers.js'
import { createRecord } from '../core/untrusted-input.js'
import type { ConstraintReport } from '../minimize/constraints.js'
import { type Descent, type MinimizationProblem, method } from '../minimize/method.js'
import { type ConstraintFunction, constrainObjective } from './functions.js'
import type { NonlinearProblem } from './problem.js'
import { createProgram, moveToLinear } from './program.js'
import { FEASIBLE, SqpRun } from './run.js'

/** The largest count of parameters. */
const MAX_PARAMETERS = 200
/** Distance from a limit, relative to the limit or to 1, at which a constraint counts as active. */
const ACTIVE = 1e-8

/** Description of sequential quadratic programming; see {@link sqp}. */
export interface Sqp {
  readonly method: 'sqp'
}

declare module '../minimize/method.js' {
  interface Methods {
    readonly sqp: Sqp
  }
}

class SqpDescent implements Descent {
  readonly engine = 'typescript'
  readonly engineReasons = ['methods run in TypeScript']
  readonly exempt = 0
  readonly isStuck = false
  readonly params: FloatArray
  readonly grads: FloatArray
  readonly #run: SqpRun
  readonly #program: NonlinearProblem
  readonly #constraints: readonly ConstraintFunction[]

  constructor(problem: MinimizationProblem) {
    const { start, tolerance } = problem
    const constraints = problem.constraints as readonly ConstraintFunction[]
    if (start.length > MAX_PARAMETERS)
      throw new OptionError('x', `up to ${MAX_PARAMETERS} numbers with sqp()`, `${start.length} numbers`)
    if (start instanceof Float32Array)
      throw new OptionError('dtype', "'float64', in which sqp() computes", 'float32')
    this.#constraints = constraints
    this.#program = createProgram(problem, constraints)
    const from = Float64Array.from(start)
    moveToLinear(this.#program, from)
    this.#run = new SqpRun(this.#program, from, tolerance)
    this.params = this.#run.point.x
    this.grads = this.#run.point.gradient
  }

  get outcome() {
    return this.#run.outcome
  }

  update(): number | undefined {
    this.#run.advance()
    return this.#run.point.value
  }

  gradsHere(): FloatArray {
    return this.grads
  }

  state(): readonly FloatArray[] {
    return []
  }

  decay() {
    return { l2: 0, decoupled: 0, sign: 1 }
  }

  report(): ConstraintReport {
    const { point, multipliers } = this.#run
    const { size, min, max } = this.#program
    const keys = this.#constraints.map(({ key }) => key)
    const excess = keys.map((_, k) => point.excess(k))
    const isViolated = (k: number) => !(excess[k] <= point.allowed(k, FEASIBLE))
    const isActive = (k: number) =>
      [min[size + k], max[size + k]].some(
        (limit) =>
          Number.isFinite(limit) &&
          Math.abs(point.constraints[k] - limit) <= ACTIVE * Math.max(1, Math.abs(limit)),
      )
    const violated = [...keys.keys()].filter(isViolated)
    return {
      maxViolation: Math.max(0, ...excess),
      violations: Object.fromEntries(violated.map((k) => [keys[k], excess[k]])),
      multipliers: createRecord(keys as string[], (_, k) => multipliers[size + k]),
      boundMultipliers: multipliers.slice(0, size),
      active: keys.filter((_, k) => isActive(k)),
      kktResidual: this.#run.kktResidual(),
    }
  }
}

/**
 * Sequential quadratic programming, for {@link minimize} with constraints. Each step solves a convex quadratic program
 * with the Hessian of the Lagrangian f − Σ λ·c and with linearized constraints ({@link qp}). A filter accepts a point
 * that lowers the objective or the violation (Fletcher and Leyffer, 2002; Wächter and Biegler, 2006), with second-order
 * corrections. If the linearized constraints contradict each other, the run first minimizes the violation.
 *
 * The Hessian is exact if the objective and the constraints are expressions or have `hessian(x, out)`. Otherwise, damped
 * BFGS updates approximate the Hessian (Powell, 1978). Linear constraints that are expressions are satisfied from the
 * first step on, like bounds. Before a run converges, the curvature along the active constraints is checked, and the run
 * leaves saddle points.
 *
 * The count of parameters is at most 200, and the count of constraints at most 1000. Methods for large sparse problems
 * are in other libraries. The reasons of a result mean:
 * - 'converged': the step is shorter than the tolerance, the constraints are satisfied up to rounding errors, and the
 *   KKT conditions hold
 * - 'infeasible': the violation has a local minimum; `violations` lists the violated constraints
 * - 'stalled': no acceptable step was found, although the KKT conditions do not hold
 * - 'diverged': the objective falls without a limit
 * - 'not-finite': the objective, a constraint or a derivative is infinite or NaN at the start
 *
 * The method runs in TypeScript, in float64, and the results are bit-identical everywhere.
 *
 * @throws OptionError if an option is given, because the method has no options
 * @example
 * minimize(expression('x^2 + y^2'), { x: 3, y: 1 }, sqp(), { constraints: [{ expr: 'x + y', equal: 1 }] })
 */
export const sqp: (options?: Readonly<Record<never, never>>) => Sqp = method({
  name: 'sqp',
  options: {},
  check() {},
  constrain: constrainObjective,
  begin: (_, problem) => new SqpDescent(problem),
})
