import { method } from '../minimize/method.js'
import { SqpDescent } from './descent.js'
import { constrainObjective } from './functions.js'
import { runInTurn } from './turns.js'

/** Description of sequential quadratic programming; see {@link sqp}. */
export interface Sqp {
  readonly method: 'sqp'
}

declare module '../minimize/method.js' {
  interface Methods {
    readonly sqp: Sqp
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
 * The run computes with scaled parameters and functions if these are very small or large at the start. The scales are
 * powers of 2.
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
  inTurn: runInTurn,
})
