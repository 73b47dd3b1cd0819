/**
 * Reads each property of a user's rule definition once, and validates the definition. The result is a frozen object
 * that rules and saved runs contain.
 */

import { ArgumentError } from '../core/errors.js'
import { createRecord, isObject, isRecord, ownProperties } from '../core/untrusted-input.js'
import { constants, functions, NAME } from '../expressions/names.js'
import { definitionNamed } from '../rules/define.js'
import type {
  EquationOption,
  EquationStart,
  EquationState,
  ResolvedRuleDefinition,
} from '../rules/equation-rule.js'
import { MAX_STATES } from './layout.js'

/** Names with a meaning in a step, in a rule, or in a group. */
const RESERVED_NAMES = [
  'theta',
  'g',
  't',
  'name',
  'equations',
  'maximize',
  'method',
  'rule',
  'match',
  'frozen',
]
const RESERVED_EVERYWHERE = [
  'lrScale',
  'clip',
  'toString',
  'constructor',
  '__proto__',
  'updates',
  'delayedStart',
]
/** Functions that exist in equations but not in expressions. */
const EXTRA_FUNCTIONS = ['over', 'sum', 'mean', 'norm']
const WORD = new RegExp(`^${NAME}$`, 'u')

/** Maximum number of options, maximum number of scalars, maximum length of a name, and maximum length of a step. */
const MAX_ENTRIES = 64
const MAX_NAME_LENGTH = 100
const MAX_STEP_LENGTH = 100_000

/** @throws ArgumentError if the definition is malformed, or if a name is invalid or taken */
export function readDeclaration(name: unknown, given: unknown): ResolvedRuleDefinition {
  const what = 'defineRule'
  if (typeof name !== 'string' || !/^[\p{L}_][\p{L}\p{N}_-]*$/u.test(name) || name.length > MAX_NAME_LENGTH)
    throw new ArgumentError(`${what}: name`, 'a name of letters, digits, _ and -', name)
  checkTaken(`${what}: name`, name)
  if (definitionNamed(name) !== undefined)
    throw new ArgumentError(`${what}: name`, 'a name that no other rule has', name)
  if (!isRecord(given)) throw new ArgumentError(what, '{ options, state, scalars, step }', given)
  const { options, state, scalars, step, ...rest } = ownProperties(given)
  const [unknown] = Object.keys(rest)
  if (unknown !== undefined) throw new ArgumentError(what, 'one of options, state, scalars, step', unknown)
  if (typeof step !== 'string' || step.length > MAX_STEP_LENGTH)
    throw new ArgumentError(`${what}: step`, `a string of at most ${MAX_STEP_LENGTH} characters`, step)
  const taken = new Set<string>()
  return Object.freeze({
    options: table(`${what}: options`, options, taken, readOption, MAX_ENTRIES),
    state: table(`${what}: state`, state, taken, readState, MAX_STATES),
    scalars: table(`${what}: scalars`, scalars, taken, readScalar, MAX_ENTRIES),
    step,
  })
}

function table<T>(
  what: string,
  given: unknown,
  taken: Set<string>,
  read: (what: string, given: unknown) => T,
  most: number,
): Readonly<Record<string, T>> {
  if (given === undefined) return Object.freeze({})
  if (!isRecord(given)) throw new ArgumentError(what, 'an object with one property per name', given)
  const values = ownProperties(given)
  const names = Object.keys(values)
  if (names.length > most) throw new ArgumentError(what, `at most ${most} names`, names.length)
  for (const name of names) {
    checkName(what, name)
    if (taken.has(name)) throw new ArgumentError(what, 'a name that is declared once', name)
    taken.add(name)
  }
  return Object.freeze(createRecord(names, (name) => read(`${what}: ${name}`, values[name])))
}

/** @throws ArgumentError if a name is invalid */
function checkName(what: string, name: string): void {
  checkTaken(what, name)
  if (!WORD.test(name) || name.length > MAX_NAME_LENGTH)
    throw new ArgumentError(what, 'a name of letters, digits and _', name)
}

