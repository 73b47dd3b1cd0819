/** Streaming reader of numbers in CSV and NDJSON files. The reader holds at most one row of the text in memory. */

import { AntigradError, getMessage, OptionError } from '../core/errors.js'
import { listNames, quote, toPrintable } from '../core/text.js'
import { DateColumn, type DateParser, parseIsoDate } from './dates.js'
import { type Decimal, type Format, findFormat, JSON_LINES, numberReader } from './format.js'
import { type Cell, ObjectReader } from './read-ndjson.js'
import { describeExcess, MAX_ROW_LENGTH, Splitter } from './split.js'
import { Utf8Decoder } from './utf8.js'
import type { ReplicateRule } from './wide.js'
import { WideRows } from './wide-rows.js'

/** A requested column, and the name of the option that requests it. */
export interface ColumnRequest {
  readonly option: string
  readonly column: string
  /** Required sign of the numbers, which must also be finite. */
  readonly sign?: 'above 0' | 'at least 0'
  /** Whether cells may be empty. An empty cell is read as NaN. */
  readonly isOptional?: true
  /** Parser of dates, if the column may contain dates instead of numbers. */
  readonly dates?: DateParser
}

export interface TableRequest {
  /** Name of the file, for messages. */
  readonly name: string
  readonly columns: readonly ColumnRequest[]
  /** The column that contains the group labels. */
  readonly group: ColumnRequest | undefined
  /** Further columns that contain labels. All rows of a group must have the same label in such a column. */
  readonly labels?: readonly ColumnRequest[]
  /** Field delimiter; if undefined, the delimiter is detected from the first rows. */
  readonly delimiter: string | undefined
  readonly decimal: Decimal | undefined
  /** Comment prefix: lines that begin with this prefix are skipped. Default `#`. */
  readonly comment: string | undefined
  /** Whether rows with invalid or missing numbers are dropped. */
  readonly dropsInvalid: boolean
  /** If the table is wide, which of its columns are replicates. */
  readonly wide?: ReplicateRule | undefined
  readonly onProgress: (rows: number) => void
  /** The known format of the table, which replaces the detection. */
  readonly format?: Format
  /**
   * Callback, called for each row with the group index of the row and the row's offset in bytes (or rows). If this
   * callback is set, the numbers are not stored in a table.
   */
  readonly onRow?: (group: number, begin: number) => void
}

/** The columns of group labels and of further labels. */
export const groupingColumns = ({
  group,
  labels = [],
}: Pick<TableRequest, 'group' | 'labels'>): readonly ColumnRequest[] => [
  ...labels,
  ...(group === undefined ? [] : [group]),
]

/** Distinct names of all requested columns. */
export const collectColumnNames = (asked: Pick<TableRequest, 'columns' | 'group' | 'labels'>): string[] => [
  ...new Set([...asked.columns, ...groupingColumns(asked)].map(({ column }) => column)),
]

export interface Table {
  /** One array of numbers per requested column and group. */
  readonly columns: readonly (readonly Float64Array[])[]
  /**
   * Group labels, in the order of their first appearance. Without a column of group labels, the array contains one
   * empty string.
   */
  readonly groups: readonly string[]
  /** For each further column of labels, one label per group. */
  readonly labels: readonly (readonly string[])[]
  /**
   * For each requested column that contains dates, the earliest date as ISO 8601. The numbers of the column are days
   * since this date.
   */
  readonly origins: readonly (string | undefined)[]
  /** Number of dropped rows, and total number of rows. */
  readonly leftOut: number
  readonly rows: number
  /** Reasons why the first dropped rows were invalid. */
  readonly reasons: readonly string[]
  readonly format: Format
}

/** Length of the text sample from which the format is detected, in characters. */
const SAMPLE_LENGTH = 1 << 16
const MIN_SAMPLE_LINES = 2

/** Maximum number of dropped rows whose reasons are reported. */
const MAX_REPORTED_ROWS = 5

