/** Results of fits by likelihood. */

import { checkIndex, OptionError } from '../../core/errors.js'
import { joinTexts, plural } from '../../core/text.js'
import { mapRecord } from '../../core/untrusted-input.js'
import type { EngineName } from '../../engines/engine.js'
import { elementary } from '../../functions/index.js'
import { type DataColumn, numbersInRun } from '../../many/batch/data.js'
import { readOptions } from '../../options/read.js'
import { type FitReason, fitReasons } from '../problem/reasons.js'
import { triangleIndex } from '../programs/ldlt.js'
import { likelihoodResults } from '../solve/distribution.js'
import { hasBit } from '../solve/fit-context.js'
import { type BandOptions, bandTable } from '../uncertainty/bands.js'
import { parameterColumns } from '../uncertainty/estimates.js'
import { FitView } from '../uncertainty/fit-view.js'
import type { RequestedColumns } from '../uncertainty/linearize.js'
import { analyzeFit, analyzeFits } from './analysis.js'
import type { DistributionName } from './families.js'
import { predictionBand } from './prediction.js'
import { computeResiduals, type ResidualKind, type ResidualOptions } from './residuals.js'
import type { LikelihoodFits, LikelihoodSource } from './source.js'

const { log } = elementary('float64')

type Columns<Names extends string> = Readonly<Record<Names, Float64Array>>

const MESSAGES: Readonly<Record<FitReason, string>> = {
  converged: '',
  stalled: 'stalled: no step lowers −2 log L, although its gradient is not small',
  'max-iterations': 'stopped at maxIterations',
  'not-finite': '−2 log L is not finite at the start: a number is missing, or the model overflows',
  singular: 'the observed information is singular: the data do not determine all parameters',
  'too-few-points': 'fewer rows than free parameters',
}

/** Results of `fitMany` with a distribution. Each quantity is a column with one number per fit. */
export class LikelihoodResult<Names extends string = string> {
  /** Maximum-likelihood estimates of all parameters, including fixed ones, and of derived quantities. */
  declare readonly values: Columns<Names>
  /** Standard errors from the observed information. See {@link LikelihoodFit.errors}. */
  declare readonly errors: Columns<Names>
  /** −2 log L at the estimates, with all constants of the density. */
  declare readonly minus2LogLikelihood: Float64Array
  /** Number of rows in use. */
  declare readonly observations: Uint32Array
  /** Number of rows dropped by the option `missing`. */
  declare readonly droppedRows: Uint32Array
  /** Number of evaluations of −2 log L and its derivatives. */
  declare readonly evaluations: Uint32Array
  /** Reasons why the fits ended, as indices into `fitReasons`. */
  declare readonly reason: Uint8Array
  /** Names of the free parameters, in the order of the rows and columns of covariances. */
  declare readonly free: readonly Names[]
  /** Name of the distribution. */
  declare readonly distribution: DistributionName
  /** The engine that ran the fits. */
  declare readonly engine: EngineName
  /** Reasons for the choice of the engine. */
  declare readonly engineReasons: readonly string[]
  readonly #run: LikelihoodFits

