/** Definitions of schedule kinds: types and functions of a kind are derived from a single declaration. */

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

/**
 * A field of a schedule. The reader of a field also receives the range of the option and the number of schedules that
 * may still be nested.
 */
export interface ScheduleField<T = unknown, D extends T | undefined = T | undefined> extends Option<T, D> {
  // The functions are declared as methods, because TypeScript checks the parameters of methods less strictly. Tables
  // may therefore contain fields of any type.
  /**
   * The value of the field after the whole schedule is multiplied by a factor. The function is absent if the factor
   * does not affect the field.
   */
  scaled?(value: T, factor: number): T
  /**
   * For a field that contains schedules, returns the schedules after the observation of a metric. Returns the unchanged
   * value if no schedule accepts metrics.
   */
  observed?(value: T, metric: number): T
}

export type ScheduleFields = Readonly<Record<string, ScheduleField>>

export interface ScheduleBehavior<F> {
  /** The schedule as a function of t. */
  at(schedule: ValuesOf<F>): (t: number) => number
  /** The update after which the value is constant; Infinity if the value never becomes constant. */
  constantFrom(schedule: ValuesOf<F>): number
  /** Number of updates at the beginning of the schedule during which the value rises; 0 by default. */
  warmupSteps?(schedule: ValuesOf<F>): number
  /** The schedule after the observation of a metric. The function is present only for schedules that accept metrics. */
  observed?(schedule: ValuesOf<F>, metric: number): ValuesOf<F>
  /** Checks combinations of fields and throws an OptionError. */
  check?(schedule: ValuesOf<F>, what: string): void
}

/** A kind of schedule, with its types. */
export interface DeclaredSchedule<N extends string, F> extends ScheduleKind {
  readonly name: N
  readonly fields: F
}

/** The type of a schedule, from its declaration. */
export type ScheduleOf<D> =
  D extends DeclaredSchedule<infer N, infer F> ? { readonly schedule: N } & ValuesOf<F> : never

/** Registers a kind of schedule by its name. A kind is known only if its function is imported. */
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
      // Shortens the option path of deeply nested schedules for messages.
      const place = what.length > 150 ? `${what.slice(0, 100)}…` : what
      const path = what === '' ? name : `${place}: ${name}`
      const { schedule: _, ...inner } = given
      // Errors in nested fields contain the path of the whole schedule.
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

/**
 * Returns the function that makes schedules of a kind. The first field is the first argument of the function, and all
 * further fields are options.
 */
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

/** Returns NaN for any value that is not a number, because a product would convert the value to a number. */
export function number(x: unknown): number {
  return typeof x === 'number' ? x : NaN
}

/**
 * A field that accepts a number in the range of the scheduled option. Multiplying the schedule by a factor also
 * multiplies the number in this field.
 */
export function level<D extends number | undefined = undefined>(
  value?: D,
): ScheduleField<number, Exactly<D>> {
  const read = (what: string, x: unknown, { expected, accepts }: ScheduleRange) => {
    if (accepts(x)) return x as number
    throw new OptionError(what, expected, x)
  }
  // The value of the field may also be null.
  return { ...customOption(read, value), scaled: (x, factor) => x && x * factor }
}

/** A field that accepts a nested schedule, or a number in the range of the scheduled option. */
export function inner(): ScheduleField<Scheduled, undefined> {
  return { ...customOption(readSchedule), scaled, observed: afterMetric }
}

const MAX_SCHEDULES_IN_LIST = 10_000

/** Reads each element of an array once. The argument `expected` describes the elements in messages. */
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

/** A field that accepts an array of update indices in ascending order. */
export function updates(from: number, isStrict: boolean): ScheduleField<readonly number[], undefined> {
  const expected = `an array of integers ≥ ${from}, ${isStrict ? 'in strictly ascending order' : 'in ascending order'}`
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

/** A field that accepts an array of factors ≥ 0. */
export function factors(): ScheduleField<readonly number[], undefined> {
  return customOption((what, given) => {
    const list = readList(what, given, 'an array of finite numbers ≥ 0')
    return Object.freeze(list.map((x, i) => readOption(`${what}[${i}]`, nonNegative(), x)))
  })
}

/** A field that accepts an array of at least one schedule. `isProduct` tells whether the schedules are multiplied. */
export function schedules(isProduct: boolean): ScheduleField<readonly Scheduled[], undefined> {
  const expected = 'an array of numbers, schedules or functions, at least one'
  const read = (what: string, given: unknown, range: ScheduleRange, rest: ScheduleBudget) => {
    const list = readList(what, given, expected, 100)
    if (list.length === 0) throw new OptionError(what, expected, given)
    // The range of the option applies to the product of the schedules, which is checked at each update.
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
