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

export function isRule(value: unknown): value is Rule {
  if (typeof value !== 'object' || value === null || !('name' in value)) return false
  const { name } = value
  return typeof name === 'string' && (name === 'delayedStart' || Object.hasOwn(definitions, name))
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
