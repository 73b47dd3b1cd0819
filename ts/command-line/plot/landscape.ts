/** What there is to see of an objective in two dimensions: heights on a grid, and levels. */

import { extent } from 'd3-array'
import { OptionError } from '../../core/errors.js'
import type { Point, TestObjective, View } from '../../objectives/index.js'
import { isInside, sampleGrid } from '../../plots/view.js'

export interface Landscape {
  readonly view: View
  readonly minima: readonly Point[]
  /** F's value where height is 0: the minimum, or 0 where there is none. */
  readonly base: number
  /** Values of F at equal steps of its logarithm from the base; below it too if F goes there. */
  readonly levels: readonly number[]
  /** F on a scale that is logarithmic but close to the base: 0 there, 1 at the largest |F − base|. */
  height(value: number): number
  /** Heights row by row, x the faster, at `size` × `size` points, the view's edges included. */
  grid(size: number): Float64Array
  /** The least and the largest height in the view. */
  readonly heights: readonly [number, number]
}

/** Levels reach down to this part of the largest value. */
const DEPTH = 1e-4
const LEVELS = 25
/** Heights are logarithmic down to this part of it: a surface with all of the depth is a chasm. */
const KNEE = 1e-2
/** Enough for the extremes. */
const SIZE = 241

/**
 * An objective as seen from its `view`, which is made as large as it must be for a point, usually
 * where paths start, to be in it.
 */
export function landscape(objective: TestObjective, shown: Point = objective.start): Landscape {
  const minima = objective.minima(2).map(([x, y]): Point => [x, y])
  const view = widened(objective.view, shown)
  const values = sampleGrid(objective.value, view, SIZE)
  const base = minima.length > 0 ? objective.value(minima[0]) : 0
  const [low, high] = (extent(values) as [number, number]).map((value) => value - base)
  const largest = Math.max(high, -low)
  if (!(largest > 0 && largest < Infinity && values.every(Number.isFinite))) {
    throw new OptionError('start', 'a point around which the function can be drawn', shown.join(','))
  }
  const ups = Array.from({ length: LEVELS }, (_, i) => largest * DEPTH ** (1 - i / LEVELS))
  // Without a bottom to look at, fewer do, on both sides.
  const all = low < 0 ? ups.filter((up) => up > KNEE * largest).flatMap((up) => [-up, up]) : ups
  const knee = KNEE * largest
  const height = (value: number) => {
    const above = value - base
    return (Math.sign(above) * Math.log1p(Math.abs(above) / knee)) / Math.log1p(1 / KNEE)
  }
  return {
    view,
    minima: minima.filter((point) => isInside(point, view)),
    base,
    levels: all
      .filter((above) => above > low && above < high)
      .map((above) => base + above)
      .sort((a, b) => a - b),
    height,
    grid: (size) => sampleGrid(objective.value, view, size).map(height),
    heights: [height(low + base), height(high + base)],
  }
}

/** The view, or the smallest around it and the point with some room at the edge. */
function widened(view: View, [x, y]: Point): View {
  if (isInside([x, y], view)) return view
  const [x0, x1, y0, y1] = view
  const [left, right, bottom, top] = [Math.min(x0, x), Math.max(x1, x), Math.min(y0, y), Math.max(y1, y)]
  const [roomX, roomY] = [0.05 * (right - left), 0.05 * (top - bottom)]
  return [
    x < x0 ? left - roomX : left,
    x > x1 ? right + roomX : right,
    y < y0 ? bottom - roomY : bottom,
    y > y1 ? top + roomY : top,
  ]
}
