/** The bootstrap (Efron, 1979): refits of resampled data. */

import { OptionError } from '../../core/errors.js'
import type { FloatArray } from '../../core/numbers.js'
import { plural } from '../../core/text.js'
import {
  concatenate,
  type DataColumn,
  numbersInRun,
  pickRuns,
  putRuns,
  rowOffsets,
  sharedFirst,
} from '../../many/batch/data.js'
import type { CallProgress, EngineCall } from '../../many/engines/execute.js'
import { callOptions } from '../../many/options.js'
import { choice, type GivenOf, integerBetween, type ValuesOf } from '../../options/kinds.js'
import { WordStream } from '../../random/random.js'
import { normal, poisson } from '../../random/variates.js'
import { fitReasons } from '../problem/reasons.js'
import {
  computeErrorScale,
  type FitContext,
  parameterColumn,
  replaceStarts,
  type SolvedFits,
} from '../solve/fit-context.js'
import { createWarmStartedFits } from '../solve/warm-started-fits.js'
import { linearizeCached } from './linearize.js'
import { readResponse } from './statistics.js'

const kindName = (value?: number) => integerBetween(0, 0xffff_ffff, value, '2^32 - 1')

export const bootstrapTable = {
  /**
   * Resampling method. The method 'residuals' adds resampled residuals to the fitted curve. The method
   * 'cases' resamples rows. The method 'parametric' adds normal errors to the fitted curve, or draws Poisson
   * counts for the loss 'poisson'. Default 'residuals'.
   */
  kind: choice('residuals', 'cases', 'parametric'),
  /** Number of replicates per fit, from 1 to 1,000,000. Default 1000. */
  count: integerBetween(1, 1_000_000, 1000),
  /** Seed of the random numbers, an integer from 0 to 2³² − 1. Default 0. */
  seed: kindName(0),
  /**
   * Index of the first fit, an integer from 0 to 2³² − 1. Default 0. The random numbers depend on the seed, the index
   * of the fit and the replicate. A call for a part of a batch therefore reproduces the replicates of the whole batch.
   */
  fitOffset: kindName(0),
}

export const bootstrapManyTable = {
  ...bootstrapTable,
  /** AbortSignal for the call. If the signal aborts, the promise is rejected with the reason of the signal. */
  signal: callOptions.signal,
  /**
   * Progress callback, called with the number of completed replicates and the number of all replicates. The callback is
   * called at least four times per second, and at the end.
   */
  onProgress: callOptions.onProgress,
}

/** Options of `bootstrap` for a single fit. */
export interface BootstrapOptions extends GivenOf<typeof bootstrapTable> {}
/** Options of `bootstrap` for results of `fitMany` and `fitShared`. */
export interface BootstrapManyOptions extends GivenOf<typeof bootstrapManyTable> {}
export type BootstrapValues = ValuesOf<typeof bootstrapTable>
export type BootstrapManyValues = ValuesOf<typeof bootstrapManyTable>

/**
 * Maximum number of replicates per batch, and maximum number of values in the data of a batch. The limits keep the
 * event loop responsive.
 */
const MAX_RUNS = 8192
const MAX_NUMBERS = 1 << 22
/** Minimum number of replicates per batch. A full SIMD vector of replicates takes no longer than a single replicate. */
const MIN_VECTOR = 8
/** Maximum number of values of all replicates of a call. The values take up to 1 GiB of memory. */
export const MAX_REPLICATES = 134_217_728

/** Context of the data to resample, for fits or for groups of a fit with shared parameters. */
export type ResamplingContext = Pick<
  FitContext,
  'problem' | 'columns' | 'observations' | 'starts' | 'isAbsolute' | 'errorScale'
> & { readonly solved: Pick<SolvedFits, 'free' | 'errors' | 'cost' | 'atBound' | 'reason'> }

/** Results of all replicates. The replicates of one fit are adjacent. */
export interface Replicates {
  /**
   * Values of the free and derived parameters. The values of a replicate are NaN if the replicate failed or was not
   * run.
   */
  readonly values: Readonly<Record<string, Float64Array>>
  /** Reasons why the replicates ended, as indices into `fitReasons`. The index is 0 if a replicate was not run. */
  readonly reason: Uint8Array
}

export const CONVERGED = fitReasons.indexOf('converged')

/** Explanation why a fit cannot be resampled, or an empty string if the fit can be resampled. */
export function unavailableBecause(
  context: ResamplingContext,
  fit: number,
  { kind }: BootstrapValues,
): string {
  if (context.solved.reason[fit] !== CONVERGED) return 'the fit has not converged'
  const needsFreedom = kind === 'residuals' || (kind === 'parametric' && !context.isAbsolute)
  return needsFreedom && computeErrorScale(context, fit).degreesOfFreedom <= 0
    ? 'no degrees of freedom are left'
    : ''
}

/**
 * @throws OptionError if the resampling method does not suit the loss, or if the replicates need too much
 * memory
 */
