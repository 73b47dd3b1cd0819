import { defineByOrigin, type OriginOptions } from './define.js'
import { finiteRows, sortedRows } from './linear-least-squares.js'
import type { FitModel } from './model.js'
import { PolynomialFit } from './polynomial.js'

/**
 * Straight line slope·x + intercept. An `origin` replaces x by x − origin. The origin 'auto' is the middle of
 * the x range.
 */
export function line(options: OriginOptions = {}): FitModel<'slope' | 'intercept' | 'origin'> {
  const squares = new PolynomialFit(1)
  return defineByOrigin(
    options,
    0.5,
    (x) => `slope*${x} + intercept`,
    function* (x, y) {
      const [intercept, slope] = yield* squares.coefficients(sortedRows(x, y) ?? (yield* finiteRows(x, y)))
      return { slope, intercept }
    },
  )
}
