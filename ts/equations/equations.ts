/** Rules of one's own, written as their equations. */

import { extensions } from '../extensions.js'
import type { Definition } from '../rules/define.js'
import type { EquationRule, OptionValue, RuleDefinition } from '../rules/equation-rule.js'
import { describeRuleOptions as describeOptions } from '../rules/rule.js'
import { readDeclaration } from './declaration.js'
import { compileRule } from './define.js'
import { registerKernels } from './interpreter.js'

/** Its options as they may be given: all have defaults. */
export type EquationOptions<E extends RuleDefinition> = {
  readonly [K in keyof E['options'] | 'maximize']?: K extends keyof E['options']
    ? OptionValue<E['options'][K]> | undefined
    : boolean | undefined
}

registerKernels()
declare module '../extensions.js' {
  interface Extensions {
    /** Finds a rule whose options carry its equations. */
    defineFromEquations(name: string, options?: object): Definition | undefined
  }
}

extensions.defineFromEquations = (name, options) => {
  // Not what somebody has put on every object.
  const isOwn = options !== undefined && Object.hasOwn(options, 'equations')
  const { equations } = isOwn ? (options as { equations?: unknown }) : { equations: undefined }
  return equations === undefined ? undefined : compileRule(name, readDeclaration(name, equations)).definition
}

/**
 * A rule of one's own, by its equations: gives the function that makes it with its options, as `adam` is one.
 *
 * In the lines of `step`, `theta` is the parameter and `g` the gradient, as the pipeline hands it on; names of options,
 * states and scalars are theirs, and `t` is this tensor's update, from 1. A line sees what lines before it have assigned;
 * what was assigned to `theta`, to states and to scalars stays. Largest parts of a line with no element in them, from left
 * to right, are one number in float64, which is rounded to the dtype once; all else is rounded operation by operation, on
 * all engines to the same bits.
 *
 * ```ts
 * const tiger = equations('tiger', {
 *   options: { lr: { default: 1e-3, min: 0, scheduled: true }, beta: { default: 0.965, min: 0, below: 1 } },
 *   state: { m: 0 },
 *   step: `m = beta*m + (1 - beta)*g
 *          theta = theta - lr*sign(m)`,
 * })
 * new Optimizer(params, tiger({ lr: 3e-4 }))
 * ```
 *
 * @param name what messages and saved runs call it
 * @param given options with defaults and limits, at most six arrays of state, scalars, and the lines
 * @throws ArgumentError where a name is taken or a value is none of these, EquationError where a line cannot be read
 */
export function defineRule<const N extends string, const E extends RuleDefinition>(
  name: N,
  given: E,
): (options?: EquationOptions<E>) => EquationRule<N, E> {
  const { definition } = compileRule(name, readDeclaration(name, given))
  return (options = {}) => describeOptions(definition, options) as unknown as EquationRule<N, E>
}
