/**
 * Custom rules, written as equations. This is the main module of ts/equations.
 *
 * `defineRule` reads the lines of a paper's update rule. Like `adam`, the returned function makes the rule with
 * options. No code is generated from the string. The lines are compiled to a small program of numbered operations. The
 * row of coefficients contains the program for the kernels. An interpreter runs the program over blocks of elements:
 * crates/kernels/src/programs/equations.rs in Rust, and interpreter.ts in TypeScript, with bit-identical results.
 *
 * The modules follow the order of compilation:
 *
 * 1. declaration.ts reads and checks the user's definition: options, states, scalars and the string of lines.
 * 2. statements.ts splits the string into assignments, and read.ts parses them into a graph. In the graph, each name
 *    stands for its latest value. Equal subexpressions are therefore one node.
 * 3. read.ts classifies each node: one number for all tensors with the same update counter, one number per tensor, or
 *    one number per element. Sums over elements separate the step into at most three stages.
 * 4. program.ts orders the elementwise operations of each stage, fuses multiply-add and similar patterns, and assigns
 *    slots. layout.ts encodes the program in a row.
 * 5. scalars.ts evaluates all other nodes in float64: once per update, and once per tensor between stages.
 * 6. define.ts combines these parts into a rule definition (ts/rules/define.ts). describe.ts formats the definition as
 *    a string.
 *
 * Example: the heavy ball. `lr` and `alpha` are numbers of an update, and `v` and `theta` are arrays. The step is one
 * stage of two operations: the fused alpha·v − lr·g, and a sum.
 *
 * ```ts
 * const heavyBall = defineRule('heavyBall', {
 *   options: { lr: { default: 0.1, scheduled: true }, alpha: 0.9 },
 *   state: { v: 0 },
 *   step: 'v = alpha*v - lr*g; theta = theta + v',
 * })
 * new Optimizer(params, heavyBall({ lr: 0.01 }))
 * ```
 */

import { extensions } from '../extensions.js'
import type { Definition } from '../rules/define.js'
import type { EquationRule, OptionValue, RuleDefinition } from '../rules/equation-rule.js'
import { describeRuleOptions as describeOptions } from '../rules/rule.js'
import { readDeclaration } from './declaration.js'
import { compileRule } from './define.js'
import { registerKernels } from './interpreter.js'

/** The options of a custom rule. All options are optional. */
export type EquationOptions<E extends RuleDefinition> = {
  readonly [K in keyof E['options'] | 'maximize']?: K extends keyof E['options']
    ? OptionValue<E['options'][K]> | undefined
    : boolean | undefined
}

registerKernels()
declare module '../extensions.js' {
  interface Extensions {
    /** Finds a rule by the equations in its options. */
    defineFromEquations(name: string, options?: object): Definition | undefined
  }
}

extensions.defineFromEquations = (name, options) => {
  // An inherited property `equations` is ignored.
  const isOwn = options !== undefined && Object.hasOwn(options, 'equations')
  const { equations } = isOwn ? (options as { equations?: unknown }) : { equations: undefined }
  return equations === undefined ? undefined : compileRule(name, readDeclaration(name, equations)).definition
}

/**
 * Defines a custom rule by equations. Like `adam`, the returned function makes the rule with options.
 *
 * In the lines of `step`, `theta` is the parameter and `g` is the gradient after the pipeline. Options, states and
 * scalars appear under their names, and `t` counts the updates of the tensor from 1. A line uses the values that
 * earlier lines have assigned. The last values of `theta`, of states and of scalars are stored. Operators of equal
 * precedence are grouped from left to right. The largest subexpressions without arrays are computed as float64 numbers,
 * which are rounded to the dtype once. Every operation with arrays is rounded to the dtype. Results are bit-identical
 * on all engines.
 *
 * ```ts
 * const tiger = defineRule('tiger', {
 *   options: { lr: { default: 1e-3, min: 0, scheduled: true }, beta: { default: 0.965, min: 0, below: 1 } },
 *   state: { m: 0 },
 *   step: `m = beta*m + (1 - beta)*g
 *          theta = theta - lr*sign(m)`,
 * })
 * new Optimizer(params, tiger({ lr: 3e-4 }))
 * ```
 *
 * @param name name of the rule in messages and saved runs
 * @param given options with defaults and limits, at most six state arrays, scalars, and the lines
 * @throws ArgumentError if a name is taken or a value is invalid, EquationError if a line cannot be read
 */
export function defineRule<const N extends string, const E extends RuleDefinition>(
  name: N,
  given: E,
): (options?: EquationOptions<E>) => EquationRule<N, E> {
  const { definition } = compileRule(name, readDeclaration(name, given))
  return (options = {}) => describeOptions(definition, options) as unknown as EquationRule<N, E>
}
