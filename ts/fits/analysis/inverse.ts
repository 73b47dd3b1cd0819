/** `inverse`: unknowns on a standard curve. */

import { ArgumentError, OptionError } from '../../core/errors.js'
import { isArrayLike, isObject, toBoundedArray, toFloat64Array } from '../../core/untrusted-input.js'
import { differentiate } from '../../expressions/differentiate.js'
import { compile } from '../../expressions/program.js'
import { ProgramRunner } from '../../expressions/run.js'
import { type DataColumn, numbersInRun } from '../../many/batch/data.js'
import { type GivenOf, integerAtLeast, option, optional, passThrough } from '../../options/kinds.js'
import { readOptions } from '../../options/read.js'
import type { Fit } from '../fit/result.js'
import { probability } from '../problem/confidence-level.js'
import type { Problem } from '../problem/problem.js'
import { memoizeBy, modelColumns, slopeNodes } from '../programs/function-curve.js'
import type { SharedGroup } from '../shared/group.js'
import { groupSources, type SingleFitContext } from '../shared/result-source.js'
import { computeErrorScale, getVariance } from '../solve/fit-context.js'
import { fitSources } from '../solve/result-source.js'
import { confidenceQuantile } from '../uncertainty/bands.js'
import { parameterPoint } from '../uncertainty/estimates.js'
import { type Curve, findCrossings, gridOf, invertBand } from '../uncertainty/inverse-search.js'
import { evaluateModel } from '../uncertainty/linearize.js'
import { reduceChiSquared } from '../uncertainty/statistics.js'
import { checkResult } from './computation.js'

const rangeOption = option<readonly [number, number] | undefined, undefined>(
  'two numbers [low, high] with low < high',
  undefined,
  (x) => x === undefined,
  (_, given) => {
    const [low, high, ...others] = toFloat64Array(given) ?? []
    const isRange = Number.isFinite(low) && Number.isFinite(high) && low < high && others.length === 0
    return isRange ? [low, high] : undefined
  },
)

type Measurements = ArrayLike<number | null> | readonly ArrayLike<number | null>[]

const table = {
  /** Confidence level, between 0 and 1. Default 0.95. */
  level: probability,
  /** Number of responses of which each number of `y` is the mean. Default 1. */
  replicates: integerAtLeast(1, 1),
  /**
   * Range of x in which the curve is inverted. Default: the range of x in the data, so that no value is extrapolated.
   */
  range: rangeOption,
  /**
   * Standard deviation of a new response, in the unit of the option `sigma` of the fit: one number, or one number per
   * number of `y`. The option is required if the fit has a column of σ or weights. Default: 1, or the fit's formula.
   */
  sigma: optional(passThrough<number | Measurements>()),
}

/** Options of `inverse`. */
export interface InverseOptions extends GivenOf<typeof table> {}

/** Outcome of the inversion of one response. */
export type InverseReason = 'found' | 'above-curve' | 'below-curve' | 'ambiguous' | 'missing' | 'no-curve'

/** The x of one measured response on a fitted curve. */
export interface InverseEstimate {
  /** The response, or the mean of its replicates. The mean is weighted if `sigma` differs between replicates. */
  readonly y: number
  /** Number of responses in the mean. */
  readonly replicates: number
  /** The x at which the curve reaches y, or NaN if no x or several x of the range do. */
  readonly value: number
  /** Standard error of the value by the delta method. The error includes the scatter of the new responses. */
  readonly error: number
  /**
   * Endpoints of the confidence interval: the x whose prediction band covers y. The interval may extend beyond the
   * range. An infinite endpoint marks an unbounded interval, and both endpoints are NaN if no x of the range covers y.
   */
  readonly low: number
  readonly high: number
  /**
   * 'found', or the reason why `value` is NaN. 'above-curve' and 'below-curve' mean that y is above or below all values
   * of the curve in the range. 'ambiguous' means that the curve reaches y several times. 'no-curve' means that the
   * curve has no finite value in the range.
   */
  readonly reason: InverseReason
  /** Explanation of the reason. The message is empty for 'found'. */
  readonly message: string
}

/**
 * Computes the x of measured responses on a fitted curve (inverse regression, calibration). The interval contains all x
 * whose prediction band for the mean of the new responses covers the measured mean. The interval therefore includes the
 * scatter of the new responses and the uncertainty of the curve. For a straight line, the interval is Fieller's.
 *
 * @param found a result of `fit`, `fitMany(…).at(k)` or `fitShared(…).at(k)`, whose model has one column
 * @param y one number per unknown, or one array of replicates per unknown; null and NaN mark missing numbers
 * @returns one estimate per unknown
 * @throws ArgumentError, OptionError if an argument is invalid
 * @example
 * const [{ value, low, high }] = inverse(fit(models.fourPL(), { x, y }), [[0.52, 0.55, 0.49]])
 */
