/**
 * The fits that the page shows: a separate fit, a group of a fit with shared parameters, a fit with a distribution, or a
 * fit with profiles.
 */

import type { Fit, LikelihoodFit, SharedFit } from 'antigrad/fit'

/** The fit that the summary describes. */
export type WholeFit = Fit | SharedFit | LikelihoodFit

/** A group of a shared fit or a fit with profile intervals, with the interface of a separate fit. */
export interface WrappedFit
  extends Pick<
    Fit,
    | 'values'
    | 'errors'
    | 'free'
    | 'atBound'
    | 'unidentifiable'
    | 'covariance'
    | 'correlation'
    | 'chiSquared'
    | 'observations'
    | 'outliers'
    | 'residuals'
    | 'reason'
    | 'intervals'
    | 'predict'
    | 'band'
  > {
  /** The shared fit of all groups, or the fit without profiles. */
  readonly all: WholeFit
  /** The result to which the library's functions apply, such as `inverse`. */
  readonly source: Fit | LikelihoodFit | ReturnType<SharedFit['at']>
  /** Sentences that explain missing endpoints of profile intervals. */
  readonly ends: readonly string[]
}

export type ShownFit = Fit | WrappedFit

export const wholeFit = (found: ShownFit): WholeFit => ('all' in found ? found.all : found)

/** The result to which the library's functions apply. */
export const sourceOf = (found: ShownFit): WrappedFit['source'] => ('all' in found ? found.source : found)

/** Sentences that explain missing endpoints of profile intervals. */
export const endsOf = (found: ShownFit): readonly string[] => ('all' in found ? found.ends : [])

/** Copies a fit or group, whose properties are partly getters, for a wrapped fit. */
export function wrap(
  source: WrappedFit['source'],
  all: WholeFit,
  changes: Partial<Pick<WrappedFit, 'intervals' | 'ends' | 'residuals'>> = {},
): WrappedFit {
  const { values, errors, free, atBound, unidentifiable, covariance, correlation } = source
  const { chiSquared, observations, residuals, reason } = source
  return {
    all,
    source,
    values,
    errors,
    free,
    atBound,
    unidentifiable,
    covariance,
    correlation,
    chiSquared,
    observations,
    outliers: 'outliers' in source ? source.outliers : [],
    residuals,
    reason,
    intervals: (level) => source.intervals(level),
    predict: (at) => source.predict(at),
    band: (at, options) => source.band(at, options),
    ends: [],
    ...changes,
  }
}