/** @throws ArgumentError if the name has a meaning in a step, in a rule or in JavaScript */
function checkTaken(what: string, name: string): void {
  const isTaken = [...RESERVED_NAMES, ...RESERVED_EVERYWHERE].includes(name) || isFunctionOrConstant(name)
  if (isTaken) throw new ArgumentError(what, 'a name that is not reserved', name)
}

/** Whether the name belongs to a function or to a constant. */
export const isFunctionOrConstant = (name: string): boolean =>
  [...EXTRA_FUNCTIONS, ...functions, ...Object.keys(constants)].includes(name)

function readOption(what: string, given: unknown): EquationOption {
  const whole = isObject(given) ? given : { default: given }
  const { default: value, min, max, above, below, scheduled, ...rest } = ownProperties(whole)
  const [unknown] = Object.keys(rest)
  const names = '{ default, min, max, above, below, scheduled }'
  if (unknown !== undefined) throw new ArgumentError(what, names, unknown)
  const limits: Record<string, number> = Object.create(null)
  for (const [name, limit] of Object.entries({ min, max, above, below })) {
    if (limit === undefined) continue
    if (typeof limit !== 'number' || !Number.isFinite(limit))
      throw new ArgumentError(`${what}: ${name}`, 'a finite number', limit)
    limits[name] = limit
  }
  if (scheduled !== undefined && typeof scheduled !== 'boolean')
    throw new ArgumentError(`${what}: scheduled`, 'true or false', scheduled)
  const option: EquationOption = Object.assign(
    Object.create(null),
    { default: withoutNegativeZero(value), ...limits },
    scheduled && { scheduled },
  )
  // `lr` is a number even if the default is a boolean, because groups may scale `lr`.
  const isFlag = typeof value === 'boolean' && !what.endsWith(': lr')
  if (isFlag && Object.keys(option).length > 1)
    throw new ArgumentError(what, 'no limits for a boolean option', Object.keys(option)[1])
  if (!isFlag && !isWithin(option)(value))
    throw new ArgumentError(`${what}: default`, describeRange(option), value)
  return Object.freeze(option)
}

/** Whether a number is in an option's range. */
export const isWithin =
  ({ min = -Infinity, max = Infinity, above = -Infinity, below = Infinity }: EquationOption) =>
  (x: unknown): boolean =>
    typeof x === 'number' && Number.isFinite(x) && x >= min && x <= max && x > above && x < below

/** Describes an option's range in words. */
export function describeRange({ min, max, above, below }: EquationOption): string {
  const signs = Object.entries({ '≥': min, '>': above, '≤': max, '<': below })
  const limits = signs.filter(([, limit]) => limit !== undefined).map(([sign, limit]) => `${sign} ${limit}`)
  return `a finite number${limits.length > 0 ? ` ${limits.join(' and ')}` : ''}`
}

function readState(what: string, given: unknown): Required<EquationState> {
  const whole = isObject(given) ? given : { start: given }
  const { start, flush = true, ...rest } = ownProperties(whole)
  const [unknown] = Object.keys(rest)
  if (unknown !== undefined) throw new ArgumentError(what, '{ start, flush }', unknown)
  const isStart = start === 'parameters' || start === 'gradient' || Number.isFinite(start)
  if (!isStart) throw new ArgumentError(what, "a finite number, 'parameters' or 'gradient'", start)
  if (typeof flush !== 'boolean') throw new ArgumentError(`${what}: flush`, 'true or false', flush)
  return Object.freeze({ start: withoutNegativeZero(start) as EquationStart, flush })
}

function readScalar(what: string, given: unknown): number {
  if (typeof given !== 'number' || !Number.isFinite(given))
    throw new ArgumentError(what, 'a finite number', given)
  return withoutNegativeZero(given)
}

/** Replaces −0 with 0, because JSON has no −0 and definitions that are equal as JSON are the same rule. */
const withoutNegativeZero = <T>(x: T): T => (x === 0 ? (0 as T) : x)
