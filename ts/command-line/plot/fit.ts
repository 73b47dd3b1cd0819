/** Fits as SVG: data, curves with their confidence bands, and a lower panel of residuals. */

import type { AxisScale } from '../../axes/scale.js'
import type { Fit } from '../../fits/fit/result.js'
import { formatEstimate, wrapParts } from '../../plots/estimates.js'
import {
  type AxisPosition,
  type AxisRange,
  axis,
  computeRange,
  frame,
  getScale,
  type HorizontalAxis,
  LEFT,
  RIGHT,
  ticksOf,
  WIDTH,
  widened,
} from './frame.js'
import { COLORS, FONTS, lineStyle } from './picture.js'
import { clip, pathData, px, simplify } from './polyline.js'
import { escapeXml } from './sweep.js'

/** Top and height of the upper panel, and of the lower panel. */
const CURVES = [62, 300] as const
const RESIDUALS = [404, 120] as const
/** Bottom of the upper and of the lower panel. */
const [UPPER, LOWER] = [CURVES, RESIDUALS].map(([top, height]) => top + height)
const LEGEND = 596
const ROW = 18

/** Number of points per curve. */
const POINTS = 600

/** The properties of a fit, or of a group of a shared fit, that the plot uses. */
export type DrawableFit = Pick<Fit, 'values' | 'errors' | 'reason' | 'residuals' | 'predict' | 'band'> &
  Partial<Pick<Fit, 'outliers'>>

/** A fit with its data. */
export interface DrawnGroup {
  /** Label of the fit in the legend; may be empty. */
  readonly name: string
  readonly x: readonly number[]
  readonly y: readonly number[]
  /** Standard deviations of y, if known. */
  readonly bars: readonly number[] | null
  readonly fit: DrawableFit
  /** Name of x in the fit's model. */
  readonly column: string
}

/** Titles of the plot and of its axes. */
export interface Titles {
  readonly title: string
  readonly x: string
  readonly y: string
  /** Whether the axes are logarithmic. */
  readonly logX: boolean
  readonly logY: boolean
}

interface FitCurve {
  readonly x: readonly number[]
  readonly f: Float64Array
  readonly low: Float64Array
  readonly high: Float64Array
}

/** The axes of the upper panel. */
interface FitPlotView extends HorizontalAxis {
  readonly atY: AxisPosition
}

/** @throws AntigradError if values are too far apart to draw */
export function drawFits(all: readonly DrawnGroup[], titles: Titles): string {
  const [scaleX, scaleY] = [titles.logX, titles.logY].map(getScale)
  const x = widened(computeRange(all.flatMap((drawn) => computeRange(drawn.x.map(scaleX.position)))), 0.02)
  const curves = all.map((drawn) => computeCurve(drawn, scaleX))
  const y = computeView(all, curves, scaleY)
  const [atX, atY] = [axis(x, LEFT, RIGHT, scaleX), axis(y, UPPER, CURVES[0], scaleY)]
  const view = { x, scaleX, atX, atY }
  const texts = all.map(legendLines)
  const rows = texts.map((_, i) => texts.slice(0, i).flat().length)
  const legend = texts.map((lines, i) => entry(lines, i, rows[i]))
  const height = LEGEND + ROW * texts.flat().length
  const title = escapeXml(titles.title)
  return `<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="title" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="${FONTS}" font-size="12" fill="#222">
<title id="title">${title}: data, fit with its 95% confidence band, and residuals</title>
<rect width="${WIDTH}" height="${height}" rx="6" fill="#fff"/>
<text x="${LEFT}" y="26" font-size="15" font-weight="bold">${title}</text>
<g id="fit">
${frame(view, CURVES, titles.y, ticksOf(y, atY, 7, scaleY))}
${curves.map((curve, i) => band(view, curve, i)).join('\n')}
${all.map((drawn, i) => bars(view, drawn, i)).join('\n')}
${all.map((drawn, i) => points(drawn, drawn.y, [atX, atY], i)).join('\n')}
${curves.map((curve, i) => line(view, curve, i)).join('\n')}
</g>
${drawResiduals(all, view)}
<text x="${(LEFT + RIGHT) / 2}" y="${LOWER + 38}" text-anchor="middle" font-style="italic">${escapeXml(titles.x)}</text>
<g id="legend">${legend.join('')}</g>
</svg>
`
}

