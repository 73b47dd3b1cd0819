/** Descriptions of the library's rules for forms, which are derived from the rules' definitions. */

import {
  type BuiltInRule,
  type Clip,
  type CustomRule,
  delayedStart,
  type Lbfgs,
  type Newton,
  type Rule,
  type Scheduled,
  warmup,
} from 'antigrad'
import {
  type Definition,
  definitions,
  enter,
  integerAtLeast,
  nonNegative,
  optional,
  type Option as RuleOption,
  readOption,
  rules,
} from '../../dist/page.js'

export type RuleName = BuiltInRule['name']
export type OptionValue = number | boolean | string | null

export const allRuleNames = Object.keys(definitions) as RuleName[]
/** Rules for matrix parameters. */
export const matrixRules = allRuleNames.filter((name) => definitions[name].fallback !== undefined)
/** Rules for vector parameters, which can take part in the race. */
export const ruleNames = allRuleNames.filter((name) => !definitions[name].wantsShapes)
/**
 * The methods that also take part in the race. Their timeline counts gradients, because an update may need several.
 */
export const methodNames = ['lbfgs', 'newton'] as const
export type MethodName = (typeof methodNames)[number]
export const isMethod = (name: string): name is MethodName => methodNames.includes(name as MethodName)
/** The name of custom rules. */
export const CUSTOM = 'own'
export type RacerName = RuleName | MethodName | typeof CUSTOM
export const racerNames: readonly RacerName[] = [...ruleNames, ...methodNames, CUSTOM]

/** Why a rule is not available; undefined if the rule is available or does not exist. */
export function whyNot(name: string): string | undefined {
  const isKnown = Object.hasOwn(definitions, name) && definitions[name as RuleName].wantsShapes
  return isKnown
    ? `${name} is not available: ${name} needs matrix parameters, but the parameters of a race are a vector.`
    : undefined
}
export const notOffered = Object.keys(definitions)
  .flatMap((name) => whyNot(name) ?? [])
  .join(' ')

/** One of the racers: a rule or a method and the options that differ from the library's defaults. */
export interface RuleEntry {
  readonly rule: RacerName
  readonly options: Readonly<Record<string, OptionValue>>
  /** The text of a custom rule. */
  readonly equations?: string
}

/** A control for an option. */
export interface OptionField {
  readonly name: string
  readonly kind: 'number' | 'flag' | 'choice'
  readonly choices: readonly string[]
  /** Whether the option can be a schedule, given as text. */
  readonly schedulable: boolean
  /** The option's documentation, or the description of its valid values. */
  readonly help: string
  /** The scale of the option's slider, if it has one: logarithmic in the value (`rate`) or in 1 − value (`carry`). */
  readonly slides: 'rate' | 'carry' | null
}

const updates = { ...integerAtLeast(0), expected: 'an integer of updates ≥ 0' }

/** Help texts of options that have no declaration. */
const explained: Readonly<Record<string, string>> = {
  warmup: 'number of updates in which the learning rate rises linearly from 0; 0 means no warm-up',
  delay: 'number of updates before the optimizer starts to move; 0 means no delay',
  clipNorm: 'largest norm of the gradient, to which longer gradients are scaled; 0 means no clipping',
  maximize: 'maximizes the function instead of minimizing it',
  clipValue: 'largest absolute value of each gradient component; 0 means no clipping',
}

/** Options that the page adds to every rule; 0 disables them. */
const extras: Readonly<Record<string, RuleOption>> = {
  warmup: updates,
  delay: updates,
  clipNorm: nonNegative(),
  clipValue: nonNegative(),
}

export const extraNames: readonly string[] = Object.keys(extras)

let documentation: Readonly<Record<string, Readonly<Record<string, string>>>> = {}

/** Sets the documentation of the options, which is loaded with the forms. */
export function setDocumentation(loaded: typeof documentation): void {
  documentation = loaded
}

/** Momentum-like options. The first of these options in a rule gets a slider. */
const carrying = ['momentum', 'beta1', 'decay', 'rho', 'beta']

/** All options of a rule, the learning rate first. Methods have none. */
export function fields(entry: Pick<RuleEntry, 'rule' | 'equations'>): OptionField[] {
  const { rule } = entry
  if (isMethod(rule)) return []
  const { options: own, defaults } = getDefinition(entry)
  // Options whose values are objects, such as rules or equations, have no control.
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
  // All numeric options of a custom rule get sliders.
  if (rule !== CUSTOM || typeof option.default !== 'number' || Object.hasOwn(extras, name)) return null
  if (!option.accepts(1)) return 'carry'
  return option.default >= 1e-5 && option.default <= 10 ? 'rate' : null
}

