/** Kinds of options: what they may be, in words and as a test, and what they are unless given. */

import { type Dtype, isCount, isNonNegative, isPositive } from '../core/numbers.js'

/** An option: what it may be, in words and as a test, and what it is unless given. */
export interface Option<T = unknown, D extends T | undefined = T | undefined> {
  readonly expected: string
  /** Whether a value is one as it stands. */
  readonly accepts: (value: unknown) => boolean
  /** Undefined where it has to be given, or may be left out. */
  readonly default: D
  /** Whether it may also be a schedule or a function of t, whose numbers are accepted one by one. */
  readonly schedulable: boolean
  /** Reads what does not stand as it is, an object for instance, once; undefined where it is not accepted. */
  readonly read: ReadOption<T> | undefined
}

/** Gives a copy of what was given; `context` is what those who read a table know besides. */
export type ReadOption<T> = (what: string, given: unknown, ...context: never[]) => T | undefined

/** Options by name, in the order in which messages list them. */
export type OptionTable = Readonly<Record<string, Option>>

/** The values of options, as whoever reads them has them. */
export type ValuesOf<O> = { readonly [K in keyof O]: O[K] extends Option<infer T> ? T : never }

/** The options as a user gives them, but for some that come in another way. */
export type GivenOf<O, But = never> = {
  readonly [K in keyof O as K extends But ? never : RequiredOr<O[K], never, K>]?: ValuesOf<O>[K] | undefined
} & { readonly [K in keyof O as K extends But ? never : RequiredOr<O[K], K, never>]: ValuesOf<O>[K] }

/** Whether it has to be given. */
type RequiredOr<O, Yes, No> = O extends Option<infer T, undefined> ? (undefined extends T ? No : Yes) : No

/** The same type, which TypeScript infers from arguments alone: an option without a default is one in every table. */
export type Exactly<D> = [D][D extends unknown ? 0 : never]

// Functions, as a bundle leaves those out that it does not use.

export function option<T, D extends T | undefined>(
  expected: string,
  value: D | undefined,
  accepts: (value: unknown) => boolean,
  read?: ReadOption<T>,
): Option<T, Exactly<D>> {
  return { expected, accepts, default: value as D, schedulable: false, read }
}

/** What a function reads, which says itself what it has to be. */
export function customOption<T, D extends T | undefined = undefined>(
  read: ReadOption<T>,
  value?: D,
): Option<T, Exactly<D>> {
  return option('', value, () => false, read)
}

/** What is read elsewhere, by those who know more. */
export function passThrough<T>(): Option<T | undefined, undefined> {
  return option('', undefined, () => true)
}

/** The same, which may be left out. */
export function optional<T>(kind: Option<T>): Option<T | undefined, undefined> {
  const accepts = (x: unknown) => x === undefined || kind.accepts(x)
  return { ...kind, accepts, default: undefined }
}

/** The same, or null. */
export function nullable<T>(kind: Option<T>, value: T | null = null): Option<T | null, T | null> {
  const accepts = (x: unknown) => x === null || kind.accepts(x)
  return { ...kind, expected: `${kind.expected}, or null`, accepts, default: value }
}

/** Makes a kind of numbers, with the number that it is unless given. */
export type NumberOption = (value?: number) => Option<number>

type Default<T> = T | undefined

const number = <D extends Default<number>>(
  expected: string,
  value: D | undefined,
  accepts: (x: number) => boolean,
): Option<number, Exactly<D>> => option(expected, value, (x) => typeof x === 'number' && accepts(x))

export function finite<D extends Default<number> = undefined>(value?: D): Option<number, Exactly<D>> {
  return option('a finite number', value, Number.isFinite)
}

export function nonNegative<D extends Default<number> = undefined>(value?: D): Option<number, Exactly<D>> {
  return option('a finite number ≥ 0', value, isNonNegative)
}

export function positive<D extends Default<number> = undefined>(value?: D): Option<number, Exactly<D>> {
  return option('a finite number > 0', value, isPositive)
}

export function nonPositive<D extends Default<number> = undefined>(value?: D): Option<number, Exactly<D>> {
  return number('a finite number ≤ 0', value, (x) => x <= 0 && x > -Infinity)
}

export function atLeast<D extends Default<number> = undefined>(
  least: number,
  value?: D,
): Option<number, Exactly<D>> {
  return number(`a finite number ≥ ${least}`, value, (x) => x >= least && x < Infinity)
}

export function fraction<D extends Default<number> = undefined>(value?: D): Option<number, Exactly<D>> {
  return number('a number in [0, 1)', value, (x) => x >= 0 && x < 1)
}

/** A part of something that may be all of it, and not nothing. */
export function positiveFraction<D extends Default<number> = undefined>(
  value?: D,
): Option<number, Exactly<D>> {
  return number('a number in (0, 1]', value, (x) => x > 0 && x <= 1)
}

/** The same, which may be nothing. */
export function unitInterval<D extends Default<number> = undefined>(value?: D): Option<number, Exactly<D>> {
  return number('a number in [0, 1]', value, (x) => x >= 0 && x <= 1)
}

export function integerAtLeast<D extends Default<number> = undefined>(
  least: number,
  value?: D,
): Option<number, Exactly<D>> {
  return option(`an integer ≥ ${least}`, value, (x) => isCount(x, least))
}

/** @param words the largest one, as messages write it */
export function integerBetween<D extends Default<number> = undefined>(
  least: number,
  most: number,
  value?: D,
  words = `${most}`,
): Option<number, Exactly<D>> {
  return option(`an integer from ${least} to ${words}`, value, (x) => isCount(x, least) && x <= most)
}

export function flag<D extends Default<boolean> = undefined>(value?: D): Option<boolean, Exactly<D>> {
  return option('true or false', value, (x) => typeof x === 'boolean')
}

/** One of some words; the first by default. */
export function choice<const T extends string>(...words: readonly [T, ...T[]]): Option<T, T> {
  const expected = words.map((word) => `'${word}'`).join(' or ')
  return option<T, T>(expected, words[0], (x) => words.includes(x as T))
}

/** One of a record's names. */
export function keyOption<T extends string, D extends Default<T>>(
  record: Readonly<Record<T, unknown>>,
  value: D,
): Option<T, D> {
  const names = Object.keys(record)
  return option(`one of ${names.join(', ')}`, value, (x) => names.includes(x as T))
}

/** A dtype, where none is taken unless given. */
export function dtype(): Option<Dtype | undefined, undefined> {
  return optional(choice('float32', 'float64'))
}

/** A function of the user's. */
export function callback<F, D extends F | undefined = undefined>(value?: D): Option<F, Exactly<D>> {
  return option('a function', value, (x) => typeof x === 'function')
}
