import { OptionError } from '../errors.js'
import { checked, type Rule, readRule, type SimpleRule } from './index.js'

/** A rule whose parameters move late; see {@link delayedStart}. */
export interface DelayedStart {
  readonly name: 'delayedStart'
  readonly updates: number
  readonly rule: SimpleRule
}

/**
 * Any rule with a delayed start: for the first `updates` updates of a tensor the rule collects its
 * statistics (moments, sums, velocity), and the parameters stay. Schedules and bias corrections
 * count these updates. (A remedy for Adam's large first steps that Liu et al., 2020, section 3.1, try
 * with 2000 updates; there the first moment waits too.)
 *
 * @throws OptionError where `updates` is not a whole number ≥ 0 or `rule` is not a rule or has an
 * option out of its range
 */
export function delayedStart(updates: number, rule: SimpleRule): DelayedStart {
  if (!Number.isInteger(updates) || updates < 0) {
    throw new OptionError('delayedStart: updates', 'a whole number ≥ 0', updates)
  }
  const inner = readRule('delayedStart: rule', rule)
  if (inner.name === 'delayedStart') {
    throw new OptionError('delayedStart: rule', 'a rule such as adam(), not delayed itself', rule)
  }
  return Object.freeze({ name: 'delayedStart', updates, rule: checked(inner, {}) })
}

/** A rule taken apart: the simple one, and for how many updates its start is delayed. */
export interface Unwrapped {
  readonly simple: SimpleRule
  readonly delay: number
  readonly isDelayed: boolean
}

/**
 * Checks a rule that may not have come from its function, for instance from JSON.
 *
 * @throws OptionError where it is not a rule, or has an option out of its range
 */
export function unwrap(rule: Rule): Unwrapped {
  const given = readRule('rule', rule)
  if (given.name !== 'delayedStart') return { simple: checked(given, {}), delay: 0, isDelayed: false }
  const { name: _, updates, rule: inner, ...unknown } = given
  const [stranger] = Object.keys(unknown)
  if (stranger !== undefined) throw new OptionError('delayedStart: options', 'updates and rule', stranger)
  return { simple: delayedStart(updates, inner).rule, delay: updates, isDelayed: true }
}
