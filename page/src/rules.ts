/** The library's rules as a form sees them: everything is asked of their own definitions. */

import {
  type BuiltInRule,
  type Clip,
  type CustomRule,
  delayedStart,
  type Lbfgs,
  lbfgs,
  type Rule,
  type Scheduled,
  warmup,
} from 'antigrad'
import { enter } from '../../dist/command-line/race.js'
import { integerAtLeast, nonNegative, optional, type Option as RuleOption } from '../../dist/options/kinds.js'
import { readOption } from '../../dist/options/read.js'
import type { Definition } from '../../dist/rules/define.js'
import { definitions } from '../../dist/rules/definitions.js'
import { documentation } from '../../dist/rules/documentation.js'
import * as rules from '../../dist/rules/index.js'

export type RuleName = BuiltInRule['name']
export type OptionValue = number | boolean | string | null

export const allRuleNames = Object.keys(definitions) as RuleName[]
/** Those that work by rows and columns, where parameters are a matrix. */
export const matrixRules = allRuleNames.filter((name) => definitions[name].fallback !== undefined)
/** Those whose parameters may be a point, as in the race, or a vector. */
export const ruleNames = allRuleNames.filter((name) => !definitions[name].wantsShapes)
/** The method that races beside them: by its gradients, as it asks for several in one update. */
export const METHOD = 'lbfgs'
/** What the visitor writes, as its equations. */
export const CUSTOM = 'own'
export type RacerName = RuleName | typeof METHOD | typeof CUSTOM
export const racerNames: readonly RacerName[] = [...ruleNames, METHOD, CUSTOM]

/** Why one of the others is not offered; undefined for what is offered, or no rule. */
export function whyNot(name: string): string | undefined {
  const isKnown = Object.hasOwn(definitions, name) && definitions[name as RuleName].wantsShapes
  return isKnown ? `${name} is not offered: it is for matrices, and parameters are a vector here.` : undefined
}
export const notOffered = Object.keys(definitions)
  .flatMap((name) => whyNot(name) ?? [])
  .join(' ')

/** One of the racers: a rule (or the method) and what of it is not as the library has it. */
export interface RuleEntry {
  readonly rule: RacerName
  readonly options: Readonly<Record<string, OptionValue>>
  /** Of a rule of one's own: the text that says it. */
  readonly equations?: string
}

/** A control for an option. */
export interface OptionField {
  readonly name: string
  readonly kind: 'number' | 'flag' | 'choice'
  readonly choices: readonly string[]
  /** Whether it may be a schedule, as a text. */
  readonly schedulable: boolean
  /** What its comment says, or else what is expected. */
  readonly help: string
  /** How a slider beside it moves, if it has one: by its logarithm, or by what is lost in an update. */
  readonly slides: 'rate' | 'carry' | null
}

const updates = { ...integerAtLeast(0), expected: 'an integer of updates ≥ 0' }

/** What there is to say of these, which no declaration has. */
const explained: Readonly<Record<string, string>> = {
  warmup: 'for so many updates the rate rises from 0 in equal steps; 0: at once',
  delay: 'whoever is delayed stands still for so many updates; 0: not at all',
  clipNorm: 'a gradient that is longer is shortened to this; 0: none is',
  maximize: 'climbs instead',
  clipValue: 'each component of the gradient is kept within ± this; 0: none is',
}

/** What may stand around any rule, beside its own options; 0 is without. */
const extras: Readonly<Record<string, RuleOption>> = {
  warmup: updates,
  delay: updates,
  clipNorm: nonNegative(),
  clipValue: nonNegative(),
}

export const extraNames: readonly string[] = Object.keys(extras)

/** The options that say how much of its motion a rule keeps: the first that it has gets a slider. */
const carrying = ['momentum', 'beta1', 'decay', 'rho', 'beta']

/** All options of a rule; the learning rate is the first. The method needs none. */
export function fields(entry: Pick<RuleEntry, 'rule' | 'equations'>): OptionField[] {
  const { rule } = entry
  if (rule === METHOD) return []
  const { options: own, defaults } = getDefinition(entry)
  // A rule has no control, nor have its equations.
  const isPlain = ([name]: [string, RuleOption]) => {
    const value: unknown = defaults[name as 'name']
    return typeof value !== 'object' || value === null
  }
  const { warmup, ...others } = extras
  const around = own.lr?.schedulable ? extras : others
  const all = Object.entries({ ...(own.lr && { lr: own.lr }), ...own, ...around }).filter(isPlain)
  const carries = all.find(([name]) => carrying.includes(name))?.[0]
  return all.map(([name, option]) => {
    const quoted = [...option.expected.matchAll(/'([^']+)'/g)].map(([, value]) => value)
    const choices = quoted.filter(option.accepts)
    const kind = option.accepts(true) ? 'flag' : choices.length > 0 ? 'choice' : 'number'
    const { schedulable, expected } = option
    const help = explained[name] ?? documentation[rule]?.[name] ?? expected
    return { name, kind, choices, schedulable, help, slides: makeSliders(name, entry, option, carries) }
  })
}

