/** Values of the options of a rule at one update. */

import { OptionError } from '../core/errors.js'
import type { Option, OptionTable } from '../options/kinds.js'
import type { NumbersOf } from '../schedules/option.js'
import { compile, findConstantStart, isPlain, type Scheduled } from '../schedules/schedule.js'
import type { Definition } from './define.js'
import type { AnyRule } from './rule.js'

/** A rule in which numbers replace the schedules, for code that works with every rule. */
export type RuleNumbers = NumbersOf<OptionTable>

/**
 * Frequently changing numbers are properties of a separate class, so that JavaScript engines store the numbers inside
 * the class's objects.
 */
class ScheduledValues {
  [option: string]: unknown
}

/** An option whose value is a schedule. */
interface ScheduledOption {
  readonly key: string
  readonly option: Option
  readonly at: (t: number) => number
}

/** The schedules of a rule. */
export class RuleSchedule {
  /** The update, counted from 0, after which all values are constant; Infinity if unknown. */
  readonly constantFrom: number
  /** Whether the schedules contain no user functions. */
  readonly isPlain: boolean
  readonly #name: string
  readonly #entries: readonly ScheduledOption[]
  readonly #values: ScheduledValues

  constructor(rule: AnyRule, entries: readonly ScheduledOption[]) {
    this.constantFrom = Math.max(...entries.map(({ key }) => findConstantStart(rule[key] as Scheduled)))
    this.isPlain = entries.every(({ key }) => isPlain(rule[key]))
    this.#name = rule.name
    this.#entries = entries
    this.#values = Object.assign(new ScheduledValues(), rule)
    for (const { key } of entries) this.#values[key] = NaN
  }

  /**
   * The rule at update t, counted from 0. All calls return the same object. The caller must therefore read the object
   * before calling user code that may step this optimizer.
   *
   * @throws OptionError if a schedule returns a value outside its option's range, and any exception of a user function.
   * After either exception, the values of the last successful call remain.
   */
  at(t: number): RuleNumbers {
    this.#write(0, t)
    return this.#values as RuleNumbers
  }

  /** All functions are called before any value is written, because the functions may call `at`. */
  #write(number: number, t: number): void {
    const { key, option, at } = this.#entries[number]
    const x = at(t)
    if (!option.accepts(x)) throw new OptionError(`${this.#name}: ${key} at t = ${t}`, option.expected, x)
    if (number + 1 < this.#entries.length) this.#write(number + 1, t)
    this.#values[key] = x
  }
}

const isValue = (value: unknown): boolean =>
  value === null || (typeof value !== 'object' && typeof value !== 'function')

/** The schedules of a validated rule; null if the rule has no schedules. */
export function makeRuleSchedule({ options, schedulable }: Definition, rule: AnyRule): RuleSchedule | null {
  const keys = schedulable.filter((key) => !isValue(rule[key]))
  if (keys.length === 0) return null
  const entries = keys.map((key) => ({ key, option: options[key], at: compile(rule[key] as Scheduled) }))
  return new RuleSchedule(rule, entries)
}
