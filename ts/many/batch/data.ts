/** Data of many runs. The data are shared by all runs or separate for each run. */

import { OptionError } from '../../core/errors.js'
import type { FloatArray } from '../../core/numbers.js'
import { isDetached, isFloatArray, readLength } from '../../core/typed-arrays.js'
import { isObject, toFloat64Array } from '../../core/untrusted-input.js'
import { type Expression, readColumns } from '../../expressions/expression.js'

/**
 * Starting points of the runs: one column per parameter, one array with the parameters of one run after the other, or
 * an array of points.
 */
export type Starts =
  | Readonly<Record<string, ArrayLike<number>>>
  | FloatArray
  | readonly number[]
  | readonly ArrayLike<number>[]

/**
 * Data columns by name. A column is an array of numbers for all runs, or contains one array per run. All columns of a
 * run have the same length.
 */
export type PerRunData = Readonly<Record<string, ArrayLike<number> | readonly ArrayLike<number>[]>>

export interface DataColumn {
  readonly numbers: Float64Array
  /** Offsets at which the rows of each run begin, followed by the total count; null if all runs share the numbers. */
  readonly offsets: Float64Array | null
  /** Count of rows per run, if all runs are known to have the same count. */
  readonly perRun?: number | undefined
  /** Whether all numbers are known to be finite. */
  readonly isFinite?: boolean
  /** Generates the numbers of a run on demand, and writes the numbers to an array with the given stride. */
  write?(run: number, to: FloatArray, from: number, stride: number): void
}

/** A column that `readColumn` takes as it is, without a copy. The caller has validated the numbers. */
export class ValidColumn implements DataColumn {
  declare readonly numbers: Float64Array
  declare readonly offsets: Float64Array

  constructor(column: DataColumn) {
    Object.assign(this, column)
  }
}

/** Copies the data columns, in the order of the expression's names. */
export function readPerRunData(expression: Expression, data: PerRunData): Map<string, DataColumn> {
  return readColumns(expression, data, readColumn)
}

/**
 * Copies a data column, which contains numbers for all runs, or one array per run. If `takesNull` is true, null stands
 * for a missing value.
 */
export function readColumn(argument: string, column: unknown, takesNull = false): DataColumn {
  if (column instanceof ValidColumn) return column
  const shared = toFloat64Array(column, takesNull)
  if (shared !== undefined)
    return {
      numbers: shared,
      offsets: null,
      perRun: undefined,
      isFinite: areFinite(shared, 0, shared.length),
    }
  if (!Array.isArray(column)) refuseColumn(argument, column, takesNull)
  const { length: count } = column
  // A sparse array may claim billions of elements. The memory therefore grows only with the number of elements that
  // have been read.
  let offsets: Float64Array = new Float64Array(Math.min(count, MIN_GROWTH) + 1)
  const lists = new ListBuffer()
  let isEven = true
  for (let run = 0; run < count; run++) {
    if (!lists.add(column[run], takesNull)) refuseColumn(argument, column, takesNull)
    if (run + 1 === offsets.length) offsets = enlarge(offsets, Math.min(count, 2 * run) + 1)
    offsets[run + 1] = lists.length
    // All further arrays usually have the same length as the first array.
    if (run === 0) lists.expect(count * lists.length)
    else isEven &&= lists.length - offsets[run] === offsets[1]
  }
  const perRun = isEven ? offsets[1] : undefined
  return { numbers: lists.numbers(), offsets, perRun, isFinite: lists.isFinite }
}

/** @throws OptionError for the first invalid number or array */
function refuseColumn(argument: string, column: unknown, takesNull: boolean): never {
  const expected = 'an array, Float32Array or Float64Array of numbers'
  if (Array.isArray(column)) {
    if (!isObject(column.find((x) => x !== null))) checkNumbers(argument, column, takesNull)
    for (let run = 0; run < column.length; run++) {
      const list: unknown = column[run]
      if (Array.isArray(list)) checkNumbers(`${argument}[${run}]`, list, takesNull)
      else if (!isFloatArray(list) || isDetached(list))
        throw new OptionError(`${argument}[${run}]`, expected, list)
    }
  }
  throw new OptionError(argument, `${expected}, or an array with one of these per run`, column)
}

/** Count of offsets that are allocated before any array is read. */
const MIN_GROWTH = 1 << 16

