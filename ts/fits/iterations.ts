/** Programs that are iterated for many fits at once, until each stops. */

import type { Region } from '../arena/memory.js'
import type { Program } from '../expressions/program.js'
import type { FloatArray } from '../ground/numbers.js'
import { Batch, type Results, type Shape } from '../many/batch.js'
import { type Column, rowsOf } from '../many/data.js'
import type { Advancer } from '../many/engines.js'
import { cohortsOf, updatesOf } from '../many/layout.js'
import type { Compiled } from './compiled.js'
import type { Call } from './drive.js'

/** Iterations a call. */
const UPDATES = 4
/** Runs at a time: their memory, which the next ones take over, stays in the caches. */
export const RUNS = 8192

export class Iterations {
  readonly #runner: Advancer
  readonly #compiled: Compiled
  /** What the last batch of each program has left. */
  readonly #regions = new Map<Program, Region>()

  constructor(runner: Advancer, compiled: Compiled) {
    this.#runner = runner
    this.#compiled = compiled
  }

  /**
   * From some points on, as many as there are runs. Gives where each stops, until the program runs again.
   *
   * @param runs the fits whose data they have; these have equally many rows
   */
  *run(
    program: Program,
    runs: Uint32Array,
    data: readonly Column[],
    x: readonly (FloatArray | number)[],
    mostUpdates: number,
  ): Generator<Call, Results> {
    const { threads } = this.#runner
    const { cohorts, lanes } = cohortsOf(runs, data, 8, threads)
    const rows = data.length === 0 ? 0 : rowsOf(data[0], runs[0])
    const updates = updatesOf(program, rows, runs.length, Math.min(UPDATES, mostUpdates))
    const shape: Shape = {
      ...{ dtype: 'float64', value: program, gradient: program, kernel: null, runs, data, cohorts, lanes },
      ...{ updates, rows, mostUpdates, tolerance: 0, exempt: 0, delay: 0 },
      ...{ scratches: Math.min(threads, cohorts), isBounded: false },
    }
    const batch = new Batch(shape, this.#regions.get(program) ?? this.#compiled.take(program))
    this.#regions.set(program, batch.region)
    batch.fill({ x, starts: [], box: null })
    for (let done = 0; batch.live > 0; done += updates) {
      batch.done = done
      batch.set('updates', Math.min(updates, mostUpdates - done))
      yield batch
    }
    return batch.results()
  }

  /** Gives memory back, which no engine may have any more. */
  leave(): void {
    for (const [program, region] of this.#regions) this.#compiled.leave(program, region)
    this.#regions.clear()
  }
}
