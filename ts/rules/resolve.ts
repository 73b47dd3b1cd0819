import { OptionError, truncate } from '../core/errors.js'
import { isObject, ownProperties } from '../core/untrusted-input.js'
import type { TensorLimits } from '../gradients/clip.js'
import { integerAtLeast, passThrough } from '../options/kinds.js'
import { readOptions } from '../options/read.js'
import { type Definition, definitionNamed, importedDefinitions } from './define.js'
import { type AnyRule, describeRuleOptions } from './rule.js'

/** A rule as the optimizer uses it. */
export interface ResolvedRule {
  /** Checked and frozen, without its delay. */
  readonly rule: AnyRule
  readonly definition: Definition
  /** For how many updates its start is delayed. */
  readonly delay: number
  readonly isDelayed: boolean
  /** The options that groups gave, which the optimizer's do not replace; null where the rule itself is one's. */
  readonly groupOptions: readonly string[] | null
  /** By which they multiplied its lr. */
  readonly lrScale: number
  /** How they clip each tensor by itself; null where they leave that to the optimizer. */
  readonly clip: TensorLimits | null
}

/**
 * Checks a rule that may not have come from its function, for instance from JSON.
 *
 * @throws OptionError where it is not a rule, or one that was not imported, or has an option out of its range
 */
export function resolve(given: unknown, what = 'rule'): ResolvedRule {
  return resolveRule(what, given, true)
}

/** Whether a tensor of this shape is taken as matrices. */
export function isMatrix(shape: readonly number[] | undefined): shape is readonly number[] {
  // Undefined is not.
  return (shape?.length as number) > 1
}

/** What a tensor of this shape gets for a rule: its fallback where the rule does not take that shape. */
export function selectForShape(resolved: ResolvedRule, shape: readonly number[] | undefined): ResolvedRule {
  const { definition, rule } = resolved
  const fallback = definition.fallback?.(rule as never, shape)
  if (fallback === undefined) return resolved
  // Another form of itself.
  if ((fallback as AnyRule).name === rule.name) return { ...resolved, rule: fallback as AnyRule }
  const { delay, isDelayed } = resolved
  const other = resolve(fallback)
  return { ...other, ...(!other.isDelayed && { delay, isDelayed }), groupOptions: null }
}

/** A rule that is not a delayed start itself. */
export function resolveInner(given: unknown): ResolvedRule {
  const resolved = resolveRule('delayedStart: rule', given, false)
  const { name, wantsPoint } = resolved.definition
  if (wantsPoint) {
    const expected = 'a rule in which the parameters alone can wait: the average would not be one'
    throw new OptionError('delayedStart: rule', expected, name)
  }
  return resolved
}

function resolveRule(what: string, given: unknown, mayBeDelayed: boolean): ResolvedRule {
  const expected = `a rule such as adam()${mayBeDelayed ? '' : ', not delayed itself'}`
  if (!isObject(given)) throw new OptionError(what, expected, given)
  // A copy, so that each property is read once. (What is left of it would be another, and took longer than all else.)
  const options = ownProperties(given)
  const { name } = options
  delete options.name
  if (name === 'delayedStart' && mayBeDelayed) return resolveDelayed(options)
  if (Object.hasOwn(options, 'method'))
    throw new OptionError(what, `${expected}; methods are for minimize alone`, given)
  if (typeof name !== 'string' || name === 'delayedStart') throw new OptionError(what, expected, given)
  const definition = definitionNamed(name, options)
  if (definition === undefined) {
    const names = [...importedDefinitions().map(({ name }) => name), 'delayedStart'].join(', ')
    const how = what.startsWith('saved') ? ` (load takes { rules: [${truncate(name)}] })` : ''
    throw new OptionError(
      what,
      `a rule whose name is one of ${names}, or that is imported as well${how}`,
      name,
    )
  }
  const rule = describeRuleOptions(definition, options)
  return { rule, definition, delay: 0, isDelayed: false, groupOptions: [], lrScale: 1, clip: null }
}

function resolveDelayed(options: object): ResolvedRule {
  const table = { updates: integerAtLeast(0), rule: passThrough() }
  const { updates, rule } = readOptions('delayedStart: options', options, table)
  return { ...resolveInner(rule), delay: updates, isDelayed: true }
}

/** The frozen description of a rule with its delay. */
export function addDelay({
  rule,
  delay,
  isDelayed,
}: Pick<ResolvedRule, 'rule' | 'delay' | 'isDelayed'>): object {
  const inner = Object.freeze({ ...rule })
  return isDelayed ? Object.freeze({ name: 'delayedStart', updates: delay, rule: inner }) : inner
}
