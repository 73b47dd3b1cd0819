import { OptionError } from '../errors.js'
import { type Adagrad, adagradDefinition } from './adagrad.js'
import { type Adam, adamDefinition } from './adam.js'
import { type AdamW, adamwDefinition } from './adamw.js'
import type { DelayedStart } from './delayed-start.js'
import { type GradientDescent, gradientDescentDefinition } from './gradient-descent.js'
import { type Momentum, momentumDefinition } from './momentum.js'
import { type Nesterov, nesterovDefinition } from './nesterov.js'
import { type RAdam, radamDefinition } from './radam.js'
import { type RmsProp, rmspropDefinition } from './rmsprop.js'
import { type Definition, describe } from './rule.js'
import { type Sgd, sgdDefinition } from './sgd.js'

/** Every rule that is not a wrapper of another. */
export type SimpleRule =
  | GradientDescent
  | Momentum
  | Nesterov
  | Sgd
  | Adagrad
  | RmsProp
  | Adam
  | AdamW
  | RAdam

/** A rule: a plain, frozen description, told apart by its `name`. */
export type Rule = SimpleRule | DelayedStart

/** The one list of rules, in order of growing complexity. */
export const definitions = {
  gradientDescent: gradientDescentDefinition,
  momentum: momentumDefinition,
  nesterov: nesterovDefinition,
  sgd: sgdDefinition,
  adagrad: adagradDefinition,
  rmsprop: rmspropDefinition,
  adam: adamDefinition,
  adamw: adamwDefinition,
  radam: radamDefinition,
} as const

export function definitionOf(rule: SimpleRule): Definition<SimpleRule> {
  return definitions[rule.name] as unknown as Definition<SimpleRule>
}

/**
 * A copy of a rule, for which each property is read once; its options are not checked yet.
 *
 * @throws OptionError where it is not one
 */
export function readRule(argument: string, value: unknown): Rule {
  if (typeof value !== 'object' || value === null)
    throw new OptionError(argument, 'a rule such as adam()', value)
  const rule = { ...value } as Rule
  const names = [...Object.keys(definitions), 'delayedStart']
  if (names.includes(rule.name)) return rule
  if (typeof rule.name !== 'string') throw new OptionError(argument, 'a rule such as adam()', value)
  throw new OptionError(argument, `a rule whose name is one of ${names.join(', ')}`, rule.name)
}

/** The rule with some options changed, all of them checked; those that are undefined stay. */
export function checked(rule: SimpleRule, changes: object): SimpleRule {
  const { name, ...options } = rule
  if (typeof changes !== 'object' || changes === null) {
    throw new OptionError(`${name}: options`, 'an object', changes)
  }
  const given = Object.entries(changes).filter(([, value]) => value !== undefined)
  return describe(definitionOf(rule), { ...options, ...Object.fromEntries(given) })
}
