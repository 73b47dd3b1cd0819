/** Results of the bootstrap. */

import { checkIndex } from '../../core/errors.js'
import { createRecord, mapRecord } from '../../core/untrusted-input.js'
import { pickRuns } from '../../many/batch/data.js'
import { choice, type GivenOf } from '../../options/kinds.js'
import { readOption, readOptions } from '../../options/read.js'
import { probability } from '../problem/confidence-level.js'
import { type FitReason, fitReasons } from '../problem/reasons.js'
import { type FitContext, hasBit } from '../solve/fit-context.js'
import type { BandContext } from './bands.js'
import {
  type BootstrapValues,
  CONVERGED,
  type Replicates,
  type ResamplingContext,
  unavailableBecause,
} from './bootstrap.js'
import { covarianceEntry, evaluateParameter, parameterPoint } from './estimates.js'
import { fProbability } from './f-distribution.js'
import { evaluateModel, linearizeCached, type RequestedColumns } from './linearize.js'
import { studentQuantile } from './student-t.js'

const methodOption = choice('bca', 'percentile')
/** Method that computes interval endpoints from the replicates. */
export type BootstrapMethod = 'bca' | 'percentile'

const bandOptionTable = {
  /** Confidence level of the band in each row, between 0 and 1. Default 0.95. */
  level: probability,
  /** Interval method: 'bca', corrected for bias and skewness, or 'percentile'. Default 'bca'. */
  method: methodOption,
}

/** Options of {@link Bootstrap.band}. */
export interface BootstrapBandOptions extends GivenOf<typeof bandOptionTable> {}

/** The original fit of a bootstrap. */
export interface BootstrapSource<Names extends string> {
  readonly context: ResamplingContext & BandContext & { readonly whitened: FitContext['whitened'] }
  readonly fit: number
  readonly values: Readonly<Record<Names, number>>
  /**
   * Influence of the rows on a quantity with the given derivatives with respect to the parameters. Default: the
   * influence of the rows of the fit.
   */
  readonly contributions?: (slopes: readonly number[]) => ArrayLike<number>
}

/** Counts how the replicates of one fit ended. Either all replicates of a fit are run, or none. */
export function countReplicates(all: Uint8Array): Pick<Bootstrap, 'count' | 'failed' | 'reason'> {
  const reason = all.subarray(0, all.includes(0) ? 0 : all.length)
  let failed = 0
  for (let k = 0; k < reason.length; k++) if (reason[k] !== CONVERGED) failed++
  return { count: reason.length, failed, reason }
}

/** The bootstrap of one fit. */
export class Bootstrap<Names extends string = string> {
  // Object.assign sets the declared fields in the constructor, and `declare` emits no code for the fields.
  /**
   * Number of replicates. If the fit cannot be resampled, the number of replicates is 0, and `message` explains why.
   */
  declare readonly count: number
  /** Number of replicates that have not converged. Errors, intervals and bands ignore the failed replicates. */
  declare readonly failed: number
  /** Reasons why the replicates ended, as indices into `fitReasons`. */
  declare readonly reason: Uint8Array
  /** Values of all parameters, one value per replicate. The values of a failed replicate are NaN. */
  readonly values: Readonly<Record<Names, Float64Array>>
  readonly #source: BootstrapSource<Names>
  readonly #options: BootstrapValues
  /** Indices of the converged replicates. */
  readonly #usable: Uint32Array

  /** @internal */
  constructor(original: BootstrapSource<Names>, { values, reason }: Replicates, options: BootstrapValues) {
    Object.assign(this, countReplicates(reason))
    this.#source = original
    this.#options = options
    this.#usable = new Uint32Array(this.count - this.failed)
    for (let k = 0, place = 0; k < this.count; k++) if (reason[k] === CONVERGED) this.#usable[place++] = k
    this.values = mapRecord(original.values, (value, name) => {
      if (Object.hasOwn(values, name)) return values[name].subarray(0, this.count)
      return new Float64Array(this.count).map((_, k) => (reason[k] === CONVERGED ? value : NaN))
    })
  }

