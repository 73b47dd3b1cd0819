/** The rows of groups, collected until they are fitted. */

import type { GroupLabel } from '../problem/shared-parameters.js'

/** Complete groups: one array per group in each column. */
export interface CompleteGroups {
  readonly labels: readonly GroupLabel[]
  readonly columns: ReadonlyMap<string, readonly Float64Array[]>
}

/** Capacity of a new buffer, in rows. */
const MIN_ROWS = 256

/** Columns that grow row by row. The rows after the last complete group belong to the open group. */
export class GroupBuffer {
  readonly names: readonly string[]
  #columns: Float64Array[]
  #rows = 0
  #labels: GroupLabel[] = []
  /** Number of rows at the end of each complete group. */
  #ends: number[] = []

  constructor(names: readonly string[]) {
    this.names = names
    this.#columns = names.map(() => new Float64Array(MIN_ROWS))
  }

  /** Number of complete groups. */
  get groups(): number {
    return this.#labels.length
  }

  /** Number of rows of the complete groups. */
  get completeRows(): number {
    return this.#ends.at(-1) ?? 0
  }

  /** Appends a row. The numbers are in the order of `names`. */
  append(row: ArrayLike<number>): void {
    this.#reserve(1)
    for (let k = 0; k < row.length; k++) this.#columns[k][this.#rows] = row[k]
    this.#rows++
  }

  /** Appends rows of equal columns, in the order of `names`. */
  appendColumns(columns: readonly Float64Array[]): void {
    const { length } = columns[0]
    this.#reserve(length)
    for (const [k, column] of columns.entries()) this.#columns[k].set(column, this.#rows)
    this.#rows += length
  }

  #reserve(count: number): void {
    const needed = this.#rows + count
    if (needed <= this.#columns[0].length) return
    const capacity = Math.max(needed, 2 * this.#columns[0].length)
    this.#columns = this.#columns.map((column) => {
      const more = new Float64Array(capacity)
      more.set(column)
      return more
    })
  }

  /** Ends the open group. */
  end(label: GroupLabel): void {
    this.#labels.push(label)
    this.#ends.push(this.#rows)
  }

  /** Takes the complete groups out of the buffer. The rows of the open group remain. */
  take(): CompleteGroups {
    const [labels, ends, taken, rows] = [this.#labels, this.#ends, this.#columns, this.#rows]
    const last = this.completeRows
    const parts = taken.map((column) => ends.map((end, k) => column.subarray(k === 0 ? 0 : ends[k - 1], end)))
    this.#columns = taken.map(() => new Float64Array(Math.max(MIN_ROWS, rows - last)))
    for (const [k, column] of this.#columns.entries()) column.set(taken[k].subarray(last, rows))
    this.#rows = rows - last
    this.#labels = []
    this.#ends = []
    return { labels, columns: new Map(this.names.map((name, k) => [name, parts[k]])) }
  }
}
