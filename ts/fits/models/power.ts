import { log, pow } from '../../functions/index.js'
import { define } from './define.js'
import type { FitModel, ModelOptions } from './model.js'
import { finiteRows, project, type Rows } from './rows.js'

/** amplitude·x^exponent, for x > 0, or x ≥ 0 where the exponent is above 0. */
export function power(options: ModelOptions = {}): FitModel<'amplitude' | 'exponent'> {
  return define(
    options,
    (x) => `amplitude*${x}^exponent`,
    (x, y) => guess(finiteRows(x, y, (at) => at >= 0)),
  )
}

/** Where x is 0, a power that is not above 0 is none. */
const LEAST_AT_0 = 0.125

/** A line through logarithms, whose weights y² make up for what these do to noise. */
function guess({ x, y }: Rows) {
  const sign = y.reduce((sum, number) => sum + number * Math.abs(number), 0) < 0 ? -1 : 1
  const rows = [...y.keys()].filter((row) => x[row] > 0 && sign * y[row] > 0)
  const column = (of: (row: number) => number) => Float64Array.from(rows, (row) => sign * y[row] * of(row))
  const [, slope] = project(
    [column(() => 1), column((row) => log(x[row]))],
    column((row) => log(sign * y[row])),
  )
  const exponent = x[0] === 0 ? Math.max(slope, LEAST_AT_0) : slope
  const [amplitude] = project([x.map((at) => pow(at, exponent))], y.slice())
  return { amplitude, exponent }
}
