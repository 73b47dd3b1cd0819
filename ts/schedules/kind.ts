/** What a kind of schedules is made of: one declaration, from which all else derives. */

import { OptionError } from '../core/errors.js'
import { isCount } from '../core/numbers.js'
import { createRecord, ownProperties, toBoundedArray } from '../core/untrusted-input.js'
import {
  customOption,
  type Exactly,
  nonNegative,
  type Option,
  passThrough,
  type ValuesOf,
} from '../options/kinds.js'
import { overlay, readOption, readOptions } from '../options/read.js'
import {
  afterMetric,
  budget,
  FINITE,
  kinds,
  readSchedule,
  type Schedule,
  type ScheduleBudget,
  type Scheduled,
  type ScheduleKind,
  type ScheduleRange,
  scaled,
} from './schedule.js'

/** A field of a schedule. What reads one is told the range of the option, and how many schedules there may still be. */
export interface ScheduleField<T = unknown, D extends T | undefined = T | undefined> extends Option<T, D> {
  // Methods, so that tables may hold fields of any type.
  /** Where a factor of the schedule is the field's. */
  scaled?(value: T, factor: number): T
  /** Where there are schedules in it: these after a metric. The same value where none takes one. */
  observed?(value: T, metric: number): T
}

export type ScheduleFields = Readonly<Record<string, ScheduleField>>

export interface ScheduleBehavior<F> {
  /** The schedule as a function of t. */
  at(schedule: ValuesOf<F>): (t: number) => number
  /** The update from which on its value stays; Infinity where there is none. */
  constantFrom(schedule: ValuesOf<F>): number
  /** How many updates it rises at first; 0 by default. */
  warmupSteps?(schedule: ValuesOf<F>): number
  /** What a metric makes of it, for a schedule that takes metrics. */
  observed?(schedule: ValuesOf<F>, metric: number): ValuesOf<F>
  /** What single fields cannot show: throws an OptionError. */
  check?(schedule: ValuesOf<F>, what: string): void
}

/** A kind with its types. */
export interface DeclaredSchedule<N extends string, F> extends ScheduleKind {
  readonly name: N
  readonly fields: F
}

/** A schedule as its declaration has it. */
export type ScheduleOf<D> =
  D extends DeclaredSchedule<infer N, infer F> ? { readonly schedule: N } & ValuesOf<F> : never

/** Makes a kind known by its name, for as long as its function is imported. */
export function declare<const N extends string, F extends ScheduleFields>(
  name: N,
  fields: F,
  { at, constantFrom, warmupSteps = () => 0, observed, check }: ScheduleBehavior<F>,
): DeclaredSchedule<N, F> {
  const keys = Object.keys(fields)
  const kind: DeclaredSchedule<N, F> = {
    name,
    fields,
    at,
    constantFrom,
    warmupSteps,
    read(given, what, range, rest) {
      // Of what is deep, the first places.
      const place = what.length > 150 ? `${what.slice(0, 100)}…` : what
      const path = what === '' ? name : `${place}: ${name}`
      const { schedule: _, ...inner } = given
      // What is in it is named by where all of it is.
      const values = { schedule: name, ...readOptions(path, inner, fields, undefined, [range, rest]) }
      check?.(values, path)
      return Object.freeze(values) as unknown as Schedule
    },
    scaled(schedule: Readonly<Record<string, unknown>>, factor) {
      const values = { ...schedule }
      for (const key of keys) values[key] = fields[key].scaled?.(values[key], factor) ?? values[key]
      return Object.freeze(values) as unknown as Schedule
    },
    observed(schedule: ValuesOf<F>, metric) {
      if (observed !== undefined) return Object.freeze(observed(schedule, metric)) as unknown as Schedule
      const values: Record<string, unknown> = { ...schedule }
      for (const key of keys) values[key] = fields[key].observed?.(values[key], metric) ?? values[key]
      const isSame = keys.every((key) => values[key] === schedule[key])
      return (isSame ? schedule : Object.freeze(values)) as unknown as Schedule
    },
  }
  kinds.set(name, kind)
  return kind
}

