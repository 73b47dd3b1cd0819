/** Sources of the results of `fitShared` and of their groups, for functions that analyze a result. */

import type { SharedParameterValues } from '../problem/shared-parameters.js'
import type { SharedRun } from '../shared-solve/run.js'
import type { SharedStatistics } from '../shared-solve/shared-statistics.js'
import type { BootstrapSource } from '../uncertainty/bootstrap-result.js'

/** A group as a single fit, for one output of the group's model. */
export type SingleFitContext = BootstrapSource<string>['context']

export interface SharedSource {
  readonly run: SharedRun
  readonly statistics: SharedStatistics
  locate(group: number): GroupLocation
  /**
   * Converts arrays to named values: one number per shared parameter, and one column over groups per batch and local
   * parameter.
   */
  toValues(shared: ArrayLike<number>, local: readonly (readonly Float64Array[])[]): SharedParameterValues
}

/** The batch of a group, and the group's index in the batch. */
export interface GroupLocation {
  readonly run: SharedRun
  readonly statistics: SharedStatistics
  readonly batch: number
  readonly index: number
}

export interface GroupSource extends GroupLocation {
  /** Contexts of the group as single fits, one per output of the model. */
  contexts(): SingleFitContext[]
}

export const sharedSources = new WeakMap<object, SharedSource>()
export const groupSources = new WeakMap<object, GroupSource>()
