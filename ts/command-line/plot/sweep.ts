/** A sweep as SVG: the fraction of successful runs and their median updates, as functions of an option. */

import { ticks } from 'd3-array'
import type { SetResult } from '../../jobs/sweep.js'
import { formatShare } from '../sweep/describe.js'
import { label } from './panel.js'
import { FONTS, lineStyle } from './picture.js'
import { pathData, px } from './polyline.js'

const WIDTH = 830
const LEFT = 74
const RIGHT = 800
const TOPS = [58, 306]
const HEIGHT = 200
const LEGEND = 576
const ROW = 18

/** An axis: maps values to positions from 0 to 1, and holds the positions and texts of its ticks. */
interface SweepAxis {
  readonly at: (value: unknown) => number
  readonly ticks: readonly (readonly [at: number, text: string])[]
}

/** A line of the plot, which consists of option sets that differ only in the option on the horizontal axis. */
interface SweepLine {
  readonly name: string
  readonly sets: readonly SetResult[]
}

/** The option on the horizontal axis: the option with the most values; numeric options take precedence. */
export function alongAxis(options: Readonly<Record<string, readonly unknown[]>>): string | undefined {
  const swept = Object.entries(options).filter(([, values]) => values.length > 1)
  const numeric = swept.filter(([, values]) => isNumeric(values))
  const all = numeric.length > 0 ? numeric : swept
  return all.sort(([, a], [, b]) => b.length - a.length)[0]?.[0]
}

/** Number of lines in the plot of the given options. */
export function wrapLines(options: Readonly<Record<string, readonly unknown[]>>, along: string): number {
  return Object.entries(options).reduce((n, [name, { length }]) => (name === along ? n : n * length), 1)
}

/** The properties that all panels share. */
interface SweepPlot {
  readonly along: string
  readonly lines: readonly SweepLine[]
  readonly x: SweepAxis
  /** Whether lines join the points; true only on a numeric axis. */
  readonly isContinuous: boolean
}

/** A panel: the position from the top, the title, the vertical axis, and the quantity that the panel shows per set. */
interface SweepPanel {
  readonly number: number
  readonly name: string
  readonly y: SweepAxis
  readonly measure: (set: SetResult) => number | null
}

/**
 * @param title description of the sweep
 * @param options values by option; `along` has several values
 */
export function drawSweep(
  title: string,
  results: readonly SetResult[],
  options: Readonly<Record<string, readonly unknown[]>>,
  along: string,
): string {
  const others = Object.keys(options).filter((name) => name !== along && options[name].length > 1)
  const values = options[along]
  const isContinuous = isNumeric(values)
  const lines = group(results, others, orderOf(along, values))
  const plot = { along, lines, x: isNumeric(values) ? numberAxis(values) : wordAxis(values), isContinuous }
  const medians = results.flatMap(({ medianIterations }) => medianIterations ?? [])
  const hasTarget = results.some(({ reached }) => reached !== null)
  const panels: SweepPanel[] = [
    {
      number: 0,
      name: hasTarget ? 'reached the target' : 'converged',
      y: { at: (value) => value as number, ticks: shareTicks },
      measure: formatShare,
    },
    {
      number: 1,
      name: 'median updates of the converged runs',
      y: logAxis(medians),
      measure: (set) => set.medianIterations,
    },
  ]
  const legend = lines.length > 1 ? lines.map(entry) : []
  const height = LEGEND + ROW * legend.length
  return `<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="title" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="${FONTS}" font-size="12" fill="#222">
<title id="title">${escapeXml(title)}: fraction of successful runs and median updates over ${along}</title>
<rect width="${WIDTH}" height="${height}" rx="6" fill="#fff"/>
<text x="${LEFT}" y="26" font-size="15" font-weight="bold">${escapeXml(title)}</text>
${panels.map((panel) => drawPanel(plot, panel)).join('\n')}
<text x="${(LEFT + RIGHT) / 2}" y="${TOPS[1] + HEIGHT + 38}" text-anchor="middle" font-style="italic">${along}</text>
<g id="legend">${legend.join('')}</g>
</svg>
`
}

const atX = (share: number) => LEFT + 14 + (RIGHT - LEFT - 28) * share

function drawPanel(plot: SweepPlot, panel: SweepPanel): string {
  const { number, name, y } = panel
  const top = TOPS[number]
  const bottom = top + HEIGHT
  const atY = (share: number) => bottom - 8 - (HEIGHT - 16) * share
  const xTicks = plot.x.ticks.map(
    ([at, text]) =>
      `<path d="M${px(atX(at))} ${bottom}v5"/><text x="${px(atX(at))}" y="${bottom + 18}" text-anchor="middle">${escapeXml(text)}</text>`,
  )
  const yTicks = y.ticks.map(
    ([at, text]) =>
      `<path d="M${LEFT} ${px(atY(at))}h-5"/><path stroke-opacity=".15" d="M${LEFT} ${px(atY(at))}H${RIGHT}"/><text x="${LEFT - 8}" y="${px(atY(at) + 4)}" text-anchor="end">${text}</text>`,
  )
  const drawn = plot.lines.map((line, i) => drawLine(plot, panel, line, { i, atY }))
  return `<g id="panel${number}">
<text x="${LEFT}" y="${top - 8}">${name}</text>
<g stroke="#555" fill="none"><rect x="${LEFT}" y="${top}" width="${RIGHT - LEFT}" height="${HEIGHT}"/></g>
<g class="axes" stroke="#555" fill="#222">${[...xTicks, ...yTicks].join('').replaceAll('<text', '<text stroke="none"')}</g>
<g fill="none" stroke-linejoin="round">
${drawn.reverse().join('\n')}
</g>
</g>`
}

