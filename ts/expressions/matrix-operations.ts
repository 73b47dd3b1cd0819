/**
 * Operations of programs on matrices, in TypeScript. The code has the same order of operations as
 * crates/kernels/src/many/factorizations.rs, computes in float64, and rounds the results to the dtype of the slots.
 */

import { FIRST_MATRIX_OPERATION, MATRIX_OPERATIONS, MAX_MATRIX } from '../arena/manifest.js'
import type { FloatArray } from '../core/numbers.js'

export type MatrixOperation = (typeof MATRIX_OPERATIONS)[number]

/** An operation on matrices, apart from its slots. */
export interface MatrixShape {
  readonly operation: MatrixOperation
  /** Order of the matrix. */
  readonly n: number
  /** Count of right-hand sides; for `qr`, of further columns. */
  readonly r: number
  /** Count of rows for `qr`, elements per row for `solveUpper`, 1 for factors that are not stored, otherwise 0. */
  readonly d: number
}

/** A node of a graph: an instruction. Its operands are entries, followed by the node of a matrix that stays. */
export interface MatrixNode {
  readonly kind: 'matrix'
  readonly shape: MatrixShape
  readonly operands: readonly number[]
  /** Count of entries. */
  readonly entries: number
}

export const triangleLength = (n: number): number => (n * (n + 1)) / 2

/** Count of the elements that an operation needs and does not change. */
export function fixedLength({ operation, n, d }: MatrixShape): number {
  if (operation === 'solveLu') return n * n + n
  if (operation === 'solveUpper') return (n - 1) * d + n
  return operation.startsWith('solve') ? triangleLength(n) : 0
}

/** Count of the elements of the matrix, without right-hand sides. */
function matrixLength(shape: MatrixShape): number {
  const { operation, n, r, d } = shape
  if (operation === 'qr') return d * (n + r)
  if (operation === 'lu') return n * n + n
  return fixedLength(shape) || triangleLength(n)
}

/** Count of the elements that an operation changes. */
export function changedLength(shape: MatrixShape): number {
  const { operation, n, r } = shape
  return matrixLength(shape) - fixedLength(shape) + (operation === 'qr' ? 0 : n * r)
}

/** Count of the elements in the workspace of an operation. */
export const tileLength = (shape: MatrixShape): number =>
  fixedLength(shape) + changedLength(shape) + 3 * MAX_MATRIX

/** Runs an instruction on slots. */
export function runMatrix(slots: FloatArray, [code, to, from, n, r, d]: readonly number[]): void {
  const operation = MATRIX_OPERATIONS[code - FIRST_MATRIX_OPERATION]
  const shape = { operation, n, r, d }
  const [fixed, changed] = [fixedLength(shape), changedLength(shape)]
  const tile = new Float64Array(fixed + changed)
  tile.set(slots.subarray(from, from + fixed))
  tile.set(slots.subarray(to, to + changed), fixed)
  compute(tile, shape)
  const dropped = d === 1 && operation !== 'qr' ? matrixLength(shape) : fixed
  slots.set(tile.subarray(dropped), to + dropped - fixed)
}

function compute(a: Float64Array, shape: MatrixShape): void {
  const { operation, n, r, d } = shape
  if (operation === 'qr') {
    reflect(a, d, n, n + r)
    return
  }
  if (operation === 'ldlt') factorizeLdlt(a, n, (c) => c)
  if (operation === 'modifiedLdlt') factorizeLdlt(a, n, modification(a, n))
  if (operation === 'cholesky') factorizeCholesky(a, n)
  if (operation === 'lu') eliminate(a, n)
  const width = operation === 'solveUpper' ? d : n
  for (let side = 0, x = matrixLength(shape); side < r; side++, x += n) {
    if (operation === 'lu' || operation === 'solveLu') {
      for (let k = 0; k < n; k++) exchange(a, k, a[n * n + k], x, n, 1)
      solveLower(a, n, x, (i) => i * n, false)
      solveUpper(a, n, x, width)
    } else if (operation === 'solveUpper') solveUpper(a, n, x, width)
    else if (operation === 'solveLower') solveLower(a, n, x, triangleLength, true)
    else if (operation === 'solveLowerTransposed') solveTransposed(a, n, x, true)
    else {
      const hasRoots = operation === 'cholesky'
      solveLower(a, n, x, triangleLength, hasRoots)
      if (!hasRoots) for (let i = 0; i < n; i++) a[x + i] *= 1 / a[triangleLength(i) + i]
      solveTransposed(a, n, x, hasRoots)
    }
  }
}

/** Returns the pivot, given the remaining element of the diagonal and the largest element of its column. */
type Pivot = (c: number, theta: number) => number

/** L·D·Lᵀ. Until all columns are computed, columns of L·D are in place of L. */
function factorizeLdlt(a: Float64Array, n: number, pivot: Pivot): void {
  const inverses: number[] = []
  for (let j = 0; j < n; j++) {
    const row = triangleLength(j)
    const scaled = inverses.map((inverse, k) => a[row + k] * inverse)
    let theta = 0
    for (let i = j; i < n; i++) {
      const first = triangleLength(i)
      let rest = a[first + j]
      for (let k = 0; k < j; k++) rest -= a[first + k] * scaled[k]
      a[first + j] = rest
      if (i > j) theta = greater(Math.abs(rest), theta)
    }
    a[row + j] = pivot(a[row + j], theta)
    inverses.push(1 / a[row + j])
  }
  for (let i = 0; i < n; i++) for (let k = 0; k < i; k++) a[triangleLength(i) + k] *= inverses[k]
}

