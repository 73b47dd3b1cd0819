/** Dates and times in cells: ISO 8601, or a format with the directives of strptime. */

import { OptionError } from '../core/errors.js'
import type { Cell } from './read-ndjson.js'

/**
 * The kind of a date: a time of day, a date without a time zone (read as UTC), or a date with a time zone. All dates of
 * a column have the same kind.
 */
type DateKind = 'time' | 'local' | 'zoned'

/** A date or a time of day. */
export interface ParsedDate {
  readonly kind: DateKind
  /** Milliseconds since 1970-01-01 UTC, or since midnight. */
  readonly at: number
}

export type DateParser = (cell: string) => ParsedDate | undefined

export const DAY = 86_400_000

const ISO_TIME = '(?<H>\\d\\d):(?<M>\\d\\d)(?::(?<S>\\d\\d(?:[.,]\\d+)?))?'
const ISO_DATE = '(?<Y>\\d{4})-(?:(?<m>\\d\\d)(?:-(?<d>\\d\\d))?|(?<j>\\d{3}))'
const ZONE = '(?<z>Z|[+\u2212-]\\d\\d(?::?\\d\\d)?)'
const isoPatterns = [new RegExp(`^${ISO_DATE}(?:[Tt ]${ISO_TIME} ?${ZONE}?)?$`), new RegExp(`^${ISO_TIME}$`)]

