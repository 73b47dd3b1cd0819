/**
 * Steps by QR. Givens rotations add one row after the other to a triangle (Givens, 1958), without square roots
 * (Gentleman, 1973). Because no products of derivatives are summed, QR keeps full precision at any condition number.
 * Each row takes two to three times as long with QR as with normal equations.
 *
 * All values are scaled by powers of 2 that bring the residuals, and the derivatives with respect to each parameter, to
 * about 1. Therefore no square underflows or overflows.
 */

import { Builder } from '../../expressions/differentiate.js'
import type { Graph } from '../../expressions/graph.js'
import { compile, type Program } from '../../expressions/program.js'
import { lossTerms } from '../problem/loss.js'
import type { Problem } from '../problem/problem.js'
import { SINGULAR } from '../problem/reasons.js'
import { triangle, triangleIndex } from './ldlt.js'
import type { DampingPoint, RowSums, SolvedEquations, StepEquations } from './step-equations.js'

/**
 * D, R and θ in W^½·J = Q·D^½·R and W^½·r = Q·D^½·θ + …. The diagonal of the stored matrix is D, because the diagonal
 * of R is 1.
 */
type TriangularSystem = RowSums

/** Smallest usable pivot. The square of a smaller pivot would lose all digits. */
const MIN_PIVOT = 1e-250

export const givensQr: StepEquations = {
  leastPivot: 1e-28,
  whenBelowMin: SINGULAR,
  minPivot: 1e-32,
  singularPivot: 0,
  retryDamping: 1e-14,

  units: (size) => [UNIT, ...Array.from({ length: size }, (_, i) => `${UNIT}${i}`)],

  inUnits: (b, x) => x.map((node, i) => b.multiply(node, b.divide(b.name(UNIT), b.name(`${UNIT}${i}`)))),

  cost: (b, cost) => b.divide(b.divide(cost, b.name(UNIT)), b.name(UNIT)),

  sums(b, problem, slopes, second) {
    const terms = divideByUnit(b, problem)
    const { cost, residual, slope, [second]: weight } = terms
    const z = weight === terms.weight ? residual : b.divide(slope, weight)
    const row = slopes.map((slope, i) => b.multiply(slope, b.name(`${UNIT}${i}`)))
    const before: TriangularSystem = {
      right: slopes.map(() => b.carried()),
      matrix: triangle(slopes.length, () => b.carried()),
    }
    const after = rotateRow(b, before, row, z, weight)
    const sum = b.sum(cost)
    const spoiled = b.sum(
      b.multiply(
        row.reduce((all, x) => b.add(all, x)),
        b.zero,
      ),
    )
    const ends = (name: 'right' | 'matrix') => before[name].map((node, k) => b.end(node, after[name][k]))
    const all = { right: ends('right'), matrix: ends('matrix') }
    const trace = columnNorms(b, all).reduce((sum, x) => b.add(sum, x), spoiled)
    return { cost: sum, ...all, areFinite: b.operation('equal', b.multiply(trace, b.zero), b.zero) }
  },

  gradient: (b, { right, matrix }) =>
    right.map((_, i) =>
      sumFirst(b, i, (k) =>
        b.multiply(b.multiply(matrixEntry(matrix, k, k), triangleEntry(b, matrix, k, i)), right[k]),
      ),
    ),

  diagonal: columnNorms,

  gain(b, { right, matrix }, taken) {
    const along = product(b, matrix, givensQr.inUnits(b, taken))
    const gains = along.map((v, k) =>
      b.multiply(matrixEntry(matrix, k, k), b.multiply(v, b.add(b.add(right[k], right[k]), v))),
    )
    return b.negate(gains.reduce((sum, x) => b.add(sum, x)))
  },

  equations: solveEquations,
}

export const UNIT = '@unit'

/** A graph builder without scaling: all units are 1. */
class UnscaledProblem extends Builder {
  override name(name: string): number {
    return name.startsWith(UNIT) ? this.one : super.name(name)
  }
}

export const createUnscaled = (graph: Graph): Builder => new UnscaledProblem(graph)

/** Loss terms in scaled units. The costs of the Poisson loss are not scaled, because they are not squares. */
export function divideByUnit(b: Builder, problem: Problem) {
  return lossTerms(problem, problem.loss === 'poisson' ? undefined : b.name(UNIT))
}

const matrixEntry = (matrix: readonly number[], k: number, j: number) => matrix[triangleIndex(k, j)]
/** Element (k, j) of the triangle R, for k ≤ j. */
const triangleEntry = (b: Builder, matrix: readonly number[], k: number, j: number) =>
  k === j ? b.one : matrixEntry(matrix, k, j)

/** The triangle R as an array of rows. */
export function triangleRows(b: Builder, matrix: readonly number[], size: number): number[][] {
  return Array.from({ length: size }, (_, k) =>
    Array.from({ length: size }, (_, j) => (j < k ? b.zero : triangleEntry(b, matrix, k, j))),
  )
}

