/** `compare`: model comparison by F test, likelihood-ratio test and AICc, and rankings of several models. */

import { ArgumentError } from '../../core/errors.js'
import { createRecord, isObject, toBoundedArray } from '../../core/untrusted-input.js'
import { type Expression, expression } from '../../expressions/expression.js'
import { type DataColumn, numbersInRun } from '../../many/batch/data.js'
import { flag, type GivenOf } from '../../options/kinds.js'
import { readOptions } from '../../options/read.js'
import { fitManySync } from '../fit/fit-many.js'
import type { Fit, FitManyResult } from '../fit/result.js'
import { covarianceMatrix } from '../fit/whitening.js'
import type { LikelihoodComparison, RankedLikelihood } from '../likelihood/comparison.js'
import type { LikelihoodFit } from '../likelihood/result.js'
import type { SharedLikelihoodFit } from '../likelihood/shared-result.js'
import { modelColumns } from '../programs/function-curve.js'
import type { SharedFit } from '../shared/result.js'
import { type LikelihoodAnalysis, likelihoodOf } from '../solve/distribution.js'
import { replaceStarts } from '../solve/fit-context.js'
import { type FitSource, fitManySources, fitSources } from '../solve/result-source.js'
import {
  type ComparedFit,
  type Comparison,
  checkComparable,
  comparison,
  makePair,
  type NestingCheck,
  orderByModel,
} from '../uncertainty/comparison.js'
import { isNestedIn, type JointFit, jointFits } from '../uncertainty/joint-fit.js'
import { type RankedModel, rankModels } from '../uncertainty/model-ranking.js'
import { reduceChiSquared } from '../uncertainty/statistics.js'

export type { Comparison, RankedModel }

const table = {
  /**
   * Whether the reduced model is known to be nested in the full model. By default (false), `compare` tests the nesting
   * by a fit of the full model to the curve of the reduced model.
   */
  nested: flag(false),
}

/** Options of `compare`. */
export interface CompareOptions extends GivenOf<typeof table> {}

/**
 * Largest χ² at which a full model that is fitted to the curve of a reduced model counts as reproducing the curve. The
 * limit is a fraction of the reduced model's own χ².
 */
const EQUALITY_TOLERANCE = 1e-6
/** Maximum number of models in one ranking. */
const MAX_MODELS = 256
const NOT_NESTED = "does not reproduce the other fit's curve"

/**
 * Compares two models that were fitted to the same data. AICc is always computed. If one model is nested in the other,
 * `compare` also computes an F test, or a likelihood-ratio test if σ is known. To test nesting, the full model is
 * fitted to the curve of the reduced model, and must reproduce the curve. The option `nested` overrides the test of
 * nesting.
 *
 * @param a a result of `fit`
 * @param b another result of `fit` with the same y, weights and loss, which must not be robust
 * @throws ArgumentError if the fits cannot be compared
 * @example
 * const { pValue, aicc, message } = compare(fit(models.fourPL(), data), fit(models.fivePL(), data))
 */
export function compare(a: Fit, b: Fit, options?: CompareOptions): Comparison
/**
 * Compares two fits with a distribution by AIC, BIC and AICc. If the option `nested` is true, the result also contains
 * the likelihood-ratio test.
 */
export function compare(a: LikelihoodFit, b: LikelihoodFit, options?: CompareOptions): LikelihoodComparison
/** Compares two fits of groups with a distribution, which share parameters or not. */
export function compare(
  a: SharedLikelihoodFit,
  b: SharedLikelihoodFit,
  options?: CompareOptions,
): LikelihoodComparison
/** Ranks fits with a distribution by AICc. */
export function compare(
  fits: readonly LikelihoodFit[] | readonly SharedLikelihoodFit[],
  options?: CompareOptions,
): RankedLikelihood[]
/** Compares each fit of one batch with the fit at the same index in another batch of equal length. */
export function compare(a: FitManyResult, b: FitManyResult, options?: CompareOptions): Comparison[]
/**
 * Compares two joint fits of all groups that differ in their shared parameters. One of the two fits may be a result of
 * `fitMany`, which fits the groups independently. The reduced model is nested in the full model if both use the same
 * model function and the reduced model shares every parameter that the full model shares.
 *
 * @example
 * compare(await fitShared(model, data, { shared: ['top', 'bottom'] }), await fitMany(model, data)) // worth it?
 */