  /** Standard errors: the standard deviations of the converged replicates. */
  get errors(): Readonly<Record<Names, number>> {
    return mapRecord(this.values, (column) => {
      const some = pickRuns(column, this.#usable)
      const mean = average(some)
      const squares = some.reduce((sum, x) => sum + (x - mean) * (x - mean), 0)
      return some.length > 1 ? Math.sqrt(squares / (some.length - 1)) : NaN
    })
  }

  /** Difference between the mean of the converged replicates and the estimate. */
  get bias(): Readonly<Record<Names, number>> {
    const { values } = this.#source
    return mapRecord(this.values, (column, name) => average(pickRuns(column, this.#usable)) - values[name])
  }

  /** Warnings about the results, as a string that is empty without warnings. */
  get message(): string {
    const { context, fit } = this.#source
    if (this.count === 0) return `no replicates: ${unavailableBecause(context, fit, this.#options)}`
    if (this.failed === 0) return ''
    const numbers = fitReasons.map((_, number) => this.reason.filter((reason) => reason === number).length)
    const failures = numbers.flatMap((many, number) =>
      many > 0 && number !== CONVERGED ? [`${many} ${fitReasons[number] as FitReason}`] : [],
    )
    return `${this.failed} of ${this.count} replicates failed and are ignored: ${failures.join(', ')}`
  }

  /**
   * Confidence intervals of all parameters, from quantiles of the replicates. The method 'percentile' uses the
   * quantiles (1 ± level)/2. The method 'bca' corrects the quantiles for bias and skewness (Efron, 1987). An interval
   * is NaN if fewer than two replicates converged. A 'bca' interval is also NaN if all replicates are above or all are
   * below the estimate.
   *
   * @param level confidence level between 0 and 1; default 0.95
   * @param method 'bca' or 'percentile'; default 'bca'
   * @throws OptionError if the level or the method is invalid
   */
  intervals(
    level = 0.95,
    method: BootstrapMethod = 'bca',
  ): Readonly<Record<Names, readonly [low: number, high: number]>> {
    readOption('level', probability, level)
    readOption('method', methodOption, method)
    const { context, fit } = this.#source
    return mapRecord(this.values, (column, name) => {
      const slopes = () => evaluateParameter(context, name, fit).slice(1)
      return this.#interval(pickRuns(column, this.#usable), this.#source.values[name], slopes, level, method)
    })
  }

  /**
   * Confidence band of the curve: an interval for each row.
   *
   * @param at columns of the model, as for `predict`
   * @throws OptionError if `at` or an option is invalid
   */
  band(
    at?: RequestedColumns,
    options: BootstrapBandOptions = {},
  ): { readonly low: Float64Array; readonly high: Float64Array } {
    const { level, method } = readOptions('options', options, bandOptionTable)
    const { fit } = this.#source
    const context = this.#source.context.whitened?.plain ?? this.#source.context
    const { rows, value: valueAt, outputs } = evaluateModel(context, fit, at)
    const { free, fixed } = context.problem
    const point = parameterPoint(context, fit)
    const points = Array.from(this.#usable, (k) => [
      ...free.map((name) => this.values[name as Names][k]),
      ...point.slice(point.length - fixed.length),
    ])
    const [low, high] = [new Float64Array(rows), new Float64Array(rows)]
    for (let row = 0; row < rows; row++) {
      const curves = Float64Array.from(points, (x) => valueAt(row, x))
      const [f, ...slopes] = outputs(row, point)
      ;[low[row], high[row]] = this.#interval(curves, f, () => slopes, level, method)
    }
    return { low, high }
  }

  /** @param numbers values of the replicates, whose order changes */
  #interval(
    numbers: Float64Array,
    value: number,
    slopes: () => readonly number[],
    level: number,
    method: BootstrapMethod,
  ): readonly [low: number, high: number] {
    if (numbers.length < 2 || Number.isNaN(value) || numbers.includes(NaN)) return [NaN, NaN]
    const ends = [(1 - level) / 2, (1 + level) / 2]
    const [low, high] = method === 'percentile' ? ends : this.#bcaInterval(numbers, value, slopes(), level)
    return [sampleQuantile(numbers, low), sampleQuantile(numbers, high)]
  }

  /** Probabilities of the two quantiles of the replicates that form the endpoints of a 'bca' interval (Efron, 1987). */
  #bcaInterval(
    numbers: Float64Array,
    value: number,
    slopes: readonly number[],
    level: number,
  ): readonly number[] {
    // A replicate that equals the estimate counts half as below the estimate.
    const below = numbers.reduce((sum, x) => sum + (x < value ? 1 : x === value ? 0.5 : 0), 0)
    if (below === 0 || below === numbers.length) return [NaN, NaN]
    const bias = normalQuantile(below / numbers.length)
    const acceleration = this.#acceleration(slopes)
    const z = studentQuantile(level, Infinity)
    return [-z, z].map((end) => {
      const shifted = bias + end
      const scale = 1 - acceleration * shifted
      return scale > 0 ? normalProbability(bias + shifted / scale) : NaN
    })
  }

  /**
   * Acceleration: the rate at which the standard error of a quantity changes with the quantity. The acceleration is a
   * sixth of the skewness of the contributions of the rows. The contributions are computed from the model's derivatives
   * (infinitesimal jackknife). The acceleration is 0 for normal errors, because their skewness is 0.
   */
  #acceleration(slopes: readonly number[]): number {
    const { context, contributions } = this.#source
    if (this.#options.kind === 'parametric' && context.problem.loss !== 'poisson') return 0
    const all = contributions === undefined ? this.#contributions(slopes) : contributions(slopes)
    let [squares, cubes] = [0, 0]
    for (let row = 0; row < all.length; row++) {
      const part = all[row]
      squares += part * part
      cubes += part * part * part
    }
    return squares > 0 ? cubes / (6 * squares * Math.sqrt(squares)) : 0
  }

  #contributions(slopes: readonly number[]): Float64Array {
    const { context, fit } = this.#source
    const { slope, gradient } = linearizeCached(context, fit)
    const isFree = slopes.map((_, i) => !hasBit(context.solved.atBound, fit, i))
    const weights = slopes.map((_, i) =>
      slopes.reduce(
        (sum, other, j) => (isFree[i] && isFree[j] ? sum + other * covarianceEntry(context, fit, i, j) : sum),
        0,
      ),
    )
    return slope.map((total, row) => {
      const along = weights.reduce((sum, weight, i) => (isFree[i] ? sum + weight * gradient[i][row] : sum), 0)
      // The sign is negative, because a negative slope of a row's cost raises the quantity.
      return -total * along
    })
  }
}

