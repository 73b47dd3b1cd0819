/** Fits as SVG with one small panel per fit, for more curves than one panel can show. */

import {
  band,
  bars,
  computeCurve,
  computeView,
  type DrawnFit,
  describeEstimates,
  type FitPlotView,
  line,
  points,
  type Titles,
} from './fit-marks.js'
import { type AxisRange, axis, computeRange, getScale, LEFT, RIGHT, WIDTH, widened } from './frame.js'
import { label } from './panel.js'
import { FONTS, lineStyle } from './picture.js'
import { px } from './polyline.js'
import { escapeXml } from './sweep.js'

const PANELS_PER_ROW = 4
const GAP = 14
const PANEL_WIDTH = (RIGHT - LEFT - GAP * (PANELS_PER_ROW - 1)) / PANELS_PER_ROW
const PANEL_HEIGHT = 112
/** Heights of the name above a panel, of the tick labels below a panel, and of a line of estimates. */
const [NAME, TICKS, LINE] = [20, 18, 13]
const TOP = 52
const ROW = 18
/** Maximum number of characters of a line below a panel, and of the name of a panel. */
const [LINE_LENGTH, NAME_LENGTH] = [32, 28]
/** Number of points per curve. A panel is about this number of pixels wide. */
const POINTS = 160

interface Axes {
  readonly x: AxisRange
  readonly y: AxisRange
  readonly titles: Titles
}

/**
 * All panels have the same axes.
 *
 * @param fits fits whose curves have equal names in all fits
 * @throws AntigradError if values are too far apart to draw
 */
export function drawPanels(fits: readonly DrawnFit[], titles: Titles): string {
  const [scaleX, scaleY] = [titles.logX, titles.logY].map(getScale)
  const all = fits.flatMap(({ curves }) => curves)
  const x = widened(computeRange(all.flatMap((drawn) => computeRange(drawn.x.map(scaleX.position)))), 0.04)
  const y = computeView(
    all,
    all.map((drawn) => computeCurve(drawn, scaleX, POINTS)),
    scaleY,
  )
  const names = [...new Set(all.map(({ name }) => name))].filter((name) => name !== '')
  const texts = fits.map(({ curves }) => describeEstimates('', curves[0].fit, LINE_LENGTH))
  const panels: string[] = []
  let top = TOP
  for (let k = 0; k < fits.length; k += PANELS_PER_ROW) {
    const row = fits.slice(k, k + PANELS_PER_ROW)
    for (const [place, drawn] of row.entries())
      panels.push(panel(drawn, texts[k + place], place, top, { x, y, titles }, names))
    top +=
      NAME +
      PANEL_HEIGHT +
      TICKS +
      LINE * Math.max(...texts.slice(k, k + row.length).map((one) => one.length)) +
      GAP
  }
  const legend = names.map((name, i) => {
    const at = top + 26 + ROW * i
    return `<path ${lineStyle(i)} stroke-width="1.8" d="M${LEFT} ${at - 4.5}h30"/><text x="${LEFT + 40}" y="${at}">${escapeXml(name)}</text>`
  })
  const height = top + 26 + ROW * names.length
  const title = escapeXml(titles.title)
  return `<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="title" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="${FONTS}" font-size="12" fill="#222">
<title id="title">${title}: data, and fits with their 95% confidence bands, in ${fits.length} panels</title>
<rect width="${WIDTH}" height="${height}" rx="6" fill="#fff"/>
<text x="${LEFT}" y="26" font-size="15" font-weight="bold">${title}</text>
<text x="${LEFT}" y="44">${escapeXml(titles.y)}</text>
${panels.join('\n')}
<text x="${(LEFT + RIGHT) / 2}" y="${top + 4}" text-anchor="middle" font-style="italic">${escapeXml(titles.x)}</text>
<g id="legend">${legend.join('')}</g>
</svg>
`
}

function panel(
  { name, curves }: DrawnFit,
  texts: readonly string[],
  place: number,
  rowTop: number,
  { x, y, titles }: Axes,
  names: readonly string[],
): string {
  const [scaleX, scaleY] = [titles.logX, titles.logY].map(getScale)
  const left = LEFT + place * (PANEL_WIDTH + GAP)
  const top = rowTop + NAME
  const box = { left, right: left + PANEL_WIDTH, top, bottom: top + PANEL_HEIGHT }
  const atX = axis(x, box.left, box.right, scaleX)
  const atY = axis(y, box.bottom, box.top, scaleY)
  const view: FitPlotView = { x, scaleX, atX, atY, box }
  const marks = scaleX
    .ticks(x[0], x[1], 3)
    .map(
      (tick) =>
        `<path d="M${px(atX(tick))} ${box.bottom}v4"/><text x="${px(atX(tick))}" y="${box.bottom + 14}" text-anchor="middle">${label(tick)}</text>`,
    )
  // The panels of a row share the labels of their vertical axes.
  const rows = scaleY.ticks(y[0], y[1], 4).map((tick) => {
    const text =
      place === 0
        ? `<text x="${left - 8}" y="${px(atY(tick) + 4)}" text-anchor="end">${label(tick)}</text>`
        : ''
    return `<path stroke-opacity=".15" d="M${px(left)} ${px(atY(tick))}H${px(box.right)}"/>${text}`
  })
  const shortened = name.length > NAME_LENGTH ? `${name.slice(0, NAME_LENGTH - 1)}…` : name
  const drawn = curves.map((curve) => {
    const i = Math.max(0, names.indexOf(curve.name))
    const path = computeCurve(curve, scaleX, POINTS)
    return [
      band(view, path, i),
      bars(view, curve, i),
      points(curve, curve.y, [atX, atY], i),
      line(view, path, i),
    ]
  })
  const estimates = texts.map(
    (text, k) =>
      `<text x="${px(left)}" y="${box.bottom + TICKS + LINE * (k + 1) - 2}" font-size="10">${escapeXml(text)}</text>`,
  )
  return `<g class="panel"><text x="${px(left)}" y="${top - 5}" font-weight="bold">${escapeXml(shortened)}</text>
<g stroke="#555" fill="none"><rect x="${px(left)}" y="${top}" width="${px(PANEL_WIDTH)}" height="${PANEL_HEIGHT}"/></g>
<g class="axes" stroke="#555" fill="#222" font-size="10">${[...marks, ...rows].join('').replaceAll('<text', '<text stroke="none"')}</g>
${[0, 1, 2, 3].flatMap((layer) => drawn.map((layers) => layers[layer])).join('\n')}
${estimates.join('')}</g>`
}
