/** Results that single fits and groups of shared fits have in common. */

import { mapRecord } from '../../core/untrusted-input.js'
import { concatenate, type DataColumn, numbersInRun } from '../../many/batch/data.js'
import { readOptions } from '../../options/read.js'
import type { FitReason } from '../problem/reasons.js'
import { correlationMatrix } from '../programs/ldlt.js'
import {
  type BandOptions,
  bandTable,
  computeBand,
  type ErrorDistribution,
  type Predictor,
  predictColumns,
  symmetricIntervals,
} from './bands.js'
import type { RequestedColumns } from './linearize.js'

/** Data of a fit for intervals, bands and predictions. */
export interface FitViewSource {
  readonly covariance: () => number[][]
  readonly distribution: ErrorDistribution
  /** Returns one predictor per output of the model. */
  readonly parts: () => readonly Predictor[]
  /** Intervals by another method than value ± t·error, for the parameter names that the method supports. */
  readonly computeIntervals?: (level: number) => ReturnType<FitView['intervals']> | undefined
}

/** Returns the source of a view, or undefined. The class replaces `get` by a function that reads a private field. */
export const viewSources: { get: (found: object) => FitViewSource | undefined } = { get: () => undefined }

type Estimates<Names extends string> = Pick<
  FitView<Names>,
  'values' | 'errors' | 'free' | 'chiSquared' | 'observations' | 'reason'
>

/** Result of one fit, or of one group of a fit with shared parameters. */
export abstract class FitView<Names extends string = string> {
  // The constructor assigns the fields, and `declare` emits no code for the fields.
  /** Estimates of all parameters, including fixed ones, and of derived quantities. */
  declare readonly values: Readonly<Record<Names, number>>
  /**
   * Standard errors. The standard error is 0 for a fixed parameter, and NaN for a parameter at a bound or an
   * unidentifiable parameter. The standard error of a derived quantity is NaN if the standard errors of all parameters
   * in its expression are NaN.
   */
  declare readonly errors: Readonly<Record<Names, number>>
  /**
   * Names of the free parameters, in the order of the covariance. Local parameters of a group precede shared
   * parameters.
   */
  declare readonly free: readonly Names[]
  /** Minimum of the sum of the costs of all rows. The cost of a row is w·(f − y)², a robust loss, or a deviance. */
  declare readonly chiSquared: number
  /** Number of rows in use: rows with a nonzero weight that the option `missing` did not drop. */
  declare readonly observations: number
  /** Reason why the fit ended. All groups of a fit with shared parameters have the same reason. */
  declare readonly reason: FitReason
  readonly #source: FitViewSource

  static {
    viewSources.get = (found) => (#source in found ? found.#source : undefined)
  }

  /** @internal */
  constructor(estimates: Estimates<Names>, source: FitViewSource) {
    this.values = estimates.values
    this.errors = estimates.errors
    this.free = estimates.free
    this.chiSquared = estimates.chiSquared
    this.observations = estimates.observations
    this.reason = estimates.reason
    this.#source = source
  }

  /** Covariance matrix of the parameters in `free`, as an array of rows. */
  get covariance(): number[][] {
    return this.#source.covariance()
  }

  /** Correlation matrix of the parameters in `free`, as an array of rows. */
  get correlation(): number[][] {
    return correlationMatrix(this.covariance)
  }

  /**
   * Residuals y − f of all rows, without weights, including dropped rows and rows of weight 0. A residual is NaN if y
   * or a column of the model is missing in the row. The residuals of several outputs of the model are concatenated.
   */
  get residuals(): Float64Array {
    const measured = this.#source.parts().map(({ context, index }) => {
      return numbersInRun(context.data.get(context.problem.y) as DataColumn, index)
    })
    const f = this.predict()
    return join(measured).map((y, row) => y - f[row])
  }

  /**
   * Confidence intervals of all parameters: value ± t·error with Student's t, or with normal quantiles if σ is known.
   * The interval of a positive parameter is computed for its logarithm. A group uses the degrees of freedom of all
   * groups together. The option `intervals: profileIntervals()` selects profile intervals instead.
   *
   * @param level confidence level between 0 and 1; default 0.95
   * @throws OptionError if the level is not between 0 and 1
   */
  intervals(level = 0.95): Readonly<Record<Names, readonly [low: number, high: number]>> {
    const { distribution, computeIntervals } = this.#source
    const interval = symmetricIntervals(distribution, level)
    const computed = computeIntervals?.(level)
    return mapRecord(this.values, (value, name) =>
      computed && Object.hasOwn(computed, name) ? computed[name] : interval(name, value, this.errors[name]),
    )
  }

  /**
   * Values of the model at the estimates.
   *
   * @param at columns of the model, all of one length, in which null and NaN mark missing numbers. Default: the columns
   * of the data, including dropped rows. The predictions of several outputs of the model are concatenated.
   * @throws OptionError if `at` is not an object of columns, or if a column is missing or invalid
   */
  predict(at?: RequestedColumns): Float64Array {
    return join(this.#source.parts().map((part) => predictColumns(part, at)))
  }

  /**
   * Lower and upper limits of a band around `predict(at)`, by the delta method. In a fit with shared
   * parameters, the band uses the joint covariance of all groups.
   *
   * @param at columns of the model, as for `predict`
   * @param options level and kind of the band
   * @throws OptionError if `at` or an option is invalid
   */
  band(
    at?: RequestedColumns,
    options: BandOptions = {},
  ): { readonly low: Float64Array; readonly high: Float64Array } {
    const width = readOptions('options', options, bandTable)
    const { distribution, parts } = this.#source
    const bands = parts().map((part) => computeBand(part, at, distribution, width))
    const side = (end: 'low' | 'high') => join(bands.map((band) => band[end]))
    return { low: side('low'), high: side('high') }
  }
}

function join(lists: readonly Float64Array[]): Float64Array {
  return lists.length > 1 ? concatenate(lists).numbers : lists[0]
}
