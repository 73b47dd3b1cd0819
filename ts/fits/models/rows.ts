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

/** y by columns with the least squares, by modified Gram-Schmidt; what others make up already has the coefficient 0. */
export function project(columns: readonly Float64Array[], y: Float64Array): Projection {
  const basis = columns.map((column) => column.slice())
  const rest = y.slice()
  const shares = basis.map((column, k) => {
    const square = dot(column, column)
    const isNew = square > DEPENDENT * dot(columns[k], columns[k])
    const remove = (from: Float64Array) => {
      const share = isNew ? dot(column, from) / square : 0
      for (let row = 0; row < from.length; row++) from[row] -= share * column[row]
      return share
    }
    return { later: basis.slice(k + 1).map(remove), own: remove(rest) }
  })
  const coefficients: number[] = basis.map(() => 0)
  for (let k = basis.length - 1; k >= 0; k--) {
    coefficients[k] = shares[k].later.reduce(
      (sum, share, j) => sum - share * coefficients[k + 1 + j],
      shares[k].own,
    )
  }
  return { coefficients, cost: dot(rest, rest) }
}

/** A difference of costs that is less than this part of Σ y² may be rounding. */
const EQUAL = 1e-12

/**
 * The candidate whose columns meet y best; of those that do so equally well the first one, which is there in any
 * case.
 */
export function bestOf<T>(
  candidates: Iterable<T>,
  columnsOf: (candidate: T) => readonly Float64Array[],
  y: Float64Array,
): { readonly candidate: T } & Projection {
  const margin = EQUAL * dot(y, y)
  let best: ({ readonly candidate: T } & Projection) | undefined
  for (const candidate of candidates) {
    const projection = project(columnsOf(candidate), y)
    if (best === undefined || projection.cost < best.cost - margin) best = { candidate, ...projection }
  }
  return best as { readonly candidate: T } & Projection
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let row = 0; row < a.length; row++) sum += a[row] * b[row]
  return sum
}

/** The column of a constant. */
export const ones = ({ length }: Float64Array) => new Float64Array(length).fill(1)