export function inverse(
  found: Fit | SharedGroup,
  y: Measurements,
  options: InverseOptions = {},
): InverseEstimate[] {
  checkResult(found, 'a result of fit, or a group of fitShared', fitSources, groupSources)
  const read = readOptions('options', options, table)
  const [context, index] = readSource(found)
  const { problem, weightAt } = context
  const name = readColumnName(problem)
  if (read.sigma === undefined && problem.weight !== null && weightAt === null) {
    throw new OptionError(
      'sigma',
      'the σ of a new response (the fit has a column of σ or weights)',
      undefined,
    )
  }
  const measured = readMeans(y, read.sigma, read.replicates)
  const x = numbersInRun(context.columns.get(name) as DataColumn, index)
  const range = read.range ?? dataRange(x)
  const scale = computeErrorScale(context, index)
  const { degreesOfFreedom } = scale
  const { isAbsolute } = context
  const variance = isAbsolute ? 1 : reduceChiSquared(scale.cost, degreesOfFreedom)
  const curve = makeCurve(context, index, { name, variance, usesSigma: read.sigma !== undefined })
  const grid = range[0] < range[1] ? gridOf(x, range) : Float64Array.of(range[0])
  const values = grid.map((x) => curve(x).f)
  const t = confidenceQuantile({ isAbsolute, degreesOfFreedom }, read.level)
  return measured.map((one) => invert({ curve, grid, values, t }, one))
}

const short = (x: number) => `${Number(x.toPrecision(6))}`

interface Search {
  readonly curve: Curve & { readonly slope: (x: number) => number }
  readonly grid: Float64Array
  readonly values: Float64Array
  readonly t: number
}

function invert({ curve, grid, values, t }: Search, mean: Mean): InverseEstimate {
  const { y, replicates } = mean
  const none = { y, replicates, value: NaN, error: NaN, low: NaN, high: NaN }
  if (Number.isNaN(y)) return { ...none, reason: 'missing', message: 'y is missing' }
  if (!values.some(Number.isFinite))
    return { ...none, reason: 'no-curve', message: 'the curve has no finite value in the range' }
  const crossings = findCrossings(curve, grid, values, y)
  if (crossings.length > 1) {
    const places = crossings.slice(0, 3).map(short).join(', ')
    const message = `the curve reaches ${short(y)} at x = ${places}${crossings.length > 3 ? ', …' : ''}: set { range } to one branch`
    return { ...none, reason: 'ambiguous', message }
  }
  if (crossings.length === 1) {
    const [value] = crossings
    const { variance, scatter } = curve(value)
    const error = Math.sqrt(variance + scatter * mean.scatterFactor) / Math.abs(curve.slope(value))
    const [low, high] = invertBand(curve, grid, mean, t, value)
    return { ...none, value, error, low, high, reason: 'found', message: '' }
  }
  const distances = values.map((f) => Math.abs(y - f))
  const nearest = distances.reduce(
    (best, by, k) => (by < distances[best] || Number.isNaN(distances[best]) ? k : best),
    0,
  )
  const [x, f] = [grid[nearest], values[nearest]]
  const isAbove = y > f
  const [low, high] = invertBand(curve, grid, mean, t, x)
  const message = `the curve's ${isAbove ? 'largest' : 'smallest'} value in the range is ${short(f)}, at x = ${short(x)}`
  return { ...none, low, high, reason: isAbove ? 'above-curve' : 'below-curve', message }
}

function readSource(found: object): readonly [SingleFitContext, number] {
  const source = fitSources.get(found)
  if (source !== undefined) {
    const { context, index } = source
    // If y has a covariance, the original rows have the model, and the whitened rows have the statistics.
    const rows = context.whitened?.plain ?? context
    return [{ ...rows, errorScale: computeErrorScale(context, index) }, index]
  }
  const contexts = groupSources.get(found)?.contexts() ?? []
  if (contexts.length === 1) return [contexts[0], 0]
  throw new ArgumentError('found', 'a group with one response', `${contexts.length} responses`)
}

function readColumnName(problem: Problem): string {
  const names = modelColumns(problem)
  problem.graph.linkedRows?.refuse('found')
  if (names.length === 1 && !names[0].startsWith('@')) return names[0]
  throw new ArgumentError('found', 'a fit whose model has one column', `${names.length} columns`)
}

function dataRange(x: Float64Array): readonly [number, number] {
  return [
    x.reduce((low, x) => Math.min(low, x), Infinity),
    x.reduce((high, x) => Math.max(high, x), -Infinity),
  ]
}

