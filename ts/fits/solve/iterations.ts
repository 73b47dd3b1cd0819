/** Programs that are iterated for many fits at once, until each stops. */

import type { FloatArray } from '../../core/numbers.js'
import type { Program } from '../../expressions/program.js'
import { rowsOfPiece } from '../../expressions/run.js'
import { Batch } from '../../many/batch/batch.js'
import { type DataColumn, rowsInRun } from '../../many/batch/data.js'
import { cohortCount, estimateWork, isRowParallel, updatesPerCall } from '../../many/batch/layout.js'
import type { EngineCall } from '../../many/engines/execute.js'
import type { ModelPrograms } from '../programs/program-cache.js'
import { acquire, programShape, release } from './batch-pool.js'
import { type IterationResults, iterateFunctionModel } from './function-model-iterations.js'

/** Iterations a call: nearly all runs have ended then. */
const UPDATES_PER_CALL = 64
/** Operations of an update that one thread has done before another one is there. */
const MIN_ROWS_PER_THREAD = 1 << 18
/** Runs at a time: their memory, which the next ones take over, stays in the caches. */
export const MAX_RUNS = 8192

export class Iterations {
  readonly #compiled: ModelPrograms
  /** On how many threads it runs. */
  readonly #threads: number
  /** The last one of each program. */
  readonly #batches = new Map<Program, Batch>()

  /** @param threads of the runner's, as many as it may take */
  constructor(compiled: ModelPrograms, threads: number) {
    this.#compiled = compiled
    this.#threads = threads
  }

  /** On as many threads, for other programs. */
  forPrograms(compiled: ModelPrograms): Iterations {
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
    data: readonly DataColumn[],
    x: readonly (FloatArray | number)[],
    maxUpdates: number,
  ): Generator<EngineCall, IterationResults> {
    const { problem } = this.#compiled
    const { functionModel } = problem
    if (functionModel !== null)
      return yield* iterateFunctionModel(problem, functionModel, program, { runs, data, x, maxUpdates })
    const rows = data.length === 0 ? 0 : rowsInRun(data[0], runs[0])
    const threads = estimateWork(program, rows, runs.length) > MIN_ROWS_PER_THREAD ? this.#threads : 1
    const { cohorts, lanes } = cohortCount(runs, data, 8, threads)
    const updates = updatesPerCall(program, rows, runs.length, Math.min(UPDATES_PER_CALL, maxUpdates))
    // One scratch for each thread that has something to do.
    const pieces = isRowParallel(program, rows) ? Math.ceil((runs.length * rows) / rowsOfPiece(rows)) : 1
    const scratches = Math.min(threads, Math.max(cohorts, pieces))
    const shape = programShape(program, { runs, data, rows, cohorts, lanes, updates, maxUpdates, scratches })
    const left = this.#batches.get(program) ?? acquire(program)
    const batch = left?.isLike(shape) ? left : new Batch(shape, left?.region)
    this.#batches.set(program, batch)
    yield* batch.fill({ runs, data, x, starts: [], box: null })
    for (let done = 0; batch.live > 0; done += updates) {
      batch.done = done
      batch.set('updates', Math.min(updates, maxUpdates - done))
      yield batch
    }
    return batch.results()
  }

  /** Gives memory back, which no engine may have any more. */
  release(): void {
    for (const [program, batch] of this.#batches) release(program, batch)
    this.#batches.clear()
  }
}
