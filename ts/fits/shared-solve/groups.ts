/** Reads the rows of groups from columns with a column of labels, or from arrays per group. */

import { OptionError } from '../../core/errors.js'
import { toFloat64Array } from '../../core/untrusted-input.js'
import { checkName } from '../../expressions/names.js'
import { listColumns, type TableColumns } from '../problem/data-table.js'
import type { FitColumn } from '../problem/options.js'
import type { GroupLabel } from '../problem/shared-parameters.js'

/** Data columns that contain one array per group, or numbers for all groups. */
export interface GroupedData {
  readonly labels: readonly GroupLabel[]
  readonly columns: ReadonlyMap<string, unknown>
  /** Splits an array of numbers that is not a data column, such as σ, by group. */
  readonly lists: (argument: string, given: FitColumn) => FitColumn
  /** Labels of a column that has one label per group. */
  readonly labelsOf: (option: string, name: string) => GroupLabel[]
}

/**
 * @param used names of the columns of numbers that the models use; other columns are ignored
 * @param group the column of labels; undefined if columns are arrays per group
 * @param labelColumns further columns of labels
 */
export function readGroups(
  table: TableColumns,
  used: Iterable<string>,
  group: string | undefined,
  labelColumns: readonly string[],
): GroupedData {
  const columns = new Map<string, unknown>()
  for (const name of new Set([...used, ...labelColumns, ...(group === undefined ? [] : [group])])) {
    checkName('data', name)
    if (table.has(name)) columns.set(name, table.get(name))
  }
  return group === undefined
    ? groupByLists(columns, table)
    : groupByLabels(columns, table, group, labelColumns)
}

function groupByLists(columns: Map<string, unknown>, table: TableColumns): GroupedData {
  const lists = [...columns].find(([, column]) => Array.isArray(column) && isList(column[0]))
  const count = (lists?.[1] as unknown[] | undefined)?.length ?? 1
  return {
    labels: Array.from({ length: count }, (_, k) => k),
    columns,
    lists: (_, given) => given,
    labelsOf: (option, name) => {
      const labels = readLabels(`data: ${name}`, takeColumn(columns, table, option, name))
      if (labels.length !== count)
        throw new OptionError(`data: ${name}`, `${count} labels`, `${labels.length}`)
      return labels
    },
  }
}

function groupByLabels(
  columns: Map<string, unknown>,
  table: TableColumns,
  group: string,
  ofLabels: readonly string[],
): GroupedData {
  const given = takeColumn(columns, table, 'group', group)
  // Lengths are checked before any long array is read.
  const { length } = isList(given) ? (given as ArrayLike<unknown>) : []
  const other = [...columns].find(([, column]) => isList(column) && (column as unknown[]).length !== length)
  if (other !== undefined) {
    const rows = (other[1] as unknown[]).length
    throw new OptionError(`data: ${other[0]}`, `${length} rows, like ${group}`, `${rows} rows`)
  }
  const values = readLabels(`data: ${group}`, given)
  if (values.length === 0) throw new OptionError(`data: ${group}`, 'at least one row', 'none')
  const places = new Map<GroupLabel, number>()
  const rows = values.map((label) => {
    const known = places.get(label)
    if (known !== undefined) return known
    places.set(label, places.size)
    return places.size - 1
  })
  const labels = [...places.keys()]
  const ends = new Uint32Array(labels.length + 1)
  for (const place of rows) ends[place + 1]++
  for (let k = 0; k < labels.length; k++) ends[k + 1] += ends[k]
  const next = ends.slice()
  const order = new Uint32Array(rows.length)
  for (const [row, place] of rows.entries()) order[next[place]++] = row
  const lists = (argument: string, given: unknown) => {
    const numbers = toFloat64Array(given, true)
    if (numbers === undefined) throw new OptionError(argument, 'an array of one number per row', given)
    if (numbers.length !== rows.length)
      throw new OptionError(argument, `${rows.length} rows, like ${group}`, `${numbers.length} rows`)
    const sorted = Float64Array.from(order, (row) => numbers[row])
    return labels.map((_, k) => sorted.subarray(ends[k], ends[k + 1]))
  }
  for (const [name, column] of columns)
    if (!ofLabels.includes(name)) columns.set(name, lists(`data: ${name}`, column))
  return {
    labels,
    columns,
    lists,
    labelsOf: (option, name) => {
      const own = readLabels(`data: ${name}`, takeColumn(columns, table, option, name))
      if (own.length !== rows.length)
        throw new OptionError(`data: ${name}`, `${rows.length} rows, like ${group}`, `${own.length} rows`)
      const found = labels.map((_, k) => own[order[ends[k]]])
      const other = own.findIndex((label, row) => label !== found[rows[row]])
      if (other >= 0) {
        const expected = `one label per ${group}, like ${found[rows[other]]} for ${values[other]}`
        throw new OptionError(`data: ${name}[${other}]`, expected, own[other])
      }
      return found
    },
  }
}

const isList = (x: unknown) => Array.isArray(x) || ArrayBuffer.isView(x)

function takeColumn(
  columns: Map<string, unknown>,
  table: TableColumns,
  option: string,
  name: string,
): unknown {
  if (!columns.has(name)) throw new OptionError(option, `a column: ${listColumns(table)}`, name)
  const column = columns.get(name)
  columns.delete(name)
  return column
}

function readLabels(argument: string, given: unknown): GroupLabel[] {
  if (!isList(given)) throw new OptionError(argument, 'an array of strings or numbers', given)
  const list = given as ArrayLike<unknown>
  const labels: GroupLabel[] = []
  for (let row = 0; row < list.length; row++) {
    const label = list[row]
    const isLabel = typeof label === 'string' || (typeof label === 'number' && !Number.isNaN(label))
    if (!isLabel) throw new OptionError(`${argument}[${row}]`, 'a string or a number', label)
    labels.push(label as GroupLabel)
  }
  if (labels.some((label) => typeof label !== typeof labels[0])) checkNames(argument, labels)
  return labels
}

/** Checks that labels are distinct as strings. Results use labels as names, so 1 and '1' cannot both occur. */
function checkNames(argument: string, labels: readonly GroupLabel[]): void {
  const named = new Map<string, GroupLabel>()
  for (const [row, label] of labels.entries()) {
    const other = named.get(`${label}`)
    if (other !== undefined && typeof other !== typeof label) {
      const kind = typeof other === 'number' ? 'a number' : 'a string'
      throw new OptionError(`${argument}[${row}]`, `${kind}, like this label above`, label)
    }
    named.set(`${label}`, label)
  }
}
