/** Tables of numbers as people have them: separated by commas, semicolons, tabs or blanks, with names or without. */

import { expression } from 'antigrad'

export interface Column {
  /** As expressions may have it. */
  readonly name: string
  /** As the table has it. */
  readonly title: string
  /** NaN where there is none. */
  readonly numbers: Float64Array
  readonly texts: readonly string[]
}

export interface Table {
  /** Those with a number in them. */
  readonly columns: readonly Column[]
  /** The line of each row, from 1. */
  readonly lines: readonly number[]
  /** Whether a row has more cells than the first one, so that none can be trusted. */
  readonly isTooLong: readonly boolean[]
}

interface Row {
  readonly line: number
  readonly cells: readonly string[]
}

/** @throws Error with a sentence where there are no two columns of numbers */
export function readTable(text: string): Table {
  const { rows, toNumber } = split(text)
  const isHeader = rows.length > 0 && rows[0].cells.every((cell) => Number.isNaN(toNumber(cell)))
  const [header] = isHeader ? rows.splice(0, 1) : []
  const width = Math.max(header?.cells.length ?? 0, ...rows.slice(0, 1).map(({ cells }) => cells.length))
  const names: string[] = []
  const columns = Array.from({ length: width }, (_, i): Column => {
    const title = header?.cells[i] || (i < 2 ? 'xy'[i] : `column${i + 1}`)
    names.push(nameOf(title, i, names))
    const texts = rows.map(({ cells }) => cells[i] ?? '')
    return { name: names[i], title, texts, numbers: Float64Array.from(texts, toNumber) }
  }).filter(({ numbers }) => numbers.some((x) => !Number.isNaN(x)))
  if (columns.length < 2) {
    const found = columns.length === 0 ? 'none' : `only “${columns[0].title}”`
    throw new Error(`Expected a table with two columns of numbers or more, got ${found}.`)
  }
  const isTooLong = rows.map(({ cells }) => cells.slice(width).some((cell) => cell !== ''))
  return { columns, lines: rows.map(({ line }) => line), isTooLong }
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i

/** Rows without blank lines and comments, and what a cell is as a number. */
function split(given: string): { rows: Row[]; toNumber: (cell: string) => number } {
  let text = given.replace(/^\uFEFF/, '').replace(/\r\n?/g, '\n')
  // What is quoted may have signs and lines in it.
  const first =
    text
      .replace(/^[ \t]*#.*/gm, '')
      .replace(/"[^"]*"/g, '""')
      .match(/\S.*/)?.[0] ?? ''
  const separator = ['\t', ';', ','].find((sign) => first.includes(sign)) ?? ' '
  // Blanks line up cells: so many are one.
  if (separator === ' ') text = text.replace(/^ +| +$/gm, '').replace(/ +/g, ' ')
  const rows: Row[] = []
  const cell = new RegExp(` *(?:"([^"]*(?:""[^"]*)*)" *|([^${separator}\n]*))(${separator}|\n|$)`, 'y')
  let [line, cells]: [number, string[]] = [1, []]
  let begun = line
  while (cell.lastIndex < text.length) {
    const [whole, quoted, plain, end] = cell.exec(text) as unknown as string[]
    cells.push((quoted?.replaceAll('""', '"') ?? plain).trim())
    line += whole.split('\n').length - 1
    if (end === separator && cell.lastIndex < text.length) continue
    if (cells.some((cell) => cell !== '') && !cells[0].startsWith('#')) rows.push({ line: begun, cells })
    begun = line
    cells = []
  }
  // Where a comma separates nothing it is a decimal one.
  const plain = (cell: string) => (separator === ';' ? cell.replace(',', '.') : cell)
  return { rows, toNumber: (cell) => (NUMBER.test(plain(cell)) ? Number(plain(cell)) : NaN) }
}

/** A name that an expression can have, and that no other column has. */
function nameOf(title: string, number: number, taken: readonly string[]): string {
  const plain = title.replace(/[^\p{L}\p{Nd}\p{Nl}₀-₉_]+/gu, '_').replace(/^_+|_+$/g, '')
  const candidates = [plain, `${plain}_${number + 1}`, `column${number + 1}`, `column_${number + 1}`]
  return candidates.find((name) => isName(name) && !taken.includes(name)) as string
}

/** Neither a function nor π. */
function isName(text: string): boolean {
  try {
    return expression(text).names[0] === text
  } catch {
    return false
  }
}
