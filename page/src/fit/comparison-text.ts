/** The sentence on a comparison of two models. */

import type { Comparison } from 'antigrad/fit'
import { formatNumber } from '../dom.js'
import { formatP } from './verdict.js'

/** Maximum p-value at which the larger of two nested models counts as better. */
const MAX_P = 0.05

export type ComparisonNumbers = Pick<Comparison, 'pValue' | 'aicc' | 'fullModel'>

/** A sentence such as 'The biexponential describes these data better: p = 0.003, AICc lower by 7.1.' */
export function describeComparison(
  { pValue, aicc, fullModel }: ComparisonNumbers,
  names: readonly [string, string],
): string {
  const difference = aicc[0] - aicc[1]
  const by = `AICc lower by ${formatNumber(Math.abs(difference), 2)}`
  const better = names[difference > 0 ? 1 : 0]
  if (fullModel === null || Number.isNaN(pValue))
    return Math.abs(difference) < 2
      ? `Both models describe these data about equally well: ${by} for ${better}.`
      : `The ${better} describes these data better: ${by}.`
  const full = names[fullModel === 'a' ? 0 : 1]
  const p = `p ${formatP(pValue)}`
  const isFullBetter = fullModel === 'a' ? difference < 0 : difference > 0
  if (pValue < MAX_P && isFullBetter) return `The ${full} describes these data better: ${p}, ${by}.`
  if (pValue >= MAX_P && !isFullBetter)
    return `The ${full} is not needed: ${p}, ${by} for the simpler ${better}.`
  return `The data do not decide between the models: ${p}, but ${by} for ${better}.`
}
