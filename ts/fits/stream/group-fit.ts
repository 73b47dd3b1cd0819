import type { Fit, FitManyResult } from '../fit/result.js'
import { type FitReason, fitReasons } from '../problem/reasons.js'
import type { GroupLabel } from '../problem/shared-parameters.js'

/** The fit of one group of a stream. */
export class GroupFit<Names extends string = string> {
  /** Label of the group. Without labels, the index of the group. */
  readonly group: GroupLabel
  /** Estimates of all parameters, including fixed ones, and of derived quantities. */
  readonly values: Readonly<Record<Names, number>>
  /** Standard errors, as in `Fit.errors`. */
  readonly errors: Readonly<Record<Names, number>>
  /** Minimum of the sum of the costs of all rows. Without weights, the residual sum of squares (RSS). */
  readonly chiSquared: number
  /** Number of rows in use. */
  readonly observations: number
  /** Reason why the fit ended. */
  readonly reason: FitReason
  readonly #fits: FitManyResult<Names>
  readonly #index: number

  /** @internal */
  constructor(group: GroupLabel, fits: FitManyResult<Names>, index: number) {
    // A copy whose properties are replaced takes a fraction of the time of a new record.
    const ofFit = (columns: Readonly<Record<Names, Float64Array>>) => {
      const record = { ...columns } as Record<string, unknown>
      for (const name of Object.keys(record)) record[name] = columns[name as Names][index]
      return record as Readonly<Record<Names, number>>
    }
    this.group = group
    this.values = ofFit(fits.values)
    this.errors = ofFit(fits.errors)
    this.chiSquared = fits.chiSquared[index]
    this.observations = fits.observations[index]
    this.reason = fitReasons[fits.reason[index]] as FitReason
    this.#fits = fits
    this.#index = index
  }

  /**
   * The full result: intervals, bands, statistics and the message. A `GroupFit` keeps the data of its batch (up to 4096
   * groups) in memory. To keep many results, keep their numbers.
   */
  get fit(): Fit<Names> {
    return this.#fits.at(this.#index)
  }
}
