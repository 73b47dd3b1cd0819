/** Groups in lanes: their data and what they keep stay where they are, while a program runs over them again and again. */

import type { Program } from '../../expressions/program.js'
import type { FloatArray } from '../../ground/numbers.js'
import { atOnce } from '../../ground/slices.js'
import { Batch, type Shape } from '../../many/batch.js'
import { type Column, sharedOf } from '../../many/data.js'
import type { Call } from '../../many/drive.js'
import type { Advancer } from '../../many/engines.js'
import { cohortsOf, runsOfBatch } from '../../many/layout.js'
import { leave, take } from '../left.js'

/** Groups at a time; data of their own make it fewer. */
const GROUPS = 1 << 17

/** Neighbours in a family, whose data have equally many rows. */
export interface Stretch {
  /** Numbers of groups, and the place of the first one in columns. */
  readonly groups: Uint32Array
  readonly at: number
  readonly rows: number
}

/** A cohort of a batch: parameters of its lanes, which are neighbours. */
interface Part {
  readonly planes: readonly FloatArray[]
  readonly at: number
  readonly end: number
}

interface Stay {
  readonly batch: Batch
  readonly parts: readonly Part[]
}

export class Lanes {
  readonly #program: Program
  readonly #stays: readonly Stay[]

  constructor(
    program: Program,
    stretches: readonly Stretch[],
    data: readonly Column[],
    { threads }: Advancer,
  ) {
    this.#program = program
    this.#stays = stretches.flatMap(({ groups, at, rows }) => {
      const most = runsOfBatch(data, groups[0], 8, GROUPS)
      const stays: Stay[] = []
      for (let from = 0; from < groups.length; from += most) {
        stays.push(this.#stay(groups.subarray(from, from + most), at + from, rows, data, threads))
      }
      return stays
    })
  }

  #stay(runs: Uint32Array, at: number, rows: number, data: readonly Column[], threads: number): Stay {
    const program = this.#program
    const { cohorts, lanes } = cohortsOf(runs, data, 8, threads)
    const shape: Shape = {
      ...{ dtype: 'float64', value: program, gradient: program, kernel: null, runs: runs.length },
      ...{ columns: data.length, shared: sharedOf(data), rows, cohorts, lanes },
      // No lane ever ends, and none moves.
      ...{ updates: 1, mostUpdates: 2, tolerance: 0, exempt: 0, delay: 0 },
      ...{ scratches: Math.min(threads, cohorts), isBounded: false },
    }
    const left = take(program)
    const batch = left?.isLike(shape) ? left : new Batch(shape, left?.region)
    atOnce(batch.fill({ runs, data, x: [], starts: [], box: null }))
    batch.set('updates', 1)
    let next = at
    const parts = batch.cohorts().map((cohort) => {
      const part = { at: next, end: next + cohort.live }
      next = part.end
      return { ...part, planes: program.parameters.map((_, p) => cohort.theta(p)) }
    })
    return { batch, parts }
  }

  /** Runs the program once over all. */
  *run(): Generator<Call> {
    for (const { batch } of this.#stays) {
      batch.done = 0
      yield batch
    }
  }

  /** Tells all lanes a parameter: one number, or the column's. */
  write(parameter: number, numbers: number | Float64Array): void {
    for (const { parts } of this.#stays) {
      for (const { planes, at, end } of parts) {
        if (typeof numbers === 'number') planes[parameter].fill(numbers)
        else planes[parameter].set(numbers.subarray(at, end))
      }
    }
  }

  /** A parameter that has one number for each place, of the places that lanes have. */
  writeBy(parameter: number, places: Uint32Array, numbers: Float64Array): void {
    for (const { parts } of this.#stays) {
      for (const { planes, at, end } of parts) {
        const plane = planes[parameter]
        for (let g = at; g < end; g++) plane[g - at] = numbers[places[g]]
      }
    }
  }

  /** A parameter of all lanes, to a column. */
  read(parameter: number, to: Float64Array): Float64Array {
    for (const { parts } of this.#stays) {
      for (const { planes, at, end } of parts) to.set(planes[parameter].subarray(0, end - at), at)
    }
    return to
  }

  /** The sum of a parameter over all lanes, in an order that hangs on nothing but the groups. */
  sum(parameter: number): number {
    let all = 0
    for (const { parts } of this.#stays) {
      // Four sums side by side, of every fourth group: one alone would wait for each addition.
      const sums = new Float64Array(4)
      for (const { planes, at, end } of parts) {
        const plane = planes[parameter]
        let g = at
        for (; g < end && g % 4 !== 0; g++) sums[g % 4] += plane[g - at]
        let [a, b, c, d] = sums
        for (; g + 3 < end; g += 4) {
          a += plane[g - at]
          b += plane[g - at + 1]
          c += plane[g - at + 2]
          d += plane[g - at + 3]
        }
        sums.set([a, b, c, d])
        for (; g < end; g++) sums[g % 4] += plane[g - at]
      }
      all += sums[0] + sums[1] + (sums[2] + sums[3])
    }
    return all
  }

  /** Adds a parameter of each lane to where its group has its place. */
  scatter(parameter: number, to: Float64Array, place: (group: number) => number): void {
    for (const { parts } of this.#stays) {
      for (const { planes, at, end } of parts) {
        const plane = planes[parameter]
        for (let g = at; g < end; g++) to[place(g)] += plane[g - at]
      }
    }
  }

  /** Gives memory back, which no engine may have any more. */
  leave(): void {
    for (const { batch } of this.#stays) leave(this.#program, batch)
  }
}
