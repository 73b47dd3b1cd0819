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
  /** The highest power of x, an integer from 0 to 15; 2. */
  degree: integerBetween(0, MAX_COMPILED_PARAMETERS - 1, 2),
}

const table = { ...originOptions, ...polynomialTable }

// Editors do not show comments on what a spread brings.
export interface PolynomialOptions extends OriginOptions, GivenOf<typeof polynomialTable> {}

/**
 * c0 + c1·x + c2·x² + … up to the degree. Where x is far from 0 beside its range, or the degree is high, powers of x
 * are alike, and a fit has few digits or is 'singular': with an `origin`, which is in the middle unless it is given,
 * x − origin stands for x.
 */
export function polynomial(options: PolynomialOptions = {}): FitModel<`c${number}` | 'origin'> {
  const { degree, ...rest } = readOptions('options', options, table)
  const names = Array.from({ length: degree + 1 }, (_, k) => `c${k}`)
  const squares = new PolynomialFit(degree)
  return defineByOrigin<`c${number}`>(
    rest,
    0.5,
    // By Horner's rule; a constant names its column too.
    (x) => (degree === 0 ? `c0 + 0*${x}` : horner(names, x).join(' + ')),
    function* (x, y) {
      const c = yield* squares.coefficients(sortedRows(x, y) ?? (yield* finiteRows(x, y)))
      return Object.fromEntries(names.map((name, k) => [name, c[k]]))
    },
  )
}

/** A polynomial by the names of its coefficients, as terms of a sum. */
export const horner = ([c, ...rest]: readonly string[], x: string): string[] =>
  c === undefined
    ? []
    : rest.length < 2
      ? [c, ...rest.map((b) => `${b}*${x}`)]
      : [c, `${x}*(${horner(rest, x).join(' + ')})`]

/** For c0, c1, … of polynomials that meet y best: by powers of t = (x − middle)/range, which are less alike. */
export class PolynomialFit {
  readonly #degree: number
  /** What follows from the last x, if that was short. */
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
    // What users have they may change.
    if (x.length <= ROWS_PER_SLICE) this.#last = { ...made, x: copyOfArray(x) }
    return made
  }
}

interface PolynomialColumns {
  readonly columns: readonly Float64Array[]
  /** What coefficients by powers of t are by powers of x. */
  readonly inX: (byT: readonly number[]) => number[]
}

/** Powers of t, from 1 on. */
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
  // Horner's rule for t as a polynomial of x.
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
