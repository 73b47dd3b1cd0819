/** Data tables: an object of columns, or an array of rows. */

import { OptionError, truncate } from '../../core/errors.js'
import { formatCount, toPrintable } from '../../core/text.js'
import { isRecord } from '../../core/untrusted-input.js'

/** The columns of a table by name. The rows of an array are read when a column is requested. */
export interface TableColumns {
  readonly size: number
  has(name: string): boolean
  get(name: string): unknown
  keys(): Iterable<string>
}

/** Names of the columns of a table, as a type. */
export type ColumnsOf<Data> = Data extends readonly (infer Row)[] ? Row : Data

/**
 * Reads a table: an object of columns, or an array of objects, one object per row. The columns of an array are the
 * properties of all rows.
 *
 * @throws OptionError if the table is not an object or an array of objects
 */
export function readTable(argument: string, given: unknown): TableColumns {
  if (isRecord(given)) return new Map(Object.entries(given))
  if (!Array.isArray(given)) throw new OptionError(argument, EXPECTED, given)
  return new RowTable(argument, given)
}

/** The names of the columns of a table, for messages. */
export const listColumns = (columns: TableColumns): string => listShort([...columns.keys()])

/** Maximum number of names that a message lists. */
const MAX_LISTED = 20

/** Lists names without quotes, and at most 20 of them. */
export function listShort(names: readonly string[]): string {
  const more = names.length - MAX_LISTED
  const list = names
    .slice(0, MAX_LISTED)
    .map((name) => truncate(toPrintable(name)))
    .join(', ')
  return more > 0 ? `${list} and ${formatCount(more)} more` : list
}

const EXPECTED = 'an object of columns, or an array of objects'

class RowTable implements TableColumns {
  readonly #argument: string
  readonly #rows: object[] = []
  readonly #names = new Set<string>()

  constructor(argument: string, given: readonly unknown[]) {
    this.#argument = argument
    const { length } = given
    if (length === 0) throw new OptionError(argument, `${EXPECTED} with at least one row`, given)
    // A sparse array may claim billions of rows. Reading ends at the first row that is not an object.
    for (let k = 0; k < length; k++) {
      const row = given[k]
      if (!isRecord(row)) throw new OptionError(k === 0 ? argument : `${argument}[${k}]`, EXPECTED, row)
      this.#rows.push(row)
      for (const name of Object.keys(row)) this.#names.add(name)
    }
  }

  get size(): number {
    return this.#names.size
  }

  has(name: string): boolean {
    return this.#names.has(name)
  }

  keys(): Iterable<string> {
    return this.#names
  }

  /** One value per row. A property that a row lacks is a missing number. */
  get(name: string): unknown[] {
    return this.#rows.map((row, k) => {
      const value = Object.hasOwn(row, name) ? (row as Readonly<Record<string, unknown>>)[name] : null
      // An array would be taken for the column of another fit.
      if (Array.isArray(value) || ArrayBuffer.isView(value)) {
        const cell = `${this.#argument}[${k}].${truncate(toPrintable(name))}`
        throw new OptionError(cell, 'one number per row (or an object of columns instead of rows)', value)
      }
      return value === undefined ? null : value
    })
  }
}
