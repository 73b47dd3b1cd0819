/** Constraints of a minimization, and what a result says about the constraints. */

import type { TwiceDifferentiable } from '../objectives/objective.js'

/** The limits of a constraint: either a value that the constraint equals, or a minimum, a maximum or both. */
export interface ConstraintLimits {
  /** Name of the constraint in results and messages; its index by default. */
  readonly name?: string
  /** The value that the function equals. */
  readonly equal?: number
  /** The smallest value of the function; −∞ by default. */
  readonly min?: number
  /** The largest value of the function; ∞ by default. */
  readonly max?: number
}

/** A constraint for a method such as `sqp()`. */
export interface Constraint extends ConstraintLimits {
  /**
   * A function of the parameters: the text of an expression, an expression, `{ value, gradient }`, or a function of x.
   * The names in an expression are names of the objective's parameters. The gradient of a function of x is computed by
   * central differences.
   */
  readonly expr: string | TwiceDifferentiable | ((x: ArrayLike<number>) => number)
}

/** Description of a method that supports constraints. */
export interface ConstrainedMethod {
  readonly method: 'sqp'
}

/** The part of a result that describes the constraints. */
export interface ConstraintReport {
  /** Largest amount by which a constraint is violated; 0 if none is violated. Bounds are never violated. */
  readonly maxViolation: number
  /** Amounts by which constraints are violated, by name or index, without violations that are only rounding errors. */
  readonly violations: Readonly<Record<string | number, number>>
  /**
   * Multiplier λ of each constraint, by name or index. At a minimum, the gradient of the objective is Σ λ·(gradient of
   * the constraint) + the multipliers of the bounds. A multiplier is ≥ 0 at a minimum of the constraint and ≤ 0 at a
   * maximum. The minimal value of the objective changes by λ per unit of the limit.
   */
  readonly multipliers: Readonly<Record<string | number, number>>
  /** Multiplier of the bound of each parameter; 0 for parameters that are not at a bound. */
  readonly boundMultipliers: Float64Array
  /** Names or indices of the constraints that are equal to a limit. */
  readonly active: readonly (string | number)[]
  /**
   * Largest element of the gradient of the Lagrangian, f − Σ λ·c, relative to its largest term or to 1, in the scales in
   * which the run computes. Close to 0 at a minimum.
   */
  readonly kktResidual: number
}

/** The part of a result of many runs that describes the constraints. Each quantity is a column with one element per run. */
export interface ConstraintColumns<Names extends string = string> {
  /** Largest amount by which a constraint is violated; 0 if none is violated. Bounds are never violated. */
  readonly maxViolation: Float64Array
  /** Amounts by which each constraint is violated, by name or index; 0 for violations that are only rounding errors. */
  readonly violations: Readonly<Record<string | number, Float64Array>>
  /** Multipliers of each constraint, by name or index, with the signs of {@link ConstraintReport}. */
  readonly multipliers: Readonly<Record<string | number, Float64Array>>
  /** Multipliers of the bound of each parameter, by name; 0 for parameters that are not at a bound. */
  readonly boundMultipliers: Readonly<Record<Names, Float64Array>>
  /** 1 for each run in which the constraint is equal to a limit, by name or index. */
  readonly active: Readonly<Record<string | number, Uint8Array>>
  /** Largest element of the gradient of the Lagrangian, as in {@link ConstraintReport}. */
  readonly kktResidual: Float64Array
}