/** The lower panel. Residual 0 lies in the middle of the panel. */
function drawResiduals(all: readonly DrawnGroup[], view: FitPlotView): string {
  const residuals = all.map(({ fit }) => fit.residuals)
  const [least, greatest] = computeRange(residuals.flatMap(computeRange))
  const most = Math.max(0, -least, greatest)
  const range = widened([-most, most], 0.05)
  const at = axis(range, LOWER, RESIDUALS[0], getScale(false))
  return `<g id="residuals">
${frame(view, RESIDUALS, 'residuals', ticksOf(range, at, 3, getScale(false)))}
<path stroke="#555" d="M${LEFT} ${px(at(0))}H${RIGHT}"/>
${all.map((drawn, i) => points(drawn, residuals[i], [view.atX, at], i)).join('\n')}
</g>`
}

/** Dots, at most one per pixel. A dot is drawn as a line of length 0 with round caps. Outliers are open circles. */
function points(
  drawn: DrawnGroup,
  y: ArrayLike<number>,
  [atX, at]: readonly [AxisPosition, AxisPosition],
  i: number,
): string {
  const outliers = new Set(drawn.fit.outliers?.map(({ row }) => row))
  const placesOf = (isMarked: boolean) =>
    drawn.x.flatMap((x, row) =>
      outliers.has(row) === isMarked && Number.isFinite(at(y[row]) + atX(x))
        ? [[Math.round(atX(x)), Math.round(at(y[row]))] as const]
        : [],
    )
  const d = [...new Set(placesOf(false).map(([x, y]) => `M${x} ${y}h0`))].join('')
  const dots = `<path class="data" stroke="${getColor(i)}" stroke-width="4.4" stroke-linecap="round" stroke-opacity=".6" d="${d}"/>`
  const circles = placesOf(true).map(([x, y]) => `<circle cx="${x}" cy="${y}" r="3.5"/>`)
  if (circles.length === 0) return dots
  return `${dots}\n<g class="outliers" fill="none" stroke="${getColor(i)}">${circles.join('')}</g>`
}

/** Error bars of one standard deviation. On a logarithmic axis, error bars that end at or below 0 reach the frame. */
function bars({ atX, atY }: FitPlotView, { x, y, bars }: DrawnGroup, i: number): string {
  if (bars === null) return ''
  const within = (value: number) => {
    const at = atY(value)
    return Math.round(Number.isNaN(at) ? UPPER : Math.min(UPPER, Math.max(CURVES[0], at)))
  }
  const places = x.flatMap((x, row) =>
    Number.isFinite(atX(x) + atY(y[row]))
      ? [`M${Math.round(atX(x))} ${within(y[row] - bars[row])}V${within(y[row] + bars[row])}`]
      : [],
  )
  return `<path class="bars" stroke="${getColor(i)}" stroke-opacity=".6" d="${[...new Set(places)].join('')}"/>`
}

function line({ atX, atY }: FitPlotView, { x, f }: FitCurve, i: number): string {
  const known = stretches(x.map((_, k) => Number.isFinite(atY(f[k]))))
  const paths = known.map((own) => own.flatMap((k) => [atX(x[k]), atY(f[k])]))
  const seen = paths
    .flatMap((path) => clip(path, [LEFT, RIGHT, CURVES[0], UPPER]))
    .map((part) => simplify(part, 1))
  return `<path class="curve" fill="none" ${lineStyle(i)} stroke-width="1.8" stroke-linejoin="round" d="${pathData(seen)}"/>`
}

