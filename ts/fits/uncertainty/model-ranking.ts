/** Ranks any number of models that were fitted to the same data. */

import { elementary } from '../../functions/index.js'
import {
  type ComparedFit,
  type Comparison,
  checkComparable,
  computeAicc,
  parameterCount,
} from './comparison.js'

const { exp, log } = elementary('float64')

/** A model in a ranking by AICc. */
export interface RankedModel {
  /** Index of the model's fit in the array of fits. */
  readonly index: number
  /** Number of free parameters that are not at a bound. */
  readonly parameters: number
  readonly chiSquared: number
  /** Corrected Akaike information criterion. See {@link Comparison.aicc}. */
  readonly aicc: number
  /**
   * Bayesian information criterion: n·log(χ²/n) + log(n)·p, or χ² + log(n)·p if σ is known or the data are counts. The
   * number n counts the observations, and p the parameters.
   */
  readonly bic: number
  /** Difference of AICc to the first model. */
  readonly deltaAicc: number
  /** Probability of the model to be the best of all models with AICc. The sum over these models is 1. */
  readonly akaikeWeight: number
  /** Comparison of the first model (a) with this model (b), or null for the first model. */
  readonly comparison: Comparison | null
}

/**
 * Ranks models by AICc. Models without AICc come last.
 *
 * @param compare compares the models at two indices
 * @throws ArgumentError if the fits cannot be compared
 */
export function rankModels(
  fits: readonly ComparedFit[],
  compare: (a: number, b: number) => Comparison,
): RankedModel[] {
  const [first, ...others] = fits
  for (const [k, { parts }] of others.entries()) {
    for (const [i, part] of first.parts.entries())
      if (parts[i]) checkComparable(part, parts[i], ` in part ${i}`, ['fits[0]', `fits[${k + 1}]`])
  }
  const aicc = fits.map(computeAicc)
  const order = [...fits.keys()].sort((a, b) => {
    const [x, y] = [aicc[a], aicc[b]].map((value) => (Number.isNaN(value) ? Infinity : value))
    return x === y ? a - b : x < y ? -1 : 1
  })
  const [best] = order
  const likelihoods = aicc.map((value) => (value === aicc[best] ? 1 : exp((aicc[best] - value) / 2)))
  const sum = likelihoods.reduce((all, one) => all + (Number.isNaN(one) ? 0 : one), 0)
  return order.map((index) => {
    const { observations, chiSquared } = fits[index].result
    const parameters = parameterCount(fits[index])
    const isKnown = fits[index].parts[0].context.isAbsolute
    const misfit = isKnown ? chiSquared : observations * log(chiSquared / observations)
    return {
      index,
      parameters,
      chiSquared,
      aicc: aicc[index],
      bic: misfit + log(observations) * parameters,
      deltaAicc: aicc[index] - aicc[best],
      akaikeWeight: likelihoods[index] / sum,
      comparison: index === best ? null : compare(best, index),
    }
  })
}
