/** Results of fits by likelihood of groups that share parameters. */

import { checkIndex } from '../../core/errors.js'
import { joinTexts, plural, toPrintable } from '../../core/text.js'
import type { EngineName } from '../../engines/engine.js'
import { elementary } from '../../functions/index.js'
import { type FitReason, fitReasons } from '../problem/reasons.js'
import { type GroupLabel, type SharedParameterValues, sharedName } from '../problem/shared-parameters.js'
import { likelihoodResults } from '../solve/distribution.js'
import { parameterColumns } from '../uncertainty/estimates.js'
import { sharedIntervals } from '../uncertainty/shared-intervals.js'
import { multiplyHalves } from './arrowhead.js'
import type { DistributionName } from './families.js'
import { analyzeGroup, analyzeShared } from './shared-analysis.js'
import type { SharedLikelihoodFits } from './shared-source.js'
import { valuesByRole } from './shared-values.js'
import { type EstimateColumns, LikelihoodView, likelihoodMessages } from './view.js'

const { exp, log } = elementary('float64')

/** Result of a fit with a distribution in which groups of rows share parameters. */
export class SharedLikelihoodFit {
  /** Labels of the groups, in order of appearance. */
  readonly groups: readonly GroupLabel[]
  /** Labels of the subsets of groups that share one value of a parameter, by parameter name. */
  readonly subsetLabels: Readonly<Record<string, readonly GroupLabel[]>>
  /** Maximum-likelihood estimates of the free parameters. */
  readonly values: SharedParameterValues
  /** Standard errors from the observed information of all groups together. See {@link LikelihoodFit.errors}. */
  readonly errors: SharedParameterValues
  /** −2 log L of all groups at the estimates, with all constants of the density. */
  readonly minus2LogLikelihood: number
  /** Akaike information criterion: −2 log L + 2·p, for p free parameters of all groups that are not at a bound. */
  readonly aic: number
  /** Bayesian information criterion: −2 log L + log(n)·p. */
  readonly bic: number
  /** Count of rows in use in all groups that take part. */
  readonly observations: number
  /** Count of rows that were dropped because of a missing value. */
  readonly droppedRows: number
  /** Count of observations minus count of free parameters that are not at a bound. */
  readonly degreesOfFreedom: number
  /** Number of evaluations of −2 log L and its derivatives. */
  readonly evaluations: number
  /** Decrease of −2 log L that the next Newton step would bring. See {@link LikelihoodFit.predictedDecrease}. */
  readonly predictedDecrease: number
  /**
   * Reason why the fit ended. The reason concerns the shared parameters. A group that does not determine its local
   * parameters has a `reason` of its own: see {@link SharedLikelihoodFit.at}.
   */
  readonly reason: FitReason
  /** Name of the distribution. */
  readonly distribution: DistributionName
  readonly engine: EngineName
  readonly engineReasons: readonly string[]
  readonly #fits: SharedLikelihoodFits
  readonly #columns: EstimateColumns