export function checkBootstrap(context: FitContext, fits: number, { kind, count }: BootstrapValues): void {
  if (kind === 'residuals' && context.problem.loss === 'poisson') {
    throw new OptionError('kind', "'cases' or 'parametric' for counts", kind)
  }
  if (kind === 'cases') context.problem.graph.linkedRows?.refuse('kind')
  const names = context.parameters.filter(isVarying).length
  const most = Math.floor(MAX_REPLICATES / (fits * names))
  if (count > most)
    throw new OptionError(
      'count',
      `at most ${most} for ${plural(fits, 'fit')} with ${plural(names, 'parameter')}`,
      count,
    )
}

const isVarying = ({ isFixed, expr }: FitContext['parameters'][number]) => !isFixed || expr !== null

/** Resamples and refits the given fits. All engine calls use the engine that ran the original fits. */
export function* runBootstrap(
  context: FitContext,
  fits: readonly number[],
  options: BootstrapValues,
  progress?: CallProgress,
): Generator<EngineCall, Replicates> {
  const { count } = options
  const names = context.parameters.filter(isVarying).map(({ name }) => name)
  const values = Object.fromEntries(
    names.map((name) => [name, new Float64Array(fits.length * count).fill(NaN)]),
  )
  const reason = new Uint8Array(fits.length * count)
  const ready = Uint32Array.from(fits.keys()).filter(
    (k) => unavailableBecause(context, fits[k], options) === '',
  )
  const total = ready.length * count
  if (progress) progress.total = total
  const draws = new Resampler(context, options)
  const drawn = options.kind === 'cases' ? context.columns.size : 1
  for (let done = 0; done < total; ) {
    const placeOf = (run: number) => ready[Math.floor(run / count)]
    const last = Math.min(total, done + MAX_RUNS)
    let end = done
    for (let numbers = 0; end < last && (numbers <= MAX_NUMBERS || end < done + MIN_VECTOR); end++) {
      numbers += context.observations[fits[placeOf(end)]] * drawn
    }
    const [own, replicates, at] = [0, 1, 2].map(() => new Uint32Array(end - done))
    for (let k = 0; k < own.length; k++) {
      own[k] = fits[placeOf(done + k)]
      replicates[k] = (done + k) % count
      at[k] = placeOf(done + k) * count + replicates[k]
    }
    const refits = refitDraws(context, { fits: own, replicates }, draws)
    yield* refits.calls()
    const result = refits.result()
    putRuns(reason, at, result.reason)
    for (const name of names) {
      const column = result.values[name]
      for (let k = 0; k < own.length; k++) if (result.reason[k] !== CONVERGED) column[k] = NaN
      putRuns(values[name], at, column)
    }
    done = end
    progress?.advance(done)
    yield
  }
  return { values, reason }
}

/** Indices of the fit and of the replicate of each run. */
interface ReplicateRuns {
  readonly fits: Uint32Array
  readonly replicates: Uint32Array
}

function refitDraws(context: FitContext, runs: ReplicateRuns, draws: Resampler) {
  const { columns } = context
  const { fits } = runs
  const isOne = fits[0] === fits[fits.length - 1]
  const offsets = rowOffsets(fits.length, (k) => context.observations[fits[k]])
  const made = [...columns].map(([name, column]): [string, DataColumn] => {
    if (draws.columns.includes(name)) return [name, new ResampledColumn(draws, name, runs, offsets)]
    // A column that all runs share is stored once.
    if (isOne || column.offsets === null)
      return [name, { numbers: numbersInRun(column, fits[0]), offsets: null }]
    return [name, concatenate(Array.from(fits, (fit) => numbersInRun(column, fit)))]
  })
  const start = replaceStarts(context, (name) => pickRuns(parameterColumn(context, name), fits))
  return createWarmStartedFits(context, sharedFirst(new Map(made)), start)
}

/**
 * A resampled column. The rows are drawn on request, because programs request the rows of only a few replicates at a
 * time.
 */
class ResampledColumn implements DataColumn {
  readonly offsets: Float64Array
  readonly #draws: Resampler
  readonly #names: readonly string[]
  readonly #runs: ReplicateRuns
  /** The array that was written last, in the form that `draw` expects. */
  #target: readonly FloatArray[] = []
  #all: Float64Array | null = null

  constructor(draws: Resampler, name: string, runs: ReplicateRuns, offsets: Float64Array) {
    this.offsets = offsets
    this.#draws = draws
    this.#names = [name]
    this.#runs = runs
  }