export function compare(a: SharedFit, b: SharedFit | FitManyResult, options?: CompareOptions): Comparison
export function compare(a: FitManyResult, b: SharedFit, options?: CompareOptions): Comparison
/**
 * Ranks any number of fits of the same data by AICc. The first model of the result has the lowest AICc. Every model is
 * tested against the first model, if one of the two is nested in the other.
 *
 * @param fits results of `fit`, or joint fits of the same groups: results of `fitShared` or `fitMany`
 * @example
 * const [best, ...others] = compare([fit(models.fourPL(), data), fit(models.fivePL(), data), fit(models.line(), data)])
 */
export function compare(fits: readonly Fit[] | readonly SharedFit[], options?: CompareOptions): RankedModel[]
/** Ranks the models of each group: the fits at the same index in results of `fitMany` of equal length. */
export function compare(fits: readonly FitManyResult[], options?: CompareOptions): RankedModel[][]
/** Ranks joint fits of all groups, of which some share parameters. */
export function compare(fits: readonly (SharedFit | FitManyResult)[], options?: CompareOptions): RankedModel[]
export function compare(
  a: AnyFit | AnyLikelihoodFit | readonly AnyFit[] | readonly AnyLikelihoodFit[],
  b?: AnyFit | AnyLikelihoodFit | CompareOptions,
  options: CompareOptions = {},
): Comparison | Comparison[] | LikelihoodComparison | RankedModel[] | RankedModel[][] | RankedLikelihood[] {
  const likelihood = likelihoodOf(Array.isArray(a) ? a[0] : a)
  if (likelihood) return compareByLikelihood(likelihood, a, b, options)
  if (Array.isArray(a)) {
    if (isFit(b) || isFitManyResult(b) || (isObject(b) && jointFits.has(b)))
      throw new ArgumentError('a', 'a result of fit, fitMany or fitShared, as b is one', a)
    return rankAll(a, readOptions('options', b ?? {}, table).nested)
  }
  const { nested } = readOptions('options', options, table)
  return compareTwo(a as AnyFit, b as AnyFit, nested)
}

function compareByLikelihood(
  likelihood: LikelihoodAnalysis,
  a: unknown,
  b: unknown,
  options: CompareOptions,
) {
  if (!Array.isArray(a)) {
    return likelihood.compare(b, readOptions('options', options, table).nested) as LikelihoodComparison
  }
  const { nested } = readOptions('options', isObject(b) ? b : {}, table)
  const fits = toBoundedArray(a, MAX_MODELS) ?? []
  if (fits.length < 2) throw new ArgumentError('fits', `an array of 2 to ${MAX_MODELS} fits`, a.length)
  return likelihood.rank(fits, nested) as RankedLikelihood[]
}

type AnyFit = Fit | FitManyResult | SharedFit
type AnyLikelihoodFit = LikelihoodFit | SharedLikelihoodFit