/** The bootstrap of many fits. */
export class BootstrapMany<Names extends string = string> {
  /** Number of replicates per fit. */
  readonly count: number
  /**
   * Number of replicates that have not converged, per fit. If the fit cannot be resampled, all replicates count as not
   * converged.
   */
  readonly failed: Uint32Array
  /** Number of fits. */
  readonly length: number
  readonly #fitAt: (fit: number) => Bootstrap<Names>

  /** @internal */
  constructor(at: (fit: number) => Bootstrap<Names>, length: number, count: number) {
    this.#fitAt = at
    this.length = length
    this.count = count
    this.failed = Uint32Array.from(this.#mapFits((fit) => (fit.count === 0 ? count : fit.failed)))
  }

  /** Standard errors of all parameters, one value per fit. */
  get errors(): Readonly<Record<Names, Float64Array>> {
    const each = this.#mapFits(({ errors }) => errors)
    return this.#toColumns((name) => Float64Array.from(each, (errors) => errors[name]))
  }

  /**
   * Confidence intervals of all parameters, as columns of endpoints with one number per fit. See {@link
   * Bootstrap.intervals}.
   */
  intervals(
    level = 0.95,
    method: BootstrapMethod = 'bca',
  ): Readonly<Record<Names, { readonly low: Float64Array; readonly high: Float64Array }>> {
    const each = this.#mapFits((fit) => fit.intervals(level, method))
    return this.#toColumns((name) => ({
      low: Float64Array.from(each, (intervals) => intervals[name][0]),
      high: Float64Array.from(each, (intervals) => intervals[name][1]),
    }))
  }

  /** The bootstrap of the fit at the index `fit`. */
  at(fit: number): Bootstrap<Names> {
    checkIndex('fit', fit, this.length)
    return this.#fitAt(fit)
  }

  /**
   * Computes a value per fit. Only one bootstrap exists at a time, because the results of all fits would need much
   * memory.
   */
  #mapFits<T>(read: (fit: Bootstrap<Names>) => T): T[] {
    return Array.from({ length: this.length }, (_, fit) => read(this.#fitAt(fit)))
  }

  #toColumns<T>(compute: (name: Names) => T): Record<Names, T> {
    return createRecord(Object.keys(this.#fitAt(0).values) as Names[], compute)
  }
}

const average = (numbers: Float64Array) => numbers.reduce((sum, x) => sum + x, 0) / numbers.length

/** Quantile of a sample with linear interpolation, as in NumPy. The function changes the order of the numbers. */
function sampleQuantile(numbers: Float64Array, part: number): number {
  if (Number.isNaN(part)) return NaN
  const at = part * (numbers.length - 1)
  const place = Math.floor(at)
  const below = selectNth(numbers, place)
  if (at === place) return below
  // After the selection, all later numbers are at least as large.
  let above = numbers[place + 1]
  for (let k = place + 2; k < numbers.length; k++) if (numbers[k] < above) above = numbers[k]
  return below + (above - below) * (at - place)
}

/**
 * Number that a sorted array would have at an index. Hoare's selection algorithm (1961) is faster than sorting the
 * array.
 */
function selectNth(numbers: Float64Array, place: number): number {
  for (let [from, to] = [0, numbers.length - 1]; from < to; ) {
    const pivot = numbers[place]
    let [i, j] = [from, to]
    while (i <= j) {
      while (numbers[i] < pivot) i++
      while (pivot < numbers[j]) j--
      if (i > j) break
      const other = numbers[i]
      numbers[i++] = numbers[j]
      numbers[j--] = other
    }
    if (j < place) from = i
    if (place < i) to = j
  }
  return numbers[place]
}

/** Normal distribution: the probability P(Z < z), and the inverse function. */
const normalProbability = (z: number) => (1 + Math.sign(z) * fProbability(z * z, Infinity)) / 2
const normalQuantile = (p: number) => Math.sign(p - 0.5) * studentQuantile(Math.abs(2 * p - 1), Infinity)
