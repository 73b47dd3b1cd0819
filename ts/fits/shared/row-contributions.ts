/** Influence of the rows of all groups on the parameters of one group, for bootstrap intervals. */

import { numberArithmetic, solveEliminated } from '../programs/elimination.js'
import { type GroupBatch, getIndex } from '../shared-solve/group-batch.js'
import type { SharedRun } from '../shared-solve/run.js'
import { FREE, groupParameters, type SharedStatistics } from '../shared-solve/shared-statistics.js'
import { linearizeCached } from '../uncertainty/linearize.js'
import type { GroupLocation, SingleFitContext } from './result-source.js'

/** Half the derivatives of the loss of each row with respect to the parameters of the row's group. */
interface ContributionRows {
  readonly local: readonly Float64Array[]
  /** Derivatives with respect to the shared parameters after elimination of the local parameters. */
  readonly shared: readonly Float64Array[]
  /** Index of each of the group's shared parameters among all shared parameters. */
  readonly sharedPlaces: readonly number[]
}

export class RowContributions {
  readonly #families: readonly GroupBatch[]
  readonly #statistics: SharedStatistics
  /** Contributions per group, in the order of labels, and the total count of rows. */
  readonly #groups: readonly ContributionRows[]
  readonly #length: number

  /** @param alone contexts of the groups as single fits, in the order of labels */
  constructor(
    run: SharedRun,
    ended: SharedStatistics,
    alone: readonly (readonly SingleFitContext[])[],
    locate: (group: number) => GroupLocation,
  ) {
    this.#families = run.solver.batches
    this.#statistics = ended
    this.#groups = alone.map((values, group) => this.#computeRows(values, locate(group)))
    this.#length = this.#groups.reduce((sum, rows) => sum + parameterCount(rows), 0)
  }

  #computeRows(
    values: readonly SingleFitContext[],
    { batch: f, index: at }: GroupLocation,
  ): ContributionRows {
    const family = this.#families[f]
    const lists = values.map((context) => linearizeCached(context, 0))
    const all = this.#factors(f, at).map((factor, i) =>
      Float64Array.from(
        lists.flatMap(({ slope, gradient }) => Array.from(slope, (s, row) => s * gradient[i][row] * factor)),
      ),
    )
    const { coupling } = this.#statistics.eliminated[f]
    const local = all.slice(0, family.local)
    const shared = all
      .slice(family.local)
      .map((along, k) =>
        along.map((total, row) => local.reduce((sum, one, i) => sum - coupling[k][i][at] * one[row], total)),
      )
    return { local, shared, sharedPlaces: family.sharedPlaces.map((place) => getIndex(place, at)) }
  }

  /**
   * Derivatives of a group's parameters with respect to their internal values, or 0 for a parameter that does not move.
   */
  #factors(f: number, at: number): number[] {
    const parameters = groupParameters(this.#families[f], f, at, this.#statistics)
    return parameters.map(({ state, slope }) => (state === FREE ? slope : 0))
  }

  /**
   * Influence of each row on a quantity that is derived from a group's parameters.
   *
   * @param group index of the group's label
   * @param slopes derivatives of the quantity with respect to the group's parameters, local parameters first
   */
  contributionsOf(
    group: number,
    { batch: f, index: at }: GroupLocation,
    slopes: readonly number[],
  ): Float64Array {
    const { local, sharedPlaces } = this.#families[f]
    const { covariance, step, variance, eliminated } = this.#statistics
    const { lower, inverse, coupling } = eliminated[f]
    const { size } = step.dense
    const factors = this.#factors(f, at)
    const s = slopes.map((slope, i) => slope * factors[i])
    // Derivatives of the quantity with respect to the shared parameters, if the local parameters are re-optimized.
    const along = sharedPlaces.map((place, k): readonly [number, number] => {
      const ofOwn = coupling[k].reduce((sum, by, i) => sum - s[i] * by[at], s[local + k])
      return [getIndex(place, at), ofOwn]
    })
    const joint = Float64Array.from({ length: size }, (_, l) =>
      along.reduce((sum, [k, by]) => {
        const c = covariance[k * size + l]
        return by === 0 || Number.isNaN(c) ? sum : sum + by * c
      }, 0),
    )
    const one = (column: Float64Array) => column[at]
    const alone = solveEliminated(
      numberArithmetic,
      { lower: lower.map(one), inverse: inverse.map(one) },
      s.slice(0, local),
    )
    const parts = new Float64Array(this.#length)
    let next = 0
    for (const [g, rows] of this.#groups.entries()) {
      const end = next + parameterCount(rows)
      const add = (by: number, values: Float64Array) => {
        if (by !== 0) for (let row = next; row < end; row++) parts[row] -= by * values[row - next]
      }
      for (const [k, values] of rows.shared.entries()) add(joint[rows.sharedPlaces[k]], values)
      if (g === group) for (const [i, values] of rows.local.entries()) add(alone[i] * variance, values)
      next = end
    }
    return parts
  }
}

const parameterCount = ({ local, shared }: ContributionRows) => (local[0] ?? shared[0]).length
