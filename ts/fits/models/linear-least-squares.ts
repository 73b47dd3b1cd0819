/** Sorted rows for guesses, and linear least squares. All long computations in this file run in slices. */

import { ROWS_PER_SLICE, type Slices, sortInSlices, visitInSlices } from '../../core/slices.js'

export interface SortedRows {
  /** Finite values of x in ascending order. */
  readonly x: Float64Array
  readonly y: Float64Array
  /** Difference between the last and the first x. If the difference is 0, the range is |x|, or 1 if x is 0 too. */
  readonly range: number
}

/**
 * Finite rows, sorted by x and then by y. Because of the sorting, guesses do not depend on the order of the rows. If no
 * row is finite, the result is one row of zeros. Callers must not change the arrays.
 *
 * @param isIn returns whether the model can use a value of x
 */
export function* finiteRows(
  x: ArrayLike<number>,
  y: ArrayLike<number>,
  isIn?: (x: number) => boolean,
): Slices<SortedRows> {
  let areInOrder = true
  yield* visitInSlices(x.length, (from, to) => {
    areInOrder &&= isInOrder(x, y, from, to, isIn)
  })
  const rows = areInOrder ? null : yield* iterateInOrder(x, y, isIn)
  const length = rows?.length ?? x.length
  if (length === 0) return { x: zeros(1), y: zeros(1), range: 1 }
  const ascending = (values: ArrayLike<number>) =>
    rows === null ? column(length, (k) => values[k]) : column(length, (k) => values[rows[k]])
  const found = { x: yield* ascending(x), y: yield* ascending(y) }
  return { ...found, range: computeRange(found.x) }
}

/**
 * Fast path of `finiteRows` for short data that are already finite and sorted, as in most fits. The result is undefined
 * for other data.
 */
export function sortedRows(
  x: ArrayLike<number>,
  y: ArrayLike<number>,
  isIn?: (x: number) => boolean,
): SortedRows | undefined {
  if (
    !(x instanceof Float64Array && y instanceof Float64Array) ||
    x.length === 0 ||
    x.length > ROWS_PER_SLICE
  )
    return
  return isInOrder(x, y, 0, x.length, isIn) ? { x, y, range: computeRange(x) } : undefined
}

function computeRange(x: Float64Array): number {
  const last = x[x.length - 1]
  return last - x[0] || Math.abs(last) || 1
}

/** Whether all rows are usable and in order. */
function isInOrder(
  x: ArrayLike<number>,
  y: ArrayLike<number>,
  from: number,
  to: number,
  isIn?: (x: number) => boolean,
): boolean {
  for (let row = from; row < to; row++) {
    const [here, value] = [x[row], y[row]]
    // An infinite or NaN value minus itself is NaN.
    if (!(here - here === 0 && value - value === 0) || (isIn !== undefined && !isIn(here))) return false
    if (row > 0 && (x[row - 1] > here || (x[row - 1] === here && y[row - 1] > value))) return false
  }
  return true
}

/** Indices of the usable rows, sorted by x and then by y. */
function* iterateInOrder(x: ArrayLike<number>, y: ArrayLike<number>, isIn?: (x: number) => boolean) {
  const isOne = (row: number) =>
    Number.isFinite(x[row]) && Number.isFinite(y[row]) && (isIn === undefined || isIn(x[row]))
  return yield* sortInSlices(yield* rowsWhere(x.length, isOne), (a, b) => x[a] - x[b] || y[a] - y[b])
}

/**
 * Size of the buffer from which short columns are allocated, in bytes. Allocating many small arrays takes longer than
 * filling the arrays.
 */
const MAX_POOLED_LENGTH = 1 << 16
let pool = { buffer: new ArrayBuffer(0), used: 0 }

/** A new column of zeros. */
export function zeros(length: number): Float64Array {
  const bytes = 8 * length
  if (bytes > MAX_POOLED_LENGTH / 16) return new Float64Array(length)
  if (pool.used + bytes > pool.buffer.byteLength)
    pool = { buffer: new ArrayBuffer(MAX_POOLED_LENGTH), used: 0 }
  const made = new Float64Array(pool.buffer, pool.used, length)
  pool.used += bytes
  return made
}

/** Whether a column exists and equals another column. */
export function areSame(a: Float64Array | undefined, b: Float64Array): a is Float64Array {
  if (a === undefined || a.length !== b.length) return false
  for (let row = 0; row < a.length; row++) if (a[row] !== b[row]) return false
  return true
}

