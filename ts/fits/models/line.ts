import { defineByOrigin, type OriginOptions } from './define.js'
import type { FitModel } from './model.js'
import { leastSquares } from './polynomial.js'
import { finiteRows } from './rows.js'

/** slope·x + intercept; or slope·(x − origin) + intercept, whose origin is in the middle unless it is given. */
export function line(options: OriginOptions = {}): FitModel<'slope' | 'intercept' | 'origin'> {
  return defineByOrigin(
    options,
    0.5,
    (x) => `slope*${x} + intercept`,
    function* (x, y) {
      const [intercept, slope] = yield* leastSquares(yield* finiteRows(x, y), 1)
      return { slope, intercept }
    },
  )
}
