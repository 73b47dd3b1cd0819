/** Numbers of a CSV file, as it streams by: of its text no more than a row is kept. */

import type { Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { type CsvError, type InfoRecord, type Parser, parse } from 'csv-parse'
import { AntigradError, messageOf, OptionError } from '../ground/errors.js'
import { listed, printable, quoted } from '../ground/text.js'
import { Header } from './header.js'

/** A column that is read, and the option that asks for it. */
export interface Wanted {
  readonly option: string
  readonly column: string
  /** What its numbers must be; finite they always are. */
  readonly sign?: 'above 0' | 'at least 0'
}

export interface Request {
  /** The file's name, for people. */
  readonly name: string
  readonly wanted: readonly Wanted[]
  /** Has what rows are grouped by. */
  readonly group: Wanted | undefined
  /** By default it is found in the header. */
  readonly delimiter: string | undefined
  readonly onProgress: (rows: number) => void
}

export interface Table {
  /** A list for each column that is wanted: the numbers of each group. */
  readonly columns: readonly (readonly number[])[][]
  /** Names of groups in the order in which they first come; without a column of groups one that is empty. */
  readonly groups: readonly string[]
  /** Rows that were left out, and how many there were. */
  readonly leftOut: number
  readonly rows: number
  /** What was wrong with the first of those that were left out. */
  readonly reasons: readonly string[]
}

/** Bytes of a row at most: more are a quote that nothing closes. */
const LONGEST_ROW = 1 << 25

/** Rows that were left out of which the reason is told. */
const TOLD = 5

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i
const DECIMAL_COMMA = /^[+-]?[\d.]*,\d+(e[+-]?\d+)?$/i

/** @throws AntigradError where it cannot be read, or has not the columns that are wanted */
export async function readCsv(source: Readable, request: Request): Promise<Table> {
  const rows = new Rows(request)
  const header = new Header(LONGEST_ROW)
  let parser = request.delimiter === undefined ? null : parserOf(request.delimiter, rows)
  try {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      // In UTF-16 every other byte of a number is.
      if (chunk.includes(0)) rows.fail('expected text in UTF-8, got bytes that are none (binary, or UTF-16)')
      if (parser !== null) await write(parser, chunk)
      else if (header.add(chunk)) parser = await begin(header, rows)
    }
    parser ??= await begin(header, rows)
    parser.end()
    await finished(parser)
  } catch (thrown) {
    throw thrown instanceof AntigradError ? thrown : rows.explain(thrown)
  }
  return rows.table()
}

function parserOf(delimiter: string, rows: Rows): Parser {
  const parser = parse({
    ...{ delimiter, bom: true, record_delimiter: ['\r\n', '\n', '\r'], skip_empty_lines: true },
    ...{ relax_column_count: true, relax_quotes: true, max_record_size: LONGEST_ROW },
    // Nothing is passed on.
    on_record: (cells: string[], info) => void rows.add(cells, info),
  })
  // Whoever writes gets its errors.
  return parser.on('error', () => {}).resume()
}

async function begin(header: Header, rows: Rows): Promise<Parser> {
  const parser = parserOf(header.delimiter, rows)
  for (const chunk of header.chunks.splice(0)) await write(parser, chunk)
  return parser
}

function write(parser: Parser, chunk: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    parser.write(chunk, (error) => (error ? reject(error) : resolve()))
  })
}

/** The rows so far. */
class Rows {
  readonly #request: Request
  readonly #columns: number[][][]
  readonly #groups = new Map<string, number>()
  readonly #reasons: string[] = []
  /** Where in a row the columns are that are wanted, and the groups'. */
  #places: readonly number[] = []
  #groupAt = -1
  #width = 0
  #rows = 0
  #leftOut = 0
  /** The line at which the last row ended. */
  #line = 0
  /** Ends of lines in quotes as the parser counts them, and how many these are too many. */
  #within = 0
  #surplus = 0

  constructor(request: Request) {
    this.#request = request
    this.#columns = request.wanted.map(() => [])
  }

