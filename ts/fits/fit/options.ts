/** The options of `fit` and `fitMany`. */

import type { Option, ValuesOf } from '../../options/kinds.js'
import { type CommonFitOptions, commonOptionTable } from '../problem/options.js'
import type { FitDerivedQuantities, FitParameters } from '../problem/parameters.js'
import { type FitMethod, fitMethod } from '../solve/fit-method.js'
import { type IntervalMethod, intervalMethod } from '../solve/interval-method.js'

export interface FitManyOptions<Start = FitParameters, Derive = FitDerivedQuantities>
  extends CommonFitOptions<Start, Derive> {
  /** How `intervals()` of results are computed: `profileIntervals()`; by default they are value ± t·error. */
  readonly intervals?: IntervalMethod
  /** A first-order rule instead of Levenberg-Marquardt: `ruleMethod(adam({ lr: 0.05 }))`. */
  readonly method?: FitMethod
}

/** As for `fitMany`, without what only a promise has. */
export type FitOptions<Start = FitParameters, Derive = FitDerivedQuantities> = Omit<
  FitManyOptions<Start, Derive>,
  'signal' | 'onProgress' | 'threads' | 'workers'
>

export const fitOptionTable = {
  ...commonOptionTable,
  intervals: intervalMethod,
  method: fitMethod,
} satisfies Record<keyof FitManyOptions, Option>

/** The options as they were read. */
export type FitManyValues = ValuesOf<typeof fitOptionTable>
