/**
 * Quadratic model of χ² around a point, as a function of the step along the profiled direction. The quadratic model
 * yields the conditional minimum over the nuisance parameters. The model is solved by normal equations, or by Givens QR
 * if the normal equations lose too many digits.
 */

import { Builder } from '../../expressions/differentiate.js'
import type { Graph } from '../../expressions/graph.js'
import {
  addDamping,
  createUnscaled,
  givensQr,
  keepMoving,
  solveTriangle,
  triangleDiagonal,
  triangleRows,
  triangularize,
} from './givens-qr.js'
import { dot, product, solve, triangle, triangleIndex } from './ldlt.js'
import { normalEquations, squares } from './normal-equations.js'
import type { ProfileDirection } from './profile-direction.js'
import type { RowSums, StepEquations } from './step-equations.js'

export interface LocalModel {
  /**
   * Half the gradient of χ² with respect to the nuisance parameters, and the diagonal of the matrix of χ². Both include
   * the compensation that keeps a derived quantity constant.
   */
  readonly gradient: readonly number[]
  readonly scale: readonly number[]
  /** Curvature dᵀ·A·d of χ² along the direction d of the profile if all nuisance parameters stay fixed. */
  readonly unconstrained: number
  conditionalMinimum(moves: readonly number[], damping: number): ConditionalMinimum
}

export interface ConditionalMinimum {
  /**
   * Step of the nuisance parameters to the conditional minimum, and change of the nuisance parameters per unit step
   * along the profile.
   */
  readonly toMinimum: readonly number[]
  readonly alongProfile: readonly number[]
  /** After a step of length t, χ² at the conditional minimum is cost − depth + 2·slope·t + curvature·t². */
  readonly depth: number
  readonly slope: number
  readonly curvature: number
  /** Least pivot of the matrix of the nuisance parameters, scaled to a diagonal of 1. */
  readonly leastPivot: number
}

/** A method that builds and solves the local model. */
export interface LocalModelSolver {
  readonly algebra: StepEquations
  builder(graph: Graph): Builder
  localModel(b: Builder, sums: RowSums, course: ProfileDirection): LocalModel
  /** A pivot below the limit `leastPivot` is mostly rounding error. */
  readonly leastPivot: number
  /** A damping λ below `noDamping` becomes 0. A damping λ up to `undamped` has a negligible effect. */
  readonly noDamping: number
  readonly undamped: number
  /** Whether the program should retry with QR if a pivot is too small. */
  readonly mayDoubt: boolean
}

export const byNormalEquations: LocalModelSolver = {
  algebra: squares,
  builder: (graph) => new Builder(graph),
  leastPivot: squares.singularPivot,
  noDamping: 1e-13,
  undamped: 1e-6,
  mayDoubt: true,

  localModel(b, { right: gradient, matrix }, { direction, first, ratios }) {
    const ahead = product(b, matrix, direction)
    const level =
      first === null
        ? { gradient, matrix, ahead }
        : followDirection(b, { gradient, matrix, ahead }, first, ratios)
    const scale = direction.map((_, i) => level.matrix[triangleIndex(i, i)])
    const unconstrained = dot(b, direction, ahead)
    return {
      gradient: level.gradient,
      scale,
      unconstrained,
      conditionalMinimum(moves, damping) {
        const { scales, factors, right, leastPivot } = normalEquations(b, { ...level, scale, moves }, damping)
        const pulled = level.ahead.map((a, i) => b.multiply(b.multiply(b.negate(a), scales[i]), moves[i]))
        const [down, follow] = [solve(b, factors, right), solve(b, factors, pulled)]
        const back = (x: readonly number[]) => x.map((node, i) => b.multiply(scales[i], node))
        return {
          toMinimum: back(down),
          alongProfile: back(follow),
          depth: dot(b, right, down),
          leastPivot,
          slope: b.subtract(dot(b, gradient, direction), dot(b, pulled, down)),
          curvature: b.operation('max', b.subtract(unconstrained, dot(b, pulled, follow)), b.zero),
        }
      },
    }
  },
}

interface ReducedEquations {
  readonly gradient: readonly number[]
  readonly matrix: readonly number[]
  readonly ahead: readonly number[]
}

/** Gradient and matrix along the level set of the derived quantity: see {@link ProfileDirection}. */
function followDirection(
  b: Builder,
  { gradient, matrix, ahead }: ReducedEquations,
  first: readonly number[],
  ratios: readonly number[],
) {
  const row = product(b, matrix, first)
  const own = dot(b, first, row)
  const less = (values: readonly number[]) =>
    values.map((x, i) => b.subtract(x, b.multiply(ratios[i], dot(b, first, values))))
  return {
    gradient: less(gradient),
    ahead: less(ahead),
    matrix: triangle(first.length, (i, j) => {
      const crossed = b.add(b.multiply(ratios[i], row[j]), b.multiply(ratios[j], row[i]))
      const inside = b.subtract(matrix[triangleIndex(i, j)], crossed)
      return b.add(inside, b.multiply(b.multiply(ratios[i], ratios[j]), own))
    }),
  }
}

export const byQr: LocalModelSolver = {
  algebra: givensQr,
  builder: createUnscaled,
  // QR keeps all digits, while normal equations keep only half of the digits.
  leastPivot: givensQr.leastPivot,
  noDamping: 1e-26,
  undamped: 1e-12,
  mayDoubt: false,

  localModel(b, sums, { direction, first, ratios }) {
    const { right, matrix } = sums
    const weights = triangleDiagonal(matrix, right.length)
    const rows = triangleRows(b, matrix, right.length)
    const times = rows.map((row, k) => (x: readonly number[]) => dot(b, row.slice(k), x.slice(k)))
    const ahead = times.map((compute) => compute(direction))
    const level = rows.map((row, k) => {
      if (first === null) return row
      const own = times[k](first)
      return row.map((x, i) => b.subtract(x, b.multiply(ratios[i], own)))
    })
    const products = (x: readonly number[], y: readonly number[]) =>
      dot(
        b,
        weights,
        x.map((node, k) => b.multiply(node, y[k])),
      )
    const columns = right.map((_, i) => level.map((row) => row[i]))
    const scale = columns.map((column) => products(column, column))
    return {
      scale,
      gradient: columns.map((column) => products(column, right)),
      unconstrained: products(ahead, ahead),
      conditionalMinimum(moves, damping) {
        const size = right.length
        // The profiled direction is appended as a last column. After elimination, the last row contains the remainder
        // of the last column.
        const joined = level.map((row, k) => [...keepMoving(b, row, moves), ahead[k]])
        const scales = scale.map((d) => b.select(d, d, b.one))
        const damped = addDamping(b, triangularize(b, joined, right, weights), scales, moves, damping)
        const place = (k: number, j: number) => damped.matrix[triangleIndex(k, j)]
        const others = damped.right.slice(0, size)
        const depths = others.map((x, k) => b.multiply(place(k, k), b.multiply(x, x)))
        const pivots = scales.map((d, i) => b.select(moves[i], b.divide(place(i, i), d), b.one))
        const negative = (x: readonly number[]) => x.map((node) => b.negate(node))
        const curvature = place(size, size)
        return {
          toMinimum: solveTriangle(b, damped.matrix, negative(others)),
          alongProfile: solveTriangle(b, damped.matrix, negative(others.map((_, k) => place(k, size)))),
          depth: depths.reduce((sum, x) => b.add(sum, x)),
          slope: b.multiply(curvature, damped.right[size]),
          curvature,
          leastPivot: pivots.reduce((least, pivot) => b.operation('min', least, pivot)),
        }
      },
    }
  },
}
