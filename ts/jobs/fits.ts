/** Fits of a table, and requests for such fits. */

import { OptionError } from '../core/errors.js'
import { toCamelCase } from '../core/text.js'
import { createRecord, omitUndefined } from '../core/untrusted-input.js'
import type { EngineName } from '../engines/engine.js'
import type { Expression } from '../expressions/expression.js'
import { type Comparison, compare } from '../fits/analysis/compare.js'
import { tryLackOfFit } from '../fits/analysis/lack-of-fit.js'
import { profile } from '../fits/analysis/profile.js'
import { createFits } from '../fits/fit/fit-many.js'
import type { OutlierMethod } from '../fits/fit/outlier-method.js'
import type { ResponseCovariance } from '../fits/fit/response-covariance.js'
import type { Fit, FitManyResult } from '../fits/fit/result.js'
import type { Loss } from '../fits/problem/loss.js'
import { fitReasons } from '../fits/problem/reasons.js'
import { profileIntervals } from '../fits/profiles/profile-intervals.js'
import type { Distribution } from '../fits/solve/distribution.js'
import type { PerRunData } from '../many/batch/data.js'
import { execute } from '../many/engines/execute.js'
import type { ColumnRequest, Table } from '../tables/read-csv.js'
import { type ModelInput, type ModelSelection, readModel, readModels } from './model.js'

/** A request for fits, with the option names of the command line. The request does not specify where the fits run. */
export interface FitsRequest extends ModelSelection {
  readonly y: string
  readonly sigma?: string | undefined
  readonly weights?: string | undefined
  readonly absoluteSigma?: boolean | undefined
  readonly loss: string
  readonly lossScale?: number | undefined
  readonly compare?: string | undefined
  readonly derive?: Readonly<Record<string, string>> | undefined
  readonly profile?: boolean | undefined
  readonly multiStart?: number | undefined
  readonly tolerance: number
  readonly maxIterations: number
}

/** A distribution of the response, with the names and the columns that it needs. */
export interface ErrorModel {
  readonly distribution: Distribution
  /** Names in the expressions of the distribution: parameters, or columns of the model. */
  readonly names: readonly string[]
  /** Further columns, by the names that the distribution uses. */
  readonly columns: readonly (ColumnRequest & { readonly name: string })[]
}

/** The engine that performs the work. The results of all engines are bit-identical. */
export interface ExecutionOptions {
  readonly engine?: EngineName | undefined
  readonly threads?: number | undefined
}

/** The models of a request, and the columns that the models need. */
export interface ResolvedFits {
  readonly model: ModelInput
  readonly other: ModelInput | undefined
  /** Further models of `--model`, which are ranked together with the first model. */
  readonly rivals: readonly ModelInput[]
  /** The distinct columns that the models of the request use. */
  readonly x: readonly string[]
  /** Columns in reading order: first the columns of the models, then y, and then σ or weights. */
  readonly columns: readonly ColumnRequest[]
}

/** The comparison of a fit with a fit of another model, and the equations of both models. */
export interface ModelComparison {
  readonly comparison: Comparison
  readonly fit: Fit
  readonly texts: readonly [string, string]
}

/** The columns of a table; the columns of the models come first. */
export type FitColumns = Pick<Table, 'columns'> & {
  readonly covariance?: ResponseCovariance | undefined
}

/**
 * @param rivals further models, which are ranked together with the first model
 * @throws OptionError, ExpressionError if the request is invalid
 */
export function readFits(
  asked: FitsRequest,
  rivals: readonly string[] = [],
  errorModel?: ErrorModel,
): ResolvedFits {
  const others = asked.compare === undefined ? rivals : [asked.compare]
  const models = others.length === 0 ? [readModel(asked)] : readModels(asked, others)
  if (others.length > 0 && errorModel === undefined)
    checkComparable(asked.compare === undefined ? '--model' : '--compare', asked)
  const x = [...new Set(models.flatMap((model) => Object.values(model.x)))]
  const [model, ...more] = models
  const [other] = asked.compare === undefined ? [] : more
  const columns = requestColumns(x, model, asked, errorModel)
  return { model, other, rivals: other ? [] : more, x, columns }
}

function requestColumns(
  x: readonly string[],
  model: ModelInput,
  { y, sigma, weights, loss, ode }: FitsRequest,
  errorModel: ErrorModel | undefined,
): ColumnRequest[] {
  const { observables } = model
  const time = ode && (model.x[ode.time] as string)
  const canMiss = ode !== undefined && (ode.hasRowDoses || observables !== undefined)
  const missing = { isOptional: true } as const
  const wanted: ColumnRequest[] = x.map((column) => ({
    option: '--x',
    column,
    ...(canMiss && column !== time && missing),
  }))
  for (const column of observables ?? []) wanted.push({ option: '--ode', column, ...missing })
  if (observables === undefined)
    wanted.push({
      option: '--y',
      column: y,
      ...(loss === 'poisson' && { sign: 'at least 0' }),
      ...(canMiss && missing),
    })
  if (errorModel) return [...wanted, ...errorModel.columns]
  if (isColumn(sigma)) wanted.push({ option: '--sigma', column: sigma, sign: 'above 0' })
  if (isColumn(weights)) wanted.push({ option: '--weights', column: weights, sign: 'at least 0' })
  return wanted
}

/** Rejects requests whose models cannot be compared, before any fit runs. */
function checkComparable(option: string, { sigma, weights, loss }: FitsRequest): void {
  const text = [sigma, weights].find((given) => given !== undefined && !isColumn(given))
  if (text !== undefined)
    throw new OptionError(option, 'a column for sigma or weights (comparisons do not support formulas)', text)
  if (loss === 'squared' || loss === 'poisson') return
  throw new OptionError(option, 'the loss squared or poisson (other losses are not likelihoods)', loss)
}

