/** Points, curve, band and a lower panel of residuals as SVG. The displayed plot is identical to the saved one. */

import { extent, ticks } from 'd3-array'
import { type AxisScale, makeScales } from '../../../dist/page.js'
import { formatNumber, uniqueId } from '../dom.js'
import { theme } from '../theme.js'

export interface FitPlotData {
  readonly titles: { readonly x: string; readonly y: string }
  /** Whether the axes are logarithmic. */
  readonly log: { readonly x: boolean; readonly y: boolean }
  readonly x: ArrayLike<number>
  readonly y: ArrayLike<number>
  readonly sigma: ArrayLike<number> | undefined
  /** Data and fits of the other groups. */
  readonly others: readonly Pick<FitPlotData, 'x' | 'y' | 'fitted'>[]
  /** Null if there is no fit. */
  readonly fitted: FittedData | null
}

export interface FittedData {
  readonly residuals: ArrayLike<number>
  /** Null if the model depends on columns other than x. The plot then shows the model's values per row. */
  readonly curve: FittedCurve | null
  readonly values: ArrayLike<number>
}

export interface FittedCurve {
  readonly x: ArrayLike<number>
  readonly y: ArrayLike<number>
  readonly low: ArrayLike<number>
  readonly high: ArrayLike<number>
}

export const getScale = makeScales(ticks)

interface PlotAxis {
  /** Ends of the axis: values, or their logarithms on a logarithmic axis. */
  readonly from: number
  readonly to: number
  readonly scale: AxisScale
  /** Position of a value in pixels; NaN if the axis cannot show the value. */
  place(value: number): number
}

const LEFT = 64
const RIGHT = 12
const TOP = 8
const MAIN = 300
const GAP = 22
const BELOW = 100
const BOTTOM = 40
const RESIDUALS_TOP = TOP + MAIN + GAP
const HEIGHT = TOP + MAIN + GAP + BELOW + BOTTOM

export class FitPlot {
  readonly element = document.createElement('div')
  #picture: FitPlotData | null = null

  constructor() {
    this.element.className = 'curve'
    new ResizeObserver(() => this.redraw()).observe(this.element)
  }

  show(picture: FitPlotData | null): void {
    this.#picture = picture
    this.redraw()
  }