  add(cells: readonly string[], { lines, records, empty_lines }: InfoRecord): void {
    // The parser takes an end of a line in quotes for two, if that is CR and LF.
    const within = lines - records - empty_lines
    if (within !== this.#within) this.#surplus += cells.join('').match(/\r\n/g)?.length ?? 0
    this.#within = within
    this.#line = lines - this.#surplus
    if (this.#width === 0) this.#readHeader(cells.map((cell) => cell.trim()))
    else this.#readRow(cells)
  }

  #readHeader(names: readonly string[]): void {
    if (names.every((name) => NUMBER.test(name))) {
      this.fail(`expected a header with names of columns, got ${listed(names)}`)
    }
    const find = ({ option, column }: Wanted): number => {
      const at = names.indexOf(column)
      if (at < 0) throw new OptionError(option, `a column of ${this.#request.name}: ${listed(names)}`, column)
      if (names.includes(column, at + 1)) {
        throw new OptionError(option, `a column whose name ${this.#request.name} has once`, column)
      }
      return at
    }
    const { wanted, group } = this.#request
    this.#places = wanted.map(find)
    if (group !== undefined) this.#groupAt = find(group)
    this.#width = names.length
  }

  #readRow(cells: readonly string[]): void {
    this.#rows++
    if (this.#rows % 1024 === 0) this.#request.onProgress(this.#rows)
    const problem = this.#take(cells)
    if (problem === null) return
    this.#leftOut++
    if (this.#reasons.length < TOLD) this.#reasons.push(`line ${this.#line}: ${problem}`)
  }

  /** Takes a row's numbers, or says why it does not. */
  #take(cells: readonly string[]): string | null {
    const { wanted, group } = this.#request
    if (cells.slice(this.#width).some((cell) => cell.trim() !== '')) {
      return `there are ${cells.length} cells, and in the header ${this.#width}`
    }
    const numbers: number[] = []
    for (const [k, { column, sign }] of wanted.entries()) {
      const cell = (cells[this.#places[k]] ?? '').trim()
      const x = NUMBER.test(cell) ? Number(cell) : NaN
      const problem = Number.isNaN(x) ? this.#describe(column, cell) : complaint(x, sign)
      if (problem !== null) return `${printable(column)} is ${problem}`
      numbers.push(x)
    }
    const name = (cells[this.#groupAt] ?? '').trim()
    if (group !== undefined && name === '') return `${printable(group.column)} is empty`
    const at = this.#groupOf(name)
    for (const [k, x] of numbers.entries()) this.#columns[k][at].push(x)
    return null
  }

  /** What is there instead of a number. */
  #describe(column: string, cell: string): string {
    if (DECIMAL_COMMA.test(cell)) {
      const where = `${this.#request.name}: line ${this.#line}: ${printable(column)}`
      throw new OptionError(where, 'numbers with a decimal point, as commas are not read', cell)
    }
    return cell === '' ? 'empty' : `${quoted(cell)}, no number`
  }

  #groupOf(name: string): number {
    const found = this.#groups.get(name)
    if (found !== undefined) return found
    for (const lists of this.#columns) lists.push([])
    this.#groups.set(name, this.#groups.size)
    return this.#groups.size - 1
  }

  fail(problem: string): never {
    throw new AntigradError(`${this.#request.name}: ${problem}`)
  }

  /** What reading has thrown. */
  explain(thrown: unknown): AntigradError {
    const { code } = thrown as CsvError
    const line = this.#line + 1
    const problem =
      code === 'CSV_QUOTE_NOT_CLOSED'
        ? `a quote that opens in line ${line} or below is not closed`
        : code === 'CSV_MAX_RECORD_SIZE'
          ? `line ${line}: expected a row of at most ${LONGEST_ROW >> 20} MiB; a quote may not be closed`
          : messageOf(thrown)
    return new AntigradError(`${this.#request.name}: ${problem}`)
  }

  table(): Table {
    if (this.#width === 0) this.fail('expected a header with names of columns, got an empty file')
    if (this.#rows === 0) this.fail('expected rows below the header, got none')
    return {
      ...{ columns: this.#columns, groups: [...this.#groups.keys()] },
      ...{ leftOut: this.#leftOut, rows: this.#rows, reasons: this.#reasons },
    }
  }
}

/** What is wrong with a number. */
function complaint(x: number, sign: Wanted['sign']): string | null {
  if (!Number.isFinite(x)) return 'too large'
  if (sign === undefined || x > 0 || (x === 0 && sign === 'at least 0')) return null
  return `${x}, not ${sign}`
}
