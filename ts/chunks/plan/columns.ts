/** Binary columns, and the byte positions of their values in a file. */

import { BITS, findReader } from '../../files/format/dtypes.js'

/** A column of a safetensors file, and the byte offset of its values. */
export interface BinaryColumn {
  readonly name: string
  /** Name of the dtype in the safetensors format, such as F64. */
  readonly dtype: string
  readonly from: number
}

export interface ColumnTable {
  readonly rows: number
  readonly columns: readonly BinaryColumn[]
}

/** The dtypes that can be read as table cells. */
export const DTYPES = Object.keys(BITS).filter((dtype) => findReader(dtype) !== undefined)

/** Number of bytes per value. */
export const sizeOfDtype = (dtype: string) => BITS[dtype] / 8

/** Number of bytes per row of the table. */
export const rowBytes = (columns: readonly BinaryColumn[]) =>
  columns.reduce((sum, { dtype }) => sum + sizeOfDtype(dtype), 0)

/** The byte ranges of consecutive rows, one range per column. */
export const byteRangesOfRows = (columns: readonly BinaryColumn[], begin: number, end: number) =>
  columns.map(({ dtype, from }) => {
    const size = sizeOfDtype(dtype)
    return [from + begin * size, from + end * size] as const
  })
