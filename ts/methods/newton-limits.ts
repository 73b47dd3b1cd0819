/** Limits of the Newton method that its two forms share, for one run and for lanes. */

import { OptionError } from '../core/errors.js'

/** Maximum count of parameters, because a pass takes time that grows as the cube of the count. */
const MAX_NEWTON_PARAMETERS = 32
/** Least ratio of the reduction to the predicted reduction for which a trial point is accepted. */
export const MIN_RATIO = 1e-4
/** A step with a smaller ratio makes the trust radius smaller than the step. */
export const POOR_RATIO = 0.25
/** A step to the border of the trust region with a larger ratio makes the trust radius larger. */
export const GOOD_RATIO = 0.75
export const SHRINK_FACTOR = 0.5
export const GROWTH_FACTOR = 2.5
/** A step of at least this fraction of the trust radius ends at the border of the trust region. */
export const BORDER = 0.5
/** Factor by which the damping exceeds the least damping that a direction of negative curvature proves. */
export const DAMPING_MARGIN = 1.1
/** Values that differ by at most this many rounding errors may be equal. */
export const NOISE_FACTOR = 100
/** If values may be equal, a trial point is accepted if its gradient is at most this fraction of the gradient before. */
export const FLATTER = 0.9
/** A pivot is negative if it is below this fraction of the sum of the Hessian's elements. */
export const MIN_NEGATIVE_PIVOT = 1e-12
/** A pivot is at least this fraction of the sum of the Hessian's elements. */
export const MIN_PIVOT = 2.220446049250313e-16
/** Smallest pivot if the Hessian is 0. */
export const TINY = 1e-300
/** Number of evaluations between two checks that the functions of the derivatives fill `out`. */
export const CHECKED_EVALUATIONS = 32

/** @throws OptionError if the method does not accept the count of parameters */
export function requireFewParameters(count: number): void {
  if (count <= MAX_NEWTON_PARAMETERS) return
  const expected = `at most ${MAX_NEWTON_PARAMETERS} parameters with newton() (lbfgs() takes any number)`
  throw new OptionError('x', expected, `${count} parameters`)
}
