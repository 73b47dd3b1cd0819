/** Points, curve, band and a lower panel of residuals as SVG. The displayed plot is identical to the saved one. */

import { uniqueId } from '../dom.js'
import { theme } from '../theme.js'
import { axis, frame, getScale, heights, type PlotAxis, padded, sideways, span } from './plot-axes.js'
import { band, bar, circles, path, points } from './plot-marks.js'
import { px, s } from './svg.js'

export interface FitPlotData {
  readonly titles: { readonly x: string; readonly y: string; readonly residuals: string }
  /** Whether the axes are logarithmic. */
  readonly log: { readonly x: boolean; readonly y: boolean }
  readonly x: ArrayLike<number>
  readonly y: ArrayLike<number>
  readonly sigma: ArrayLike<number> | undefined
  /** The points that are drawn as open circles: rows that the user left out, and outliers. */
  readonly open: PointList
  /** Data and fits of the other groups. */
  readonly others: readonly Pick<FitPlotData, 'x' | 'y' | 'fitted'>[]
  /** Curve of a second model, which is drawn as a dashed line. */
  readonly second: Pick<FittedCurve, 'x' | 'y'> | null
  /** Null if there is no fit. */
  readonly fitted: FittedData | null
}

export interface PointList {
  readonly x: readonly number[]
  readonly y: readonly number[]
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

export { getScale }

const LEFT = 64
const RIGHT = 12
const TOP = 8
const GAP = 22
const BOTTOM = 40

/** Heights of the two panels in pixels. */
interface PanelHeights {
  readonly main: number
  readonly below: number
}

const full: PanelHeights = { main: 300, below: 100 }
const compact: PanelHeights = { main: 190, below: 60 }

/** Number of points from which dots are smaller and translucent, so that they do not hide the curve. */
const MANY = 300

export class FitPlot {
  readonly element = document.createElement('div')
  #picture: FitPlotData | null = null
  #axes: PlotAxes | null = null
  #isCompact = false

  constructor() {
    this.element.className = 'curve'
    new ResizeObserver(() => this.redraw()).observe(this.element)
  }

  /** @param isCompact whether the plot is low, so that other plots fit below it */
  show(picture: FitPlotData | null, isCompact = false): void {
    this.#picture = picture
    this.#isCompact = isCompact
    this.element.classList.toggle('compact', isCompact)
    this.redraw()
  }

