/** Options of an optimizer for TensorFlow.js, and what variables can hold. */

import { OptionError } from '../core/errors.js'
import type { OptimizerOptions } from '../model/options.js'
import type { Rule } from '../rules/definitions.js'

/** As those of `Optimizer`; groups match the names of variables, as in `'*\/bias'`, and shapes are the variables'. */
export type TfjsOptions<R = Rule, N extends Rule['name'] = never> = Omit<
  OptimizerOptions<unknown, R, N>,
  'shapes' | 'zeroGrads'
>

/** What variables can hold: what the rule has reached, where it wants the next gradient, or the average. */
export type VariableContent = 'params' | 'gradientPoint' | 'average'

/** Options of `Optimizer` that nobody can give here. */
const UNAVAILABLE_OPTIONS = {
  shapes: 'variables have theirs',
  zeroGrads: 'gradients come anew for each step',
}

/** @throws OptionError where one of them is there that TensorFlow.js leaves no use for */
export function checkAvailable(options: Readonly<Record<string, unknown>>): void {
  for (const [name, why] of Object.entries(UNAVAILABLE_OPTIONS)) {
    const value = options[name]
    if (value !== undefined) throw new OptionError(`options: ${name}`, `none, as ${why}`, value)
  }
}

/** Where it runs is not saved. */
export const engineOptions = ({ engine, instructionSet, threads }: TfjsOptions) => ({
  engine,
  instructionSet,
  threads,
})
