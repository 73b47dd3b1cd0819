/** Reader of pasted tables of numbers, with or without a header. */

import { expression } from 'antigrad'
import { splitRows } from '../../../dist/page.js'
import { type Layout, type LongTable, toLong } from './wide.js'

export interface TableColumn {
  /** Name of the column in expressions. */
  readonly name: string
  /** Name of the column in the table. */
  readonly title: string
  /** Values of the cells; NaN if a cell is not a number. */
  readonly numbers: Float64Array
  readonly texts: readonly string[]
}

export interface DataTable {
  /** The columns that contain numbers. */
  readonly columns: readonly TableColumn[]
  /** All columns. Any of them can contain group labels. */
  readonly all: readonly TableColumn[]
  /** The line number of each row, counted from 1. */
  readonly lines: readonly number[]
  /** Identifies each row in the list of points left out. */
  readonly keys: readonly string[]
  /** How the pasted table is arranged. Rows of wide tables are points of the original table. */
  readonly shape: LongTable['shape']
  /** Name of the column that contains the names of the curves of a wide table, or ''. */
  readonly curves: string
  /** Whether a row has more cells than the first row, which makes all its cells unreliable. */
  readonly isTooLong: readonly boolean[]
}

/** @throws Error with a sentence if the text has fewer than two numeric columns */
export function readTable(text: string, layout: Layout = 'auto'): DataTable {
  const { rows: original, toNumber, openQuote } = splitRows(text)
  if (openQuote !== null) throw new Error(`A quote that opens in line ${openQuote} or below is not closed.`)
  const { rows: given, shape } = toLong(original, (cell) => !Number.isNaN(toNumber(cell)), layout)
  const rows = [...given]
  const isHeader = rows.length > 0 && rows[0].cells.every((cell) => Number.isNaN(toNumber(cell)))
  const [header] = isHeader ? rows.splice(0, 1) : []
  const width = Math.max(header?.cells.length ?? 0, ...rows.slice(0, 1).map(({ cells }) => cells.length))
  const names = new Set<string>()
  const all = Array.from({ length: width }, (_, i): TableColumn => {
    const title = header?.cells[i] || (i < 2 ? 'xy'[i] : `column${i + 1}`)
    const name = columnName(title, i, names)
    names.add(name)
    const texts = rows.map(({ cells }) => cells[i] ?? '')
    return { name, title, texts, numbers: Float64Array.from(texts, toNumber) }
  })
  const columns = all.filter(({ numbers }) => numbers.some((x) => !Number.isNaN(x)))
  if (columns.length < 2) {
    const found = columns.length === 0 ? 'none' : `only “${columns[0].title}”`
    const [{ line, cells } = { line: 1, cells: [] }] = rows.length > 0 ? rows : given
    const where = cells.length > 0 ? ` Line ${line} is “${cells.join(' | ').slice(0, 60)}”.` : ''
    throw new Error(`Expected a table with at least two numeric columns, got ${found}.${where}`)
  }
  const isTooLong = rows.map(({ cells }) => cells.slice(width).some((cell) => cell !== ''))
  return {
    columns,
    all,
    lines: rows.map(({ line }) => line),
    keys: rows.map(({ line, key }) => key ?? `${line}`),
    shape,
    curves: shape === 'points' ? '' : all[2].name,
    isTooLong,
  }
}

/** A unique name for a column that is valid in expressions. */
function columnName(title: string, number: number, taken: ReadonlySet<string>): string {
  const plain = title.replace(/[^\p{L}\p{Nd}\p{Nl}₀-₉_]+/gu, '_').replace(/^_+|_+$/g, '')
  const candidates = [plain, `${plain}_${number + 1}`, `column${number + 1}`, `column_${number + 1}`]
  return candidates.find((name) => isName(name) && !taken.has(name)) as string
}

/** Whether the text is a variable's name in expressions, not the name of a function or constant. */
function isName(text: string): boolean {
  try {
    return expression(text).names[0] === text
  } catch {
    return false
  }
}
