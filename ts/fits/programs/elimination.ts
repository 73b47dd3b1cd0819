/**
 * Eliminates the local parameters from the bordered (arrowhead) normal equations of a shared fit. Let A, B and C be the
 * blocks of JᵀWJ + λ·D of one group: local by local, shared by local, and shared by shared. Eliminating the local
 * parameters leaves C − B·A⁻¹·Bᵀ for the shared parameters (a Schur complement). The Schur complements are summed over
 * the groups. In this file the equations are nodes of a graph.
 */

import type { Builder } from '../../expressions/differentiate.js'
import { dot, triangle, triangleIndex } from './ldlt.js'

/** Counts of the local and the shared parameters of a group. */
export interface EliminationSize {
  readonly local: number
  readonly shared: number
}

/**
 * The equations of one group, local parameters first: half the gradient, the lower triangle of JᵀWJ, and D of the local
 * parameters.
 */
interface BorderedEquations {
  readonly right: readonly number[]
  readonly matrix: readonly number[]
  readonly scale: readonly number[]
  /** The number 1 for each local parameter that may move, and 0 for each fixed parameter. */
  readonly moves: readonly number[]
  readonly damping: number
  /** Smallest usable pivot, relative to D. A parameter whose pivot is smaller is unidentifiable and does not move. */
  readonly least: number
}

/** The factors L·D·Lᵀ of A, the step −A⁻¹·g of the local parameters, and a column of A⁻¹·Bᵀ per shared parameter. */
export interface EliminatedEquations<T> {
  /** Elements of the factor L below the diagonal. */
  readonly lower: readonly T[]
  /** Inverse pivot 1/D of each parameter, or 0 for a parameter that does not move. */
  readonly inverse: readonly T[]
  readonly step: readonly T[]
  readonly coupling: readonly (readonly T[])[]
}

/** Index of (i, j) in an array of the elements below the diagonal. */
export const belowDiagonal = (i: number, j: number) => triangleIndex(i - 1, j)

export function eliminateLocals(
  b: Builder,
  { local, shared }: EliminationSize,
  { right, matrix, scale, moves, damping, least }: BorderedEquations,
) {
  const lower: number[] = []
  const inverse: number[] = []
  for (let i = 0; i < local; i++) {
    // Row i of the product L·D.
    const scaled: number[] = []
    for (let j = 0; j <= i; j++) {
      const node = matrix[triangleIndex(i, j)]
      let rest = i === j ? b.add(node, b.multiply(damping, scale[i])) : node
      for (let k = 0; k < j; k++) rest = b.subtract(rest, b.multiply(scaled[k], lower[belowDiagonal(j, k)]))
      scaled.push(rest)
      if (j < i) lower.push(b.multiply(rest, inverse[j]))
    }
    const isDetermined = b.operation('less', b.multiply(least, scale[i]), scaled[i])
    inverse.push(b.select(b.multiply(isDetermined, moves[i]), b.divide(b.one, scaled[i]), b.zero))
  }
  const solved = (x: readonly number[]) => solveEliminated(nodeArithmetic(b), { lower, inverse }, x)
  const step = solved(right.slice(0, local).map((g) => b.negate(g)))
  const border = (k: number) => Array.from({ length: local }, (_, i) => matrix[triangleIndex(local + k, i)])
  const follow = Array.from({ length: shared }, (_, k) => solved(border(k)))
  const less = (node: number, k: number, along: readonly number[]) =>
    local === 0 ? node : b.subtract(node, dot(b, border(k), along))
  return {
    lower,
    inverse,
    step,
    follow,
    /** Equations of the shared parameters after elimination of the local parameters. */
    matrix: triangle(shared, (k, l) => less(matrix[triangleIndex(local + k, local + l)], k, follow[l])),
    right: follow.map((_, k) =>
      less(
        right[local + k],
        k,
        step.map((x) => b.negate(x)),
      ),
    ),
    /** The product −gᵀδ of the local parameters if the shared parameters do not move. */
    decrement: local === 0 ? b.zero : b.negate(dot(b, right.slice(0, local), step)),
  }
}

/** Arithmetic of a triangular solve, on numbers or on graph nodes. */
interface Arithmetic {
  lessProduct(a: number, b: number, c: number): number
  /** Product with an inverse pivot, or 0 for a parameter that does not move. */
  timesInverse(a: number, inverse: number): number
}

const nodeArithmetic = (b: Builder): Arithmetic => ({
  lessProduct: (x, y, z) => b.subtract(x, b.multiply(y, z)),
  timesInverse: (x, inverse) => b.select(inverse, b.multiply(x, inverse), b.zero),
})

export const numberArithmetic: Arithmetic = {
  lessProduct: (x, y, z) => x - y * z,
  timesInverse: (x, inverse) => (inverse === 0 ? 0 : x * inverse),
}

/** Solves the equations L·D·Lᵀ·x = right. */
export function solveEliminated(
  { lessProduct, timesInverse }: Arithmetic,
  { lower, inverse }: Pick<EliminatedEquations<number>, 'lower' | 'inverse'>,
  right: readonly number[],
): number[] {
  const x = [...right]
  for (let i = 0; i < x.length; i++)
    for (let k = 0; k < i; k++) x[i] = lessProduct(x[i], lower[belowDiagonal(i, k)], x[k])
  for (let i = x.length - 1; i >= 0; i--) {
    x[i] = timesInverse(x[i], inverse[i])
    for (let k = i + 1; k < x.length; k++) x[i] = lessProduct(x[i], lower[belowDiagonal(k, i)], x[k])
  }
  return x
}
