/** Decides whether steps are short because the run has reached a minimum. */

import type { FloatArray } from '../core/numbers.js'
import { epsilon, largest } from '../core/numbers.js'
import type { Slices } from '../core/slices.js'
import { type BoundsBox, clamp, isHeld } from '../objectives/bounds.js'

/** The weight decay of a rule, which moves parameters in addition to the gradient. */
export interface DecayTerms {
  /** Coefficient λ of the weight decay that is added to the gradient. */
  readonly l2: number
  /** Fraction by which decoupled weight decay shrinks a parameter per step: η·λ, or 0. */
  readonly decoupled: number
  /** Sign of the objective: −1 if the objective is maximized, otherwise 1. */
  readonly sign: number
}

/** Conditions of convergence other than a small gradient. */
export interface RestConditions {
  readonly tolerance: number
  readonly decay: DecayTerms
  readonly box: BoundsBox | null
  /**
   * Largest |gᵢ| at the start of the run, if the gradient must be shown to vanish gradually; undefined for update rules.
   */
  readonly startNorm?: number | undefined
}

/** Maximum distance, in tolerances, within which the gradient must vanish for a run to converge. */
export const MAX_DISTANCE_IN_TOLERANCES = 100
/**
 * Count of directions in which the curvature is measured. Each direction is the gradient change along the previous
 * direction. The directions therefore approach the strongest curvature.
 */
export const PROBE_COUNT = 3
/**
 * A gradient is small without further evidence if it is at most these fractions of the gradient at the start, and of the
 * largest change of the gradient nearby.
 */
export const SMALL_OF_START = 1e-8
export const SMALL_OF_CHANGE = 0.01
/**
 * A gradient vanishes gradually if half of a move changes each component by these fractions of the change by the whole
 * move. A kink changes the component by the whole, or not at all. Near a singularity such as log(0), the fraction is at
 * most 1/3.
 */
export const MIN_HALF_CHANGE = 0.35
export const MAX_HALF_CHANGE = 0.75
/** Components below this fraction of the largest change may consist of rounding errors. */
export const MIN_CHANGE = 1e-6
/** Number of consecutive short steps without convergence after which a run has stalled. */
export const PATIENCE = 100

/**
 * Whether the gradient is negligible for steps of the size of the tolerance. The gradient is negligible if a move by at
 * most 100 tolerances changes the gradient by as much as its size. If the rounding errors of x exceed the tolerance,
 * the rounding errors replace the tolerance. The result does not depend on the scale of the objective, on the rule, or
 * on the cause of short steps.
 *
 * With bounds, a gradient component that points out of the bounds counts as 0, and all probed points lie within the
 * bounds.
 *
 * A gradient also changes by as much as its size at a kink or next to a singularity, although no gradient nearby is
 * small. Methods therefore pass the norm of the gradient at the start of the run. The gradient must then be small
 * compared with that norm and with the change nearby, or must vanish gradually. A gradient vanishes gradually if half of
 * the move changes the gradient by about half as much.
 *
 * @param gradient the objective's gradient, computed either at once or in slices
 * @param g the gradient at x, or at a point at most one tolerance away
 */
export function* hasConverged(
  gradient: (x: FloatArray, out: FloatArray) => Slices<void> | undefined,
  x: FloatArray,
  g: FloatArray,
  { tolerance, decay, box, startNorm }: RestConditions,
): Slices<boolean> {
  const { l2, decoupled, sign } = decay
  const rounding = epsilon[x.BYTES_PER_ELEMENT]
  const finest = Float64Array.from(x, (xi) => Math.max(tolerance, rounding * Math.abs(xi)))
  const held = Array.from(x, (_, i) => isAtBound(x, g, i, decay, box))
  // If decoupled decay alone would move a parameter, but the parameter does not move, the gradient balances the decay.
  // The parameter is then in equilibrium.
  const pull = (at: FloatArray, gAt: FloatArray, i: number) =>
    decoupled * Math.abs(x[i]) >= finest[i] || held[i] ? 0 : sign * gAt[i] + l2 * at[i]
  const pulls = Float64Array.from(g, (_, i) => pull(x, g, i))
  const size = largest(pulls)
  if (size === 0) return true
  const near = x.slice()
  const gNear = g.slice()
  let direction = pulls.map((p) => (p > 0 ? -1 : 1))
  for (let probe = 0; probe < PROBE_COUNT; probe++) {
    for (let i = 0; i < x.length; i++) {
      const moved = x[i] + direction[i] * MAX_DISTANCE_IN_TOLERANCES * finest[i]
      near[i] = held[i] ? x[i] : box === null ? moved : clamp(moved, box.min[i], box.max[i])
    }
    const slices = gradient(near, gNear)
    if (slices) yield* slices
    const answer = pulls.map((p, i) => pull(near, gNear, i) - p)
    const change = largest(answer)
    if (change >= size) {
      if (startNorm === undefined) return true
      if (size <= SMALL_OF_START * startNorm && size <= SMALL_OF_CHANGE * change) return true
      for (let i = 0; i < x.length; i++) near[i] = x[i] + 0.5 * (near[i] - x[i])
      const slices = gradient(near, gNear)
      if (slices) yield* slices
      const half = pulls.map((p, i) => pull(near, gNear, i) - p)
      return isGradual(pulls, half, answer, MIN_CHANGE * change)
    }
    direction = answer.map((a) => (a < 0 ? -1 : 1))
  }
  return false
}

/**
 * Whether half of a move changes each component of the gradient by about half of the change by the whole move. A
 * component does not matter if it and its change are below `least`.
 */
function isGradual(pulls: Float64Array, half: Float64Array, whole: Float64Array, least: number): boolean {
  return pulls.every((pull, i) => {
    if (Math.max(Math.abs(pull), Math.abs(whole[i])) < least) return true
    const fraction = half[i] / whole[i]
    return fraction >= MIN_HALF_CHANGE && fraction <= MAX_HALF_CHANGE
  })
}

/** Whether a parameter is at a bound, and its gradient with the weight decay points out of the bounds. */
function isAtBound(
  x: FloatArray,
  g: FloatArray,
  i: number,
  { l2, sign }: DecayTerms,
  box: BoundsBox | null,
): boolean {
  return box !== null && isHeld(x[i], sign * g[i] + l2 * x[i], i, box)
}

/** Largest |gᵢ| of the parameters that are not at a bound. */
export function freeNorm(x: FloatArray, g: FloatArray, decay: DecayTerms, box: BoundsBox | null): number {
  return box === null ? largest(g) : largest(g.map((gi, i) => (isAtBound(x, g, i, decay, box) ? 0 : gi)))
}
