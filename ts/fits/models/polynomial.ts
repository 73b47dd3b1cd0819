import type { Slices } from '../../ground/slices.js'
import { type GivenOf, wholeTo } from '../../options/kinds.js'
import { readOptions } from '../../options/read.js'
import { MOST_IN_PROGRAMS } from '../problem.js'
import { define, ofAll } from './define.js'
import type { FitModel, ModelOptions } from './model.js'
import { column, copied, finiteRows, project, type Rows, zeros } from './rows.js'

const own = {
  /** The highest power of x, a whole number from 0 to 15; 2. */
  degree: wholeTo(0, MOST_IN_PROGRAMS - 1, 2),
}

const table = { ...ofAll, ...own }

// Editors do not show comments on what a spread brings.
export interface PolynomialOptions extends ModelOptions, GivenOf<typeof own> {}

/**
 * c0 + c1·x + c2·x² + … up to the degree. Where x is far from 0 beside its range, or the degree is high, powers of x
 * are alike, and a fit has few digits or is 'singular': take x − mean(x) for the column then.
 */
export function polynomial(options: PolynomialOptions = {}): FitModel<`c${number}`> {
  const { degree, ...rest } = readOptions('options', options, table)
  const names = Array.from({ length: degree + 1 }, (_, k) => `c${k}`)
  return define<`c${number}`>(
    rest,
    // By Horner's rule; a constant names its column too.
    (x) => (degree === 0 ? `c0 + 0*${x}` : horner(names, x)),
    function* (x, y) {
      const c = yield* leastSquares(yield* finiteRows(x, y), degree)
      return Object.fromEntries(names.map((name, k) => [name, c[k]]))
    },
  )
}

const horner = ([c, ...rest]: readonly string[], x: string): string =>
  rest.length === 1 ? `${c} + ${rest[0]}*${x}` : `${c} + ${x}*(${horner(rest, x)})`

/** c0, c1, … of the polynomial that meets y best: by powers of t = (x − middle)/range, which are less alike. */
export function* leastSquares({ x, y, range }: Rows, degree: number): Slices<number[]> {
  const middle = (x[0] + x[x.length - 1]) / 2
  const t = yield* column(x.length, (row) => (x[row] - middle) / range)
  const powers: Float64Array[] = [zeros(x.length).fill(1)]
  for (let k = 1; k <= degree; k++) {
    const last = powers[k - 1]
    powers.push(yield* column(x.length, (row) => last[row] * t[row]))
  }
  const byT = yield* project(powers, copied(y))
  // Horner's rule for t as a polynomial of x.
  return byT.reduceRight<number[]>((c, constant) => {
    const scaled = c.map((coefficient) => coefficient / range)
    const times = (k: number) => (scaled[k - 1] ?? 0) - middle * (scaled[k] ?? 0)
    return [constant + times(0), ...scaled.map((_, k) => times(k + 1))]
  }, [])
}
