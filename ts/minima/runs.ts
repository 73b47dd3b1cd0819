/** Runs a local method from every starting point. */

import type { Slices } from '../core/slices.js'
import { Minimization, type MinimizeOptions, type NamedObjective } from '../minimize/minimize.js'
import { type MinimizeReason, minimizeReasons } from '../minimize/reasons.js'
import type { Rule } from '../rules/definitions.js'

/** Results of all runs: one column per parameter, and one element per run. */
export interface Runs {
  readonly x: readonly Float64Array[]
  readonly value: Float64Array
  /** Reasons as indices into `minimizeReasons`. */
  readonly reason: Uint8Array
  /** Counts of evaluations of values and gradients, of all runs together. */
  readonly evaluations: { readonly values: number; readonly gradients: number }
}

/** What all runs have in common. */
export interface LocalSearch {
  readonly objective: NamedObjective<string>
  readonly rule: Rule
  readonly options: MinimizeOptions
}

/**
 * Runs the method from each start, one after the other, with a pause after each update.
 *
 * @param starts starting points, one column per parameter
 * @param tell called with the count of finished runs
 */
export function* runAll(
  { objective, rule, options }: LocalSearch,
  starts: readonly Float64Array[],
  tell: (done: number) => void,
): Slices<Runs> {
  const { length } = starts[0]
  const x = starts.map(() => new Float64Array(length))
  const value = new Float64Array(length)
  const reason = new Uint8Array(length)
  const evaluations = { values: 0, gradients: 0 }
  for (let run = 0; run < length; run++) {
    const start = Float64Array.from(starts, (column) => column[run])
    const minimization = new Minimization(objective, start, rule, options)
    while (minimization.step()) yield
    for (const [p, column] of x.entries()) column[run] = minimization.params[p]
    value[run] = minimization.value
    reason[run] = minimizeReasons.indexOf(minimization.reason as Exclude<MinimizeReason, 'callback'>)
    evaluations.values += minimization.evaluations.values
    evaluations.gradients += minimization.evaluations.gradients
    tell(run + 1)
    yield
  }
  return { x, value, reason, evaluations }
}
