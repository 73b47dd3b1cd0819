/** Compares two models by fits of both models to the same data. */

import { ArgumentError } from '../../core/errors.js'
import { joinTexts } from '../../core/text.js'
import { elementary } from '../../functions/index.js'
import { numbersInRun } from '../../many/batch/data.js'
import { isRobust } from '../problem/loss.js'
import type { FitReason } from '../problem/reasons.js'
import type { FitContext } from '../solve/fit-context.js'
import { fSurvival } from './f-distribution.js'
import { isExact, sumOfSquares } from './statistics.js'

const { exp, log } = elementary('float64')

/** Comparison of two fits, a and b, of the same data. */
export interface Comparison {
  /**
   * The fit with more free parameters that are not at a bound, or null if the numbers are equal.
   */
  readonly fullModel: 'a' | 'b' | null
  /**
   * Type of test: 'F' if σ is estimated, 'likelihood-ratio' if σ is known or the data are counts. The field `test` is
   * null if no test is possible.
   */
  readonly test: 'F' | 'likelihood-ratio' | null
  /**
   * Test statistic: F, or the reduction of χ² by the full model. The fields `statistic`, `degreesOfFreedom` and
   * `pValue` are NaN if no test is possible.
   */
  readonly statistic: number
  /**
   * Degrees of freedom of the test. The first number is the count of additional parameters in the full model. The
   * second number is the degrees of freedom of the full model, or ∞ if σ is known.
   */
  readonly degreesOfFreedom: readonly [above: number, below: number]
  /** Probability that the test statistic is at least as large as `statistic` if the reduced model is true. */
  readonly pValue: number
  /**
   * Corrected Akaike information criterion (AICc) of a and b. The model with the lower value is preferable.
   * If σ is estimated, AICc is n·log(χ²/n) + 2·k + 2·k·(k + 1)/(n − k − 1), and k counts the parameters and
   * σ. If σ is known or the data are counts, AICc is χ² + 2·k, and k counts the parameters only. Parameters
   * at a bound are not counted.
   */
  readonly aicc: readonly [a: number, b: number]
  /**
   * Akaike weights of a and b: the probability of each model to be the better one. The sum of the two weights is 1.
   */
  readonly akaikeWeights: readonly [a: number, b: number]
  /**
   * Reason why no test is possible, and warnings about the results. The message is empty if a test was computed
   * without warnings.
   */
  readonly message: string
}

/** A fit to compare: a single fit, or a joint fit of many groups. */
export interface ComparedFit {
  readonly result: ComparedResult
  /** The single fits that form the joint fit. */
  readonly parts: readonly ComparedPart[]
}

/** Results of a fit that a comparison needs. */
interface ComparedResult {
  readonly observations: number
  readonly degreesOfFreedom: number
  readonly chiSquared: number
  readonly reducedChiSquared: number
  readonly reason: FitReason
  readonly atBound: readonly string[]
}

/** Context of a fit, and index of the fit in the context. */
export interface ComparedPart {
  readonly context: Pick<FitContext, 'problem' | 'columns' | 'isAbsolute'>
  readonly index: number
}

/** Two fits of the same data. */
export interface ComparedPair {
  readonly a: ComparedFit
  readonly b: ComparedFit
  readonly fullModel: Comparison['fullModel']
  /** Reason why the two fits cannot be tested, apart from nesting, or an empty string if the fits can be tested. */
  readonly unavailableBecause: string
}

/** Whether the reduced model is nested in the full model. */
export interface NestingCheck {
  readonly isNested: boolean
  /** Text for the message of the comparison if the nesting is unknown. */
  readonly explanation: string
  /** Names of parameters that reach a bound when the full model is fitted to the reduced model's curve. */
  readonly atBound: readonly string[]
}

/** @throws ArgumentError if two fits have different rows, or different measures of goodness of fit */
export function checkComparable(
  a: ComparedPart,
  b: ComparedPart,
  where: string,
  names: readonly [a: string, b: string] = ['a', 'b'],
): void {
  const [one, other] = [selectData(a), selectData(b)]
  for (const [name, { loss }] of [[names[0], one] as const, [names[1], other] as const]) {
    if (!isRobust(loss)) continue
    throw new ArgumentError(
      name,
      "a fit with the loss 'squared' or 'poisson' (only these are likelihoods)",
      loss,
    )
  }
  const expected = (what: string, by: unknown) => new ArgumentError(names[1], `${what}, like ${names[0]}`, by)
  if (other.loss !== one.loss) throw expected(`the loss '${one.loss}'`, other.loss)
  if (other.isAbsolute !== one.isAbsolute) {
    throw expected(one.isAbsolute ? 'known σ' : 'estimated σ', other.isAbsolute ? 'known' : 'estimated')
  }
  const { length: rows } = one.y
  if (other.y.length !== rows) throw expected(`${rows} rows in use${where}`, `${other.y.length} rows`)
  const shared = [...one.columns.keys()].filter((name) => other.columns.has(name))
  const columns = [
    ['y', one.y, other.y],
    ['weights', one.weights, other.weights],
    ...shared.map((name) => [name, one.columns.get(name), other.columns.get(name)] as const),
  ] as const
  for (const [name, numbers, others] of columns) {
    for (let row = 0; row < rows; row++) {
      const [x, also] = [numbers?.[row] ?? 1, others?.[row] ?? 1]
      if (x !== also) throw expected(`${name} = ${x} in row ${row} of the rows in use${where}`, also)
    }
  }
}

