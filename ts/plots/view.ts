/** A view of a function of two variables: relative coordinates, a grid of samples, and axis ticks. */

import type { Point, View } from '../objectives/index.js'

/** Position of a point relative to the lower left corner of the view. Coordinates within the view are from 0 to 1. */
export function toFractions([x, y]: Point, [x0, x1, y0, y1]: View): Point {
  return [(x - x0) / (x1 - x0), (y - y0) / (y1 - y0)]
}

export const isInside = ([x, y]: Point, [x0, x1, y0, y1]: View): boolean =>
  x >= x0 && x <= x1 && y >= y0 && y <= y1

/**
 * Values of the function at `size` × `size` points, including the edges of the view. The values are stored row by row,
 * and x varies fastest.
 */
export function sampleGrid(value: (point: Point) => number, view: View, size: number): Float64Array {
  const [x0, x1, y0, y1] = view
  const at = (from: number, to: number, i: number) => from + ((to - from) * i) / (size - 1)
  const values = new Float64Array(size * size)
  for (let row = 0; row < size; row++) {
    const y = at(y0, y1, row)
    for (let column = 0; column < size; column++) values[row * size + column] = value([at(x0, x1, column), y])
  }
  return values
}

/** A tick of an axis: its value, and its position as a fraction of the axis length. */
export interface AxisMark {
  readonly value: number
  readonly at: number
}

/** Ticks of the x axis and ticks of the y axis. */
export function axisMarks(
  ticks: (low: number, high: number, count: number) => number[],
  [x0, x1, y0, y1]: View,
): readonly [x: readonly AxisMark[], y: readonly AxisMark[]] {
  const along = (from: number, to: number) =>
    ticks(from, to, 5).map((value) => ({ value, at: (value - from) / (to - from) }))
  return [along(x0, x1), along(y0, y1)]
}
