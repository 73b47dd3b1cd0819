/** What the page shows of a fit: of one by itself, or of a group that shares parameters with others. */

import type { Fit, SharedFit } from 'antigrad/fit'

/** What is said of a fit as a whole. */
export type WholeFit = Fit | SharedFit

/** A group, as a fit by itself would say it. */
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
  /** The fit of all groups. */
  readonly all: SharedFit
  /** Why intervals by profile have not two ends, in words. */
  readonly ends: readonly string[]
}

export type ShownFit = Fit | GroupFit

export const wholeFit = (found: ShownFit): WholeFit => ('all' in found ? found.all : found)
