/** Writes tables as CSV (RFC 4180). */

import { ArgumentError, truncate } from '../../core/errors.js'
import { toPrintable } from '../../core/text.js'
import type { TableColumns } from '../problem/data-table.js'
import type { CsvValues } from './options.js'

/** Text that spreadsheets run as a formula. */
const FORMULA = /^\s*[=+\-@＝＋－＠]/
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i

/** The text of a table. Reading a number of the text returns the same float64. */
export function writeCsv(table: TableColumns, options: CsvValues): string {
  const { header, lineEnd, delimiter } = options
  const names = [...table.keys()]
  const columns = names.map((name) => readCells(name, table.get(name)))
  const [first] = columns
  if (first === undefined) throw new ArgumentError('found', 'a table with at least one column', 'none')
  for (const [k, { length }] of columns.entries()) {
    if (length === first.length) continue
    const expected = `${first.length} rows, like ${printable(names[0])}`
    throw new ArgumentError(`found: ${printable(names[k])}`, expected, `${length} rows`)
  }
  const toText = (text: string) => quoteCell(escapeFormula(text, options), delimiter, names.length === 1)
  const lines: string[] = header ? [names.map(toText).join(delimiter)] : []
  const cells: string[] = new Array(names.length)
  for (let row = 0; row < first.length; row++) {
    for (let k = 0; k < names.length; k++) cells[k] = writeCell(columns[k][row], toText, names[k], row)
    lines.push(cells.join(delimiter))
  }
  try {
    return lines.length === 0 ? '' : lines.join(lineEnd) + lineEnd
  } catch (thrown) {
    if (!(thrown instanceof RangeError)) throw thrown
    throw new ArgumentError(
      'found',
      'a table that fits in one string (write several parts, with header: false after the first)',
      `${first.length} rows`,
    )
  }
}

const printable = (name: string) => truncate(toPrintable(name))

function readCells(name: string, given: unknown): ArrayLike<unknown> {
  if (Array.isArray(given) || (ArrayBuffer.isView(given) && !(given instanceof DataView)))
    return given as unknown as ArrayLike<unknown>
  throw new ArgumentError(`found: ${printable(name)}`, 'an array with one cell per row', given)
}

function writeCell(cell: unknown, toText: (text: string) => string, name: string, row: number): string {
  // String(-0) is '0', which would lose the sign.
  if (typeof cell === 'number') return Object.is(cell, -0) ? '-0' : String(cell)
  if (typeof cell === 'string') return toText(cell)
  if (cell === null) return toText('')
  if (typeof cell === 'boolean' || typeof cell === 'bigint') return String(cell)
  throw new ArgumentError(
    `found: ${printable(name)}[${row}]`,
    'a number, a string, true, false or null',
    cell,
  )
}

/** Spreadsheets show text after an apostrophe without running it. */
function escapeFormula(text: string, { escapeFormulas }: CsvValues): string {
  return escapeFormulas && FORMULA.test(text) && !NUMBER.test(text) ? `'${text}` : text
}

/** Quotes a cell if necessary. An empty cell in a single column is quoted, because readers skip empty lines. */
function quoteCell(text: string, delimiter: string, isSingle: boolean): string {
  const isSpecial = /^\s|["\r\n]|\s$/.test(text) || text.includes(delimiter)
  return isSpecial || (isSingle && text === '') ? `"${text.replaceAll('"', '""')}"` : text
}