/** A copy of a column. */
export function copyOfArray(numbers: Float64Array): Float64Array {
  const made = zeros(numbers.length)
  made.set(numbers)
  return made
}

/** Indices of the rows that satisfy a condition. */
export function* rowsWhere(length: number, holds: (row: number) => boolean): Slices<Uint32Array> {
  const rows = new Uint32Array(length)
  let count = 0
  yield* visitInSlices(length, (from, to) => {
    for (let row = from; row < to; row++) if (holds(row)) rows[count++] = row
  })
  return count === length ? rows : rows.subarray(0, count)
}

/** A column computed row by row. */
export function* column(length: number, valueAt: (row: number) => number): Slices<Float64Array> {
  const made = zeros(length)
  yield* visitInSlices(length, (from, to) => {
    for (let row = from; row < to; row++) made[row] = valueAt(row)
  })
  return made
}

/**
 * Index of the first number in an ascending array that satisfies a monotone condition, or the length if no number
 * does.
 */
export function firstWhere(x: Float64Array, holds: (x: number) => boolean): number {
  let [low, high] = [0, x.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (holds(x[middle])) high = middle
    else low = middle + 1
  }
  return low
}

/**
 * A column is linearly dependent on other columns if their projections leave less than this fraction of its sum of
 * squares.
 */
const DEPENDENCE_TOLERANCE = 1e-20

/** Orthogonal columns, which can be fitted to many responses y. */
export interface OrthogonalColumns {
  readonly columns: readonly Float64Array[]
  /** Σ c² of each column, or 0 if the column is linearly dependent on the previous columns. */
  readonly squares: readonly number[]
  /**
   * Coefficients of the projections that made the columns orthogonal: one number per pair of a column and a later
   * column.
   */
  readonly shares: readonly (readonly number[])[]
}

/** Makes columns orthogonal by modified Gram-Schmidt. The function overwrites all columns except the first. */
export function* orthogonal(columns: readonly Float64Array[]): Slices<OrthogonalColumns> {
  const squares: number[] = []
  const shares: number[][] = []
  const least = columns.map((column) => DEPENDENCE_TOLERANCE * dot(column, column))
  for (const [k, column] of columns.entries()) {
    const square = dot(column, column)
    const isNew = square > least[k]
    const others: number[] = []
    for (let j = k + 1; j < columns.length; j++) {
      others.push(isNew ? remove(column, square, columns[j]) : 0)
      if (column.length > ROWS_PER_SLICE) yield
    }
    shares.push(others)
    squares.push(isNew ? square : 0)
  }
  return { columns, squares, shares }
}

/**
 * Least-squares coefficients of the original columns for y. The coefficient of a linearly dependent column is
 * 0. The function overwrites y with the residuals.
 */
export function* projectOnto(
  { columns, squares, shares }: OrthogonalColumns,
  y: Float64Array,
): Slices<number[]> {
  const coefficients: number[] = []
  for (let k = 0; k < columns.length; k++) {
    coefficients.push(squares[k] > 0 ? remove(columns[k], squares[k], y) : 0)
    if (y.length > ROWS_PER_SLICE) yield
  }
  for (let k = columns.length - 1; k >= 0; k--) {
    for (let j = 0; j < shares[k].length; j++) coefficients[k] -= shares[k][j] * coefficients[k + 1 + j]
  }
  return coefficients
}

/** Least-squares coefficients of columns that are fitted to only one y. The function overwrites the columns and y. */
export function* project(columns: readonly Float64Array[], y: Float64Array): Slices<number[]> {
  return yield* projectOnto(yield* orthogonal(columns), y)
}

/** Subtracts the projection onto a column with the given square, and returns its coefficient. */
function remove(column: Float64Array, square: number, from: Float64Array): number {
  const share = dot(column, from) / square
  for (let row = 0; row < from.length; row++) from[row] -= share * column[row]
  return share
}

/** Adds Σ a·b over a range of rows to a sum. */
function dot(a: Float64Array, b: Float64Array, sum = 0, from = 0, to = a.length): number {
  for (let row = from; row < to; row++) sum += a[row] * b[row]
  return sum
}

/** Differences of costs below this fraction of Σ (y − ȳ)² can be due to rounding. */
export const TIE_TOLERANCE = 1e-12

