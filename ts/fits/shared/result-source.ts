/** What results of `fitShared` and their groups are made of, for functions that take a result. */

import type { SharedRun } from '../shared-solve/run.js'
import type { SharedStatistics } from '../shared-solve/shared-statistics.js'
import type { BootstrapSource } from '../uncertainty/bootstrap-result.js'
import type { SharedParameterValues } from './parameter-values.js'

/** A group as if it were fitted alone, by one of the values of its model. */
export type SingleFitContext = BootstrapSource<string>['context']

export interface SharedSource {
  readonly run: SharedRun
  readonly statistics: SharedStatistics
  locate(group: number): GroupLocation
  /** Numbers by parameter: of shared ones, and by batch and local parameter a column by group. */
  toValues(shared: ArrayLike<number>, local: readonly (readonly Float64Array[])[]): SharedParameterValues
}

/** The batch of a group, and its index there. */
export interface GroupLocation {
  readonly run: SharedRun
  readonly statistics: SharedStatistics
  readonly batch: number
  readonly index: number
}

export interface GroupSource extends GroupLocation {
  /** One for each value of its model. */
  contexts(): SingleFitContext[]
}

export const sharedSources = new WeakMap<object, SharedSource>()
export const groupSources = new WeakMap<object, GroupSource>()