/** The function that makes schedules of a kind: its first field comes by itself, and the others by name. */
export function schedule<S>({ name, fields, read }: DeclaredSchedule<string, ScheduleFields>) {
  const [first, ...others] = Object.keys(fields)
  const table = createRecord(others, () => passThrough())
  const none = others.every((key) => fields[key].default !== undefined) ? {} : undefined
  return (value: unknown, options: unknown = none): S => {
    const given = ownProperties({ [first]: value })
    overlay(given, `${name}: options`, options, table)
    return read(given, '', FINITE, { left: budget().left - 1 }) as S
  }
}

/** What is no number must not become one in a product. */
export function number(x: unknown): number {
  return typeof x === 'number' ? x : NaN
}

/** A number of the option: it is in its range, and what a factor of the schedule goes into. */
export function level<D extends number | undefined = undefined>(
  value?: D,
): ScheduleField<number, Exactly<D>> {
  const read = (what: string, x: unknown, { expected, accepts }: ScheduleRange) => {
    if (accepts(x)) return x as number
    throw new OptionError(what, expected, x)
  }
  // It may be null, too.
  return { ...customOption(read, value), scaled: (x, factor) => x && x * factor }
}

/** A number of the option, or a schedule in the schedule. */
export function inner(): ScheduleField<Scheduled, undefined> {
  return { ...customOption(readSchedule), scaled, observed: afterMetric }
}

const MAX_SCHEDULES_IN_LIST = 10_000

/** Reads a list, each element once; what it is of is said by `expected`. */
function readList(
  what: string,
  given: unknown,
  expected: string,
  longest = MAX_SCHEDULES_IN_LIST,
): unknown[] {
  const list = toBoundedArray(given, longest)
  if (list !== undefined) return list
  throw new OptionError(what, `${expected}, at most ${longest.toLocaleString('en')}`, given)
}

/** Updates at which something happens, in order. */
export function updates(from: number, isStrict: boolean): ScheduleField<readonly number[], undefined> {
  const expected = `a list of integers ≥ ${from}, ${isStrict ? 'each above the one before' : 'in ascending order'}`
  return customOption((what, given) => {
    const list = readList(what, given, expected)
    let before = isStrict ? from - 1 : from
    list.forEach((x, i) => {
      if (!isCount(x, isStrict ? before + 1 : before)) throw new OptionError(`${what}[${i}]`, expected, x)
      before = x
    })
    return Object.freeze(list as number[])
  })
}

/** Factors ≥ 0. */
export function factors(): ScheduleField<readonly number[], undefined> {
  return customOption((what, given) => {
    const list = readList(what, given, 'a list of finite numbers ≥ 0')
    return Object.freeze(list.map((x, i) => readOption(`${what}[${i}]`, nonNegative(), x)))
  })
}

/** One schedule or more. `isProduct` says whether these are factors of one another. */
export function schedules(isProduct: boolean): ScheduleField<readonly Scheduled[], undefined> {
  const expected = 'a list of numbers, schedules or functions, at least one'
  const read = (what: string, given: unknown, range: ScheduleRange, rest: ScheduleBudget) => {
    const list = readList(what, given, expected, 100)
    if (list.length === 0) throw new OptionError(what, expected, given)
    // Of a product, the option's range is for the whole, which is checked at each update.
    const own = isProduct ? FINITE : range
    return Object.freeze(list.map((x, i) => readSchedule(`${what}[${i}]`, x, own, rest)))
  }
  return {
    ...customOption(read),
    scaled: (list, factor) => Object.freeze(list.map((x, i) => (isProduct && i > 0 ? x : scaled(x, factor)))),
    observed(list, metric) {
      const after = list.map((x) => afterMetric(x, metric))
      return after.every((x, i) => x === list[i]) ? list : Object.freeze(after)
    },
  }
}
