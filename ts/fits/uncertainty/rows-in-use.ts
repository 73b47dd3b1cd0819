import { runToEnd } from '../../core/slices.js'
import { type DataColumn, numbersInRun, rowsInRun } from '../../many/batch/data.js'
import { COUNTS, readRoles } from '../problem/row-selection.js'
import type { FitContext } from '../solve/fit-context.js'

/** Indices of the rows in use among the rows that the user passed, from 0. */
export function rowsInUse({ data, problem }: Pick<FitContext, 'data' | 'problem'>, fit: number): number[] {
  const numbers = Array.from(data.values(), (column) => numbersInRun(column, fit))
  const weight = data.get(problem.weight ?? '')
  const rows = rowsInRun(data.get(problem.y) as DataColumn, fit)
  const roles = runToEnd(readRoles(numbers, weight && numbersInRun(weight, fit), rows))
  return Array.from(roles.keys()).filter((row) => roles[row] === COUNTS)
}
