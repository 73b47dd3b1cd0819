/** Profiles: how far a parameter may go, while all others follow, until χ² has risen to a limit. */

import type { Call } from './drive.js'
import { freedomOf, type Ingredients } from './found.js'
import type { Iterations } from './iterations.js'
import { FLAT, LIMITED, LOWER, REACHED } from './ray.js'
import { follow, type RayEnds, type Rays } from './rays.js'
import { fitReasons } from './reasons.js'
import { quantile } from './student.js'

/** Why the ends of profiles are where they are, by the numbers in `reason`; the first is of none. */
export const endReasons = [
  null,
  'found',
  'bound',
  'endless',
  'flat',
  'lower-minimum',
  'failed',
  'no-fit',
] as const

export type EndReason = Exclude<(typeof endReasons)[number], null>

const [FOUND, BOUND, ENDLESS, NO_SLOPE, LOWER_MINIMUM, FAILED, NO_FIT] = endReasons
  .slice(1)
  .map((_, k) => k + 1)

/** A point of another valley that is lower than the fit's. */
export interface Lower {
  /** Parameters that vary, in the problem's order. */
  readonly x: readonly number[]
  readonly chiSquared: number
}

/** Ends of profiles of fits, a column each, by parameter. */
export interface Profiled {
  readonly low: readonly Float64Array[]
  readonly high: readonly Float64Array[]
  readonly lowReason: readonly Uint8Array[]
  readonly highReason: readonly Uint8Array[]
  /** By fit: the lowest one that was met, if any. */
  readonly lower: (Lower | undefined)[]
}

/** Of fits that have not been looked at. */
export function noProfiles(size: number, count: number): Profiled {
  const ends = () => Array.from({ length: size }, () => new Float64Array(count).fill(NaN))
  const reasons = () => Array.from({ length: size }, () => new Uint8Array(count).fill(NO_FIT))
  return { low: ends(), high: ends(), lowReason: reasons(), highReason: reasons(), lower: [] }
}

/** What profiles are made from. */
export type Fitted = Pick<
  Ingredients,
  'compiled' | 'problem' | 'columns' | 'starts' | 'rows' | 'found' | 'isAbsolute'
>

/** Whether a fit has a minimum from which χ² can rise to a limit. */
export function hasProfile(of: Fitted, fit: number): boolean {
  const reason = fitReasons[of.found.reason[fit]]
  return (reason === 'converged' || reason === 'singular') && (of.isAbsolute || freedomOf(of, fit) > 0)
}

/**
 * Profiles parameters of fits.
 *
 * @param which parameters, by their places among those that vary; the columns of `to` are in this order
 * @param place where a fit is in these columns
 */
export function* profile(
  of: Fitted,
  iterations: Iterations,
  fits: Uint32Array,
  which: readonly number[],
  level: number,
  to: Profiled,
  place: (fit: number) => number = (fit) => fit,
): Generator<Call, void> {
  const { problem, found } = of
  const each = 2 * which.length
  if (each === 0) return
  const limits = limitsOf(of, level)
  const make = (fits: Uint32Array): Rays => {
    const count = fits.length * each
    const rays = {
      directions: problem.free.map(() => new Float64Array(count)),
      ...{ reach: new Float64Array(count), limit: new Float64Array(count) },
    }
    for (let ray = 0; ray < count; ray++) {
      const fit = fits[Math.floor(ray / each)]
      const i = which[Math.floor((ray % each) / 2)]
      const isUp = ray % 2 === 1
      rays.directions[i][ray] = isUp ? 1 : -1
      rays.reach[ray] = isUp ? problem.max[i] - found.free[i][fit] : found.free[i][fit] - problem.min[i]
      rays.limit[ray] = limits(fit)
    }
    return rays
  }
  const take = (fits: Uint32Array, ends: RayEnds) => {
    for (let ray = 0; ray < fits.length * each; ray++) {
      const fit = fits[Math.floor(ray / each)]
      const k = Math.floor((ray % each) / 2)
      const i = which[k]
      const isUp = ray % 2 === 1
      const [column, reasons] = isUp ? [to.high, to.highReason] : [to.low, to.lowReason]
      const [bound, sign] = isUp ? [problem.max[i], 1] : [problem.min[i], -1]
      const isAtBound = ends.reach[ray] === Math.abs(bound - found.free[i][fit])
      const [end, reason] = endOf(ends.reason[ray], ends.point[i][ray], isAtBound, bound, sign * Infinity)
      column[k][place(fit)] = end
      reasons[k][place(fit)] = reason
      const known = to.lower[place(fit)]
      if (reason !== LOWER_MINIMUM || (known && known.chiSquared <= ends.cost[ray])) continue
      to.lower[place(fit)] = { x: ends.point.map((x) => x[ray]), chiSquared: ends.cost[ray] }
    }
  }
  yield* follow(of, iterations, fits, each, make, take)
}

/** The end of a ray as that of a profile, and why. */
function endOf(reason: number, at: number, isAtBound: boolean, bound: number, infinity: number) {
  switch (reason) {
    case REACHED:
      return [at, FOUND]
    case LIMITED:
      return isAtBound ? [bound, BOUND] : [infinity, ENDLESS]
    case FLAT:
      return [infinity, NO_SLOPE]
    case LOWER:
      return [NaN, LOWER_MINIMUM]
    default:
      return [NaN, FAILED]
  }
}

/** χ² at which a parameter's profile ends, by fit: by F(1, n) = t², or by Δχ² where σ is known. */
function limitsOf(of: Fitted, level: number): (fit: number) => number {
  const quantiles = new Map<number, number>()
  const squareOf = (freedom: number) => {
    const t = quantiles.get(freedom) ?? quantile(level, freedom)
    quantiles.set(freedom, t)
    return t * t
  }
  return (fit) => {
    const cost = of.found.cost[fit]
    if (of.isAbsolute) return cost + squareOf(Infinity)
    const freedom = freedomOf(of, fit)
    return cost * (1 + squareOf(freedom) / freedom)
  }
}
