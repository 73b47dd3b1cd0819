/**
 * The arrow of normal equations: each group has own parameters, and all have shared ones. With A, B and C the blocks of
 * JᵀWJ + λ·D of a group, own by own, shared by own and shared by shared, its own parameters leave the equations of the
 * shared ones C − B·A⁻¹·Bᵀ, which are added up over the groups (a Schur complement). Here they are nodes of a graph.
 */

import type { Builder } from '../../expressions/differentiate.js'
import { dot, triangle, triangleIndex } from './ldlt.js'

/** How many parameters of either kind a group has. */
export interface EliminationSize {
  readonly local: number
  readonly shared: number
}

/** A group's equations, own parameters first: half the gradient, the lower triangle of JᵀWJ, and D of own ones. */
interface BorderedEquations {
  readonly right: readonly number[]
  readonly matrix: readonly number[]
  readonly scale: readonly number[]
  /** 1 for each own parameter that may move, 0 for others. */
  readonly moves: readonly number[]
  readonly damping: number
  /** A pivot, beside D, below which a parameter is not determined, and does not move. */
  readonly least: number
}

/** A as L·D·Lᵀ, and what it makes of the right side and of B: −A⁻¹·g, and A⁻¹·Bᵀ by shared parameters. */
export interface EliminatedEquations<T> {
  /** Below the diagonal. */
  readonly lower: readonly T[]
  /** 1/D; 0 of what does not move. */
  readonly inverse: readonly T[]
  readonly step: readonly T[]
  readonly coupling: readonly (readonly T[])[]
}

/** Where (i, j) is below the diagonal of a matrix. */
export const belowDiagonal = (i: number, j: number) => triangleIndex(i - 1, j)

export function eliminateLocals(
  b: Builder,
  { local, shared }: EliminationSize,
  { right, matrix, scale, moves, damping, least }: BorderedEquations,
) {
  const lower: number[] = []
  const inverse: number[] = []
  for (let i = 0; i < local; i++) {
    // L·D of this row.
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
    /** What own parameters leave of the equations of shared ones. */
    matrix: triangle(shared, (k, l) => less(matrix[triangleIndex(local + k, local + l)], k, follow[l])),
    right: follow.map((_, k) =>
      less(
        right[local + k],
        k,
        step.map((x) => b.negate(x)),
      ),
    ),
    /** −gᵀδ of own parameters, while shared ones stay. */
    decrement: local === 0 ? b.zero : b.negate(dot(b, right.slice(0, local), step)),
  }
}

/** What solutions are made by: of numbers, or of nodes. */
interface Arithmetic {
  lessProduct(a: number, b: number, c: number): number
  /** What does not move stays 0. */
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

/** L·D·Lᵀ·x = right. */
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
