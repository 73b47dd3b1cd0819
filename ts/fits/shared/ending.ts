/** What is said of where groups have ended: errors, covariances, degrees of freedom. */

import type { Call } from '../drive.js'
import { fromStep } from '../logarithms.js'
import type { Loss } from '../loss.js'
import { CONVERGED, NOT_FINITE, SINGULAR, STALLED } from '../reasons.js'
import { type Arrow, NONE, type Point, type Step, type Stop } from './arrow.js'
import { invert } from './dense.js'
import { type Eliminated, solve } from './elimination.js'
import type { Family } from './family.js'

/** What may be said of a parameter at the end. */
export const [FREE, HELD, UNDETERMINED] = [0, 1, 2] as const

export interface Ended {
  readonly stop: Stop
  readonly step: Step
  /** What a row's variance is taken for; NaN without a degree of freedom. */
  readonly variance: number
  readonly freedom: number
  readonly rows: number
  readonly reason: number
  /** Of shared parameters, as steps have them, by rows and columns; times the variance. */
  readonly covariance: Float64Array
  readonly sharedStates: Uint8Array
  /** By family, a column by own parameter. */
  readonly ownStates: readonly (readonly Uint8Array[])[]
  /** The same of errors; of parameters themselves. */
  readonly ownErrors: readonly (readonly Float64Array[])[]
  /** Points of parameters themselves. */
  readonly values: Point
}

/** A pivot, beside the diagonal, below which errors would have fewer than seven digits. */
const DETERMINED = 1e-9

export function* ending(arrow: Arrow, stop: Stop, isAbsolute: boolean, loss: Loss): Generator<Call, Ended> {
  const { families } = arrow
  const { point, cost } = stop
  // Robust losses have other second derivatives for errors than for steps.
  const isSame = loss === 'squared' || loss === 'poisson' || stop.reason === NOT_FINITE
  const sums = isSame ? stop.sums : families.map((family) => family.makeSums())
  if (!isSame) yield* arrow.sum(point, sums, 'curvature')
  const step = arrow.step(point, sums, arrow.diagonals(sums), 0, NONE, DETERMINED, arrow.makeRooms())
  const { size, factors } = step.dense
  const stateOf = (moves: number, inverse: number) =>
    moves === 0 ? HELD : inverse === 0 ? UNDETERMINED : FREE
  const sharedStates = step.movesShared.map((moves, k) => stateOf(moves, factors[k * size + k]))
  const ownStates = families.map((_, f) =>
    step.eliminated[f].inverse.map((inverse, i) =>
      Uint8Array.from(inverse, (d, g) => stateOf(step.movesOwn[f][i]?.[g] ?? 1, d)),
    ),
  )
  const count = (of: (family: Family, f: number) => number) =>
    families.reduce((all, family, f) => all + of(family, f), 0)
  const rows = count((family) => family.rows.reduce((all, more) => all + more, 0))
  const states = [sharedStates, ...ownStates.flat()]
  const countOf = (state: number) =>
    states.reduce((all, of) => all + of.reduce((sum, one) => sum + Number(one === state), 0), 0)
  const varying = arrow.size + count(({ own, groups }) => own * groups.length)
  const freedom = rows - varying + countOf(HELD)
  const variance = isAbsolute ? 1 : freedom > 0 ? cost / freedom : NaN
  const isKnown = stop.reason !== NOT_FINITE
  const covariance = invert(step.dense).map((c) => (isKnown ? c * variance : NaN))
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      if (sharedStates[i] !== FREE || sharedStates[j] !== FREE) covariance[i * size + j] = NaN
    }
  }
  const values = {
    shared: point.shared.map((x, k) => fromStep(arrow.shared[k])(x)),
    own: families.map(({ free }, f) => point.own[f].map((x, i) => x.map(fromStep(free[i])))),
  }
  const ownErrors = families.map((family, f) =>
    ownVariances(family, step.eliminated[f], covariance, size, variance).map((column, i) =>
      column.map((of, g) => {
        if (ownStates[f][i][g] !== FREE || !isKnown) return NaN
        return Math.sqrt(of) * (family.free[i].isLogarithmic ? values.own[f][i][g] : 1)
      }),
    ),
  )
  // The point tells, and not the way to it.
  const isThere = stop.reason === CONVERGED || stop.reason === STALLED
  const atPoint = arrow.isMinimum(point, stop.sums, step.decrement) ? CONVERGED : STALLED
  const verdict = atPoint === CONVERGED && countOf(UNDETERMINED) > 0 ? SINGULAR : atPoint
  return {
    ...{ stop, step, variance, freedom, rows, covariance, sharedStates, ownStates, ownErrors, values },
    reason: isThere ? verdict : stop.reason,
  }
}

/** A⁻¹ + F·Σ·Fᵀ on the diagonal, where F is how own parameters follow shared ones and Σ the covariance of these. */
function ownVariances(
  { own, places, groups }: Family,
  eliminated: Eliminated,
  covariance: Float64Array,
  size: number,
  variance: number,
): Float64Array[] {
  return Array.from({ length: own }, (_, i) => {
    const columns = Array.from({ length: own }, (_, j) =>
      new Float64Array(groups.length).fill(Number(i === j)),
    )
    solve(eliminated, columns)
    const all = columns[i].map((x) => x * variance)
    for (const [k, row] of places.entries()) {
      for (const [l, column] of places.entries()) {
        const [a, b] = [eliminated.follow[k][i], eliminated.follow[l][i]]
        for (let g = 0; g < all.length; g++) {
          const at = typeof row === 'number' ? row : row[g]
          const c = covariance[at * size + (typeof column === 'number' ? column : column[g])]
          if (!Number.isNaN(c)) all[g] += a[g] * b[g] * c
        }
      }
    }
    return all
  })
}

/** Covariances of a group's parameters, own ones first; NaN where something is not known. */
export function covarianceAt(family: Family, f: number, at: number, ended: Ended): number[][] {
  const { step, covariance, variance, ownStates, sharedStates, values } = ended
  const { own, shared, places, free } = family
  const { lower, inverse, follow } = step.eliminated[f]
  const { size } = step.dense
  const one = (column: Float64Array) => column.subarray(at, at + 1)
  const factors = { lower: lower.map(one), inverse: inverse.map(one) }
  const place = places.map((of) => (typeof of === 'number' ? of : of[at]))
  const joint = (k: number, l: number) => covariance[place[k] * size + place[l]]
  const isFree = (i: number) => (i < own ? ownStates[f][i][at] : sharedStates[place[i - own]]) === FREE
  const known = [...place.keys()].filter((k) => isFree(own + k))
  const inverses = Array.from({ length: own }, (_, i) => {
    const columns = Array.from({ length: own }, (_, j) => Float64Array.of(Number(i === j)))
    solve(factors, columns)
    return columns.map(([x]) => x * variance)
  })
  /** How a parameter follows a shared one. */
  const along = (i: number, k: number) => (i < own ? -follow[k][i][at] : Number(i - own === k))
  const factor = free.map(({ isLogarithmic }, i) => {
    if (!isLogarithmic) return 1
    return i < own ? values.own[f][i][at] : values.shared[place[i - own]]
  })
  return Array.from({ length: own + shared }, (_, i) =>
    Array.from({ length: own + shared }, (_, j) => {
      if (!isFree(i) || !isFree(j)) return NaN
      let sum = i < own && j < own ? inverses[i][j] : 0
      for (const k of known) for (const l of known) sum += along(i, k) * along(j, l) * joint(k, l)
      return sum * factor[i] * factor[j]
    }),
  )
}
