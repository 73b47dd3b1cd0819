/** Types of rules that are written as their equations; `ts/equations` makes them. */

import type { Scheduled } from '../schedules/schedule.js'
import type { WithState } from './rule.js'

/** An option: what it is unless given, and in which range it is; the same of a schedule's numbers. */
export interface EquationOption {
  readonly default: number | boolean
  readonly min?: number
  readonly max?: number
  /** It is above, or below, and not equal. */
  readonly above?: number
  readonly below?: number
  /** Whether it may be a schedule; false by default. */
  readonly scheduled?: boolean
}

/** What a state begins with: a number, the parameters, or the first gradient. */
export type EquationStart = number | 'parameters' | 'gradient'

/** An array of state, a number for each element. */
export interface EquationState {
  readonly start: EquationStart
  /**
   * Whether its subnormal numbers may become 0 at every 256th update, as they cost time; true by default. They do where
   * all states of a rule may.
   */
  readonly flush?: boolean
}

/** A rule's equations, as the user says them. */
export interface RuleDefinition {
  /** By name: a number or true or false for one with no limits. */
  readonly options?: Readonly<Record<string, EquationOption | number | boolean>>
  /** Arrays of state by name, at most six. */
  readonly state?: Readonly<Record<string, EquationState | EquationStart>>
  /** Numbers that a tensor has one of each, in float64, by name: what they begin with. */
  readonly scalars?: Readonly<Record<string, number>>
  /** The lines. */
  readonly step: string
}

/** The same, all of it said. */
export interface ResolvedRuleDefinition {
  readonly options: Readonly<Record<string, EquationOption>>
  readonly state: Readonly<Record<string, Required<EquationState>>>
  readonly scalars: Readonly<Record<string, number>>
  readonly step: string
}

/** What an option may be given as. */
export type OptionValue<O> = O extends { readonly scheduled: true }
  ? Scheduled
  : O extends boolean | { readonly default: boolean }
    ? boolean
    : number

/** A rule of one's own: its name, its equations and its options. */
export type EquationRule<N extends string = string, E extends RuleDefinition | null = null> = {
  readonly name: N
  readonly equations: ResolvedRuleDefinition
  /** Climbs instead. */
  readonly maximize: boolean
} & (E extends RuleDefinition
  ? { readonly [K in keyof E['options']]: OptionValue<E['options'][K]> } & WithState<
      keyof E['state'] & string
    >
  : unknown)
