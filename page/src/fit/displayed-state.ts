/** The displayed state of the page: the input of a fit, and its outcome. */

import type { FitOutcome } from './fit-input.js'
import type { RowGroup } from './groups.js'
import type { FitPageState } from './state.js'
import type { DataTable } from './table.js'
import type { ChosenColumns, FitTask, Library } from './task.js'
import type { Verdict } from './verdict.js'

export interface DisplayedState {
  readonly table: DataTable
  readonly chosen: ChosenColumns
  /** Null if the model is invalid. */
  readonly task: FitTask | null
  /** Null if the model is a custom expression. */
  readonly library: Library | null
  readonly groups: readonly RowGroup[]
  /** Index of the selected group. */
  readonly at: number
  /** Null if there is no fit. */
  readonly outcome: FitOutcome | null
  /** The settings, in which `group` also names the column of curves of a wide table. */
  readonly state: FitPageState
}

/** A judgment of each group's fit. */
export type Verdicts = readonly Verdict[]
