/** Rules as plain, frozen and validated objects. */

import type { Kernel } from '../arena/kernel.js'
import type { ValuesOf } from '../options/kinds.js'
import { overlay } from '../options/read.js'
import type { Definition } from './define.js'

/** A property that exists only in the type. The property contains the names of a rule's state arrays. */
declare const state: unique symbol

interface StateNames<Always extends string, Sometimes extends string> {
  readonly always: Always
  readonly sometimes: Sometimes
}

/** Names of the state arrays that at least one kernel uses. */
type AnyState<K extends Kernel> =
  | K['state'][number]
  | (K extends { readonly lines: readonly (infer L extends string)[] } ? L : never)
/** Names of the state arrays that every kernel uses. TypeScript infers the intersection from function parameters. */
type EveryState<K extends Kernel> = (K extends unknown ? (name: AnyState<K>) => void : never) extends (
  name: infer Name extends string,
) => void
  ? Name
  : never
type KernelStateNames<K extends Kernel> = StateNames<EveryState<K>, Exclude<AnyState<K>, EveryState<K>>>

/** The state of a rule, limited to arrays that always exist. */
export type WithState<Names extends string> = { readonly [state]?: StateNames<Names, never> }

/** A property that exists only in the type: the options of a rule. */
declare const options: unique symbol

/**
 * The type of a rule, derived from its declaration: a name, and a value for each option. In published types, `Given` is
 * the interface of the rule's options, whose comments editors show.
 */
export type RuleOf<D, Given = unknown> =
  D extends Definition<infer N, infer O, infer K, infer _>
    ? { readonly name: N } & ValuesOf<O> & {
          readonly [state]?: KernelStateNames<K[number]>
          readonly [options]?: Given
        }
    : never

/** The options of a rule in the form that users pass. All options are optional. */
export type Options<R> = {
  readonly [K in keyof R as K extends 'name' ? never : K & string]?: R[K] | undefined
}

/** A rule whose parameters start to move after a delay; see `delayedStart`. */
export interface DelayedStart<R = unknown> {
  readonly name: 'delayedStart'
  readonly updates: number
  readonly rule: R
}

/** The options of a rule, or of the inner rule if its start is delayed. */
export type OptionsOf<R> =
  R extends DelayedStart<infer Inner>
    ? OptionsOf<Inner>
    : R extends { readonly [options]?: infer Given }
      ? unknown extends Given
        ? Options<R>
        : NonNullable<Given>
      : Options<R>

/** The state arrays of a rule for each tensor, named like the symbols in the rule's equations. */
export type StateOf<R, T> =
  R extends DelayedStart<infer Inner>
    ? StateOf<Inner, T>
    : R extends { readonly [state]?: StateNames<infer Always, infer Sometimes> }
      ? [Always | Sometimes] extends [never]
        ? unknown
        : { readonly [N in Always]: T } & { readonly [N in Sometimes]?: T }
      : unknown

/** Any rule without a delayed start, for code that works with every rule. */
export type AnyRule = { readonly name: string } & Readonly<Record<string, unknown>>

/** Returns the function that makes the descriptions of a rule. */
export function rule<R extends { readonly name: string }>(
  definition: Pick<Definition<R['name']>, 'name'>,
): (options?: Options<R>) => R {
  return (options = {}) => describeRuleOptions(definition as Definition, options) as unknown as R
}

/** Returns the function that makes the descriptions of a rule with the defaults of another library. */
export function preset<R extends { readonly name: string }>(
  definition: Pick<Definition<R['name']>, 'name'>,
  values: Options<R>,
): (options?: Options<R>) => R {
  return (options = {}) => describeRuleOptions(definition as Definition, options, values) as unknown as R
}

/**
 * The frozen description of a rule with all of its options.
 *
 * @throws OptionError if an option is unknown or out of its range
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
 * A copy of the rule with some changed options. Undefined options keep their values. For speed, the copy is not frozen,
 * so the copy must not reach users.
 *
 * @throws OptionError if an option is unknown or out of its range
 */
export function changeRule<R extends AnyRule>(definition: Definition, rule: R, given: object): R {
  const values = { ...rule }
  overlay(values, `${definition.name}: options`, given, definition.options)
  definition.check(values)
  return values
}
