/** What the bootstrap says of fits. */

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
/** How ends of intervals are made of refits. */
export type BootstrapMethod = 'bca' | 'percentile'

const bandOptionTable = {
  /** The probability, between 0 and 1, row by row; 0.95. */
  level: probability,
  /** 'bca', corrected for bias and skewness, or 'percentile'; 'bca'. */
  method: methodOption,
}

export interface BootstrapBandOptions extends GivenOf<typeof bandOptionTable> {}

/** A fit, for those who make it again. */
export interface BootstrapSource<Names extends string> {
  readonly context: ResamplingContext & BandContext & { readonly whitened: FitContext['whitened'] }
  readonly fit: number
  readonly values: Readonly<Record<Names, number>>
  /** What rows contribute to what has some slopes by parameters; those of the fit unless others count too. */
  readonly contributions?: (slopes: readonly number[]) => ArrayLike<number>
}

/** How refits of one fit have ended: where one has not been made, none has. */
export function countReplicates(all: Uint8Array): Pick<Bootstrap, 'count' | 'failed' | 'reason'> {
  const reason = all.subarray(0, all.includes(0) ? 0 : all.length)
  let failed = 0
  for (let k = 0; k < reason.length; k++) if (reason[k] !== CONVERGED) failed++
  return { count: reason.length, failed, reason }
}

/** The bootstrap of one fit. */
export class Bootstrap<Names extends string = string> {
  // Declared alone: what is assigned has them all.
  /** How many refits were made: 0 where there can be none, and `message` says why. */
  declare readonly count: number
  /** How many of these have not converged. They are in nothing else that is said here. */
  declare readonly failed: number
  /** Why refits have ended: indices into `fitReasons`. */
  declare readonly reason: Uint8Array
  /** All parameters, by refit; NaN where it has failed. */
  readonly values: Readonly<Record<Names, Float64Array>>
  readonly #source: BootstrapSource<Names>
  readonly #options: BootstrapValues
  /** Refits that have converged. */
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

  /** Standard errors: the standard deviations of the refits. */
  get errors(): Readonly<Record<Names, number>> {
    return mapRecord(this.values, (column) => {
      const some = pickRuns(column, this.#usable)
      const mean = average(some)
      const squares = some.reduce((sum, x) => sum + (x - mean) * (x - mean), 0)
      return some.length > 1 ? Math.sqrt(squares / (some.length - 1)) : NaN
    })
  }

  /** By what the mean of the refits is off from the fit. */
  get bias(): Readonly<Record<Names, number>> {
    const { values } = this.#source
    return mapRecord(this.values, (column, name) => average(pickRuns(column, this.#usable)) - values[name])
  }

  /** What has to be known of its numbers, in words; empty if there is nothing. */
  get message(): string {
    const { context, fit } = this.#source
    if (this.count === 0) return `no refits: ${unavailableBecause(context, fit, this.#options)}`
    if (this.failed === 0) return ''
    const numbers = fitReasons.map((_, number) => this.reason.filter((reason) => reason === number).length)
    const failures = numbers.flatMap((many, number) =>
      many > 0 && number !== CONVERGED ? [`${many} ${fitReasons[number] as FitReason}`] : [],
    )
    return `${this.failed} of ${this.count} refits have failed and are left out: ${failures.join(', ')}`
  }

  /**
   * Within which each parameter is with a probability, by quantiles of the refits: those of (1 ± level)/2
   * ('percentile'), or others that correct for bias and skewness ('bca', Efron, 1987). NaN where fewer than two refits
   * have converged, or, with 'bca', all of them lie on one side of the fit.
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

  /** Such intervals of the curve, row by row: `at` is as for `predict`. @throws as `predict` does */
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

  /** @param numbers whose order changes */
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

  /** Which quantiles of the refits are the ends (Efron, 1987). */
  #bcaInterval(
    numbers: Float64Array,
    value: number,
    slopes: readonly number[],
    level: number,
  ): readonly number[] {
    // A refit that is the same lies half below.
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
   * How fast the standard error changes with the value: a sixth of the skewness of what rows contribute to it, by the
   * derivatives (the infinitesimal jackknife). Normal errors have none.
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
      // What lowers a row's cost raises the value.
      return -total * along
    })
  }
}

/** The bootstrap of many fits. */
export class BootstrapMany<Names extends string = string> {
  /** How many refits each fit has. */
  readonly count: number
  /** How many of these have not converged, by fit; all, where none could be made. */
  readonly failed: Uint32Array
  /** How many fits there are. */
  readonly length: number
  readonly #fitAt: (fit: number) => Bootstrap<Names>

  /** @internal */
  constructor(at: (fit: number) => Bootstrap<Names>, length: number, count: number) {
    this.#fitAt = at
    this.length = length
    this.count = count
    this.failed = Uint32Array.from(this.#mapFits((fit) => (fit.count === 0 ? count : fit.failed)))
  }

  /** Standard errors, by fit. */
  get errors(): Readonly<Record<Names, Float64Array>> {
    const each = this.#mapFits(({ errors }) => errors)
    return this.#toColumns((name) => Float64Array.from(each, (errors) => errors[name]))
  }

  /** Intervals as those of one fit: columns of their ends, by fit. */
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

  /** That of one fit. */
  at(fit: number): Bootstrap<Names> {
    checkIndex('fit', fit, this.length)
    return this.#fitAt(fit)
  }

  /** One by one, as all of them would take much memory. */
  #mapFits<T>(read: (fit: Bootstrap<Names>) => T): T[] {
    return Array.from({ length: this.length }, (_, fit) => read(this.#fitAt(fit)))
  }

  #toColumns<T>(compute: (name: Names) => T): Record<Names, T> {
    return createRecord(Object.keys(this.#fitAt(0).values) as Names[], compute)
  }
}

const average = (numbers: Float64Array) => numbers.reduce((sum, x) => sum + x, 0) / numbers.length

/** Between neighbors by a straight line, as NumPy has it. Changes the order of the numbers. */
function sampleQuantile(numbers: Float64Array, part: number): number {
  if (Number.isNaN(part)) return NaN
  const at = part * (numbers.length - 1)
  const place = Math.floor(at)
  const below = selectNth(numbers, place)
  if (at === place) return below
  // What is not smaller lies behind it now.
  let above = numbers[place + 1]
  for (let k = place + 2; k < numbers.length; k++) if (numbers[k] < above) above = numbers[k]
  return below + (above - below) * (at - place)
}

/** The number that a place would have, if they were sorted (Hoare, 1961): quicker than to sort them. */
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

/** P(Z < z), and the z of such a probability. */
const normalProbability = (z: number) => (1 + Math.sign(z) * fProbability(z * z, Infinity)) / 2
const normalQuantile = (p: number) => Math.sign(p - 0.5) * studentQuantile(Math.abs(2 * p - 1), Infinity)
