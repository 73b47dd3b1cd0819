/** Rules as values: plain, frozen, checked. */

import type { Kernel } from '../arena/kernel.js'
import type { ValuesOf } from '../options/kinds.js'
import { overlay } from '../options/read.js'
import type { Definition } from './define.js'

/** Not there at run time: what a rule's type knows of its state. */
declare const state: unique symbol

interface StateNames<Always extends string, Sometimes extends string> {
  readonly always: Always
  readonly sometimes: Sometimes
}

/** The names of the arrays of state that any of some kernels has. */
type AnyState<K extends Kernel> =
  | K['state'][number]
  | (K extends { readonly lines: readonly (infer L extends string)[] } ? L : never)
/** The names of those that all have: an intersection, as arguments of functions are inferred. */
type EveryState<K extends Kernel> = (K extends unknown ? (name: AnyState<K>) => void : never) extends (
  name: infer Name extends string,
) => void
  ? Name
  : never
type KernelStateNames<K extends Kernel> = StateNames<EveryState<K>, Exclude<AnyState<K>, EveryState<K>>>

/** What a rule's type knows of its state, where all of it is always there. */
export type WithState<Names extends string> = { readonly [state]?: StateNames<Names, never> }

/** A rule as its declaration has it: its name, and a value for each option. */
export type RuleOf<D> =
  D extends Definition<infer N, infer O, infer K, infer _>
    ? { readonly name: N } & ValuesOf<O> & { readonly [state]?: KernelStateNames<K[number]> }
    : never

/** A rule's options as the user may give them: all have defaults. */
export type Options<R> = {
  readonly [K in keyof R as K extends 'name' ? never : K & string]?: R[K] | undefined
}

/** A rule whose parameters move late; see `delayedStart`. */
export interface DelayedStart<R = unknown> {
  readonly name: 'delayedStart'
  readonly updates: number
  readonly rule: R
}

/** The options of any rule; those of the inner one where its start is delayed. */
export type OptionsOf<R> = R extends DelayedStart<infer Inner> ? OptionsOf<Inner> : Options<R>

/** The arrays of state that a rule has for each tensor, under the symbols of its equations. */
export type StateOf<R, T> =
  R extends DelayedStart<infer Inner>
    ? StateOf<Inner, T>
    : R extends { readonly [state]?: StateNames<infer Always, infer Sometimes> }
      ? [Always | Sometimes] extends [never]
        ? unknown
        : { readonly [N in Always]: T } & { readonly [N in Sometimes]?: T }
      : unknown

/** Any rule that is not delayed, as those see it who know nothing of it. */
export type AnyRule = { readonly name: string } & Readonly<Record<string, unknown>>

/** The function that makes a rule's descriptions. */
export function rule<R extends { readonly name: string }>(
  definition: Pick<Definition<R['name']>, 'name'>,
): (options?: Options<R>) => R {
  return (options = {}) => describeRuleOptions(definition as Definition, options) as unknown as R
}

/** The function that makes them as another system does: with other values where none are given. */
export function preset<R extends { readonly name: string }>(
  definition: Pick<Definition<R['name']>, 'name'>,
  values: Options<R>,
): (options?: Options<R>) => R {
  return (options = {}) => describeRuleOptions(definition as Definition, options, values) as unknown as R
}

/**
 * The frozen description of a rule with all of its options.
 *
 * @throws OptionError where an option is unknown or out of its range
 */
export function describeRuleOptions(definition: Definition, given: object, preset?: object): AnyRule {
  const values: Record<string, unknown> = { ...preset }
  overlay(values, `${definition.name}: options`, given, definition.options)
  const { defaults } = definition
  const rule = { ...defaults, ...definition.implied({ ...defaults, ...values }), ...values }
  definition.check(rule)
  return Object.freeze(rule)
}

/**
 * The rule with some options changed; those that are undefined stay. For speed it is not frozen: it
 * must not be handed out.
 *
 * @throws OptionError where an option is unknown or out of its range
 */
export function changeRule<R extends AnyRule>(definition: Definition, rule: R, given: object): R {
  const values = { ...rule }
  overlay(values, `${definition.name}: options`, given, definition.options)
  definition.check(values)
  return values
}