/** The value of an option in an entry, or its default. */
export function getOption(entry: RuleEntry, name: string): OptionValue {
  if (Object.hasOwn(extras, name) || Object.hasOwn(entry.options, name)) return entry.options[name] ?? 0
  if (isMethod(entry.rule)) return 0
  return (make(entry, entry.options) as unknown as Record<string, OptionValue>)[name]
}

/**
 * Builds the rule of an entry and the clipping of its gradients.
 *
 * @throws OptionError if an option is unknown or out of range
 */
export function build(entry: RuleEntry): { rule: Rule | CustomRule | Lbfgs | Newton; clip: Clip } {
  if (isMethod(entry.rule)) return { rule: makeMethod(entry.rule, entry.options), clip: {} }
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

/** The functions of the methods, by name. */
type MethodMakers = Readonly<Record<MethodName, (options: object) => Lbfgs | Newton>>

let methods: MethodMakers | null = null

/** Sets the methods, which are loaded on demand (see methods.ts). */
export function setMethods(loaded: MethodMakers): void {
  methods = loaded
}

function makeMethod(name: MethodName, options: object): Lbfgs | Newton {
  if (!methods) throw new Error(`${name}: the part of the page that has this method could not be loaded`)
  return methods[name](options)
}

/** Whether a value is the text of a schedule, not a number or a word. */
export const isSchedule = (value: unknown): value is string => typeof value === 'string' && /[({]/.test(value)

let read = (_text: string, what: string): Scheduled => {
  throw new Error(`${what}: the part of the page that reads schedules could not be loaded`)
}

/** Sets the parser of schedules, which is loaded on demand (see schedules.ts). */
export function setScheduleParser(parser: typeof read): void {
  read = parser
}

/** A parsed custom rule. */
export interface CustomRuleEntry {
  readonly definition: Definition
  /** The lines of its step, each of the form `name = …`. */
  readonly lines: readonly { readonly target: string; readonly line: string }[]
  /** Names of the states that start as the first gradient. */
  readonly first: readonly string[]
  /** Code that defines the rule. It is generated from the parsed rule, so that untrusted text never becomes code. */
  readonly program: string
  make(options: object): BuiltInRule
}

let readOwn = (_text: string): CustomRuleEntry => {
  throw new Error('custom rule: the part of the page that reads equations could not be loaded')
}

/** Sets the reader of custom rules, which is loaded on demand (see custom-rule.ts). */
export function setCustomRuleReader(reader: typeof readOwn): void {
  readOwn = reader
}

/** @throws Error with a sentence if the equations are invalid */
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

/** The options whose values are schedules, including warm-ups. */
export function collectSchedules(entry: RuleEntry): [name: string, schedule: Scheduled][] {
  if (isMethod(entry.rule)) return []
  const rule = build(entry).rule as Rule
  const plain = 'rule' in rule ? rule.rule : rule
  return Object.entries(plain).filter((option): option is [string, Scheduled] =>
    Object.hasOwn(Object(option[1]), 'schedule'),
  )
}

/** The rule with a learning rate that suits Rosenbrock's function, as in `antigrad race`. */
export function suggested(rule: RacerName): RuleEntry {
  if (isMethod(rule)) return { rule, options: {} }
  const found = enter().find((entry) => entry.rule.name === rule)
  return { rule, options: { lr: (found?.rule as { lr: number } | undefined)?.lr ?? 1e-3 } }
}

/** The name of an entry's rule. */
export const getTitle = (entry: RuleEntry): string =>
  isMethod(entry.rule) ? entry.rule : getDefinition(entry).name

/** The name of an entry: its rule and the options that differ from the library's defaults. */
export function describeEntry(entry: RuleEntry): string {
  const rest = Object.entries(entry.options).filter(([name]) => name !== 'lr')
  const said = rest.map(([name, value]) => (value === true ? name : `${name} ${summarizeOptions(value)}`))
  const rate = fields(entry)[0]?.name === 'lr' ? [summarizeOptions(getOption(entry, 'lr'))] : []
  return [getTitle(entry), ...rate, ...said].join(' ')
}

/** Removes the arguments of a schedule, which are too long for a name. */
const summarizeOptions = (value: OptionValue) =>
  isSchedule(value) ? value.replace(/([({]).*([)}])/s, '$1…$2') : String(value)