  redraw(): void {
    const width = this.element.clientWidth
    this.element.replaceChildren(...(this.#picture && width > 0 ? [draw(this.#picture, width)] : []))
  }

  toSvg(): string {
    const [svg] = this.element.children
    return svg === undefined ? '' : new XMLSerializer().serializeToString(svg)
  }
}

/** The axes of the data (`across`, `up`) and of the residuals (`below`). */
interface PlotAxes {
  readonly across: PlotAxis
  readonly up: PlotAxis
  readonly below: PlotAxis
}

function computeAxes({ log, x, y, sigma, others, fitted }: FitPlotData, width: number): PlotAxes {
  const [scaleX, scaleY] = [log.x, log.y].map(getScale)
  const xs = [x, ...others.map((other) => other.x)].flatMap((values) => Array.from(values, scaleX.position))
  const all = [heights(y, sigma, fitted?.curve ?? null, scaleY)]
  for (const other of others) all.push(heights(other.y, undefined, other.fitted?.curve ?? null, scaleY))
  const largest = Math.max(...[...span(fitted?.residuals ?? [])].map(Math.abs)) || 1
  return {
    across: axis(padded(span(xs), 0.03), LEFT, width - RIGHT, scaleX),
    up: axis(padded(span(all.flat()), 0.06), TOP + MAIN, TOP, scaleY),
    below: axis(padded([-largest, largest], 0.08), RESIDUALS_TOP + BELOW, RESIDUALS_TOP, getScale(false)),
  }
}

function draw(data: FitPlotData, width: number): SVGElement {
  const { titles, x, fitted } = data
  const { text, muted, grid, surface, racers } = theme()
  const axes = computeAxes(data, width)
  const { across, up, below } = axes
  const clip = uniqueId('clip')
  const upTo = width - RIGHT - LEFT
  return s(
    'svg',
    {
      role: 'img',
      width,
      height: HEIGHT,
      viewBox: `0 0 ${width} ${HEIGHT}`,
      fill: text,
      'font-family': 'system-ui, sans-serif',
      'font-size': 12,
      'aria-label': label(titles, x, fitted),
    },
    s('rect', { width, height: HEIGHT, fill: surface }),
    s('clipPath', { id: clip }, s('rect', { x: LEFT, y: TOP, width: upTo, height: MAIN })),
    frame(across, up, { grid, muted, hasLabels: false }),
    frame(across, below, { grid, muted, hasLabels: true }),
    s('path', { d: `M${LEFT} ${px(below.place(0))}h${px(upTo)}`, stroke: muted }),
    s(
      'g',
      { 'clip-path': `url(#${clip})` },
      ...data.others.flatMap((other) => drawOther(other, axes)),
      ...drawFit(data, axes),
    ),
    ...(fitted ? [dots(x, fitted.residuals, [across, below], { color: racers[0], size: 5 })] : []),
    s('text', { x: (LEFT + width - RIGHT) / 2, y: HEIGHT - 6, 'text-anchor': 'middle' }, titles.x),
    sideways(titles.y, TOP + MAIN / 2),
    sideways('residuals', RESIDUALS_TOP + BELOW / 2),
  )
}

/** Points and curve of a group that is not selected, in gray. */
function drawOther({ x, y, fitted }: FitPlotData['others'][number], { across, up }: PlotAxes): SVGElement[] {
  const { muted } = theme()
  const marks = s('path', {
    d: points(x, y, across, up),
    stroke: muted,
    fill: 'none',
    class: 'other',
    'stroke-width': 4,
    'stroke-opacity': 0.5,
    'stroke-linecap': 'butt',
  })
  const curve = fitted?.curve
  return curve
    ? [marks, s('path', { d: path(curve.x, curve.y, across, up), stroke: muted, fill: 'none' })]
    : [marks]
}

/** Points with error bars, and the curve with its band, or the model's values if there is no curve. */
function drawFit({ x, y, sigma, fitted }: FitPlotData, { across, up }: PlotAxes): SVGElement[] {
  const [ofData, ofModel] = theme().racers
  const curve = fitted?.curve ?? null
  const bars = sigma && bar(x, y, sigma, across, up)
  const line = (fittedCurve: FittedCurve) =>
    s('path', {
      d: path(fittedCurve.x, fittedCurve.y, across, up),
      fill: 'none',
      stroke: ofModel,
      'stroke-width': 2,
    })
  return [
    ...(curve ? [s('path', { d: band(curve, across, up), fill: ofModel, 'fill-opacity': 0.22 })] : []),
    ...(bars ? [s('path', { d: bars, stroke: ofData, fill: 'none' })] : []),
    dots(x, y, [across, up], { color: ofData, size: 6 }),
    ...(curve ? [line(curve)] : []),
    ...(fitted && !curve ? [dots(x, fitted.values, [across, up], { color: ofModel, size: 4 })] : []),
  ]
}

const dots = (
  x: ArrayLike<number>,
  values: ArrayLike<number>,
  [across, up]: readonly [PlotAxis, PlotAxis],
  { color, size }: { readonly color: string; readonly size: number },
) =>
  s('path', {
    d: points(x, values, across, up),
    stroke: color,
    fill: 'none',
    'stroke-width': size,
    'stroke-linecap': 'round',
  })

function label(
  { x: nameOfX, y }: FitPlotData['titles'],
  { length }: ArrayLike<number>,
  fitted: FittedData | null,
): string {
  const what = `${length} points of ${y} against ${nameOfX}`
  if (!fitted) return `${what}, without a fit`
  return `${what}, with ${fitted.curve ? 'the fitted curve and its band' : 'the values of the model'}, and residuals below`
}

const NS = 'http://www.w3.org/2000/svg'

function s(
  tag: string,
  attributes: Record<string, string | number>,
  ...children: (Node | string)[]
): SVGElement {
  const element = document.createElementNS(NS, tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value))
  element.append(...children)
  return element
}

/** A pixel coordinate for an attribute, limited to the range that SVG can draw. */
const px = (x: number) => Math.round(10 * Math.min(1e5, Math.max(-1e5, x))) / 10

function axis([from, to]: readonly [number, number], start: number, end: number, scale: AxisScale): PlotAxis {
  return {
    from,
    to,
    scale,
    place: (value) => start + ((scale.position(value) - from) / (to - from)) * (end - start),
  }
}

const span = (values: ArrayLike<number>): [number, number] => {
  const [from, to] = extent(Array.from(values).filter(Number.isFinite))
  return [from ?? 0, to ?? 1]
}

function padded([from, to]: readonly [number, number], part: number): [number, number] {
  const room = part * (to - from) || Math.abs(from) / 10 || 1
  return [from - room, to + room]
}

/** The vertical range of the data and of the curve. The curve extends the range by at most half of it on each side. */
function heights(
  y: ArrayLike<number>,
  sigma: ArrayLike<number> | undefined,
  curve: FittedCurve | null,
  scale: AxisScale,
): [number, number] {
  const ends = Array.from(y).flatMap((value, row) => [
    value - (sigma?.[row] ?? 0),
    value + (sigma?.[row] ?? 0),
  ])
  const [from, to] = span([...ends, ...Array.from(y)].map(scale.position))
  if (!curve) return [from, to]
  const [low, high] = span(
    [...Array.from(curve.low), ...Array.from(curve.high), ...Array.from(curve.y)].map(scale.position),
  )
  const most = (to - from) / 2
  return [Math.min(from, Math.max(low, from - most)), Math.max(to, Math.min(high, to + most))]
}

function frame(
  across: PlotAxis,
  up: PlotAxis,
  { grid, muted, hasLabels }: { grid: string; muted: string; hasLabels: boolean },
) {
  const [left, right, bottom, top] = [across.from, across.to, up.from, up.to].map((end, i) => {
    const { scale, place } = i < 2 ? across : up
    return place(scale.invert(end))
  })
  const xs = across.scale.ticks(across.from, across.to, Math.max(3, Math.round((right - left) / 80)))
  const ys = up.scale.ticks(up.from, up.to, Math.max(3, Math.round((bottom - top) / 45)))
  const lines = [
    ...xs.map((x) => `M${px(across.place(x))} ${px(top)}V${px(bottom)}`),
    ...ys.map((y) => `M${px(left)} ${px(up.place(y))}H${px(right)}`),
  ]
  const texts = ys.map((y) =>
    s('text', { x: left - 6, y: px(up.place(y) + 4), 'text-anchor': 'end' }, formatNumber(y, 6)),
  )
  const beneath = hasLabels
    ? xs.map((x) =>
        s('text', { x: px(across.place(x)), y: bottom + 16, 'text-anchor': 'middle' }, formatNumber(x, 6)),
      )
    : []
  const size = { width: px(right - left), height: px(bottom - top) }
  return s(
    'g',
    { fill: muted },
    s('path', { d: lines.join(''), stroke: grid }),
    s('rect', { x: left, y: top, ...size, fill: 'none', stroke: muted }),
    ...texts,
    ...beneath,
  )
}

const sideways = (text: string, y: number) =>
  s('text', { transform: `translate(14 ${y}) rotate(-90)`, 'text-anchor': 'middle' }, text)

/** Dots as an SVG path. Each pixel position is drawn once. */
function points(x: ArrayLike<number>, y: ArrayLike<number>, across: PlotAxis, up: PlotAxis): string {
  const places = new Set<string>()
  for (let i = 0; i < x.length; i++) {
    const [left, top] = [across.place(x[i]), up.place(y[i])]
    if (Number.isFinite(left + top)) places.add(`M${px(left)} ${px(top)}h0`)
  }
  return [...places].join('')
}

/** Position of the end of an error bar or band. Values without a logarithm are placed far below the plot. */
function endOn(up: PlotAxis, value: number): number {
  const top = up.place(value)
  return px(Number.isNaN(top) ? 1e5 : top)
}

function bar(
  x: ArrayLike<number>,
  y: ArrayLike<number>,
  sigma: ArrayLike<number>,
  across: PlotAxis,
  up: PlotAxis,
): string {
  const end = (value: number) => endOn(up, value)
  return Array.from(x, (at, i) => {
    if (!Number.isFinite(across.place(at) + up.place(y[i]))) return ''
    return `M${px(across.place(at))} ${end(y[i] - sigma[i])}V${end(y[i] + sigma[i])}`
  }).join('')
}

/** A line as an SVG path, with gaps at values that are not finite. */
function path(x: ArrayLike<number>, y: ArrayLike<number>, across: PlotAxis, up: PlotAxis): string {
  let isOpen = false
  return Array.from(x, (at, i) => {
    const [left, top] = [across.place(at), up.place(y[i])]
    if (!Number.isFinite(left + top)) {
      isOpen = false
      return ''
    }
    const place = `${isOpen ? 'L' : 'M'}${px(left)} ${px(top)}`
    isOpen = true
    return place
  }).join('')
}

function band({ x, low, high }: FittedCurve, across: PlotAxis, up: PlotAxis): string {
  const known = Array.from(x, (_, i) => i).filter((i) => Number.isFinite(low[i]) && Number.isFinite(high[i]))
  if (known.length === 0) return ''
  const end = (value: number) => endOn(up, value)
  const place = (i: number, values: ArrayLike<number>) => `${px(across.place(x[i]))} ${end(values[i])}`
  const there = known.map((i) => place(i, low))
  const back = known.reverse().map((i) => place(i, high))
  return `M${[...there, ...back].join('L')}Z`
}
