/** `studentizedResiduals`: leverages, and residuals in units of their standard deviations. */

import { ArgumentError } from '../../core/errors.js'
import { type DataColumn, rowsInRun } from '../../many/batch/data.js'
import type { Fit } from '../fit/result.js'
import type { SharedGroup } from '../shared/group.js'
import { groupSources } from '../shared/result-source.js'
import { computeErrorScale, getVariance } from '../solve/fit-context.js'
import { fitSources } from '../solve/result-source.js'
import { linearizeCached } from '../uncertainty/linearize.js'
import { rowsInUse } from '../uncertainty/rows-in-use.js'
import { readResponse, reduceChiSquared } from '../uncertainty/statistics.js'
import { checkResult } from './computation.js'

/** Leverages and studentized residuals, one number per row. The numbers of rows that are not in use are NaN. */
export interface StudentizedResiduals {
  /** Leverage h of the row: the derivative of the fitted value with respect to y. The sum is the number of parameters. */
  readonly leverages: Float64Array
  /** Internally studentized residuals √w·(y − f)/(s·√(1 − h)), where s² is the reduced χ², or 1 if σ is known. */
  readonly internal: Float64Array
  /**
   * Externally studentized residuals, in which s² is estimated without the row. In a linear model with normal errors
   * they have Student's t distribution with one degree of freedom less than the fit. If σ is known, they equal the
   * internal ones.
   */
  readonly external: Float64Array
}

/**
 * Computes leverages and studentized residuals (Cook and Weisberg, 1982) of the linearized model.
 *
 * @param found a result of `fit`, `fitMany(…).at(k)` or `fitShared(…).at(k)` with the loss 'squared'
 * @throws ArgumentError if the fit has another loss, a covariance of y or several responses
 * @example
 * const { external } = studentizedResiduals(found)
 */
export function studentizedResiduals(found: Fit | SharedGroup): StudentizedResiduals {
  checkResult(found, 'a result of fit, or a group of fitShared', fitSources, groupSources)
  const source = fitSources.get(found)
  const contexts = source ? [source.context] : (groupSources.get(found)?.contexts() ?? [])
  const [context] = contexts
  const index = source?.index ?? 0
  const { problem, isAbsolute, solved, data } = context
  if (contexts.length !== 1) throw new ArgumentError('found', 'a group with one response', contexts.length)
  if (context.whitened) throw new ArgumentError('found', 'a fit without a covariance of y', 'a covariance')
  if (problem.loss !== 'squared')
    throw new ArgumentError('found', "a fit with the loss 'squared'", problem.loss)

  const { cost, degreesOfFreedom } = computeErrorScale(context, index)
  const variance = isAbsolute ? 1 : reduceChiSquared(cost, degreesOfFreedom)
  const { curve, gradient } = linearizeCached(context, index)
  const { y, weights } = readResponse(context, index)
  const empty = () => new Float64Array(rowsInRun(data.get(problem.y) as DataColumn, index)).fill(NaN)
  const [leverages, internal, external] = [empty(), empty(), empty()]
  for (const [k, row] of rowsInUse(context, index).entries()) {
    const weight = weights?.[k] ?? 1
    const slopes = gradient.map((along) => along[k])
    leverages[row] = (weight * getVariance(solved, index, slopes)) / variance
    const residual = Math.sqrt(weight) * (y[k] - curve[k])
    internal[row] = residual / Math.sqrt(variance * (1 - leverages[row]))
    const square = internal[row] * internal[row]
    external[row] = isAbsolute
      ? internal[row]
      : internal[row] * Math.sqrt((degreesOfFreedom - 1) / (degreesOfFreedom - square))
  }
  return { leverages, internal, external }
}
