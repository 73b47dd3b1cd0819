/** How a table is written: what is between cells, and how their numbers are to be read. */

import { type CsvSyntax, Splitter } from './split.js'

export interface Format extends CsvSyntax {
  readonly decimal: Decimal
  /** Whether the other one of comma and point is known to stand between thousands. */
  readonly isGrouped: boolean
  /** Whether rows are objects of JSON, and the rest of this says nothing. */
  readonly isJson?: true | undefined
}

/** How rows of objects are written. */
export const JSON_LINES: Format = {
  delimiter: ',',
  decimal: '.',
  isGrouped: false,
  comment: '#',
  isJson: true,
}

export type Decimal = '.' | ','

/** What is known of it. */
export interface FormatOptions {
  readonly delimiter?: string | undefined
  readonly decimal?: Decimal | undefined
  readonly comment?: string | undefined
}

/** Those that are found by themselves; where several do, the first one. */
const DELIMITERS = ['\t', ';', ' ', ',']
const DECIMALS = ['.', ','] as const
/** Rows that are looked at. */
const SAMPLE_ROWS = 100

/** Blanks that stand between thousands: the usual one, and those that keep lines together or are thin. */
const BLANKS = '\u0020\u00a0\u2009\u202f'

/** Numbers with a decimal sign, and with another sign between thousands or none. */
function pattern(decimal: Decimal, isGrouped: boolean): RegExp {
  const [sign, other] = decimal === '.' ? ['\\.', ','] : [',', '\\.']
  const digits = `\\d{1,3}(?:([${BLANKS}${isGrouped ? other : ''}])\\d{3}(?:\\1\\d{3})*)?|\\d+`
  // A comma at the end is one between cells.
  const part = decimal === '.' ? '\\.\\d*' : ',\\d+'
  return new RegExp(
    `^[+\u2212-]?(?:(?:${digits})(?:${part})?|${sign}\\d+)(?:e[+\u2212-]?\\d+)?[${BLANKS}]?%?$`,
    'i',
  )
}

const patterns = {
  '.': { plain: pattern('.', false), grouped: pattern('.', true) },
  ',': { plain: pattern(',', false), grouped: pattern(',', true) },
}
/** Most numbers are such. */
const SIMPLE = /^[+-]?\d+(?:\.\d*)?(?:e[+-]?\d+)?$/i

/** What a cell is as a number, of which 5 % is 0.05; NaN where it is none. */
export function numberReader({ decimal, isGrouped }: Format): (cell: string) => number {
  const known = patterns[decimal][isGrouped ? 'grouped' : 'plain']
  const between = new RegExp(`[${BLANKS}${decimal === '.' ? ',' : '.'}%]`, 'g')
  return (cell) => {
    if (decimal === '.' && SIMPLE.test(cell)) return Number(cell)
    if (!known.test(cell)) return NaN
    const x = Number(cell.replace(between, '').replace(',', '.').replaceAll('\u2212', '-'))
    return cell.endsWith('%') ? x / 100 : x
  }
}

/** Looks at the beginning of a table, or at all of it. */
export function findFormat(sample: string, { delimiter, decimal, comment = '#' }: FormatOptions): Format {
  const found = delimiter ?? detectDelimiter(sample, decimal, comment)
  const cells = splitRows(sample, { delimiter: found, comment }).flat()
  if (decimal !== undefined) return { delimiter: found, decimal, isGrouped: true, comment }
  // Cells that are numbers by one sign alone show which it is; of 1,234 there is no telling.
  const [points, commas] = DECIMALS.map((sign) => {
    const other = patterns[sign === '.' ? ',' : '.'].grouped
    return cells.findIndex((cell) => patterns[sign].grouped.test(cell) && !other.test(cell))
  })
  const isShown = points >= 0 || commas >= 0
  const isPoint = points >= 0 && (commas < 0 || points < commas)
  const isLikely = cells.some((cell) => cell.includes(',') && patterns[','].plain.test(cell))
  const sign = found === ',' || (isShown ? isPoint : !isLikely) ? '.' : ','
  return { delimiter: found, decimal: sign, isGrouped: (sign === '.' ? points : commas) >= 0, comment }
}

/** The first rows; all of what has no end of a line. */
function splitRows(sample: string, signs: CsvSyntax): string[][] {
  const rows: string[][] = []
  const splitter = new Splitter(signs, (cells) => {
    if (rows.push(cells) === SAMPLE_ROWS) throw new RangeError('these are enough')
  })
  try {
    splitter.write(sample)
    splitter.end()
  } catch {
    // It goes on after the sample, or behind these rows.
  }
  return rows
}

/** The one by which the largest part of cells are numbers. */
function detectDelimiter(sample: string, decimal: Decimal | undefined, comment: string): string {
  const isNumber = (cell: string) =>
    DECIMALS.some((sign) => (decimal ?? sign) === sign && patterns[sign].grouped.test(cell))
  let best = { delimiter: ',', part: 0, width: 1 }
  for (const delimiter of DELIMITERS) {
    const [first = [], ...others] = splitRows(sample, { delimiter, comment })
    if (first.length === 1) continue
    const rows = others.length === 0 ? [first] : others
    const cells = rows.filter(({ length }) => length === first.length).flat()
    const part = cells.filter(isNumber).length / (rows.length * first.length)
    const isBetter = part > best.part || (part === best.part && part === 0 && first.length > best.width)
    if (isBetter) best = { delimiter, part, width: first.length }
  }
  return best.delimiter
}
