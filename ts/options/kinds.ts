/** Kinds of options: what they may be, in words and as a test, and what they are unless given. */

import { OptionError } from '../ground/errors.js'
import { isNonNegative, isPositive } from '../ground/numbers.js'

/** An option: what it may be, in words and as a test, and what it is unless given. */
export interface Option<T = unknown> {
  readonly expected: string
  readonly accepts: (value: unknown) => boolean
  readonly default: T
  /** Whether it may also be a schedule or a function of t, whose numbers are accepted one by one. */
  readonly schedulable: boolean
  /** Reads a value that is an object, once, and gives a copy; undefined where it is not accepted. */
  readonly read?: (value: unknown, what: string) => T | undefined
}

/** Options by name, in the order in which messages list them. */
export type OptionTable = Readonly<Record<string, Option>>

/** The values of options, as a rule has them. */
export type ValuesOf<O> = { readonly [K in keyof O]: O[K] extends Option<infer T> ? T : never }

export type NumberOption = (value: number) => Option<number>

export const option = <T>(expected: string, value: T, accepts: (value: unknown) => boolean): Option<T> => ({
  ...{ expected, accepts, default: value, schedulable: false },
})

export function nonNegative(value: number): Option<number> {
  return option('a finite number ≥ 0', value, isNonNegative)
}

export function positive(value: number): Option<number> {
  return option('a finite number > 0', value, isPositive)
}

export function fraction(value: number): Option<number> {
  return option('a number in [0, 1)', value, (x) => typeof x === 'number' && x >= 0 && x < 1)
}

export function atLeast(least: number, value: number): Option<number> {
  const accepts = (x: unknown) => typeof x === 'number' && x >= least && x < Infinity
  return option(`a finite number ≥ ${least}`, value, accepts)
}

export function nonPositive(value: number): Option<number> {
  return option('a finite number ≤ 0', value, (x) => typeof x === 'number' && x <= 0 && x > -Infinity)
}

/** Such a number, or null. */
export function orNull(kind: NumberOption, value: number | null): Option<number | null> {
  const { expected, accepts } = kind(0)
  return option(`${expected}, or null`, value, (x) => x === null || accepts(x))
}

export function flag(value: boolean): Option<boolean> {
  return option('true or false', value, (x) => typeof x === 'boolean')
}

/** One of some words; the first by default. */
export function oneOf<const T extends string>(...values: readonly [T, ...T[]]): Option<T> {
  const expected = values.map((value) => `'${value}'`).join(' or ')
  return option<T>(expected, values[0], (x) => values.includes(x as T))
}

/** A value for a rule's option as it is kept: what is an object is read once, and copied. */
export function accept(rule: string, name: string, option: Option, value: unknown): unknown {
  if (option.accepts(value)) return value
  const copy = option.read?.(value, `${rule}: ${name}`)
  if (copy !== undefined) return copy
  throw new OptionError(`${rule}: ${name}`, option.expected, value)
}
