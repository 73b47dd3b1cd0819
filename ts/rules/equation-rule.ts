/** Types of custom rules, which are written as equations. `ts/equations` compiles the equations. */

import type { Scheduled } from '../schedules/schedule.js'
import type { WithState } from './rule.js'

/**
 * An option of a custom rule, with its default and its range. If the option is a schedule, all values of the schedule
 * must be in the range.
 */
export interface EquationOption {
  readonly default: number | boolean
  readonly min?: number
  readonly max?: number
  /** Exclusive limits: the option must be greater than `above` and less than `below`. */
  readonly above?: number
  readonly below?: number
  /** Whether the option may be a schedule; false by default. */
  readonly scheduled?: boolean
}

/** Initial value of a state array: a number, the parameters, or the first gradient. */
export type EquationStart = number | 'parameters' | 'gradient'

/** A state array with one number per element. */
export interface EquationState {
  readonly start: EquationStart
  /**
   * Whether subnormal numbers in this array may be set to 0 at every 256th update, because subnormal numbers slow down
   * arithmetic; true by default. Subnormal numbers are set to 0 only if all state arrays of the rule allow this.
   */
  readonly flush?: boolean
}

/** A custom rule, as written by the user. */
export interface RuleDefinition {
  /** Options by name. A number or a boolean stands for an option without limits. */
  readonly options?: Readonly<Record<string, EquationOption | number | boolean>>
  /** State arrays by name, at most six. */
  readonly state?: Readonly<Record<string, EquationState | EquationStart>>
  /** Scalars by name, with initial values. Each tensor has one float64 number per scalar. */
  readonly scalars?: Readonly<Record<string, number>>
  /** The equations, one per line. */
  readonly step: string
}

/** A rule definition, completed with all defaults. */
export interface ResolvedRuleDefinition {
  readonly options: Readonly<Record<string, EquationOption>>
  readonly state: Readonly<Record<string, Required<EquationState>>>
  readonly scalars: Readonly<Record<string, number>>
  readonly step: string
}

/** The type of an option's value. */
export type OptionValue<O> = O extends { readonly scheduled: true }
  ? Scheduled
  : O extends boolean | { readonly default: boolean }
    ? boolean
    : number

/** A custom rule: the name, the equations and the options. */
export type EquationRule<N extends string = string, E extends RuleDefinition | null = null> = {
  readonly name: N
  readonly equations: ResolvedRuleDefinition
  /** Maximizes the objective instead of minimizing it. */
  readonly maximize: boolean
} & (E extends RuleDefinition
  ? { readonly [K in keyof E['options']]: OptionValue<E['options'][K]> } & WithState<
      keyof E['state'] & string
    >
  : unknown)