interface Mean {
  readonly y: number
  readonly replicates: number
  readonly scatterFactor: number
}

/** The mean of each unknown, weighted by 1/σ², and the variance of the mean relative to one response with σ = 1. */
function readMeans(given: unknown, sigma: unknown, replicates: number): Mean[] {
  const lists = readLists('y', given)
  const deviations = readDeviations(lists, sigma)
  return lists.map((list, k) => {
    let [sum, weights, count] = [0, 0, 0]
    for (let i = 0; i < list.length; i++) {
      if (Number.isNaN(list[i])) continue
      const weight = 1 / (deviations[k][i] * deviations[k][i])
      if (!(weight > 0 && weight < Infinity))
        throw new OptionError(`sigma[${k}]`, 'a finite number > 0', deviations[k][i])
      sum += weight * list[i]
      weights += weight
      count++
    }
    return { y: sum / weights, replicates: count * replicates, scatterFactor: 1 / (weights * replicates) }
  })
}

function readDeviations(lists: readonly Float64Array[], sigma: unknown): Float64Array[] {
  if (typeof sigma === 'number' && !(sigma > 0 && sigma < Infinity))
    throw new OptionError('sigma', 'a finite number > 0', sigma)
  if (sigma === undefined || typeof sigma === 'number')
    return lists.map((list) => new Float64Array(list.length).fill(sigma ?? 1))
  const own = readLists('sigma', sigma)
  if (own.length !== lists.length)
    throw new OptionError('sigma', `${lists.length} numbers, like y`, own.length)
  for (const [k, { length }] of own.entries()) {
    if (length !== lists[k].length)
      throw new OptionError(`sigma[${k}]`, `${lists[k].length} numbers, like y[${k}]`, length)
  }
  return own
}

function readLists(argument: string, given: unknown): Float64Array[] {
  const numbers = toFloat64Array(given, true)
  if (numbers !== undefined) return Array.from(numbers, (x) => Float64Array.of(x))
  const list = isObject(given) && isArrayLike(given) ? toBoundedArray(given) : undefined
  if (list === undefined)
    throw new OptionError(argument, 'an array of numbers, or of arrays of replicates', given)
  return list.map((one, k) => {
    if (typeof one === 'number' || one === null) return Float64Array.of(one ?? NaN)
    const replicates = toFloat64Array(one, true)
    if (replicates === undefined)
      throw new OptionError(`${argument}[${k}]`, 'a number, or an array of replicates', one)
    return replicates
  })
}

/** Compiles the model of one row, with its derivatives with respect to the free parameters and to the column. */
const compileCurve = memoizeBy((problem: Problem) => {
  const { graph, model, free, fixed } = problem
  const names = modelColumns(problem)
  const { gradient } = differentiate(graph, model, names, () => false)
  return compile(graph, [model, ...slopeNodes(problem), ...gradient], [...free, ...fixed, ...names], [])
})

/** Relative step of a central difference, about ε^⅓. */
const RELATIVE_STEP = 1 / (1 << 17)

interface CurveScale {
  readonly name: string
  /** Variance of a response of weight 1. */
  readonly variance: number
  /** Whether the user knows σ of the new responses. */
  readonly usesSigma: boolean
}

function makeCurve(
  context: SingleFitContext,
  index: number,
  { name, variance, usesSigma }: CurveScale,
): Search['curve'] {
  const { problem, solved, weightAt } = context
  const point = parameterPoint(context, index)
  const isFunction = problem.functionModel !== null
  const machine = isFunction ? null : new ProgramRunner(compileCurve(problem), 'float64')
  const outputs = (x: number): readonly number[] => {
    if (machine === null) return evaluateModel(context, index, { [name]: [x] }).outputs(0, point)
    machine.run([...point, x], [], 0)
    return machine.program.outputs.map((slot) => machine.slots[slot])
  }
  const weightOf = (f: number, x: number) => {
    if (usesSigma) return 1
    return problem.loss === 'poisson' ? 1 / f : (weightAt?.(f, [x]) ?? 1)
  }
  const curve = (x: number) => {
    const [f, ...slopes] = outputs(x)
    const ofCurve = getVariance(solved, index, slopes.slice(0, problem.free.length))
    return { f, variance: ofCurve, scatter: variance / weightOf(f, x) }
  }
  const slope = (x: number) => {
    if (!isFunction) return outputs(x)[1 + problem.free.length]
    const step = RELATIVE_STEP * (Math.abs(x) || 1)
    return (outputs(x + step)[0] - outputs(x - step)[0]) / (x + step - (x - step))
  }
  return Object.assign(curve, { slope })
}
