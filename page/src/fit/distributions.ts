/** Fits with a distribution of the response. This module is loaded on demand. */

import { expression } from 'antigrad'
import {
  binomial,
  type FitManyOptions,
  fitMany,
  gamma,
  type LikelihoodResult,
  lognormal,
  negativeBinomial,
  normal,
  poisson,
  profile,
  student,
} from 'antigrad/fit'
import { type WrappedFit, wrap } from './displayed-fit.js'
import { namesIn, noiseOptions } from './noise.js'
import { withProfiles } from './profiles.js'
import type { Progress } from './progress.js'
import type { FitPageState } from './state.js'
import { type FitTask, START } from './task.js'

type Columns = Readonly<Record<string, Float64Array | Float64Array[]>>
type FitStart = NonNullable<FitManyOptions['start']>

const distributions = { normal, lognormal, student, poisson, negativeBinomial, binomial, gamma }

/** @throws Error with a sentence if the number of trials is missing; OptionError if an option is invalid */
function makeDistribution(state: FitPageState): ReturnType<typeof normal> {
  const { distribution } = state
  if (distribution === '') throw new Error('Least squares have no distribution.')
  const make = distributions[distribution] as (options?: object) => ReturnType<typeof normal>
  return distribution === 'poisson' ? make() : make(noiseOptions(state))
}

export interface LikelihoodInput {
  readonly task: FitTask
  readonly state: FitPageState
  readonly columns: Columns
  /** Options of the fit. The first fit, by least squares, begins at their starting values. */
  readonly options: FitManyOptions
}

/** The result, and the starting values. */
export interface LikelihoodOutcome {
  readonly result: LikelihoodResult
  readonly start: FitStart
}

/**
 * Fits by least squares first, and then by maximum likelihood from these estimates.
 *
 * @throws (rejects with) the errors of the library; the reason of the signal
 */
export async function fitLikelihoods({
  task,
  state,
  columns,
  options,
}: LikelihoodInput): Promise<LikelihoodOutcome> {
  const distribution = makeDistribution(state)
  const { derive, onProgress, ...rest } = options
  const given = options.start ?? {}
  const ofModel = Object.fromEntries(Object.entries(given).filter(([name]) => !task.noise.includes(name)))
  const isOfCounts = state.distribution === 'poisson' || state.distribution === 'negativeBinomial'
  const first = await fitMany(task.model, toProportions(columns, task, state), {
    ...rest,
    start: ofModel,
    ...(isOfCounts && { loss: 'poisson' }),
  })
  const count = first.length
  const each = (at: (fit: number) => number) => {
    const numbers = Array.from({ length: count }, (_, fit) => at(fit))
    return numbers.every(Number.isFinite) ? (count === 1 ? numbers[0] : numbers) : undefined
  }
  const start = Object.fromEntries(
    Object.entries(given).map(([name, entry]) => {
      const { start: own, expr, ...other } = entry as { start?: number; expr?: string; fixed?: boolean }
      if (expr !== undefined || other.fixed) return [name, entry]
      const isNoise = task.noise.includes(name)
      if (isNoise && state.parameters[name]?.start !== undefined) return [name, entry]
      const found = isNoise
        ? each((fit) =>
            noiseStart(name, state, Math.sqrt(first.reducedChiSquared[fit]), meanSize(columns, task, fit)),
          )
        : each((fit) => first.values[name][fit])
      const value = found ?? own
      return [name, value === undefined ? other : { ...other, start: value }]
    }),
  ) as FitStart
  const result = await fitMany(task.model, columns, { ...options, start, distribution } as never)
  return { result: result as unknown as LikelihoodResult, start }
}

/** The columns with proportions instead of numbers of successes, for least squares. */
function toProportions(columns: Columns, { names, shownY, y }: FitTask, state: FitPageState): Columns {
  if (shownY === y) return columns
  const { trials } = noiseOptions(state)
  const divide = (counts: Float64Array, totals: Float64Array | undefined) =>
    counts.map((count, row) => count / (totals ? totals[row] : Number(trials)))
  const [counts, totals] = [columns[names.y], columns[trials]]
  return {
    ...columns,
    [names.y]: Array.isArray(counts)
      ? counts.map((one, fit) => divide(one, (totals as Float64Array[] | undefined)?.[fit]))
      : divide(counts, totals as Float64Array | undefined),
  }
}

/** Mean size of the response of a fit. */
function meanSize(columns: Columns, { names }: FitTask, fit: number): number {
  const given = columns[names.y]
  const y = Array.isArray(given) ? given[fit] : given
  return y.reduce((sum, one) => sum + Math.abs(one), 0) / y.length
}

/**
 * Starting value of a parameter of the distribution. In a scale that is linear in the parameter, such as `prop*f`, the
 * scale of a response of mean size becomes the scatter of the first fit.
 */
function noiseStart(name: string, state: FitPageState, scatter: number, size: number): number {
  if (state.distribution === 'gamma') return (size / scatter) ** 2
  if (!['normal', 'student', 'lognormal'].includes(state.distribution)) return START
  const { sigma } = noiseOptions(state)
  const names = namesIn(sigma)
  if (!names.includes(name)) return START
  const unit = expression(sigma).value(names.map((one) => (one === name ? 1 : one === 'f' ? size : 0)))
  const target = state.distribution === 'lognormal' ? scatter / size : scatter
  const value = target / unit
  return value > 0 && value < Infinity ? value : START
}

/** Work whose progress the page shows. */
interface LikelihoodWork {
  readonly signal: AbortSignal
  readonly onProgress: (done: number, total: number) => void
  readonly progress: Pick<Progress, 'begin'>
  readonly hasProfiles: boolean
}

/**
 * The fits with Pearson residuals, and with profile intervals if they are requested.
 *
 * @throws (rejects with) the errors of the library; the reason of the signal
 */
export async function fitWithDistribution(
  input: LikelihoodInput,
  { signal, onProgress, progress, hasProfiles }: LikelihoodWork,
): Promise<{ readonly fits: readonly WrappedFit[]; readonly start: FitStart }> {
  const { result, start } = await fitLikelihoods({
    ...input,
    options: { ...input.options, signal, onProgress },
  })
  const fits = Array.from({ length: result.length }, (_, k) => {
    const fit = result.at(k)
    return wrap(fit, fit, { residuals: fit.residualsOf('pearson') })
  })
  if (!hasProfiles) return { fits, start }
  progress.begin('Computing profile intervals…')
  const profiles = await profile(result, undefined, { signal, onProgress })
  return { fits: fits.map((fit, k) => withProfiles(fit, profiles, k)), start }
}
