/** All rules by name: for tools and tests. The core knows only those that a program imports. */

import { type Definition, definitionNamed } from './define.js'
import type { EquationRule } from './equation-rule.js'
import * as rules from './index.js'
import type { DelayedStart } from './rule.js'

type RuleFunctions = typeof rules

/** Every rule that is not a wrapper of another. */
export type BuiltInRule = {
  [K in keyof RuleFunctions]: RuleFunctions[K] extends (...options: never) => infer R ? R : never
}[keyof RuleFunctions]

/** A rule: a plain, frozen description, told apart by its `name`. */
export type Rule = BuiltInRule | DelayedStart<BuiltInRule>

/** A rule of one's own, by `defineRule`. */
export type CustomRule = EquationRule | DelayedStart<EquationRule>

/** The rules of some names: these are what TypeScript infers of several rules in one list. */
export type RuleByName<N extends Rule['name']> = Extract<Rule, { readonly name: N }>

/** What is declared of each rule. */
export const definitions = Object.fromEntries(
  Object.keys(rules).map((name) => [name, definitionNamed(name)]),
) as Readonly<Record<BuiltInRule['name'], Definition>>
