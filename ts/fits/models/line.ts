import { define } from './define.js'
import type { FitModel, ModelOptions } from './model.js'
import { leastSquares } from './polynomial.js'
import { finiteRows } from './rows.js'

/** slope·x + intercept. */
export function line(options: ModelOptions = {}): FitModel<'slope' | 'intercept'> {
  return define(
    options,
    (x) => `slope*${x} + intercept`,
    function* (x, y) {
      const [intercept, slope] = yield* leastSquares(yield* finiteRows(x, y), 1)
      return { slope, intercept }
    },
  )
}