function rankAll(given: readonly unknown[], nested: boolean): RankedModel[] | RankedModel[][] {
  const fits = toBoundedArray(given, MAX_MODELS) ?? []
  if (fits.length < 2) throw new ArgumentError('fits', `an array of 2 to ${MAX_MODELS} fits`, given.length)
  const rank = (own: readonly AnyFit[], asCompared: (fit: AnyFit) => ComparedFit | undefined) => {
    const compared = own.map((fit, k) => {
      const one = asCompared(fit)
      if (one === undefined) throw new ArgumentError(`fits[${k}]`, 'a result like fits[0]', fit)
      return one
    })
    return rankModels(compared, (i, j) => compareTwo(own[i], own[j], nested) as Comparison)
  }
  const ofFit = (fit: unknown) => (isFit(fit) ? toCompared(fit) : undefined)
  if (isFit(fits[0])) return rank(fits as Fit[], ofFit)
  if (!fits.every(isFitManyResult)) return rank(fits as AnyFit[], findJointFit)
  const other = fits.findIndex(({ length }) => length !== fits[0].length)
  if (other >= 0)
    throw new ArgumentError(
      `fits[${other}]`,
      `${fits[0].length} fits, like fits[0]`,
      `${fits[other].length} fits`,
    )
  return Array.from({ length: fits[0].length }, (_, k) =>
    rank(
      fits.map((result) => result.at(k)),
      ofFit,
    ),
  )
}

function compareTwo(a: AnyFit, b: AnyFit, nested: boolean): Comparison | Comparison[] {
  if (isFit(a)) {
    if (!isFit(b)) throw new ArgumentError('b', 'a result of fit, like a', b)
    return compareAll([a], [b], nested)[0]
  }
  if (isFitManyResult(a) && isFitManyResult(b)) {
    if (b.length !== a.length) throw new ArgumentError('b', `${a.length} fits, like a`, `${b.length} fits`)
    return compareAll(toFits(a), toFits(b), nested)
  }
  const [one, other] = [findJointFit(a), findJointFit(b)]
  if (one === undefined) throw new ArgumentError('a', 'a result of fit, fitMany or fitShared', a)
  const like = jointFits.has(a) ? 'fitShared or fitMany' : 'fitMany, like a, or of fitShared'
  if (other === undefined) throw new ArgumentError('b', `a result of ${like}`, b)
  return compareJointFits(one, other, nested)
}

const isFit = (given: unknown): given is Fit => isObject(given) && fitSources.get(given) !== undefined
const isFitManyResult = (given: unknown): given is FitManyResult =>
  isObject(given) && fitManySources.get(given) !== undefined
const getSource = (fit: Fit) => fitSources.get(fit) as FitSource
const toCompared = (fit: Fit): ComparedFit => ({ result: fit, parts: [getSource(fit)] })
const toFits = (result: FitManyResult) => Array.from({ length: result.length }, (_, fit) => result.at(fit))

function compareAll(a: readonly Fit[], b: readonly Fit[], isNested: boolean): Comparison[] {
  for (const [k, fit] of a.entries())
    checkComparable(getSource(fit), getSource(b[k]), a.length === 1 ? '' : ` in fit ${k}`)
  const pairs = a.map((fit, k) => makePair(toCompared(fit), toCompared(b[k])))
  const nests: NestingCheck[] = []
  // All fits of one result have the same model.
  for (const side of ['a', 'b'] as const) {
    const some = [...pairs.keys()].filter(
      (k) => pairs[k].fullModel === side && pairs[k].unavailableBecause === '',
    )
    const fits = some.map((k) => orderByModel({ a: a[k], b: b[k], fullModel: side }))
    for (const [i, nest] of checkNesting(fits).entries()) nests[some[i]] = nest
  }
  return pairs.map((pair, k) => comparison(pair, nests[k], isNested))
}

/** All groups of a result as one joint fit. The function returns undefined if the value is not a result with groups. */
function findJointFit(given: unknown): JointFit | undefined {
  if (!isFitManyResult(given)) return isObject(given) ? jointFits.get(given)?.() : undefined
  const fits = toFits(given)
  const sum = (read: (fit: Fit) => number) => fits.reduce((all, fit) => all + read(fit), 0)
  const [chiSquared, degreesOfFreedom] = [sum((fit) => fit.chiSquared), sum((fit) => fit.degreesOfFreedom)]
  const groups = fits.map((fit) => ({ values: fit.values, parts: [getSource(fit)] }))
  return {
    result: {
      chiSquared,
      degreesOfFreedom,
      reducedChiSquared: reduceChiSquared(chiSquared, degreesOfFreedom),
      observations: sum(({ observations }) => observations),
      reason: fits.find(({ reason }) => reason !== 'converged')?.reason ?? 'converged',
      atBound: [...new Set(fits.flatMap(({ atBound }) => atBound))],
    },
    parts: groups.flatMap(({ parts }) => parts),
    groups,
    local: new Set(given.free),
    shared: new Set(),
  }
}

