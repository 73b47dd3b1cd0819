import { define } from './define.js'
import type { FitModel, ModelOptions } from './model.js'
import { leastSquares } from './polynomial.js'
import { finiteRows } from './rows.js'

/** slope·x + intercept. */
export function line(options: ModelOptions = {}): FitModel<'slope' | 'intercept'> {
  return define(
    options,
    (x) => `slope*${x} + intercept`,
    (x, y) => {
      const [intercept, slope] = leastSquares(finiteRows(x, y), 1)
      return { slope, intercept }
    },
  )
}
