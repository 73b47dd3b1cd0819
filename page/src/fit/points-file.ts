/** The used points as CSV, with the values of the model. The command line of the page reads this file. */

import type { DisplayedState } from './displayed-state.js'
import type { FitPageState } from './state.js'
import type { DataTable, TableColumn } from './table.js'
import type { ChosenColumns, FitTask } from './task.js'

export type SavedPoints = Pick<DisplayedState, 'groups' | 'chosen' | 'table' | 'outcome' | 'at'>

/** Headings of the columns that the page adds. */
const OWN = ['line', 'model', 'residual']

/** Returns the heading of a column: its title, or its name in expressions if the title occurs twice. */
export function headingsOf({ all }: DataTable): (column: TableColumn) => string {
  const taken = [...OWN, ...all.map(({ title }) => title)]
  return ({ name, title }) => (taken.filter((other) => other === title).length > 1 ? `${name}_` : title)
}

/** The column of group labels, or undefined. */
export const groupColumn = ({ all, curves }: DataTable, state: FitPageState): TableColumn | undefined =>
  all.find(({ name }) => name === (state.group || curves))

/** The columns in the model, with their names there. The first one is x. */
export function modelColumns(
  { columns }: DataTable,
  { x, extra }: ChosenColumns,
  { names, columns: used }: FitTask,
): { readonly name: string; readonly column: TableColumn }[] {
  const further = columns.filter((one) => one.name !== x.name && one !== extra && used.includes(one.name))
  const [, extraName = ''] = used
  return [
    { name: names.x, column: x },
    ...(extra ? [{ name: extraName, column: extra }] : []),
    ...further.map((column) => ({ name: column.name, column })),
  ]
}

const cell = (text: string) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)

/** Each used row with the value of the model and the residual. */
export function writePoints(
  { groups, chosen, table, outcome }: SavedPoints,
  task: FitTask,
  state: FitPageState,
): string {
  const heading = headingsOf(table)
  const group = groupColumn(table, state)
  const { y, sigma, weights } = chosen
  const columns = [...modelColumns(table, chosen, task).map(({ column }) => column), y, sigma, weights]
  const saved = [...new Set(columns.filter((column) => column !== null))].filter((one) => one !== group)
  const head = [...(group ? [heading(group)] : []), 'line', ...saved.map(heading), 'model', 'residual']
  const lines = groups.flatMap(({ name, rows }, k) => {
    const fit = outcome?.fits[k]
    const values = fit?.predict() ?? []
    return rows.kept.map((row, i) => {
      const numbers = [table.lines[row], ...saved.map(({ numbers }) => numbers[row])]
      const cells = [...(group ? [name] : []), ...numbers, values[i], fit?.residuals[i]]
      return cells.map((one) => cell(`${one}`)).join()
    })
  })
  return `${[head.map(cell).join(), ...lines].join('\n')}\n`
}
