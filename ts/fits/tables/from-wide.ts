/** `fromWide`: wide tables as rows of groups. */

import { ArgumentError, OptionError, truncate } from '../../core/errors.js'
import { toPrintable } from '../../core/text.js'
import { toBoundedArray } from '../../core/untrusted-input.js'
import { choice, customOption, type GivenOf, option, optional } from '../../options/kinds.js'
import { readOptions } from '../../options/read.js'
import { groupOfColumn, nameWideColumns, splitRows } from '../../tables/wide.js'
import { readTable } from '../problem/data-table.js'

const MAX_COLUMNS = 10_000_000

const columnNames = customOption<readonly string[]>((argument, given) => {
  const list = toBoundedArray(given, MAX_COLUMNS)
  if (list !== undefined && list.length > 0 && list.every((name) => typeof name === 'string'))
    return list as string[]
  throw new OptionError(argument, 'an array of column names', given)
})

const wideOptions = {
  /** Name of the column of x. Default: the first column. */
  x: optional(option<string, undefined>('a column name', undefined, (x) => typeof x === 'string')),
  /** Names of the columns of y. Default: all other columns. */
  y: optional(columnNames),
  /**
   * Which columns are replicates of one group. With 'none' (default), columns of equal names are replicates. With
   * 'suffix', digits at the end of a name do not count, and A1, A2 and A3 belong to group A. 'all' makes one group.
   */
  replicates: choice('none', 'suffix', 'all'),
}

/** Options of `fromWide`. */
export interface WideOptions extends GivenOf<typeof wideOptions> {}

/** Rows of groups. The table also contains the column of x, by its name. */
export interface WideTable {
  readonly y: Float64Array
  /** Label of the group of each row. */
  readonly group: readonly string[]
  /** Name of the column from which the row comes. */
  readonly column: readonly string[]
  readonly [x: string]: Float64Array | readonly string[]
}

/** Cells of a wide table. */
interface WideSource {
  readonly names: readonly string[]
  readonly rows: number
  cell(column: number, row: number): unknown
  /** The place of a cell in messages. */
  place(column: number, row: number): string
}

/**
 * Converts a wide table to rows of groups: one column of x, and one column of y per curve or replicate. Cells can be
 * empty. The result is data for `fitShared`, or for `fitStream` after a split by `group`.
 *
 * @param table an object of columns, an array of objects, or text with tabs, commas or semicolons and a header, as
 * copied from Prism or Excel. In text, a column without a name, or with the name of an earlier column, is a replicate.
 * @returns the columns x (by its name), `y`, `group` and `column`. The rows of a column follow each other.
 * @throws ArgumentError if a cell is neither a number nor empty, with the column, the row and the group; OptionError if
 * an option is invalid
 * @example
 * const data = fromWide('dose\tA1\tA2\tB1\n1\t2\t2.1\t3\n2\t3.9\t\t6\n', { replicates: 'suffix' })
 * await fitShared(models.line({ x: 'dose' }), data, { group: 'group', shared: ['slope'] })
 */
export function fromWide(
  table: string | Readonly<Record<string, ArrayLike<unknown>>> | readonly object[],
  options: WideOptions = {},
): WideTable {
  const { x: xName, y: yNames, replicates } = readOptions('options', options, wideOptions)
  const source = typeof table === 'string' ? readText(table) : readColumns(table)
  const { names } = source
  if (names.length < 2) throw new ArgumentError('table', 'a column of x and columns of y', names.join())
  const x = xName === undefined ? 0 : findColumn('x', names, xName)
  const reserved = ['y', 'group', 'column']
  if (reserved.includes(names[x]))
    throw new OptionError('x', 'another name than y, group and column', names[x])
  const selected = yNames && new Set(yNames)
  for (const name of yNames ?? []) findColumn('y', names, name)

  const columns = { x: [] as number[], y: [] as number[], group: [] as string[], column: [] as string[] }
  for (const [k, name] of names.entries()) {
    if (k === x || (selected && !selected.has(name))) continue
    const group = groupOfColumn(name, replicates)
    for (let row = 0; row < source.rows; row++) {
      const y = readCell(source, k, row, group)
      if (Number.isNaN(y)) continue
      const at = readCell(source, x, row, group)
      if (Number.isNaN(at)) {
        const place = `table: ${source.place(x, row)} (group ${printable(group)})`
        throw new ArgumentError(place, `a number, because ${printable(name)} has one`, 'an empty cell')
      }
      columns.x.push(at)
      columns.y.push(y)
      columns.group.push(group)
      columns.column.push(name)
    }
  }
  if (columns.y.length === 0)
    throw new ArgumentError('table', 'at least one number in the columns of y', 'none')
  return Object.fromEntries([
    [names[x], Float64Array.from(columns.x)],
    ['y', Float64Array.from(columns.y)],
    ['group', columns.group],
    ['column', columns.column],
  ]) as unknown as WideTable
}

const printable = (text: string) => truncate(toPrintable(text))

function findColumn(argument: string, names: readonly string[], name: string): number {
  const at = names.indexOf(name)
  if (at < 0) throw new OptionError(argument, 'the name of a column', name)
  return at
}

/** @returns the number of a cell; NaN if the cell is empty */
function readCell(source: WideSource, column: number, row: number, group: string): number {
  const cell = source.cell(column, row)
  if (typeof cell === 'number') return cell
  if (cell === null || cell === '') return NaN
  const place = `table: ${source.place(column, row)} (group ${printable(group)})`
  throw new ArgumentError(place, 'a number or an empty cell', cell)
}

function readColumns(given: unknown): WideSource {
  const columns = readTable('table', given)
  const names = [...columns.keys()]
  const cells = names.map((name) => {
    const column = columns.get(name)
    if (Array.isArray(column) || (ArrayBuffer.isView(column) && !(column instanceof DataView)))
      return column as unknown as ArrayLike<unknown>
    throw new ArgumentError(`table: ${printable(name)}`, 'an array with one cell per row', column)
  })
  const rows = cells[0]?.length ?? 0
  const other = cells.findIndex(({ length }) => length !== rows)
  if (other >= 0) {
    const expected = `${rows} rows, like ${printable(names[0])}`
    throw new ArgumentError(`table: ${printable(names[other])}`, expected, `${cells[other].length} rows`)
  }
  return {
    names,
    rows,
    cell: (column, row) => cells[column][row],
    place: (column, row) => `${printable(names[column])}[${row}]`,
  }
}

/** Splits text. The first row contains the names of the columns. */
function readText(given: string): WideSource {
  const { rows, toNumber, openQuote } = splitRows(given)
  if (openQuote !== null)
    throw new ArgumentError('table', 'text in which each quote is closed', `line ${openQuote}`)
  const [header, ...body] = rows
  if (header === undefined) throw new ArgumentError('table', 'text with a header', 'no lines')
  const names = nameWideColumns(header.cells)
  for (const { cells, line } of body) {
    if (cells.slice(names.length).every((cell) => cell === '')) continue
    throw new ArgumentError(`table: line ${line}`, `at most ${names.length} cells`, `${cells.length} cells`)
  }
  return {
    names,
    rows: body.length,
    cell: (column, row) => {
      const cell = body[row].cells[column] ?? ''
      const number = cell === '' ? NaN : toNumber(cell)
      return Number.isNaN(number) ? cell : number
    },
    place: (column, row) => `line ${body[row].line}: ${printable(names[column])}`,
  }
}
