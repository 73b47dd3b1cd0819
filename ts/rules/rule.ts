/** What a rule is made of, written once: its options and their checks, and its loops. */

import { OptionError } from '../errors.js'
import { bounds, copied, evaluate, isSchedule, type Scheduled } from '../schedules.js'

export type FloatArray = Float32Array | Float64Array

/** Rounds to the dtype: `Math.fround` or nothing. Written after each operation. */
export type Round = (x: number) => number

/** A rule's loop over the elements from … to − 1 of one arena, in TypeScript. */
export type Loop = (
  theta: FloatArray,
  g: FloatArray,
  state: readonly FloatArray[],
  row: readonly number[],
  from: number,
  to: number,
) => void

/** The same loop for either dtype. */
export type Kernel = (f: Round) => Loop

/** What is counted for tensors that have had the same updates. */
export interface Clock {
  /** The update under way, counted from 1. */
  t: number
  /** ∏β₁ and ∏β₂ so far. Running products stay right when a β is changed on the way. */
  product1: number
  product2: number
}

/** A rule's description with the schedules evaluated at one update. */
export type At<R> = { readonly [K in keyof R]: Scheduled extends R[K] ? number : R[K] }

/** All that the optimizer needs to know of a rule. */
export interface Definition<R extends { readonly name: string }> {
  readonly name: R['name']
  /** The range of each option. Its order is the one in which messages list them. */
  readonly options: { readonly [K in Exclude<keyof R, 'name'>]: Option }
  readonly defaults: Omit<R, 'name'>
  /** What single options cannot show: throws an OptionError. */
  readonly check?: (rule: R) => void
  /** The kernel's name in the one list of kernels. */
  readonly kernel: (rule: R) => string
  /** The names of its arrays of state, in the kernel's order. */
  readonly state: (rule: R) => readonly string[]
  /** What the first array of state starts from; 0 by default. */
  readonly initialState?: (rule: R) => number
  /** Writes the kernel's coefficients, or those that are the same at every update, into `row`. */
  readonly coefficients: (rule: At<R>, row: Float64Array) => void
  /** Writes those that differ at the update `clock.t`, after the others. */
  readonly corrections?: (rule: At<R>, clock: Clock, row: Float64Array) => void
  /** λ of a decay that is added to the gradient. */
  readonly l2?: (rule: At<R>) => number
}

/** What an option may be at one update. */
export interface Option {
  readonly expected: string
  readonly accepts: (value: unknown) => boolean
  /** Whether it may change from update to update. */
  readonly schedulable?: boolean
}

/** What messages add for an option that is schedulable; the command line takes numbers alone. */
export const SCHEDULES = ', a schedule or a function'

const number = (expected: string, accepts: (x: number) => boolean): Option => ({
  expected,
  accepts: (value) => typeof value === 'number' && accepts(value),
})

export const nonNegative = number('a finite number ≥ 0', (x) => x >= 0 && x < Infinity)
export const fraction = number('a number in [0, 1)', (x) => x >= 0 && x < 1)
export const flag: Option = { expected: 'true or false', accepts: (value) => typeof value === 'boolean' }

export const atLeast = (least: number): Option =>
  number(`a finite number ≥ ${least}`, (x) => x >= least && x < Infinity)

export const oneOf = (...values: readonly string[]): Option => ({
  expected: values.map((value) => `'${value}'`).join(' or '),
  accepts: (value) => values.includes(value as string),
})

/** An option that may also be a schedule or a function of t. */
export const scheduled = (option: Option): Option => ({ ...option, schedulable: true })

/** A rule's options as the user may give them: all have defaults. */
export type Options<R> = { readonly [K in Exclude<keyof R, 'name'>]?: R[K] }

/** The frozen description of a rule with all of its options, checked. */
export function describe<R extends { readonly name: string }>(
  definition: Definition<R>,
  given: Options<R>,
): R {
  const { name, options } = definition
  if (typeof given !== 'object' || given === null) {
    throw new OptionError(`${name}: options`, 'an object', given)
  }
  const rule: Record<string, unknown> = { name, ...definition.defaults }
  for (const [key, value] of Object.entries(given)) {
    if (!Object.hasOwn(options, key)) {
      throw new OptionError(`${name}: options`, `one of ${Object.keys(options).join(', ')}`, key)
    }
    if (value !== undefined)
      rule[key] = accepted(`${name}: ${key}`, options[key as keyof typeof options], value)
  }
  definition.check?.(rule as R)
  return Object.freeze(rule as R)
}

/** The value, or a frozen copy of a schedule, where the option accepts it. */
function accepted(argument: string, { expected, accepts, schedulable }: Option, value: unknown): unknown {
  const taken = schedulable ? copied(value) : value
  const isAccepted =
    taken !== undefined && (accepts(taken) || (schedulable && bounds(taken as Scheduled).every(accepts)))
  if (!isAccepted) throw new OptionError(argument, schedulable ? expected + SCHEDULES : expected, value)
  return taken
}

/**
 * The rule at update t, counted from 0, with numbers for schedules. The same object comes back
 * where nothing is scheduled.
 *
 * @throws OptionError where a schedule or function gives a value out of the option's range
 */
export function at<R extends { readonly name: string }>(
  definition: Definition<R>,
  rule: R,
  t: number,
): At<R> {
  let evaluated: Record<string, unknown> | undefined
  for (const key of Object.keys(definition.options)) {
    const value = (rule as Record<string, unknown>)[key]
    if (typeof value !== 'function' && !isSchedule(value)) continue
    evaluated ??= { ...rule }
    const x = evaluate(value as Scheduled, t)
    const option = (definition.options as Record<string, Option>)[key] as Option
    if (!option.accepts(x)) {
      throw new OptionError(`${rule.name}: ${key} at t = ${t}`, option.expected, x)
    }
    evaluated[key] = x
  }
  return (evaluated ?? rule) as At<R>
}

/** In the essay's forms ε is 0 unless it is given. */
export function withoutEps<O extends { readonly form?: string; readonly eps?: number }>(options: O): O {
  if (typeof options !== 'object' || options === null) return options
  const given = { ...options }
  return given.form === 'essay' && given.eps === undefined ? { ...given, eps: 0 } : given
}
