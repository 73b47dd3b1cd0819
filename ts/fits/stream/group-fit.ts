import type { Fit, FitManyResult } from '../fit/result.js'
import { type FitReason, fitReasons } from '../problem/reasons.js'
import type { GroupLabel } from '../problem/shared-parameters.js'

/** The fit of one group of a stream. */
export class GroupFit<Names extends string = string> {
  /** Label of the group. Without labels, the index of the group. */
  readonly group: GroupLabel
  // Getters compute only the properties that the caller reads. A stream hands out millions of results.
  readonly #fits: FitManyResult<Names>
  readonly #index: number
  #values: Readonly<Record<Names, number>> | undefined
  #errors: Readonly<Record<Names, number>> | undefined

  /** @internal */
  constructor(group: GroupLabel, fits: FitManyResult<Names>, index: number) {
    this.group = group
    this.#fits = fits
    this.#index = index
  }

  /** Estimates of all parameters, including fixed ones, and of derived quantities. */
  get values(): Readonly<Record<Names, number>> {
    this.#values ??= recordOf(this.#fits.values, this.#index)
    return this.#values
  }

  /** Standard errors, as in `Fit.errors`. */
  get errors(): Readonly<Record<Names, number>> {
    this.#errors ??= recordOf(this.#fits.errors, this.#index)
    return this.#errors
  }

  /** Minimum of the sum of the costs of all rows. Without weights, the residual sum of squares (RSS). */
  get chiSquared(): number {
    return this.#fits.chiSquared[this.#index]
  }

  /** Number of rows in use. */
  get observations(): number {
    return this.#fits.observations[this.#index]
  }

  /** Reason why the fit ended. */
  get reason(): FitReason {
    return fitReasons[this.#fits.reason[this.#index]] as FitReason
  }

  /**
   * The full result: intervals, bands, statistics and the message. A `GroupFit` keeps the data of its batch (up to
   * 16,384 groups) in memory. To keep many results, keep their numbers.
   */
  get fit(): Fit<Names> {
    return this.#fits.at(this.#index)
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

function recordOf<Names extends string>(
  columns: Readonly<Record<Names, Float64Array>>,
  index: number,
): Readonly<Record<Names, number>> {
  // A copy whose properties are replaced takes a fraction of the time of a new record.
  const record = { ...columns } as Record<string, unknown>
  for (const name in record) record[name] = columns[name as Names][index]
  return record as Readonly<Record<Names, number>>
}
