/** The files that `antigrad fit` reads. */

import { displayName, isUrl, openStream } from '../../chunks/plan/data.js'
import { findColumns, hasColumns, readBlocks, toTable } from '../../chunks/plan/read-columns.js'
import { formatCount } from '../../core/text.js'
import { covarianceMatrix } from '../../fits/fit/whitening.js'
import { readCsv, type Table, type TableRequest } from '../../tables/read-csv.js'
import { readMatrix } from '../../tables/read-matrix.js'
import { say } from '../terminal.js'
import type { FitCommandOptions } from './options.js'
import { requestUnknowns, type UnknownTable } from './unknowns.js'

/** The file's name for messages. URLs contain no credentials. */
export const named = (file: string) => (isUrl(file) ? displayName(file) : file)

export async function readTable(file: string, request: TableRequest): Promise<Table> {
  if (!hasColumns(file)) return readCsv(file === '-' ? process.stdin : await openStream(file), request)
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
    await readMatrix(await openStream(file), named(file), { delimiter, decimal, comment }),
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
