/** Comparison of fits by likelihood. */

import { ArgumentError } from '../../core/errors.js'
import { plural } from '../../core/text.js'
import { isObject } from '../../core/untrusted-input.js'
import { elementary } from '../../functions/index.js'
import { numbersInRun } from '../../many/batch/data.js'
import { type LikelihoodAnalysis, likelihoodResults } from '../solve/distribution.js'
import { fSurvival } from '../uncertainty/f-distribution.js'
import type { LikelihoodFits, LikelihoodNumbers } from './source.js'

const { exp } = elementary('float64')

/** Comparison of two fits by likelihood of the same data. Differences are values of b minus values of a. */
export interface LikelihoodComparison {
  readonly deltaAic: number
  readonly deltaBic: number
  /** Difference of the corrected criterion AICc = AIC + 2·p·(p + 1)/(n − p − 1). */
  readonly deltaAicc: number
  /** Probability of b, instead of a, to be the better model, from AICc. */
  readonly akaikeWeight: number
  /** Likelihood-ratio statistic: −2 log L of the model with fewer parameters minus −2 log L of the other one. */
  readonly statistic: number
  /** Difference of the numbers of free parameters. */
  readonly degreesOfFreedom: number
  /** p-value of the likelihood-ratio test (χ²). NaN unless the option `nested` is true and the numbers differ. */
  readonly pValue: number
}

/** A fit by likelihood in a ranking. */
export interface RankedLikelihood {
  /** Index of the fit in the array of fits. */
  readonly index: number
  readonly parameters: number
  readonly minus2LogLikelihood: number
  readonly aicc: number
  readonly bic: number
  /** Difference of AICc to the first model. */
  readonly deltaAicc: number
  /** Probability of the model to be the best one, from AICc. */
  readonly akaikeWeight: number
}

/** A result with its fit, or with the fits of its groups. */
export interface ComparedLikelihood {
  readonly result: LikelihoodNumbers
  readonly run: LikelihoodFits
  readonly fits: readonly number[]
}

/** The analyses of a fit that know its result. */
interface ComparingAnalysis extends Pick<LikelihoodAnalysis, 'compare' | 'rank'> {
  readonly compared: ComparedLikelihood
}

/** The comparisons of a fit with others of its kind. */
export function comparisons(compared: ComparedLikelihood): ComparingAnalysis {
  return {
    compared,
    compare: (other, isNested) => compareLikelihoods(compared, toCompared(other, 'b'), isNested),
    rank: (fits) => rankLikelihoods(fits.map((fit, k) => toCompared(fit, `fits[${k}]`))),
  }
}

/** @throws ArgumentError if the value is neither one fit with a distribution, nor a fit of groups with one */
function toCompared(given: unknown, argument: string): ComparedLikelihood {
  const analysis = isObject(given) ? likelihoodResults.get(given) : undefined
  if (analysis === undefined || !('compared' in analysis))
    throw new ArgumentError(argument, 'a fit with a distribution, like a', given)
  return (analysis as LikelihoodAnalysis & ComparingAnalysis).compared
}

/** Number of free parameters that are not at a bound. */
const parametersOf = ({ observations, degreesOfFreedom }: LikelihoodNumbers) =>
  observations - degreesOfFreedom

function aiccOf(result: LikelihoodNumbers): number {
  const [p, n] = [parametersOf(result), result.observations]
  return n > p + 1 ? result.aic + (2 * p * (p + 1)) / (n - p - 1) : NaN
}

/** @throws ArgumentError if the fits have different responses, or if restricted likelihoods have different models */
function checkSameData(a: ComparedLikelihood, b: ComparedLikelihood, argument: string): void {
  const responses = ({ run, fits }: ComparedLikelihood) => {
    const column = run.selection.columns.get(run.likelihood.problem.y)
    return fits.map((fit) => (column ? numbersInRun(column, fit) : new Float64Array()))
  }
  const [left, right] = [responses(a), responses(b)]
  if (left.length !== right.length)
    throw new ArgumentError(
      argument,
      `a fit of ${plural(left.length, 'group')}`,
      plural(right.length, 'group'),
    )
  for (const [k, own] of left.entries())
    if (own.length !== right[k].length || own.some((y, row) => y !== right[k][row]))
      throw new ArgumentError(argument, 'a fit of the same response', 'a fit of other rows')
  const [one, other] = [a.run.likelihood, b.run.likelihood]
  const isRestricted = one.isRestricted || other.isRestricted
  const isSame = one.isRestricted === other.isRestricted && one.problem.text === other.problem.text
  if (isRestricted && !isSame)
    throw new ArgumentError(argument, "the same model, because estimate is 'reml'", 'a fit of another model')
}

function compareLikelihoods(
  a: ComparedLikelihood,
  b: ComparedLikelihood,
  isNested: boolean,
): LikelihoodComparison {
  checkSameData(a, b, 'b')
  const [p, q] = [parametersOf(a.result), parametersOf(b.result)]
  const difference = a.result.minus2LogLikelihood - b.result.minus2LogLikelihood
  const statistic = q >= p ? difference : -difference
  const degreesOfFreedom = Math.abs(q - p)
  const deltaAicc = aiccOf(b.result) - aiccOf(a.result)
  const canTest = isNested && degreesOfFreedom > 0
  return {
    deltaAic: b.result.aic - a.result.aic,
    deltaBic: b.result.bic - a.result.bic,
    deltaAicc,
    akaikeWeight: 1 / (1 + exp(deltaAicc / 2)),
    statistic,
    degreesOfFreedom,
    pValue: canTest ? fSurvival(Math.max(statistic, 0) / degreesOfFreedom, degreesOfFreedom, Infinity) : NaN,
  }
}

function rankLikelihoods(fits: readonly ComparedLikelihood[]): RankedLikelihood[] {
  for (const [k, fit] of fits.entries()) if (k > 0) checkSameData(fits[0], fit, `fits[${k}]`)
  const aicc = fits.map(({ result }) => aiccOf(result))
  const order = [...fits.keys()].sort((a, b) => {
    const [x, y] = [a, b].map((k) => (Number.isNaN(aicc[k]) ? Infinity : aicc[k]))
    return x === y ? a - b : x < y ? -1 : 1
  })
  const weights = aicc.map((value) => exp((aicc[order[0]] - value) / 2))
  const sum = weights.reduce((all, w) => all + (Number.isNaN(w) ? 0 : w), 0)
  return order.map((index) => {
    const { result } = fits[index]
    return {
      index,
      parameters: parametersOf(result),
      minus2LogLikelihood: result.minus2LogLikelihood,
      aicc: aicc[index],
      bic: result.bic,
      deltaAicc: aicc[index] - aicc[order[0]],
      akaikeWeight: weights[index] / sum,
    }
  })
}