/** Reads a CSV or NDJSON table. @throws AntigradError if the table cannot be read or lacks a requested column */
export async function readCsv(source: AsyncIterable<Uint8Array>, request: TableRequest): Promise<Table> {
  const rows = new TableRows(request)
  const decoder = new Utf8Decoder()
  let splitter: Splitter | ObjectReader | null = null
  let sample = ''
  let lines = 0
  const bytes = new Bytes()
  const begin = () => {
    const isJson = request.delimiter === undefined && request.decimal === undefined && /^\s*\{/.test(sample)
    const format = request.format ?? (isJson ? JSON_LINES : findFormat(sample, request))
    rows.begin(format, () => {
      return decoder.begin + bytes.before((splitter as Splitter | ObjectReader | null)?.begin ?? 0)
    })
    const { wide } = request
    if (format.isJson && wide !== undefined) rows.fail('expected a wide table of text (--wide), got NDJSON')
    const receiver = wide === undefined ? rows : new WideRows(rows, wide)
    const made = format.isJson
      ? rows.objects()
      : new Splitter(format, (cells, _, last) => receiver.add(cells, last))
    splitter = made
    made.write(sample)
    sample = ''
    return made
  }
  try {
    for await (const chunk of source) {
      const text = decoder.write(chunk)
      if (request.onRow) bytes.add(text)
      if (splitter !== null) {
        ;(splitter as Splitter | ObjectReader).write(text)
        continue
      }
      sample += text
      lines += /[\r\n]/.test(text) ? 1 : 0
      if (sample.length > MAX_ROW_LENGTH || (sample.length > SAMPLE_LENGTH && lines >= MIN_SAMPLE_LINES))
        begin()
    }
    decoder.end()
    ;(splitter ?? begin()).end()
  } catch (thrown) {
    throw thrown instanceof AntigradError ? thrown : rows.explain(thrown, splitter)
  }
  return rows.table()
}

/** Collects the rows of a table. */
export class TableRows {
  readonly #request: TableRequest
  readonly #unit: string
  readonly #columns: Numbers[][]
  readonly #groups = new Map<string, number>()
  readonly #labels: string[][]
  readonly #reasons: string[] = []
  /** Positions of the requested columns and of the group labels within a row. */
  #places: readonly number[] = []
  #groupAt = -1
  #labelPlaces: readonly number[] = []
  #width = 0
  #rows = 0
  #leftOut = 0
  #format: Format = { delimiter: ',', decimal: '.', isGrouped: false, comment: '' }
  /** A function that returns the number of bytes before the current row. */
  #before = () => 0
  #toNumber: (cell: string) => number = Number
  #dates: readonly (DateColumn | undefined)[] = []

  /** @param unit the unit of the numbers in messages, such as `line` */
  constructor(request: TableRequest, unit = 'line') {
    this.#request = request
    this.#unit = unit
    this.#columns = request.columns.map(() => [])
    this.#labels = (request.labels ?? []).map(() => [])
  }

  begin(format: Format, before: () => number): void {
    this.#before = before
    this.#toNumber = numberReader(format)
    this.#format = format
    this.#dates = this.#request.columns.map(({ dates }) => dates && new DateColumn(this.#toNumber, dates))
  }

  /** Makes a reader of NDJSON, which extracts only the requested columns. */
  objects(): ObjectReader {
    const { columns, format, name } = this.#request
    const told = groupingColumns(this.#request)
    const names = collectColumnNames(this.#request)
    this.columns(names)
    const onRow = (cells: readonly Cell[], line: number, keys: readonly string[]) => {
      // Column names are checked in the first row, unless only a part of a file is read.
      if (this.#rows === 0 && format === undefined) {
        for (const { option, column } of [...columns, ...told]) {
          if (!keys.includes(column))
            throw new OptionError(option, `one of the names in ${name}: ${listNames(keys)}`, column)
        }
      }
      this.take(cells, line)
    }
    const labels = told.map(({ column }) => column)
    return new ObjectReader(names, labels, onRow, (problem) => this.fail(problem))
  }

  /** @param line number of the line in which the row ends */
  add(cells: readonly string[], line: number): void {
    if (this.#width === 0) this.#readHeader(cells)
    else this.take(cells, line)
  }

  #readHeader(names: readonly string[]): void {
    this.checkHeader(names)
    this.columns(names)
  }

  /** @throws AntigradError if the first row contains only numbers */
  checkHeader(names: readonly string[]): void {
    if (names.every((name) => !Number.isNaN(this.#toNumber(name)))) {
      this.fail(`expected a header with names of columns, got ${listNames(names)}`)
    }
  }

  /** Locates the requested columns in the header. */
  columns(names: readonly string[]): void {
    const find = ({ option, column }: ColumnRequest): number => {
      const at = findColumn(names, column)
      if (at < 0)
        throw new OptionError(
          option,
          `one of the columns of ${this.#request.name}: ${listNames(names)}`,
          column,
        )
      if (names.includes(names[at], at + 1)) {
        throw new OptionError(option, `a column name that occurs once in ${this.#request.name}`, column)
      }
      return at
    }
    const { columns, group, labels = [] } = this.#request
    this.#places = columns.map(find)
    this.#labelPlaces = labels.map(find)
    if (group !== undefined) this.#groupAt = find(group)
    this.#width = names.length
  }

  /**
   * Adds a row to the table, or drops the row if it is invalid.
   *
   * @param source name of the column of a wide table from which the response comes
   */
  take(cells: readonly Cell[], line: number, source?: string): void {
    this.#rows++
    if (this.#rows % 1024 === 0) this.#request.onProgress(this.#rows)
    const problem = this.#take(cells, source)
    if (problem === null) return
    if (!this.#request.dropsInvalid)
      this.fail(`${this.#unit} ${line}: ${problem}; --drop-invalid drops such rows`)
    this.#leftOut++
    if (this.#reasons.length < MAX_REPORTED_ROWS) this.#reasons.push(`${this.#unit} ${line}: ${problem}`)
  }

  /** Adds the numbers of a row to the table, or returns the reason why the row is invalid. */
  #take(cells: readonly Cell[], source: string | undefined): string | null {
    const { columns, group, labels = [] } = this.#request
    const excess = describeExcess(cells, this.#width)
    if (excess !== null) return excess
    const numbers: number[] = []
    for (const [k, { option, column, sign, isOptional }] of columns.entries()) {
      const cell = cells[this.#places[k]] ?? ''
      if (isOptional && isMissing(cell)) {
        numbers.push(NaN)
        continue
      }
      const dates = this.#dates[k]
      const x = dates ? dates.read(cell) : typeof cell === 'number' ? cell : this.#toNumber(cell)
      const problem = Number.isNaN(x) ? this.#describe(cell, dates) : complaint(x, sign)
      const name = option === '--y' && source !== undefined ? source : column
      if (problem !== null) return `${toPrintable(name)} is ${problem}`
      numbers.push(x)
    }
    const name = String(cells[this.#groupAt] ?? '')
    if (group !== undefined && name === '') return `${toPrintable(group.column)} is empty`
    const own = this.#labelPlaces.map((place) => String(cells[place] ?? ''))
    const empty = own.indexOf('')
    if (empty >= 0) return `${toPrintable(labels[empty].column)} is empty`
    const at = this.#groupOf(name)
    for (const [k, label] of own.entries()) this.#label(k, at, label)
    if (this.#request.onRow) this.#request.onRow(at, this.#before())
    else for (const [k, x] of numbers.entries()) this.#columns[k][at].push(x)
    return null
  }

  /** Describes a cell whose text is not a number. */
  #describe(cell: Cell, dates: DateColumn | undefined): string {
    if (cell === '') return 'empty'
    const wanted = dates?.describeExpected(`${cell}`)
    if (wanted !== undefined) return `${quote(`${cell}`)}, not ${wanted}`
    if (typeof cell === 'number') return `${cell}`
    if (parseIsoDate(cell) !== undefined) return `${quote(cell)}, a date, not a number`
    const { decimal } = this.#format
    const other = decimal === '.' ? ',' : '.'
    const isOther = !Number.isNaN(numberReader({ ...this.#format, decimal: other })(cell))
    return `${quote(cell)}, not a number${isOther ? ` with a decimal ${decimal === '.' ? 'point' : 'comma'} (--decimal ${other})` : ''}`
  }

  #groupOf(name: string): number {
    const found = this.#groups.get(name)
    if (found !== undefined) return found
    if (!this.#request.onRow) for (const lists of this.#columns) lists.push(new Numbers())
    this.#groups.set(name, this.#groups.size)
    return this.#groups.size - 1
  }

  /** @throws OptionError if rows of a group have different labels */
  #label(k: number, group: number, label: string): void {
    const list = this.#labels[k]
    if (list.length === group) list.push(label)
    if (list[group] === label) return
    const { option, column } = (this.#request.labels as readonly ColumnRequest[])[k]
    const name = toPrintable([...this.#groups.keys()][group])
    throw new OptionError(
      option,
      `the same ${toPrintable(column)} in all rows of ${name} (${list[group]} in the first row)`,
      label,
    )
  }

  fail(problem: string): never {
    throw new AntigradError(`${this.#request.name}: ${problem}`)
  }

  /** Converts an error of the reader to an error whose message names the file and the line. */
  explain(thrown: unknown, splitter: Splitter | ObjectReader | null): AntigradError {
    const line = splitter?.line ?? 1
    const problem =
      thrown instanceof SyntaxError
        ? `a quote that opens in line ${line} or below is not closed`
        : thrown instanceof RangeError
          ? `line ${line}: expected a row of at most ${MAX_ROW_LENGTH >> 20} MiB; a quote may not be closed`
          : getMessage(thrown)
    return new AntigradError(`${this.#request.name}: ${problem}`)
  }

  table(): Table {
    if (this.#width === 0) this.fail('expected a header with names of columns, got an empty file')
    if (this.#rows === 0) this.fail('expected rows below the header, got none')
    const columns = this.#columns.map((lists, k) => {
      const all = lists.map((list) => list.all)
      return this.#dates[k]?.toDays(all) ?? { lists: all }
    })
    return {
      columns: columns.map(({ lists }) => lists),
      origins: columns.map(({ origin }) => origin),
      groups: [...this.#groups.keys()],
      labels: this.#labels,
      leftOut: this.#leftOut,
      rows: this.#rows,
      reasons: this.#reasons,
      format: this.#format,
    }
  }
}

/**
 * Converts character positions in a streamed text to byte positions. Character positions must be requested in ascending
 * order. The conversion is exact, because the decoder refuses invalid bytes.
 */
class Bytes {
  /** Pieces of text that begin at the current position, and the current position in characters and in bytes. */
  #texts: string[] = []
  #character = 0
  #bytes = 0

  add(text: string): void {
    this.#texts.push(text)
  }

  before(character: number): number {
    while (this.#character < character) {
      const [text] = this.#texts
      const part = text.slice(0, character - this.#character)
      this.#texts[0] = text.slice(part.length)
      if (this.#texts[0] === '') this.#texts.shift()
      this.#character += part.length
      this.#bytes += Buffer.byteLength(part)
    }
    return this.#bytes
  }
}

/** An array of numbers that grows. */
class Numbers {
  #numbers = new Float64Array(8)
  #length = 0

  push(x: number): void {
    if (this.#length === this.#numbers.length) {
      const more = new Float64Array(2 * this.#length)
      more.set(this.#numbers)
      this.#numbers = more
    }
    this.#numbers[this.#length++] = x
  }

  get all(): Float64Array {
    return this.#numbers.subarray(0, this.#length)
  }
}

/**
 * Finds a column by its name. A column with a unit, such as `t (s)` or `t [s]`, is also found by the name without the
 * unit, if this name is unique.
 */
function findColumn(names: readonly string[], column: string): number {
  const at = names.indexOf(column)
  if (at >= 0) return at
  const bare = names.map((name) => /^(.*\S)\s*(?:\([^()]*\)|\[[^[\]]*\])$/.exec(name)?.[1])
  const [found = -1, ...others] = [...bare.keys()].filter((k) => bare[k] === column)
  return others.length === 0 ? found : -1
}

/** Whether a cell is empty, null in NDJSON, or a point, which is NONMEM's mark of a missing value. */
const isMissing = (cell: Cell) => cell === '' || cell === '.' || Number.isNaN(cell)

/** The reason why a number is invalid; null if the number is valid. */
function complaint(x: number, sign: ColumnRequest['sign']): string | null {
  if (!Number.isFinite(x)) return 'too large'
  if (sign === undefined || x > 0 || (x === 0 && sign === 'at least 0')) return null
  return `${x}, not ${sign}`
}
