/** The input of the fits, and their outcome. */

import type { FitManyResult, FitOptions } from 'antigrad/fit'
import type { ShownFit } from './displayed-fit.js'
import type { RowGroup } from './groups.js'
import type { Progress } from './progress.js'
import type { FitPageState } from './state.js'
import type { FitTask, TaskRows } from './task.js'

export interface FitInput {
  readonly task: FitTask
  /** Creates the task for a number of peaks. */
  readonly taskWith: (count: number) => FitTask
  readonly state: FitPageState
  readonly rows: TaskRows
  readonly groups: readonly RowGroup[]
  /** Index of the selected group. */
  readonly at: number
  /** The group label of each used row, if there are groups. */
  readonly labels: readonly string[] | null
  readonly signal: AbortSignal
  readonly progress: Progress
}

export interface FitOutcome {
  readonly task: FitTask
  readonly fits: readonly ShownFit[]
  /** The result of `fitMany`, if the groups were fitted separately. */
  readonly many: FitManyResult | null
  /** The starting values, if they are estimates of a first fit. */
  readonly start?: FitOptions['start']
  readonly milliseconds: number
  /** The options of the library's functions. */
  readonly options: FitOptions
  /** The parameters that all groups share. */
  readonly shared: readonly string[]
  /** The numbers of peaks that were tried; empty if the user set the number. */
  readonly counts: readonly CountedPeaks[]
}

export interface CountedPeaks {
  readonly count: number
  /** BIC of the fit, summed over the groups. */
  readonly bic: number
  readonly isChosen: boolean
}
