/** The files that `antigrad fit` reads. */

import { displayName, isUrl, openStream } from '../../chunks/plan/data.js'
import { findColumns, hasColumns, readBlocks, toTable } from '../../chunks/plan/read-columns.js'
import { OptionError } from '../../core/errors.js'
import { formatCount, toPrintable } from '../../core/text.js'
import { covarianceMatrix } from '../../fits/fit/whitening.js'
import { type DateParser, dateParser, parseIsoDate } from '../../tables/dates.js'
import { toPlainText } from '../../tables/plain-text.js'
import { type ColumnRequest, readCsv, type Table, type TableRequest } from '../../tables/read-csv.js'
import { readMatrix } from '../../tables/read-matrix.js'
import { say } from '../terminal.js'
import type { FitCommandOptions } from './options.js'
import { requestUnknowns, type UnknownTable } from './unknowns.js'

/** The file's name for messages. URLs contain no credentials. */
export const named = (file: string) => (isUrl(file) ? displayName(file) : file)

/** A stream of a text file, decompressed and converted to UTF-8. */
const openText = async (file: string) => toPlainText(file === '-' ? process.stdin : await openStream(file))

export async function readTable(file: string, request: TableRequest): Promise<Table> {
  if (!hasColumns(file)) return readCsv(await openText(file), request)
  if (request.wide !== undefined)
    throw new OptionError(
      '--wide',
      'a table of text (the tensors of a .safetensors file have one group)',
      file,
    )
  const source = await findColumns(file, request)
  return toTable(readBlocks(file, source), source.columns, request)
}

export function reportDroppedRows(
  name: string,
  { leftOut, rows, reasons }: Pick<Table, 'leftOut' | 'rows' | 'reasons'>,
): void {
  for (const reason of reasons) say(`${name}: ${reason}: the row was dropped`)
  if (leftOut > reasons.length) {
    const more = formatCount(leftOut - reasons.length)
    say(`${name}: and ${more} more: ${formatCount(leftOut)} of ${formatCount(rows)} rows were dropped`)
  }
}

/** The covariance of y in the `--covariance` file. */
export async function readCovariance({ covariance: file, delimiter, decimal, comment }: FitCommandOptions) {
  if (file === undefined) return undefined
  return covarianceMatrix(
    await readMatrix(await openText(file), named(file), { delimiter, decimal, comment }),
  )
}

/** The table of unknowns, which has the format options of the first table. */
export async function readUnknowns(
  file: string,
  x: readonly string[],
  options: FitCommandOptions,
): Promise<UnknownTable> {
  const { delimiter, decimal, comment, dropInvalid } = options
  const name = named(file)
  const columns = requestUnknowns(x, options)
  const format = { delimiter, decimal, comment, dropsInvalid: dropInvalid === true }
  const table = await readTable(file, { name, ...columns, ...format, onProgress: () => {} })
  reportDroppedRows(name, table)
  return { ...table, name, options }
}

/** Columns of the table of fits. The columns of `--x` may contain dates. */
export function requestDates(
  columns: readonly ColumnRequest[],
  { dateFormat }: FitCommandOptions,
): readonly ColumnRequest[] {
  const dates: DateParser = dateFormat === undefined ? parseIsoDate : dateParser('--date-format', dateFormat)
  return columns.map((column) => (column.option === '--x' ? { ...column, dates } : column))
}

/** The unit of each `--x` column that contains dates, such as "days since 2024-03-01". */
export type DateUnits = Readonly<Record<string, string>>

/** @throws OptionError if `--date-format` matches no column */
export function findDateUnits(
  columns: readonly ColumnRequest[],
  { origins }: Table,
  { dateFormat }: FitCommandOptions,
): DateUnits {
  const units = columns.flatMap(({ column }, k) =>
    origins[k] === undefined ? [] : [[column, `days since ${origins[k]}`] as const],
  )
  if (dateFormat !== undefined && units.length === 0)
    throw new OptionError('--date-format', 'a format of the dates in a column of --x', dateFormat)
  return Object.fromEntries(units)
}

/** One line per column of dates. */
export const describeDates = (units: DateUnits): string =>
  Object.entries(units)
    .map(([column, unit]) => `\n${toPrintable(column)} is in ${unit}\n`)
    .join('')

/** Reports the units on stderr, because CSV has no place for them. */
export function sayDates(units: DateUnits): void {
  for (const [column, unit] of Object.entries(units)) say(`${toPrintable(column)} is in ${unit}`)
}