function enlarge(numbers: Float64Array, length: number): Float64Array {
  const more = new Float64Array(length)
  more.set(numbers)
  return more
}

/**
 * Maximum count of numbers for which memory is allocated before the numbers arrive, unless `GROWTH_FACTOR` allows
 * more.
 */
const MAX_EXPECTED_LENGTH = 1 << 22
/** Memory may be allocated for this multiple of the numbers that have arrived. */
const GROWTH_FACTOR = 4

/** Concatenates copies of arrays. */
class ListBuffer {
  length = 0
  isFinite = true
  /** Expected total count of concatenated numbers. */
  #expected = 0
  #numbers: Float64Array = new Float64Array(64)

  expect(length: number): void {
    this.#expected = length
    if (length > this.#numbers.length) this.#grow(this.length)
  }

  /** Appends a copy of an array. The method returns false if the value is not an array of numbers. */
  add(list: unknown, takesNull: boolean): boolean {
    const from = this.length
    if (isFloatArray(list)) {
      const length = readLength(list)
      if (length === 0 && isDetached(list)) return false
      this.length += length
      if (this.length > this.#numbers.length) this.#grow(Math.max(this.length, 2 * from))
      this.#numbers.set(list, from)
    } else {
      if (!Array.isArray(list)) return false
      const { length } = list
      for (let i = 0; i < length; i++) {
        const x: unknown = list[i]
        if (typeof x !== 'number' && !(x === null && takesNull)) return false
        if (this.length === this.#numbers.length) this.#grow(2 * this.length)
        this.#numbers[this.length++] = x === null ? NaN : x
      }
    }
    // The copy is examined while the copy is in the first-level cache.
    this.isFinite &&= areFinite(this.#numbers, from, this.length)
    return true
  }

  numbers(): Float64Array {
    return this.#numbers.length === this.length ? this.#numbers : this.#numbers.slice(0, this.length)
  }

  #grow(length: number): void {
    const expected = Math.min(this.#expected, Math.max(MAX_EXPECTED_LENGTH, GROWTH_FACTOR * this.length))
    this.#numbers = enlarge(this.#numbers.subarray(0, this.length), Math.max(length, this.length, expected))
  }
}

/** Whether the numbers in a range are finite. */
function areFinite(numbers: Float64Array, from: number, end: number): boolean {
  // The product of 0 and NaN or ∞ is not 0. Two sums, from both ends, do not wait for each other.
  let a = 0
  let b = 0
  for (let k = from, j = end - 1; k <= j; k++, j--) {
    a += numbers[k] * 0
    b += numbers[j] * 0
  }
  return a + b === 0
}

/** @throws OptionError if an element is not a number */
function checkNumbers(argument: string, list: ArrayLike<unknown>, takesNull = false): void {
  if (isFloatArray(list)) return
  for (let i = 0; i < list.length; i++) {
    const x = list[i]
    if (typeof x !== 'number' && !(x === null && takesNull))
      throw new OptionError(`${argument}[${i}]`, 'a number', x)
  }
}

/** Data columns in the order of batches, with shared columns first. The result can be the same map. */
export function sharedFirst(columns: ReadonlyMap<string, DataColumn>): ReadonlyMap<string, DataColumn> {
  const isShared = ([, { offsets }]: readonly [string, DataColumn]) => offsets === null
  const entries = [...columns]
  if (entries.every(isShared)) return columns
  return new Map([...entries.filter(isShared), ...entries.filter((entry) => !isShared(entry))])
}

/** Count of the shared columns. */
export function sharedColumns(columns: readonly DataColumn[]): number {
  return columns.filter(({ offsets }) => offsets === null).length
}

/** Count of rows per run in a column, if all runs are known to have the same count. */
export function rowsPerRun({ numbers, offsets, perRun }: DataColumn): number | undefined {
  return offsets === null ? numbers.length : perRun
}

/** Count of a column's rows in one run. */
export function rowsInRun(column: DataColumn, run: number): number {
  const { offsets } = column
  return offsets === null ? column.numbers.length : offsets[run + 1] - offsets[run]
}

/** A view of the rows of one run in a column. */
export function numbersInRun({ numbers, offsets }: DataColumn, run: number): Float64Array {
  return offsets === null ? numbers : numbers.subarray(offsets[run], offsets[run + 1])
}

/** Offsets at which the rows of each run begin in a column, followed by the total count. */
export function rowOffsets(count: number, rowsOf: (run: number) => number): Float64Array {
  const offsets = new Float64Array(count + 1)
  for (let run = 0; run < count; run++) offsets[run + 1] = offsets[run] + rowsOf(run)
  return offsets
}

/** Concatenates one array per run into a column. */
export function concatenate(lists: readonly Float64Array[]): DataColumn {
  const offsets = rowOffsets(lists.length, (run) => lists[run].length)
  const numbers = new Float64Array(offsets[lists.length])
  for (const [run, list] of lists.entries()) numbers.set(list, offsets[run])
  return { numbers, offsets }
}

/**
 * Name of a column in error messages. Names that begin with `@` are internal, and the rest of the name is the name of
 * an option.
 */
export function dataArgument(name: string): string {
  return name.startsWith('@') ? name.slice(1) : `data: ${name}`
}

/**
 * @param allowsEmpty whether a run with its own columns may have no rows
 * @throws OptionError if the columns of a run differ in length or have no rows
 */
export function checkRows(columns: ReadonlyMap<string, DataColumn>, runs: number, allowsEmpty = false): void {
  const [first] = columns.values()
  for (const [name, column] of columns) {
    const argument = dataArgument(name)
    const { offsets } = column
    if (offsets !== null && offsets.length - 1 !== runs) {
      throw new OptionError(argument, `${runs} arrays, one per run`, `${offsets.length - 1}`)
    }
    const isShared = offsets === null && first.offsets === null
    const isEven = [column, first].every((one) => rowsPerRun(one) !== undefined)
    for (let run = 0; run < (isEven ? 1 : runs); run++) {
      const rows = rowsInRun(column, run)
      const expected = rowsInRun(first, run)
      if (rows === expected && (rows > 0 || (allowsEmpty && offsets !== null))) continue
      const name = isShared ? '' : ` in run ${run}`
      if (rows !== expected)
        throw new OptionError(argument, `${expected} rows per column${name}`, `${rows} rows`)
      throw new OptionError(argument, `at least one row${name}`, 'none')
    }
  }
}

/** Groups the runs with equal row counts, in order. */
export function groupByRows(columns: readonly DataColumn[], runs: Uint32Array): Uint32Array[] {
  const column = columns.find(({ offsets }) => offsets !== null)
  if (column === undefined || rowsPerRun(column) !== undefined) return [runs]
  const first = rowsInRun(column, runs[0])
  if (runs.every((run) => rowsInRun(column, run) === first)) return [runs]
  const numbers = new Map<number, number[]>()
  for (const run of runs) {
    const rows = rowsInRun(column, run)
    const others = numbers.get(rows)
    if (others === undefined) numbers.set(rows, [run])
    else others.push(run)
  }
  return [...numbers.values()].map((some) => Uint32Array.from(some))
}

export type NumberArray = FloatArray | Uint8Array | Uint32Array

/** Minimum count of consecutive runs for which one call copies the data faster than a loop. */
const MIN_TOGETHER = 64

/** Whether the runs have consecutive indices, and are enough runs to copy their data in one call. */
export function areContiguous(runs: Uint32Array): boolean {
  if (runs.length < MIN_TOGETHER) return false
  const [first] = runs
  for (let k = 0; k < runs.length; k++) if (runs[k] !== first + k) return false
  return true
}

/** Picks the values of the listed runs, in the order of the list. The list may contain the same run repeatedly. */
export function pickRuns<Column extends FloatArray | Uint32Array>(
  column: Column,
  runs: Uint32Array,
  together = areContiguous(runs),
): Column {
  if (together) return column.slice(runs[0], runs[0] + runs.length) as Column
  // A call of a known constructor is several times faster.
  const picked = (
    column instanceof Float64Array
      ? new Float64Array(runs.length)
      : new (column.constructor as new (length: number) => Column)(runs.length)
  ) as Column
  for (let k = 0; k < runs.length; k++) picked[k] = column[runs[k]]
  return picked
}

/** Stores one number per run at the positions of the listed runs. */
export function putRuns(
  column: NumberArray,
  runs: Uint32Array,
  numbers: NumberArray,
  together = areContiguous(runs),
): void {
  if (together) {
    column.set(numbers.subarray(0, runs.length), runs[0])
    return
  }
  for (let k = 0; k < runs.length; k++) column[runs[k]] = numbers[k]
}
