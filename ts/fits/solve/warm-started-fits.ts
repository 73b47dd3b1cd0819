/**
 * Fits that start near the minimum of a previous fit, to data of the same shape. Warm-started fits return only their
 * end points.
 */

import type { FloatArray } from '../../core/numbers.js'
import { type DataColumn, groupByRows, pickRuns, putRuns, rowsInRun } from '../../many/batch/data.js'
import { runsPerBatch } from '../../many/batch/layout.js'
import type { EngineCall } from '../../many/engines/execute.js'
import type { FitParameter, FitParameters, Parameter } from '../problem/parameters.js'
import { fromInternal, toInternal } from '../programs/internal-parameters.js'
import type { ModelPrograms } from '../programs/program-cache.js'
import type { FitContext, PendingFits } from './fit-context.js'
import { Iterations, MAX_RUNS } from './iterations.js'
import { Solver } from './solver.js'

/** Inputs of warm-started fits. */
interface WarmStartOptions {
  readonly compiled: ModelPrograms
  readonly parameters: readonly Parameter[]
  readonly threads: number
  /** Data columns in the same order as in the problem. */
  readonly columns: ReadonlyMap<string, DataColumn>
  /** Starting values of the parameters per fit, within the bounds. */
  readonly starts: ReadonlyMap<string, FloatArray>
  readonly count: number
  readonly maxIterations: number
}

/**
 * Creates fits of other data columns, which start near the solutions of a context, with the programs of its first run.
 * `refit` reads and compiles the model again and takes about 1.5 times as long.
 */
export function createWarmStartedFits(
  { warmStart, parameters, isByRule, choice, refit }: FitContext,
  columns: ReadonlyMap<string, DataColumn>,
  start: FitParameters,
): PendingFits {
  const { compiled, maxIterations } = warmStart
  const own = compiled.problem.columns
  const isSame = [...columns.keys()].every((name, k) => name === own[k])
  const hasOthers = parameters.some(({ expr }) => expr !== null)
  if (isByRule || compiled.isDense || hasOthers || !isSame) return refit(columns, start)
  const starts = new Map(
    Object.entries(start).map(([name, given]) => [name, (given as FitParameter).start as FloatArray]),
  )
  const [count] = Array.from(columns.values(), ({ offsets }) => (offsets?.length ?? 1) - 1).filter(
    (some) => some > 0,
  )
  const { threads } = choice.runner
  return new WarmStartedFits({ compiled, parameters, threads, columns, starts, count, maxIterations })
}

class WarmStartedFits implements PendingFits {
  readonly #options: WarmStartOptions
  readonly #iterations: Iterations
  readonly #values: Readonly<Record<string, Float64Array>>
  readonly #reason: Uint8Array

  constructor(options: WarmStartOptions) {
    this.#options = options
    this.#iterations = new Iterations(options.compiled, options.threads)
    const { free } = options.compiled.problem
    this.#values = Object.fromEntries(free.map((name) => [name, new Float64Array(options.count)]))
    this.#reason = new Uint8Array(options.count)
  }

  *calls(): Generator<EngineCall> {
    const { compiled, parameters, columns, starts, count, maxIterations } = this.#options
    const { free, fixed } = compiled.problem
    const data = [...columns.values()]
    const varying = parameters.filter(({ isFixed }) => !isFixed)
    const solver = new Solver(compiled, this.#iterations)
    const all = new Uint32Array(count).map((_, fit) => fit)
    for (const some of groupByRows(data, all)) {
      const most = runsPerBatch(data, some[0], 8, MAX_RUNS)
      for (let from = 0; from < some.length; from += most) {
        const runs = some.subarray(from, from + most)
        const startOf = (name: string) => pickRuns(starts.get(name) as FloatArray, runs)
        const degreesOfFreedom = new Float64Array(runs.length).fill(rowsInRun(data[0], runs[0]) - free.length)
        const begin = varying.map((parameter) =>
          toInternal(parameter, startOf(parameter.name) as Float64Array),
        )
        const given = { runs, data, starts: begin, fixed: fixed.map(startOf), degreesOfFreedom }
        const solved = yield* solver.solve(given, maxIterations, true, true)
        fromInternal(varying, solved.free, solved.covariance, solved.errors)
        for (let i = 0; i < free.length; i++) putRuns(this.#values[free[i]], runs, solved.free[i])
        putRuns(this.#reason, runs, solved.reason)
      }
    }
  }

  result() {
    this.#iterations.release()
    return { values: this.#values, reason: this.#reason }
  }
}
