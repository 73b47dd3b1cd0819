/** Reads the items of a stream: rows with a column of labels, or whole groups. */

import { OptionError, shown } from '../../core/errors.js'
import { isFloatArray } from '../../core/typed-arrays.js'
import { createRecord, isObject, isRecord, readMember, toFloat64Array } from '../../core/untrusted-input.js'
import { listColumns, readTable, type TableColumns } from '../problem/data-table.js'
import type { GroupLabel } from '../problem/shared-parameters.js'
import { CompleteGroups, GroupBuffer } from './group-buffer.js'
import { RecentLabels } from './recent-labels.js'

/** Selects the columns of numbers, from the columns of the first group. */
export type ColumnSelection = (columns: Readonly<Record<string, unknown>>) => readonly string[]

/** The argument of a message about data of a group. */
export const ofGroup = (label: GroupLabel, argument: string): string => `group ${shown(label)}: ${argument}`

/** Appends the items of a stream to a buffer of groups. */
export class GroupReader {
  readonly #column: string | undefined
  readonly #select: ColumnSelection
  #buffer: GroupBuffer | undefined
  /** Number of items, for messages. */
  #items = 0
  /** The label of the open group of rows. */
  #label: GroupLabel | undefined
  /** The rows of the first group, because the columns are selected at the end of the first group. */
  #firstRows: object[] = []
  /** Whether Object.prototype has a property with one of the names that are read from plain objects. */
  #hasInherited = true
  readonly #labels = new RecentLabels()

  /** @param column name of the column of labels; undefined if each item is a whole group */
  constructor(column: string | undefined, select: ColumnSelection) {
    this.#column = column
    this.#select = select
  }

  /** Number of complete groups in the buffer. */
  get groups(): number {
    return this.#buffer?.groups ?? 0
  }

  /** Number of rows of the complete groups in the buffer. */
  get rows(): number {
    return this.#buffer?.completeRows ?? 0
  }

