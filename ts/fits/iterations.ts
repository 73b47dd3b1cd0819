/** Programs that are iterated for many fits at once, until each stops. */

import type { Program } from '../expressions/program.js'
import { rowsOfPiece } from '../expressions/run.js'
import type { FloatArray } from '../ground/numbers.js'
import { Batch, type Shape } from '../many/batch.js'
import { type Column, rowsOf, sharedOf } from '../many/data.js'
import type { Call } from '../many/drive.js'
import { cohortsOf, hasRowsInLanes, updatesOf, workOf } from '../many/layout.js'
import { type Ended, iterateCalled } from './called-iterations.js'
import type { Compiled } from './compiled.js'
import { leave, take } from './left.js'

/** Iterations a call: nearly all runs have ended then. */
const UPDATES = 64
/** Operations of an update that one thread has done before another one is there. */
const FOR_ONE = 1 << 18
/** Runs at a time: their memory, which the next ones take over, stays in the caches. */
export const RUNS = 8192

export class Iterations {
  readonly #compiled: Compiled
  /** On how many threads it runs. */
  readonly #threads: number
  /** The last one of each program. */
  readonly #batches = new Map<Program, Batch>()

  /** @param threads of the runner's, as many as it may take */
  constructor(compiled: Compiled, threads: number) {
    this.#compiled = compiled
    this.#threads = threads
  }

  /** On as many threads, for other programs. */
  of(compiled: Compiled): Iterations {
    return new Iterations(compiled, this.#threads)
  }

  /**
   * From some points on, as many as there are runs. Gives where each stops, until the program runs again. (A function as
   * model is called for each.)
   *
   * @param runs the fits whose data they have; these have equally many rows
   */
  *run(
    program: Program,
    runs: Uint32Array,
    data: readonly Column[],
    x: readonly (FloatArray | number)[],
    mostUpdates: number,
  ): Generator<Call, Ended> {
    const { problem } = this.#compiled
    const { called } = problem
    if (called !== null) return yield* iterateCalled(problem, called, program, runs, data, x, mostUpdates)
    const rows = data.length === 0 ? 0 : rowsOf(data[0], runs[0])
    const threads = workOf(program, rows, runs.length) > FOR_ONE ? this.#threads : 1
    const { cohorts, lanes } = cohortsOf(runs, data, 8, threads)
    const updates = updatesOf(program, rows, runs.length, Math.min(UPDATES, mostUpdates))
    // One scratch for each thread that has something to do.
    const pieces = hasRowsInLanes(program, rows) ? Math.ceil((runs.length * rows) / rowsOfPiece(rows)) : 1
    // Without spreads, of which each would make a hidden class of its own.
    const shape: Shape = {
      dtype: 'float64',
      value: program,
      gradient: program,
      kernel: null,
      runs: runs.length,
      columns: data.length,
      shared: sharedOf(data),
      rows,
      cohorts,
      lanes,
      updates,
      mostUpdates,
      tolerance: 0,
      exempt: 0,
      delay: 0,
      scratches: Math.min(threads, Math.max(cohorts, pieces)),
      isBounded: false,
    }
    const left = this.#batches.get(program) ?? take(program)
    const batch = left?.isLike(shape) ? left : new Batch(shape, left?.region)
    this.#batches.set(program, batch)
    yield* batch.fill({ runs, data, x, starts: [], box: null })
    for (let done = 0; batch.live > 0; done += updates) {
      batch.done = done
      batch.set('updates', Math.min(updates, mostUpdates - done))
      yield batch
    }
    return batch.results()
  }

  /** Gives memory back, which no engine may have any more. */
  leave(): void {
    for (const [program, batch] of this.#batches) leave(program, batch)
    this.#batches.clear()
  }
}
