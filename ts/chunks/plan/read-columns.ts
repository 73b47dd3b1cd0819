/**
 * Tables of binary columns, which are one-dimensional tensors in a safetensors file. Only the requested columns of the
 * file are read.
 */

import { AntigradError, getMessage, OptionError } from '../../core/errors.js'
import { listNames, toPrintable, withoutCredentials } from '../../core/text.js'
import { findReader } from '../../files/format/dtypes.js'
import { headerLength, parseHeader, type TensorInfo } from '../../files/format/header.js'
import { JSON_LINES } from '../../tables/format.js'
import {
  collectColumnNames,
  groupingColumns,
  type Table,
  type TableRequest,
  TableRows,
} from '../../tables/read-csv.js'
import type { Cell } from '../../tables/read-ndjson.js'
import { type BinaryColumn, byteRangesOfRows, type ColumnTable, DTYPES, sizeOfDtype } from './columns.js'
import { dataSize, displayName, isUrl, readPart } from './data.js'
import { DataError } from './errors.js'

/** Number of rows per read operation. */
const BLOCK_ROWS = 1 << 16

/** Whether the file name, or the path of the URL, ends in .safetensors. */
export const hasColumns = (file: string) =>
  /\.safetensors$/i.test(isUrl(file) ? withoutCredentials(file) : file)

/**
 * Finds the requested columns in a file.
 *
 * @throws (rejects with) DataError if the file is not a safetensors file; OptionError if a column is missing, or if the
 * columns differ in length
 */
export async function findColumns(
  file: string,
  request: Pick<TableRequest, 'columns' | 'group' | 'labels'>,
): Promise<ColumnTable & { readonly bytes: number }> {
  const bytes = await dataSize(file)
  const { tensors, from } = await readHeader(file, bytes)
  const { columns: wanted } = request
  const told = groupingColumns(request)
  let rows: number | undefined
  const find = (option: string, column: string, dtypes: readonly string[]): BinaryColumn => {
    const info = tensors.get(column)
    if (info === undefined)
      throw new OptionError(
        option,
        `one of the tensors in ${displayName(file)}: ${listNames([...tensors.keys()])}`,
        column,
      )
    if (info.shape.length !== 1)
      throw new OptionError(option, 'a one-dimensional tensor', `${column} of shape [${info.shape}]`)
    if (!dtypes.includes(info.dtype))
      throw new OptionError(option, `one of ${listNames(dtypes)}`, `${column} of ${info.dtype}`)
    rows ??= info.shape[0]
    if (info.shape[0] !== rows)
      throw new OptionError(
        option,
        `${rows} values, as many as in the first column`,
        `${info.shape[0]} values of ${column}`,
      )
    return { name: column, dtype: info.dtype, from: from + info.begin }
  }
  const whole = DTYPES.filter((dtype) => /^[IU]|BOOL/.test(dtype))
  for (const { option, column } of told) find(option, column, whole)
  const optionOf = (name: string) =>
    [...wanted, ...told].find(({ column }) => column === name)?.option as string
  const columns = collectColumnNames(request).map((name) => find(optionOf(name), name, DTYPES))
  if (!rows) throw new DataError(`${displayName(file)}: expected at least one row, got none`)
  return { bytes, rows, columns }
}

async function readHeader(
  file: string,
  bytes: number,
): Promise<{ readonly tensors: ReadonlyMap<string, TensorInfo>; readonly from: number }> {
  const first = await readPart(file, 0, Math.min(8, bytes))
  try {
    const from = 8 + headerLength(first, bytes)
    const { tensors } = parseHeader(await readPart(file, 8, from), bytes - from)
    return { tensors, from }
  } catch (thrown) {
    throw thrown instanceof DataError ? thrown : new DataError(`${displayName(file)}: ${getMessage(thrown)}`)
  }
}

/** Yields all rows in blocks; each block contains the bytes of each column. */
export async function* readBlocks(
  file: string,
  { rows, columns }: ColumnTable,
): AsyncGenerator<Uint8Array[]> {
  for (let begin = 0; begin < rows; begin += BLOCK_ROWS) {
    yield await readRanges(file, byteRangesOfRows(columns, begin, Math.min(rows, begin + BLOCK_ROWS)))
  }
}

export async function readRanges(
  file: string,
  stretches: readonly (readonly [number, number])[],
): Promise<Uint8Array[]> {
  const parts: Uint8Array[] = []
  for (const [begin, end] of stretches) parts.push(await readPart(file, begin, end))
  return parts
}

/**
 * Converts binary columns to a table, with the same checks as for a text table.
 *
 * @throws AntigradError if a value is invalid
 */
export async function toTable(
  blocks: AsyncIterable<readonly Uint8Array[]> | Iterable<readonly Uint8Array[]>,
  columns: readonly BinaryColumn[],
  request: TableRequest,
): Promise<Table> {
  let row = 0
  const rows = new TableRows(request, 'row')
  rows.begin(JSON_LINES, () => row)
  rows.columns(columns.map(({ name }) => name))
  for await (const parts of blocks) {
    const values = columns.map(({ name, dtype }, k) => {
      const { buffer, byteOffset, length } = parts[k]
      const size = sizeOfDtype(dtype)
      if (length % size !== 0) throw new AntigradError(`${request.name}: ${toPrintable(name)} is incomplete`)
      const own = buffer.slice(byteOffset, byteOffset + length) as ArrayBuffer
      return (findReader(dtype) as (buffer: ArrayBuffer) => ArrayLike<number | bigint>)(own)
    })
    for (let i = 0; i < values[0].length; i++, row++) {
      rows.take(
        values.map((column): Cell => {
          const x = column[i]
          return typeof x === 'bigint' ? String(x) : x
        }),
        row + 1,
      )
    }
  }
  return rows.table()
}
