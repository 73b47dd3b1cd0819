/** The rows of groups, collected until they are fitted. */

import { isFloatArray, readLength } from '../../core/typed-arrays.js'
import { ValidColumn } from '../../many/batch/data.js'
import type { GroupLabel } from '../problem/shared-parameters.js'

/** Complete groups. In each column, the rows of all groups follow one another. */
export class CompleteGroups {
  readonly labels: readonly GroupLabel[]
  readonly #columns: ReadonlyMap<string, Float64Array>
  /** Offsets at which the rows of each group begin, followed by the total count. */
  readonly #offsets: Float64Array
  /** Number of rows of each group, if all groups have as many. */
  readonly #perRun: number | undefined

  constructor(
    labels: readonly GroupLabel[],
    columns: ReadonlyMap<string, Float64Array>,
    offsets: Float64Array,
  ) {
    this.labels = labels
    this.#columns = columns
    this.#offsets = offsets
    const isEven = offsets.every((offset, group) => offset === group * offsets[1])
    this.#perRun = isEven ? offsets[1] : undefined
  }

  /**
   * The columns as data of `fitMany`. A column with the same numbers in each group becomes a column of all fits, which
   * the fits read faster. At least one column remains a column of groups, because it defines the number of fits.
   */
  data(): Record<string, ValidColumn | Float64Array> {
    const entries = [...this.#columns].map(([name, column]): [string, ValidColumn | Float64Array] => [
      name,
      this.#sharedNumbers(column) ?? this.#column(column),
    ])
    const last = entries.at(-1)
    const isAnyOfGroups = entries.some(([, column]) => column instanceof ValidColumn)
    if (last && !isAnyOfGroups) last[1] = this.#column(this.#columns.get(last[0]) as Float64Array)
    return Object.fromEntries(entries)
  }

  /** The numbers of the first group, if each group has the same bits. Columns with NaN remain columns of groups. */
  #sharedNumbers(column: Float64Array): Float64Array | undefined {
    const { length } = column
    const count = this.#perRun
    if (!count) return undefined
    for (let i = count; i < length; i++) {
      const x = column[i]
      // 0 and −0 are different numbers.
      if (x !== column[i - count] || (x === 0 && !Object.is(x, column[i - count]))) return undefined
    }
    return column.subarray(0, count)
  }

  /** A copy of one column. `fitMany` overwrites columns of σ. */
  copy(name: string): ValidColumn {
    return this.#column((this.#columns.get(name) as Float64Array).slice())
  }

  #column(numbers: Float64Array): ValidColumn {
    return new ValidColumn({ numbers, offsets: this.#offsets, perRun: this.#perRun })
  }

  /** The columns of one group. */
  group(k: number): Record<string, Float64Array> {
    const [from, end] = this.#offsets.subarray(k, k + 2)
    return Object.fromEntries([...this.#columns].map(([name, column]) => [name, column.subarray(from, end)]))
  }

  /** The groups before a group. */
  before(k: number): CompleteGroups {
    const end = this.#offsets[k]
    const columns = new Map([...this.#columns].map(([name, column]) => [name, column.subarray(0, end)]))
    return new CompleteGroups(this.labels.slice(0, k), columns, this.#offsets.slice(0, k + 1))
  }
}

/** Capacity of a new buffer, in rows. */
const MIN_ROWS = 256

/** Maximum number of rows for which a loop copies faster than a call of `set`. */
const MAX_LOOP = 32

/** Columns that grow row by row. The rows after the last complete group belong to the open group. */
export class GroupBuffer {
  readonly names: readonly string[]
  #columns: Float64Array[]
  #rows = 0
  #labels: GroupLabel[] = []
  /** Number of rows at the end of each complete group, after 0. */
  #offsets = [0]

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
    return this.#offsets[this.#labels.length]
  }

  /** Number of rows of the open group. */
  get openRows(): number {
    return this.#rows - this.completeRows
  }

  /**
   * Appends a row of numbers, of which null and undefined are missing.
   *
   * @returns −1, or the index of the first column with another value; the buffer is then unchanged
   */
  appendRow(row: Readonly<Record<string, unknown>>): number {
    this.#reserve(1)
    const { names } = this
    const columns = this.#columns
    const at = this.#rows
    // A place that always reads the same name takes a fraction of the time. Most models have two columns.
    if (!put(columns[0], at, row[names[0]])) return 0
    if (names.length > 1 && !put(columns[1], at, row[names[1]])) return 1
    for (let k = 2; k < names.length; k++) if (!put(columns[k], at, row[names[k]])) return k
    this.#rows++
    return -1
  }

  /** Appends rows of equal columns, in the order of `names`. */
  appendColumns(columns: readonly Float64Array[]): void {
    const { length } = columns[0]
    this.#reserve(length)
    for (const [k, column] of columns.entries()) this.#columns[k].set(column, this.#rows)
    this.#rows += length
  }

  /**
   * Appends the rows of columns that are float arrays of one length.
   *
   * @returns whether the rows have been appended; if not, the buffer is unchanged
   */
  tryAppend(data: Readonly<Record<string, unknown>>): boolean {
    let rows = 0
    for (let k = 0; k < this.names.length; k++) {
      const given = data[this.names[k]]
      if (!isFloatArray(given)) return false
      const length = readLength(given)
      // Slower code tells an empty array from a detached one.
      if (length === 0 || (k > 0 && length !== rows)) return false
      rows = length
      if (k === 0) this.#reserve(rows)
      const column = this.#columns[k]
      const from = this.#rows
      if (rows > MAX_LOOP) column.set(given, from)
      else for (let row = 0; row < rows; row++) column[from + row] = given[row]
    }
    this.#rows += rows
    return true
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
    this.#offsets.push(this.#rows)
  }

  /** Takes the complete groups out of the buffer. The rows of the open group remain. */
  take(): CompleteGroups {
    const [labels, taken, rows] = [this.#labels, this.#columns, this.#rows]
    const last = this.completeRows
    const columns = new Map(this.names.map((name, k) => [name, taken[k].subarray(0, last)]))
    const groups = new CompleteGroups(labels, columns, Float64Array.from(this.#offsets))
    // The next batch usually has as many rows.
    const capacity = Math.max(MIN_ROWS, rows - last, last)
    this.#columns = taken.map((column) => {
      const next = new Float64Array(capacity)
      next.set(column.subarray(last, rows))
      return next
    })
    this.#rows = rows - last
    this.#labels = []
    this.#offsets = [0]
    return groups
  }
}

/** Writes a number, or NaN for null and undefined. Returns false for another value. */
function put(column: Float64Array, at: number, x: unknown): boolean {
  if (typeof x === 'number') column[at] = x
  else if (x === null || x === undefined) column[at] = NaN
  else return false
  return true
}