/** Data of a fit, in the rows in use. */
function selectData({ context, index }: ComparedPart) {
  const { y, weight, loss } = context.problem
  const columns = new Map([...context.columns].map(([name, column]) => [name, numbersInRun(column, index)]))
  const measured = columns.get(y) as Float64Array
  const weights = weight === null ? undefined : columns.get(weight)
  columns.delete(y)
  columns.delete(weight ?? y)
  return { loss, isAbsolute: context.isAbsolute, y: measured, weights, columns }
}

export function orderByModel<T>({
  a,
  b,
  fullModel,
}: {
  readonly a: T
  readonly b: T
  readonly fullModel: ComparedPair['fullModel']
}) {
  return fullModel === 'a' ? { full: a, reduced: b } : { full: b, reduced: a }
}

export const parameterCount = ({ result }: ComparedFit) => result.observations - result.degreesOfFreedom

const isAbsolute = ({ parts }: ComparedFit) => parts[0].context.isAbsolute

export function makePair(a: ComparedFit, b: ComparedFit): ComparedPair {
  const fullModel =
    parameterCount(a) === parameterCount(b) ? null : parameterCount(a) > parameterCount(b) ? 'a' : 'b'
  return {
    a,
    b,
    fullModel,
    unavailableBecause: unavailableReason({ a, b, fullModel, unavailableBecause: '' }),
  }
}

function unavailableReason(pair: ComparedPair): string {
  const { a, b } = pair
  const [name, { reason }] = a.result.reason === 'converged' ? ['b', b.result] : ['a', a.result]
  if (reason !== 'converged') return `${name} has not converged ('${reason}')`
  if (pair.fullModel === null) {
    const held = [...a.result.atBound, ...b.result.atBound]
    const but = held.length === 0 ? '' : ` (${held.join(', ')} at a bound)`
    return `a and b have equally many free parameters${but}: neither is nested`
  }
  const { full, reduced } = orderByModel(pair)
  if (isAbsolute(full)) return ''
  if (full.result.degreesOfFreedom <= 0) return `${pair.fullModel} has no degrees of freedom`
  const squares = full.parts.reduce((sum, { context, index }) => sum + sumOfSquares(context, index), 0)
  if (isExact(reduced.result.chiSquared, squares)) {
    return 'the reduced model fits the data exactly: only rounding errors remain'
  }
  return ''
}

/** Largest difference of χ² that incomplete convergence of a fit can cause, as a fraction of χ². */
const REDUCTION_TOLERANCE = 1e-8

export function comparison(
  pair: ComparedPair,
  nest: NestingCheck | undefined,
  isNestingAsserted: boolean,
): Comparison {
  const { a, b, fullModel } = pair
  const both = [a, b] as const
  const aicc = both.map(computeAicc) as [number, number]
  const [first, second] = [1 / (1 + exp((aicc[0] - aicc[1]) / 2)), 1 / (1 + exp((aicc[1] - aicc[0]) / 2))]
  const few = both.filter(({ result }, k) => result.reason === 'converged' && Number.isNaN(aicc[k])).length
  const remark = few > 0 ? 'too few rows for AICc' : ''
  const none = { test: null, statistic: NaN, degreesOfFreedom: [NaN, NaN], pValue: NaN } as const
  const rest = { fullModel, aicc, akaikeWeights: [first, second] } as const
  if (nest === undefined) return { ...rest, ...none, message: joinTexts(pair.unavailableBecause, remark) }

  const { full, reduced } = orderByModel(pair)
  const [more, less] = [full.result, reduced.result]
  const gain = less.chiSquared - more.chiSquared
  if (gain < -REDUCTION_TOLERANCE * less.chiSquared) {
    const why = nest.isNested
      ? 'is not at its minimum (try other starts)'
      : 'is not nested, or not at its minimum'
    return {
      ...rest,
      ...none,
      message: joinTexts(`${fullModel} has more parameters and a larger χ²: it ${why}`, remark),
    }
  }
  if (!nest.isNested && !isNestingAsserted) {
    const why = `${fullModel} ${nest.explanation}: nesting is unknown; set { nested: true } to assert it`
    return { ...rest, ...none, message: joinTexts(why, remark) }
  }
  const isKnown = isAbsolute(full)
  const above = less.degreesOfFreedom - more.degreesOfFreedom
  const below = isKnown ? Infinity : more.degreesOfFreedom
  const lowered = Math.max(gain, 0)
  const f = lowered / above / (isKnown ? 1 : more.reducedChiSquared)
  const bounds = nest.atBound.length > 0 ? `${nest.atBound.join(', ')} at a bound: pValue is too large` : ''
  return {
    ...rest,
    test: isKnown ? 'likelihood-ratio' : 'F',
    statistic: isKnown ? lowered : f,
    degreesOfFreedom: [above, below],
    pValue: fSurvival(f, above, below),
    message: joinTexts(bounds, remark),
  }
}

/** AICc of a fit. See {@link Comparison.aicc}. */
export function computeAicc(fit: ComparedFit): number {
  const { observations, chiSquared, reason } = fit.result
  if (reason !== 'converged' && reason !== 'singular') return NaN
  const count = parameterCount(fit)
  if (isAbsolute(fit)) return chiSquared + 2 * count
  const [k, left] = [count + 1, observations - count - 2]
  return left > 0 ? observations * log(chiSquared / observations) + 2 * k + (2 * k * (k + 1)) / left : NaN
}