function drawLine(
  { along, x, isContinuous }: SweepPlot,
  { y, measure }: SweepPanel,
  { name, sets }: SweepLine,
  { i, atY }: { readonly i: number; readonly atY: (share: number) => number },
): string {
  const parts: number[][] = [[]]
  for (const set of sets) {
    const value = measure(set)
    // A set without converged runs leaves a gap in the line.
    if (value === null) parts.push([])
    else parts[parts.length - 1].push(atX(x.at(set.options[along])), atY(y.at(value)))
  }
  const seen = parts.filter(({ length }) => length > 0)
  const marks = sets.length > 60 ? seen.filter(({ length }) => length === 2) : seen
  const dots = marks.flatMap((part) =>
    part.flatMap((at, k) =>
      k % 2 === 0 ? [`<circle cx="${px(at)}" cy="${px(part[k + 1])}" r="2.4" fill="#fff"/>`] : [],
    ),
  )
  return `<g data-line="${escapeXml(name)}" ${lineStyle(i)} stroke-width="1.6">${isContinuous ? `<path d="${pathData(seen)}"/>` : ''}${dots.join('')}</g>`
}

function entry({ name }: SweepLine, i: number): string {
  const y = LEGEND + ROW * i
  return `<path ${lineStyle(i)} stroke-width="1.6" d="M${LEFT} ${y - 4.5}h30"/><text x="${LEFT + 40}" y="${y}">${escapeXml(name)}</text>`
}

/** Sort key of a set along the axis: numbers sort by value, words by their order in the option. */
function orderOf(along: string, values: readonly unknown[]): (set: SetResult) => number {
  if (isNumeric(values)) return ({ options }) => options[along] as number
  const order = new Map(values.map((value, i) => [value, i]))
  return ({ options }) => order.get(options[along]) ?? 0
}

/**
 * Groups option sets into lines, in the order of each line's first set. The sets of a line are sorted from left to
 * right.
 */
function group(
  sets: readonly SetResult[],
  by: readonly string[],
  place: (set: SetResult) => number,
): SweepLine[] {
  const found = new Map<string, SetResult[]>()
  for (const set of sets) {
    const name = by.map((option) => `${option} ${set.options[option]}`).join(', ')
    const line = found.get(name)
    if (line === undefined) found.set(name, [set])
    else line.push(set)
  }
  return [...found].map(([name, line]) => ({ name, sets: line.sort((a, b) => place(a) - place(b)) }))
}

const shareTicks = [0, 0.25, 0.5, 0.75, 1].map((share) => [share, `${100 * share}%`] as const)

function isNumeric(values: readonly unknown[]): values is readonly number[] {
  return values.every((value) => typeof value === 'number')
}

/** A numeric axis, which is logarithmic if the values are positive and span a factor of at least 30. */
function numberAxis(values: readonly number[]): SweepAxis {
  const [low, high] = [Math.min(...values), Math.max(...values)]
  if (low > 0 && high / low >= 30) return logAxis(values)
  const at = (value: unknown) => ((value as number) - low) / (high - low || 1)
  return { at, ticks: ticks(low, high, 8).map((tick) => [at(tick), label(tick)] as const) }
}

function logAxis(values: readonly number[]): SweepAxis {
  const positive = values.map((value) => Math.max(1e-300, value))
  const [low, high] = positive.length === 0 ? [1, 10] : [Math.min(...positive), Math.max(...positive)]
  // The axis spans at least a factor of two, so that tiny differences do not look like a slope.
  const [from, to] = [Math.log10(low), Math.max(Math.log10(high), Math.log10(2 * low))]
  const at = (value: unknown) => (Math.log10(value as number) - from) / (to - from)
  const steps = to - from < 2.5 ? [1, 2, 5] : [1]
  const first = Math.floor(from)
  const every = Math.ceil((to - from) / 10)
  const marks = Array.from({ length: Math.ceil(to) - first + 1 }, (_, i) => first + i)
    .filter((power) => (power - first) % every === 0)
    .flatMap((power) => steps.map((step) => Number(`${step}e${power}`)))
    .filter((mark) => at(mark) >= -1e-9 && at(mark) <= 1 + 1e-9)
  return { at, ticks: marks.map((mark) => [at(mark), label(mark)] as const) }
}

/** An axis of equally spaced words. */
function wordAxis(values: readonly unknown[]): SweepAxis {
  const at = (value: unknown) => (values.indexOf(value) + 0.5) / values.length
  return { at, ticks: values.map((value) => [at(value), `${value}`] as const) }
}

export function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}
