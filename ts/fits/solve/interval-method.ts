/** The option `intervals` of fits. */

import type { EngineCall } from '../../many/engines/execute.js'
import type { Problem } from '../problem/problem.js'
import type { ComputeIntervals, ProfileContext, ProfiledEndpoints } from './fit-context.js'
import type { Iterations } from './iterations.js'
import { objectOption } from './object-option.js'

/**
 * Method that computes the `intervals()` of a result instead of value ± t·error: the object that `profileIntervals()`
 * returns. The object contains the code of the method, so that other fits do not load the code.
 */
export abstract class IntervalMethod {
  readonly #isOurs = true
  /** Confidence level of the intervals that are computed together with the fits. */
  abstract readonly level: number
  /** @internal */
  abstract readonly compute: ComputeIntervals

  /** @internal Whether the object is a real instance of the class, not a proxy of an instance. */
  static has(given: object): given is IntervalMethod {
    return #isOurs in given
  }

  /** @internal Columns for the endpoints of fits that have not been solved yet. */
  abstract createColumns(problem: Problem, count: number): ProfiledEndpoints

  /** @internal Computes the endpoints of solved fits. `solve` solves fits again from other starting values. */
  abstract run(
    context: ProfileContext,
    iterations: Iterations,
    fits: Uint32Array,
    to: ProfiledEndpoints,
    solve: SolveAgain,
  ): Generator<EngineCall, void>
}

/** Solves some fits again. The solutions replace the solutions in the context. */
export type SolveAgain = (
  fits: Uint32Array,
  starts: ReadonlyMap<string, Float64Array>,
) => Generator<EngineCall, void>

export const intervalMethod = objectOption('profileIntervals', IntervalMethod.has)
