/** Data of many runs: the same for all, or for each its own. */

import { OptionError } from '../../core/errors.js'
import type { FloatArray } from '../../core/numbers.js'
import { isDetached, isFloatArray, readLength } from '../../core/typed-arrays.js'
import { isObject, toFloat64Array } from '../../core/untrusted-input.js'
import { type Expression, readColumns } from '../../expressions/expression.js'

/** Where runs start: a column for each parameter, or all parameters of the first run, of the second, … */
export type Starts = Readonly<Record<string, ArrayLike<number>>> | FloatArray | readonly number[]

/** Columns by name: numbers for all runs, or a list for each run; all of a run's columns have one length. */
export type PerRunData = Readonly<Record<string, ArrayLike<number> | readonly ArrayLike<number>[]>>

export interface DataColumn {
  readonly numbers: Float64Array
  /** Where each run's begin, and the end; null if all runs have the same. */
  readonly offsets: Float64Array | null
  /** How many rows each run has, if it is known that all have equally many. */
  readonly perRun?: number | undefined
  /** Where numbers are made as they are wanted: writes those of a run, each so many places behind the one before. */
  write?(run: number, to: FloatArray, from: number, stride: number): void
}

/** Copies of the columns, in the order of the expression's names. */
export function readPerRunData(expression: Expression, data: PerRunData): Map<string, DataColumn> {
  return readColumns(expression, data, readColumn)
}

/** A copy of numbers for all runs, or of a list for each; of what is missing, if null is taken for that. */
export function readColumn(argument: string, column: unknown, takesNull = false): DataColumn {
  const shared = toFloat64Array(column, takesNull)
  if (shared !== undefined) return { numbers: shared, offsets: null }
  if (!Array.isArray(column)) refuseColumn(argument, column, takesNull)
  const { length: count } = column
  // A list of holes may be billions long: there is room for what has been read, and as much again.
  let offsets: Float64Array = new Float64Array(Math.min(count, MIN_GROWTH) + 1)
  const lists = new ListBuffer()
  let isEven = true
  for (let run = 0; run < count; run++) {
    if (!lists.add(column[run], takesNull)) refuseColumn(argument, column, takesNull)
    if (run + 1 === offsets.length) offsets = enlarge(offsets, Math.min(count, 2 * run) + 1)
    offsets[run + 1] = lists.length
    // The others are as long, most of the time.
    if (run === 0) lists.expect(count * lists.length)
    else isEven &&= lists.length - offsets[run] === offsets[1]
  }
  const perRun = isEven ? offsets[1] : undefined
  return { numbers: lists.numbers(), offsets, perRun }
}

/** @throws OptionError, which says which number, or which list, is none */
function refuseColumn(argument: string, column: unknown, takesNull: boolean): never {
  const expected = 'a list of numbers, a Float32Array or a Float64Array'
  if (Array.isArray(column)) {
    if (!isObject(column.find((x) => x !== null))) checkNumbers(argument, column, takesNull)
    for (let run = 0; run < column.length; run++) {
      const list: unknown = column[run]
      if (Array.isArray(list)) checkNumbers(`${argument}[${run}]`, list, takesNull)
      else if (!isFloatArray(list) || isDetached(list))
        throw new OptionError(`${argument}[${run}]`, expected, list)
    }
  }
  throw new OptionError(argument, `${expected}, or one of these for each run`, column)
}

/** Lists that are made room for before there is one. */
const MIN_GROWTH = 1 << 16

function enlarge(numbers: Float64Array, length: number): Float64Array {
  const more = new Float64Array(length)
  more.set(numbers)
  return more
}

/** Most numbers that memory is allocated for before they have arrived … */
const MAX_EXPECTED_LENGTH = 1 << 21
/** … unless this many times those that have arrived is more. */
const GROWTH_FACTOR = 4

/** Copies of lists, one behind the other. */
class ListBuffer {
  length = 0
  /** How many numbers there may be in all. */
  #expected = 0
  #numbers: Float64Array = new Float64Array(64)

