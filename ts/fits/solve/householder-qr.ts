/**
 * Dense least squares, as in MINPACK: Householder QR of a matrix of columns, with column pivoting (Householder, 1958),
 * and steps within a trust-region radius (Moré, 1978). No products of columns are summed, so QR keeps full precision.
 * All sums have a fixed order.
 */

import { ROWS_PER_SLICE, type Slices } from '../../core/slices.js'
import { zeros } from '../models/linear-least-squares.js'

/** The triangle R of a matrix, and Qᵀ·b of a right-hand side b. */
export interface PivotedTriangle {
  /**
   * Columns of R, each up to the diagonal element. The diagonal element is 0 if a column is linearly dependent on
   * previous columns.
   */
  readonly columns: readonly Float64Array[]
  /** The product Qᵀ·b, with one element per row of R. */
  readonly right: Float64Array
  /** Index of each column in the original matrix. At each step, the column with the largest remainder comes next. */
  readonly pivots: readonly number[]
}

/** Fills a new array with the values of a callback. `Float64Array.from` with a callback takes ten times as long. */
export function fillArray(length: number, valueAt: (k: number) => number): Float64Array {
  const made = new Float64Array(length)
  for (let k = 0; k < length; k++) made[k] = valueAt(k)
  return made
}

/** Dot product with four partial sums, which are faster than a single sum. */
export function dot(a: Float64Array, b: Float64Array, from = 0): number {
  // The sums are separate variables, because an array of sums would be allocated in each call.
  let s = 0
  let t = 0
  let u = 0
  let v = 0
  let k = from
  for (; k + 3 < a.length; k += 4) {
    s += a[k] * b[k]
    t += a[k + 1] * b[k + 1]
    u += a[k + 2] * b[k + 2]
    v += a[k + 3] * b[k + 3]
  }
  for (; k < a.length; k++) s += a[k] * b[k]
  return s + t + (u + v)
}

/**
 * The squared length of a column's remainder is recomputed if it falls below this fraction of the column's squared
 * length.
 */
const NORM_UPDATE_TOLERANCE = 1e-14

/** If the ratio of rows to columns is at least this large, a first reduction without pivoting saves time. */
const TALL_RATIO = 2
/**
 * The reduction without pivoting is final if the remainder of each column exceeds this fraction of the column's
 * length.
 */
const LEADING_TOLERANCE = 1e-3

/** Reduces a matrix with at least as many rows as columns to a triangle. The function overwrites the columns and b. */
export function* triangularize(columns: readonly Float64Array[], b: Float64Array): Slices<PivotedTriangle> {
  const size = columns.length
  if (b.length < TALL_RATIO * size) return yield* triangularizeWithPivots(columns, b)
  const shorter = yield* reduceRows(columns, b)
  const right = b.subarray(0, size)
  if (
    shorter.some((column, k) => !(Math.abs(column[k]) > LEADING_TOLERANCE * Math.sqrt(dot(column, column))))
  )
    return yield* triangularizeWithPivots(shorter, right)
  return {
    columns: shorter.map((column, k) => fillArray(k + 1, (row) => column[row])),
    right,
    pivots: [...columns.keys()],
  }
}

function* triangularizeWithPivots(
  columns: readonly Float64Array[],
  b: Float64Array,
): Slices<PivotedTriangle> {
  const isLong = b.length * columns.length > ROWS_PER_SLICE
  const order = [...columns]
  const pivots = [...columns.keys()]
  const rests = order.map((column) => dot(column, column))
  const whole = [...rests]
  const diagonal: number[] = []
  for (let k = 0; k < order.length; k++) {
    let largest = k
    for (let j = k + 1; j < order.length; j++) if (rests[j] > rests[largest]) largest = j
    swap(order, k, largest)
    swap(pivots, k, largest)
    swap(rests, k, largest)
    swap(whole, k, largest)
    const v = order[k]
    const norm = makeReflection(v, k)
    diagonal.push(-norm)
    if (norm === 0) continue
    if (isLong) yield
    reflect(v, b, k)
    for (let j = k + 1; j < order.length; j++) {
      reflect(v, order[j], k)
      rests[j] -= order[j][k] * order[j][k]
      if (!(rests[j] > NORM_UPDATE_TOLERANCE * whole[j])) rests[j] = whole[j] = dot(order[j], order[j], k + 1)
    }
  }
  return {
    columns: order.map((column, k) => {
      column[k] = diagonal[k]
      return column.subarray(0, k + 1)
    }),
    right: b.subarray(0, order.length),
    pivots,
  }
}

function swap(list: unknown[], a: number, b: number): void {
  const first = list[a]
  list[a] = list[b]
  list[b] = first
}

/**
 * Turns a column, from row k on, into the Householder vector that reflects the column onto row k. The result is the
 * reflected element with the opposite sign.
 */
function makeReflection(v: Float64Array, k: number): number {
  const length = Math.sqrt(dot(v, v, k))
  if (!(length > 0)) return 0
  const norm = v[k] < 0 ? -length : length
  for (let row = k; row < v.length; row++) v[row] /= norm
  v[k] += 1
  return norm
}

