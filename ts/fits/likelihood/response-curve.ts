/** Curves of fits by likelihood for `inverse`. */

import { memoizeBy } from '../../core/memoization.js'
import { namesIn } from '../../expressions/parse.js'
import { numbersInRun } from '../../many/batch/data.js'
import type { Problem } from '../problem/problem.js'
import { modelColumns } from '../programs/function-curve.js'
import type { ResponseCurve } from '../solve/distribution.js'
import { fittedRows } from './prediction.js'
import { type LikelihoodProblem, namesOfDistribution } from './problem.js'
import type { LikelihoodSource } from './source.js'

/** The problem without the columns that only the distribution reads. */
const curveProblem = memoizeBy(({ problem }: LikelihoodProblem): Problem => {
  const used = new Set(namesIn(problem.text))
  const columns = problem.columns.filter(
    (name) => used.has(name) || name === problem.y || name === problem.weight,
  )
  return { ...problem, columns }
})

export function responseCurve(source: LikelihoodSource): ResponseCurve {
  const { run, fit } = source
  const { likelihood, solutions, starts, data, selection } = run
  const { family, texts, columns, below, above } = likelihood
  const problem = curveProblem(likelihood)
  const [x] = modelColumns(problem)
  // A model without columns is refused by the caller.
  const column = selection.columns.get(x)
  const isBinomial = family.name === 'binomial'
  const isLogarithmic = family.name === 'lognormal'
  const uses = isBinomial ? [] : namesOfDistribution(likelihood)
  const others = uses.filter((name) => data.has(name) && ![x, below, above].includes(name))
  // Only the columns that the variance reads have numbers in the row.
  const at = (value: number) =>
    fittedRows(
      source,
      columns.map((name) => Float64Array.of(name === x ? value : NaN)),
    )
  const scatter = (value: number, f: number) => {
    if (isBinomial) return f * (1 - f)
    const row = at(value)
    if (!isLogarithmic) return row.variance[0]
    const { sigma } = row.at(0)
    return sigma * sigma
  }
  return {
    context: { problem, data, starts, weightAt: null, solved: solutions },
    index: fit,
    x: column === undefined ? new Float64Array() : numbersInRun(column, fit),
    isLogarithmic,
    trials: isBinomial ? Number(texts.trials) : undefined,
    others,
    scatter,
  }
}
