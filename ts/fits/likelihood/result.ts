/** Results of fits by likelihood. */

import { checkIndex } from '../../core/errors.js'
import type { EngineName } from '../../engines/engine.js'
import { elementary } from '../../functions/index.js'
import { likelihoodResults } from '../solve/distribution.js'
import { hasBit } from '../solve/fit-context.js'
import { parameterColumns } from '../uncertainty/estimates.js'
import { analyzeFit, analyzeFits } from './analysis.js'
import type { DistributionName } from './families.js'
import type { LikelihoodFits, LikelihoodSource } from './source.js'
import { LikelihoodView } from './view.js'

const { log } = elementary('float64')

type Columns<Names extends string> = Readonly<Record<Names, Float64Array>>

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
export class LikelihoodFit<Names extends string = string> extends LikelihoodView<Names> {
  /** Akaike information criterion: −2 log L + 2·p, for p free parameters that are not at a bound. */
  declare readonly aic: number
  /** Bayesian information criterion: −2 log L + log(n)·p. */
  declare readonly bic: number
  /** Number of observations minus the number of free parameters that are not at a bound. */
  declare readonly degreesOfFreedom: number
  /** Number of evaluations of −2 log L and its derivatives. */
  declare readonly evaluations: number
  /**
   * Decrease of −2 log L that the next Newton step would bring. The estimates are then about its square root standard
   * errors away from the minimum, which certifies that a fit has converged. NaN if the information is singular.
   */
  declare readonly predictedDecrease: number
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
    super(all, { run, fit })
    const { minus2LogLikelihood: cost, observations: n, free, atBound } = this
    const p = free.length - atBound.length
    this.#source = { run, fit }
    this.aic = cost + 2 * p
    this.bic = cost + log(n) * p
    this.degreesOfFreedom = n - p
    this.evaluations = all.evaluations[fit]
    this.predictedDecrease = run.solutions.decrement[fit]
    this.engine = all.engine
    this.engineReasons = all.engineReasons
  }
}