/** Number of reflections that are applied as one block, so that each column is read only once per block. */
const BLOCK_COLUMNS = 4

/**
 * Reduces a matrix to a square matrix with the same RᵀR. The function overwrites all columns. Only the first elements
 * of b are valid afterward.
 */
function* reduceRows(columns: readonly Float64Array[], b: Float64Array): Slices<Float64Array[]> {
  const [size, rows] = [columns.length, b.length]
  const isLong = rows > ROWS_PER_SLICE
  const none = zeros(rows)
  const v = Array.from({ length: BLOCK_COLUMNS }, () => zeros(rows))
  // Dot products of the reflection vectors below the diagonal, and the inverse divisors on the diagonal.
  const gram = zeros(BLOCK_COLUMNS * BLOCK_COLUMNS)
  for (let k = 0; k < size; k += BLOCK_COLUMNS) {
    for (let i = 0; i < BLOCK_COLUMNS; i++) {
      const at = k + i
      const own = v[i]
      const norm = at < size ? makeReflection(columns[at], at) : 0
      if (norm === 0) own.fill(0, k)
      else {
        const column = columns[at]
        own.set(column.subarray(at), at)
        own.fill(0, k, at)
        for (let j = i + 1; j < BLOCK_COLUMNS && k + j < size; j++) reflect(column, columns[k + j], at)
        column[at] = -norm
      }
      for (let j = 0; j < i; j++) gram[BLOCK_COLUMNS * i + j] = norm === 0 ? 0 : dot(own, v[j], at)
      gram[BLOCK_COLUMNS * i + i] = norm === 0 ? 0 : 1 / own[at]
    }
    const rest = [...columns.slice(k + BLOCK_COLUMNS), b]
    for (let j = 0; j < rest.length; j += 2) {
      if (isLong) yield
      reflectByFour(v, gram, rest[j], rest[j + 1] ?? none, k)
    }
    if (!isLong && rows * size > ROWS_PER_SLICE) yield
  }
  return columns.map((column, k) => column.slice(0, size).fill(0, k + 1))
}

/** Applies four successive reflections to two columns, from row k on. */
function reflectByFour(
  [v, w, p, q]: readonly Float64Array[],
  gram: Float64Array,
  x: Float64Array,
  y: Float64Array,
  k: number,
): void {
  const { length } = x
  let a = 0
  let b = 0
  let c = 0
  let d = 0
  let e = 0
  let f = 0
  let g = 0
  let h = 0
  for (let row = k; row < length; row++) {
    const first = v[row]
    const second = w[row]
    const third = p[row]
    const fourth = q[row]
    const ofX = x[row]
    const ofY = y[row]
    a += first * ofX
    b += second * ofX
    c += third * ofX
    d += fourth * ofX
    e += first * ofY
    f += second * ofY
    g += third * ofY
    h += fourth * ofY
  }
  a *= gram[0]
  e *= gram[0]
  b = (b - gram[4] * a) * gram[5]
  f = (f - gram[4] * e) * gram[5]
  c = (c - gram[8] * a - gram[9] * b) * gram[10]
  g = (g - gram[8] * e - gram[9] * f) * gram[10]
  d = (d - gram[12] * a - gram[13] * b - gram[14] * c) * gram[15]
  h = (h - gram[12] * e - gram[13] * f - gram[14] * g) * gram[15]
  for (let row = k; row < length; row++) {
    const first = v[row]
    const second = w[row]
    const third = p[row]
    const fourth = q[row]
    x[row] -= a * first + b * second + (c * third + d * fourth)
    y[row] -= e * first + f * second + (g * third + h * fourth)
  }
}

/** Reflects x: computes x − v·(vᵀx)/v[k] from row k on. */
function reflect(v: Float64Array, x: Float64Array, k: number): void {
  const share = dot(v, x, k) / v[k]
  for (let row = k; row < v.length; row++) x[row] -= share * v[row]
}

/** Solves R·x = b by back substitution. The elements of x are 0 from the first zero on the diagonal of R on. */
export function solveUpper(columns: readonly Float64Array[], b: Float64Array): Float64Array {
  const x = b.slice()
  const rank = numericalRank(columns)
  x.fill(0, rank)
  for (let k = rank - 1; k >= 0; k--) {
    x[k] /= columns[k][k]
    for (let i = 0; i < k; i++) x[i] -= columns[k][i] * x[k]
  }
  return x
}

function numericalRank(columns: readonly Float64Array[]): number {
  let rank = 0
  while (rank < columns.length && columns[rank][rank] !== 0) rank++
  return rank
}

/** Solves the transposed equations Rᵀ·x = b. */
function solveTransposed(columns: readonly Float64Array[], b: Float64Array): Float64Array {
  const x = b.slice()
  for (let k = 0; k < columns.length; k++) {
    const column = columns[k]
    let rest = x[k]
    for (let i = 0; i < k; i++) rest -= column[i] * x[i]
    x[k] = rest / column[k]
  }
  return x
}

