/** Draws of data for the bootstrap of fits by likelihood: from the fitted distribution, or from the rows. */

import { OptionError } from '../../core/errors.js'
import { choice } from '../../options/kinds.js'
import { fraction, type WordStream } from '../../random/random.js'
import { type BootstrapValues, bootstrapManyTable, bootstrapTable } from '../uncertainty/bootstrap.js'
import { fittedRows } from './prediction.js'
import { quantile } from './probabilities.js'
import { FACTOR } from './problem.js'
import type { LikelihoodSource } from './source.js'

/** Smallest uniform number, because the quantile of 0 is infinite. */
const MIN_FRACTION = Number.EPSILON / 4

/** Residuals of these distributions do not scatter equally, so that they cannot be resampled. */
const kind = choice('parametric', 'cases')
export const table = { ...bootstrapTable, kind }
export const manyTable = { ...bootstrapManyTable, kind }

/** Draws the columns of a replicate. */
export type Draw = (words: WordStream) => Record<string, Float64Array>

/** The columns of the data of a fit, in the rows in use. */
function ownColumns({ run, fit }: LikelihoodSource): [name: string, rows: Float64Array][] {
  const { columns, problem } = run.likelihood
  const rows = run.rowsOf(fit)
  return columns.flatMap((name, k): [string, Float64Array][] =>
    name === FACTOR || problem.fixed.includes(name) ? [] : [[name, rows[k]]],
  )
}

/** Returns the method that draws the replicates of a fit. */
export const drawMethod = (source: LikelihoodSource, kind: BootstrapValues['kind']): Draw =>
  kind === 'cases' ? resampleRows(source) : drawResponses(source)

function resampleRows(source: LikelihoodSource): Draw {
  const columns = ownColumns(source)
  const rows = new Uint32Array(columns[0][1].length)
  return (words) => {
    words.fill(rows, rows.length)
    return Object.fromEntries(
      columns.map(([name, own]) => [name, Float64Array.from(rows, (row) => own[row])]),
    )
  }
}

/** Draws responses from the fitted distribution. A response beyond the limit of quantification is censored. */
function drawResponses(source: LikelihoodSource): Draw {
  const { run, fit } = source
  const { family, problem, below, above } = run.likelihood
  const columns = Object.fromEntries(ownColumns(source))
  const y = columns[problem.y]
  const { at } = fittedRows(source, run.rowsOf(fit))
  const distributions = Array.from(y, (_, row) => at(row))
  const low = limitOf(y, below, columns)
  const high = limitOf(y, above, columns)
  return (words) => {
    const drawn = Float64Array.from(distributions, (row) =>
      quantile(family.name, Math.max(fraction(words.next), MIN_FRACTION), row),
    )
    const marks: Record<string, Float64Array> = {}
    if (below !== undefined) marks[below] = drawn.map((value) => Number(value < low))
    if (above !== undefined) marks[above] = drawn.map((value) => Number(value > high))
    const limited = drawn.map((value) => (value < low ? low : value > high ? high : value))
    return { ...columns, ...marks, [problem.y]: limited }
  }
}

/**
 * The limit of the rows that a column marks. Without marked rows, no value is censored.
 *
 * @throws OptionError if the limits differ, because the limits of the other rows are then unknown
 */
function limitOf(
  y: Float64Array,
  name: string | undefined,
  columns: Readonly<Record<string, Float64Array>>,
): number {
  if (name === undefined) return NaN
  const limits = y.filter((_, row) => columns[name][row] !== 0)
  const other = limits.find((limit) => limit !== limits[0])
  if (other !== undefined)
    throw new OptionError(
      'kind',
      "'cases' if limits of quantification differ",
      `limits ${limits[0]} and ${other}`,
    )
  return limits.length > 0 ? limits[0] : NaN
}
