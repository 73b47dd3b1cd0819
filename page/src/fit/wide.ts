/** Wide tables: one column per curve, or one row per curve as on a plate. Both become one row per point. */

import { nameWideColumns, type TableLine } from '../../../dist/page.js'

export interface TableRow extends TableLine {
  /** Identifies the point in the list of points left out, if the line alone does not. */
  readonly key?: string
}

/** How a table is arranged. */
export const layouts = ['auto', 'points', 'columns', 'rows'] as const
export type Layout = (typeof layouts)[number]

export interface LongTable {
  readonly rows: readonly TableRow[]
  /** The arrangement of the original table. */
  readonly shape: Exclude<Layout, 'auto'>
}

/** Minimum number of curves, or of values of x in the header, at which a wide table is recognized. */
const MIN_CURVES = 3
const MIN_VALUES = 4

/** Name of a well of a plate with up to 1,536 wells, such as A1, B03 or AF48. */
const WELL = /^([A-Z]|A[A-F])0?([1-9]|[1-3]\d|4[0-8])$/i

/** The row and column of a well, counted from 0, or null. */
export function readWell(name: string): readonly [row: number, column: number] | null {
  const [, letters, digits] = WELL.exec(name.trim()) ?? []
  if (letters === undefined) return null
  const row = [...letters.toUpperCase()].reduce((sum, letter) => 26 * sum + letter.charCodeAt(0) - 64, 0)
  return [row - 1, Number(digits) - 1]
}

/** Rearranges a wide table. The header of the result is its first row. */
export function toLong(
  rows: readonly TableRow[],
  isNumber: (cell: string) => boolean,
  layout: Layout,
): LongTable {
  const shape = layout === 'auto' ? findShape(rows, isNumber) : layout
  if (rows.length < 2 || shape === 'points') return { rows, shape: 'points' }
  return { rows: shape === 'columns' ? fromColumns(rows) : fromRows(rows, isNumber), shape }
}

function findShape(rows: readonly TableRow[], isNumber: (cell: string) => boolean): LongTable['shape'] {
  if (rows.length < 2) return 'points'
  const [first, ...names] = rows[0].cells
  const isWide = names.length >= MIN_CURVES
  if (isWide && names.every((name) => readWell(name) !== null)) return 'columns'
  const hasValues = names.length >= MIN_VALUES && !isNumber(first) && names.every(isNumber)
  const isLabeled = rows.slice(1).every(({ cells }) => !isNumber(cells[0] ?? ''))
  return hasValues && isLabeled && isMonotonic(names) ? 'rows' : 'points'
}

function isMonotonic(texts: readonly string[]): boolean {
  const numbers = texts.map((text) => Number(text.replace(',', '.')))
  const isSorted = (sign: number) => numbers.every((x, i) => i === 0 || sign * (x - numbers[i - 1]) > 0)
  return isSorted(1) || isSorted(-1)
}

/** Columns with equal names are replicates of one curve. */
function fromColumns([header, ...rows]: readonly TableRow[]): TableRow[] {
  const [x, ...names] = nameWideColumns(header.cells)
  return [
    { line: header.line, cells: [x, 'response', 'curve'] },
    ...names.flatMap((name, k) =>
      rows.flatMap(({ line, cells }) => point(line, cells[0], cells[k + 1], name, k)),
    ),
  ]
}

function fromRows([header, ...rows]: readonly TableRow[], isNumber: (cell: string) => boolean): TableRow[] {
  const [corner, ...values] = header.cells
  const isOfX = /^(x|dose|conc|time|t\b)/i.test(corner)
  return [
    {
      line: header.line,
      cells: [isOfX ? corner : 'x', 'response', isOfX || corner === '' ? 'curve' : corner],
    },
    ...rows.flatMap(({ line, cells }, i) =>
      values.flatMap((x, k) =>
        isNumber(x) ? point(line, x, cells[k + 1], cells[0] || `row ${i + 1}`, k) : [],
      ),
    ),
  ]
}

/** One point; none if its cell is empty, because curves may have different numbers of points. */
const point = (line: number, x: string, y: string | undefined, name: string, k: number): TableRow[] =>
  y === undefined || y === '' ? [] : [{ line, cells: [x, y, name], key: `${line}:${k + 2}` }]
