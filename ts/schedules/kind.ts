/** What a kind of schedules is made of: one declaration, from which all else derives. */

import { OptionError } from '../ground/errors.js'
import { listOf, ownProperties } from '../ground/given.js'
import { readOptions } from '../options/read.js'
import {
  afterMetric,
  type Budget,
  budget,
  FINITE,
  type Kind,
  kinds,
  type Range,
  readSchedule,
  type Schedule,
  type Scheduled,
  scaled,
} from './schedule.js'

/** A field of a schedule: how it is read, what it is unless given, and whether a factor of the schedule is its. */
export interface Field<T = unknown, D extends boolean = boolean> {
  readonly read: (what: string, value: unknown, range: Range, rest: Budget) => T
  readonly default: T | undefined
  /** Whether it may be left out. */
  readonly hasDefault: D
  // Methods, so that tables may hold fields of any type.
  scaled?(value: T, factor: number): T
  /** Where there are schedules in it: these after a metric. The same value where none takes one. */
  observed?(value: T, metric: number): T
}

export type Fields = Readonly<Record<string, Field>>

type Value<F> = F extends Field<infer T> ? T : never

/** The fields' values, as a schedule has them. */
export type ValuesOf<F> = { readonly [K in keyof F]: Value<F[K]> }

/** The fields as a user gives them, but for the first. */
export type Given<F, First extends keyof F> = {
  readonly [K in keyof F as K extends First ? never : F[K] extends Field<infer _, true> ? K : never]?:
    | Value<F[K]>
    | undefined
} & {
  readonly [K in keyof F as K extends First ? never : F[K] extends Field<infer _, true> ? never : K]: Value<
    F[K]
  >
}

