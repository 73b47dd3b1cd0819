/** Columns of groups: the rows of one group, and starting values of parameters. */

import { type DataColumn, numbersInRun, rowsInRun } from '../../many/batch/data.js'
import { toInternalStart } from '../problem/multi-start.js'
import type { Parameter } from '../problem/parameters.js'
import type { GroupOutput } from './group-batch.js'

/** The values of a column in one group, at the rows in use. */
export function selectGroupRows({ columns, rows }: GroupOutput, name: string, group: number): Float64Array {
  const column = columns.get(name) as DataColumn
  return rowsInRun(column, group) === rows[group] ? numbersInRun(column, group) : new Float64Array(0)
}

/** Clamps a column of parameter values to the bounds and converts the column to internal values, in place. */
export function toInternalColumn(parameter: Parameter, column: Float64Array): Float64Array {
  for (let at = 0; at < column.length; at++) column[at] = toInternalStart(parameter, column[at])
  return column
}
