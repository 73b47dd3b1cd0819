/**
 * Group-parallel batches, one SIMD lane per group. The data and fields of the groups stay in memory while a program
 * runs over the groups repeatedly.
 */

import { BLOCK_OF_RUNS } from '../../arena/manifest.js'
import type { FloatArray } from '../../core/numbers.js'
import { runToEnd } from '../../core/slices.js'
import type { Program } from '../../expressions/program.js'
import { Batch } from '../../many/batch/batch.js'
import type { DataColumn } from '../../many/batch/data.js'
import { cohortCount, runsPerBatch } from '../../many/batch/layout.js'
import type { BatchRunner } from '../../many/engines/engines.js'
import type { EngineCall } from '../../many/engines/execute.js'
import { programShape } from '../../many/engines/program-batch.js'
import { acquire, release } from './batch-pool.js'

/** Maximum number of groups per batch. The size of the data can reduce the number further. */
const MAX_GROUPS = 1 << 17

/** Adjacent groups of a batch whose data have equal row counts. */
export interface GroupRange {
  /** Indices of the groups, and the position of the first group in the columns of the batch. */
  readonly groups: Uint32Array
  readonly firstRow: number
  readonly rows: number
}

/** A cohort of a batch: adjacent groups as lanes, with the parameters of the lanes. */
export interface ResidentPart {
  readonly planes: readonly FloatArray[]
  readonly firstGroup: number
  readonly end: number
}

export interface ResidentBatch {
  readonly batch: Batch
  readonly parts: readonly ResidentPart[]
}

/** The fields of groups in lanes. All methods address a field by its position among the program's parameters. */
export abstract class Lanes {
  readonly #stretches: readonly (readonly ResidentPart[])[]

  /** @param stretches the cohorts of each batch */
  constructor(stretches: readonly (readonly ResidentPart[])[]) {
    this.#stretches = stretches
  }

  /** Runs the compiled program once over all groups. */
  abstract run(): Generator<EngineCall>

  /** Releases the memory of the lanes. No engine may still use the memory. */
  abstract release(): void

  /** Writes a parameter of all lanes: one number for all lanes, or a column with one number per lane. */
  write(parameter: number, numbers: number | Float64Array): void {
    for (const parts of this.#stretches) {
      for (const { planes, firstGroup, end } of parts) {
        if (typeof numbers === 'number') planes[parameter].fill(numbers)
        else planes[parameter].set(numbers.subarray(firstGroup, end))
      }
    }
  }

  /** Writes a parameter of all lanes from an array, in which each group has an index. */
  scatterTo(parameter: number, places: Uint32Array, numbers: Float64Array): void {
    for (const parts of this.#stretches) {
      for (const { planes, firstGroup, end } of parts) {
        const plane = planes[parameter]
        for (let g = firstGroup; g < end; g++) plane[g - firstGroup] = numbers[places[g]]
      }
    }
  }

  /** Reads a parameter of all lanes into a column. */
  read(parameter: number, to: Float64Array): Float64Array {
    for (const parts of this.#stretches) {
      for (const { planes, firstGroup, end } of parts)
        to.set(planes[parameter].subarray(0, end - firstGroup), firstGroup)
    }
    return to
  }

  /** Sum of a parameter over all lanes. The order of the additions depends only on the order of the groups. */
  sum(parameter: number): number {
    let all = 0
    for (const parts of this.#stretches) {
      // Each of four partial sums adds every fourth group, because additions to a single sum would have to wait for
      // each other.
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

  /** Adds a parameter of each lane to the array element that belongs to the lane's group. */
  scatter(parameter: number, to: Float64Array, place: (group: number) => number): void {
    for (const parts of this.#stretches) {
      for (const { planes, firstGroup, end } of parts) {
        const plane = planes[parameter]
        for (let g = firstGroup; g < end; g++) to[place(g)] += plane[g - firstGroup]
      }
    }
  }
}

export class GroupLanes extends Lanes {
  readonly #program: Program
  readonly #batches: readonly ResidentBatch[]

  constructor(
    program: Program,
    stretches: readonly GroupRange[],
    data: readonly DataColumn[],
    { threads }: BatchRunner,
  ) {
    const batches = stretches.flatMap(({ groups, firstRow, rows }) => {
      const most = runsPerBatch(data, groups[0], 8, MAX_GROUPS)
      const stays: ResidentBatch[] = []
      for (let from = 0; from < groups.length; from += most) {
        const runs = groups.subarray(from, from + most)
        stays.push(createResident(program, runs, firstRow + from, { rows, data, threads }))
      }
      return stays
    })
    super(batches.map(({ parts }) => parts))
    this.#program = program
    this.#batches = batches
  }

  *run(): Generator<EngineCall> {
    for (const { batch } of this.#batches) {
      batch.done = 0
      yield batch
    }
  }

  release(): void {
    for (const { batch } of this.#batches) release(this.#program, batch)
  }
}

interface ResidentData {
  readonly rows: number
  readonly data: readonly DataColumn[]
  readonly threads: number
  /** Count of cohorts with equal counts of groups. By default the size of the data decides. */
  readonly cohorts?: number
}

/**
 * Creates a batch whose lanes stay in memory.
 *
 * @param runs the group of each lane
 * @param at index of the first group
 */
export function createResident(
  program: Program,
  runs: Uint32Array,
  at: number,
  { rows, data, threads, cohorts: count }: ResidentData,
): ResidentBatch {
  const { cohorts, lanes } =
    count === undefined
      ? cohortCount(runs, data, 8, threads)
      : { cohorts: count, lanes: Math.ceil(runs.length / count / BLOCK_OF_RUNS) * BLOCK_OF_RUNS }
  const scratches = Math.min(threads, cohorts)
  // All lanes stay active and keep their positions.
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
