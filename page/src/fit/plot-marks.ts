/** Points, error bars, lines and bands as SVG paths. */

import type { PlotAxis } from './plot-axes.js'
import { px } from './svg.js'

/** Number of points from which dots are placed on whole pixels, so that a path stays short. */
const MANY = 2000

/** Dots as an SVG path. Each pixel position is drawn once. */
export function points(x: ArrayLike<number>, y: ArrayLike<number>, across: PlotAxis, up: PlotAxis): string {
  const places = new Set<string>()
  const round = x.length > MANY ? Math.round : px
  for (let i = 0; i < x.length; i++) {
    const [left, top] = [across.place(x[i]), up.place(y[i])]
    if (Number.isFinite(left + top)) places.add(`M${round(px(left))} ${round(px(top))}h0`)
  }
  return [...places].join('')
}

/** Open circles as an SVG path. */
export function circles(x: ArrayLike<number>, y: ArrayLike<number>, across: PlotAxis, up: PlotAxis): string {
  return Array.from(x, (at, i) => {
    const [left, top] = [across.place(at), up.place(y[i])]
    return Number.isFinite(left + top) ? `M${px(left - 4)} ${px(top)}a4 4 0 1 0 8 0a4 4 0 1 0 -8 0` : ''
  }).join('')
}

interface BandEnds {
  readonly x: ArrayLike<number>
  readonly low: ArrayLike<number>
  readonly high: ArrayLike<number>
}

/** Position of the end of an error bar or band. Values without a logarithm are placed far below the plot. */
function endOn(up: PlotAxis, value: number): number {
  const top = up.place(value)
  return px(Number.isNaN(top) ? 1e5 : top)
}

export function bar(
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
export function path(x: ArrayLike<number>, y: ArrayLike<number>, across: PlotAxis, up: PlotAxis): string {
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

export function band({ x, low, high }: BandEnds, across: PlotAxis, up: PlotAxis): string {
  const known = Array.from(x, (_, i) => i).filter((i) => Number.isFinite(low[i]) && Number.isFinite(high[i]))
  if (known.length === 0) return ''
  const end = (value: number) => endOn(up, value)
  const place = (i: number, values: ArrayLike<number>) => `${px(across.place(x[i]))} ${end(values[i])}`
  const there = known.map((i) => place(i, low))
  const back = known.reverse().map((i) => place(i, high))
  return `M${[...there, ...back].join('L')}Z`
}
