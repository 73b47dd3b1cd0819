/** Minima of −2 log L that Newton's method reaches in lanes, from one start per fit or several. */

import { wasmModule } from '#webassembly/many'
import type { EngineCall } from '../../many/engines/execute.js'
import { ManyRuns } from '../../many/run.js'
import { newton } from '../../methods/newton.js'
import { minimizeReasons } from '../../minimize/reasons.js'
import type { LikelihoodProblem } from './problem.js'

/** Tolerance of the runs, whose solutions are refined afterwards. */
const LANE_TOLERANCE = 1e-6
/** A further start replaces a minimum only if its value is lower by this number, so that noise does not decide. */
export const MIN_GAIN = 1e-6
const CONVERGED = minimizeReasons.indexOf('converged')

/** The batch of some fits. */
export interface LikelihoodBatch {
  readonly likelihood: LikelihoodProblem
  /** Columns of the objective, in order. */
  readonly data: readonly (Float64Array | Float64Array[])[]
  readonly maxIterations: number
  readonly running: Readonly<Record<'engine' | 'instructionSet' | 'threads' | 'workers', unknown>>
}

/** End points of runs, as columns. */
export interface LaneMinima {
  /** Internal values of the free parameters. */
  readonly x: readonly Float64Array[]
  readonly value: Float64Array
  readonly iterations: Float64Array
  readonly isConverged: (run: number) => boolean
}

/** @param starts internal values of the free parameters, one column per parameter */
export function* minimizeInLanes(
  { likelihood, data, maxIterations, running }: LikelihoodBatch,
  starts: readonly Float64Array[],
): Generator<EngineCall, LaneMinima> {
  const { inSteps, objective, columns } = likelihood
  const settings = {
    ...running,
    data: Object.fromEntries(columns.map((name, k) => [name, data[k]])),
    dtype: 'float64',
    bounds: inSteps.free.map((_, i) => [inSteps.min[i], inSteps.max[i]] as const),
    tolerance: LANE_TOLERANCE,
    maxIterations,
  }
  const named = Object.fromEntries(inSteps.free.map((name, i) => [name, starts[i]]))
  const many = new ManyRuns(objective, named, newton(), settings as object, wasmModule)
  yield* many.calls()
  const { x, value, iterations, reason } = many.result()
  return {
    x: inSteps.free.map((name) => x[name] as Float64Array),
    value,
    iterations,
    isConverged: (run) => reason[run] === CONVERGED,
  }
}

/**
 * Replaces minima by lower minima from further starts.
 *
 * @param runs index in `best` of each run of `other`
 * @param accepts whether a point can be a solution
 */
export function keepLower(
  best: LaneMinima,
  other: LaneMinima,
  runs: ArrayLike<number>,
  accepts: (k: number, point: Float64Array) => boolean,
): void {
  for (let k = 0; k < runs.length; k++) {
    const run = runs[k]
    best.iterations[run] += other.iterations[k]
    const isLower = !(best.value[run] - other.value[k] < MIN_GAIN) && other.isConverged(k)
    if (!isLower) continue
    const point = Float64Array.from(other.x, (column) => column[k])
    if (!accepts(run, point)) continue
    best.value[run] = other.value[k]
    for (const [i, column] of other.x.entries()) best.x[i][run] = column[k]
  }
}
