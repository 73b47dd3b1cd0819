/** Groups in lanes: their data and what they keep stay where they are, while a program runs over them again and again. */

import type { FloatArray } from '../../core/numbers.js'
import { runToEnd } from '../../core/slices.js'
import type { Program } from '../../expressions/program.js'
import { Batch } from '../../many/batch/batch.js'
import type { DataColumn } from '../../many/batch/data.js'
import { cohortCount, runsPerBatch } from '../../many/batch/layout.js'
import type { BatchRunner } from '../../many/engines/engines.js'
import type { EngineCall } from '../../many/engines/execute.js'
import { acquire, programShape, release } from './batch-pool.js'

/** Groups at a time; data of their own make it fewer. */
const MAX_GROUPS = 1 << 17

/** Neighbors in a family, whose data have equally many rows. */
export interface GroupRange {
  /** Numbers of groups, and the place of the first one in columns. */
  readonly groups: Uint32Array
  readonly firstRow: number
  readonly rows: number
}

/** A cohort of a batch: parameters of its lanes, which are neighbors. */
interface ResidentPart {
  readonly planes: readonly FloatArray[]
  readonly firstGroup: number
  readonly end: number
}

interface ResidentBatch {
  readonly batch: Batch
  readonly parts: readonly ResidentPart[]
}

export class GroupLanes {
  readonly #program: Program
  readonly #batches: readonly ResidentBatch[]

  constructor(
    program: Program,
    stretches: readonly GroupRange[],
    data: readonly DataColumn[],
    { threads }: BatchRunner,
  ) {
    this.#program = program
    this.#batches = stretches.flatMap(({ groups, firstRow, rows }) => {
      const most = runsPerBatch(data, groups[0], 8, MAX_GROUPS)
      const stays: ResidentBatch[] = []
      for (let from = 0; from < groups.length; from += most) {
        stays.push(
          this.#createBatch(groups.subarray(from, from + most), firstRow + from, rows, data, threads),
        )
      }
      return stays
    })
  }

  #createBatch(
    runs: Uint32Array,
    at: number,
    rows: number,
    data: readonly DataColumn[],
    threads: number,
  ): ResidentBatch {
    const program = this.#program
    const { cohorts, lanes } = cohortCount(runs, data, 8, threads)
    const scratches = Math.min(threads, cohorts)
    // No lane ever ends, and none moves.
    const shape = programShape(program, {
      runs,
      data,
      rows,
      cohorts,
      lanes,
      updates: 1,
      maxUpdates: 2,
      scratches,
    })
    const left = acquire(program)
    const batch = left?.isLike(shape) ? left : new Batch(shape, left?.region)
    runToEnd(batch.fill({ runs, data, x: [], starts: [], box: null }))
    batch.set('updates', 1)
    let next = at
    const parts = batch.cohorts().map((cohort) => {
      const part = { firstGroup: next, end: next + cohort.live }
      next = part.end
      return { ...part, planes: program.parameters.map((_, p) => cohort.theta(p)) }
    })
    return { batch, parts }
  }

  /** Runs the program once over all. */
  *run(): Generator<EngineCall> {
    for (const { batch } of this.#batches) {
      batch.done = 0
      yield batch
    }
  }

  /** Tells all lanes a parameter: one number, or the column's. */
  write(parameter: number, numbers: number | Float64Array): void {
    for (const { parts } of this.#batches) {
      for (const { planes, firstGroup, end } of parts) {
        if (typeof numbers === 'number') planes[parameter].fill(numbers)
        else planes[parameter].set(numbers.subarray(firstGroup, end))
      }
    }
  }

  /** A parameter that has one number for each place, of the places that lanes have. */
  scatterTo(parameter: number, places: Uint32Array, numbers: Float64Array): void {
    for (const { parts } of this.#batches) {
      for (const { planes, firstGroup, end } of parts) {
        const plane = planes[parameter]
        for (let g = firstGroup; g < end; g++) plane[g - firstGroup] = numbers[places[g]]
      }
    }
  }

  /** A parameter of all lanes, to a column. */
  read(parameter: number, to: Float64Array): Float64Array {
    for (const { parts } of this.#batches) {
      for (const { planes, firstGroup, end } of parts)
        to.set(planes[parameter].subarray(0, end - firstGroup), firstGroup)
    }
    return to
  }

  /** The sum of a parameter over all lanes, in an order that hangs on nothing but the groups. */
  sum(parameter: number): number {
    let all = 0
    for (const { parts } of this.#batches) {
      // Four sums side by side, of every fourth group: one alone would wait for each addition.
      const sums = new Float64Array(4)
      for (const { planes, firstGroup, end } of parts) {
        const plane = planes[parameter]
        let g = firstGroup
        for (; g < end && g % 4 !== 0; g++) sums[g % 4] += plane[g - firstGroup]
        let [a, b, c, d] = sums
        for (; g + 3 < end; g += 4) {
          a += plane[g - firstGroup]
          b += plane[g - firstGroup + 1]
          c += plane[g - firstGroup + 2]
          d += plane[g - firstGroup + 3]
        }
        sums.set([a, b, c, d])
        for (; g < end; g++) sums[g % 4] += plane[g - firstGroup]
      }
      all += sums[0] + sums[1] + (sums[2] + sums[3])
    }
    return all
  }

  /** Adds a parameter of each lane to where its group has its place. */
  scatter(parameter: number, to: Float64Array, place: (group: number) => number): void {
    for (const { parts } of this.#batches) {
      for (const { planes, firstGroup, end } of parts) {
        const plane = planes[parameter]
        for (let g = firstGroup; g < end; g++) to[place(g)] += plane[g - firstGroup]
      }
    }
  }

  /** Gives memory back, which no engine may have any more. */
  release(): void {
    for (const { batch } of this.#batches) release(this.#program, batch)
  }
}
