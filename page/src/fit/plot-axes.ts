/** The axes of the plot: their ranges, ticks and grid. */

import { type AxisScale, makeScales } from '../../../dist/page.js'
import { formatNumber } from '../dom.js'
import { px, s } from './svg.js'

/** About `count` multiples of 1, 2 or 5 times a power of ten, whichever step is nearest on a logarithmic scale. */
function ticks(low: number, high: number, count: number): number[] {
  const size = (high - low) / count
  if (!(size > 0 && size < Infinity)) return [low]
  const power = 10 ** Math.floor(Math.log10(size))
  const ratio = size / power
  const step =
    power * (ratio >= Math.sqrt(50) ? 10 : ratio >= Math.sqrt(10) ? 5 : ratio >= Math.sqrt(2) ? 2 : 1)
  const [first, last] = [Math.ceil(low / step), Math.floor(high / step)]
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, k) =>
    Number(((first + k) * step).toPrecision(12)),
  )
}

export const getScale = makeScales(ticks)

/** The values of a curve and its band. */
interface CurveRange {
  readonly y: ArrayLike<number>
  readonly low: ArrayLike<number>
  readonly high: ArrayLike<number>
}

export interface PlotAxis {
  /** Ends of the axis: values, or their logarithms on a logarithmic axis. */
  readonly from: number
  readonly to: number
  readonly scale: AxisScale
  /** Position of a value in pixels; NaN if the axis cannot show the value. */
  place(value: number): number
}

export function axis(
  [from, to]: readonly [number, number],
  start: number,
  end: number,
  scale: AxisScale,
): PlotAxis {
  return {
    from,
    to,
    scale,
    place: (value) => start + ((scale.position(value) - from) / (to - from)) * (end - start),
  }
}

/** Largest magnitude of an end of an axis, whose length must be finite. */
const MAX_END = 7e307

export const span = (values: ArrayLike<number>): [number, number] => {
  let [from, to] = [Infinity, -Infinity]
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i])) continue
    from = Math.min(from, values[i])
    to = Math.max(to, values[i])
  }
  if (from > to) return [0, 1]
  return [Math.max(from, -MAX_END), Math.min(to, MAX_END)]
}

export function padded([from, to]: readonly [number, number], part: number): [number, number] {
  const room = part * (to - from) || Math.abs(from) / 10 || 1
  return [from - room, to + room]
}

/** The vertical range of the data and of the curve. The curve extends the range by at most half of it on each side. */
export function heights(
  y: ArrayLike<number>,
  sigma: ArrayLike<number> | undefined,
  curve: CurveRange | null,
  scale: AxisScale,
): [number, number] {
  const ends = [-1, 1].flatMap((side) => Array.from(y, (value, row) => value + side * (sigma?.[row] ?? 0)))
  const [from, to] = span([...ends, ...Array.from(y)].map(scale.position))
  if (!curve) return [from, to]
  const [low, high] = span(
    [...Array.from(curve.low), ...Array.from(curve.high), ...Array.from(curve.y)].map(scale.position),
  )
  const most = (to - from) / 2
  return [Math.min(from, Math.max(low, from - most)), Math.max(to, Math.min(high, to + most))]
}

/** At most `most` ticks: the powers of ten among them, or every second one, every third one and so on. */
function thin(all: readonly number[], most: number): readonly number[] {
  if (all.length <= most) return all
  const powers = all.filter((x) => /^1e/.test(x.toExponential()))
  const some = powers.length >= 2 ? powers : all
  return some.filter((_, i) => i % Math.ceil(some.length / most) === 0)
}

export function frame(
  across: PlotAxis,
  up: PlotAxis,
  { grid, muted, hasLabels }: { grid: string; muted: string; hasLabels: boolean },
) {
  const [left, right, bottom, top] = [across.from, across.to, up.from, up.to].map((end, i) => {
    const { scale, place } = i < 2 ? across : up
    return place(scale.invert(end))
  })
  const most = Math.max(3, Math.round((right - left) / 80))
  const xs = thin(across.scale.ticks(across.from, across.to, most), 2 * most)
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

export const sideways = (text: string, y: number) =>
  s('text', { transform: `translate(14 ${y}) rotate(-90)`, 'text-anchor': 'middle' }, text)