/** A search among candidates, each of which is a linear combination of columns. */
export interface CandidateSearch<T> {
  readonly candidates: Iterable<T>
  /** Number of columns per candidate. */
  readonly count: number
  /**
   * Overwrites a range of rows of the columns. `fill` is called for all rows of a candidate, in order, before the next
   * candidate.
   */
  readonly fill: (candidate: T, columns: readonly Float64Array[], from: number, to: number) => void
  /** Whether the fit includes a constant, whose coefficient then precedes all other coefficients. */
  readonly hasOffset: boolean
}

/**
 * The candidate with the best least-squares fit to y. Among equally good candidates, the first one is chosen.
 */
export function* selectBest<T>(y: Float64Array, { candidates, count, fill, hasOffset }: CandidateSearch<T>) {
  const make = () => Array.from({ length: count }, () => zeros(y.length))
  const [columns, kept] = [make(), make()]
  const offset = hasOffset ? [zeros(y.length).fill(1)] : []
  const rest = copyOfArray(y)
  yield* project(offset, rest)
  const margin = TIE_TOLERANCE * dot(rest, rest)
  let best: T | undefined
  let most = 0
  const gains = new GainSums(columns, rest, hasOffset)
  let visited = 0
  for (const candidate of candidates) {
    for (let from = 0; from < y.length; from += ROWS_PER_SLICE) {
      if (visited > ROWS_PER_SLICE) {
        yield
        visited = 0
      }
      const to = Math.min(from + ROWS_PER_SLICE, y.length)
      fill(candidate, columns, from, to)
      gains.add(from, to)
      visited += to - from
    }
    const gain = gains.take()
    if (best !== undefined && !(gain > most + margin)) continue
    best = candidate
    most = gain
    for (const [k, column] of columns.entries()) kept[k].set(column)
  }
  return { candidate: best as T, coefficients: yield* project([...offset, ...kept], copyOfArray(y)) }
}

/**
 * Reduction of Σ y² by a least-squares fit of columns. Normal equations are accurate enough for a comparison of
 * candidates, and many times faster than orthogonal columns.
 */
class GainSums {
  readonly #columns: readonly Float64Array[]
  readonly #y: Float64Array
  readonly #isCentered: boolean
  /** Sum of each column over the rows. */
  readonly #sums: number[]
  readonly #parts: number[]
  /** Sums of products of each column with the previous columns, with itself, and with y. */
  readonly #products: number[]
  readonly #factors: number[]

  constructor(columns: readonly Float64Array[], y: Float64Array, isCentered: boolean) {
    const { length } = columns
    this.#columns = columns
    this.#y = y
    this.#isCentered = isCentered
    const zeros = (count: number) => new Array<number>(count).fill(0)
    this.#sums = zeros(length)
    this.#parts = zeros(length)
    this.#products = zeros(length * (length + 1))
    this.#factors = zeros(length * (length + 1))
  }

  /** Adds a range of rows to the sums of the normal equations. */
  add(from: number, to: number): void {
    const columns = this.#columns
    const products = this.#products
    const [y, sums] = [this.#y, this.#sums]
    for (let k = 0; k < columns.length; k++) {
      const column = columns[k]
      const at = k * (columns.length + 1)
      for (let j = 0; j <= k; j++) products[at + j] = dot(column, columns[j], products[at + j], from, to)
      products[at + k + 1] = dot(column, y, products[at + k + 1], from, to)
      if (!this.#isCentered) continue
      let sum = sums[k]
      for (let row = from; row < to; row++) sum += column[row]
      sums[k] = sum
    }
  }

  /** The reduction of Σ y² over the added rows. `take` resets the sums of the normal equations. */
  take(): number {
    const [sums, parts, products, factors] = [this.#sums, this.#parts, this.#products, this.#factors]
    const { length } = sums
    let gain = 0
    for (let k = 0; k < length; k++) {
      const row = k * (length + 1)
      for (let j = 0; j <= k; j++) {
        const other = j * (length + 1)
        let left = products[row + j] - (sums[k] * sums[j]) / this.#y.length
        for (let i = 0; i < j; i++) left -= factors[row + i] * factors[other + i]
        // An infinite factor removes a linearly dependent column.
        if (j < k) factors[row + j] = left / factors[other + j]
        else factors[row + k] = left > TIE_TOLERANCE * products[row + k] ? Math.sqrt(left) : Infinity
      }
      let part = products[row + k + 1]
      for (let i = 0; i < k; i++) part -= factors[row + i] * parts[i]
      parts[k] = part / factors[row + k]
      gain += parts[k] * parts[k]
    }
    sums.fill(0)
    products.fill(0)
    return gain
  }
}
