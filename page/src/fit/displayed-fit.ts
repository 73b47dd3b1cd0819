/** The fits that the page shows: a separate fit, or a group of a fit with shared parameters. */

import type { Fit, SharedFit } from 'antigrad/fit'

/** The fit that the summary describes. */
export type WholeFit = Fit | SharedFit

/** A group of a shared fit, with the interface of a separate fit. */
export interface GroupFit
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
    | 'residuals'
    | 'reason'
    | 'intervals'
    | 'predict'
    | 'band'
  > {
  /** The shared fit of all groups. */
  readonly all: SharedFit
  /** Sentences that explain missing endpoints of profile intervals. */
  readonly ends: readonly string[]
}

export type ShownFit = Fit | GroupFit

export const wholeFit = (found: ShownFit): WholeFit => ('all' in found ? found.all : found)
