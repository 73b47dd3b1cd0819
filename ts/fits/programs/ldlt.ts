/**
 * Symmetric linear equations as nodes of a graph: the factorization L·D·Lᵀ without square roots or pivoting. All
 * engines use the same order of operations.
 */

import type { Builder } from '../../expressions/differentiate.js'

/** Elements of a lower triangle by rows: (0,0), (1,0), (1,1), (2,0), … */
export function triangle<T>(size: number, make: (i: number, j: number) => T): T[] {
  return Array.from({ length: size }, (_, i) => Array.from({ length: i + 1 }, (_, j) => make(i, j))).flat()
}

/** Index of the symmetric elements (i, j) and (j, i) in a lower triangle. */
export function triangleIndex(i: number, j: number): number {
  return i < j ? triangleIndex(j, i) : (i * (i + 1)) / 2 + j
}

/** The factors L·D·Lᵀ of a matrix: D, 1/D, and the lower triangle of L with an unused diagonal. */
export interface LdltFactors {
  readonly lower: readonly number[]
  readonly diagonal: readonly number[]
  readonly inverse: readonly number[]
}

/** @param matrix graph nodes of the lower triangle of the matrix */
export function factorize(b: Builder, matrix: readonly number[], size: number): LdltFactors {
  const lower: number[] = []
  const diagonal: number[] = []
  const inverse: number[] = []
  for (let i = 0; i < size; i++) {
    // Row i of the product L·D.
    const scaled: number[] = []
    for (let j = 0; j <= i; j++) {
      let rest = matrix[triangleIndex(i, j)]
      for (let k = 0; k < j; k++) rest = b.subtract(rest, b.multiply(scaled[k], lower[triangleIndex(j, k)]))
      scaled.push(rest)
      lower.push(j < i ? b.multiply(rest, inverse[j]) : b.one)
    }
    diagonal.push(scaled[i])
    inverse.push(b.divide(b.one, scaled[i]))
  }
  return { lower, diagonal, inverse }
}

/** Solves the equations L·D·Lᵀ·x = right for x. */
export function solve(b: Builder, { lower, inverse }: LdltFactors, right: readonly number[]): number[] {
  const size = right.length
  const x = [...right]
  const eliminate = (i: number, k: number, factor: number) => {
    if (x[k] !== b.zero) x[i] = b.subtract(x[i], b.multiply(factor, x[k]))
  }
  for (let i = 0; i < size; i++) for (let k = 0; k < i; k++) eliminate(i, k, lower[triangleIndex(i, k)])
  for (let i = size - 1; i >= 0; i--) {
    if (x[i] !== b.zero) x[i] = b.multiply(x[i], inverse[i])
    for (let k = i + 1; k < size; k++) eliminate(i, k, lower[triangleIndex(k, i)])
  }
  return x
}

/** The lower triangle of the inverse of a factorized matrix. */
export function invert(b: Builder, factors: LdltFactors, size: number): number[] {
  const unit = (j: number) => Array.from({ length: size }, (_, i) => (i === j ? b.one : b.zero))
  const columns = Array.from({ length: size }, (_, j) => solve(b, factors, unit(j)))
  return triangle(size, (i, j) => columns[j][i])
}

/** Sum Σ a·b over pairs of nodes, in order. */
export function dot(b: Builder, left: readonly number[], right: readonly number[]): number {
  return left.map((x, i) => b.multiply(x, right[i])).reduce((sum, x) => b.add(sum, x))
}

/** The weighted sum of squares Σ D·x². */
export function weightedSquares(b: Builder, diagonal: readonly number[], x: readonly number[]): number {
  if (x.length === 0) return b.zero
  const squares = x.map((number) => b.multiply(number, number))
  return dot(b, diagonal, squares)
}

/** The product A·x for a symmetric matrix A. */
export function product(b: Builder, matrix: readonly number[], x: readonly number[]): number[] {
  return x.map((_, i) =>
    dot(
      b,
      x.map((_, j) => matrix[triangleIndex(i, j)]),
      x,
    ),
  )
}

/** The correlation matrix of a covariance matrix, as an array of rows. */
export function correlationMatrix(covariance: readonly (readonly number[])[]): number[][] {
  const deviations = covariance.map((row, i) => Math.sqrt(row[i]))
  return covariance.map((row, i) => row.map((c, j) => (i === j ? 1 : c / (deviations[i] * deviations[j]))))
}
