/**
 * Reason why a minimization stopped:
 * - 'converged': an update changed every parameter by less than the tolerance, because the gradient is small. The
 *   measured curvature shows that the gradient vanishes within 100 tolerances of the point. For a converged run, all
 *   values are finite. A gradient component that points out of the bounds counts as 0.
 * - 'stalled': 100 consecutive updates changed every parameter by less than the tolerance, although the gradient is not
 *   small. The (scheduled) learning rate may be too low, or steps may be lost to rounding. A rule such as Adam may
 *   still be dividing by earlier, larger gradients. Momentum may also push a parameter against a bound.
 * - 'max-iterations': the parameters were still moving after the last update
 * - 'diverged': a parameter, the value, the gradient or the rule's state is infinite or NaN
 * - 'callback': the callback returned true
 *
 * A run of `lbfgs()` or `newton()` converges only if the gradient also vanishes gradually, which excludes kinks and
 * singularities. Otherwise the run ends as 'stalled'.
 *
 * The method `nelderMead()` evaluates no gradient, and `sqp()` has constraints. Their documentation says what their reasons mean.
 */
export type MinimizeReason = 'converged' | 'stalled' | 'max-iterations' | 'diverged' | 'callback'

/**
 * Reason why a minimization with constraints stopped: the reasons of a minimization, and
 * - 'infeasible': no close point violates the constraints less. The result lists the violations
 * - 'not-finite': the objective, a constraint or a derivative is infinite or NaN at the start
 */
export type ConstrainedReason = MinimizeReason | 'infeasible' | 'not-finite'

/**
 * Reasons why runs stopped, indexed by the numbers in `reason` of a result of many runs. Index 0 stands for an
 * unfinished run. Only runs with constraints end as 'infeasible' or 'not-finite'.
 */
export const minimizeReasons = [
  null,
  'converged',
  'stalled',
  'max-iterations',
  'diverged',
  'infeasible',
  'not-finite',
] as const satisfies readonly (ConstrainedReason | null)[]
