/** What is said of where groups have ended: errors, covariances, degrees of freedom. */

import type { EngineCall } from '../../many/engines/execute.js'
import type { Loss } from '../problem/loss.js'
import { CONVERGED, NOT_FINITE, SINGULAR, STALLED } from '../problem/reasons.js'
import {
  belowDiagonal,
  type EliminatedEquations,
  numberArithmetic,
  solveEliminated,
} from '../programs/elimination.js'
import { fromInternalInterval } from '../programs/internal-parameters.js'
import { invertDense } from '../solve/dense-ldlt.js'
import { reduceChiSquared } from '../uncertainty/statistics.js'
import type { ArrowheadStop } from './arrowhead-descent.js'
import {
  type ArrowheadPoint,
  type ArrowheadSolver,
  type ArrowheadStep,
  NO_FIXED,
} from './arrowhead-solver.js'
import { type GroupBatch, getIndex } from './group-batch.js'

// The state of a parameter at the end of a fit.
export const FREE = 0
export const AT_BOUND = 1
export const UNIDENTIFIABLE = 2

/** A weight that is not finite and above 0, and the group that has it. */
export interface InvalidWeight {
  readonly group: number
  readonly value: number
}

export interface SharedStatistics {
  readonly stop: ArrowheadStop
  readonly step: ArrowheadStep
  /** By family, what own parameters are eliminated by, and what each group costs. */
  readonly eliminated: readonly EliminatedEquations<Float64Array>[]
  readonly costs: readonly Float64Array[]
  /** What a row's variance is taken for; NaN without a degree of freedom. */
  readonly variance: number
  readonly degreesOfFreedom: number
  readonly observations: number
  readonly reason: number
  readonly invalidWeight: InvalidWeight | null
  /** Of shared parameters, as steps have them, by rows and columns; times the variance. */
  readonly covariance: Float64Array
  readonly sharedStates: Uint8Array
  /** By family, a column by own parameter. */
  readonly localStates: readonly (readonly Uint8Array[])[]
  /** The same of errors; of parameters themselves. */
  readonly localErrors: readonly (readonly Float64Array[])[]
  /** Points of parameters themselves. */
  readonly values: ArrowheadPoint
}

export function* computeStatistics(
  arrow: ArrowheadSolver,
  stop: ArrowheadStop,
  isAbsolute: boolean,
  loss: Loss,
): Generator<EngineCall, SharedStatistics> {
  const { batches } = arrow
  const { point, cost } = stop
  // Robust losses have other second derivatives for errors than for steps.
  const isSame = loss === 'squared' || loss === 'poisson' || stop.reason === NOT_FINITE
  let end = stop.end ?? (yield* arrow.evaluateAtEnd(point.shared))
  const costs = batches.map((family) => family.costs())
  const isMinimum = arrow.isMinimum(point.shared, end, arrow.lastStep(point.shared, end).decrement)
  if (!isSame) {
    arrow.setPoint(point.local, NO_FIXED, 'curvature')
    end = yield* arrow.evaluateAtEnd(point.shared)
  }
  const step = arrow.lastStep(point.shared, end)
  const eliminated = batches.map((family) => family.eliminated())
  const states = parameterStates(batches, step, eliminated)
  const count = (compute: (family: GroupBatch) => number) =>
    batches.reduce((all, family) => all + compute(family), 0)
  const observations = count((family) => family.rows.reduce((all, more) => all + more, 0))
  const varying = arrow.size + count(({ local, groups }) => local * groups.length)
  const degreesOfFreedom = observations - varying + countStates(states, AT_BOUND)
  const variance = isAbsolute ? 1 : reduceChiSquared(cost, degreesOfFreedom)
  // Of what has ended where nothing is finite nothing is known.
  const scale = stop.reason === NOT_FINITE ? NaN : variance
  const covariance = sharedCovariance(step, states.sharedStates, scale)
  const values = toExternal(arrow, point)
  const localErrors = batches.map((family, f) =>
    localVariances(family, eliminated[f], covariance, scale).map((errors, i) => {
      const slopes = family.free[i].isLogarithmic ? values.local[f][i] : null
      const own = states.localStates[f][i]
      for (let g = 0; g < errors.length; g++)
        errors[g] = own[g] === FREE ? Math.sqrt(errors[g]) * (slopes?.[g] ?? 1) : NaN
      return errors
    }),
  )
  // The point tells, and not the way to it.
  const isThere = stop.reason === CONVERGED || stop.reason === STALLED
  const ifThere = countStates(states, UNIDENTIFIABLE) > 0 ? SINGULAR : CONVERGED
  return {
    ...states,
    stop,
    step,
    eliminated,
    costs,
    variance,
    degreesOfFreedom,
    observations,
    covariance,
    localErrors,
    values,
    invalidWeight: null,
    reason: !isThere ? stop.reason : isMinimum ? ifThere : STALLED,
  }
}

type ParameterStates = Pick<SharedStatistics, 'sharedStates' | 'localStates'>

function parameterStates(
  batches: readonly GroupBatch[],
  { moves, dense: { factors, size } }: ArrowheadStep,
  eliminated: SharedStatistics['eliminated'],
): ParameterStates {
  const stateOf = (moves: number, inverse: number) =>
    moves === 0 ? AT_BOUND : inverse === 0 ? UNIDENTIFIABLE : FREE
  const localStates = batches.map((family, f) => {
    const free = family.read('free')
    return eliminated[f].inverse.map((inverse, i) => {
      const states = new Uint8Array(inverse.length)
      for (let g = 0; g < states.length; g++) {
        if (inverse[g] === 0) states[g] = stateOf(free[i]?.[g] ?? 1, 0)
      }
      return states
    })
  })
  return { localStates, sharedStates: moves.map((is, k) => stateOf(is, factors[k * size + k])) }
}

