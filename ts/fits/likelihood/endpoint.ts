/** The search for the endpoints of a profile of −2 log L. */

import type { ProfileEndReason } from '../problem/reasons.js'
import { minimizeNewton, type NewtonProblem, type NewtonResult } from './newton.js'

const MAX_STEPS = 60
/** A point counts as an endpoint if −2 log L differs from the threshold by at most this fraction of the rise. */
const TOLERANCE = 1e-9
/** An interval that is wider than this number of standard errors is unbounded. */
const MAX_WIDTH = 1e6

export interface Side {
  readonly end: number
  readonly reason: ProfileEndReason
}

/** A point of a profile: the minimum of −2 log L at one value of the subject. */
export interface PathPoint {
  readonly x: Float64Array
  readonly value: number
  /** Derivative of the profile. */
  readonly slope: number
  /** Value of the subject at the point. */
  readonly end: number
  readonly isUsable: boolean
  /** Largest or smallest value that the subject can have within the bounds, if the point lies beyond it. */
  readonly limit?: number
}

/** The profile of a parameter or of a derived quantity. */
export interface ProfilePath {
  /** Value at the minimum of −2 log L, and the limits of values. */
  readonly center: number
  readonly min: number
  readonly max: number
  readonly error: number
  readonly best: Float64Array
  readonly minimum: number
  at(value: number, from: Float64Array): PathPoint
}

/** The problem whose minimum a profile follows. */
export type ProfiledProblem<Hessian> = Omit<NewtonProblem<Hessian>, 'fixed' | 'tolerance' | 'maxIterations'>

export interface ProfileOrigin {
  readonly best: Float64Array
  readonly minimum: number
  /** Standard error in the units of the path; NaN if unknown. */
  readonly error: number
}

/** Settings of Newton's method for the points of a profile. */
export const profileSettings = { tolerance: 1e-10, maxIterations: 200 }

export const isUsableEnd = ({ value, status }: NewtonResult<unknown>) =>
  Number.isFinite(value) && (status === 'converged' || status === 'stalled')

/** The standard error, or a step to begin with if the error is unknown. */
export const errorOrGuess = (error: number, center: number): number =>
  error > 0 && error < Infinity ? error : 0.1 * Math.max(Math.abs(center), 1)

/** Profile of one parameter. The other parameters minimize −2 log L. */
export function parameterPath<Hessian>(
  problem: ProfiledProblem<Hessian>,
  index: number,
  { best, minimum, error }: ProfileOrigin,
): ProfilePath {
  const center = best[index]
  return {
    center,
    min: problem.min[index],
    max: problem.max[index],
    error: errorOrGuess(error, center),
    best,
    minimum,
    at: (value, from) => {
      const start = from.slice()
      start[index] = value
      const found = minimizeNewton({ ...problem, ...profileSettings, fixed: index }, start)
      const { x, gradient } = found
      return { x, value: found.value, slope: gradient[index], end: value, isUsable: isUsableEnd(found) }
    },
  }
}

/**
 * Solves D(x) = rise, where D is the profile minus its minimum. The root of D is nearly linear in x, so that Newton steps
 * of √D converge quickly.
 */
export function searchEndpoint(
  { center, min, max, error, best, minimum, at }: ProfilePath,
  threshold: number,
  sign: 1 | -1,
): Side {
  let limit = sign > 0 ? max : min
  const goal = Math.sqrt(threshold)
  let inside = center
  let outside = limit
  let isBracketed = false
  let from = best
  let x = center + sign * goal * error
  for (let step = 0; step < MAX_STEPS; step++) {
    if (sign * (x - limit) >= 0) x = isBracketed ? (inside + outside) / 2 : limit
    const found = at(x, from)
    if (!found.isUsable) {
      // The point is beyond the domain, or too far for the conditional fit.
      const { limit: nearer = limit } = found
      if (sign * (x - nearer) > 0 && sign * (nearer - inside) > 0) {
        limit = nearer
        x = nearer
        isBracketed = false
        continue
      }
      outside = x
      isBracketed = true
      if (Math.abs(x - inside) <= 1e-9 * error) return { end: NaN, reason: 'failed' }
      x = (x + inside) / 2
      continue
    }
    const rise = found.value - minimum
    if (rise < -1e-6 * Math.max(1, threshold)) return { end: NaN, reason: 'lower-minimum' }
    if (Math.abs(rise - threshold) <= TOLERANCE * threshold) return { end: found.end, reason: 'found' }
    if (rise < threshold) {
      if (x === limit) return { end: limit, reason: 'bound' }
      inside = x
      from = found.x
    } else {
      outside = x
      isBracketed = true
    }
    if (Math.abs(inside - center) > MAX_WIDTH * error) return { end: sign * Infinity, reason: 'unbounded' }
    if (isBracketed && Math.abs(outside - inside) <= 4 * Number.EPSILON * Math.abs(x))
      return { end: found.end, reason: 'found' }
    const root = Math.sqrt(Math.max(rise, 0))
    const slope = root > 0 ? found.slope / (2 * root) : 0
    let next = slope * sign > 0 ? x + (goal - root) / slope : x + sign * (Math.abs(x - center) || error)
    const reach = Math.max(3 * Math.abs(inside - center), 3 * error)
    if (!isBracketed && sign * (next - inside) > reach) next = inside + sign * reach
    if (isBracketed && !(sign * (next - inside) > 0 && sign * (outside - next) > 0))
      next = (inside + outside) / 2
    x = next
  }
  return { end: NaN, reason: 'failed' }
}
