/** Residuals of fits by likelihood. */

import { norminv } from '../../functions/erf.js'
import { type GivenOf, integerAtLeast } from '../../options/kinds.js'
import { readOptions } from '../../options/read.js'
import { fraction, random } from '../../random/random.js'
import { fittedRows } from './prediction.js'
import { cdf } from './probabilities.js'
import type { LikelihoodSource } from './source.js'

/** Kind of residuals. */
export type ResidualKind = 'pearson' | 'deviance' | 'quantile'

const table = {
  /** Seed of the random numbers of quantile residuals, an integer ≥ 0. Default 1. */
  seed: integerAtLeast(0, 1),
}

/** Options of `residualsOf`. */
export interface ResidualOptions extends GivenOf<typeof table> {}

export function computeResiduals(
  source: LikelihoodSource,
  kind: ResidualKind,
  options: ResidualOptions,
): Float64Array {
  const { seed } = readOptions('options', options, table)
  const { run, fit } = source
  const { likelihood } = run
  const { family, columns, problem, below, above } = likelihood
  const rows = run.rowsOf(fit)
  const column = (name: string | undefined) => rows[columns.indexOf(name ?? '')] as Float64Array | undefined
  const y = column(problem.y) as Float64Array
  const [isBelow, isAbove] = [column(below), column(above)]
  const { deviance, mean, variance, at } = fittedRows(source, rows)
  if (kind === 'pearson') return y.map((value, row) => (value - mean[row]) / Math.sqrt(variance[row]))
  if (kind === 'deviance') {
    const center = family.name === 'lognormal' ? (row: number) => at(row).f : (row: number) => mean[row]
    return y.map((value, row) => Math.sign(value - center(row)) * Math.sqrt(Math.max(deviance[row], 0)))
  }
  const next = random(seed)
  return y.map((value, row) => {
    const distribution = at(row)
    // A count below the limit is at most the limit − 1.
    const most = isBelow?.[row] && family.isDiscrete ? value - 1 : value
    const high = isAbove?.[row] ? 1 : cdf(family.name, most, distribution)
    const low = isAbove?.[row]
      ? cdf(family.name, value, distribution)
      : isBelow?.[row]
        ? 0
        : family.isDiscrete
          ? cdf(family.name, value - 1, distribution)
          : high
    // Every row takes one number, so that the residual of a row does not depend on the other rows.
    const u = fraction(next)
    return norminv(low + u * (high - low))
  })
}
