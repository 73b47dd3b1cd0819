/** What a step of a fit is made of: sums over the rows of data at a point, and equations that these give. */

import type { Builder } from '../../expressions/differentiate.js'
import type { Problem } from '../problem/problem.js'

/** Nodes of sums over rows, in a form that only an {@link StepEquations} knows: as many as parameters, and a triangle. */
export interface RowSums {
  readonly right: readonly number[]
  readonly matrix: readonly number[]
}

export interface DampingPoint extends RowSums {
  /** D by which steps are damped. */
  readonly scale: readonly number[]
  /** 1 for each parameter that may move, 0 for others. */
  readonly moves: readonly number[]
}

/** With r the residuals and J their derivatives: (JᵀWJ + λ·D)·δ = −JᵀWr for what may move. */
export interface SolvedEquations {
  readonly delta: readonly number[]
  /** What the step lowers the cost by, if the model is linear. */
  readonly reduction: number
  /** Of the matrix, scaled so that D is 1. */
  readonly leastPivot: number
  /** The lower triangle of the inverse without λ, times the variance of a row, null for 1; the roots of its diagonal. */
  covariance(variance: number | null): { readonly all: number[]; readonly errors: number[] }
}

/** A point's sums, and what it costs. */
export interface SummedRows extends RowSums {
  readonly cost: number
  /** 1 where the derivatives are finite in all rows, else 0. */
  readonly areFinite: number
}

export interface StepEquations {
  /** A pivot below which errors have too few digits, and what is said of a fit then. */
  readonly leastPivot: number
  readonly whenBelowMin: number
  /** One below which a step leads anywhere. */
  readonly singularPivot: number
  /** λ at least. */
  readonly minPivot: number
  /** A step without λ that has failed is followed by one with so much at least. */
  readonly retryDamping: number
  /** Names of units in which it computes; parameters of programs that stay as they are. */
  units(size: number): readonly string[]
  /** @param slopes derivatives of the model in a row; @param second what stands for second ones */
  sums(b: Builder, problem: Problem, slopes: readonly number[], second: 'weight' | 'curvature'): SummedRows
  /** Parameters in their units. */
  inUnits(b: Builder, x: readonly number[]): readonly number[]
  /** A cost out of its unit. */
  cost(b: Builder, cost: number): number
  /** Half the cost's. */
  gradient(b: Builder, sums: RowSums): readonly number[]
  /** That of JᵀWJ. */
  diagonal(b: Builder, sums: RowSums): readonly number[]
  /** What a step lowers the cost by, if the model is linear. */
  gain(b: Builder, sums: RowSums, taken: readonly number[]): number
  equations(b: Builder, point: DampingPoint, damping: number): SolvedEquations
}
