/** Limits of L-BFGS that its two forms share, for one run and for lanes. */

/** Values or slopes that differ by at most this many rounding errors may be equal. */
export const ROUNDING_FACTOR = 100
/**
 * Number of consecutive steps without improvement of the value or the gradient after which only rounding noise is left.
 */
export const MAX_IDLE_UPDATES = 10
/** Maximum number of directions that are computed for one step, each with more held variables. */
export const MAX_ROUNDS = 5
/** Least curvature of the free part of a step, as a fraction of the curvature of the whole step. */
export const MIN_CURVATURE = 1e-8

/**
 * Number of pairs that L-BFGS keeps. With few parameters, older pairs take time in lanes and do not save evaluations:
 * measured on 71 bounded problems.
 */
export const historyOf = (history: number | null, parameters: number): number =>
  history ?? Math.min(10, 2 * parameters)
