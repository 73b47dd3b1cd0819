/** Rows of data for guesses, and linear least squares. */

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
export function finiteRows(
  x: ArrayLike<number>,
  y: ArrayLike<number>,
  isIn: (x: number) => boolean = () => true,
): Rows {
  const rows: number[] = []
  for (let row = 0; row < x.length; row++) {
    if (Number.isFinite(x[row]) && Number.isFinite(y[row]) && isIn(x[row])) rows.push(row)
  }
  if (rows.length === 0) return { x: new Float64Array(1), y: new Float64Array(1), range: 1 }
  rows.sort((a, b) => x[a] - x[b] || y[a] - y[b])
  const sorted = { x: new Float64Array(rows.length), y: new Float64Array(rows.length) }
  for (let k = 0; k < rows.length; k++) {
    sorted.x[k] = x[rows[k]]
    sorted.y[k] = y[rows[k]]
  }
  const last = sorted.x[rows.length - 1]
  return { ...sorted, range: last - sorted.x[0] || Math.abs(last) || 1 }
}

/** What is left of a column is rounding, if its square is less than this part of the column's. */
const DEPENDENT = 1e-20

/**
 * y by columns with the least squares, by modified Gram-Schmidt; what those before make up already has the
 * coefficient 0. Overwrites all: y by residuals, and columns, but for the first, by what those before do not have.
 */
export function project(columns: readonly Float64Array[], y: Float64Array): number[] {
  const own: number[] = []
  const shares: number[][] = []
  const least = columns.map((column) => DEPENDENT * dot(column, column))
  for (const [k, column] of columns.entries()) {
    const square = dot(column, column)
    const isNew = square > least[k]
    shares.push(columns.slice(k + 1).map((later) => (isNew ? remove(column, square, later) : 0)))
    own.push(isNew ? remove(column, square, y) : 0)
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

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let row = 0; row < a.length; row++) sum += a[row] * b[row]
  return sum
}

/** A difference of costs that is less than this part of Σ (y − ȳ)² may be rounding. */
const EQUAL = 1e-12

/** What is looked for: a shape, of which y is made with factors. */
export interface Search<T> {
  readonly candidates: Iterable<T>
  /** How many columns a shape has. */
  readonly count: number
  /** Overwrites the columns. */
  readonly fill: (candidate: T, columns: readonly Float64Array[]) => void
  /** Whether there is a constant too, whose coefficient is the first. */
  readonly hasOffset: boolean
}

/** The candidate that meets y best; of those that do so equally well the first one, which is there in any case. */
export function bestOf<T>(y: Float64Array, { candidates, count, fill, hasOffset }: Search<T>) {
  const columns = Array.from({ length: count }, () => new Float64Array(y.length))
  const offset = hasOffset ? [new Float64Array(y.length).fill(1)] : []
  const rest = y.slice()
  project(offset, rest)
  const margin = EQUAL * dot(rest, rest)
  const kept = columns.map((column) => column.slice())
  let best: T | undefined
  let most = 0
  for (const candidate of candidates) {
    fill(candidate, columns)
    const gain = gainOf(columns, rest, hasOffset)
    if (best !== undefined && !(gain > most + margin)) continue
    best = candidate
    most = gain
    for (const [k, column] of columns.entries()) kept[k].set(column)
  }
  return { candidate: best as T, coefficients: project([...offset, ...kept], y.slice()) }
}

/** By how much columns lower Σ y². Normal equations are good enough to choose by, and many times faster. */
function gainOf(columns: readonly Float64Array[], y: Float64Array, isCentred: boolean): number {
  const factors: number[][] = []
  const sums = columns.map((column) => (isCentred ? sum(column) : 0))
  const parts: number[] = []
  let gain = 0
  for (const [k, column] of columns.entries()) {
    const row: number[] = []
    factors.push(row)
    for (let j = 0; j <= k; j++) {
      const square = dot(column, columns[j])
      let left = square - (sums[k] * sums[j]) / y.length
      for (let i = 0; i < j; i++) left -= row[i] * factors[j][i]
      // Infinite for a column that those before make up: it has no part in anything.
      if (j === k) row.push(left > EQUAL * square ? Math.sqrt(left) : Infinity)
      else row.push(left / factors[j][j])
    }
    let part = dot(column, y)
    for (let i = 0; i < k; i++) part -= row[i] * parts[i]
    parts.push(part / row[k])
    gain += parts[k] * parts[k]
  }
  return gain
}

function sum(numbers: Float64Array): number {
  let sum = 0
  for (let row = 0; row < numbers.length; row++) sum += numbers[row]
  return sum
}
