/** Distributions of the rows of a fit, and bands that contain new observations. */

import { OptionError } from '../../core/errors.js'
import { isRecord, ownProperties } from '../../core/untrusted-input.js'
import { numbersInRun } from '../../many/batch/data.js'
import { readNumbers } from '../problem/columns.js'
import { modelColumns } from '../programs/function-curve.js'
import { getVariance } from '../solve/fit-context.js'
import { parameterPoint } from '../uncertainty/estimates.js'
import { evaluateModel, type ModelEvaluation, type RequestedColumns } from '../uncertainty/linearize.js'
import { evaluateRows } from './evaluate.js'
import { quantile, type RowDistribution } from './probabilities.js'
import { FACTOR, type LikelihoodProblem, namesOfDistribution, rowOutputs } from './problem.js'
import type { LikelihoodSource } from './source.js'

/** Values of the fitted distribution in rows. */
export interface FittedRows {
  readonly f: Float64Array
  readonly deviance: Float64Array
  readonly mean: Float64Array
  readonly variance: Float64Array
  readonly at: (row: number) => RowDistribution
}

/**
 * Evaluates the fitted distribution in rows, whose columns are in the order of the objective.
 *
 * @param values values of a model that is not an expression; by default its values in the given rows of the fit
 */
export function fittedRows(
  { run, fit }: LikelihoodSource,
  rows: readonly Float64Array[],
  values?: Float64Array,
): FittedRows {
  const { likelihood, solutions, starts } = run
  const point = parameterPoint({ problem: likelihood.problem, solved: solutions, starts }, fit)
  const outputs = evaluateRows(likelihood, point, rows, values)
  const [f, , deviance, mean, variance] = outputs
  const options = Object.keys(likelihood.texts)
  const option = (name: string, row: number) => {
    const at = options.indexOf(name)
    return at < 0 ? NaN : outputs[rowOutputs.length + at][row]
  }
  const at = (row: number) => ({
    f: f[row],
    sigma: option('sigma', row),
    df: option('df', row),
    theta: option('theta', row),
    shape: option('shape', row),
    trials: option('trials', row),
  })
  return { f, deviance, mean, variance, at }
}

/** Rows at requested columns. Columns that the prediction does not use are NaN. */
function requestedRows({ run, fit }: LikelihoodSource, at: RequestedColumns): Float64Array[] {
  const { likelihood, data } = run
  const { columns, problem, below, above } = likelihood
  const isIgnored = (name: string) => [problem.y, problem.weight, below, above, FACTOR].includes(name)
  const given = at === undefined ? undefined : ownProperties(at)
  const used = columns.filter((name) => !isIgnored(name) && !problem.fixed.includes(name))
  const read = new Map(
    used.map((name): [string, Float64Array] => {
      const column = data.get(name)
      if (given === undefined && column) return [name, numbersInRun(column, fit)]
      if (given?.[name] === undefined) throw new OptionError('at', `a column ${name}`, undefined)
      return [name, Float64Array.from(readNumbers(`at: ${name}`, given[name]))]
    }),
  )
  const y = data.get(problem.y)
  const rows = [...read.values()][0]?.length ?? (y ? numbersInRun(y, fit).length : 0)
  for (const [name, { length }] of read)
    if (length !== rows)
      throw new OptionError(`at: ${name}`, `${rows} rows, like the first column`, `${length} rows`)
  return columns.map((name) => read.get(name) ?? new Float64Array(rows).fill(NaN))
}

/** Rows at requested columns, if the model computes all rows together and completes their columns. */
function rowsOfModel(
  { run }: LikelihoodSource,
  { rows, columns: rowAt }: ModelEvaluation,
  at: RequestedColumns,
): Float64Array[] {
  const { likelihood } = run
  const { problem, columns } = likelihood
  const names = modelColumns(problem)
  const ofModel = problem.functionModel?.exact?.names ?? []
  const given = at === undefined ? undefined : ownProperties(at)
  const isNeeded = (name: string) =>
    names.includes(name) && ![...ofModel, likelihood.below, likelihood.above].includes(name)
  const lost = namesOfDistribution(likelihood).find((name) => isNeeded(name) && given?.[name] === undefined)
  if (given !== undefined && lost !== undefined) throw new OptionError('at', `a column ${lost}`, undefined)
  return columns.map((name) => {
    const place = names.indexOf(name)
    return Float64Array.from({ length: rows }, (_, row) => rowAt(row)[place] ?? NaN)
  })
}

/** Limits between which a new observation lies with the probability `level`. */
export function predictionBand(
  source: LikelihoodSource,
  at: RequestedColumns,
  level: number,
): { readonly low: Float64Array; readonly high: Float64Array } {
  const { run, fit } = source
  const { likelihood, solutions, starts, data } = run
  if (at !== undefined && !isRecord(at)) throw new OptionError('at', 'an object of columns', at)
  const context = { problem: likelihood.problem, solved: solutions, starts, data }
  const model = evaluateModel(context, fit, at)
  const point = parameterPoint(context, fit)
  const isFunction = likelihood.problem.functionModel !== null
  const fitted = isFunction
    ? fittedRows(
        source,
        rowsOfModel(source, model, at),
        Float64Array.from({ length: model.rows }, (_, row) => model.outputs(row, point)[0]),
      )
    : fittedRows(source, requestedRows(source, at))
  const limit = (p: number) =>
    fitted.f.map((f, row) => {
      const [, ...slopes] = model.outputs(row, point)
      return quantile(
        likelihood.family.name,
        p,
        widened(likelihood, fitted.at(row), f, getVariance(solutions, fit, slopes)),
      )
    })
  return { low: limit((1 - level) / 2), high: limit((1 + level) / 2) }
}

/** Adds the variance of the curve to σ². Distributions without σ remain unchanged. */
function widened(
  { family }: LikelihoodProblem,
  row: RowDistribution,
  f: number,
  variance: number,
): RowDistribution {
  if (Number.isNaN(row.sigma)) return row
  const ofCurve = family.name === 'lognormal' ? variance / (f * f) : variance
  return { ...row, sigma: Math.sqrt(row.sigma * row.sigma + ofCurve) }
}
