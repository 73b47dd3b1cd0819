import { defineByOrigin, type OriginOptions } from './define.js'
import type { FitModel } from './model.js'
import { LeastSquares } from './polynomial.js'
import { finiteRows, readyRows } from './rows.js'

/** slope·x + intercept; or slope·(x − origin) + intercept, whose origin is in the middle unless it is given. */
export function line(options: OriginOptions = {}): FitModel<'slope' | 'intercept' | 'origin'> {
  const squares = new LeastSquares(1)
  return defineByOrigin(
    options,
    0.5,
    (x) => `slope*${x} + intercept`,
    function* (x, y) {
      const [intercept, slope] = yield* squares.coefficients(readyRows(x, y) ?? (yield* finiteRows(x, y)))
      return { slope, intercept }
    },
  )
}