function countStates({ sharedStates, localStates }: ParameterStates, state: number): number {
  let all = 0
  for (const states of [sharedStates, ...localStates.flat()])
    for (let k = 0; k < states.length; k++) if (states[k] === state) all++
  return all
}

/** The covariance of shared parameters; NaN where one does not move. */
function sharedCovariance({ dense }: ArrowheadStep, states: Uint8Array, variance: number): Float64Array {
  const isFree = (k: number) => states[k] === FREE
  return invertDense(dense).map((c, at) =>
    isFree(Math.floor(at / dense.size)) && isFree(at % dense.size) ? c * variance : NaN,
  )
}

/** Parameters themselves, where steps have led. */
function toExternal({ batches, shared }: ArrowheadSolver, point: ArrowheadPoint): ArrowheadPoint {
  return {
    shared: point.shared.map((x, k) => fromInternalInterval(shared[k])(x)),
    local: batches.map(({ free }, f) =>
      point.local[f].map((x, i) => (free[i].isLogarithmic ? x.map(fromInternalInterval(free[i])) : x)),
    ),
  }
}

/** A⁻¹ + F·Σ·Fᵀ on the diagonal, where F is how own parameters follow shared ones and Σ the covariance of these. */
function localVariances(
  { local, sharedPlaces, groups }: GroupBatch,
  { lower, inverse, coupling }: EliminatedEquations<Float64Array>,
  covariance: Float64Array,
  variance: number,
): Float64Array[] {
  const size = Math.sqrt(covariance.length)
  return Array.from({ length: local }, (_, i) => {
    // With M the inverse of L: Σ M²/D over the column below the diagonal.
    const all = inverse[i].slice()
    const column: Float64Array[] = []
    for (let j = i + 1; j < local; j++) {
      const m = lower[belowDiagonal(j, i)].slice()
      for (let g = 0; g < m.length; g++) m[g] = -m[g]
      for (const [k, values] of column.entries()) {
        const l = lower[belowDiagonal(j, i + 1 + k)]
        for (let g = 0; g < m.length; g++) m[g] -= l[g] * values[g]
      }
      column.push(m)
      const d = inverse[j]
      for (let g = 0; g < all.length; g++) all[g] += m[g] * m[g] * d[g]
    }
    for (let g = 0; g < groups.length; g++) all[g] *= variance
    for (const [k, row] of sharedPlaces.entries()) {
      for (const [l, column] of sharedPlaces.entries()) {
        const [a, b] = [coupling[k][i], coupling[l][i]]
        if (typeof row === 'number' && typeof column === 'number') {
          const c = covariance[row * size + column]
          if (!Number.isNaN(c)) for (let g = 0; g < all.length; g++) all[g] += a[g] * b[g] * c
          continue
        }
        for (let g = 0; g < all.length; g++) {
          const c = covariance[getIndex(row, g) * size + getIndex(column, g)]
          if (!Number.isNaN(c)) all[g] += a[g] * b[g] * c
        }
      }
    }
    return all
  })
}

/** A parameter of a group, where the fit has ended. */
export interface GroupParameter {
  readonly value: number
  readonly state: number
  /** Its derivative by what steps have of it: their logarithm of it, or itself. */
  readonly slope: number
  /** Its index among shared parameters; −1 of the group's own. */
  readonly sharedIndex: number
}

/** The parameters of a group, own ones first. */
export function groupParameters(
  { free, local, sharedPlaces }: GroupBatch,
  batch: number,
  index: number,
  { values, localStates, sharedStates }: SharedStatistics,
): GroupParameter[] {
  return free.map(({ isLogarithmic }, i) => {
    const sharedIndex = i < local ? -1 : getIndex(sharedPlaces[i - local], index)
    const value = i < local ? values.local[batch][i][index] : values.shared[sharedIndex]
    const state = i < local ? localStates[batch][i][index] : sharedStates[sharedIndex]
    return { value, state, slope: isLogarithmic ? value : 1, sharedIndex }
  })
}

/** Covariances of a group's parameters, own ones first; NaN where something is not known. */
export function groupCovariance(
  family: GroupBatch,
  batch: number,
  index: number,
  statistics: SharedStatistics,
  parameters = groupParameters(family, batch, index, statistics),
): number[][] {
  const { step, eliminated, covariance, variance } = statistics
  const { local, shared } = family
  const { lower, inverse, coupling } = eliminated[batch]
  const { size } = step.dense
  const one = (column: Float64Array) => column[index]
  const factors = { lower: lower.map(one), inverse: inverse.map(one) }
  const joint = (k: number, l: number) =>
    covariance[parameters[local + k].sharedIndex * size + parameters[local + l].sharedIndex]
  const known = Array.from({ length: shared }, (_, k) => k).filter(
    (k) => parameters[local + k].state === FREE,
  )
  const inverses = Array.from({ length: local }, (_, i) => {
    const unit = Array.from({ length: local }, (_, j) => Number(i === j))
    return solveEliminated(numberArithmetic, factors, unit).map((x) => x * variance)
  })
  /** How a parameter follows a shared one. */
  const along = (i: number, k: number) => (i < local ? -coupling[k][i][index] : Number(i - local === k))
  return parameters.map((one, i) =>
    parameters.map((other, j) => {
      if (one.state !== FREE || other.state !== FREE) return NaN
      let sum = i < local && j < local ? inverses[i][j] : 0
      for (const k of known) for (const l of known) sum += along(i, k) * along(j, l) * joint(k, l)
      return sum * one.slope * other.slope
    }),
  )
}