  static {
    const { get } = likelihoodResults
    likelihoodResults.get = (found) => (#run in found ? analyzeFits(found.#run) : get(found))
  }

  /** @internal */
  constructor(run: LikelihoodFits) {
    this.#run = run
    const { solutions, selection, likelihood, choice, starts, parameters, count } = run
    const { problem, family } = likelihood
    Object.assign(this, parameterColumns({ problem, solved: solutions, starts, parameters }, count), {
      minus2LogLikelihood: solutions.cost,
      observations: selection.observations,
      droppedRows: selection.droppedRows,
      evaluations: solutions.evaluations,
      reason: solutions.reason,
      free: problem.free,
      distribution: family.name,
      engine: choice.engine,
      engineReasons: choice.reasons,
    })
  }

  /** Number of fits. */
  get length(): number {
    return this.observations.length
  }

  /** Akaike information criterion: −2 log L + 2·p, for p free parameters that are not at a bound. */
  get aic(): Float64Array {
    return this.minus2LogLikelihood.map((cost, fit) => cost + 2 * this.#parameterCount(fit))
  }

  /** Bayesian information criterion: −2 log L + log(n)·p. */
  get bic(): Float64Array {
    return this.minus2LogLikelihood.map(
      (cost, fit) => cost + log(this.observations[fit]) * this.#parameterCount(fit),
    )
  }

  /** The full result of the fit at the index `fit`. */
  at(fit: number): LikelihoodFit<Names> {
    checkIndex('fit', fit, this.length)
    return new LikelihoodFit(this, fit, this.#run)
  }

  #parameterCount(fit: number): number {
    return this.free.filter((_, i) => !hasBit(this.#run.solutions.atBound, fit, i)).length
  }
}

/** The result of one fit with a distribution. */
export class LikelihoodFit<Names extends string = string> extends FitView<Names> {
  /** −2 log L at the estimates, with all constants of the density. */
  declare readonly minus2LogLikelihood: number
  /** Akaike information criterion: −2 log L + 2·p, for p free parameters that are not at a bound. */
  declare readonly aic: number
  /** Bayesian information criterion: −2 log L + log(n)·p. */
  declare readonly bic: number
  /** Number of observations minus the number of free parameters that are not at a bound. */
  declare readonly degreesOfFreedom: number
  /** Number of rows dropped by the option `missing`. */
  declare readonly droppedRows: number
  /** Number of rows in use whose value is censored. */
  declare readonly censoredRows: number
  /** Number of evaluations of −2 log L and its derivatives. */
  declare readonly evaluations: number
  /**
   * Decrease of −2 log L that the next Newton step would bring. The estimates are then about its square root standard
   * errors away from the minimum, which certifies that a fit has converged. NaN if the information is singular.
   */
  declare readonly predictedDecrease: number
  /** Names of the free parameters that ended at a bound. Their standard errors are NaN. */
  declare readonly atBound: readonly Names[]
  /** Names of the free parameters that the data do not determine. */
  declare readonly unidentifiable: readonly Names[]
  /** Name of the distribution. */
  declare readonly distribution: DistributionName
  /** The engine that ran the fit. */
  declare readonly engine: EngineName
  /** Reasons for the choice of the engine. */
  declare readonly engineReasons: readonly string[]
  readonly #source: LikelihoodSource

  static {
    const { get } = likelihoodResults
    likelihoodResults.get = (found) => (#source in found ? analyzeFit(found, found.#source) : get(found))
  }

  /** @internal */
  constructor(all: LikelihoodResult<Names>, fit: number, run: LikelihoodFits) {
    const { solutions, likelihood, data, starts, parameters } = run
    const { problem } = likelihood
    const entry = (i: number, j: number) => solutions.covariance[triangleIndex(i, j)][fit]
    const atBound = all.free.filter((_, i) => hasBit(solutions.atBound, fit, i))
    const p = all.free.length - atBound.length
    const n = all.observations[fit]
    const cost = all.minus2LogLikelihood[fit]
    const estimates = {
      values: mapRecord(all.values, (column) => column[fit]),
      errors: mapRecord(all.errors, (column) => column[fit]),
      free: all.free,
      chiSquared: cost,
      observations: n,
      reason: fitReasons[all.reason[fit]] as FitReason,
    }
    super(estimates, {
      covariance: () => all.free.map((_, i) => all.free.map((_, j) => entry(i, j))),
      distribution: { isAbsolute: true, degreesOfFreedom: n - p, variance: 1, parameters },
      parts: () => [{ context: { problem, data, starts, weightAt: null, solved: solutions }, index: fit }],
    })
    this.#source = { run, fit }
    this.minus2LogLikelihood = cost
    this.aic = cost + 2 * p
    this.bic = cost + log(n) * p
    this.degreesOfFreedom = n - p
    this.droppedRows = all.droppedRows[fit]
    this.censoredRows = countCensored(run, fit)
    this.evaluations = all.evaluations[fit]
    this.predictedDecrease = solutions.decrement[fit]
    this.atBound = atBound
    this.unidentifiable = all.free.filter((_, i) => hasBit(solutions.unidentifiable, fit, i))
    this.distribution = all.distribution
    this.engine = all.engine
    this.engineReasons = all.engineReasons
  }

  /** Explanation of `reason`, and warnings. The message is empty if the fit has converged without warnings. */
  get message(): string {
    const { atBound, droppedRows } = this
    const held = atBound.length > 0 ? `${atBound.join(', ')} held at a bound, and counted as fixed` : ''
    const dropped = droppedRows > 0 ? `${plural(droppedRows, 'row')} with missing values left out` : ''
    return joinTexts(MESSAGES[this.reason], held, dropped)
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

function countCensored({ likelihood: { below, above }, selection }: LikelihoodFits, fit: number): number {
  const marks = [below, above].flatMap((name) => {
    const column = selection.columns.get(name ?? '') as DataColumn | undefined
    return column ? [numbersInRun(column, fit)] : []
  })
  let count = 0
  for (let row = 0; row < (marks[0]?.length ?? 0); row++) if (marks.some((mark) => mark[row] !== 0)) count++
  return count
}
