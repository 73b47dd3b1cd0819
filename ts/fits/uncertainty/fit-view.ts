/** The results that single fits and groups of shared fits have in common. */

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

/** What intervals, bands and predictions are computed from. */
interface FitViewSource {
  readonly covariance: () => number[][]
  readonly distribution: ErrorDistribution
  /** One for each value of the model. */
  readonly parts: () => readonly Predictor[]
  /** Intervals of another method, by the names that it has some for. */
  readonly computeIntervals?: (level: number) => ReturnType<FitView['intervals']> | undefined
}

type Estimates<Names extends string> = Pick<
  FitView<Names>,
  'values' | 'errors' | 'free' | 'chiSquared' | 'observations' | 'reason'
>

/** One fit: by itself, or of a group that shares parameters with others. */
export abstract class FitView<Names extends string = string> {
  // Declared alone: the constructor assigns them all.
  /** All parameters, fixed ones and those that follow from others too. */
  declare readonly values: Readonly<Record<Names, number>>
  /** Standard errors: 0 where a parameter is fixed, NaN where a bound holds it or all that it follows from, or nothing is known. */
  declare readonly errors: Readonly<Record<Names, number>>
  /** Parameters that vary, in the order of covariances; of a group its own, and then shared ones. */
  declare readonly free: readonly Names[]
  /** The least sum of what rows cost. */
  declare readonly chiSquared: number
  /** Rows of data that count: those whose weight is not 0 and that are not left out. */
  declare readonly observations: number
  /** Why the fit has ended; of a group, that of all groups. */
  declare readonly reason: FitReason
  readonly #source: FitViewSource

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

  /** By rows and columns, of the parameters in `free`. */
  get covariance(): number[][] {
    return this.#source.covariance()
  }

  get correlation(): number[][] {
    return correlationMatrix(this.covariance)
  }

  /**
   * y − f by row, without weights. All rows that were given have their place, those of weight 0 too; where y or a column
   * of the model is missing it is NaN. Of several values one list is behind the other.
   */
  get residuals(): Float64Array {
    const measured = this.#source.parts().map(({ context, index }) => {
      return numbersInRun(context.data.get(context.problem.y) as DataColumn, index)
    })
    const f = this.predict()
    return join(measured).map((y, row) => y - f[row])
  }

  /**
   * Confidence intervals of all parameters: value ± t·error, with Student's t, or with the normal distribution's if σ is
   * known; of a positive parameter those of its logarithm. Of a group, t has the degrees of freedom of all groups
   * together. With the option `intervals: profileIntervals()` they are profile intervals.
   *
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
   * The model.
   *
   * @param at columns of the model, of one length, null and NaN where one is missing; by default those that were
   * given, with rows that are left out. Of several values one list is behind the other.
   * @throws OptionError where it is none, or one is missing or no numbers
   */
  predict(at?: RequestedColumns): Float64Array {
    return join(this.#source.parts().map((part) => predictColumns(part, at)))
  }

  /**
   * Lower and upper ends of a band about `predict(at)`, by the derivatives of the model (the delta method). Of a group,
   * what all groups tell of shared parameters is in it.
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
