/** Covariances of parameters of different groups of a shared fit. */

import { numberArithmetic, solveEliminated } from '../programs/elimination.js'
import type { GroupBatch } from './group-batch.js'
import { FREE, groupParameters, type SharedStatistics } from './shared-statistics.js'

/** A free parameter of a group: the batch of the group, its index in the batch, and the parameter's index. */
export interface ParameterLocation {
  readonly batch: number
  readonly index: number
  readonly parameter: number
}

/** A parameter, its state, and its derivatives with respect to all shared parameters. */
interface LocatedParameter extends ParameterLocation {
  readonly isFree: boolean
  readonly slope: number
  readonly isLocal: boolean
  readonly along: Float64Array
}

/**
 * Covariance matrix of parameters of any groups. The local parameters of different groups vary together because they
 * depend on the same shared parameters. The covariance of a parameter that is at a bound or unidentifiable is NaN.
 */
export function crossCovariance(
  batches: readonly GroupBatch[],
  statistics: SharedStatistics,
  locations: readonly ParameterLocation[],
): number[][] {
  const { step, covariance, variance, eliminated, sharedStates } = statistics
  const { size } = step.dense
  const located = locations.map((at) => locate(batches, statistics, at))
  const joint = located.map(({ along }) =>
    Float64Array.from({ length: size }, (_, l) => {
      let sum = 0
      for (let k = 0; k < size; k++)
        if (along[k] !== 0 && sharedStates[k] === FREE && sharedStates[l] === FREE)
          sum += along[k] * covariance[k * size + l]
      return sum
    }),
  )
  /** Covariance of two local parameters of one group at fixed shared parameters. */
  const alone = (a: LocatedParameter, b: LocatedParameter) => {
    if (!(a.isLocal && b.isLocal && a.batch === b.batch && a.index === b.index)) return 0
    const { lower, inverse } = eliminated[a.batch]
    const one = (column: Float64Array) => column[a.index]
    const unit = Array.from({ length: batches[a.batch].local }, (_, j) => Number(a.parameter === j))
    const factors = { lower: lower.map(one), inverse: inverse.map(one) }
    return solveEliminated(numberArithmetic, factors, unit)[b.parameter] * variance
  }
  return located.map((a, i) =>
    located.map((b) => {
      if (!a.isFree || !b.isFree) return NaN
      const together = b.along.reduce((sum, by, l) => (by === 0 ? sum : sum + by * joint[i][l]), 0)
      return (alone(a, b) + together) * a.slope * b.slope
    }),
  )
}

function locate(
  batches: readonly GroupBatch[],
  statistics: SharedStatistics,
  { batch, index, parameter }: ParameterLocation,
): LocatedParameter {
  const family = batches[batch]
  const parameters = groupParameters(family, batch, index, statistics)
  const { state, slope, sharedIndex } = parameters[parameter]
  const isLocal = parameter < family.local
  const along = new Float64Array(statistics.step.dense.size)
  if (!isLocal) along[sharedIndex] = 1
  else
    for (const [k, column] of statistics.eliminated[batch].coupling.entries())
      along[parameters[family.local + k].sharedIndex] = -column[parameter][index]
  return { batch, index, parameter, isFree: state === FREE, slope, isLocal, along }
}