  static {
    const { get } = likelihoodResults
    likelihoodResults.get = (found) => (#fits in found ? analyzeShared(found, found.#fits) : get(found))
  }

  /** @internal */
  constructor(fits: SharedLikelihoodFits) {
    this.#fits = fits
    const { base, solution, labels, places, isActive } = fits
    const { solutions, selection, likelihood, choice, starts, parameters, count } = base
    const { problem } = likelihood
    this.#columns = parameterColumns({ problem, solved: solutions, starts, parameters }, count)
    this.groups = labels
    this.subsetLabels = Object.fromEntries(places.sharedBy)
    this.values = valuesByRole(fits, this.#columns.values)
    this.errors = valuesByRole(fits, this.#columns.errors)
    const cost = solution.value
    const varying = this.#varying()
    const p = varying.size - solution.atBound.size
    const n = selection.observations.reduce((all, rows, g) => all + rows * isActive[g], 0)
    this.minus2LogLikelihood = cost
    this.aic = cost + 2 * p
    this.bic = cost + log(n) * p
    this.observations = n
    this.droppedRows = selection.droppedRows.reduce((all, rows) => all + rows, 0)
    this.degreesOfFreedom = n - p
    this.evaluations = solution.evaluations
    this.predictedDecrease = solution.decrement
    this.reason = fitReasons[solution.reason] as FitReason
    this.distribution = likelihood.family.name
    this.engine = choice.engine
    this.engineReasons = choice.reasons
  }

  /** Count of groups. */
  get length(): number {
    return this.groups.length
  }

  /**
   * Names of the shared parameters, in the order of `covariance`. The name of a parameter of a subset is followed by
   * the label of the subset in brackets.
   */
  get shared(): string[] {
    return this.#fits.places.joint.map(sharedName)
  }

  /** Covariance matrix of the shared parameters, as an array of rows. */
  get covariance(): number[][] {
    const { solution, places } = this.#fits
    const halves = places.joint.map((_, k) => solution.inverse?.half(new Map([[k, 1]])) ?? null)
    const scale = places.joint.map(({ parameter: { isLogarithmic } }, k) =>
      isLogarithmic ? exp(solution.x[k]) : 1,
    )
    return halves.map((u, i) => halves.map((v, j) => 2 * multiplyHalves(u, v) * scale[i] * scale[j]))
  }

  /** Names of the parameters that ended at a bound. All other results treat them as fixed. */
  get atBound(): string[] {
    return this.#namesOf(this.#fits.solution.atBound)
  }

  /** Names of the parameters that the data do not determine. */
  get unidentifiable(): string[] {
    return this.#namesOf(this.#fits.solution.unidentifiable)
  }

  /** Explanation of `reason`, and warnings. The message is empty if the fit has converged without warnings. */
  get message(): string {
    const { labels, isActive, solution } = this.#fits
    const list = (names: readonly string[]) => {
      const first = names.slice(0, 5).map(toPrintable).join(', ')
      return names.length <= 5 ? first : `${first} and ${names.length - 5} more`
    }
    const named = (some: readonly GroupLabel[]) => list(some.map(String))
    const [held, open, few] = [this.atBound, this.unidentifiable, labels.filter((_, g) => isActive[g] === 0)]
    const failed = solution.failedGroup < 0 ? '' : ` (group ${named([labels[solution.failedGroup]])})`
    const why = likelihoodMessages[this.reason]
    return joinTexts(
      why && `${why}${failed}`,
      open.length > 0 ? `the data do not determine ${list(open)}` : '',
      held.length > 0 ? `${list(held)} held at a bound, and counted as fixed` : '',
      few.length > 0 ? `left out for fewer rows than local parameters: ${named(few)}` : '',
      this.droppedRows > 0 ? `${plural(this.droppedRows, 'row')} with missing values left out` : '',
    )
  }

  /**
   * Result of one group.
   *
   * @param group index of the group in `groups`
   */
  at(group: number): LikelihoodGroup {
    checkIndex('group', group, this.length)
    return new LikelihoodGroup(this.#columns, group, this.#fits)
  }

  /**
   * Lower and upper endpoints of the confidence intervals of all parameters: value ± z·error, with normal quantiles.
   *
   * @param level confidence level between 0 and 1; default 0.95
   * @throws OptionError if the level is not between 0 and 1
   */
  intervals(level = 0.95): { readonly low: SharedParameterValues; readonly high: SharedParameterValues } {
    const { values, errors, degreesOfFreedom } = this
    const { parameters } = this.#fits.base
    return sharedIntervals(values, errors, { isAbsolute: true, degreesOfFreedom, parameters }, level)
  }

  /** Places of the parameters of the groups that take part. */
  #varying(): Set<number> {
    const { layout, isActive, free } = this.#fits
    const places = layout.places.flatMap((own, g) =>
      own.filter((_, i) => isActive[g] === 1 && free[i].min < free[i].max),
    )
    return new Set(places)
  }

  #namesOf(found: ReadonlySet<number>): string[] {
    const { layout, isLocal, free, labels } = this.#fits
    const own = layout.places.flatMap((places, g) =>
      places.flatMap((place, i) => (isLocal[i] && found.has(place) ? [`${free[i].name}[${labels[g]}]`] : [])),
    )
    return [...this.shared.filter((_, k) => found.has(k)), ...own]
  }
}

/** Result of one group of a fit with a distribution in which groups share parameters. */
export class LikelihoodGroup<Names extends string = string> extends LikelihoodView<Names> {
  /** Label of the group. */
  readonly label: GroupLabel
  readonly #source: { readonly fits: SharedLikelihoodFits; readonly group: number }

  static {
    const { get } = likelihoodResults
    likelihoodResults.get = (found) => (#source in found ? analyzeGroup(found.#source) : get(found))
  }

  /** @internal */
  constructor(columns: EstimateColumns, group: number, fits: SharedLikelihoodFits) {
    super(columns, { run: fits.base, fit: group })
    this.label = fits.labels[group]
    this.#source = { fits, group }
  }
}
