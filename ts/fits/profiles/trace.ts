/** Rays from the points of fits, many at once: see trace-program.ts. */

import type { FloatArray } from '../../core/numbers.js'
import { groupByRows, pickRuns, putRuns } from '../../many/batch/data.js'
import { runsPerBatch } from '../../many/batch/layout.js'
import type { EngineCall } from '../../many/engines/execute.js'
import { loadProfilePrograms } from '../programs/profile-programs.js'
import { NEEDS_QR, traceState } from '../programs/trace-program.js'
import type { FitContext } from '../solve/fit-context.js'
import { type Iterations, MAX_RUNS } from '../solve/iterations.js'

/** Columns by ray; the rays of a fit are neighbors. */
export interface ProfileTraces {
  /** Where to, by parameter that varies; or shares of what is derived. */
  readonly directions: readonly Float64Array[]
  /** How many of these steps it may make at most. */
  readonly reach: Float64Array
  /** The χ² at which it ends. */
  readonly threshold: Float64Array
}

export interface TraceEnds {
  readonly point: readonly FloatArray[]
  readonly cost: FloatArray
  /** As trace-program.ts numbers them. */
  readonly reason: ArrayLike<number>
  /** How far they have come, how far is far, and χ² when they had come half or a quarter as far. */
  readonly length: FloatArray
  readonly far: FloatArray
  readonly earlier: FloatArray
  /** As it was given. */
  readonly threshold: FloatArray
}

/** Iterations of a ray at most. */
export const MAX_ITERATIONS = 400

/** The rays that fits are to have. */
export interface TraceRequest {
  /** What is to move instead of parameters, if anything. */
  readonly derived: readonly string[]
  /** How many rays a fit has. */
  readonly each: number
  /** The rays of some fits. */
  readonly makeTrace: (fits: Uint32Array) => ProfileTraces
  /** Is given where these have ended, to be read at once. */
  readonly takeEnds: (fits: Uint32Array, ends: TraceEnds) => void
}

/** Follows rays, for some fits after the other. */
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
