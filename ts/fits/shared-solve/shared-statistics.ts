/** Statistics at the end point of a shared fit: standard errors, covariances and degrees of freedom. */

import type { EngineCall } from '../../many/engines/execute.js'
import { isRobust, type Loss } from '../problem/loss.js'
import { CONVERGED, NOT_FINITE, SINGULAR, STALLED, TOO_FEW_POINTS } from '../problem/reasons.js'
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

// State of a parameter at the end of a fit.
export const FREE = 0
export const AT_BOUND = 1
export const UNIDENTIFIABLE = 2

/** An invalid weight (not positive, or not finite), and the group in which it occurs. */
export interface InvalidWeight {
  readonly group: number
  readonly value: number
}

export interface SharedStatistics {
  readonly stop: ArrowheadStop
  readonly step: ArrowheadStep
  /** For each batch, the factors that eliminate the local parameters, and the cost of each group. */
  readonly eliminated: readonly EliminatedEquations<Float64Array>[]
  readonly costs: readonly Float64Array[]
  /** Estimated variance of a row, or NaN if the fit has no degrees of freedom. */
  readonly variance: number
  readonly degreesOfFreedom: number
  readonly observations: number
  readonly reason: number
  readonly invalidWeight: InvalidWeight | null
  /** Covariance matrix of the shared parameters in internal values, stored by rows, including the variance factor. */
  readonly covariance: Float64Array
  readonly sharedStates: Uint8Array
  /** States of the local parameters: one column per batch and local parameter. */
  readonly localStates: readonly (readonly Uint8Array[])[]
  /** Standard errors of the local parameters, as external values: one column per batch and local parameter. */
  readonly localErrors: readonly (readonly Float64Array[])[]
  /** The end point of the fit as external values. */
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
  // For robust losses, standard errors and steps use different second derivatives.
  const isSame = !isRobust(loss) || stop.reason === NOT_FINITE
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
  const { observations, varying } = arrow
  const degreesOfFreedom = observations - varying + countStates(states, AT_BOUND)
  const variance = isAbsolute ? 1 : reduceChiSquared(cost, degreesOfFreedom)
  // If no value at a point is finite, the point has no statistics.
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
  // The reason of a fit depends on the end point, not on the path to the end point.
  const isThere = stop.reason === CONVERGED || stop.reason === STALLED
  const isEmpty = batches.every(({ active }) => active === 0)
  const isOpen = states.sharedStates.some((state, k) => state === UNIDENTIFIABLE && arrow.isUsed[k] === 1)
  // If most groups do not move, the end point says little about the shared parameters.
  const fixed = batches.reduce((sum, { frozen }) => sum + (frozen?.reduce((all, is) => all + is, 0) ?? 0), 0)
  const isMostlyFixed = 2 * fixed > batches.reduce((sum, { active }) => sum + active, 0)
  const isSingular = isOpen || !hasIdentifiableGroup(batches, states)
  const ifThere = isSingular ? SINGULAR : isMostlyFixed ? STALLED : CONVERGED
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
    reason: isEmpty ? TOO_FEW_POINTS : !isThere ? stop.reason : isMinimum ? ifThere : STALLED,
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
        const isFixed = g >= family.active || family.frozen?.[g] === 1
        if (isFixed) states[g] = UNIDENTIFIABLE
        else if (inverse[g] === 0) states[g] = stateOf(free[i]?.[g] ?? 1, 0)
      }
      return states
    })
  })
  return { localStates, sharedStates: moves.map((is, k) => stateOf(is, factors[k * size + k])) }
}

/** Whether the data of at least one group determine all local parameters of the group. */
const hasIdentifiableGroup = (batches: readonly GroupBatch[], { localStates }: ParameterStates) =>
  batches.some(({ active }, f) => {
    const columns = localStates[f]
    for (let at = 0; at < active; at++)
      if (columns.every((states) => states[at] !== UNIDENTIFIABLE)) return true
    return false
  })

function countStates({ sharedStates, localStates }: ParameterStates, state: number): number {
  let all = 0
  for (const states of [sharedStates, ...localStates.flat()])
    for (let k = 0; k < states.length; k++) if (states[k] === state) all++
  return all
}

/**
 * Reason of one group. The reason of a group that the fit left out is 'too-few-points'. If the data of a group do not
 * determine its local parameters, the reason of the group is 'singular'. Other groups have the reason of the fit.
 */
export function groupReason(
  { active }: GroupBatch,
  batch: number,
  index: number,
  { localStates, costs, reason }: SharedStatistics,
): number {
  if (index >= active) return TOO_FEW_POINTS
  if (!Number.isFinite(costs[batch][index])) return NOT_FINITE
  const isOpen = localStates[batch].some((states) => states[index] === UNIDENTIFIABLE)
  return isOpen && (reason === CONVERGED || reason === STALLED) ? SINGULAR : reason
}

/** Covariance of the shared parameters, or NaN for a parameter that does not move. */
function sharedCovariance({ dense }: ArrowheadStep, states: Uint8Array, variance: number): Float64Array {
  const isFree = (k: number) => states[k] === FREE
  return invertDense(dense).map((c, at) =>
    isFree(Math.floor(at / dense.size)) && isFree(at % dense.size) ? c * variance : NaN,
  )
}

/** Converts a point from internal to external values. */
function toExternal({ batches, shared, isUsed }: ArrowheadSolver, point: ArrowheadPoint): ArrowheadPoint {
  return {
    shared: point.shared.map((x, k) => (isUsed[k] === 0 ? NaN : fromInternalInterval(shared[k])(x))),
    local: batches.map(({ free }, f) =>
      point.local[f].map((x, i) => (free[i].isLogarithmic ? x.map(fromInternalInterval(free[i])) : x)),
    ),
  }
}

/**
 * Diagonal of A⁻¹ + F·Σ·Fᵀ, where F contains the derivatives of the local parameters with respect to the shared
 * parameters. Σ is the covariance of the shared parameters.
 */
function localVariances(
  { local, sharedPlaces, groups }: GroupBatch,
  { lower, inverse, coupling }: EliminatedEquations<Float64Array>,
  covariance: Float64Array,
  variance: number,
): Float64Array[] {
  const size = Math.sqrt(covariance.length)
  return Array.from({ length: local }, (_, i) => {
    // The sum Σ M²/D over the column below the diagonal, where M is the inverse of L.
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

/** A parameter of a group at the end point of the fit. */
export interface GroupParameter {
  readonly value: number
  readonly state: number
  /** Derivative with respect to the internal value, which is the parameter or its logarithm. */
  readonly slope: number
  /** Index among the shared parameters, or −1 for a local parameter. */
  readonly sharedIndex: number
}

/** The parameters of a group: local parameters first, then shared parameters. */
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

/** Covariance matrix of a group's parameters, local parameters first. An unknown element is NaN. */
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
  /** Derivative of a parameter with respect to a shared parameter. */
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
