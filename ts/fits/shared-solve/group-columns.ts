/** Columns of groups: the rows of one group, and starting values of parameters. */

import { log } from '../../functions/index.js'
import { type DataColumn, numbersInRun, rowsInRun } from '../../many/batch/data.js'
import type { Parameter } from '../problem/parameters.js'
import type { GroupOutput } from './group-batch.js'

/** The values of a column in one group, at the rows in use. */
export function selectGroupRows({ columns, rows }: GroupOutput, name: string, group: number): Float64Array {
  const column = columns.get(name) as DataColumn
  return rowsInRun(column, group) === rows[group] ? numbersInRun(column, group) : new Float64Array(0)
}

/** Clamps a column of parameter values to the bounds and converts the column to internal values, in place. */
export function toInternalColumn({ min, max, isLogarithmic }: Parameter, column: Float64Array): Float64Array {
  for (let at = 0; at < column.length; at++) {
    const x = column[at]
    const guess = isLogarithmic ? Math.abs(x) || 1 : x
    const inside = Math.min(Math.max(guess, min), max)
    column[at] = isLogarithmic ? log(inside) : inside
  }
  return column
}

/** The median of an array, or the lower one of two middle values. */
export function median(numbers: readonly number[]): number {
  const sorted = Float64Array.from(numbers).sort()
  return sorted[(sorted.length - 1) >> 1]
}
