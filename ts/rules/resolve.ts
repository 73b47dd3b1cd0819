import { hintFor, methodNames } from '#hints'
import { OptionError, truncate } from '../core/errors.js'
import { isObject, ownProperties } from '../core/untrusted-input.js'
import type { TensorLimits } from '../gradients/clip.js'
import { integerAtLeast, passThrough } from '../options/kinds.js'
import { readOptions } from '../options/read.js'
import { type Definition, definitionNamed, importedDefinitions } from './define.js'
import { type AnyRule, describeRuleOptions } from './rule.js'

/** A rule, as used by the optimizer. */
export interface ResolvedRule {
  /** The validated, frozen rule without its delayed start. */
  readonly rule: AnyRule
  readonly definition: Definition
  /** Number of updates by which the start is delayed. */
  readonly delay: number
  readonly isDelayed: boolean
  /**
   * Names of the options that a group sets. The optimizer's options do not override these options. The value is null if
   * a group sets the whole rule.
   */
  readonly groupOptions: readonly string[] | null
  /** Factor of the learning rate that groups set. */
  readonly lrScale: number
  /** Per-tensor clipping that a group sets; null if the optimizer's clipping applies. */
  readonly clip: TensorLimits | null
}

/**
 * Validates a rule, which may come from JSON instead of the rule's function.
 *
 * @throws OptionError if the value is not a rule, if the rule was not imported, or if an option is out of its range
 */
export function resolve(given: unknown, what = 'rule'): ResolvedRule {
  return resolveRule(what, given, true)
}

/** Whether the rule treats a tensor of this shape as matrices. */
export function isMatrix(shape: readonly number[] | undefined): shape is readonly number[] {
  // A comparison with undefined is false.
  return (shape?.length as number) > 1
}

/**
 * The rule for a tensor of this shape: the given rule, or the rule's fallback if the rule does not support the shape.
 */
export function selectForShape(resolved: ResolvedRule, shape: readonly number[] | undefined): ResolvedRule {
  const { definition, rule } = resolved
  const fallback = definition.fallback?.(rule as never, shape)
  if (fallback === undefined) return resolved
  // The fallback may be another form of the same rule.
  if ((fallback as AnyRule).name === rule.name) return { ...resolved, rule: fallback as AnyRule }
  const { delay, isDelayed } = resolved
  const other = resolve(fallback)
  return { ...other, ...(!other.isDelayed && { delay, isDelayed }), groupOptions: null }
}

/** Resolves a rule that must not have a delayed start. */
export function resolveInner(given: unknown): ResolvedRule {
  const resolved = resolveRule('delayedStart: rule', given, false)
  const { name, wantsPoint } = resolved.definition
  if (wantsPoint) {
    const expected = 'a rule that is not schedule-free, because a delay would distort the average'
    throw new OptionError('delayedStart: rule', expected, name)
  }
  return resolved
}

function resolveRule(what: string, given: unknown, mayBeDelayed: boolean): ResolvedRule {
  const expected = `a rule such as adam()${mayBeDelayed ? '' : ' without a delay'}`
  if (!isObject(given)) {
    const hint = hintFor(given, () => [
      ...importedDefinitions().map(({ name }) => `${name}()`),
      ...methodNames,
    ])
    throw new OptionError(what, expected, given, hint)
  }
  // The object is copied, so that each property is read once. (A second copy by `const { name, ...rest }` took longer
  // than all other code of this function.)
  const options = ownProperties(given)
  const { name } = options
  delete options.name
  if (name === 'delayedStart' && mayBeDelayed) return resolveDelayed(options)
  if (Object.hasOwn(options, 'method'))
    throw new OptionError(what, `${expected}; methods are only for minimize and minimizeMany`, given)
  if (typeof name !== 'string' || name === 'delayedStart') throw new OptionError(what, expected, given)
  const definition = definitionNamed(name, options)
  if (definition === undefined) {
    const names = [...importedDefinitions().map(({ name }) => name), 'delayedStart'].join(', ')
    const how = what.startsWith('saved') ? ` (load takes { rules: [${truncate(name)}] })` : ''
    throw new OptionError(what, `one of ${names}, or another imported rule${how}`, name)
  }
  const rule = describeRuleOptions(definition, options)
  return { rule, definition, delay: 0, isDelayed: false, groupOptions: [], lrScale: 1, clip: null }
}

function resolveDelayed(options: object): ResolvedRule {
  const table = { updates: integerAtLeast(0), rule: passThrough() }
  const { updates, rule } = readOptions('delayedStart: options', options, table)
  return { ...resolveInner(rule), delay: updates, isDelayed: true }
}

/** The frozen description of a rule, including its delay. */
export function addDelay({
  rule,
  delay,
  isDelayed,
}: Pick<ResolvedRule, 'rule' | 'delay' | 'isDelayed'>): object {
  const inner = Object.freeze({ ...rule })
  return isDelayed ? Object.freeze({ name: 'delayedStart', updates: delay, rule: inner }) : inner
}
