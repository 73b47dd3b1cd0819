/** What the page shows of a fit: of one by itself, or of a group that shares parameters with others. */

import type { Fit, SharedFit } from 'antigrad'

/** What is said of a fit as a whole. */
export type Whole = Fit | SharedFit

/** A group, as a fit by itself would say it. */
export interface Member
  extends Pick<
    Fit,
    | 'values'
    | 'errors'
    | 'free'
    | 'held'
    | 'undetermined'
    | 'covariance'
    | 'correlation'
    | 'chiSquared'
    | 'rows'
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

export type Found = Fit | Member

export const wholeOf = (found: Found): Whole => ('all' in found ? found.all : found)
