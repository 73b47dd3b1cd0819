/** Groups in lanes: their data stay where they are, while a program runs over them again and again. */

import type { Program } from '../../expressions/program.js'
import type { FloatArray } from '../../ground/numbers.js'
import { Batch, type Shape } from '../../many/batch.js'
import { type Column, sharedOf } from '../../many/data.js'
import type { Advancer } from '../../many/engines.js'
import { cohortsOf, runsOfBatch } from '../../many/layout.js'
import type { Call } from '../drive.js'
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
    batch.fill({ runs, data, x: program.parameters.map(() => 0), starts: [], box: null })
    batch.set('updates', 1)
    let next = at
    const parts = batch.cohorts().map((cohort) => {
      const part = { at: next, end: next + cohort.live }
      next = part.end
      return { ...part, planes: program.parameters.map((_, p) => cohort.theta(p)) }
    })
    return { batch, parts }
  }

  /**
   * Runs the program once.
   *
   * @param inputs a column, or a number for all groups, of each of its first parameters
   * @param outputs where the parameters that follow go
   */
  *run(inputs: readonly (Float64Array | number)[], outputs: readonly Float64Array[]): Generator<Call> {
    for (const { batch, parts } of this.#stays) {
      for (const { planes, at, end } of parts) {
        for (let p = 0; p < inputs.length; p++) {
          const input = inputs[p]
          if (typeof input === 'number') planes[p].fill(input)
          else planes[p].set(input.subarray(at, end))
        }
      }
      batch.done = 0
      yield batch
      for (const { planes, at, end } of parts) {
        for (let p = 0; p < outputs.length; p++) {
          outputs[p].set(planes[inputs.length + p].subarray(0, end - at), at)
        }
      }
    }
  }

  /** Gives memory back, which no engine may have any more. */
  leave(): void {
    for (const { batch } of this.#stays) leave(this.#program, batch)
  }
}
