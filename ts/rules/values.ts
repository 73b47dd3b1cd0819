/** What a rule's options are at one update. */

import { OptionError } from '../core/errors.js'
import type { Option, OptionTable } from '../options/kinds.js'
import type { NumbersOf } from '../schedules/option.js'
import { compile, findConstantStart, isPlain, type Scheduled } from '../schedules/schedule.js'
import type { Definition } from './define.js'
import type { AnyRule } from './rule.js'

/** A rule with numbers for schedules, as those see it who know nothing of it. */
export type RuleNumbers = NumbersOf<OptionTable>

/** Apart from rules: so that numbers which change often lie in these objects, and not beside them. */
class ScheduledValues {
  [option: string]: unknown
}

/** An option that is scheduled. */
interface ScheduledOption {
  readonly key: string
  readonly option: Option
  readonly at: (t: number) => number
}

/** A rule's schedules. */
export class RuleSchedule {
  /** The update, from 0, from which on all values stay; Infinity where nobody knows. */
  readonly constantFrom: number
  /** Whether no function of the user's is in them. */
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
   * The rule at update t, counted from 0. It is the same object at each call: use it before anything of
   * the user's is called, as that may step this optimizer.
   *
   * @throws OptionError where a schedule gives a value out of its option's range, and whatever a function
   * throws; the values are those of the last call then
   */
  at(t: number): RuleNumbers {
    this.#write(0, t)
    return this.#values as RuleNumbers
  }

  /** Calls all functions before it writes a value: they may call `at` themselves. */
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

/** The schedules of a checked rule; null where it has none, and so is its own values. */
export function makeRuleSchedule({ options, schedulable }: Definition, rule: AnyRule): RuleSchedule | null {
  const keys = schedulable.filter((key) => !isValue(rule[key]))
  if (keys.length === 0) return null
  const entries = keys.map((key) => ({ key, option: options[key], at: compile(rule[key] as Scheduled) }))
  return new RuleSchedule(rule, entries)
}
