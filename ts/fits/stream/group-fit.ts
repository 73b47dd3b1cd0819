import type { Fit, FitManyResult } from '../fit/result.js'
import { type FitReason, fitReasons } from '../problem/reasons.js'
import type { GroupLabel } from '../problem/shared-parameters.js'

/** The fit of one group of a stream. */
export class GroupFit<Names extends string = string> {
  /** Label of the group. Without labels, the index of the group. */
  readonly group: GroupLabel
  // Getters compute only the properties that the caller reads. A stream hands out millions of results.
  readonly #batch: StreamResults<Names>
  readonly #index: number
  #values: Readonly<Record<Names, number>> | undefined
  #errors: Readonly<Record<Names, number>> | undefined

  /** @internal */
  constructor(group: GroupLabel, batch: StreamResults<Names>, index: number) {
    this.group = group
    this.#batch = batch
    this.#index = index
  }

  /** Estimates of all parameters, including fixed ones, and of derived quantities. */
  get values(): Readonly<Record<Names, number>> {
    this.#values ??= this.#batch.values.at(this.#index)
    return this.#values
  }

  /** Standard errors, as in `Fit.errors`. */
  get errors(): Readonly<Record<Names, number>> {
    this.#errors ??= this.#batch.errors.at(this.#index)
    return this.#errors
  }

  /** Minimum of the sum of the costs of all rows. Without weights, the residual sum of squares (RSS). */
  get chiSquared(): number {
    return this.#batch.fits.chiSquared[this.#index]
  }

  /** Number of rows in use. */
  get observations(): number {
    return this.#batch.fits.observations[this.#index]
  }

  /** Reason why the fit ended. */
  get reason(): FitReason {
    return fitReasons[this.#batch.fits.reason[this.#index]] as FitReason
  }

  /**
   * The full result: intervals, bands, statistics and the message. A `GroupFit` keeps the data of its batch (up to
   * 16,384 groups) in memory. To keep many results, keep their numbers.
   */
  get fit(): Fit<Names> {
    return this.#batch.fits.at(this.#index)
  }

  /** The numbers of the result, as a plain object. `JSON.stringify` calls the method. */
  toJSON() {
    const { group, values, errors, chiSquared, observations, reason } = this
    return { group, values, errors, chiSquared, observations, reason }
  }

  /** Shows the numbers in the console of Node. */
  [Symbol.for('nodejs.util.inspect.custom')](
    _: number,
    options: object,
    inspect: (x: object, options: object) => string,
  ) {
    return `GroupFit ${inspect(this.toJSON(), options)}`
  }
}

/** Columns of numbers by name, of which each fit gets a record. */
class RecordColumns<Names extends string> {
  readonly #columns: Readonly<Record<Names, Float64Array>>
  readonly #names: readonly Names[]
  readonly #lists: readonly Float64Array[]

  constructor(columns: Readonly<Record<Names, Float64Array>>) {
    this.#columns = columns
    this.#names = Object.keys(columns) as Names[]
    this.#lists = Object.values(columns)
  }

  at(index: number): Readonly<Record<Names, number>> {
    const names = this.#names
    const lists = this.#lists
    const { length } = names
    // A copy whose properties are replaced takes a fraction of the time of a new record, and so does a place that always
    // writes the same name. Most models have two to four parameters.
    const record = { ...this.#columns } as unknown as Record<Names, number>
    if (length > 0) record[names[0]] = lists[0][index]
    if (length > 1) record[names[1]] = lists[1][index]
    if (length > 2) record[names[2]] = lists[2][index]
    if (length > 3) record[names[3]] = lists[3][index]
    for (let k = 4; k < length; k++) record[names[k]] = lists[k][index]
    return record
  }
}

/** The results of a batch, in a form from which single results are read fast. */
export class StreamResults<Names extends string = string> {
  readonly fits: FitManyResult<Names>
  readonly values: RecordColumns<Names>
  readonly errors: RecordColumns<Names>

  constructor(fits: FitManyResult<Names>) {
    this.fits = fits
    this.values = new RecordColumns(fits.values)
    this.errors = new RecordColumns(fits.errors)
  }
}