/** The confidence band: one polygon per range of x in which both limits are finite. */
function band({ atX, atY }: FitPlotView, { x, low, high }: FitCurve, i: number): string {
  // Values at or below 0 lie below a logarithmic axis.
  const at = (k: number, y: number) => {
    const place = atY(y)
    return [atX(x[k]), Number.isNaN(place) ? UPPER : Math.min(UPPER, Math.max(CURVES[0], place))]
  }
  const shapes = stretches(x.map((_, k) => Number.isFinite(low[k]) && Number.isFinite(high[k]))).map(
    (own) => [...own.flatMap((k) => at(k, high[k])), ...own.reverse().flatMap((k) => at(k, low[k]))],
  )
  const d = shapes.map((shape) => `${pathData([shape])}Z`).join('')
  return `<path class="band" fill="${getColor(i)}" fill-opacity=".16" d="${d}"/>`
}

/** The lines of a legend entry: the name, all values with their errors, and the reason of a failed fit. */
function legendLines({ name, fit }: DrawnGroup): string[] {
  const values = Object.entries(fit.values).map(
    ([name, x]) => `${name} = ${formatEstimate(x, fit.errors[name])}`,
  )
  const lines = wrapParts([...(name === '' ? [] : [name]), ...values], LEGEND_WIDTH)
  const end = fit.reason === 'converged' ? '' : ` (${fit.reason})`
  return lines.map((line, k) => (k === lines.length - 1 ? line + end : `${line},`))
}

/** @param row number of the lines above the entry */
function entry(lines: readonly string[], i: number, row: number): string {
  const y = LEGEND + ROW * row
  const texts = lines.map(
    (line, k) => `<text x="${LEFT + 40}" y="${y + ROW * k}">${escapeXml(shortened(line))}</text>`,
  )
  return `<path ${lineStyle(i)} stroke-width="1.8" d="M${LEFT} ${y - 4.5}h30"/>${texts.join('')}`
}

/** Maximum number of characters in a line of the legend. */
const LEGEND_WIDTH = 108

/** Truncates a name that is longer than a line. */
const shortened = (text: string) => (text.length > 116 ? `${text.slice(0, 115)}…` : text)
const getColor = (i: number) => COLORS[i % COLORS.length]

/** The model's curve over the range of the data. */
function computeCurve({ x, fit, column }: DrawnGroup, scale: AxisScale): FitCurve {
  const [low, high] = computeRange(x.map(scale.position))
  const at = Array.from({ length: POINTS }, (_, k) => scale.invert(low + ((high - low) * k) / (POINTS - 1)))
  return { x: at, f: fit.predict({ [column]: at }), ...fit.band({ [column]: at }) }
}

/** The vertical range. The range contains all data, all error bars, and curves up to one data range beyond the data. */
function computeView(all: readonly DrawnGroup[], curves: readonly FitCurve[], scale: AxisScale): AxisRange {
  const ends = ({ y, bars }: DrawnGroup) =>
    bars ? y.flatMap((at, row) => [at - bars[row], at + bars[row]]) : y
  const [low, high] = computeRange(
    all.flatMap((drawn) => computeRange([...drawn.y, ...ends(drawn)].map(scale.position))),
  )
  const [least, most] = computeRange(curves.flatMap(({ f }) => computeRange(Array.from(f, scale.position))))
  const span = high - low
  return widened(
    [Math.max(low - span, Math.min(low, least)), Math.min(high + span, Math.max(high, most))],
    0.04,
  )
}

/** Runs of consecutive indices at which the condition holds. */
function stretches(holds: readonly boolean[]): number[][] {
  const found: number[][] = []
  holds.forEach((does, k) => {
    if (does && !holds[k - 1]) found.push([])
    if (does) found.at(-1)?.push(k)
  })
  return found
}
