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
   * How `intervals()` computes the confidence intervals of the results. The value `profileIntervals()` selects profile
   * likelihoods. The default intervals are value ± t·error, with Student's t.
   */
  readonly intervals?: IntervalMethod
  /**
   * First-order update rule that replaces the Levenberg-Marquardt algorithm, as in `ruleMethod(adam({ lr: 0.05 }))`.
   */
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
