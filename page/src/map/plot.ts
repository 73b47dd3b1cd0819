/** Geometry and drawing that the map and the plot of basins share: box, axes, stars and colors. */

import type { Point, View } from 'antigrad'
import { ticks } from 'd3-array'
import { axisMarks, type ContourLevel, starCorners, toFractions } from '../../../dist/page.js'
import { formatNumber, roundForRange } from '../dom.js'
import { theme } from '../theme.js'

const MARGIN = { left: 38, right: 8, top: 8, bottom: 24 }

/** The box of the plot in an element of the given size. */
export const computePlotBox = (width: number, height: number) => ({
  left: MARGIN.left,
  top: MARGIN.top,
  width: Math.max(1, width - MARGIN.left - MARGIN.right),
  height: Math.max(1, height - MARGIN.top - MARGIN.bottom),
})
export type PlotBox = ReturnType<typeof computePlotBox>

/**
 * Keeps a canvas in main memory. Browsers that emulate a graphics card otherwise draw a few lines at half the speed
 * (WebKit: 20 to 37 instead of 55 frames per second).
 */
const PLAIN = { willReadFrequently: true } as const
export const readableContext = (canvas: HTMLCanvasElement) =>
  canvas.getContext('2d', PLAIN) as CanvasRenderingContext2D

/** Limits a coordinate to the range that a canvas can draw. */
export const within = (x: number, limit: number) =>
  Number.isNaN(x) ? limit : Math.min(limit, Math.max(-limit, x))

const fraction = (x: number) => Math.min(1, Math.max(0, x))

/** The point at the given fractions of a view's width and of its height, measured from the top. */
export function computePoint([x0, x1, y0, y1]: View, u: number, v: number): Point {
  const [x, y] = [x0 + fraction(u) * (x1 - x0), y1 - fraction(v) * (y1 - y0)]
  return [roundForRange(x, x1 - x0), roundForRange(y, y1 - y0)]
}

/** The rectangle of bounds in pixels, cut off a little outside of the plot. */
export function computeRectangle(box: PlotBox, [minX, maxX, minY, maxY]: View, view: View): PlotBox {
  const [[u0, v0], [u1, v1]] = [toFractions([minX, minY], view), toFractions([maxX, maxY], view)]
  const limit = (x: number) => Math.min(1.1, Math.max(-0.1, x))
  const [left, right] = [u0, u1].map((u) => box.left + box.width * limit(u))
  const [bottom, top] = [v0, v1].map((v) => box.top + box.height * (1 - limit(v)))
  return { left, top, width: right - left, height: bottom - top }
}

/** Draws a frame with numbers along its axes. */
export function drawAxes(context: CanvasRenderingContext2D, box: PlotBox, view: View): void {
  const { left, top, width, height } = box
  const { grid, muted } = theme()
  context.lineWidth = 1
  context.strokeStyle = grid
  context.strokeRect(left + 0.5, top + 0.5, width - 1, height - 1)
  context.fillStyle = muted
  context.font = '12px system-ui, sans-serif'
  context.textAlign = 'center'
  context.textBaseline = 'top'
  const [xs, ys] = axisMarks(ticks, view)
  for (const { value, at } of xs) {
    const x = left + width * at
    if (x > left + width - 12) context.textAlign = 'right'
    context.fillText(formatNumber(value), Math.min(x, left + width), top + height + 7)
  }
  context.textAlign = 'right'
  context.textBaseline = 'middle'
  for (const { value, at } of ys) {
    context.fillText(formatNumber(value), left - 6, Math.max(top + height * (1 - at), top + 6))
  }
}

/** Yields the corners of a level's rings, in pixels. */
export function* generateCorners(
  { left, top, width, height }: PlotBox,
  rings: ContourLevel['rings'],
): Generator<[x: number, y: number, isFirst: boolean]> {
  for (const ring of rings) {
    for (const [i, [u, v]] of ring.entries()) yield [left + width * u, top + height * (1 - v), i === 0]
  }
}

export function mixColors(low: string, high: string, part: number): string {
  const [from, to] = [low, high].map((hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)))
  return `rgb(${from.map((x, i) => Math.round(x + part * (to[i] - x))).join(' ')})`
}

/** The corners of a star around a point. */
export const makeStar = (x: number, y: number): Point[] => starCorners(x, y, 17, 7)

export function drawStar(context: CanvasRenderingContext2D, x: number, y: number): void {
  context.beginPath()
  for (const corner of makeStar(x, y)) context.lineTo(...corner)
  context.closePath()
  context.fillStyle = theme().star
  context.strokeStyle = theme().surface
  context.lineWidth = 3
  context.lineJoin = 'round'
  context.stroke()
  context.fill()
}
