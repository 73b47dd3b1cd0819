/** `lackOfFit`: the test of lack of fit against pure error. */

import { ArgumentError } from '../../core/errors.js'
import { isObject } from '../../core/untrusted-input.js'
import { type DataColumn, numbersInRun } from '../../many/batch/data.js'
import type { Fit } from '../fit/result.js'
import { modelColumns } from '../programs/function-curve.js'
import type { SharedFit } from '../shared/result.js'
import type { FitContext } from '../solve/fit-context.js'
import { fitSources } from '../solve/result-source.js'
import { fSurvival } from '../uncertainty/f-distribution.js'
import { jointFits } from '../uncertainty/joint-fit.js'
import { readResponse } from '../uncertainty/statistics.js'

/** The test of lack of fit. Sums of squares contain the weights of the rows. */
export interface LackOfFit {
  /** Mean square of the lack of fit, divided by the mean square of the pure error. */
  readonly statistic: number
  /** Degrees of freedom of the lack of fit, and of the pure error. */
  readonly degreesOfFreedom: readonly [lackOfFit: number, pureError: number]
  /** Probability that the statistic is at least as large if the model is right. */
  readonly pValue: number
  /** χ² minus the sum of squares of the pure error. */
  readonly lackOfFitSumOfSquares: number
  /** Sum of the weighted squared differences between replicates and their weighted mean. */
  readonly pureErrorSumOfSquares: number
}

/**
 * Tests whether a model describes the means of replicates (Draper and Smith, Applied Regression Analysis). Replicates
 * are rows with equal numbers in all columns of the model. The F test compares the scatter of the means around the
 * curve with the scatter of the replicates around their means. A small p-value means that the model is wrong.
 *
 * @param found a converged result of `fit`, `fitMany(…).at(k)` or `fitShared` with the loss 'squared'
 * @throws ArgumentError if the fit has not converged or has another loss, or if the data have no replicates, or not more
 * distinct points than free parameters
 * @example
 * const { statistic, pValue } = lackOfFit(fit(models.line(), { x: [1, 1, 2, 2, 3, 3], y: [1, 2, 3, 3, 3, 4] }))
 */
export function lackOfFit(found: Fit | SharedFit): LackOfFit {
  const test = computeTest(found)
  if ('expected' in test) throw new ArgumentError('found', test.expected, test.received)
  return test
}

/** The test for any result of a fit; undefined for data without replicates, and for fits that have no test. */
export function tryLackOfFit(found: object): LackOfFit | undefined {
  const test = computeTest(found as Fit)
  return 'expected' in test ? undefined : test
}

/** The reason why a fit has no test. Tables of many fits would spend most of their time on exceptions. */
interface Refusal {
  readonly expected: string
  readonly received: unknown
}

function computeTest(found: Fit | SharedFit): LackOfFit | Refusal {
  const source = isObject(found) ? fitSources.get(found) : undefined
  const joint = isObject(found) ? jointFits.get(found)?.() : undefined
  if (source === undefined && joint === undefined)
    return { expected: 'a result of fit or fitShared', received: found }
  const { reason, chiSquared, degreesOfFreedom } = found
  if (reason !== 'converged') return { expected: 'a fit that has converged', received: reason }

  let [pure, pureFreedom] = [0, 0]
  for (const { context, index } of source ? [source] : (joint?.parts ?? [])) {
    const own = pureErrorOf(context as FitContext, index)
    if ('expected' in own) return own
    pure += own.squares
    pureFreedom += own.degreesOfFreedom
  }
  const freedom = degreesOfFreedom - pureFreedom
  if (pureFreedom === 0)
    return { expected: 'data with replicates (rows with equal x)', received: 'no replicates' }
  if (freedom <= 0)
    return { expected: 'more distinct points than free parameters', received: 'a fit with fewer points' }
  // Rounding errors can make χ² less than the pure error.
  const lack = Math.max(chiSquared - pure, 0)
  const statistic = lack / freedom / (pure / pureFreedom)
  return {
    statistic,
    degreesOfFreedom: [freedom, pureFreedom],
    pValue: statistic === Infinity ? 0 : fSurvival(statistic, freedom, pureFreedom),
    lackOfFitSumOfSquares: lack,
    pureErrorSumOfSquares: pure,
  }
}

/** Sum of squares around the weighted means of replicates, and its degrees of freedom. */
function pureErrorOf(
  context: FitContext,
  index: number,
): { readonly squares: number; readonly degreesOfFreedom: number } | Refusal {
  const { problem, whitened, columns } = context
  if (whitened) return { expected: 'a fit without a covariance of y', received: 'a covariance' }
  if (problem.loss !== 'squared') return { expected: "a fit with the loss 'squared'", received: problem.loss }
  const names = modelColumns(problem)
  if (problem.y.startsWith('@') || names.some((name) => name.startsWith('@')))
    return { expected: 'a model of single rows', received: 'a function of whole columns' }

  const { y, weights } = readResponse(context, index)
  const x = names.map((name) => numbersInRun(columns.get(name) as DataColumn, index))
  const cells = new Map<string, number[]>()
  for (let row = 0; row < y.length; row++) {
    const key = x.map((column) => column[row]).join()
    const rows = cells.get(key)
    if (rows === undefined) cells.set(key, [row])
    else rows.push(row)
  }
  let squares = 0
  for (const rows of cells.values()) {
    let [sum, all] = [0, 0]
    for (const row of rows) {
      const weight = weights?.[row] ?? 1
      sum += weight * y[row]
      all += weight
    }
    for (const row of rows) {
      const off = y[row] - sum / all
      squares += (weights?.[row] ?? 1) * off * off
    }
  }
  return { squares, degreesOfFreedom: y.length - cells.size }
}
