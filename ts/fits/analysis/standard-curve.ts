/** Fitted curves with one column, for `inverse`: the model, its variance, and the scatter of new responses. */

import { ArgumentError, OptionError } from '../../core/errors.js'
import { memoizeBy } from '../../core/memoization.js'
import { differentiate } from '../../expressions/differentiate.js'
import { compile } from '../../expressions/program.js'
import { ProgramRunner } from '../../expressions/run.js'
import { log } from '../../functions/index.js'
import { type DataColumn, numbersInRun } from '../../many/batch/data.js'
import type { Problem } from '../problem/problem.js'
import { modelColumns, slopeNodes } from '../programs/function-curve.js'
import { groupSources, type SingleFitContext } from '../shared/result-source.js'
import type { ResponseCurve } from '../solve/distribution.js'
import { computeErrorScale, getVariance } from '../solve/fit-context.js'
import { fitSources } from '../solve/result-source.js'
import type { BandContext } from '../uncertainty/bands.js'
import { confidenceQuantile } from '../uncertainty/bands.js'
import { parameterPoint } from '../uncertainty/estimates.js'
import type { Curve } from '../uncertainty/inverse-search.js'
import { evaluateModel } from '../uncertainty/linearize.js'
import { reduceChiSquared } from '../uncertainty/statistics.js'

/** A curve to invert. */
export interface StandardCurve {
  /** x of the rows in use. */
  readonly x: Float64Array
  readonly curve: Curve & { readonly slope: (x: number) => number }
  /** Whether the curve is the logarithm of the model's value, as for the log-normal distribution. */
  readonly isLogarithmic: boolean
  /** See {@link ResponseCurve.trials}. */
  readonly trials: number | undefined
  /** Quantile of the confidence interval. */
  readonly quantile: (level: number) => number
}

/** The curve of a result of least squares. */
export function curveOfSquares(found: object, hasSigma: boolean): StandardCurve {
  const [context, index] = readSource(found)
  const { problem, weightAt, isAbsolute } = context
  const name = readColumnName(problem)
  if (!hasSigma && problem.weight !== null && weightAt === null)
    throw missingSigma('the fit has a column of σ or weights')
  const scale = computeErrorScale(context, index)
  const { degreesOfFreedom } = scale
  const variance = isAbsolute ? 1 : reduceChiSquared(scale.cost, degreesOfFreedom)
  const weightOf = (f: number, x: number) => (problem.loss === 'poisson' ? 1 / f : (weightAt?.(f, [x]) ?? 1))
  return {
    x: numbersInRun(context.columns.get(name) as DataColumn, index),
    curve: makeCurve(context, index, name, (x, f) => variance / (hasSigma ? 1 : weightOf(f, x))),
    isLogarithmic: false,
    trials: undefined,
    quantile: (level) => confidenceQuantile({ isAbsolute, degreesOfFreedom }, level),
  }
}

/** The curve of a fit with a distribution. */
export function curveOfLikelihood(
  { context, index, x, isLogarithmic, trials, others, scatter }: ResponseCurve,
  hasSigma: boolean,
): StandardCurve {
  const name = readColumnName(context.problem)
  if (!hasSigma && others.length > 0) throw missingSigma(`the distribution uses the column ${others[0]}`)
  const curve = makeCurve(context, index, name, hasSigma ? () => 1 : scatter)
  return {
    x,
    curve: isLogarithmic ? toLogarithm(curve) : curve,
    isLogarithmic,
    trials,
    quantile: (level) => confidenceQuantile({ isAbsolute: true, degreesOfFreedom: NaN }, level),
  }
}

const missingSigma = (why: string) => new OptionError('sigma', `the σ of a new response (${why})`, undefined)

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

/** Compiles the model of one row, with its derivatives with respect to the free parameters and to the column. */
const compileCurve = memoizeBy((problem: Problem) => {
  const { graph, model, free, fixed } = problem
  const names = modelColumns(problem)
  const { gradient } = differentiate(graph, model, names, () => false)
  return compile(graph, [model, ...slopeNodes(problem), ...gradient], [...free, ...fixed, ...names], [])
})

/** Relative step of a central difference, about ε^⅓. */
const RELATIVE_STEP = 1 / (1 << 17)

/** @param scatter variance of one response at x, where the model's value is f */
function makeCurve(
  context: BandContext,
  index: number,
  name: string,
  scatter: (x: number, f: number) => number,
): StandardCurve['curve'] {
  const { problem, solved } = context
  const point = parameterPoint(context, index)
  const isFunction = problem.functionModel !== null
  const machine = isFunction ? null : new ProgramRunner(compileCurve(problem), 'float64')
  const outputs = (x: number): readonly number[] => {
    if (machine === null) return evaluateModel(context, index, { [name]: [x] }).outputs(0, point)
    machine.run([...point, x], [], 0)
    return machine.program.outputs.map((slot) => machine.slots[slot])
  }
  const curve = (x: number) => {
    const [f, ...slopes] = outputs(x)
    const ofCurve = getVariance(solved, index, slopes.slice(0, problem.free.length))
    return { f, variance: ofCurve, scatter: scatter(x, f) }
  }
  const slope = (x: number) => {
    if (!isFunction) return outputs(x)[1 + problem.free.length]
    const step = RELATIVE_STEP * (Math.abs(x) || 1)
    return (outputs(x + step)[0] - outputs(x - step)[0]) / (x + step - (x - step))
  }
  return Object.assign(curve, { slope })
}

/** The logarithm of a curve, whose scatter is the variance of log y. */
function toLogarithm(plain: StandardCurve['curve']): StandardCurve['curve'] {
  const curve = (x: number) => {
    const { f, variance, scatter } = plain(x)
    return { f: f > 0 ? log(f) : NaN, variance: variance / (f * f), scatter }
  }
  return Object.assign(curve, { slope: (x: number) => plain.slope(x) / plain(x).f })
}
