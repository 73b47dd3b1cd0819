/** Runs a local method from every starting point: an expression in lanes, other objectives one after the other. */

import type { Slices } from '../core/slices.js'
import { Expression } from '../expressions/expression.js'
import { isElementwise } from '../many/option-sets.js'
import { refuseEngineOptions } from '../methods/in-turn.js'
import { lbfgs } from '../methods/lbfgs.js'
import { findMethod, isMethod, type Method } from '../minimize/method.js'
import { Minimization, type MinimizeOptions, type NamedObjective } from '../minimize/minimize.js'
import { type MinimizeReason, minimizeReasons } from '../minimize/reasons.js'
import type { CustomRule, Rule } from '../rules/definitions.js'
import { resolve } from '../rules/resolve.js'

/** Results of all runs: one column per parameter, and one element per run. */
export interface Runs {
  readonly x: readonly Float64Array[]
  readonly value: Float64Array
  /** Reasons as indices into `minimizeReasons`. */
  readonly reason: Uint8Array
}

/** The objective, the method and the options of all runs. */
export interface LocalSearch {
  readonly objective: NamedObjective<string>
  readonly rule: LocalMethod
  readonly options: MinimizeOptions
}

type LocalMethod = Rule | CustomRule | Method

/**
 * Chooses the local method, and whether `minimizeMany` runs it in lanes.
 *
 * @throws OptionError if the method is invalid, or if an option of engines is set and the runs are not in lanes
 */
export function readMethod(
  objective: unknown,
  given: LocalMethod | undefined,
  engineOptions: Readonly<Record<string, unknown>>,
): { readonly rule: LocalMethod; readonly isInLanes: boolean } {
  const rule = given === undefined ? lbfgs() : given
  const hasLanes = isMethod(rule)
    ? findMethod(rule).kind.lanes !== undefined
    : isElementwise(resolve(rule, 'method'))
  if (objective instanceof Expression && hasLanes) return { rule, isInLanes: true }
  refuseEngineOptions(engineOptions)
  return { rule, isInLanes: false }
}

/**
 * Runs the method from each start, one after the other, with a pause after each update.
 *
 * @param starts starting points, one column per parameter
 * @param tell called with the count of finished runs
 */
export function* runInTurn(
  { objective, rule, options }: LocalSearch,
  starts: readonly Float64Array[],
  tell: (done: number) => void,
): Slices<Runs> {
  const { length } = starts[0]
  const x = starts.map(() => new Float64Array(length))
  const value = new Float64Array(length)
  const reason = new Uint8Array(length)
  for (let run = 0; run < length; run++) {
    const start = Float64Array.from(starts, (column) => column[run])
    const minimization = new Minimization(objective, start, rule as Rule, options)
    while (minimization.step()) yield
    for (const [p, column] of x.entries()) column[run] = minimization.params[p]
    value[run] = minimization.value
    reason[run] = minimizeReasons.indexOf(minimization.reason as Exclude<MinimizeReason, 'callback'>)
    tell(run + 1)
    yield
  }
  return { x, value, reason }
}
