/** Binary columns: where their numbers are in a file. */

import { BITS, findReader } from '../../files/format/dtypes.js'

/** A column, and where its numbers begin in the file. */
export interface BinaryColumn {
  readonly name: string
  /** The format's name of it, such as F64. */
  readonly dtype: string
  readonly from: number
}

export interface ColumnTable {
  readonly rows: number
  readonly columns: readonly BinaryColumn[]
}

/** Those of which cells can be made. */
export const DTYPES = Object.keys(BITS).filter((dtype) => findReader(dtype) !== undefined)

/** Bytes of a number. */
export const sizeOfDtype = (dtype: string) => BITS[dtype] / 8

/** Bytes of a row. */
export const rowBytes = (columns: readonly BinaryColumn[]) =>
  columns.reduce((sum, { dtype }) => sum + sizeOfDtype(dtype), 0)

/** Where the bytes of some rows are, column by column. */
export const byteRangesOfRows = (columns: readonly BinaryColumn[], begin: number, end: number) =>
  columns.map(({ dtype, from }) => {
    const size = sizeOfDtype(dtype)
    return [from + begin * size, from + end * size] as const
  })
