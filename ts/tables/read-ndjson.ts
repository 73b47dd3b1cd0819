/** Streaming reader of NDJSON files, which contain one JSON object per line. */

import { toPrintable } from '../core/text.js'
import { MAX_ROW_LENGTH } from './split.js'

/** A cell of a table, as text or as a number. */
export type Cell = string | number

/** The object in a line of NDJSON; undefined if the line is not an object in JSON. */
export function parseRow(row: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const given: unknown = JSON.parse(row)
    const isObject = typeof given === 'object' && given !== null && !Array.isArray(given)
    return isObject ? (given as Readonly<Record<string, unknown>>) : undefined
  } catch {
    return undefined
  }
}

/** The message about a line that `parseRow` rejects. */
export const describeBadRow = (row: string, line: number) =>
  `line ${line}: expected an object in JSON, got ${toPrintable(row.slice(0, 40))}`

export class ObjectReader {
  readonly #names: readonly string[]
  readonly #labels: ReadonlySet<string>
  readonly #onRow: (cells: readonly Cell[], line: number, keys: readonly string[]) => void
  readonly #fail: (problem: string) => never
  /** Pieces of the current line, until the end of the line arrives. */
  #parts: string[] = []
  #length = 0
  #before = 0
  /** Number of the current line. */
  #line = 0

  /**
   * @param names names of the columns, in the order of the cells in a row
   * @param labels names of the columns that contain labels
   */
  constructor(
    names: readonly string[],
    labels: readonly string[],
    onRow: (cells: readonly Cell[], line: number, keys: readonly string[]) => void,
    fail: (problem: string) => never,
  ) {
    this.#names = names
    this.#labels = new Set(labels)
    this.#onRow = onRow
    this.#fail = fail
  }

  get line(): number {
    return this.#line
  }

  /** Number of characters before the current row. */
  get begin(): number {
    return this.#before
  }

  /** @throws RangeError if a row is too long */
  write(text: string): void {
    let from = 0
    for (let to = text.indexOf('\n'); to >= 0; to = text.indexOf('\n', from)) {
      this.#parts.push(text.slice(from, to + 1))
      this.#pass()
      from = to + 1
    }
    this.#parts.push(text.slice(from))
    this.#length += text.length - from
    if (this.#length > MAX_ROW_LENGTH) throw new RangeError('a row is too long')
  }

  end(): void {
    this.#pass()
  }

  #pass(): void {
    const text = this.#parts.join('')
    this.#parts = []
    this.#length = 0
    this.#line++
    const row = text.trim()
    if (row !== '') this.#read(row)
    this.#before += text.length
  }

  #read(row: string): void {
    const object = parseRow(row)
    if (object === undefined) this.#fail(describeBadRow(row, this.#line))
    const cells = this.#names.map((name) =>
      this.#cell(name, Object.hasOwn(object, name) ? object[name] : null),
    )
    this.#onRow(cells, this.#line, Object.keys(object))
  }

  /** Converts a JSON value to a cell; null becomes an empty cell. */
  #cell(name: string, value: unknown): Cell {
    if (value === null) return ''
    if (typeof value === 'object') {
      this.#fail(`line ${this.#line}: ${toPrintable(name)} is an object or an array, not a single value`)
    }
    if (typeof value !== 'number') return String(value)
    // Without this check, long numeric labels that differ only in the last digits would be rounded to the same number.
    if (this.#labels.has(name) && Math.abs(value) > Number.MAX_SAFE_INTEGER) {
      this.#fail(
        `line ${this.#line}: ${toPrintable(name)} has more digits than a number can hold: write it as a string`,
      )
    }
    return value
  }
}
