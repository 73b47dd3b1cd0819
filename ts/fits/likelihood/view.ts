/** Properties that the result of one fit with a distribution and the result of a group have in common. */

import { OptionError } from '../../core/errors.js'
import { joinTexts, plural } from '../../core/text.js'
import { mapRecord } from '../../core/untrusted-input.js'
import { type DataColumn, numbersInRun } from '../../many/batch/data.js'
import { readOptions } from '../../options/read.js'
import { copyColumns } from '../problem/function-model.js'
import { type FitReason, fitReasons } from '../problem/reasons.js'
import { triangleIndex } from '../programs/ldlt.js'
import { hasBit } from '../solve/fit-context.js'
import { type BandOptions, bandTable } from '../uncertainty/bands.js'
import { FitView } from '../uncertainty/fit-view.js'
import type { RequestedColumns } from '../uncertainty/linearize.js'
import { isDegenerate } from './degenerate.js'
import type { DistributionName } from './families.js'
import { predictionBand } from './prediction.js'
import { computeResiduals, type ResidualKind, type ResidualOptions } from './residuals.js'
import type { LikelihoodFits, LikelihoodSource } from './source.js'

export const likelihoodMessages: Readonly<Record<FitReason, string>> = {
  converged: '',
  stalled: 'stalled: no step lowers −2 log L, although its gradient is not small',
  'max-iterations': 'stopped at maxIterations',
  'not-finite': '−2 log L is not finite at the start: a number is missing, or the model overflows',
  singular: 'the observed information is singular: the data do not determine all parameters',
  'too-few-points': 'fewer rows than free parameters',
}

/** Values and standard errors of all parameters, as columns with one number per fit. */
export interface EstimateColumns {
  readonly values: Readonly<Record<string, Float64Array>>
  readonly errors: Readonly<Record<string, Float64Array>>
}

/** Result of one fit with a distribution, or of one group of a fit with shared parameters. */
export abstract class LikelihoodView<Names extends string = string> extends FitView<Names> {
  /** −2 log L at the estimates, with all constants of the density. */
  declare readonly minus2LogLikelihood: number
  /** Number of rows dropped by the option `missing`. */
  declare readonly droppedRows: number
  /** Number of rows in use whose value is censored. */
  declare readonly censoredRows: number
  /** Names of the free parameters that ended at a bound. Their standard errors are NaN. */
  declare readonly atBound: readonly Names[]
  /** Names of the free parameters that the data do not determine. */
  declare readonly unidentifiable: readonly Names[]
  /** Name of the distribution. */
  declare readonly distribution: DistributionName
  readonly #source: LikelihoodSource

  /** @internal */
  constructor(columns: EstimateColumns, source: LikelihoodSource) {
    const { run, fit } = source
    const { solutions, likelihood, data, starts, parameters, selection } = run
    const { problem, family } = likelihood
    const free = problem.free as readonly Names[]
    const entry = (i: number, j: number) => solutions.covariance[triangleIndex(i, j)][fit]
    const atBound = free.filter((_, i) => hasBit(solutions.atBound, fit, i))
    const n = selection.observations[fit]
    const estimates = {
      values: mapRecord(columns.values, (column) => column[fit]) as Record<Names, number>,
      errors: mapRecord(columns.errors, (column) => column[fit]) as Record<Names, number>,
      free,
      chiSquared: solutions.cost[fit],
      observations: n,
      reason: fitReasons[solutions.reason[fit]] as FitReason,
    }
    const degreesOfFreedom = n - free.length + atBound.length
    super(estimates, {
      covariance: () => free.map((_, i) => free.map((_, j) => entry(i, j))),
      distribution: { isAbsolute: true, degreesOfFreedom, variance: 1, parameters },
      parts: () => [{ context: { problem, data, starts, weightAt: null, solved: solutions }, index: fit }],
    })
    this.#source = source
    this.minus2LogLikelihood = solutions.cost[fit]
    this.droppedRows = selection.droppedRows[fit]
    this.censoredRows = countCensored(run, fit)
    this.atBound = atBound
    this.unidentifiable = free.filter((_, i) => hasBit(solutions.unidentifiable, fit, i))
    this.distribution = family.name
  }

  /** Explanation of `reason`, and warnings. The message is empty if the fit has converged without warnings. */
  get message(): string {
    const { atBound, droppedRows } = this
    const held = atBound.length > 0 ? `${atBound.join(', ')} held at a bound, and counted as fixed` : ''
    const dropped = droppedRows > 0 ? `${plural(droppedRows, 'row')} with missing values left out` : ''
    return joinTexts(remarkOf(this.reason, this.#source) || likelihoodMessages[this.reason], held, dropped)
  }

  /**
   * Lower and upper limits of a band around `predict(at)`. The band 'confidence' of the curve uses the delta method.
   * The band 'prediction' contains a new observation with the probability `level`: its limits are quantiles of the
   * distribution at the estimates. For normal, log-normal and Student's distributions, the variance of the curve is
   * added to σ².
   *
   * @param at columns of the model and of the distribution, as for `predict`
   * @throws OptionError if `at` or an option is invalid
   */
  override band(
    at?: RequestedColumns,
    options: BandOptions = {},
  ): { readonly low: Float64Array; readonly high: Float64Array } {
    const { level, kind } = readOptions('options', options, bandTable)
    if (kind === 'confidence') return super.band(at, { level })
    return predictionBand(this.#source, at, level)
  }

  /**
   * Residuals of all rows in use.
   *
   * @param kind 'pearson' for (y − mean)/standard deviation; 'deviance' for the signed root of the row's deviance;
   * 'quantile' for Φ⁻¹(F(y)), which is standard normal if the distribution is right. For counts, quantile residuals are
   * randomized within the step of F (Dunn and Smyth, 1996), and a censored row draws from the probability of its limit.
   * @throws OptionError if the kind is unknown, or if the seed is not an integer
   */
  residualsOf(kind: ResidualKind, options: ResidualOptions = {}): Float64Array {
    if (!['pearson', 'deviance', 'quantile'].includes(kind))
      throw new OptionError('kind', "'pearson', 'deviance' or 'quantile'", kind)
    return computeResiduals(this.#source, kind, options)
  }
}

/** Explanation of a σ that vanishes, or of a model of differential equations that has no value at the start. */
function remarkOf(reason: FitReason, source: LikelihoodSource): string {
  if (reason === 'singular' && isDegenerate(source))
    return '−2 log L falls without limit, because σ of a row shrinks to rounding errors'
  if (reason !== 'not-finite') return ''
  const { run, fit } = source
  const { functionModel } = run.likelihood.problem
  const start = mapRecord(Object.fromEntries(run.starts), (column) => column[fit])
  return functionModel?.exact?.remark(start, copyColumns(functionModel.data, fit)) ?? ''
}

function countCensored({ likelihood: { below, above }, selection }: LikelihoodFits, fit: number): number {
  const marks = [below, above].flatMap((name) => {
    const column = selection.columns.get(name ?? '') as DataColumn | undefined
    return column ? [numbersInRun(column, fit)] : []
  })
  let count = 0
  for (let row = 0; row < (marks[0]?.length ?? 0); row++) if (marks.some((mark) => mark[row] !== 0)) count++
  return count
}
