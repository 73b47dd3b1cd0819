/** Whether steps are short because there is nowhere to go. */

import type { FloatArray } from '../core/numbers.js'
import { largest } from '../core/numbers.js'
import type { Slices } from '../core/slices.js'
import { type BoundsBox, clamp } from '../objectives/bounds.js'

/** What pulls at the parameters beside the gradient. */
export interface DecayTerms {
  /** λ of a decay that is added to the gradient. */
  readonly l2: number
  /** The part of a parameter that a step takes off without the gradient: η·λ, or 0. */
  readonly decoupled: number
  /** −1 to climb. */
  readonly sign: number
}

/** What decides whether a point is one of rest, beside the gradient. */
export interface RestConditions {
  readonly tolerance: number
  readonly decay: DecayTerms
  readonly box: BoundsBox | null
}

/** How far the gradient may be from vanishing, in tolerances. */
const MAX_DISTANCE_IN_TOLERANCES = 100
/** The curvature is sought in so many directions, each time in the one in which it answered most. */
const PROBE_COUNT = 3
/** So many short steps in a row, on which nothing changes, are no accident. */
export const PATIENCE = 100
const epsilon = { 4: 1.1920928955078125e-7, 8: 2.220446049250313e-16 } as Readonly<Record<number, number>>

/**
 * Whether the gradient is as good as zero for steps of the tolerance: it changes by as much as there
 * is of it within 100 tolerances of x, or 100 roundings of x where those are larger. So it does not
 * matter how the objective is scaled, which rule runs, or what made its steps short.
 *
 * With bounds, what points out of the box at its border counts as 0, and points nearby are in the box.
 *
 * @param gradient as of an objective, or in slices
 * @param g the gradient at x, or no more than a tolerance away
 */
export function* hasConverged(
  gradient: (x: FloatArray, out: FloatArray) => Slices<void> | undefined,
  x: FloatArray,
  g: FloatArray,
  { tolerance, decay, box }: RestConditions,
): Slices<boolean> {
  const { l2, decoupled, sign } = decay
  const rounding = epsilon[x.BYTES_PER_ELEMENT]
  const finest = Float64Array.from(x, (xi) => Math.max(tolerance, rounding * Math.abs(xi)))
  const held = Array.from(x, (_, i) => isAtBound(x, g, i, decay, box))
  // Where the decay alone would be a step, and there is none, the gradient holds it: that is its rest.
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
    if (largest(answer) >= size) return true
    direction = answer.map((a) => (a < 0 ? -1 : 1))
  }
  return false
}

/** Whether a parameter is at a bound, and pulled out of its box. */
function isAtBound(
  x: FloatArray,
  g: FloatArray,
  i: number,
  { l2, sign }: DecayTerms,
  box: BoundsBox | null,
): boolean {
  if (box === null) return false
  const pull = sign * g[i] + l2 * x[i]
  return (pull > 0 && x[i] <= box.min[i]) || (pull < 0 && x[i] >= box.max[i])
}

/** The largest |gᵢ| of parameters that no bound holds. */
export function freeNorm(x: FloatArray, g: FloatArray, decay: DecayTerms, box: BoundsBox | null): number {
  return box === null ? largest(g) : largest(g.map((gi, i) => (isAtBound(x, g, i, decay, box) ? 0 : gi)))
}