  get numbers(): Float64Array {
    if (this.#all !== null) return this.#all
    const { length } = this.#runs.fits
    const all = new Float64Array(this.offsets[length])
    for (let run = 0; run < length; run++) this.write(run, all, this.offsets[run], 1)
    this.#all = all
    return all
  }

  write(run: number, to: FloatArray, from: number, stride: number): void {
    if (this.#all !== null) {
      const numbers = numbersInRun(this, run)
      for (let row = 0; row < numbers.length; row++) to[from + row * stride] = numbers[row]
      return
    }
    const { fits, replicates } = this.#runs
    if (this.#target[0] !== to) this.#target = [to]
    // Each column draws the rows again, because drawing rows is faster than storing rows.
    this.#draws.draw(fits[run], replicates[run], { names: this.#names, to: this.#target, from, stride })
  }
}

/** Draws the resampled data of replicates. */
class Resampler {
  /** Names of the columns that resampling changes. */
  readonly columns: readonly string[]
  readonly #context: FitContext
  readonly #options: BootstrapValues
  readonly #words = new WordStream()
  /** Index of the fit to which `#method` belongs. The replicates of one fit are adjacent. */
  #fit = -1
  #method: DrawMethod | null = null

  constructor(context: FitContext, options: BootstrapValues) {
    this.columns = options.kind === 'cases' ? [...context.columns.keys()] : [context.problem.y]
    this.#context = context
    this.#options = options
  }

  /** Writes the rows of one replicate. */
  draw(fit: number, replicate: number, target: DrawTarget): void {
    const { kind, seed, fitOffset } = this.#options
    if (fit !== this.#fit || this.#method === null) this.#method = new resamplers[kind](this.#context, fit)
    this.#fit = fit
    this.#words.seed(seed, (fitOffset + fit) >>> 0, replicate)
    this.#method.draw(this.#words, target)
  }
}

/** Resampling method for one fit. Successive calls draw from the same random stream. */
export interface DrawMethod {
  draw(words: WordStream, target: DrawTarget): void
}

/** Arrays that receive the rows of a replicate, starting at an index. */
interface DrawTarget {
  readonly names: readonly string[]
  readonly to: readonly FloatArray[]
  readonly from: number
  readonly stride: number
}

class Residuals implements DrawMethod {
  readonly #curve: Float64Array
  readonly #deviations: Float64Array
  readonly #pool: Float64Array
  readonly #rows: Uint32Array

  constructor(context: ResamplingContext, fit: number) {
    const { curve, y, deviations, rows } = fittedCurve(context, fit)
    const residuals = y.map((measured, row) => (measured - curve[row]) / deviations[row])
    const mean = residuals.reduce((sum, residual) => sum + residual, 0) / rows
    // The residuals are scaled up, because the fitted curve is closer to the data than the true curve.
    const whole = computeErrorScale(context, fit)
    const larger = Math.sqrt(whole.observations / whole.degreesOfFreedom)
    this.#pool = residuals.map((residual) => (residual - mean) * larger)
    this.#curve = curve
    this.#deviations = deviations
    this.#rows = new Uint32Array(rows)
  }

  draw(words: WordStream, { to: [to], from, stride }: DrawTarget): void {
    const rows = this.#rows
    const [curve, deviations, pool] = [this.#curve, this.#deviations, this.#pool]
    words.fill(rows, rows.length)
    for (let row = 0; row < rows.length; row++) {
      to[from + row * stride] = curve[row] + deviations[row] * pool[rows[row]]
    }
  }
}

class Cases implements DrawMethod {
  readonly #columns: ReadonlyMap<string, Float64Array>
  readonly #rows: Uint32Array

  constructor(context: ResamplingContext, fit: number) {
    this.#columns = new Map([...context.columns].map(([name, column]) => [name, numbersInRun(column, fit)]))
    this.#rows = new Uint32Array(context.observations[fit])
  }

  draw(words: WordStream, { names, to, from, stride }: DrawTarget): void {
    const rows = this.#rows
    words.fill(rows, rows.length)
    for (let k = 0; k < names.length; k++) {
      const numbers = this.#columns.get(names[k]) as Float64Array
      const column = to[k]
      for (let row = 0; row < rows.length; row++) column[from + row * stride] = numbers[rows[row]]
    }
  }
}

class Parametric implements DrawMethod {
  readonly #rows: number
  readonly #measured: (row: number, next: () => number) => number

  constructor(context: ResamplingContext, fit: number) {
    const { curve, weights, deviations, rows } = fittedCurve(context, fit)
    // A row of weight w stands for w counts with the same mean.
    const count = (row: number, next: () => number) => poisson(curve[row] * weights[row], next) / weights[row]
    const whole = computeErrorScale(context, fit)
    const size = context.isAbsolute ? 1 : Math.sqrt(whole.cost / whole.degreesOfFreedom)
    const value = (row: number, next: () => number) => curve[row] + size * deviations[row] * normal(next)
    this.#measured = context.problem.loss === 'poisson' ? count : value
    this.#rows = rows
  }

  draw(words: WordStream, { to: [to], from, stride }: DrawTarget): void {
    const { next } = words
    for (let row = 0; row < this.#rows; row++) to[from + row * stride] = this.#measured(row, next)
  }
}

/** Resampling methods by the option `kind`. */
export const resamplers = { residuals: Residuals, cases: Cases, parametric: Parametric }

/** Fitted curve at the rows in use, with the response, the weights, and the relative standard deviations. */
function fittedCurve(context: ResamplingContext, fit: number) {
  const { y, weights = new Float64Array(y.length).fill(1) } = readResponse(context, fit)
  const deviations = weights.map((weight) => 1 / Math.sqrt(weight))
  return { curve: linearizeCached(context, fit).curve, y, weights, deviations, rows: y.length }
}
