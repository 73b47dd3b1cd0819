/** What is said of where groups have ended: errors, covariances, degrees of freedom. */

import type { Call } from '../../many/drive.js'
import { fromStep } from '../logarithms.js'
import type { Loss } from '../loss.js'
import { CONVERGED, NOT_FINITE, SINGULAR, STALLED } from '../reasons.js'
import { type Arrow, NONE, type Point, type Step, type Stop } from './arrow.js'
import { invert } from './dense.js'
import { below, type Eliminated, numbers, solve } from './elimination.js'
import { type Family, numberAt } from './family.js'

/** What may be said of a parameter at the end. */
export const [FREE, HELD, UNDETERMINED] = [0, 1, 2] as const

/** A weight that is not finite and above 0, and the group that has it. */
export interface Unweighed {
  readonly group: number
  readonly value: number
}

export interface Ended {
  readonly stop: Stop
  readonly step: Step
  /** By family, what own parameters are eliminated by, and what each group costs. */
  readonly eliminated: readonly Eliminated<Float64Array>[]
  readonly costs: readonly Float64Array[]
  /** What a row's variance is taken for; NaN without a degree of freedom. */
  readonly variance: number
  readonly freedom: number
  readonly rows: number
  readonly reason: number
  readonly unweighed: Unweighed | null
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

export function* ending(arrow: Arrow, stop: Stop, isAbsolute: boolean, loss: Loss): Generator<Call, Ended> {
  const { families } = arrow
  const { point, cost } = stop
  // Robust losses have other second derivatives for errors than for steps.
  const isSame = loss === 'squared' || loss === 'poisson' || stop.reason === NOT_FINITE
  let end = stop.end ?? (yield* arrow.lookAtEnd(point.shared))
  const costs = families.map((family) => family.costs())
  const isMinimum = arrow.isMinimum(point.shared, end, arrow.lastStep(point.shared, end).decrement)
  if (!isSame) {
    arrow.put(point.own, NONE, 'curvature')
    end = yield* arrow.lookAtEnd(point.shared)
  }
  const step = arrow.lastStep(point.shared, end)
  const eliminated = families.map((family) => family.eliminated())
  const { size, factors } = step.dense
  const stateOf = (moves: number, inverse: number) =>
    moves === 0 ? HELD : inverse === 0 ? UNDETERMINED : FREE
  const sharedStates = step.moves.map((moves, k) => stateOf(moves, factors[k * size + k]))
  const ownStates = families.map((family, f) => {
    const moves = family.read('free')
    return eliminated[f].inverse.map((inverse, i) => {
      const states = new Uint8Array(inverse.length)
      for (let g = 0; g < states.length; g++) {
        if (inverse[g] === 0) states[g] = stateOf(moves[i]?.[g] ?? 1, 0)
      }
      return states
    })
  })
  const count = (of: (family: Family, f: number) => number) =>
    families.reduce((all, family, f) => all + of(family, f), 0)
  const rows = count((family) => family.rows.reduce((all, more) => all + more, 0))
  const countOf = (state: number) => {
    let all = 0
    for (const states of [sharedStates, ...ownStates.flat()])
      for (let k = 0; k < states.length; k++) if (states[k] === state) all++
    return all
  }
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
    own: families.map(({ free }, f) =>
      point.own[f].map((x, i) => (free[i].isLogarithmic ? x.map(fromStep(free[i])) : x)),
    ),
  }
  const ownErrors = families.map((family, f) =>
    ownVariances(family, eliminated[f], covariance, size, variance).map((errors, i) => {
      const factors = family.free[i].isLogarithmic ? values.own[f][i] : null
      const states = ownStates[f][i]
      for (let g = 0; g < errors.length; g++) {
        const isFree = states[g] === FREE && isKnown
        errors[g] = isFree ? Math.sqrt(errors[g]) * (factors?.[g] ?? 1) : NaN
      }
      return errors
    }),
  )
  // The point tells, and not the way to it.
  const isThere = stop.reason === CONVERGED || stop.reason === STALLED
  const ifThere = countOf(UNDETERMINED) > 0 ? SINGULAR : CONVERGED
  return {
    ...{ stop, step, eliminated, costs, variance, freedom, rows, covariance },
    ...{ sharedStates, ownStates, ownErrors, values },
    unweighed: null,
    reason: !isThere ? stop.reason : isMinimum ? ifThere : STALLED,
  }
}

/** A⁻¹ + F·Σ·Fᵀ on the diagonal, where F is how own parameters follow shared ones and Σ the covariance of these. */
function ownVariances(
  { own, places, groups }: Family,
  { lower, inverse, follow }: Eliminated<Float64Array>,
  covariance: Float64Array,
  size: number,
  variance: number,
): Float64Array[] {
  return Array.from({ length: own }, (_, i) => {
    // With M the inverse of L: Σ M²/D over the column below the diagonal.
    const all = inverse[i].slice()
    const column: Float64Array[] = []
    for (let j = i + 1; j < own; j++) {
      const m = lower[below(j, i)].slice()
      for (let g = 0; g < m.length; g++) m[g] = -m[g]
      for (const [k, of] of column.entries()) {
        const l = lower[below(j, i + 1 + k)]
        for (let g = 0; g < m.length; g++) m[g] -= l[g] * of[g]
      }
      column.push(m)
      const d = inverse[j]
      for (let g = 0; g < all.length; g++) all[g] += m[g] * m[g] * d[g]
    }
    for (let g = 0; g < groups.length; g++) all[g] *= variance
    for (const [k, row] of places.entries()) {
      for (const [l, column] of places.entries()) {
        const [a, b] = [follow[k][i], follow[l][i]]
        if (typeof row === 'number' && typeof column === 'number') {
          const c = covariance[row * size + column]
          if (!Number.isNaN(c)) for (let g = 0; g < all.length; g++) all[g] += a[g] * b[g] * c
          continue
        }
        for (let g = 0; g < all.length; g++) {
          const c = covariance[numberAt(row, g) * size + numberAt(column, g)]
          if (!Number.isNaN(c)) all[g] += a[g] * b[g] * c
        }
      }
    }
    return all
  })
}

/** Covariances of a group's parameters, own ones first; NaN where something is not known. */
export function covarianceAt(family: Family, f: number, at: number, ended: Ended): number[][] {
  const { step, eliminated, covariance, variance, ownStates, sharedStates, values } = ended
  const { own, shared, places, free } = family
  const { lower, inverse, follow } = eliminated[f]
  const { size } = step.dense
  const one = (column: Float64Array) => column[at]
  const factors = { lower: lower.map(one), inverse: inverse.map(one) }
  const place = places.map((of) => numberAt(of, at))
  const joint = (k: number, l: number) => covariance[place[k] * size + place[l]]
  const isFree = (i: number) => (i < own ? ownStates[f][i][at] : sharedStates[place[i - own]]) === FREE
  const known = [...place.keys()].filter((k) => isFree(own + k))
  const inverses = Array.from({ length: own }, (_, i) => {
    const unit = Array.from({ length: own }, (_, j) => Number(i === j))
    return solve(numbers, factors, unit).map((x) => x * variance)
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
