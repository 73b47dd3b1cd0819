/** The parts of a fit step: sums over the rows of data at a point, and the equations built from them. */

import type { Builder } from '../../expressions/differentiate.js'
import type { Problem } from '../problem/problem.js'

/** Nodes of sums over rows, in a form that only its {@link StepEquations} can read: one vector and one triangle. */
export interface RowSums {
  readonly right: readonly number[]
  readonly matrix: readonly number[]
}

export interface DampingPoint extends RowSums {
  /** D, the scale of the damping. */
  readonly scale: readonly number[]
  /** 1 for each parameter that may move, 0 for a fixed parameter. */
  readonly moves: readonly number[]
}

/**
 * Solution of (JᵀWJ + λ·D)·δ = −JᵀWr for the parameters that may move. In this equation r are the residuals, and J
 * their derivatives.
 */
export interface SolvedEquations {
  readonly delta: readonly number[]
  /** Predicted gain of the step, for a linear model. */
  readonly reduction: number
  /** Least pivot of the matrix, scaled so that D is 1. */
  readonly leastPivot: number
  /**
   * The lower triangle of the inverse without λ, times the variance of a row of weight 1 (null for a variance of 1),
   * and the square roots of its diagonal.
   */
  covariance(variance: number | null): { readonly all: number[]; readonly errors: number[] }
}

/** The row sums at a point, and the cost at this point. */
export interface SummedRows extends RowSums {
  readonly cost: number
  /** 1 if the derivatives are finite in all rows, otherwise 0. */
  readonly areFinite: number
}

export interface StepEquations {
  /**
   * With a pivot below `leastPivot`, standard errors have too few digits, and the fit ends with the reason
   * `whenBelowMin`.
   */
  readonly leastPivot: number
  readonly whenBelowMin: number
  /** If a pivot is below this value, the direction of a step is arbitrary. */
  readonly singularPivot: number
  /** Smallest λ. */
  readonly minPivot: number
  /** Smallest λ after an undamped step has failed. */
  readonly retryDamping: number
  /** Names of the scaling units. The scaling units are program inputs that never change. */
  units(size: number): readonly string[]
  /**
   * @param slopes derivatives of the model in a row
   * @param second second derivatives of the loss: the version for steps, or the version for standard errors
   */
  sums(b: Builder, problem: Problem, slopes: readonly number[], second: 'weight' | 'curvature'): SummedRows
  /** Parameters in scaled units. */
  inUnits(b: Builder, x: readonly number[]): readonly number[]
  /** A cost, converted back from scaled units. */
  cost(b: Builder, cost: number): number
  /** Half the gradient of the cost. */
  gradient(b: Builder, sums: RowSums): readonly number[]
  /** The diagonal of JᵀWJ. */
  diagonal(b: Builder, sums: RowSums): readonly number[]
  /** Predicted gain of a step, for a linear model. */
  gain(b: Builder, sums: RowSums, taken: readonly number[]): number
  equations(b: Builder, point: DampingPoint, damping: number): SolvedEquations
}
