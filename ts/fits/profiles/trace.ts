/** Traces many profiles at once, each from the solution of a fit, with the program in trace-program.ts. */

import type { FloatArray } from '../../core/numbers.js'
import { groupByRows, pickRuns, putRuns } from '../../many/batch/data.js'
import { runsPerBatch } from '../../many/batch/layout.js'
import type { EngineCall } from '../../many/engines/execute.js'
import { loadProfilePrograms } from '../programs/profile-programs.js'
import { NEEDS_QR, traceState } from '../programs/trace-program.js'
import type { FitContext } from '../solve/fit-context.js'
import { type Iterations, MAX_RUNS } from '../solve/iterations.js'

/** Profile traces, one column per quantity. The traces of a fit are adjacent. */
export interface ProfileTraces {
  /** Components of the directions of all traces, one column per free parameter or derived quantity. */
  readonly directions: readonly Float64Array[]
  /** Maximum distance that each trace can advance, in lengths of its direction vector. */
  readonly reach: Float64Array
  /** The value of χ² at which each trace ends. */
  readonly threshold: Float64Array
}

export interface TraceEnds {
  readonly point: readonly FloatArray[]
  readonly cost: FloatArray
  /** Reasons for the ends of traces, defined in trace-program.ts. */
  readonly reason: ArrayLike<number>
  /** Distance of each trace, the reference distance of the trace, and χ² at a half or a quarter of the distance. */
  readonly length: FloatArray
  readonly far: FloatArray
  readonly earlier: FloatArray
  /** The threshold that the caller requested. */
  readonly threshold: FloatArray
}

/** Maximum number of iterations per trace. */
export const MAX_ITERATIONS = 400

/** Parameters or derived quantities to trace for each fit. */
export interface TraceRequest {
  /** Names of the derived quantities to profile. The array is empty if parameters are profiled. */
  readonly derived: readonly string[]
  /** Number of traces per fit. */
  readonly each: number
  /** Function that creates the traces of the given fits. */
  readonly makeTrace: (fits: Uint32Array) => ProfileTraces
  /** Callback that receives the ends of the traces. The ends are valid only during the call of `takeEnds`. */
  readonly takeEnds: (fits: Uint32Array, ends: TraceEnds) => void
}

/** Traces the profiles of fits in consecutive batches. */
export function* traceProfiles(
  context: Pick<FitContext, 'compiled' | 'columns' | 'starts' | 'solved'>,
  iterations: Iterations,
  fits: Uint32Array,
  { derived, each, makeTrace, takeEnds }: TraceRequest,
): Generator<EngineCall, void> {
  const { compiled, columns, starts, solved } = context
  const programs = loadProfilePrograms(compiled)
  const { names, starts: begins } = traceState(compiled.problem, derived.length)
  const data = [...columns.values()]
  for (const some of groupByRows(data, fits)) {
    const most = Math.max(1, Math.floor(runsPerBatch(data, some[0], 8, MAX_RUNS) / each))
    for (let from = 0; from < some.length; from += most) {
      const part = some.subarray(from, from + most)
      const runs = new Uint32Array(part.length * each).map((_, run) => part[Math.floor(run / each)])
      const { directions, reach, threshold } = makeTrace(part)
      const fixed = compiled.problem.fixed.map((name) => starts.get(name) as Float64Array)
      const point = [...solved.free, ...fixed].map((column) => pickRuns(column, runs))
      const given = [...point, ...directions, reach, pickRuns(solved.cost, runs), threshold]
      const begin = begins.map((start) => start ?? (given.shift() as Float64Array))
      const ends = yield* iterations.run(programs.trace(false, derived), runs, data, begin, MAX_ITERATIONS)
      const doubtful = runs.map((_, ray) => ray).filter((ray) => ends.reason[ray] === NEEDS_QR)
      if (doubtful.length > 0) {
        const again = begin.map((column) =>
          typeof column === 'number' ? column : pickRuns(column, doubtful),
        )
        const some = pickRuns(runs, doubtful)
        const sure = yield* iterations.run(programs.trace(true, derived), some, data, again, MAX_ITERATIONS)
        for (const [i, column] of sure.x.entries()) putRuns(ends.x[i], doubtful, column)
        putRuns(ends.reason, doubtful, sure.reason)
      }
      const [cost, length, far, earlier] = ['@cost', '@length', '@far', '@earlier'].map(
        (name) => ends.x[names.indexOf(name)],
      )
      const reached = { point: solved.free.map((_, i) => ends.x[i]), reason: ends.reason }
      takeEnds(part, { ...reached, cost, length, far, earlier, threshold })
      yield
    }
  }
}
