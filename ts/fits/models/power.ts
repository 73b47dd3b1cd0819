import { log, pow } from '../../functions/index.js'
import { inSlices } from '../../ground/slices.js'
import { define } from './define.js'
import type { Data, FitModel, ModelOptions } from './model.js'
import { column, copied, finiteRows, project, rowsWhere } from './rows.js'

/** amplitude·x^exponent, for x > 0, or x ≥ 0 where the exponent is above 0. */
export function power(options: ModelOptions = {}): FitModel<'amplitude' | 'exponent'> {
  return define(options, (x) => `amplitude*${x}^exponent`, guess)
}

/** Where x is 0, a power that is not above 0 is none. */
const LEAST_AT_0 = 0.125

/** A line through logarithms, whose weights y² make up for what these do to noise. */
function* guess(...[xs, ys]: Data) {
  const { x, y } = yield* finiteRows(xs, ys, (at) => at >= 0)
  let sum = 0
  yield* inSlices(y.length, (from, to) => {
    for (let row = from; row < to; row++) sum += y[row] * Math.abs(y[row])
  })
  const sign = sum < 0 ? -1 : 1
  const rows = yield* rowsWhere(y.length, (row) => x[row] > 0 && sign * y[row] > 0)
  const weighted = (of: (row: number) => number) =>
    column(rows.length, (k) => sign * y[rows[k]] * of(rows[k]))
  const [, slope] = yield* project(
    [yield* weighted(() => 1), yield* weighted((row) => log(x[row]))],
    yield* weighted((row) => log(sign * y[row])),
  )
  const exponent = x[0] === 0 ? Math.max(slope, LEAST_AT_0) : slope
  const powers = yield* column(x.length, (row) => pow(x[row], exponent))
  const [amplitude] = yield* project([powers], copied(y))
  return { amplitude, exponent }
}