function makeSliders(
  name: string,
  { rule }: Pick<RuleEntry, 'rule'>,
  option: RuleOption,
  carries = '',
): OptionField['slides'] {
  if (name === 'lr') return 'rate'
  if (name === carries) return 'carry'
  // Those of one's own are to be played with.
  if (rule !== CUSTOM || typeof option.default !== 'number' || Object.hasOwn(extras, name)) return null
  if (!option.accepts(1)) return 'carry'
  return option.default >= 1e-5 && option.default <= 10 ? 'rate' : null
}

/** The value that an option has in an entry, given or by default. */
export function getOption(entry: RuleEntry, name: string): OptionValue {
  if (Object.hasOwn(extras, name) || Object.hasOwn(entry.options, name)) return entry.options[name] ?? 0
  if (entry.rule === METHOD) return 0
  return (make(entry, entry.options) as unknown as Record<string, OptionValue>)[name]
}

/**
 * The rule, and how its gradients are clipped.
 *
 * @throws OptionError where an option is unknown or out of its range
 */
export function build(entry: RuleEntry): { rule: Rule | CustomRule | Lbfgs; clip: Clip } {
  if (entry.rule === METHOD) return { rule: lbfgs(entry.options), clip: {} }
  const { name: title } = getDefinition(entry)
  for (const [name, kind] of Object.entries(extras)) {
    readOption(`${title}: ${name}`, optional(kind), entry.options[name])
  }
  const { warmup: rise = 0, delay = 0, clipNorm = 0, clipValue = 0 } = entry.options as Record<string, number>
  const plain = make(entry, entry.options)
  const simple = rise > 0 ? make(entry, { ...entry.options, lr: warmup(plain.lr, { steps: rise }) }) : plain
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
export function setScheduleParser(parser: typeof read): void {
  read = parser
}

/** A rule of one's own. */
export interface CustomRuleEntry {
  readonly definition: Definition
  /** Its step, each `name = …`. */
  readonly lines: readonly { readonly target: string; readonly line: string }[]
  /** The states that begin as the first gradient. */
  readonly first: readonly string[]
  /** It as a program has it, whatever it was typed as: nobody's text becomes code. */
  readonly program: string
  make(options: object): BuiltInRule
}

let readOwn = (_text: string): CustomRuleEntry => {
  throw new Error('own: the part of the page that reads equations could not be loaded')
}

/** Says how equations are read: custom-rule.ts does, which is loaded where there are some. */
export function setCustomRuleReader(reader: typeof readOwn): void {
  readOwn = reader
}

/** @throws Error with a sentence where its equations cannot be read */
export const readCustomRule = ({ equations = '' }: Pick<RuleEntry, 'equations'>): CustomRuleEntry =>
  readOwn(equations)

const getDefinition = (entry: Pick<RuleEntry, 'rule' | 'equations'>): Definition =>
  entry.rule === CUSTOM ? readCustomRule(entry).definition : definitions[entry.rule as RuleName]

const makers = { ...rules } as Readonly<Record<string, (options: object) => BuiltInRule>>

function make(entry: Pick<RuleEntry, 'rule' | 'equations'>, options: object): BuiltInRule {
  const { name: rule, options: all } = getDefinition(entry)
  const given = Object.entries(options)
    .filter(([name]) => !Object.hasOwn(extras, name))
    .map(([name, value]) => {
      const isRead = isSchedule(value) && all[name]?.schedulable
      return [name, isRead ? read(value, `${rule}: ${name}`) : value]
    })
  const maker = entry.rule === CUSTOM ? readCustomRule(entry).make : makers[rule]
  return maker(Object.fromEntries(given))
}

/** The options whose values are schedules, a warm-up's too. */
export function collectSchedules(entry: RuleEntry): [name: string, schedule: Scheduled][] {
  const { rule } = build(entry)
  if ('method' in rule) return []
  const plain = 'rule' in rule ? rule.rule : rule
  return Object.entries(plain).filter((option): option is [string, Scheduled] =>
    Object.hasOwn(Object(option[1]), 'schedule'),
  )
}

/** The rule with the learning rate that suits Rosenbrock's function, as `antigrad race` has it. */
export function suggested(rule: RacerName): RuleEntry {
  if (rule === METHOD) return { rule, options: {} }
  const found = enter().find((entry) => entry.rule.name === rule)
  return { rule, options: { lr: (found?.rule as { lr: number } | undefined)?.lr ?? 1e-3 } }
}

/** What a rule is called. */
export const getTitle = (entry: RuleEntry): string =>
  entry.rule === METHOD ? METHOD : getDefinition(entry).name

/** What to call an entry: its rule, and its options but for those that are as the library has them. */
export function describeEntry(entry: RuleEntry): string {
  const rest = Object.entries(entry.options).filter(([name]) => name !== 'lr')
  const said = rest.map(([name, value]) => (value === true ? name : `${name} ${summarizeOptions(value)}`))
  const rate = fields(entry)[0]?.name === 'lr' ? [summarizeOptions(getOption(entry, 'lr'))] : []
  return [getTitle(entry), ...rate, ...said].join(' ')
}

/** What is in a schedule is too long for a name. */
const summarizeOptions = (value: OptionValue) =>
  isSchedule(value) ? value.replace(/([({]).*([)}])/s, '$1…$2') : String(value)