/** The larger number; b if either number is NaN. */
const greater = (a: number, b: number): number => (a > b ? a : b)

/**
 * The modification of Gill, Murray and Wright (Practical Optimization, 1981, section 4.4.2.2), without exchanges of
 * rows. It limits each element of L·√D by β. Here β² is twice their value: without exchanges, theirs can leave a pivot
 * of 0 behind a column that (θ/β)² has raised. If all elements are 0, δ is 1.
 */
function modification(a: Float64Array, n: number): Pivot {
  let [diagonal, others] = [0, 0]
  for (let i = 0; i < n; i++) {
    const first = triangleLength(i)
    diagonal = greater(Math.abs(a[first + i]), diagonal)
    for (let j = 0; j < i; j++) others = greater(Math.abs(a[first + j]), others)
  }
  const beta = Math.sqrt(2 * greater(others / Math.sqrt(Math.max(1, n * n - 1)), diagonal))
  const delta = Number.EPSILON * diagonal + Number.EPSILON * others || 1
  return (c, theta) => {
    const ratio = theta * (1 / beta)
    return greater(delta, greater(ratio * ratio, Math.abs(c)))
  }
}

function factorizeCholesky(a: Float64Array, n: number): void {
  for (let j = 0; j < n; j++) {
    const row = triangleLength(j)
    for (let i = j; i < n; i++) {
      const first = triangleLength(i)
      for (let k = 0; k < j; k++) a[first + j] -= a[first + k] * a[row + k]
      if (i === j) a[row + j] = Math.sqrt(a[row + j])
    }
    const inverse = 1 / a[row + j]
    for (let i = j + 1; i < n; i++) a[triangleLength(i) + j] *= inverse
  }
}

/** P·A = L·U, with the largest element of a column as pivot, the first of equal ones. A column of zeros stays. */
function eliminate(a: Float64Array, n: number): void {
  for (let k = 0; k < n; k++) {
    let row = k
    for (let i = k + 1; i < n; i++) if (Math.abs(a[i * n + k]) > Math.abs(a[row * n + k])) row = i
    a[n * n + k] = row
    exchange(a, k, row, 0, n, n)
    const pivot = a[k * n + k]
    const inverse = pivot === 0 ? 0 : 1 / pivot
    for (let i = k + 1; i < n; i++) {
      a[i * n + k] *= inverse
      for (let j = k + 1; j < n; j++) a[i * n + j] -= a[i * n + k] * a[k * n + j]
    }
  }
}

/** Exchanges row k of n rows with another row. An index that no row has changes nothing. */
function exchange(a: Float64Array, k: number, other: number, first: number, n: number, width: number): void {
  const row = other > 0 ? Math.trunc(other) : 0
  if (row >= n) return
  for (let at = first; at < first + width; at++) {
    const [one, two] = [at + k * width, at + row * width]
    ;[a[one], a[two]] = [a[two], a[one]]
  }
}

/** R and Qᵀ·B by Householder's reflections. Each is computed from a column that is divided by its largest element. */
function reflect(a: Float64Array, m: number, n: number, width: number): void {
  const v = new Float64Array(m)
  for (let k = 0; k < n && k < m - 1; k++) {
    let size = 0
    for (let i = k; i < m; i++) size = greater(Math.abs(a[i * width + k]), size)
    let square = 0
    for (let i = k; i < m; i++) {
      v[i] = size === 0 ? 0 : a[i * width + k] / size
      square += v[i] * v[i]
    }
    const length = Math.sqrt(square)
    const divisor = length * (length + Math.abs(v[k]))
    const scale = divisor === 0 ? 0 : 1 / divisor
    const signed = v[k] < 0 ? -length : length
    v[k] += signed
    a[k * width + k] = 0 - signed * size
    for (let i = k + 1; i < m; i++) a[i * width + k] = 0
    for (let j = k + 1; j < width; j++) {
      let dot = 0
      for (let i = k; i < m; i++) dot -= v[i] * a[i * width + j]
      const factor = dot * (0 - scale)
      for (let i = k; i < m; i++) a[i * width + j] -= v[i] * factor
    }
  }
}

/** x = L⁻¹·x. Without `isScaled`, the diagonal of L is 1. */
function solveLower(
  a: Float64Array,
  n: number,
  x: number,
  first: (row: number) => number,
  isScaled: boolean,
): void {
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) a[x + i] -= a[first(i) + k] * a[x + k]
    if (isScaled) a[x + i] *= 1 / a[first(i) + i]
  }
}

/** x = L⁻ᵀ·x. */
function solveTransposed(a: Float64Array, n: number, x: number, isScaled: boolean): void {
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) a[x + i] -= a[triangleLength(k) + i] * a[x + k]
    if (isScaled) a[x + i] *= 1 / a[triangleLength(i) + i]
  }
}

/** x = U⁻¹·x, with rows of `width` elements. */
function solveUpper(a: Float64Array, n: number, x: number, width: number): void {
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) a[x + i] -= a[i * width + k] * a[x + k]
    a[x + i] *= 1 / a[i * width + i]
  }
}
