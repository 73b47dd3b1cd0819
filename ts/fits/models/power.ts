import { log, pow } from '../../functions/index.js'
import { define, type FitModel, type ModelOptions, readModelOptions } from './model.js'
import { finiteRows, project, type Rows } from './rows.js'

/** amplitude·x^exponent, for x > 0, or x ≥ 0 where the exponent is above 0. */
export function power(options: ModelOptions = {}): FitModel {
  return define(
    readModelOptions(options),
    (x) => `amplitude*${x}^exponent`,
    (x, y) => guess(finiteRows(x, y, (at) => at > 0)),
  )
}

/** A line through logarithms, whose weights y² make up for what these do to noise. */
function guess({ x, y }: Rows): Readonly<Record<string, number>> {
  const sign = y.reduce((sum, number) => sum + number * Math.abs(number), 0) < 0 ? -1 : 1
  const rows = [...y.keys()].filter((row) => sign * y[row] > 0)
  const column = (of: (row: number) => number) => Float64Array.from(rows, (row) => sign * y[row] * of(row))
  const { coefficients } = project(
    [column(() => 1), column((row) => log(x[row]))],
    column((row) => log(sign * y[row])),
  )
  const exponent = rows.length === 0 ? 1 : coefficients[1]
  const [amplitude] = project([x.map((at) => pow(at, exponent))], y.slice()).coefficients
  return { amplitude, exponent }
}
