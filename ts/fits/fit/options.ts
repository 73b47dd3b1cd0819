/** Options of `fit` and `fitMany`. */

import type { Option, ValuesOf } from '../../options/kinds.js'
import { type CommonFitOptions, commonOptionTable } from '../problem/options.js'
import type { FitDerivedQuantities, FitParameters } from '../problem/parameters.js'
import { type FitMethod, fitMethod } from '../solve/fit-method.js'
import { type IntervalMethod, intervalMethod } from '../solve/interval-method.js'

/** Options of `fitMany`. */
export interface FitManyOptions<Start = FitParameters, Derive = FitDerivedQuantities>
  extends CommonFitOptions<Start, Derive> {
  /**
   * Method of `intervals()` on the results: `profileIntervals()`. Without this option, intervals are value ±
   * t·error.
   */
  readonly intervals?: IntervalMethod
  /** First-order rule that replaces Levenberg-Marquardt, as in `ruleMethod(adam({ lr: 0.05 }))`. */
  readonly method?: FitMethod
}

/** Options of `fit`: all options of `fitMany` except `signal`, `onProgress`, `threads` and `workers`. */
export type FitOptions<Start = FitParameters, Derive = FitDerivedQuantities> = Omit<
  FitManyOptions<Start, Derive>,
  'signal' | 'onProgress' | 'threads' | 'workers'
>

export const fitOptionTable = {
  ...commonOptionTable,
  intervals: intervalMethod,
  method: fitMethod,
} satisfies Record<keyof FitManyOptions, Option>

/** The validated options of a fit. */
export type FitManyValues = ValuesOf<typeof fitOptionTable>
