/** Iterates programs for many fits at once, until each fit stops. */

import type { FloatArray } from '../../core/numbers.js'
import type { Program } from '../../expressions/program.js'
import { Batch } from '../../many/batch/batch.js'
import { type DataColumn, rowsInRun } from '../../many/batch/data.js'
import {
  cohortCount,
  estimateWork,
  MIN_WORK_PER_THREAD,
  scratchCount,
  updatesPerCall,
} from '../../many/batch/layout.js'
import type { EngineCall } from '../../many/engines/execute.js'
import { programShape } from '../../many/engines/program-shape.js'
import type { ModelPrograms } from '../programs/program-cache.js'
import { acquire, release } from './batch-pool.js'
import { type IterationResults, iterateFunctionModel } from './function-model-iterations.js'

/** Number of iterations per engine call. Nearly all runs end within one call. */
const UPDATES_PER_CALL = 64
/**
 * Maximum number of runs per batch. The memory of one batch is reused for the next batch, and stays in the CPU caches.
 */
export const MAX_RUNS = 8192

export class Iterations {
  readonly #compiled: ModelPrograms
  /** Maximum count of threads. */
  readonly #threads: number
  /** The last batch of each program. */
  readonly #batches = new Map<Program, Batch>()

  /** @param threads largest count of threads that the runner may use */
  constructor(compiled: ModelPrograms, threads: number) {
    this.#compiled = compiled
    this.#threads = threads
  }

  /** Returns an object with the same settings for other programs. */
  forPrograms(compiled: ModelPrograms): Iterations {
    return new Iterations(compiled, this.#threads)
  }

  /**
   * Iterates a program from the given points, one per run. The results are valid until the program runs again. Programs
   * that call a model function iterate one run at a time.
   *
   * @param runs index of the fit whose data each run uses; all fits in `runs` have the same count of rows
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
    const threads = estimateWork(program, rows, runs.length) > MIN_WORK_PER_THREAD ? this.#threads : 1
    const { cohorts, lanes } = cohortCount(runs, data, 8, threads)
    const updates = updatesPerCall(program, rows, runs.length, Math.min(UPDATES_PER_CALL, maxUpdates))
    const scratches = scratchCount(program, { rows, runs: runs.length, cohorts }, threads)
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

  /** Releases the memory of all batches. No engine may still use the memory. */
  release(): void {
    for (const [program, batch] of this.#batches) release(program, batch)
    this.#batches.clear()
  }
}