function compareJointFits(a: JointFit, b: JointFit, isNested: boolean): Comparison {
  const { length } = a.groups
  if (b.groups.length !== length)
    throw new ArgumentError('b', `${length} groups, like a`, `${b.groups.length} groups`)
  for (const [k, { parts }] of a.groups.entries()) {
    const others = b.groups[k].parts
    if (others.length !== parts.length)
      throw new ArgumentError('b', `${parts.length} values of the model, like a`, `${others.length} values`)
    for (const [i, part] of parts.entries()) checkComparable(part, others[i], ` in group ${k}`)
  }
  const pair = makePair(a, b)
  if (pair.unavailableBecause !== '') return comparison(pair, undefined, isNested)
  const { full, reduced } = orderByModel({ a, b, fullModel: pair.fullModel })
  const explanation = 'has another model, or shares other parameters'
  return comparison(
    pair,
    { isNested: isNestedIn(full, reduced), explanation, atBound: full.result.atBound },
    isNested,
  )
}

/**
 * Fits the full model to the curves of the reduced model. Each curve is fitted from two starts: the solution of the
 * full model, and the reduced model's values of the parameters with equal names.
 */
function checkNesting(pairs: readonly { readonly full: Fit; readonly reduced: Fit }[]): NestingCheck[] {
  if (pairs.length === 0) return []
  const { context: given } = getSource(pairs[0].full)
  const context = given.whitened?.plain ?? given
  const { problem, dropsInvalid, choice } = context
  const { functionModel } = problem
  // A residual model has no curve, so its nesting cannot be tested.
  if (functionModel?.kind === 'residuals')
    return pairs.map(() => ({ isNested: false, explanation: NOT_NESTED, atBound: [] }))
  const twice = <T>(make: (pair: (typeof pairs)[number], isOther: boolean) => T) =>
    pairs.flatMap((pair) => [make(pair, false), make(pair, true)])
  const column = (name: string) =>
    twice(({ full }) => numbersInRun(context.data.get(name) as DataColumn, getSource(full).index))
  const named = modelColumns(problem).filter((name) => !name.startsWith('@'))
  const curves = twice(({ reduced }) => reduced.predict())
  const start = replaceStarts(context, (name, isFixed) =>
    twice(({ full, reduced }, isOther) => {
      const values: Readonly<Record<string, number>> = reduced.values
      return isOther && !isFixed && Object.hasOwn(values, name) ? values[name] : full.values[name]
    }),
  )
  const met = fitManySync(
    // The cast accepts any model, because the types do not record the parameter names.
    (functionModel?.model ?? expression(problem.text)) as Expression,
    { ...createRecord(named, column), [problem.y]: curves },
    {
      start,
      y: problem.y,
      loss: problem.loss,
      engine: choice.engine,
      ...(given.whitened && { covariance: covarianceMatrix(given.whitened.covariance) }),
      ...(functionModel && { finiteDifferences: functionModel.differences }),
      ...(dropsInvalid && { missing: 'drop' }),
      ...(problem.weight !== null && { weights: column(problem.weight) }),
    },
  )
  return pairs.map(({ reduced }, k) => {
    const left = met.chiSquared
    const best = left[2 * k + 1] < left[2 * k] || Number.isNaN(left[2 * k]) ? 2 * k + 1 : 2 * k
    const atBound = problem.free.filter((name, i) => {
      const x = met.values[name][best]
      return x <= problem.min[i] || x >= problem.max[i]
    })
    return {
      isNested: left[best] <= EQUALITY_TOLERANCE * reduced.chiSquared,
      explanation: NOT_NESTED,
      atBound,
    }
  })
}