/** The product R·x. */
export function multiplyUpper(columns: readonly Float64Array[], x: ArrayLike<number>): Float64Array {
  const product = new Float64Array(columns.length)
  for (let k = 0; k < columns.length; k++) {
    for (let i = 0; i <= k; i++) product[i] += columns[k][i] * x[k]
  }
  return product
}

/** The inverse (RᵀR)⁻¹ by rows, for an R of full rank. */
export function invertUpper(columns: readonly Float64Array[]): Float64Array[] {
  const size = columns.length
  // The inverse R⁻¹ by rows.
  const rows = columns.map(() => new Float64Array(size))
  for (let j = 0; j < size; j++) {
    const unit = new Float64Array(j + 1)
    unit[j] = 1
    const column = solveUpper(columns.slice(0, j + 1), unit)
    for (let i = 0; i <= j; i++) rows[i][j] = column[i]
  }
  return rows.map((row, i) => fillArray(size, (j) => dot(row, rows[j], Math.max(i, j))))
}

/** Reduces R, with the rows of a diagonal matrix below it, to a triangle by Givens rotations (Givens, 1958). */
function eliminateDiagonal(
  { columns, right }: PivotedTriangle,
  diagonal: Float64Array,
): Omit<PivotedTriangle, 'pivots'> {
  const size = columns.length
  const s = columns.map((column) => column.slice())
  const b = right.slice()
  for (let j = 0; j < size; j++) {
    const row = new Float64Array(size)
    row[j] = diagonal[j]
    let rest = 0
    for (let k = j; k < size; k++) {
      if (row[k] === 0) continue
      const length = Math.sqrt(s[k][k] * s[k][k] + row[k] * row[k])
      const [c, d] = [s[k][k] / length, row[k] / length]
      s[k][k] = length
      for (let i = k + 1; i < size; i++) {
        const above = s[i][k]
        s[i][k] = c * above + d * row[i]
        row[i] = c * row[i] - d * above
      }
      const above = b[k]
      b[k] = c * above + d * rest
      rest = c * rest - d * above
    }
  }
  return { columns: s, right: b }
}

/** Largest relative difference between a step's length and the radius. */
const RADIUS_TOLERANCE = 0.1
/** Maximum number of iterations to find a step whose length is about the radius. */
const MAX_TRIES = 10

/** A step in pivot order, and the damping λ of the step. */
export interface DampedStep {
  readonly step: Float64Array
  readonly damping: number
}

/**
 * The step −x that solves (RᵀR + λ·D²)·x = Rᵀ·b. λ is 0 if the undamped D·x is no longer than the radius. Otherwise λ
 * makes D·x about as long as the radius.
 *
 * @param scale the diagonal D, in pivot order
 * @param damping λ of the previous step
 */
export function stepWithin(
  system: PivotedTriangle,
  scale: Float64Array,
  radius: number,
  damping: number,
): DampedStep {
  const { columns, right } = system
  let x = solveUpper(columns, right)
  let length = scaledLength(x, scale)
  let off = length - radius
  if (off <= RADIUS_TOLERANCE * radius) return { step: negate(x), damping: 0 }

  const slopeOf = (triangle: readonly Float64Array[]) => {
    const direction = x.map((part, k) => (scale[k] * scale[k] * part) / length)
    const solution = solveTransposed(triangle, direction)
    return off / radius / dot(solution, solution)
  }
  let low = numericalRank(columns) === columns.length ? slopeOf(columns) : 0
  const gradient = fillArray(columns.length, (k) => {
    let sum = 0
    for (let i = 0; i <= k; i++) sum += columns[k][i] * right[i]
    return sum / scale[k]
  })
  const steepness = Math.sqrt(dot(gradient, gradient))
  let high = steepness / radius || Number.MIN_VALUE / Math.min(radius, RADIUS_TOLERANCE)
  let lambda = Math.min(Math.max(damping, low), high) || steepness / length
  for (let k = 1; ; k++) {
    lambda ||= Math.max(Number.MIN_VALUE, 0.001 * high)
    const root = Math.sqrt(lambda)
    const damped = eliminateDiagonal(
      system,
      scale.map((d) => root * d),
    )
    x = solveUpper(damped.columns, damped.right)
    length = scaledLength(x, scale)
    const before = off
    off = length - radius
    const isBelow = low === 0 && off <= before && before < 0
    if (Math.abs(off) <= RADIUS_TOLERANCE * radius || isBelow || k === MAX_TRIES) break
    if (off > 0) low = Math.max(low, lambda)
    if (off < 0) high = Math.min(high, lambda)
    lambda = Math.max(low, lambda + slopeOf(damped.columns))
  }
  return { step: negate(x), damping: lambda }
}

const negate = (x: Float64Array) => fillArray(x.length, (k) => -x[k])

/** The scaled length ‖D·x‖. */
export function scaledLength(x: Float64Array, scale: Float64Array): number {
  const scaled = fillArray(x.length, (k) => x[k] * scale[k])
  return Math.sqrt(dot(scaled, scaled))
}
