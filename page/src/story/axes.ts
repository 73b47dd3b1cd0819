/** Positions in a figure, and the colors of the map's heights. */

import type { View } from 'antigrad'
import type { Scene } from './step.js'

export type Corner = readonly [x: number, y: number]

/** Limit of pixel positions, because a canvas cannot draw points that are infinitely far away. */
const MAX_PIXEL = 1e5
const limit = (x: number) => (Number.isNaN(x) ? MAX_PIXEL : Math.min(MAX_PIXEL, Math.max(-MAX_PIXEL, x)))

/** The position of a point of a run, in pixels. A point of one parameter lies on the curve of the function. */
export function toPixel(
  { objective, view }: Scene,
  point: readonly number[],
  width: number,
  height: number,
): Corner {
  const [x, y] = point.length === 1 ? [point[0], objective.value(point)] : point
  const [x0, x1, y0, y1] = view
  return [limit((width * (x - x0)) / (x1 - x0)), limit((height * (y1 - y)) / (y1 - y0))]
}

/** The point at fractions of a view, rounded to a thousandth of the view. */
export function toPoint([x0, x1, y0, y1]: View, u: number, v: number): Corner {
  const part = (fraction: number) => Math.round(1000 * Math.min(1, Math.max(0, fraction))) / 1000
  const round = (x: number) => Number(x.toFixed(3))
  return [round(x0 + part(u) * (x1 - x0)), round(y1 - part(v) * (y1 - y0))]
}

/** Number of bands of equal color. */
export const BANDS = 12

/** The band of each cell of a map, row by row from the top: 0 is the lowest. */
export const computeBands = (scene: Scene, width: number, height: number): Uint8Array =>
  Uint8Array.from(computeHeights(scene, width, height), (height) => Math.min(BANDS - 1, height))

/** The height of each cell in bands, from 0 for the lowest cell to `BANDS` for the highest, row by row from the top. */
export function computeHeights({ objective, view }: Scene, width: number, height: number): Float64Array {
  const [x0, x1, y0, y1] = view
  const heights = new Float64Array(width * height)
  const point = [0, 0]
  let [low, high] = [Infinity, -Infinity]
  for (let row = 0; row < height; row++) {
    point[1] = y1 - ((row + 0.5) / height) * (y1 - y0)
    for (let column = 0; column < width; column++) {
      point[0] = x0 + ((column + 0.5) / width) * (x1 - x0)
      const value = objective.value(point)
      heights[row * width + column] = value
      low = Math.min(low, value)
      high = Math.max(high, value)
    }
  }
  // Heights are spaced logarithmically, so that the floor of a valley has several bands too.
  const unit = (high - low) / 2000
  const scale = BANDS / Math.log1p((high - low) / unit)
  return heights.map((value) => scale * Math.log1p((value - low) / unit))
}

/** Mixes two colors that are six hexadecimal digits after a #. */
export function mixColors(low: string, high: string, part: number): readonly [number, number, number] {
  const channel = (at: number) => {
    const [from, to] = [low, high].map((hex) => Number.parseInt(hex.slice(at, at + 2), 16))
    return Math.round(from + part * (to - from))
  }
  return [channel(1), channel(3), channel(5)]
}
