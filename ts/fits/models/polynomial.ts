import { ROWS_PER_SLICE, type Slices } from '../../core/slices.js'
import { type GivenOf, integerBetween } from '../../options/kinds.js'
import { readOptions } from '../../options/read.js'
import { MAX_COMPILED_PARAMETERS } from '../problem/problem.js'
import { defineByOrigin, type OriginOptions, originOptions } from './define.js'
import {
  areSame,
  column,
  copyOfArray,
  finiteRows,
  type OrthogonalColumns,
  orthogonal,
  projectOnto,
  type SortedRows,
  sortedRows,
  zeros,
} from './linear-least-squares.js'
import type { FitModel } from './model.js'

const polynomialTable = {
  /** Degree of the polynomial, an integer from 0 to 15. Default 2. */
  degree: integerBetween(0, MAX_COMPILED_PARAMETERS - 1, 2),
}

const table = { ...originOptions, ...polynomialTable }

// Editors do not show comments on fields from a spread. The interface therefore extends the table without the
// spread.
/** Options of `models.polynomial`. */
export interface PolynomialOptions extends OriginOptions, GivenOf<typeof polynomialTable> {}

/**
 * Polynomial c0 + c1·x + c2·x² + … of the given degree. Powers of x are nearly collinear if x is far from 0 relative to
 * its range, or if the degree is high. A fit with nearly collinear powers loses digits or ends as 'singular'. An
 * `origin` replaces x by x − origin. The origin 'auto' is the middle of the x range.
 */
export function polynomial(options: PolynomialOptions = {}): FitModel<`c${number}` | 'origin'> {
  const { degree, ...rest } = readOptions('options', options, table)
  const names = Array.from({ length: degree + 1 }, (_, k) => `c${k}`)
  const squares = new PolynomialFit(degree)
  return defineByOrigin<`c${number}`>(
    rest,
    0.5,
    // The expression follows Horner's rule. A constant polynomial still needs the column name in its expression.
    (x) => (degree === 0 ? `c0 + 0*${x}` : horner(names, x).join(' + ')),
    function* (x, y) {
      const c = yield* squares.coefficients(sortedRows(x, y) ?? (yield* finiteRows(x, y)))
      return Object.fromEntries(names.map((name, k) => [name, c[k]]))
    },
  )
}

/** Terms of a polynomial in Horner form, from the names of its coefficients. */
export const horner = ([c, ...rest]: readonly string[], x: string): string[] =>
  c === undefined
    ? []
    : rest.length < 2
      ? [c, ...rest.map((b) => `${b}*${x}`)]
      : [c, `${x}*(${horner(rest, x).join(' + ')})`]

/**
 * Least-squares fit of the coefficients c0, c1, … of a polynomial. The fit uses powers of t = (x − middle)/range, which
 * are better conditioned than powers of x.
 */
export class PolynomialFit {
  readonly #degree: number
  /** Cached columns of powers for the last x, if x was short. */
  #last:
    | (PolynomialColumns & { readonly x: Float64Array; readonly orthogonal: OrthogonalColumns })
    | undefined

  constructor(degree: number) {
    this.#degree = degree
  }

  *coefficients({ x, y, range }: SortedRows): Slices<number[]> {
    const { inX, orthogonal } = areSame(this.#last?.x, x) ? this.#last : yield* this.#columnsAt(x, range)
    return inX(yield* projectOnto(orthogonal, copyOfArray(y)))
  }

  *#columnsAt(x: Float64Array, range: number) {
    const { columns, inX } = yield* polynomialColumns({ x, range }, this.#degree)
    const made = { x, columns, inX, orthogonal: yield* orthogonal(columns) }
    // The cache copies x, because the user can change the array x.
    if (x.length <= ROWS_PER_SLICE) this.#last = { ...made, x: copyOfArray(x) }
    return made
  }
}

interface PolynomialColumns {
  readonly columns: readonly Float64Array[]
  /** Converts coefficients of powers of t to coefficients of powers of x. */
  readonly inX: (byT: readonly number[]) => number[]
}

/** Columns of the powers of t = (x − middle)/range, starting with t⁰ = 1. */
export function* polynomialColumns(
  { x, range }: Omit<SortedRows, 'y'>,
  degree: number,
): Slices<PolynomialColumns> {
  const middle = (x[0] + x[x.length - 1]) / 2
  const t = yield* column(x.length, (row) => (x[row] - middle) / range)
  const columns: Float64Array[] = [zeros(x.length).fill(1)]
  for (let k = 1; k <= degree; k++) {
    const last = columns[k - 1]
    columns.push(yield* column(x.length, (row) => last[row] * t[row]))
  }
  // The conversion follows Horner's rule, with t as a polynomial in x.
  const inX = (byT: readonly number[]) => {
    const c: number[] = []
    for (let k = byT.length - 1; k >= 0; k--) {
      c.push(0)
      for (let i = c.length - 1; i >= 0; i--) {
        const below = i > 0 ? c[i - 1] / range : byT[k]
        c[i] = below - middle * (c[i] / range)
      }
    }
    return c
  }
  return { columns, inX }
}
