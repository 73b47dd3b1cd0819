/** The option `intervals` of fits. */

import { isObject } from '../../core/untrusted-input.js'
import type { EngineCall } from '../../many/engines/execute.js'
import { option } from '../../options/kinds.js'
import type { Problem } from '../problem/problem.js'
import type { ComputeIntervals, ProfileContext, ProfiledEndpoints } from './fit-context.js'
import type { Iterations } from './iterations.js'

/**
 * How `intervals()` of results are computed, if they are not value ± t·error: what `profileIntervals()` returns. It brings
 * its code, which fits do not load without it.
 */
export abstract class IntervalMethod {
  readonly #isOurs = true
  /** The level of the intervals that are computed with the fits. */
  abstract readonly level: number
  /** Whether a fit begins again where χ² falls below it along a profile. */
  abstract readonly restart: boolean
  /** @internal */
  abstract readonly compute: ComputeIntervals

  /** @internal Whether it is one, and no proxy of one. */
  static has(given: object): given is IntervalMethod {
    return #isOurs in given
  }

  /** @internal Columns for the endpoints of fits that have not been solved yet. */
  abstract createColumns(problem: Problem, count: number): ProfiledEndpoints

  /** @internal Computes the endpoints of solved fits. */
  abstract run(
    context: ProfileContext,
    iterations: Iterations,
    fits: Uint32Array,
    to: ProfiledEndpoints,
  ): Generator<EngineCall, void>
}

export const intervalMethod = option<IntervalMethod | undefined, undefined>(
  'what profileIntervals() returns',
  undefined,
  (x) => x === undefined || (isObject(x) && IntervalMethod.has(x)),
)
