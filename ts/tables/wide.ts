/** Rows of tables as text, and the columns of wide tables. */

import { findFormat, numberReader } from './format.js'
import { Splitter } from './split.js'

/** A row of a table, with its line number, counted from 1. */
export interface TableLine {
  readonly line: number
  readonly cells: readonly string[]
}

/** The rows of a table, without blank lines and comments. */
export interface SplitText {
  readonly rows: readonly TableLine[]
  readonly toNumber: (cell: string) => number
  /** Line of a quote that is not closed, or null. */
  readonly openQuote: number | null
}

/** Splits text into rows. The delimiter and the decimal separator are detected in the text. */
export function splitRows(given: string): SplitText {
  const text = given.replace(/^\uFEFF/, '')
  const format = findFormat(text, {})
  const rows: TableLine[] = []
  const splitter = new Splitter(format, (cells, line) => rows.push({ line, cells }))
  let openQuote = null
  try {
    splitter.write(text)
    splitter.end()
  } catch {
    openQuote = splitter.line
  }
  return { rows, toNumber: numberReader(format), openQuote }
}

/** Index of the first column of a wide table that can continue the column in front of it. */
const FIRST_REPLICATE = 2

/** Names of the columns of a wide table. After x, a column without a name is a replicate of the column before it. */
export function nameWideColumns(header: readonly string[]): string[] {
  const names: string[] = []
  for (const [k, name] of header.entries())
    names.push(name || (k >= FIRST_REPLICATE ? names[k - 1] : k === 0 ? 'x' : `column ${k + 1}`))
  return names
}

/** Which columns of a wide table are replicates of one group. */
export type ReplicateRule = 'none' | 'suffix' | 'all'

/** The group of a column. With 'suffix', the columns A1, A-2 and A_3 belong to group A. */
export function groupOfColumn(name: string, replicates: ReplicateRule): string {
  if (replicates === 'all') return 'all'
  return replicates === 'suffix' ? name.replace(/[\s_.:#-]*\d+$/, '') || name : name
}
