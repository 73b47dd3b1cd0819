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

/** Number of rows up to which the buffer grows eightfold. */
const MAX_FAST_GROWTH = 1 << 14

/** Maximum number of rows for which a loop copies faster than a call of `set`. */
const MAX_LOOP = 32

/** Maximum length of an array for which memory is allocated before the elements are read. A sparse array may claim any. */
const MAX_ARRAY_LENGTH = 1 << 16

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
   * Appends the rows of columns that are float arrays, or arrays of numbers and null, of one length.
   *
   * @returns whether the rows have been appended; if not, the buffer is unchanged
   */
  tryAppend(data: Readonly<Record<string, unknown>>): boolean {
    const { names } = this
    // As in `appendRow`, the first two columns have places of their own.
    const first = data[names[0]]
    const rows = countNumbers(first)
    // Slower code tells an empty array from a detached one.
    if (rows <= 0) return false
    this.#reserve(rows)
    const columns = this.#columns
    const from = this.#rows
    if (!copyNumbers(first, columns[0], from, rows)) return false
    if (names.length > 1 && !copyNumbers(data[names[1]], columns[1], from, rows)) return false
    for (let k = 2; k < names.length; k++)
      if (!copyNumbers(data[names[k]], columns[k], from, rows)) return false
    this.#rows = from + rows
    return true
  }

  #reserve(count: number): void {
    const needed = this.#rows + count
    if (needed <= this.#columns[0].length) return
    // The first batch would otherwise copy its rows often.
    const capacity = Math.max(needed, (needed < MAX_FAST_GROWTH ? 8 : 2) * this.#columns[0].length)
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
    const groups = new CompleteGroups(labels, columns, new Float64Array(this.#offsets))
    // The next batch usually has about as many rows, after the rows of the open group.
    const capacity = MIN_ROWS + (rows - last) + Math.ceil(1.125 * last)
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

/** Number of elements of an array that can be copied to a column; −1 for another value. */
function countNumbers(given: unknown): number {
  if (Array.isArray(given)) return given.length <= MAX_ARRAY_LENGTH ? given.length : -1
  return isFloatArray(given) ? readLength(given) : -1
}

/** Copies numbers, of which null is missing. Returns false for another value, or an array of another length. */
function copyNumbers(given: unknown, to: Float64Array, from: number, length: number): boolean {
  if (Array.isArray(given)) {
    if (given.length !== length) return false
    for (let k = 0; k < length; k++) {
      const x: unknown = given[k]
      if (typeof x === 'number') to[from + k] = x
      else if (x === null) to[from + k] = NaN
      else return false
    }
    return true
  }
  if (!isFloatArray(given) || readLength(given) !== length) return false
  if (length > MAX_LOOP) to.set(given, from)
  else for (let k = 0; k < length; k++) to[from + k] = given[k]
  return true
}

/** Writes a number, or NaN for null and undefined. Returns false for another value. */
function put(column: Float64Array, at: number, x: unknown): boolean {
  if (typeof x === 'number') column[at] = x
  else if (x === null || x === undefined) column[at] = NaN
  else return false
  return true
}