/** Whether the value names a column; a formula for the value starts with =. */
export function isColumn(given: string | undefined): given is string {
  return given?.startsWith('=') === false
}

/** Options of a call that are not part of the request. */
export interface FitCallOptions extends ExecutionOptions {
  readonly outliers?: OutlierMethod | undefined
  readonly errorModel?: ErrorModel | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

/** Creates the fits of a table with one model, but does not start them. */
export function startFits(
  source: FitColumns,
  model: ModelInput,
  x: readonly string[],
  asked: FitsRequest,
  call: FitCallOptions,
) {
  const { multiStart, derive, profile } = asked
  const { columns, covariance } = source
  // A single fit passes plain columns instead of arrays of one column, because copies of plain columns are smaller.
  const given = columns.map((lists) => (lists.length === 1 ? lists[0] : lists))
  const { data, settings } = makeFitSettings(given, x, model, asked, call)
  return createFits(model.model as Expression, data as PerRunData, {
    ...settings,
    ...omitUndefined<unknown>({ multiStart, derive, covariance }),
    ...omitUndefined<unknown>({ onProgress: call.onProgress, outliers: call.outliers }),
    ...(profile && { intervals: profileIntervals() }),
  })
}

/** The data and the options of fits. The first data columns belong to the model. */
export function makeFitSettings(
  given: readonly (Float64Array | readonly Float64Array[])[],
  x: readonly string[],
  model: ModelInput,
  asked: FitsRequest,
  { engine, threads, signal, errorModel }: FitCallOptions,
) {
  const { tolerance, maxIterations, lossScale, absoluteSigma } = asked
  // The name of the response: y, with underscores appended until the model does not use the name.
  let y = 'y'
  while (model.names.includes(y)) y += '_'
  const ofModel = Object.keys(model.x).map((name) => [name, given[x.indexOf(model.x[name])]] as const)
  const responses = model.observables ?? [y]
  const further = [...responses, ...(errorModel?.columns.map(({ name }) => name) ?? [])]
  const own = [...ofModel, ...further.map((name, k) => [name, given[x.length + k]] as const)]
  const weightsOf = (by: string | undefined) =>
    by?.startsWith('=') ? by.slice(1) : by === undefined ? undefined : given[x.length + responses.length]
  const settings = {
    start: model.start,
    ...(model.observables === undefined && { y }),
    tolerance,
    maxIterations,
    loss: toCamelCase(asked.loss) as Loss,
    ...(errorModel === undefined &&
      omitUndefined({ sigma: weightsOf(asked.sigma), weights: weightsOf(asked.weights) })),
    ...omitUndefined<unknown>({ engine, threads, signal, lossScale, absoluteSigma }),
  }
  return { data: Object.fromEntries(own), settings }
}

/** Compares the fits of two models; undefined if a fit of the second model is unfinished. */
export function compareModels(
  found: FitManyResult,
  others: FitManyResult,
  texts: readonly [string, string],
): ModelComparison[] | undefined {
  if (others.reason.some((reason) => fitReasons[reason] === null)) return undefined
  return compare(found, others).map((comparison, k) => ({ comparison, fit: others.at(k), texts }))
}

/**
 * Runs the fits of a table, one fit per group, and returns lines of JSON.
 *
 * @throws (rejects with) OptionError if the data are invalid; the reason of the signal
 */
export async function fitsAsJsonLines(
  { columns, groups }: Pick<Table, 'columns' | 'groups'>,
  { model, other, x }: ResolvedFits,
  asked: FitsRequest,
  call: FitCallOptions,
): Promise<string[]> {
  const fitted = async (model: ModelInput, asked: FitsRequest) => {
    const fits = startFits({ columns }, model, x, asked, call)
    await execute(fits.choice, fits.calls(), call.signal, () => fits.release())
    return fits.result()
  }
  const found = await fitted(model, asked)
  const beside =
    other && compareModels(found, await fitted(other, withoutDerived(asked)), [model.text, other.text])
  return groups.map((group, k) => toJson(found.at(k), group, asked.profile === true, beside?.[k]))
}

/** Only the first model has derived quantities. */
export const withoutDerived = ({ derive: _, ...rest }: FitsRequest): FitsRequest => rest

/** The JSON fields of a fit, and the JSON fields of the compared model's fit. */
const FIT_FIELDS = [
  ...(['reason', 'message', 'values', 'errors', 'free', 'atBound', 'unidentifiable', 'covariance'] as const),
  ...(['chiSquared', 'reducedChiSquared', 'rSquared', 'aic', 'bic'] as const),
  ...(['observations', 'degreesOfFreedom', 'evaluations'] as const),
] as const
const COMPARED_FIELDS = [
  'values',
  'errors',
  'chiSquared',
  'observations',
  'degreesOfFreedom',
  'reason',
] as const

/**
 * Converts a fit to a line of JSON; numbers that are not finite become null.
 *
 * @param more further fields
 */
export function toJson(
  fit: Fit,
  group: string | undefined,
  isProfiled: boolean,
  beside: ModelComparison | undefined,
  more: Readonly<Record<string, unknown>> = {},
): string {
  return JSON.stringify({
    group,
    ...createRecord(FIT_FIELDS, (name) => fit[name]),
    ...(fit.minima.length > 0 && { minima: fit.minima }),
    ...(fit.outliers.length > 0 && { outliers: fit.outliers }),
    lackOfFit: tryLackOfFit(fit),
    ...(isProfiled && { profile: profile(fit) }),
    ...(beside && {
      compare: {
        ...beside.comparison,
        models: beside.texts,
        b: createRecord(COMPARED_FIELDS, (name) => beside.fit[name]),
      },
    }),
    ...omitUndefined<unknown>(more),
  })
}
