/** Reader of metrics: NDJSON with one object of numbers per step. */

import { readFileSync } from 'node:fs'
import { AntigradError, getMessage, OptionError } from '../../core/errors.js'
import { listNames, quote } from '../../core/text.js'
import { describeBadRow, parseRow } from '../../tables/read-ndjson.js'
import { decodeUtf8 } from '../../tables/utf8.js'

/** Columns that count progress, in the order of preference for the horizontal axis. */
const PROGRESS = ['step', 'iteration', 'update', 'epoch', 'time', 'timestamp']

/** A metric. A value that is not a finite number, such as null, is NaN. */
export interface Metric {
  readonly name: string
  readonly x: readonly number[]
  readonly y: readonly number[]
}

export interface Metrics {
  /** Name of the column on the horizontal axis. */
  readonly x: string
  readonly metrics: readonly Metric[]
  /** Whether the last line is incomplete, because a program is still writing the line. */
  readonly isCut: boolean
}

/** The columns to read. If a column is undefined, columns of the file are chosen. */
export interface MetricColumns {
  readonly x?: string | undefined
  readonly y?: readonly string[] | undefined
}

interface MetricsRow {
  readonly line: number
  readonly object: Readonly<Record<string, unknown>>
}

/**
 * Reads metrics. By default, the horizontal axis is a column that counts progress, or else the line number. Metrics are
 * all other columns with numbers. A line without the metric leaves no gap in the curve, but the value null leaves a
 * gap.
 *
 * @throws AntigradError if the file cannot be read or a line is not an object; OptionError if a column is missing
 */
export function readMetrics(file: string, columns: MetricColumns): Metrics {
  const { rows, isCut } = readRows(file)
  const names = new Set<string>()
  for (const { object } of rows)
    for (const [name, value] of Object.entries(object)) if (Number.isFinite(value)) names.add(name)
  const known = [...names]
  const x = columns.x ?? PROGRESS.find((name) => names.has(name))
  const chosen = columns.y ?? known.filter((name) => name !== x && !PROGRESS.includes(name))
  for (const [flag, name] of [['--x', columns.x] as const, ...chosen.map((name) => ['--y', name] as const)])
    if (name !== undefined && !names.has(name))
      throw new OptionError(
        flag,
        `one of the columns with numbers: ${listNames(known) || 'the file has none'}`,
        name,
      )
  if (chosen.length === 0)
    throw new AntigradError(`${file}: expected a numeric column other than ${PROGRESS.join(', ')}`)
  const metrics = chosen.map((name) => readMetric(file, rows, x, name))
  return { x: x ?? 'line', metrics, isCut }
}

function readMetric(file: string, rows: readonly MetricsRow[], x: string | undefined, name: string): Metric {
  const used = rows.filter(({ object }) => Object.hasOwn(object, name))
  const place = ({ line, object }: MetricsRow) => {
    const at = x === undefined ? line : Object.hasOwn(object, x) ? object[x] : undefined
    if (Number.isFinite(at)) return at as number
    throw new AntigradError(
      `${file}: line ${line}: expected a number for ${quote(x ?? '')}, next to ${quote(name)}`,
    )
  }
  const value = ({ object }: MetricsRow) => (Number.isFinite(object[name]) ? (object[name] as number) : NaN)
  return { name, x: used.map(place), y: used.map(value) }
}

function readRows(file: string): { readonly rows: readonly MetricsRow[]; readonly isCut: boolean } {
  const lines = readText(file).split('\n')
  const rows: MetricsRow[] = []
  for (const [i, text] of lines.entries()) {
    if (text.trim() === '') continue
    const object = parseRow(text)
    if (object !== undefined) rows.push({ line: i + 1, object })
    else if (i === lines.length - 1 && rows.length > 0) return { rows, isCut: true }
    else throw new AntigradError(`${file}: ${describeBadRow(text, i + 1)}`)
  }
  return { rows, isCut: false }
}

function readText(file: string): string {
  try {
    return decodeUtf8(readFileSync(file))
  } catch (error) {
    throw new AntigradError(`${file}: ${getMessage(error)}`)
  }
}