/** The diagonal matrix D. */
export function triangleDiagonal(matrix: readonly number[], size: number): number[] {
  return Array.from({ length: size }, (_, k) => matrixEntry(matrix, k, k))
}

/** Rotates a weighted row with the right-hand side z into a triangle. */
export function rotateRow(
  b: Builder,
  { right, matrix }: TriangularSystem,
  row: readonly number[],
  z: number,
  weight: number,
): TriangularSystem {
  const x = [...row]
  const [theta, all] = [[...right], [...matrix]]
  let [rest, w] = [z, weight]
  for (let k = 0; k < x.length; k++) {
    if (x[k] === b.zero) continue
    const d = matrixEntry(matrix, k, k)
    const weighted = b.multiply(w, x[k])
    const sum = b.add(d, b.multiply(weighted, x[k]))
    const isThere = b.operation('less', b.constant(MIN_PIVOT), sum)
    const keep = b.select(isThere, b.divide(d, sum), b.one)
    const turn = b.select(isThere, b.divide(weighted, sum), b.zero)
    all[triangleIndex(k, k)] = b.select(isThere, sum, d)
    /** Applies a rotation. The results are the rotated element of R or θ, and the rotated entry of the row. */
    const turned = (node: number, entry: number) => {
      const left = b.multiply(x[k], node)
      const kept = b.multiply(keep, node)
      if (entry === b.zero) return [kept, b.negate(left)]
      return [b.add(kept, b.multiply(turn, entry)), b.subtract(entry, left)]
    }
    for (let j = k + 1; j < x.length; j++)
      [all[triangleIndex(k, j)], x[j]] = turned(matrixEntry(matrix, k, j), x[j])
    ;[theta[k], rest] = turned(right[k], rest)
    w = b.multiply(keep, w)
  }
  return { right: theta, matrix: all }
}

/** Sum of computed nodes over k from 0 to i. */
function sumFirst(b: Builder, i: number, compute: (k: number) => number): number {
  return Array.from({ length: i + 1 }, (_, k) => compute(k)).reduce((sum, x) => b.add(sum, x))
}

function columnNorms(b: Builder, { right, matrix }: TriangularSystem): number[] {
  return right.map((_, i) =>
    sumFirst(b, i, (k) =>
      b.multiply(
        b.multiply(matrixEntry(matrix, k, k), triangleEntry(b, matrix, k, i)),
        triangleEntry(b, matrix, k, i),
      ),
    ),
  )
}

/** The product R·x. */
function product(b: Builder, matrix: readonly number[], x: readonly number[]): number[] {
  return x.map((_, k) =>
    x
      .slice(k + 1)
      .reduce((sum, xj, j) => b.add(sum, b.multiply(matrixEntry(matrix, k, k + 1 + j), xj)), x[k]),
  )
}

/** The product R⁻¹·x, by back substitution. */
export function solveTriangle(b: Builder, matrix: readonly number[], x: readonly number[]): number[] {
  const u = [...x]
  for (let k = x.length - 1; k >= 0; k--) {
    for (let j = k + 1; j < x.length; j++) {
      if (u[j] !== b.zero) u[k] = b.subtract(u[k], b.multiply(matrixEntry(matrix, k, j), u[j]))
    }
  }
  return u
}

function solveEquations(b: Builder, point: DampingPoint, damping: number): SolvedEquations {
  const { right, matrix, moves, scale } = point
  const size = right.length
  const free = moves.every((is) => is === b.one) ? { right, matrix } : withoutFixed(b, point)
  const scales = scale.map((d) => b.select(d, d, b.one))
  const unit = (i: number) => Array.from({ length: size }, (_, k) => (k === i ? b.one : b.zero))
  const damped = damping === b.zero ? free : addDamping(b, free, scales, moves, damping)
  const u = solveTriangle(
    b,
    damped.matrix,
    damped.right.map((x) => b.negate(x)),
  )
  const along = product(b, free.matrix, u)
  const gains = along.map((v, k) => b.multiply(matrixEntry(free.matrix, k, k), b.multiply(v, v)))
  const lengths = u.map((x, i) => b.multiply(b.multiply(damping, scales[i]), b.multiply(x, x)))
  const [unitOfRows, ...units] = givensQr.units(size).map((name) => b.name(name))
  const pivots = scales.map((d, i) =>
    b.select(moves[i], b.divide(matrixEntry(damped.matrix, i, i), d), b.one),
  )
  return {
    delta: u.map((x, i) => b.multiply(x, b.divide(units[i], unitOfRows))),
    reduction: gains.map((x, i) => b.add(x, b.add(lengths[i], lengths[i]))).reduce((sum, x) => b.add(sum, x)),
    leastPivot: pivots.reduce((least, pivot) => b.operation('min', least, pivot)),
    covariance(variance) {
      // Columns of R⁻¹, which end at the diagonal.
      const columns = scales.map((_, j) => solveTriangle(b, free.matrix, unit(j)))
      const ds = scales.map((_, k) =>
        b.select(matrixEntry(free.matrix, k, k), matrixEntry(free.matrix, k, k), b.one),
      )
      const root = variance === null ? null : b.operation('sqrt', variance)
      const factors = units.map((node) =>
        root === null ? node : b.multiply(b.divide(node, unitOfRows), root),
      )
      const inverse = triangle(size, (i, j) =>
        columns
          .slice(i)
          .map((column, k) => b.divide(b.multiply(column[i], column[j]), ds[i + k]))
          .reduce((sum, x) => b.add(sum, x)),
      )
      // Standard errors are computed separately from variances, because the squares of standard errors may underflow or
      // overflow.
      return {
        all: triangle(size, (i, j) =>
          b.multiply(inverse[triangleIndex(i, j)], b.multiply(factors[i], factors[j])),
        ),
        errors: factors.map((factor, i) =>
          b.multiply(factor, b.operation('sqrt', inverse[triangleIndex(i, i)])),
        ),
      }
    },
  }
}

