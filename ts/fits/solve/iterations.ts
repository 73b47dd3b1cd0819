/** Iterates programs for many fits at once, until each fit stops. */

import type { FloatArray } from '../../core/numbers.js'
import type { Program } from '../../expressions/program.js'
import type { Batch } from '../../many/batch/batch.js'
import type { DataColumn } from '../../many/batch/data.js'
import type { EngineCall } from '../../many/engines/execute.js'
import { iterateBatch, prepareBatch } from '../../many/engines/program-batch.js'
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
    const settings = { runs, data, x, maxUpdates, updatesPerCall: UPDATES_PER_CALL, threads: this.#threads }
    const batch = prepareBatch(program, settings, this.#batches.get(program) ?? acquire(program))
    this.#batches.set(program, batch)
    yield* iterateBatch(batch, settings)
    return batch.results()
  }

  /** Releases the memory of all batches. No engine may still use the memory. */
  release(): void {
    for (const [program, batch] of this.#batches) release(program, batch)
    this.#batches.clear()
  }
}
