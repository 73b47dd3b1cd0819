/** Rows of data for guesses, and linear least squares; all of it in slices. */

import { inSlices, SLICE, type Slices, sorted } from '../../ground/slices.js'

export interface Rows {
  /** Finite numbers, in ascending order. */
  readonly x: Float64Array
  readonly y: Float64Array
  /** From the first x to the last; where that is 0, the size of x, or 1. */
  readonly range: number
}

/**
 * The rows of finite numbers, by x and then by y, so that no guess depends on their order; one of zeros where there
 * are none.
 *
 * @param isIn which x a model has a use for
 */
export function* finiteRows(
  x: ArrayLike<number>,
  y: ArrayLike<number>,
  isIn: (x: number) => boolean = () => true,
): Slices<Rows> {
  const isOne = (row: number) => Number.isFinite(x[row]) && Number.isFinite(y[row]) && isIn(x[row])
  const rows = yield* sorted(yield* rowsWhere(x.length, isOne), (a, b) => x[a] - x[b] || y[a] - y[b])
  if (rows.length === 0) return { x: new Float64Array(1), y: new Float64Array(1), range: 1 }
  const inOrder = {
    x: yield* column(rows.length, (k) => x[rows[k]]),
    y: yield* column(rows.length, (k) => y[rows[k]]),
  }
  const last = inOrder.x[rows.length - 1]
  return { ...inOrder, range: last - inOrder.x[0] || Math.abs(last) || 1 }
}

/** The rows of which something holds. */
export function* rowsWhere(length: number, holds: (row: number) => boolean): Slices<Uint32Array> {
  const rows = new Uint32Array(length)
  let count = 0
  yield* inSlices(length, (from, to) => {
    for (let row = from; row < to; row++) if (holds(row)) rows[count++] = row
  })
  return count === length ? rows : rows.subarray(0, count)
}

/** A column by what it is in each row. */
export function* column(length: number, of: (row: number) => number): Slices<Float64Array> {
  const made = new Float64Array(length)
  yield* inSlices(length, (from, to) => {
    for (let row = from; row < to; row++) made[row] = of(row)
  })
  return made
}

/** The first of ascending numbers of which something holds, as of all after it; how many there are if of none. */
export function firstWhere(x: Float64Array, holds: (x: number) => boolean): number {
  let [low, high] = [0, x.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (holds(x[middle])) high = middle
    else low = middle + 1
  }
  return low
}

/** What is left of a column is rounding, if its square is less than this part of the column's. */
const DEPENDENT = 1e-20

/**
 * y by columns with the least squares, by modified Gram-Schmidt; what those before make up already has the
 * coefficient 0. Overwrites all: y by residuals, and columns, but for the first, by what those before do not have.
 */
export function* project(columns: readonly Float64Array[], y: Float64Array): Slices<number[]> {
  const own: number[] = []
  const shares: number[][] = []
  const least = columns.map((column) => DEPENDENT * dot(column, column))
  for (const [k, column] of columns.entries()) {
    const square = dot(column, column)
    const isNew = square > least[k]
    const others: number[] = []
    for (let j = k + 1; j < columns.length; j++) {
      others.push(isNew ? remove(column, square, columns[j]) : 0)
      if (y.length > SLICE) yield
    }
    shares.push(others)
    own.push(isNew ? remove(column, square, y) : 0)
    if (y.length > SLICE) yield
  }
  const coefficients = own.slice()
  for (let k = own.length - 1; k >= 0; k--) {
    for (const [j, share] of shares[k].entries()) coefficients[k] -= share * coefficients[k + 1 + j]
  }
  return coefficients
}

/** Takes out of numbers what a column, whose square is given, has of them. */
function remove(column: Float64Array, square: number, from: Float64Array): number {
  const share = dot(column, from) / square
  for (let row = 0; row < from.length; row++) from[row] -= share * column[row]
  return share
}

/** A sum, and Σ a·b over some rows. */
function dot(a: Float64Array, b: Float64Array, sum = 0, from = 0, to = a.length): number {
  for (let row = from; row < to; row++) sum += a[row] * b[row]
  return sum
}

/** A difference of costs that is less than this part of Σ (y − ȳ)² may be rounding. */
const EQUAL = 1e-12

/** What is looked for: a shape, of which y is made with factors. */
export interface Search<T> {
  readonly candidates: Iterable<T>
  /** How many columns a shape has. */
  readonly count: number
  /** Overwrites some rows of the columns; it is asked for all of a candidate, in order, before the next one. */
  readonly fill: (candidate: T, columns: readonly Float64Array[], from: number, to: number) => void
  /** Whether there is a constant too, whose coefficient is the first. */
  readonly hasOffset: boolean
}

/** The candidate that meets y best; of those that do so equally well the first one, which is there in any case. */
export function* bestOf<T>(y: Float64Array, { candidates, count, fill, hasOffset }: Search<T>) {
  const make = () => Array.from({ length: count }, () => new Float64Array(y.length))
  const [columns, kept] = [make(), make()]
  const offset = hasOffset ? [new Float64Array(y.length).fill(1)] : []
  const rest = y.slice()
  yield* project(offset, rest)
  const margin = EQUAL * dot(rest, rest)
  let best: T | undefined
  let most = 0
  const gains = new Gain(columns, rest, hasOffset)
  let visited = 0
  for (const candidate of candidates) {
    for (let from = 0; from < y.length; from += SLICE) {
      if (visited > SLICE) {
        yield
        visited = 0
      }
      const to = Math.min(from + SLICE, y.length)
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
  return { candidate: best as T, coefficients: yield* project([...offset, ...kept], y.slice()) }
}

/** By how much columns lower Σ y². Normal equations are good enough to choose by, and many times faster. */
class Gain {
  readonly #columns: readonly Float64Array[]
  readonly #y: Float64Array
  readonly #isCentred: boolean
  /** By column. */
  readonly #sums: number[]
  readonly #parts: number[]
  /** By column with each up to itself, and with y. */
  readonly #products: number[]
  readonly #factors: number[]

  constructor(columns: readonly Float64Array[], y: Float64Array, isCentred: boolean) {
    const { length } = columns
    this.#columns = columns
    this.#y = y
    this.#isCentred = isCentred
    const zeros = (count: number) => new Array<number>(count).fill(0)
    this.#sums = zeros(length)
    this.#parts = zeros(length)
    this.#products = zeros(length * (length + 1))
    this.#factors = zeros(length * (length + 1))
  }

  /** Takes some rows with it. */
  add(from: number, to: number): void {
    const columns = this.#columns
    const products = this.#products
    const [y, sums] = [this.#y, this.#sums]
    for (let k = 0; k < columns.length; k++) {
      const column = columns[k]
      const at = k * (columns.length + 1)
      for (let j = 0; j <= k; j++) products[at + j] = dot(column, columns[j], products[at + j], from, to)
      products[at + k + 1] = dot(column, y, products[at + k + 1], from, to)
      if (!this.#isCentred) continue
      let sum = sums[k]
      for (let row = from; row < to; row++) sum += column[row]
      sums[k] = sum
    }
  }

  /** What it is by these rows; begins anew. */
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
        // Infinite for a column that those before make up: it has no part in anything.
        if (j < k) factors[row + j] = left / factors[other + j]
        else factors[row + k] = left > EQUAL * products[row + k] ? Math.sqrt(left) : Infinity
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
