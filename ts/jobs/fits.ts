/** Fits of a table: what is asked, and the fits that it makes. */

import { OptionError } from '../core/errors.js'
import { toCamelCase } from '../core/text.js'
import { createRecord, omitUndefined } from '../core/untrusted-input.js'
import type { EngineName } from '../engines/engine.js'
import { type Comparison, compare } from '../fits/analysis/compare.js'
import { profile } from '../fits/analysis/profile.js'
import { createFits } from '../fits/fit/fit-many.js'
import type { Fit, FitManyResult } from '../fits/fit/result.js'
import type { Loss } from '../fits/problem/loss.js'
import { fitReasons } from '../fits/problem/reasons.js'
import { profileIntervals } from '../fits/profiles/profile-intervals.js'
import type { PerRunData } from '../many/batch/data.js'
import { execute } from '../many/engines/execute.js'
import type { ColumnRequest, Table } from '../tables/read-csv.js'
import { type ModelInput, type ModelSelection, readModel, readModels } from './model.js'

/** What is asked of fits, by the names of the command line's options; none of it says where they run. */
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

/** Where something runs; no bit depends on it. */
export interface ExecutionOptions {
  readonly engine?: EngineName | undefined
  readonly threads?: number | undefined
}

/** The models of fits, and the columns that they want. */
export interface ResolvedFits {
  readonly model: ModelInput
  readonly other: ModelInput | undefined
  /** Columns of both models, each of them once. */
  readonly x: readonly string[]
  /** In the order in which they are read: the models', y, and σ or weights. */
  readonly columns: readonly ColumnRequest[]
}

/** A fit's comparison with one of another model, and the equations of both. */
export interface ModelComparison {
  readonly comparison: Comparison
  readonly fit: Fit
  readonly texts: readonly [string, string]
}

/** The columns of a table, which begin with those of models. */
export type FitColumns = Pick<Table, 'columns'> & {
  readonly covariance?: readonly ArrayLike<number>[] | undefined
}

/** @throws OptionError, ExpressionError where what is asked makes no sense */
export function readFits(asked: FitsRequest): ResolvedFits {
  const [model, other] = asked.compare === undefined ? [readModel(asked)] : readModels(asked, asked.compare)
  checkComparable(asked)
  const x = [...new Set([model, other].flatMap((model) => Object.values(model?.x ?? {})))]
  return { model, other, x, columns: requestColumns(x, asked) }
}

function requestColumns(x: readonly string[], { y, sigma, weights, loss }: FitsRequest): ColumnRequest[] {
  const wanted: ColumnRequest[] = x.map((column) => ({ option: '--x', column }))
  wanted.push({ option: '--y', column: y, ...(loss === 'poisson' && { sign: 'at least 0' }) })
  if (isColumn(sigma)) wanted.push({ option: '--sigma', column: sigma, sign: 'above 0' })
  if (isColumn(weights)) wanted.push({ option: '--weights', column: weights, sign: 'at least 0' })
  return wanted
}

/** What fits cannot be compared by is told of before they are made. */
function checkComparable({ compare, sigma, weights, loss }: FitsRequest): void {
  if (compare === undefined) return
  const text = [sigma, weights].find((given) => given !== undefined && !isColumn(given))
  if (text !== undefined)
    throw new OptionError(
      '--compare',
      'a column for sigma or weights (--compare does not support formulas)',
      text,
    )
  if (loss === 'squared' || loss === 'poisson') return
  throw new OptionError('--compare', 'the loss squared or poisson: no other is a likelihood', loss)
}

/** What follows from the model's value is a text after =. */
export function isColumn(given: string | undefined): given is string {
  return given?.startsWith('=') === false
}

/** What calls of fits have beside what is asked. */
export interface FitCallOptions extends ExecutionOptions {
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

/** Fits of a table with one of the models, not begun. */
export function startFits(
  source: FitColumns,
  model: ModelInput,
  x: readonly string[],
  asked: FitsRequest,
  call: FitCallOptions,
) {
  const { multiStart, derive, profile } = asked
  const { columns, covariance } = source
  // The one fit of all rows has columns, and not lists of one: copies are smaller.
  const given = columns.map((lists) => (lists.length === 1 ? lists[0] : lists))
  const { data, settings } = makeFitSettings(given, x, model, asked, call)
  return createFits(model.model, data as PerRunData, {
    ...settings,
    ...omitUndefined({ multiStart, derive, covariance, onProgress: call.onProgress }),
    ...(profile && { intervals: profileIntervals() }),
  })
}

/** The data and options of fits, by a table's columns, of which the first are x. */
export function makeFitSettings(
  given: readonly (Float64Array | readonly Float64Array[])[],
  x: readonly string[],
  model: ModelInput,
  asked: FitsRequest,
  { engine, threads, signal }: FitCallOptions,
) {
  const { tolerance, maxIterations, lossScale, absoluteSigma } = asked
  // Whatever the file calls it: a name that the model has not.
  let y = 'y'
  while (model.names.includes(y)) y += '_'
  const ofModel = Object.keys(model.x).map((name) => [name, given[x.indexOf(model.x[name])]] as const)
  const own = [...ofModel, [y, given[x.length]] as const]
  const weightsOf = (by: string | undefined) =>
    by?.startsWith('=') ? by.slice(1) : by === undefined ? undefined : given[x.length + 1]
  const settings = {
    start: model.start,
    y,
    tolerance,
    maxIterations,
    loss: toCamelCase(asked.loss) as Loss,
    ...omitUndefined({ sigma: weightsOf(asked.sigma), weights: weightsOf(asked.weights) }),
    ...omitUndefined<unknown>({ engine, threads, signal, lossScale, absoluteSigma }),
  }
  return { data: Object.fromEntries(own), settings }
}

/** The fits of both models beside each other; undefined where those of the other one were not all done. */
export function compareModels(
  found: FitManyResult,
  others: FitManyResult,
  texts: readonly [string, string],
): ModelComparison[] | undefined {
  if (others.reason.some((reason) => fitReasons[reason] === null)) return undefined
  return compare(found, others).map((comparison, k) => ({ comparison, fit: others.at(k), texts }))
}

/**
 * The fits of a table, group by group, as lines of JSON.
 *
 * @throws (rejects with) OptionError where the data will not do; the signal's reason
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

/** What is derived is the first model's. */
export const withoutDerived = ({ derive: _, ...rest }: FitsRequest): FitsRequest => rest

/** What a line of JSON has of a fit, and what of one of another model. */
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

/** A fit's line of JSON; what is no number is null. */
export function toJson(
  fit: Fit,
  group: string | undefined,
  isProfiled: boolean,
  beside: ModelComparison | undefined,
): string {
  return JSON.stringify({
    group,
    ...createRecord(FIT_FIELDS, (name) => fit[name]),
    ...(fit.minima.length > 0 && { minima: fit.minima }),
    ...(isProfiled && { profile: profile(fit) }),
    ...(beside && {
      compare: {
        ...beside.comparison,
        models: beside.texts,
        b: createRecord(COMPARED_FIELDS, (name) => beside.fit[name]),
      },
    }),
  })
}