  redraw(): void {
    const width = this.element.clientWidth
    this.#axes = null
    this.element.replaceChildren()
    if (this.#picture === null || width === 0) return
    const sizes = this.#isCompact ? compact : full
    this.#axes = computeAxes(this.#picture, width, sizes)
    this.element.replaceChildren(draw(this.#picture, this.#axes, width, sizes))
  }

  /** Position of a point in pixels from the plot's top left corner; null without a plot. */
  locate(x: number, y: number): readonly [left: number, top: number] | null {
    return this.#axes && [this.#axes.across.place(x), this.#axes.up.place(y)]
  }

  /** Height of the panel of the data in pixels. */
  get bottom(): number {
    return TOP + (this.#isCompact ? compact : full).main
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

function computeAxes(data: FitPlotData, width: number, { main, below }: PanelHeights): PlotAxes {
  const { log, x, y, sigma, open, others, fitted } = data
  const [scaleX, scaleY] = [log.x, log.y].map(getScale)
  const xs = [x, open.x, ...others.map((other) => other.x)].flatMap((values) =>
    Array.from(values, scaleX.position),
  )
  const all = [heights(y, sigma, fitted?.curve ?? null, scaleY)]
  if (open.y.length > 0) all.push(heights(open.y, undefined, null, scaleY))
  for (const other of others) all.push(heights(other.y, undefined, other.fitted?.curve ?? null, scaleY))
  const largest = Math.max(...[...span(fitted?.residuals ?? [])].map(Math.abs)) || 1
  const top = TOP + main + GAP
  return {
    across: axis(padded(span(xs), 0.03), LEFT, width - RIGHT, scaleX),
    up: axis(padded(span(all.flat()), 0.06), TOP + main, TOP, scaleY),
    below: axis(padded([-largest, largest], 0.08), top + below, top, getScale(false)),
  }
}

function draw(data: FitPlotData, axes: PlotAxes, width: number, sizes: PanelHeights): SVGElement {
  const { titles, x, fitted } = data
  const { text, muted, grid, surface, racers } = theme()
  const { across, up, below } = axes
  const clip = uniqueId('clip')
  const upTo = width - RIGHT - LEFT
  const residualsTop = TOP + sizes.main + GAP
  const height = residualsTop + sizes.below + BOTTOM
  return s(
    'svg',
    {
      role: 'img',
      width,
      height,
      viewBox: `0 0 ${width} ${height}`,
      fill: text,
      'font-family': 'system-ui, sans-serif',
      'font-size': 12,
      'aria-label': label(data),
    },
    s('rect', { width, height, fill: surface }),
    s('clipPath', { id: clip }, s('rect', { x: LEFT, y: TOP, width: upTo, height: sizes.main })),
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
    s('text', { x: (LEFT + width - RIGHT) / 2, y: height - 6, 'text-anchor': 'middle' }, titles.x),
    sideways(titles.y, TOP + sizes.main / 2),
    sideways(titles.residuals, residualsTop + sizes.below / 2),
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
function drawFit({ x, y, sigma, open, second, fitted }: FitPlotData, { across, up }: PlotAxes): SVGElement[] {
  const { racers, surface } = theme()
  const [ofData, ofModel, ofSecond] = racers
  const curve = fitted?.curve ?? null
  const bars = sigma && bar(x, y, sigma, across, up)
  const line = ({ x, y }: Pick<FittedCurve, 'x' | 'y'>, look: Readonly<Record<string, string | number>>) =>
    s('path', { d: path(x, y, across, up), fill: 'none', ...look })
  const isCrowded = x.length > MANY
  return [
    ...(curve ? [s('path', { d: band(curve, across, up), fill: ofModel, 'fill-opacity': 0.22 })] : []),
    ...(bars ? [s('path', { d: bars, stroke: ofData, fill: 'none' })] : []),
    dots(x, y, [across, up], { color: ofData, size: 6 }),
    ...(open.x.length > 0
      ? [s('path', { d: circles(open.x, open.y, across, up), class: 'open', stroke: ofData, fill: 'none' })]
      : []),
    // A border in the color of the ground separates the curve from crowded points.
    ...(curve && isCrowded ? [line(curve, { class: 'border', stroke: surface, 'stroke-width': 6 })] : []),
    ...(curve ? [line(curve, { stroke: ofModel, 'stroke-width': isCrowded ? 3 : 2, class: 'fitted' })] : []),
    ...(second
      ? [line(second, { stroke: ofSecond, 'stroke-width': 2.5, 'stroke-dasharray': '7 5', class: 'second' })]
      : []),
    ...(fitted && !curve ? [dots(x, fitted.values, [across, up], { color: ofModel, size: 4 })] : []),
  ]
}

const dots = (
  x: ArrayLike<number>,
  values: ArrayLike<number>,
  [across, up]: readonly [PlotAxis, PlotAxis],
  { color, size }: { readonly color: string; readonly size: number },
) => {
  const isCrowded = x.length > MANY
  return s('path', {
    d: points(x, values, across, up),
    stroke: color,
    fill: 'none',
    'stroke-width': isCrowded ? 3 : size,
    ...(isCrowded && { 'stroke-opacity': 0.45 }),
    'stroke-linecap': 'round',
  })
}

function label({ titles, x, open, fitted }: FitPlotData): string {
  const out = open.x.length > 0 ? `, ${open.x.length} open circles` : ''
  const what = `${x.length} points of ${titles.y} against ${titles.x}${out}`
  if (!fitted) return `${what}, without a fit`
  return `${what}, with ${fitted.curve ? 'the fitted curve and its band' : 'the values of the model'}, and residuals below`
}
