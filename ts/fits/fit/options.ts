/** Options of `fit` and `fitMany`. */

import type { Option, ValuesOf } from '../../options/kinds.js'
import { type CommonFitOptions, commonOptionTable } from '../problem/options.js'
import type { FitDerivedQuantities, FitParameters } from '../problem/parameters.js'
import { type Distribution, distributionOption } from '../solve/distribution.js'
import { type FitMethod, fitMethod } from '../solve/fit-method.js'
import { type IntervalMethod, intervalMethod } from '../solve/interval-method.js'
import { type OutlierMethod, outlierMethod } from './outlier-method.js'
import { type ResponseCovariance, responseCovariance } from './response-covariance.js'

/** Options of `fitMany`. */
export interface FitManyOptions<Start = FitParameters, Derive = FitDerivedQuantities>
  extends CommonFitOptions<Start, Derive> {
  /**
   * How `intervals()` computes the confidence intervals of the results. The value `profileIntervals()` selects profile
   * likelihoods. The default intervals are value ± t·error, with Student's t.
   */
  readonly intervals?: IntervalMethod
  /**
   * Covariance of y for correlated errors, instead of `sigma` and `weights`, as in `covarianceMatrix(matrix)`. Unless
   * `absoluteSigma` is true, only the ratios of the covariances matter, as in SciPy. Default: independent errors.
   */
  readonly covariance?: ResponseCovariance
  /**
   * First-order update rule that replaces the Levenberg-Marquardt algorithm, as in `ruleMethod(adam({ lr: 0.05 }))`.
   */
  readonly method?: FitMethod
  /**
   * How outliers are marked, as in `rout({ q: 0.01, refit: true })`. Default: no rows are marked. The option needs the
   * loss 'squared', and σ or weights that are numbers.
   */
  readonly outliers?: OutlierMethod
  /**
   * Distribution of the response, as in `poisson()` or `normal({ sigma: 'sqrt(add^2 + (prop*f)^2)' })`. The fit then
   * maximizes the likelihood, and the result is a `LikelihoodFit`: see `WithDistribution`. Default: least squares.
   */
  readonly distribution?: undefined
}

/** Options of a fit by maximum likelihood. */
export type WithDistribution<Options> = Omit<Options, 'distribution'> & {
  readonly distribution: Distribution
}

/** Options of `fit`: all options of `fitMany` except `signal`, `onProgress`, `threads` and `workers`. */
export type FitOptions<Start = FitParameters, Derive = FitDerivedQuantities> = Omit<
  FitManyOptions<Start, Derive>,
  'signal' | 'onProgress' | 'threads' | 'workers'
>

export const fitOptionTable = {
  ...commonOptionTable,
  intervals: intervalMethod,
  covariance: responseCovariance,
  method: fitMethod,
  outliers: outlierMethod,
  distribution: distributionOption,
} satisfies Record<keyof FitManyOptions, Option>

/** The validated options of a fit. */
export type FitManyValues = ValuesOf<typeof fitOptionTable>
