/** The format of a text table (field delimiter, decimal sign and comment prefix), and the detection of the format. */

import { type CsvSyntax, Splitter } from './split.js'

export interface Format extends CsvSyntax {
  readonly decimal: Decimal
  /** Whether the sign that is not the decimal sign (comma or point) can separate groups of thousands. */
  readonly isGrouped: boolean
  /** Whether each row is a JSON object, so that all other properties of the format are unused. */
  readonly isJson?: true | undefined
}

/** The format of NDJSON. */
export const JSON_LINES: Format = {
  delimiter: ',',
  decimal: '.',
  isGrouped: false,
  comment: '#',
  isJson: true,
}

export type Decimal = '.' | ','

/** The properties of the format that the user has specified. */
export interface FormatOptions {
  readonly delimiter?: string | undefined
  readonly decimal?: Decimal | undefined
  readonly comment?: string | undefined
}

/**
 * Field delimiters that can be detected. If several delimiters match equally well, the first of these delimiters is
 * used.
 */
const DELIMITERS = ['\t', ';', ' ', ',']
const DECIMALS = ['.', ','] as const
/** Number of rows that are read to detect the format. */
const SAMPLE_ROWS = 100

/** Spaces that can separate groups of thousands: space, no-break space, thin space and narrow no-break space. */
const BLANKS = '\u0020\u00a0\u2009\u202f'

/** A regular expression for numbers with the given decimal sign, with or without a separator of thousands. */
function pattern(decimal: Decimal, isGrouped: boolean): RegExp {
  const [sign, other] = decimal === '.' ? ['\\.', ','] : [',', '\\.']
  const digits = `\\d{1,3}(?:([${BLANKS}${isGrouped ? other : ''}])\\d{3}(?:\\1\\d{3})*)?|\\d+`
  // A trailing comma is a field delimiter, not a decimal sign.
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
/** The common notation of numbers, which JavaScript parses directly. */
const SIMPLE = /^[+-]?\d+(?:\.\d*)?(?:e[+-]?\d+)?$/i

/** Makes a parser of numbers, which also reads 5% as 0.05. The parser returns NaN for cells that are not numbers. */
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

/** Detects the format of a table from the beginning of its text, or from the whole text. */
export function findFormat(sample: string, { delimiter, decimal, comment = '#' }: FormatOptions): Format {
  const found = delimiter ?? detectDelimiter(sample, decimal, comment)
  const cells = splitRows(sample, { delimiter: found, comment }).flat()
  if (decimal !== undefined) return { delimiter: found, decimal, isGrouped: true, comment }
  // The decision depends on cells that are numbers with only one of the decimal signs. A cell such as 1,234 is
  // ambiguous.
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

/** Splits a sample of the text into its first rows. A last row without a line end is also included. */
function splitRows(sample: string, signs: CsvSyntax): string[][] {
  const rows: string[][] = []
  const splitter = new Splitter(signs, (cells) => {
    if (rows.push(cells) === SAMPLE_ROWS) throw new RangeError('enough rows')
  })
  try {
    splitter.write(sample)
    splitter.end()
  } catch {
    // The sample ends within a row, or has more rows than necessary.
  }
  return rows
}

/** The delimiter for which the largest fraction of cells is numeric. */
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