export interface Behaviour<F> {
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
export interface Declared<N extends string, F> extends Kind {
  readonly name: N
  readonly fields: F
}

/** A schedule as its declaration has it. */
export type ScheduleOf<D> =
  D extends Declared<infer N, infer F> ? { readonly schedule: N } & ValuesOf<F> : never

/** Makes a kind known by its name, for as long as its function is imported. */
export function declare<const N extends string, F extends Fields>(
  name: N,
  fields: F,
  { at, constantFrom, warmupSteps = () => 0, observed, check }: Behaviour<F>,
): Declared<N, F> {
  const keys = Object.keys(fields)
  const kind: Declared<N, F> = {
    name,
    fields,
    at,
    constantFrom,
    warmupSteps,
    read(given, what, range, rest) {
      // Of what is deep, the first places.
      const place = what.length > 150 ? `${what.slice(0, 100)}…` : what
      const path = what === '' ? name : `${place}: ${name}`
      const stranger = Object.keys(given).find((key) => key !== 'schedule' && !keys.includes(key))
      if (stranger !== undefined) throw new OptionError(path, `one of ${keys.join(', ')}`, stranger)
      const values: Record<string, unknown> = { schedule: name }
      for (const key of keys) {
        const { [key]: value = fields[key].default } = given
        // What is in it is named by where all of it is.
        values[key] = fields[key].read(`${path}: ${key}`, value, range, rest)
      }
      check?.(values as ValuesOf<F>, path)
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
export function schedule<S>(kind: { readonly name: string; readonly fields: object } & Kind) {
  const [first, ...others] = Object.keys(kind.fields)
  const none = others.every((key) => (kind.fields as Fields)[key].hasDefault) ? {} : undefined
  return (value: unknown, options: unknown = none): S => {
    const given = readOptions(`${kind.name}: options`, options, others)
    return kind.read(ownProperties({ ...given, [first]: value }), '', FINITE, {
      left: budget().left - 1,
    }) as S
  }
}

/** What is no number must not become one in a product. */
export function number(x: unknown): number {
  return typeof x === 'number' ? x : NaN
}

type Accepts = (value: number) => boolean

/** A number that is none of the option's own: a factor, a count. */
function plain(expected: string, accepts: Accepts): Field<number, false>
function plain(expected: string, accepts: Accepts, value: number): Field<number, true>
function plain(expected: string, accepts: Accepts, value?: number): Field<number> {
  const read = (what: string, x: unknown) => {
    if (Number.isFinite(x) && accepts(x as number)) return x as number
    throw new OptionError(what, expected, x)
  }
  return { read, default: value, hasDefault: value !== undefined }
}

// Functions, as a bundle leaves those out that it does not use.
/** A whole number ≥ 1. */
export const count = () => plain('a whole number ≥ 1', (x) => Number.isInteger(x) && x >= 1)
export const countOr = (value: number) =>
  plain('a whole number ≥ 1', (x) => Number.isInteger(x) && x >= 1, value)
/** A whole number ≥ 0. */
export const whole = () => plain('a whole number ≥ 0', (x) => Number.isInteger(x) && x >= 0)
export const wholeOr = (value: number) =>
  plain('a whole number ≥ 0', (x) => Number.isInteger(x) && x >= 0, value)
export const finite = () => plain('a finite number', () => true)
export const nonNegative = () => plain('a finite number ≥ 0', (x) => x >= 0)
export const nonNegativeOr = (value: number) => plain('a finite number ≥ 0', (x) => x >= 0, value)
export const positiveOr = (value: number) => plain('a finite number > 0', (x) => x > 0, value)
export const shareOr = (value: number) => plain('a number in [0, 1]', (x) => x >= 0 && x <= 1, value)

const readLevel = (what: string, x: unknown, { expected, accepts }: Range): number => {
  if (Number.isFinite(x) && accepts(x)) return x as number
  throw new OptionError(what, expected, x)
}
const product = (x: number, factor: number): number => x * factor

/** A number of the option: it is in its range, and what a factor of the schedule goes into. */
export const level: Field<number, false> = {
  read: readLevel,
  default: undefined,
  hasDefault: false,
  scaled: product,
}
export const levelOr = (value: number): Field<number, true> => ({
  ...{ read: readLevel, default: value, hasDefault: true, scaled: product },
})

/** The same field, or null. */
export const orNull = <T>({ read, scaled }: Field<T>): Field<T | null, true> => ({
  read: (what, x, range, rest) => (x === null ? null : read(what, x, range, rest)),
  default: null,
  hasDefault: true,
  scaled: (x, factor) => (x === null ? null : (scaled?.(x, factor) ?? x)),
})

/** One of some words; the first by default. */
export function oneOf<const T extends string>(...words: readonly [T, ...T[]]): Field<T, true> {
  const expected = words.map((word) => `'${word}'`).join(' or ')
  const read = (what: string, x: unknown) => {
    if (words.includes(x as T)) return x as T
    throw new OptionError(what, expected, x)
  }
  return { read, default: words[0], hasDefault: true }
}

export const off: Field<boolean, true> = {
  read(what, x) {
    if (typeof x === 'boolean') return x
    throw new OptionError(what, 'true or false', x)
  },
  default: false,
  hasDefault: true,
}

/** A number of the option, or a schedule in the schedule. */
export const inner: Field<Scheduled, false> = {
  read: readSchedule,
  default: undefined,
  hasDefault: false,
  scaled,
  observed: afterMetric,
}

const LONGEST = 10_000

/** Reads a list, each element once; what it is of is said by `expected`. */
function readList(what: string, given: unknown, expected: string, longest = LONGEST): unknown[] {
  const list = listOf(given, longest)
  if (list !== undefined) return list
  throw new OptionError(what, `${expected}, at most ${longest.toLocaleString('en')}`, given)
}

/** Updates at which something happens, in order. */
export function updates(from: number, isStrict: boolean): Field<readonly number[], false> {
  const expected = `a list of whole numbers ≥ ${from}, ${isStrict ? 'each above the one before' : 'in ascending order'}`
  const read = (what: string, given: unknown) => {
    const list = readList(what, given, expected)
    let before = isStrict ? from - 1 : from
    list.forEach((x, i) => {
      const isNext = Number.isInteger(x) && (isStrict ? (x as number) > before : (x as number) >= before)
      if (!isNext) throw new OptionError(`${what}[${i}]`, expected, x)
      before = x as number
    })
    return Object.freeze(list as number[])
  }
  return { read, default: undefined, hasDefault: false }
}

/** Factors ≥ 0. */
export const factors: Field<readonly number[], false> = {
  read(what, given) {
    const list = readList(what, given, 'a list of finite numbers ≥ 0')
    list.forEach((x, i) => {
      if (!(Number.isFinite(x) && (x as number) >= 0)) {
        throw new OptionError(`${what}[${i}]`, 'a finite number ≥ 0', x)
      }
    })
    return Object.freeze(list as number[])
  },
  default: undefined,
  hasDefault: false,
}

/** One schedule or more. `ranges` says which numbers the elements may have, and `factor` which get a factor. */
export function schedules(isProduct: boolean): Field<readonly Scheduled[], false> {
  const expected = 'a list of numbers, schedules or functions, at least one'
  return {
    read(what, given, range, rest) {
      const list = readList(what, given, expected, 100)
      if (list.length === 0) throw new OptionError(what, expected, given)
      // Of a product, the option's range is for the whole, which is checked at each update.
      const own = isProduct ? FINITE : range
      return Object.freeze(list.map((x, i) => readSchedule(`${what}[${i}]`, x, own, rest)))
    },
    ...{ default: undefined, hasDefault: false },
    scaled: (list, factor) => Object.freeze(list.map((x, i) => (isProduct && i > 0 ? x : scaled(x, factor)))),
    observed(list, metric) {
      const after = list.map((x) => afterMetric(x, metric))
      return after.every((x, i) => x === list[i]) ? list : Object.freeze(after)
    },
  }
}
