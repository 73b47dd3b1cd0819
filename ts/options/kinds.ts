/** Kinds of options, such as numbers in a range. */

import { type Dtype, isCount, isNonNegative, isPositive } from '../core/numbers.js'

/** The definition of an option: the allowed values in words and as a test, and the default. */
export interface Option<T = unknown, D extends T | undefined = T | undefined> {
  readonly expected: string
  /** Whether a value is valid without conversion. */
  readonly accepts: (value: unknown) => boolean
  /** The default; undefined if the option is required or can be omitted. */
  readonly default: D
  /**
   * Whether the option also accepts a schedule or a function of t. Each value of the schedule or function is
   * validated.
   */
  readonly schedulable: boolean
  /** Converts a value that is invalid without conversion, such as an object; undefined if no conversion exists. */
  readonly read: ReadOption<T> | undefined
}

/**
 * Returns a validated copy of the value, or undefined if the value is invalid. The argument `context` contains further
 * data that the caller of `readOptions` passes.
 */
export type ReadOption<T> = (what: string, given: unknown, ...context: never[]) => T | undefined

/** Options by name, in the order in which messages list them. */
export type OptionTable = Readonly<Record<string, Option>>

/** The validated option values by name. */
export type ValuesOf<O> = { readonly [K in keyof O]: O[K] extends Option<infer T> ? T : never }

/** The type of the options object that a user passes, without the names in `But`. */
export type GivenOf<O, But = never> = {
  readonly [K in keyof O as K extends But ? never : RequiredOr<O[K], never, K>]?: ValuesOf<O>[K] | undefined
} & { readonly [K in keyof O as K extends But ? never : RequiredOr<O[K], K, never>]: ValuesOf<O>[K] }

/** Selects one of two types, depending on whether the option is required. */
type RequiredOr<O, Yes, No> = O extends Option<infer T, undefined> ? (undefined extends T ? No : Yes) : No

/**
 * The given type, which TypeScript infers only from other arguments. Without this type, TypeScript would infer a
 * missing default from the table.
 */
export type Exactly<D> = [D][D extends unknown ? 0 : never]

// Kinds are functions, so that bundles omit unused kinds.

export function option<T, D extends T | undefined>(
  expected: string,
  value: D | undefined,
  accepts: (value: unknown) => boolean,
  read?: ReadOption<T>,
): Option<T, Exactly<D>> {
  return { expected, accepts, default: value as D, schedulable: false, read }
}

/** An option whose function `read` validates the value and throws its own errors. */
export function customOption<T, D extends T | undefined = undefined>(
  read: ReadOption<T>,
  value?: D,
): Option<T, Exactly<D>> {
  return option('', value, () => false, read)
}

/** An option that the caller of the reader validates. */
export function passThrough<T>(): Option<T | undefined, undefined> {
  return option('', undefined, () => true)
}

/** The given option, but optional. */
export function optional<T>(kind: Option<T>): Option<T | undefined, undefined> {
  const accepts = (x: unknown) => x === undefined || kind.accepts(x)
  return { ...kind, accepts, default: undefined }
}

/** The given option, but null is also allowed. */
export function nullable<T>(kind: Option<T>, value: T | null = null): Option<T | null, T | null> {
  const accepts = (x: unknown) => x === null || kind.accepts(x)
  return { ...kind, expected: `${kind.expected}, or null`, accepts, default: value }
}

/** Returns a function that makes a numeric option with an optional default. */
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

/** An option that is a number above 0 and at most 1. */
export function positiveFraction<D extends Default<number> = undefined>(
  value?: D,
): Option<number, Exactly<D>> {
  return number('a number in (0, 1]', value, (x) => x > 0 && x <= 1)
}

/** An option that is a number from 0 to 1. */
export function unitInterval<D extends Default<number> = undefined>(value?: D): Option<number, Exactly<D>> {
  return number('a number in [0, 1]', value, (x) => x >= 0 && x <= 1)
}

export function integerAtLeast<D extends Default<number> = undefined>(
  least: number,
  value?: D,
): Option<number, Exactly<D>> {
  return option(`an integer ≥ ${least}`, value, (x) => isCount(x, least))
}

/**
 * @param words the upper limit in messages
 */
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

/** An option that is one of several strings; the first string is the default. */
export function choice<const T extends string>(...words: readonly [T, ...T[]]): Option<T, T> {
  const expected = words.map((word) => `'${word}'`).join(' or ')
  return option<T, T>(expected, words[0], (x) => words.includes(x as T))
}

/** An option that is one of the keys of an object. */
export function keyOption<T extends string, D extends Default<T>>(
  record: Readonly<Record<T, unknown>>,
  value: D,
): Option<T, D> {
  const names = Object.keys(record)
  return option(`one of ${names.join(', ')}`, value, (x) => names.includes(x as T))
}

/** An option that is a dtype; undefined by default. */
export function dtype(): Option<Dtype | undefined, undefined> {
  return optional(choice('float32', 'float64'))
}

/** An option that is a callback function. */
export function callback<F, D extends F | undefined = undefined>(value?: D): Option<F, Exactly<D>> {
  return option('a function', value, (x) => typeof x === 'function')
}
