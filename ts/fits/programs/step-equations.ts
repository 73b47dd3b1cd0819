/** The parts of a fit step: sums over the rows of data at a point, and the equations that are built from the sums. */

import type { Builder } from '../../expressions/differentiate.js'
import type { Problem } from '../problem/problem.js'

/**
 * Nodes of sums over rows: one vector and one triangle, in a form that only the {@link StepEquations} of the sums can
 * read.
 */
export interface RowSums {
  readonly right: readonly number[]
  readonly matrix: readonly number[]
}

export interface DampingPoint extends RowSums {
  /** The diagonal D, which scales the damping. */
  readonly scale: readonly number[]
  /** The number 1 for each parameter that may move, and 0 for each fixed parameter. */
  readonly moves: readonly number[]
}

/**
 * Solution of (JᵀWJ + λ·D)·δ = −JᵀWr for the parameters that may move. The vector r contains the residuals, and J
 * contains the derivatives of the residuals.
 */
export interface SolvedEquations {
  readonly delta: readonly number[]
  /** Predicted gain of the step, for a linear model. */
  readonly reduction: number
  /** Least pivot of the matrix, scaled so that D is 1. */
  readonly leastPivot: number
  /**
   * The lower triangle of the covariance, and the square roots of its diagonal. The covariance is the inverse of JᵀWJ
   * times the variance of a row of weight 1, where null is a variance of 1.
   */
  covariance(variance: number | null): { readonly all: number[]; readonly errors: number[] }
}

/** The row sums and the cost at a point. */
export interface SummedRows extends RowSums {
  readonly cost: number
  /** The number 1 if the derivatives are finite in all rows, otherwise 0. */
  readonly areFinite: number
}

export interface StepEquations {
  /**
   * If a pivot is below `leastPivot`, standard errors have too few digits, and the fit ends with the reason
   * `whenBelowMin`.
   */
  readonly leastPivot: number
  readonly whenBelowMin: number
  /** If a pivot is below `singularPivot`, the direction of a step is arbitrary. */
  readonly singularPivot: number
  /** Smallest damping λ of a step. */
  readonly minPivot: number
  /** Smallest damping λ after an undamped step has failed. */
  readonly retryDamping: number
  /** Names of the scaling units. The scaling units are program inputs that never change. */
  units(size: number): readonly string[]
  /**
   * @param slopes derivatives of the model in a row
   * @param second kind of second derivatives of the loss: 'weight' for steps, or 'curvature' for standard errors
   */
  sums(b: Builder, problem: Problem, slopes: readonly number[], second: 'weight' | 'curvature'): SummedRows
  /** Parameters, converted to scaled units. */
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
