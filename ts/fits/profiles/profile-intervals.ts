/** Profile-likelihood intervals that the option `intervals` of fits requests. */

import { smallestNormal } from '../../core/numbers.js'
import { type EngineCall, executeSync } from '../../many/engines/execute.js'
import { flag, type GivenOf } from '../../options/kinds.js'
import { readOptions } from '../../options/read.js'
import { probability } from '../problem/confidence-level.js'
import type { Problem } from '../problem/problem.js'
import type {
  ComputeIntervals,
  LowerMinimumColumns,
  ProfileContext,
  ProfiledEndpoints,
} from '../solve/fit-context.js'
import { IntervalMethod, type SolveAgain } from '../solve/interval-method.js'
import type { Iterations } from '../solve/iterations.js'
import { emptyProfiles, profileParameters } from './profile.js'
import { createProfiles, profileNames, toRecord } from './profile-result.js'

const table = {
  /**
   * Confidence level of the intervals that are computed together with the fits. Intervals of other levels are computed
   * on demand. Default 0.95.
   */
  level: probability,
  /** Whether a fit restarts from a lower minimum that the profile of the fit found. Default false. */
  restart: flag(false),
}

/** Options of `profileIntervals`. */
export interface ProfileIntervalOptions extends GivenOf<typeof table> {}

const computeIntervals: ComputeIntervals = (context, fit, level) => {
  const names = profileNames(undefined, context.problem)
  const found = executeSync(context.choice, createProfiles(context, fit, names, level))
  return toRecord(found, (k) => [found.low[k][0], found.high[k][0]] as const)
}

/** Maximum number of restarts of a fit from lower minima. */
const MAX_RESTARTS = 8

/** Starting values at the lower minima that profiles found. The function removes these minima from the columns. */
function takeLowerMinima(
  { compiled, starts: given }: ProfileContext,
  fits: Uint32Array,
  { lowerMinimum }: ProfiledEndpoints,
): Map<string, Float64Array> {
  const { free, isLogarithm } = compiled.problemInSteps
  const starts = new Map([...given].map(([name, column]) => [name, column.slice()]))
  for (const fit of fits) {
    const minimum = lowerMinimum[fit] as LowerMinimumColumns
    for (const [i, name] of free.entries()) {
      const x = minimum.x[i]
      const column = starts.get(name) as Float64Array
      column[fit] = isLogarithm[i] ? Math.max(x, smallestNormal.float64) : x
    }
    delete lowerMinimum[fit]
  }
  return starts
}

class ProfileIntervals extends IntervalMethod {
  readonly level: number
  readonly compute = computeIntervals
  readonly #maxRestarts: number

  constructor(level: number, restart: boolean) {
    super()
    this.level = level
    this.#maxRestarts = restart ? MAX_RESTARTS : 0
    Object.freeze(this)
  }

  createColumns(problem: Problem, count: number) {
    return emptyProfiles(profileNames(undefined, problem), this.level, count)
  }

  *run(
    context: ProfileContext,
    iterations: Iterations,
    fits: Uint32Array,
    to: ProfiledEndpoints,
    solve: SolveAgain,
  ): Generator<EngineCall, void> {
    yield* profileParameters(context, iterations, fits, to)
    for (let some = fits, k = 0; k < this.#maxRestarts; k++) {
      some = some.filter((fit) => to.lowerMinimum[fit] !== undefined)
      if (some.length === 0) return
      yield* solve(some, takeLowerMinima(context, some, to))
      yield* profileParameters(context, iterations, some, to)
    }
  }
}

/**
 * Lets `fit` and `fitMany` compute profile intervals together with the fits. The method `intervals()` of the results
 * returns these profile intervals. Unlike the intervals value ± t·error, profile intervals remain valid if the model is
 * nonlinear within the standard errors.
 *
 * @param options `level`, between 0 and 1, and `restart`
 * @throws OptionError if the level is not between 0 and 1
 * @example
 * fit(model, data, { start, intervals: profileIntervals({ level: 0.99 }) }).intervals(0.99)
 */
export function profileIntervals(options: ProfileIntervalOptions = {}): IntervalMethod {
  const { level, restart } = readOptions('options', options, table)
  return new ProfileIntervals(level, restart)
}
