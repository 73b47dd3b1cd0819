/** Linear algebra of dense Hessians, and Newton's method with them. */

import { triangleIndex } from '../programs/ldlt.js'
import {
  type HessianAlgebra,
  minimizeNewton,
  type NewtonProblem,
  type NewtonResult,
  type NewtonStep,
  type SecondOrderEvaluation,
} from './newton.js'

/** A pivot of the scaled matrix below this limit counts as 0. */
const MIN_PIVOT = 1e-11

/** Hessians as lower triangles. */
export const denseAlgebra: HessianAlgebra<Float64Array> = {
  isFinite: (hessian) => hessian.every(Number.isFinite),
  diagonal: (hessian, i) => hessian[triangleIndex(i, i)],
  solve: solveDense,
}

/** Minimizes from a start within the bounds. */
export function minimizeDense(problem: Omit<NewtonProblem, 'algebra'>, start: Float64Array): NewtonResult {
  return minimizeNewton({ ...problem, algebra: denseAlgebra }, start)
}

function solveDense(
  { gradient, hessian }: SecondOrderEvaluation,
  free: readonly number[],
  damping: number,
): NewtonStep | null {
  const scale = scales(hessian, free)
  const factors = choleskyOf(hessian, free, scale, damping)
  if (factors === null) return null
  const right = free.map((i, k) => -gradient[i] / scale[k])
  const scaled = solveCholesky(factors, right)
  const decrement = right.reduce((sum, r, k) => sum + r * scaled[k], 0) / 2
  return { step: scaled.map((s, k) => s / scale[k]), decrement, damping }
}

/** Square roots of the diagonal, which equilibrate the matrix. */
const scales = (hessian: Float64Array, free: readonly number[]) =>
  free.map((i) => equilibration(hessian[triangleIndex(i, i)]))

/** Scale of a parameter, from its element of the diagonal. */
export const equilibration = (diagonal: number) => Math.sqrt(Math.abs(diagonal)) || 1

const choleskyOf = (
  hessian: Float64Array,
  free: readonly number[],
  scale: readonly number[],
  damping: number,
) =>
  cholesky(
    free.length,
    (i, j) => hessian[triangleIndex(free[i], free[j])] / scale[i] / scale[j] + (i === j ? damping : 0),
  )

/**
 * Factor L of an equilibrated matrix L·Lᵀ, as rows; null if the matrix is not positive definite.
 *
 * @param entry elements of the lower triangle
 */
export function cholesky(size: number, entry: (i: number, j: number) => number): number[][] | null {
  const lower: number[][] = []
  for (let i = 0; i < size; i++) {
    const row: number[] = []
    for (let j = 0; j <= i; j++) {
      let rest = entry(i, j)
      for (let k = 0; k < j; k++) rest -= row[k] * (i === j ? row[k] : lower[j][k])
      if (j < i) row.push(rest / lower[j][j])
      else if (rest > MIN_PIVOT) row.push(Math.sqrt(rest))
      else return null
    }
    lower.push(row)
  }
  return lower
}

/** Solves L·Lᵀ·x = right. */
export const solveCholesky = (lower: readonly (readonly number[])[], right: readonly number[]): number[] =>
  substituteBack(lower, substitute(lower, right))

/** Solves L·x = right. */
export function substitute(lower: readonly (readonly number[])[], right: readonly number[]): number[] {
  const x = [...right]
  for (let i = 0; i < x.length; i++) {
    for (let k = 0; k < i; k++) x[i] -= lower[i][k] * x[k]
    x[i] /= lower[i][i]
  }
  return x
}

/** Solves Lᵀ·x = right. */
export function substituteBack(lower: readonly (readonly number[])[], right: readonly number[]): number[] {
  const x = [...right]
  for (let i = x.length - 1; i >= 0; i--) {
    for (let k = i + 1; k < x.length; k++) x[i] -= lower[k][i] * x[k]
    x[i] /= lower[i][i]
  }
  return x
}

/** The inverse of the Hessian of the free parameters; null if it is singular or indefinite. */
export function invertHessian(hessian: Float64Array, free: readonly number[]): number[][] | null {
  const scale = scales(hessian, free)
  const factors = choleskyOf(hessian, free, scale, 0)
  if (factors === null) return null
  const columns = free.map((_, j) =>
    solveCholesky(
      factors,
      free.map((_, i) => (i === j ? 1 : 0)),
    ),
  )
  return free.map((_, i) => free.map((_, j) => columns[j][i] / scale[i] / scale[j]))
}
