/** The drawable form of a two-dimensional objective: heights on a grid, and contour levels. */

import { extent } from 'd3-array'
import { OptionError } from '../../core/errors.js'
import type { Point, TestObjective, View } from '../../objectives/index.js'
import { isInside, sampleGrid } from '../../plots/view.js'

export interface Landscape {
  readonly view: View
  readonly minima: readonly Point[]
  /** The value of F at height 0: the minimum of F, or 0 if F has no minimum. */
  readonly base: number
  /** Values of F at equal logarithmic distances from `base`, on both sides if F has values below `base`. */
  readonly levels: readonly number[]
  /** F on a scale that is linear near `base` and logarithmic elsewhere: 0 at `base`, 1 at the largest |F − base|. */
  height(value: number): number
  /** Heights at `size` × `size` points including the edges of the view, in row-major order (x varies fastest). */
  grid(size: number): Float64Array
  /** The smallest and the largest height in the view. */
  readonly heights: readonly [number, number]
}

/** The lowest level, as a fraction of the largest value. */
const DEPTH = 1e-4
const LEVELS = 25
/**
 * Heights below this fraction of the largest value are on a linear scale. Without the linear range, the surface would
 * be a deep chasm.
 */
const KNEE = 1e-2
/** Points per side of the grid for the search of the extreme values. */
const SIZE = 241

/**
 * The landscape of an objective in its `view`. If necessary, the view is enlarged to contain a point, usually the start
 * of the paths.
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
  // If F has values below the base, each side of the base has fewer levels.
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

/** The view, enlarged only as far as necessary to contain the point with a margin. */
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
