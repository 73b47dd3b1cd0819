/** Whether steps are short because there is nowhere to go. */

import type { Objective } from './objectives/index.js'
import type { FloatArray } from './rules/kernel.js'

/** What pulls at the parameters beside the gradient. */
export interface Decay {
  /** λ of a decay that is added to the gradient. */
  readonly l2: number
  /** The part of a parameter that a step takes off without the gradient: η·λ, or 0. */
  readonly decoupled: number
  /** −1 to climb. */
  readonly sign: number
}

/** How far the gradient may be from vanishing, in tolerances. */
const REACH = 100
/** The curvature is sought in so many directions, each time in the one in which it answered most. */
const PROBES = 3
/** So many short steps in a row, on which nothing changes, are no accident. */
export const PATIENCE = 100
const epsilon = { 4: 1.1920928955078125e-7, 8: 2.220446049250313e-16 } as Readonly<Record<number, number>>

/**
 * Whether the gradient is as good as zero for steps of the tolerance: it changes by as much as there
 * is of it within 100 tolerances of x, or 100 roundings of x where those are larger. So it does not
 * matter how the objective is scaled, which rule runs, or what made its steps short.
 *
 * @param g the gradient at x, or no more than a tolerance away
 */
export function isAtRest(
  gradient: Required<Objective>['gradient'],
  x: FloatArray,
  g: FloatArray,
  tolerance: number,
  { l2, decoupled, sign }: Decay,
): boolean {
  const rounding = epsilon[x.BYTES_PER_ELEMENT]
  const finest = Float64Array.from(x, (xi) => Math.max(tolerance, rounding * Math.abs(xi)))
  // Where the decay alone would be a step, and there is none, the gradient holds it: that is its rest.
  const pull = (at: FloatArray, gAt: FloatArray, i: number) =>
    decoupled * Math.abs(x[i]) >= finest[i] ? 0 : sign * gAt[i] + l2 * at[i]
  const pulls = Float64Array.from(g, (_, i) => pull(x, g, i))
  const size = largest(pulls)
  if (size === 0) return true
  const near = x.slice()
  const gNear = g.slice()
  let direction = pulls.map((p) => (p > 0 ? -1 : 1))
  for (let probe = 0; probe < PROBES; probe++) {
    for (let i = 0; i < x.length; i++) near[i] = x[i] + direction[i] * REACH * finest[i]
    gradient(near, gNear)
    const answer = pulls.map((p, i) => pull(near, gNear, i) - p)
    if (largest(answer) >= size) return true
    direction = answer.map((a) => (a < 0 ? -1 : 1))
  }
  return false
}

/** The largest |xᵢ|, NaN if one is. */
export function largest(x: FloatArray): number {
  let size = 0
  for (let i = 0; i < x.length; i++) size = Math.max(size, Math.abs(x[i]))
  return size
}