/** Reads ISO 8601: 2024-03-01, 2024-03, 2024-061, 2024-03-01T08:30:00.5+01:00, and times of day such as 08:30. */
export const parseIsoDate: DateParser = (cell) => {
  for (const pattern of isoPatterns) {
    const { groups } = pattern.exec(cell) ?? {}
    if (groups !== undefined) return assemble(groups)
  }
  return undefined
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const LONG_MONTHS = 'january|february|march|april|may|june|july|august|september|october|november|december'

/** Regular expressions of the directives. Numbers may lack leading zeros, as in strptime. */
const DIRECTIVES: Readonly<Record<string, string>> = {
  Y: '(?<Y>\\d{4})',
  y: '(?<y>\\d\\d)',
  m: '(?<m>\\d{1,2})',
  d: '(?<d>\\d{1,2})',
  j: '(?<j>\\d{1,3})',
  b: `(?<b>${MONTHS.join('|')})`,
  B: `(?<b>${LONG_MONTHS})`,
  H: '(?<H>\\d{1,2})',
  I: '(?<I>\\d{1,2})',
  p: '(?<p>am|pm)',
  M: '(?<M>\\d{1,2})',
  S: '(?<S>\\d{1,2})',
  f: '(?<f>\\d+)',
  z: ZONE,
}

const DIRECTIVE_NAMES = `%${Object.keys(DIRECTIVES).join(' %')} and %%`

/**
 * Makes a parser of dates in a format such as `%d.%m.%Y %H:%M`.
 *
 * @throws OptionError if the format has an unknown directive, a repeated directive, or neither a year nor an hour
 */
export function dateParser(option: string, format: string): DateParser {
  const refuse = (expected: string): never => {
    throw new OptionError(option, expected, format)
  }
  const seen = new Set<string>()
  const pattern = format.replace(/%(.?)|[\\^$.*+?()[\]{}|]/gsu, (text, directive: string | undefined) => {
    if (directive === undefined) return `\\${text}`
    if (directive === '%') return '%'
    if (!Object.hasOwn(DIRECTIVES, directive)) refuse(`a format with the directives ${DIRECTIVE_NAMES}`)
    const group = directive === 'B' ? 'b' : directive
    if (seen.has(group)) refuse(`each directive once (%${directive} is repeated)`)
    seen.add(group)
    return DIRECTIVES[directive]
  })
  const hasYear = seen.has('Y') || seen.has('y')
  if (!hasYear && !seen.has('H') && !seen.has('I')) refuse('a format with a year (%Y) or an hour (%H)')
  if (!hasYear && ['m', 'b', 'd', 'j'].some((part) => seen.has(part))) refuse('a format with a year (%Y)')
  const known = new RegExp(`^${pattern}$`, 'iu')
  return (cell) => {
    const { groups } = known.exec(cell) ?? {}
    return groups === undefined ? undefined : assemble(groups)
  }
}

type Parts = Readonly<Record<string, string | undefined>>

/** Computes the date; undefined if a part is out of range, such as February 30. */
function assemble(parts: Parts): ParsedDate | undefined {
  const { Y, y, j, z } = parts
  const time = timeOfDay(parts)
  const offset = z === undefined ? 0 : zoneOffset(z)
  if (time === undefined || offset === undefined) return undefined
  if (Y === undefined && y === undefined) return { kind: 'time', at: time }
  // As in POSIX, two digits from 69 are years of the 20th century.
  const year = Y === undefined ? Number(y) + (Number(y) < 69 ? 2000 : 1900) : Number(Y)
  const month =
    parts.b === undefined ? Number(parts.m ?? 1) - 1 : MONTHS.indexOf(parts.b.slice(0, 3).toLowerCase())
  const day = j === undefined ? Number(parts.d ?? 1) : Number(j)
  const date = new Date(0)
  date.setUTCFullYear(year, j === undefined ? month : 0, day)
  const isValid =
    date.getUTCFullYear() === year && (j !== undefined ? day > 0 : date.getUTCMonth() === month && day > 0)
  if (!isValid) return undefined
  return { kind: z === undefined ? 'local' : 'zoned', at: date.getTime() + time - offset }
}

/** Milliseconds since midnight. 24:00 is the end of the day, and a leap second belongs to the next minute. */
function timeOfDay({ H, I, p, M = '0', S = '0', f }: Parts): number | undefined {
  const noon = I === undefined ? Number(H ?? 0) : (Number(I) % 12) + (p?.toLowerCase() === 'pm' ? 12 : 0)
  const [minutes, seconds] = [Number(M), Number(`${S.replace(',', '.')}${f === undefined ? '' : `.${f}`}`)]
  if (I !== undefined && (Number(I) < 1 || Number(I) > 12)) return undefined
  if (minutes > 59 || seconds >= 61) return undefined
  const time = ((noon * 60 + minutes) * 60 + seconds) * 1000
  return noon < 24 || time === DAY ? time : undefined
}

function zoneOffset(zone: string): number | undefined {
  if (/^z$/i.test(zone)) return 0
  const [hours, minutes] = [Number(zone.slice(1, 3)), Number(zone.slice(3).replace(':', '') || 0)]
  if (hours > 23 || minutes > 59) return undefined
  return (zone.startsWith('+') ? 1 : -1) * (hours * 60 + minutes) * 60_000
}

/** Formats a date of a kind as ISO 8601. */
export function formatDate(kind: DateKind, at: number): string {
  const [date, clock] = new Date(at).toISOString().slice(0, -1).split('T')
  const time = clock.replace(/(?::00)?\.000$/, '').replace(/(\.\d+?)0+$/, '$1')
  if (kind === 'time') return time
  if (kind === 'zoned') return `${date}T${time}Z`
  return time === '00:00' ? date : `${date}T${time}`
}

const KIND_NAMES = {
  time: 'a time of day',
  local: 'a date without a time zone',
  zoned: 'a date with a time zone',
}

/** A column whose cells are all numbers or all dates. The first cell decides. */
export class DateColumn {
  readonly #parse: DateParser
  readonly #toNumber: (cell: string) => number
  /** Whether the format takes precedence over numbers, such as 20240301. */
  readonly #isDateFirst: boolean
  #kind: DateKind | 'number' | undefined

  constructor(toNumber: (cell: string) => number, parse: DateParser = parseIsoDate) {
    this.#toNumber = toNumber
    this.#parse = parse
    this.#isDateFirst = parse !== parseIsoDate
  }

  /** The milliseconds of a date, or the number; NaN if the cell is neither or has a different kind. */
  read(cell: Cell): number {
    if (typeof cell === 'number') {
      this.#kind ??= 'number'
      return this.#kind === 'number' ? cell : NaN
    }
    if (this.#kind === undefined) this.#kind = this.#kindOf(cell)
    if (this.#kind === 'number') return this.#toNumber(cell)
    const date = this.#parse(cell)
    return date !== undefined && date.kind === this.#kind ? date.at : NaN
  }

  #kindOf(cell: string): DateKind | 'number' | undefined {
    const isNumber = !Number.isNaN(this.#toNumber(cell))
    if (isNumber && !this.#isDateFirst) return 'number'
    return this.#parse(cell)?.kind ?? (isNumber ? 'number' : undefined)
  }

  /** The expected cells, for messages; undefined if the column has numbers. */
  describeExpected(cell: string): string | undefined {
    if (this.#kind === 'number') return undefined
    const kind = this.#parse(cell)?.kind
    if (this.#kind === undefined)
      return this.#isDateFirst ? 'a date' : 'a number or a date in ISO 8601 (--date-format reads other dates)'
    const expected = `${KIND_NAMES[this.#kind]}, like the first cell`
    return kind === undefined || kind === this.#kind ? expected : `${expected} (it is ${KIND_NAMES[kind]})`
  }

  /** Converts the dates of all groups to days since the earliest date, which the result contains as text. */
  toDays(lists: readonly Float64Array[]): {
    readonly lists: readonly Float64Array[]
    readonly origin?: string
  } {
    const kind = this.#kind
    if (kind === undefined || kind === 'number') return { lists }
    const first = lists.reduce((least, list) => list.reduce((a, b) => Math.min(a, b), least), Infinity)
    if (first === Infinity) return { lists }
    return {
      lists: lists.map((list) => list.map((at) => (at - first) / DAY)),
      origin: formatDate(kind, first),
    }
  }
}
