/** What rows of all groups contribute to a group's parameters, as intervals of the bootstrap want it. */

import { linearise } from '../linearise.js'
import { numbers, solve } from './elimination.js'
import { type Ended, FREE } from './ending.js'
import { type Family, numberAt } from './family.js'
import type { Alone } from './group.js'
import type { SharedRun } from './run.js'

/** Of a group by parameter, half the derivative of what each row costs. */
interface Rows {
  readonly own: readonly Float64Array[]
  /** By shared ones, while own ones follow. */
  readonly shared: readonly Float64Array[]
  /** Which these are among all that are shared. */
  readonly places: readonly number[]
}

export class Parts {
  readonly #families: readonly Family[]
  readonly #ended: Ended
  /** By group, in the order of labels; and how many rows there are. */
  readonly #groups: readonly Rows[]
  readonly #length: number

  /**
   * @param alone groups by themselves, in the order of labels
   * @param places of these, their families and where they are there
   */
  constructor(
    run: SharedRun,
    ended: Ended,
    alone: readonly (readonly Alone[])[],
    places: readonly (readonly [family: number, at: number])[],
  ) {
    this.#families = run.arrow.families
    this.#ended = ended
    this.#groups = alone.map((values, group) => this.#rowsOf(values, ...places[group]))
    this.#length = this.#groups.reduce((sum, rows) => sum + lengthOf(rows), 0)
  }

  #rowsOf(values: readonly Alone[], f: number, at: number): Rows {
    const family = this.#families[f]
    const lists = values.map((of) => linearise(of, 0))
    const all = family.free.map((_, i) => {
      const factor = this.#factor(f, at, i)
      return Float64Array.from(
        lists.flatMap(({ slope, gradient }) => Array.from(slope, (s, row) => s * gradient[i][row] * factor)),
      )
    })
    const { follow } = this.#ended.eliminated[f]
    const own = all.slice(0, family.own)
    const shared = all
      .slice(family.own)
      .map((along, k) =>
        along.map((of, row) => own.reduce((sum, one, i) => sum - follow[k][i][at] * one[row], of)),
      )
    return { own, shared, places: family.places.map((place) => numberAt(place, at)) }
  }

  /** How a parameter of a group goes with what steps have of it; 0 where it does not move. */
  #factor(f: number, at: number, i: number): number {
    const { own, free, places } = this.#families[f]
    const { ownStates, sharedStates, values } = this.#ended
    const place = i < own ? -1 : numberAt(places[i - own], at)
    const state = place < 0 ? ownStates[f][i][at] : sharedStates[place]
    if (state !== FREE) return 0
    if (!free[i].isLogarithmic) return 1
    return place < 0 ? values.own[f][i][at] : values.shared[place]
  }

  /**
   * By how much what is made of a group's parameters moves with each row.
   *
   * @param group its number among labels
   * @param slopes of what is made, by the group's parameters, own ones first
   */
  of(group: number, [f, at]: readonly [family: number, at: number], slopes: readonly number[]): Float64Array {
    const { own, places } = this.#families[f]
    const { covariance, step, variance, eliminated } = this.#ended
    const { lower, inverse, follow } = eliminated[f]
    const { size } = step.dense
    const s = slopes.map((slope, i) => slope * this.#factor(f, at, i))
    // How it goes with shared parameters: its own ones follow them.
    const along = places.map((place, k): readonly [number, number] => {
      const ofOwn = follow[k].reduce((sum, by, i) => sum - s[i] * by[at], s[own + k])
      return [numberAt(place, at), ofOwn]
    })
    const joint = Float64Array.from({ length: size }, (_, l) =>
      along.reduce((sum, [k, by]) => {
        const c = covariance[k * size + l]
        return by === 0 || Number.isNaN(c) ? sum : sum + by * c
      }, 0),
    )
    const one = (column: Float64Array) => column[at]
    const alone = solve(numbers, { lower: lower.map(one), inverse: inverse.map(one) }, s.slice(0, own))
    const parts = new Float64Array(this.#length)
    let next = 0
    for (const [g, rows] of this.#groups.entries()) {
      const end = next + lengthOf(rows)
      const add = (by: number, of: Float64Array) => {
        if (by !== 0) for (let row = next; row < end; row++) parts[row] -= by * of[row - next]
      }
      for (const [k, of] of rows.shared.entries()) add(joint[rows.places[k]], of)
      if (g === group) for (const [i, of] of rows.own.entries()) add(alone[i] * variance, of)
      next = end
    }
    return parts
  }
}

const lengthOf = ({ own, shared }: Rows) => (own[0] ?? shared[0]).length
