/** Metrics as SVG: curves of losses and other numbers over the steps of a run. */

import { AntigradError, OptionError } from '../../core/errors.js'
import { toPrintable } from '../../core/text.js'
import { axis, computeRange, frame, getScale, LEFT, RIGHT, ticksOf, WIDTH, widened } from './frame.js'
import { label } from './panel.js'
import { FONTS, lineStyle, MAX_LINES } from './picture.js'
import { pathData, simplify } from './polyline.js'
import type { Metric } from './read-metrics.js'
import { escapeXml } from './sweep.js'

/** Top and height of the panel. */
const PANEL = [62, 300] as const
const BOTTOM = PANEL[0] + PANEL[1]
const LEGEND = 430
const ROW = 18

/** The y axis is logarithmic by default if all values are positive and their ratio exceeds this limit. */
const LOGARITHMIC_RATIO = 100

export interface MetricsPlot {
  readonly title: string
  /** Name of the horizontal axis. */
  readonly x: string
  readonly metrics: readonly Metric[]
  /** Whether the y axis is logarithmic; if undefined, the values decide. */
  readonly isLogarithmic?: boolean | undefined
}

/**
 * Draws metrics. Values that are not finite, or not positive on a logarithmic axis, leave a gap. A decreasing step, as
 * after a run was resumed, also leaves a gap.
 *
 * @throws OptionError if there are too many metrics; AntigradError if no value can be drawn, or if values are too far
 * apart
 */
export function drawMetrics({ title, x: name, metrics, isLogarithmic }: MetricsPlot): string {
  if (metrics.length > MAX_LINES) throw new OptionError('--y', `at most ${MAX_LINES} columns`, metrics.length)
  const [low, high] = rangeOf(metrics.map(({ y }) => y))
  const scaleX = getScale(false)
  const scaleY = getScale(isLogarithmic ?? (low > 0 && high / low > LOGARITHMIC_RATIO))
  const x = widened(rangeOf(metrics.map(({ x }) => x)), 0.02)
  const positions = rangeOf(metrics.map(({ y }) => y.map(scaleY.position)))
  if (!(positions[0] <= positions[1])) throw new AntigradError('--log requires at least one positive value')
  const y = widened(positions, 0.04)
  const [atX, atY] = [axis(x, LEFT, RIGHT, scaleX), axis(y, BOTTOM, PANEL[0], scaleY)]
  const lines = metrics.map((metric, i) => {
    // A single point becomes a line of length 0, which round caps show as a dot.
    const parts = split(metric, atX, atY).map((part) => simplify(thin(part), 1))
    return `<path data-line="${i}" ${lineStyle(i)} d="${pathData(parts)}"/>`
  })
  const legend = metrics.map(entry)
  const height = LEGEND + ROW * metrics.length
  const heading = escapeXml(toPrintable(title))
  const names = toPrintable(metrics.map((metric) => metric.name).join(', '))
  return `<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="title" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="${FONTS}" font-size="12" fill="#222">
<title id="title">${heading}: ${escapeXml(names)}</title>
<rect width="${WIDTH}" height="${height}" rx="6" fill="#fff"/>
<text x="${LEFT}" y="26" font-size="15" font-weight="bold">${heading}</text>
${frame({ x, scaleX, atX }, PANEL, names, ticksOf(y, atY, 7, scaleY))}
<g fill="none" stroke-width="1.8" stroke-linejoin="round" stroke-linecap="round">
${lines.reverse().join('\n')}
</g>
<text x="${(LEFT + RIGHT) / 2}" y="${BOTTOM + 38}" text-anchor="middle" font-style="italic">${escapeXml(toPrintable(name))}</text>
<g id="legend">${legend.join('')}</g>
</svg>
`
}

const rangeOf = (columns: readonly (readonly number[])[]) => computeRange(columns.flatMap(computeRange))

/** The drawable parts of a curve in pixels, alternating x and y. */
function split({ x, y }: Metric, atX: (x: number) => number, atY: (y: number) => number): number[][] {
  const parts: number[][] = []
  let isOpen = false
  for (let i = 0; i < x.length; i++) {
    const at = atY(y[i])
    if (!isOpen || x[i] < x[i - 1]) parts.push([])
    isOpen = Number.isFinite(at)
    if (isOpen) parts[parts.length - 1].push(atX(x[i]), at)
  }
  return parts.filter(({ length }) => length > 0)
}

/**
 * Keeps the first, lowest, highest and last point of each half pixel column. The line through these points looks the
 * same (M4; Jugel, Jerzak, Hackenbroich and Markl, 2014).
 */
function thin(points: readonly number[]): number[] {
  const kept: number[] = []
  for (let from = 0; from < points.length; ) {
    const column = Math.floor(2 * points[from])
    let to = from
    let [lowest, highest] = [from, from]
    for (; to < points.length && Math.floor(2 * points[to]) === column; to += 2) {
      if (points[to + 1] < points[lowest + 1]) lowest = to
      if (points[to + 1] > points[highest + 1]) highest = to
    }
    const chosen = new Set([from, lowest, highest, to - 2].sort((a, b) => a - b))
    for (const i of chosen) kept.push(points[i], points[i + 1])
    from = to
  }
  return kept
}

function entry({ name, y }: Metric, i: number): string {
  const at = LEGEND + ROW * i
  const [low, high] = computeRange(y).map(short)
  const last = y.filter(Number.isFinite).at(-1) ?? NaN
  return `<path ${lineStyle(i)} stroke-width="1.8" d="M${LEFT} ${at - 4.5}h30"/><text x="${LEFT + 40}" y="${at}">${escapeXml(toPrintable(name))}: last ${short(last)}, from ${low} to ${high}</text>`
}

const short = (x: number) => label(Number(x.toPrecision(4)))
