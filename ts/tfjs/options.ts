/** Options of an optimizer for TensorFlow.js, and the possible contents of variables. */

import { OptionError } from '../core/errors.js'
import type { OptimizerOptions } from '../model/options.js'
import type { Rule } from '../rules/definitions.js'

/** Options of `Optimizer`. Groups match the names of variables, such as `'*\/bias'`. Shapes come from the variables. */
export type TfjsOptions<R = Rule, N extends Rule['name'] = never> = Omit<
  OptimizerOptions<unknown, R, N>,
  'shapes' | 'zeroGrads'
>

/** Possible contents of variables: the parameters, the point of the next gradient, or the average. */
export type VariableContent = 'params' | 'gradientPoint' | 'average'

/** Options of `Optimizer` that are not available with TensorFlow.js, each with the reason. */
const UNAVAILABLE_OPTIONS = {
  shapes: 'variables have their own shapes',
  zeroGrads: 'each step gets new gradients',
}

/** @throws OptionError if one of the unavailable options is given */
export function checkAvailable(options: Readonly<Record<string, unknown>>): void {
  for (const [name, why] of Object.entries(UNAVAILABLE_OPTIONS)) {
    const value = options[name]
    if (value !== undefined) throw new OptionError(`options: ${name}`, `no value, because ${why}`, value)
  }
}

/** The options of the engine, which are not saved. */
export const engineOptions = ({ engine, instructionSet, threads }: TfjsOptions) => ({
  engine,
  instructionSet,
  threads,
})
