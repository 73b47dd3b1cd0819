/** Fits as SVG: data, curves with their confidence bands, and a lower panel of residuals. */

import {
  band,
  bars,
  computeCurve,
  computeView,
  type DrawnCurve,
  describeEstimates,
  type FitPlotView,
  line,
  points,
  type Titles,
} from './fit-marks.js'
import { axis, computeRange, frame, getScale, LEFT, RIGHT, ticksOf, WIDTH, widened } from './frame.js'
import { FONTS, lineStyle } from './picture.js'
import { px } from './polyline.js'
import { escapeXml } from './sweep.js'

/** Top and height of the upper panel, and of the lower panel. */
const CURVES = [62, 300] as const
const RESIDUALS = [404, 120] as const
/** Bottom of the upper and of the lower panel. */
const [UPPER, LOWER] = [CURVES, RESIDUALS].map(([top, height]) => top + height)
const BOX = { left: LEFT, right: RIGHT, top: CURVES[0], bottom: UPPER }
const LEGEND = 596
const ROW = 18

/** @throws AntigradError if values are too far apart to draw */
export function drawFits(all: readonly DrawnCurve[], titles: Titles): string {
  const [scaleX, scaleY] = [titles.logX, titles.logY].map(getScale)
  const x = widened(computeRange(all.flatMap((drawn) => computeRange(drawn.x.map(scaleX.position)))), 0.02)
  const curves = all.map((drawn) => computeCurve(drawn, scaleX))
  const y = computeView(all, curves, scaleY)
  const [atX, atY] = [axis(x, LEFT, RIGHT, scaleX), axis(y, UPPER, CURVES[0], scaleY)]
  const view = { x, scaleX, atX, atY, box: BOX }
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
function drawResiduals(all: readonly DrawnCurve[], view: FitPlotView): string {
  const residuals = all.map((drawn) => drawn.residuals)
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

/**
 * The lines of a legend entry: the name, all values with their errors, and the reason of a failed fit. The first curve
 * of a fit has the values.
 */
function legendLines({ name, fit }: DrawnCurve, k: number, all: readonly DrawnCurve[]): string[] {
  return all[k - 1]?.fit === fit ? [name] : describeEstimates(name, fit, LEGEND_WIDTH)
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