  /**
   * @returns whether the item has completed a group
   * @throws OptionError if the item is not a row or a group, or contains invalid numbers
   */
  accept(item: unknown): boolean {
    this.#items++
    if (this.#column !== undefined) return this.#acceptRow(item, this.#column)
    this.#acceptGroup(item)
    return true
  }

  /** Ends the last group at the end of the stream. */
  end(): void {
    if (this.#label !== undefined) this.#endGroup(this.#label)
    this.#label = undefined
  }

  take(): CompleteGroups {
    return this.#buffer?.take() ?? new CompleteGroups([], new Map(), new Float64Array(1))
  }

  /** The current item, for messages. */
  get #argument(): string {
    return `rows[${this.#items - 1}]`
  }

  #acceptGroup(item: unknown): void {
    const isPlain = !this.#hasInherited && isPlainObject(item)
    const data = isPlain ? item.data : isRecord(item) ? readMember(item, 'data') : undefined
    if (data === undefined) {
      const expected = 'a group, { group, data }, or rows and the option group'
      throw new OptionError(this.#argument, expected, item)
    }
    const given = isPlain ? item.group : readMember(item as object, 'group')
    const label = given === undefined ? this.#items - 1 : this.#readLabel('group', given)
    this.#remember(label)
    // Plain objects of arrays, as in most sources, need no table.
    if (!this.#hasInherited && isPlainObject(data) && this.#buffer?.tryAppend(data)) this.#buffer.end(label)
    else this.#appendTable(label, readTable(ofGroup(label, 'data'), data))
  }

  #acceptRow(item: unknown, column: string): boolean {
    // The prototype of most rows is Object.prototype, and then no name has to be looked up twice.
    const isOwn = !this.#hasInherited && isPlainObject(item)
    if (!isOwn && !isRecord(item))
      throw new OptionError(this.#argument, 'an object with one value per column', item)
    const row = item as Readonly<Record<string, unknown>>
    const given = isOwn || Object.hasOwn(row, column) ? row[column] : undefined
    const isNext = given !== this.#label || given === undefined
    if (isNext) this.#begin(this.#readLabel(column, given))
    const buffer = this.#buffer
    if (buffer === undefined) this.#firstRows.push(row)
    else {
      const own = isOwn ? row : ownColumns(row, buffer.names)
      const k = buffer.appendRow(own)
      if (k >= 0) this.#refuseInRow(buffer, own, k)
    }
    return isNext
  }

  /** Ends the open group, and opens the next one. */
  #begin(label: GroupLabel): void {
    this.end()
    this.#remember(label)
    this.#label = label
  }

  #endGroup(label: GroupLabel): void {
    if (this.#buffer) this.#buffer.end(label)
    else this.#appendTable(label, readTable('data', this.#firstRows))
    this.#firstRows = []
  }

  #appendTable(label: GroupLabel, table: TableColumns): void {
    this.#buffer ??= this.#createBuffer(label, table)
    const { names } = this.#buffer
    const columns = names.map((name) => this.#readColumn(label, name, table))
    const other = columns.findIndex(({ length }) => length !== columns[0].length)
    if (other > 0) {
      const expected = `${columns[0].length} rows, like ${names[0]}`
      throw new OptionError(
        ofGroup(label, `data: ${names[other]}`),
        expected,
        `${columns[other].length} rows`,
      )
    }
    this.#buffer.appendColumns(columns)
    this.#buffer.end(label)
  }

  #createBuffer(label: GroupLabel, table: TableColumns): GroupBuffer {
    const columns = [...table.keys()]
      .filter((name) => name !== this.#column)
      .map((name) => [name, table.get(name)])
    try {
      const names = this.#select(Object.fromEntries(columns))
      const used = [...names, ...(this.#column === undefined ? ['group', 'data'] : [this.#column])]
      this.#hasInherited = used.some((name) => name in Object.prototype)
      return new GroupBuffer(names)
    } catch (thrown) {
      throw inGroup(label, thrown)
    }
  }

  #readColumn(label: GroupLabel, name: string, table: TableColumns): Float64Array {
    if (!table.has(name))
      throw new OptionError(ofGroup(label, 'data'), `a column ${name}`, listColumns(table))
    const given = table.get(name)
    if (isOrdinary(given)) return given
    const numbers = toFloat64Array(given, true)
    if (numbers !== undefined) return numbers
    const row = Array.isArray(given) ? given.findIndex((x) => typeof x !== 'number' && x !== null) : -1
    if (row >= 0) this.#refuseNumber(name, row, (given as unknown[])[row], label)
    throw new OptionError(ofGroup(label, `data: ${name}`), 'an array of numbers', given)
  }

  #refuseInRow({ names, openRows }: GroupBuffer, row: Readonly<Record<string, unknown>>, k: number): never {
    this.#refuseNumber(names[k], openRows, row[names[k]], this.#label as GroupLabel)
  }

  #refuseNumber(name: string, row: number, given: unknown, label: GroupLabel): never {
    throw new OptionError(ofGroup(label, `data: ${name}[${row}]`), 'a number', given)
  }

  #readLabel(name: string, given: unknown): GroupLabel {
    if (typeof given === 'string' || (typeof given === 'number' && !Number.isNaN(given))) return given
    throw new OptionError(`${this.#argument}: ${name}`, 'a label (a string or a number)', given)
  }

  /** @throws OptionError if the label is among the latest labels */
  #remember(label: GroupLabel): void {
    if (this.#labels.add(label)) return
    const expected = 'all rows of a group one after the other'
    throw new OptionError(ofGroup(label, this.#argument), expected, 'a group that has ended')
  }
}

const isPlainObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  isObject(value) && Object.getPrototypeOf(value) === Object.prototype

/** The values that a row itself has, without the properties of its class. */
const ownColumns = (row: Readonly<Record<string, unknown>>, names: readonly string[]) =>
  createRecord(names, (name) => (Object.hasOwn(row, name) ? row[name] : null))

/** Whether a value is an array whose numbers can be appended to the buffer without another copy. */
const isOrdinary = (given: unknown): given is Float64Array =>
  isFloatArray(given) &&
  Object.getPrototypeOf(given) === Float64Array.prototype &&
  // The copy of a detached array, or of an array with a length of its own, is validated.
  given.length > 0 &&
  !Object.hasOwn(given, 'length')

/** Names the group in an error about data. Other errors are returned unchanged. */
export function inGroup(label: GroupLabel, thrown: unknown): unknown {
  if (!(thrown instanceof OptionError) || !/^(data|sigma|weights)\b/.test(thrown.argument)) return thrown
  const { argument, expected, received, message } = thrown
  const named = new OptionError(ofGroup(label, argument), expected, received)
  return Object.assign(named, { received, message: ofGroup(label, message) })
}
