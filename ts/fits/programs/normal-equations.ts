/**
 * Solves steps by normal equations, which are sums of products of derivatives. Normal equations are fast, but lose half
 * of the digits.
 */

import type { Builder } from '../../expressions/differentiate.js'
import { lossTerms } from '../problem/loss.js'
import type { Problem } from '../problem/problem.js'
import { NEEDS_QR } from '../problem/reasons.js'
import { dot, factorize, invert, product, solve, triangle, triangleIndex } from './ldlt.js'
import type { DampingPoint, SolvedEquations, StepEquations } from './step-equations.js'

export const squares: StepEquations = {
  leastPivot: 1e-4,
  whenBelowMin: NEEDS_QR,
  minPivot: 1e-14,
  singularPivot: 1e-12,
  retryDamping: 1e-6,
  units: () => [],
  inUnits: (_, x) => x,
  cost: (_, cost) => cost,

  /** `right` is half the gradient, and `matrix` is JᵀWJ. */
  sums(b, problem, slopes, second) {
    const { cost, gradient: right, matrix } = sumRows(b, problem, slopes, second)
    const trace = diagonal(right, matrix).reduce((sum, x) => b.add(sum, x))
    const areFinite = b.operation('equal', b.multiply(trace, b.zero), b.zero)
    return { cost, right, matrix, areFinite }
  },

  gradient: (_, { right }) => right,

  diagonal: (_, { right, matrix }) => diagonal(right, matrix),

  gain(b, { right, matrix }, taken) {
    const along = b.add(dot(b, right, taken), dot(b, right, taken))
    return b.negate(b.add(along, dot(b, taken, product(b, matrix, taken))))
  },

  equations,
}

const diagonal = (right: readonly number[], matrix: readonly number[]) =>
  right.map((_, i) => matrix[triangleIndex(i, i)])

/** Sums over the rows at a point: the cost, half the gradient of the cost, and JᵀWJ. */
export function sumRows(
  b: Builder,
  problem: Problem,
  slopes: readonly number[],
  second: 'weight' | 'curvature',
) {
  const { cost, slope, [second]: factor } = lossTerms(problem)
  const weighted = slopes.map((node) => b.multiply(factor, node))
  return {
    cost: b.sum(cost),
    gradient: slopes.map((node) => b.sum(b.multiply(slope, node))),
    matrix: triangle(slopes.length, (i, j) => b.sum(b.multiply(weighted[i], slopes[j]))),
  }
}

/**
 * Factorizes JᵀWJ + λ·D, scaled so that D is 1, and scales the right-hand side. Parameters that may not move are
 * excluded.
 */
export function normalEquations(
  b: Builder,
  { gradient, matrix, scale, moves }: Omit<DampingPoint, 'right'> & { readonly gradient: readonly number[] },
  damping: number,
) {
  const size = gradient.length
  const scales = scale.map((d) => b.select(d, b.divide(b.one, b.operation('sqrt', d)), b.one))
  const scaled = triangle(size, (i, j) => {
    const inside = b.multiply(
      b.multiply(matrix[triangleIndex(i, j)], b.multiply(scales[i], scales[j])),
      b.multiply(moves[i], moves[j]),
    )
    return i === j ? b.select(moves[i], b.add(inside, damping), b.one) : inside
  })
  const factors = factorize(b, scaled, size)
  const leastPivot = factors.diagonal.reduce((least, pivot) => b.operation('min', least, pivot))
  const right = gradient.map((g, i) => b.multiply(b.multiply(b.negate(g), scales[i]), moves[i]))
  return { scales, factors, right, leastPivot }
}

function equations(b: Builder, point: DampingPoint, damping: number): SolvedEquations {
  const size = point.right.length
  const terms = { ...point, gradient: point.right }
  const { scales, factors, right, leastPivot } = normalEquations(b, terms, damping)
  const u = solve(b, factors, right)
  return {
    delta: u.map((x, i) => b.multiply(scales[i], x)),
    reduction: dot(
      b,
      u,
      u.map((x, i) => b.add(right[i], b.multiply(damping, x))),
    ),
    leastPivot,
    covariance(variance) {
      const inverse = invert(b, factors, size)
      const all = triangle(size, (i, j) => {
        const node = b.multiply(inverse[triangleIndex(i, j)], b.multiply(scales[i], scales[j]))
        return variance === null ? node : b.multiply(node, variance)
      })
      return { all, errors: scales.map((_, i) => b.operation('sqrt', all[triangleIndex(i, i)])) }
    },
  }
}
