/** The marks of a fit in a panel: data, error bars, the curve and its confidence band. */

import type { AxisScale } from '../../axes/scale.js'
import { mapRecord } from '../../core/untrusted-input.js'
import type { Fit } from '../../fits/fit/result.js'
import { formatEstimate, wrapParts } from '../../plots/estimates.js'
import { type AxisPosition, type AxisRange, computeRange, type HorizontalAxis, widened } from './frame.js'
import { COLORS, lineStyle } from './picture.js'
import { clip, pathData, simplify } from './polyline.js'

/** The properties of a fit, or of a group of a shared fit, that the plot uses. */
export type DrawableFit = Pick<Fit, 'values' | 'errors' | 'reason' | 'residuals' | 'predict' | 'band'> &
  Partial<Pick<Fit, 'outliers'>>

/** A curve of a fit, with its data. */
export interface DrawnCurve {
  /** Label of the curve in the legend; may be empty. */
  readonly name: string
  readonly x: readonly number[]
  readonly y: readonly number[]
  /** Standard deviations of y, if known. */
  readonly bars: readonly number[] | null
  readonly residuals: readonly number[]
  /** Whether each row is an outlier. */
  readonly isOutlier: readonly boolean[]
  readonly fit: DrawableFit
  /** Name of x in the fit's model. */
  readonly column: string
  /** Values of the model's other columns, at which the curve is drawn. */
  readonly others: Readonly<Record<string, number>>
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

/** A fit with its curves, which are one per level of the other columns. */
export interface DrawnFit {
  /** Label of the fit; may be empty. */
  readonly name: string
  readonly curves: readonly DrawnCurve[]
}

export interface FitCurve {
  readonly x: readonly number[]
  readonly f: Float64Array
  readonly low: Float64Array
  readonly high: Float64Array
}

/** Edges of a panel, in pixels. */
export interface PanelBox {
  readonly left: number
  readonly right: number
  readonly top: number
  readonly bottom: number
}

/** The axes and the edges of a panel with curves. */
export interface FitPlotView extends HorizontalAxis {
  readonly atY: AxisPosition
  readonly box: PanelBox
}

const getColor = (i: number) => COLORS[i % COLORS.length]

/** Dots, at most one per pixel. A dot is drawn as a line of length 0 with round caps. Outliers are open circles. */
export function points(
  drawn: DrawnCurve,
  y: ArrayLike<number>,
  [atX, at]: readonly [AxisPosition, AxisPosition],
  i: number,
): string {
  const placesOf = (isMarked: boolean) =>
    drawn.x.flatMap((x, row) =>
      drawn.isOutlier[row] === isMarked && Number.isFinite(at(y[row]) + atX(x))
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
export function bars({ atX, atY, box }: FitPlotView, { x, y, bars }: DrawnCurve, i: number): string {
  if (bars === null) return ''
  const within = (value: number) => {
    const at = atY(value)
    return Math.round(Number.isNaN(at) ? box.bottom : Math.min(box.bottom, Math.max(box.top, at)))
  }
  const places = x.flatMap((x, row) =>
    Number.isFinite(atX(x) + atY(y[row]))
      ? [`M${Math.round(atX(x))} ${within(y[row] - bars[row])}V${within(y[row] + bars[row])}`]
      : [],
  )
  return `<path class="bars" stroke="${getColor(i)}" stroke-opacity=".6" d="${[...new Set(places)].join('')}"/>`
}

export function line({ atX, atY, box }: FitPlotView, { x, f }: FitCurve, i: number): string {
  const known = stretches(x.map((_, k) => Number.isFinite(atY(f[k]))))
  const paths = known.map((own) => own.flatMap((k) => [atX(x[k]), atY(f[k])]))
  const seen = paths
    .flatMap((path) => clip(path, [box.left, box.right, box.top, box.bottom]))
    .map((part) => simplify(part, 1))
  return `<path class="curve" fill="none" ${lineStyle(i)} stroke-width="1.8" stroke-linejoin="round" d="${pathData(seen)}"/>`
}

/** The confidence band: one polygon per range of x in which both limits are finite. */
export function band({ atX, atY, box }: FitPlotView, { x, low, high }: FitCurve, i: number): string {
  // Values at or below 0 lie below a logarithmic axis.
  const at = (k: number, y: number) => {
    const place = atY(y)
    return [atX(x[k]), Number.isNaN(place) ? box.bottom : Math.min(box.bottom, Math.max(box.top, place))]
  }
  const shapes = stretches(x.map((_, k) => Number.isFinite(low[k]) && Number.isFinite(high[k]))).map(
    (own) => [...own.flatMap((k) => at(k, high[k])), ...own.reverse().flatMap((k) => at(k, low[k]))],
  )
  const d = shapes.map((shape) => `${pathData([shape])}Z`).join('')
  return `<path class="band" fill="${getColor(i)}" fill-opacity=".16" d="${d}"/>`
}

/** The model's curve over the range of the data. */
export function computeCurve(
  { x, fit, column, others }: DrawnCurve,
  scale: AxisScale,
  count = 600,
): FitCurve {
  const [low, high] = computeRange(x.map(scale.position))
  const at = Array.from({ length: count }, (_, k) => scale.invert(low + ((high - low) * k) / (count - 1)))
  const columns = { ...mapRecord(others, (value) => at.map(() => value)), [column]: at }
  return { x: at, f: fit.predict(columns), ...fit.band(columns) }
}

/** The vertical range. The range contains all data, all error bars, and curves up to one data range beyond the data. */
export function computeView(
  all: readonly DrawnCurve[],
  curves: readonly FitCurve[],
  scale: AxisScale,
): AxisRange {
  const ends = ({ y, bars }: DrawnCurve) =>
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

/**
 * The lines of a legend: the name, all values with their errors, and the reason of a failed fit.
 *
 * @param width maximum number of characters of a line
 */
export function describeEstimates(name: string, fit: DrawableFit, width: number): string[] {
  const values = Object.entries(fit.values).map(
    ([name, x]) => `${name} = ${formatEstimate(x, fit.errors[name])}`,
  )
  const lines = wrapParts([...(name === '' ? [] : [name]), ...values], width)
  const end = fit.reason === 'converged' ? '' : ` (${fit.reason})`
  return lines.map((line, k) => (k === lines.length - 1 ? line + end : `${line},`))
}
