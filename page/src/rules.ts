/** The library's rules as a form sees them: everything is asked of their own definitions. */

import {
  type Clip,
  delayedStart,
  type Lbfgs,
  lbfgs,
  type Rule,
  type Scheduled,
  type SimpleRule,
  warmup,
} from 'antigrad'
import { enter } from '../../dist/command-line/race.js'
import { nonNegative, optional, type Option as RuleOption, whole } from '../../dist/options/kinds.js'
import { readOption } from '../../dist/options/read.js'
import { definitions } from '../../dist/rules/definitions.js'
import { documentation } from '../../dist/rules/documentation.js'
import * as rules from '../../dist/rules/index.js'

export type RuleName = SimpleRule['name']
export type OptionValue = number | boolean | string | null

/** Those whose parameters may be a point, as in the race, or a vector. */
export const ruleNames = (Object.keys(definitions) as RuleName[]).filter(
  (name) => !definitions[name].wantsShapes,
)
/** The method that races beside them: by its gradients, as it asks for several in one update. */
export const METHOD = 'lbfgs'
export type RacerName = RuleName | typeof METHOD
export const racerNames: readonly RacerName[] = [...ruleNames, METHOD]

/** Why one of the others is not offered; undefined for what is offered, or no rule. */
export function whyNot(name: string): string | undefined {
  const isKnown = Object.hasOwn(definitions, name) && definitions[name as RuleName].wantsShapes
  return isKnown ? `${name} is not offered: it is for matrices, and parameters are a vector here.` : undefined
}
export const notOffered = Object.keys(definitions)
  .flatMap((name) => whyNot(name) ?? [])
  .join(' ')

/** One of the racers: a rule (or the method) and what of it is not as the library has it. */
export interface Entry {
  readonly rule: RacerName
  readonly options: Readonly<Record<string, OptionValue>>
}

/** A control for an option. */
export interface Field {
  readonly name: string
  readonly kind: 'number' | 'flag' | 'choice'
  readonly choices: readonly string[]
  /** Whether it may be a schedule, as a text. */
  readonly schedulable: boolean
  /** What its comment says, or else what is expected. */
  readonly help: string
}

const updates = { ...whole(0), expected: 'a whole number of updates ≥ 0' }

/** What may stand around any rule, beside its own options; 0 is without. */
const extras: Readonly<Record<string, RuleOption>> = {
  ...{ warmup: updates, delay: updates },
  ...{ clipNorm: nonNegative(), clipValue: nonNegative() },
}

/** All options of a rule; the learning rate is the first. The method needs none. */
export function fields(rule: RacerName): Field[] {
  if (rule === METHOD) return []
  const own: Readonly<Record<string, RuleOption>> = definitions[rule].options
  // A rule has no control.
  const isPlain = ([name]: [string, RuleOption]) => {
    const value: unknown = definitions[rule].defaults[name as 'name']
    return typeof value !== 'object' || value === null
  }
  const all = Object.entries({ lr: own.lr, ...own, ...extras })
  return all.filter(isPlain).map(([name, option]) => {
    const quoted = [...option.expected.matchAll(/'([^']+)'/g)].map(([, value]) => value)
    const choices = quoted.filter(option.accepts)
    const kind = option.accepts(true) ? 'flag' : choices.length > 0 ? 'choice' : 'number'
    const { schedulable, expected } = option
    return { name, kind, choices, schedulable, help: documentation[rule][name] ?? expected }
  })
}

/** The value that an option has in an entry, given or by default. */
export function optionOf(entry: Entry, name: string): OptionValue {
  if (Object.hasOwn(extras, name) || Object.hasOwn(entry.options, name)) return entry.options[name] ?? 0
  if (entry.rule === METHOD) return 0
  return (make(entry.rule, entry.options) as unknown as Record<string, OptionValue>)[name]
}

/**
 * The rule, and how its gradients are clipped.
 *
 * @throws OptionError where an option is unknown or out of its range
 */
export function build(entry: Entry): { rule: Rule | Lbfgs; clip: Clip } {
  if (entry.rule === METHOD) return { rule: lbfgs(entry.options), clip: {} }
  for (const [name, kind] of Object.entries(extras)) {
    readOption(`${entry.rule}: ${name}`, optional(kind), entry.options[name])
  }
  const { warmup: rise = 0, delay = 0, clipNorm = 0, clipValue = 0 } = entry.options as Record<string, number>
  const plain = make(entry.rule, entry.options)
  const simple =
    rise > 0 ? make(entry.rule, { ...entry.options, lr: warmup(plain.lr, { steps: rise }) }) : plain
  return {
    rule: delay > 0 ? delayedStart(delay, simple) : simple,
    clip: { ...(clipNorm > 0 && { norm: clipNorm }), ...(clipValue > 0 && { value: clipValue }) },
  }
}

/** Whether a value is a schedule's text, and not a number's or a word. */
export const isSchedule = (value: unknown): value is string => typeof value === 'string' && /[({]/.test(value)

let read = (_text: string, what: string): Scheduled => {
  throw new Error(`${what}: the part of the page that reads schedules could not be loaded`)
}

/** Says how schedules are read: schedules.ts does, which is loaded where there are some. */
export function readBy(parser: typeof read): void {
  read = parser
}

const makers = { ...rules } as Readonly<Record<RuleName, (options: object) => SimpleRule>>

function make(rule: RuleName, options: object): SimpleRule {
  const all: Readonly<Record<string, RuleOption>> = definitions[rule].options
  const own = Object.entries(options)
    .filter(([name]) => !Object.hasOwn(extras, name))
    .map(([name, value]) => {
      const isRead = isSchedule(value) && all[name]?.schedulable
      return [name, isRead ? read(value, `${rule}: ${name}`) : value]
    })
  return makers[rule](Object.fromEntries(own))
}

/** The options whose values are schedules, a warm-up's too. */
export function schedulesIn(entry: Entry): [name: string, schedule: Scheduled][] {
  const { rule } = build(entry)
  if ('method' in rule) return []
  const plain: SimpleRule = rule.name === 'delayedStart' ? rule.rule : rule
  return Object.entries(plain).filter((option): option is [string, Scheduled] =>
    Object.hasOwn(Object(option[1]), 'schedule'),
  )
}

/** The rule with the learning rate that suits Rosenbrock's function, as `antigrad race` has it. */
export function suggested(rule: RacerName): Entry {
  if (rule === METHOD) return { rule, options: {} }
  const found = enter().find((entry) => entry.rule.name === rule)
  return { rule, options: { lr: (found?.rule as { lr: number } | undefined)?.lr ?? 1e-3 } }
}

/** What to call an entry: its rule, and its options but for those that are as the library has them. */
export function nameOf(entry: Entry): string {
  const rest = Object.entries(entry.options).filter(([name]) => name !== 'lr')
  const said = rest.map(([name, value]) => (value === true ? name : `${name} ${brief(value)}`))
  const rate = entry.rule === METHOD ? [] : [brief(optionOf(entry, 'lr'))]
  return [entry.rule, ...rate, ...said].join(' ')
}

/** What is in a schedule is too long for a name. */
const brief = (value: OptionValue) =>
  isSchedule(value) ? value.replace(/([({]).*([)}])/s, '$1…$2') : String(value)
