import type { Slices } from '../../ground/slices.js'
import { type GivenOf, wholeTo } from '../../options/kinds.js'
import { readOptions } from '../../options/read.js'
import { MOST_IN_PROGRAMS } from '../problem.js'
import { defineByOrigin, type OriginOptions, withOrigin } from './define.js'
import type { FitModel } from './model.js'
import { column, copied, finiteRows, project, type Rows, zeros } from './rows.js'

const own = {
  /** The highest power of x, a whole number from 0 to 15; 2. */
  degree: wholeTo(0, MOST_IN_PROGRAMS - 1, 2),
}

const table = { ...withOrigin, ...own }

// Editors do not show comments on what a spread brings.
export interface PolynomialOptions extends OriginOptions, GivenOf<typeof own> {}

/**
 * c0 + c1·x + c2·x² + … up to the degree. Where x is far from 0 beside its range, or the degree is high, powers of x
 * are alike, and a fit has few digits or is 'singular': with an `origin`, which is in the middle unless it is given,
 * x − origin stands for x.
 */
export function polynomial(options: PolynomialOptions = {}): FitModel<`c${number}` | 'origin'> {
  const { degree, ...rest } = readOptions('options', options, table)
  const names = Array.from({ length: degree + 1 }, (_, k) => `c${k}`)
  return defineByOrigin<`c${number}`>(
    rest,
    0.5,
    // By Horner's rule; a constant names its column too.
    (x) => (degree === 0 ? `c0 + 0*${x}` : horner(names, x).join(' + ')),
    function* (x, y) {
      const c = yield* leastSquares(yield* finiteRows(x, y), degree)
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

/** c0, c1, … of the polynomial that meets y best: by powers of t = (x − middle)/range, which are less alike. */
export function* leastSquares(rows: Rows, degree: number): Slices<number[]> {
  const { columns, inX } = yield* powers(rows, degree)
  return inX(yield* project(columns, copied(rows.y)))
}

interface Powers {
  readonly columns: readonly Float64Array[]
  /** What coefficients by powers of t are by powers of x. */
  readonly inX: (byT: readonly number[]) => number[]
}

/** Powers of t, from 1 on. */
export function* powers({ x, range }: Omit<Rows, 'y'>, degree: number): Slices<Powers> {
  const middle = (x[0] + x[x.length - 1]) / 2
  const t = yield* column(x.length, (row) => (x[row] - middle) / range)
  const columns: Float64Array[] = [zeros(x.length).fill(1)]
  for (let k = 1; k <= degree; k++) {
    const last = columns[k - 1]
    columns.push(yield* column(x.length, (row) => last[row] * t[row]))
  }
  // Horner's rule for t as a polynomial of x.
  const inX = (byT: readonly number[]) =>
    byT.reduceRight<number[]>((c, constant) => {
      const scaled = c.map((coefficient) => coefficient / range)
      const times = (k: number) => (scaled[k - 1] ?? 0) - middle * (scaled[k] ?? 0)
      return [constant + times(0), ...scaled.map((_, k) => times(k + 1))]
    }, [])
  return { columns, inX }
}