  expect(length: number): void {
    this.#expected = length
    if (length > this.#numbers.length) this.#grow(this.length)
  }

  /** False where it is no list of numbers. */
  add(list: unknown, takesNull: boolean): boolean {
    if (isFloatArray(list)) {
      if (isDetached(list)) return false
      const from = this.length
      this.length += readLength(list)
      if (this.length > this.#numbers.length) this.#grow(Math.max(this.length, 2 * from))
      this.#numbers.set(list, from)
      return true
    }
    if (!Array.isArray(list)) return false
    const { length } = list
    for (let i = 0; i < length; i++) {
      const x: unknown = list[i]
      if (typeof x !== 'number' && !(x === null && takesNull)) return false
      if (this.length === this.#numbers.length) this.#grow(2 * this.length)
      this.#numbers[this.length++] = x === null ? NaN : x
    }
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

export function containsNaN(numbers: Float64Array, from = 0, end = numbers.length): boolean {
  // Of NaN and ∞ no multiple is 0: to add is quicker than to ask each number.
  let [a, b] = [0, 0]
  let k = from
  for (; k + 1 < end; k += 2) {
    a += numbers[k] * 0
    b += numbers[k + 1] * 0
  }
  if (k < end) a += numbers[k] * 0
  return a + b !== 0 && numbers.subarray(from, end).includes(NaN)
}

/** @throws OptionError where a list of numbers has something else */
function checkNumbers(argument: string, list: ArrayLike<unknown>, takesNull = false): void {
  if (isFloatArray(list)) return
  for (let i = 0; i < list.length; i++) {
    const x = list[i]
    if (typeof x !== 'number' && !(x === null && takesNull))
      throw new OptionError(`${argument}[${i}]`, 'a number', x)
  }
}

/** Columns in the order that batches want: those that all runs share come first. */
export function sharedFirst(columns: ReadonlyMap<string, DataColumn>): Map<string, DataColumn> {
  const isShared = ([, { offsets }]: readonly [string, DataColumn]) => offsets === null
  const entries = [...columns]
  return new Map([...entries.filter(isShared), ...entries.filter((entry) => !isShared(entry))])
}

/** How many columns all runs share. */
export function sharedColumns(columns: readonly DataColumn[]): number {
  return columns.filter(({ offsets }) => offsets === null).length
}

/** How many rows of a column each run has, where it is known that all have equally many. */
export function rowsPerRun({ numbers, offsets, perRun }: DataColumn): number | undefined {
  return offsets === null ? numbers.length : perRun
}

/** How many rows of a column a run has. */
export function rowsInRun(column: DataColumn, run: number): number {
  const { offsets } = column
  return offsets === null ? column.numbers.length : offsets[run + 1] - offsets[run]
}

/** A run's rows of a column: a view. */
export function numbersInRun({ numbers, offsets }: DataColumn, run: number): Float64Array {
  return offsets === null ? numbers : numbers.subarray(offsets[run], offsets[run + 1])
}

/** Where the rows of each run begin in a column, and where the last ones end. */
export function rowOffsets(count: number, rowsOf: (run: number) => number): Float64Array {
  const offsets = new Float64Array(count + 1)
  for (let run = 0; run < count; run++) offsets[run + 1] = offsets[run] + rowsOf(run)
  return offsets
}

/** A column with a list for each run. */
export function concatenate(lists: readonly Float64Array[]): DataColumn {
  const offsets = rowOffsets(lists.length, (run) => lists[run].length)
  const numbers = new Float64Array(offsets[lists.length])
  for (const [run, list] of lists.entries()) numbers.set(list, offsets[run])
  return { numbers, offsets }
}

/** What errors call a column: names of columns that a user has not named begin with @, and are the option's. */
export function dataArgument(name: string): string {
  return name.startsWith('@') ? name.slice(1) : `data: ${name}`
}

/** @throws OptionError where a run's columns have not one length, or no rows */
export function checkRows(columns: ReadonlyMap<string, DataColumn>, runs: number): void {
  const [first] = columns.values()
  for (const [name, column] of columns) {
    const argument = dataArgument(name)
    const { offsets } = column
    if (offsets !== null && offsets.length - 1 !== runs) {
      throw new OptionError(argument, `${runs} lists, as there are runs`, `${offsets.length - 1}`)
    }
    const isShared = offsets === null && first.offsets === null
    const isEven = [column, first].every((one) => rowsPerRun(one) !== undefined)
    for (let run = 0; run < (isEven ? 1 : runs); run++) {
      const rows = rowsInRun(column, run)
      const expected = rowsInRun(first, run)
      if (rows === expected && rows > 0) continue
      const name = isShared ? '' : ` in run ${run}`
      if (rows !== expected)
        throw new OptionError(argument, `${expected} rows${name}, as before`, `${rows} rows`)
      throw new OptionError(argument, `at least one row${name}`, 'none')
    }
  }
}

/** Runs with equally many rows, in order. */
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

/** From so many runs on it is worth a look whether they can be copied at once. */
const MIN_TOGETHER = 64

/** Whether they are many, and neighbors in order. */
export function areContiguous(runs: Uint32Array): boolean {
  if (runs.length < MIN_TOGETHER) return false
  const [first] = runs
  for (let k = 0; k < runs.length; k++) if (runs[k] !== first + k) return false
  return true
}

/** Of some runs, in their order; of one also several times. */
export function pickRuns<Column extends FloatArray | Uint32Array>(
  column: Column,
  runs: Uint32Array,
  together = areContiguous(runs),
): Column {
  if (together) return column.slice(runs[0], runs[0] + runs.length) as Column
  const picked = new (column.constructor as new (length: number) => Column)(runs.length)
  for (let k = 0; k < runs.length; k++) picked[k] = column[runs[k]]
  return picked
}

/** Puts numbers to where runs have theirs. */
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