/** Adds the rows that represent λ·D to a triangle. */
export function addDamping(
  b: Builder,
  free: TriangularSystem,
  scales: readonly number[],
  moves: readonly number[],
  damping: number,
): TriangularSystem {
  return scales.reduce<TriangularSystem>((all, d, i) => {
    const unit = all.right.map((_, k) => (k === i ? b.one : b.zero))
    return rotateRow(b, all, unit, b.zero, b.multiply(moves[i], b.multiply(damping, d)))
  }, free)
}

/**
 * The triangle of the parameters that may move. The triangle is recomputed from rows whose entries for fixed
 * parameters are 0.
 */
function withoutFixed(b: Builder, { right, matrix, moves }: DampingPoint): TriangularSystem {
  const rows = triangleRows(b, matrix, right.length)
  return triangularize(
    b,
    rows.map((row) => keepMoving(b, row, moves)),
    right,
    triangleDiagonal(matrix, right.length),
  )
}

/** A row of the matrix, with 0 for the parameters that do not move. */
export function keepMoving(b: Builder, row: readonly number[], moves: readonly number[]): number[] {
  return row.map((x, i) => (x === b.zero ? x : b.multiply(moves[i], x)))
}

/** Computes the triangle of the given rows, right-hand sides and weights. */
export function triangularize(
  b: Builder,
  rows: readonly (readonly number[])[],
  right: readonly number[],
  weights: readonly number[],
): TriangularSystem {
  const size = rows[0].length
  const nothing = { right: rows[0].map(() => b.zero), matrix: triangle(size, () => b.zero) }
  return rows.reduce<TriangularSystem>((all, row, k) => rotateRow(b, all, row, right[k], weights[k]), nothing)
}

/** A residual below this fraction of y, 2⁻⁶⁰, counts as 0. */
const SPLIT_EPSILON = 8.673617379884035e-19

/**
 * Compiles a program that measures the scaling units. The units are derived from the largest residual and from the
 * largest derivative with respect to each parameter, each times the square root of the row's weight. The inputs of the
 * program are the free parameters, the fixed parameters, and the units.
 */
export function compileScales(problem: Problem, slopes: readonly number[]): Program {
  const { graph, model, free, fixed, columns, y, weight } = problem
  const b = new Builder(graph)
  const root = weight === null ? b.one : b.operation('sqrt', b.name(weight))
  const size = (node: number) => b.operation('abs', node)
  const residual = size(b.subtract(model, b.name(y)))
  const least = b.multiply(b.constant(SPLIT_EPSILON), size(b.name(y)))
  const largest = [b.operation('max', residual, least), ...slopes.map(size)].map((node) => {
    const before = b.carried()
    return b.end(before, b.operation('max', b.multiply(root, node), before))
  })
  const kept = [...free, ...fixed]
  const names = [...kept, ...givensQr.units(free.length)]
  return compile(graph, [...kept.map((name) => b.name(name)), ...largest, b.one], names, columns)
}

/** The power of 2 that scales x into [1, 2), or 1 if x is not positive and finite. */
export function powerOfTwoUnit(x: number): number {
  if (!(x > 0 && x < Infinity)) return 1
  const exponent = toBits(x) >>> 20
  return fromBits((2046 - Math.max(exponent, 1)) << 20)
}

const number = new Float64Array(1)
const numberWords = new DataView(number.buffer)

/** The upper 32 bits of a number. */
function toBits(x: number): number {
  numberWords.setFloat64(0, x)
  return numberWords.getUint32(0)
}

function fromBits(bits: number): number {
  numberWords.setUint32(0, bits)
  numberWords.setUint32(4, 0)
  return numberWords.getFloat64(0)
}
