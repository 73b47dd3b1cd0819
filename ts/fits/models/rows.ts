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
  const sorted = Float64Array.from(rows, (row) => x[row])
  const last = sorted[sorted.length - 1]
  return {
    x: sorted,
    y: Float64Array.from(rows, (row) => y[row]),
    range: last - sorted[0] || Math.abs(last) || 1,
  }
}

export interface Projection {
  readonly coefficients: readonly number[]
  /** The sum of squared residuals. */
  readonly cost: number
}

/** What is left of a column is rounding, if its square is less than this part of the column's. */
const DEPENDENT = 1e-20

/**
 * y by columns with the least squares, by modified Gram-Schmidt; what those before make up already has the
 * coefficient 0. Overwrites all: y by residuals, and columns, but for the first, by what those before do not have.
 */
export function project(columns: readonly Float64Array[], y: Float64Array): Projection {
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
  return { coefficients, cost: dot(y, y) }
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

/** A difference of costs that is less than this part of Σ y² may be rounding. */
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
  const margin = EQUAL * dot(y, y)
  const own = Array.from({ length: count }, () => new Float64Array(y.length))
  const columns = hasOffset ? [new Float64Array(y.length).fill(1), ...own] : own
  const rest = new Float64Array(y.length)
  let best: ({ readonly candidate: T } & Projection) | undefined
  for (const candidate of candidates) {
    fill(candidate, own)
    rest.set(y)
    const projection = project(columns, rest)
    if (best === undefined || projection.cost < best.cost - margin) best = { candidate, ...projection }
  }
  return best as { readonly candidate: T } & Projection
}
