/**
 * All rules by name, for tools and tests. The core of the library knows only the rules that the user's program imports.
 */

import { type Definition, definitionNamed } from './define.js'
import type { EquationRule } from './equation-rule.js'
import * as rules from './index.js'
import type { DelayedStart } from './rule.js'

type RuleFunctions = typeof rules

/** Every built-in rule that does not wrap another rule. */
export type BuiltInRule = {
  [K in keyof RuleFunctions]: RuleFunctions[K] extends (...options: never) => infer R ? R : never
}[keyof RuleFunctions]

/** A rule, which is a plain, frozen description with a `name`. */
export type Rule = BuiltInRule | DelayedStart<BuiltInRule>

/** A custom rule, made with `defineRule`. */
export type CustomRule = EquationRule | DelayedStart<EquationRule>

/**
 * A union of the types of the rules with the given names, which TypeScript infers for an array of several rules.
 */
export type RuleByName<N extends Rule['name']> = Extract<Rule, { readonly name: N }>

/** Definitions of all built-in rules by name. */
export const definitions = Object.fromEntries(
  Object.keys(rules).map((name) => [name, definitionNamed(name)]),
) as Readonly<Record<BuiltInRule['name'], Definition>>
