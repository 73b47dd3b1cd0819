/** A landscape measured on a grid: how high each place is drawn, and at which levels its contours lie. */

import type { Landscape } from './functions.js'

/** Points of the grid in each direction. */
export const GRID = 217
/** Contours at most, and at least. */
const LEVELS = { most: 26, least: 6 }
/** Places of the grid that two contours are apart, where the slope is steeper than in three quarters of the view. */
const APART = 2.2

/** The pictures' measure of a value, from 0, the lowest in view, to 1, the highest. */
export interface Terrain {
  readonly landscape: Landscape
  /** Heights by row from y0 up, of GRID × GRID places. */
  readonly heights: Float64Array
  readonly heightOf: (value: number) => number
}

export function survey(landscape: Landscape): Terrain {
  const { objective, view, minima } = landscape
  const [x0, x1, y0, y1] = view
  const values = new Float64Array(GRID * GRID)
  for (let row = 0; row < GRID; row++) {
    for (let column = 0; column < GRID; column++) {
      const x = x0 + ((x1 - x0) * column) / (GRID - 1)
      const y = y0 + ((y1 - y0) * row) / (GRID - 1)
      values[row * GRID + column] = objective.value([x, y])
    }
  }
  const heightOf = measure(
    values,
    minima.map((minimum) => objective.value(minimum)),
  )
  return { landscape, heights: values.map(heightOf), heightOf }
}

/** Logarithmic above the minimum, or linear where that would tell nothing, as at a saddle. */
function measure(values: Float64Array, least: readonly number[]): Terrain['heightOf'] {
  const sorted = values.filter(Number.isFinite).sort()
  if (sorted.length === 0) return () => 0
  const quantile = (q: number) => sorted[Math.floor(q * (sorted.length - 1))]
  const floor = Math.min(quantile(0), ...least)
  const range = quantile(1) - floor
  if (!(range > 0)) return () => 0
  const isEven = least.length === 0 && range < 8 * (quantile(0.5) - floor)
  // Where the logarithm begins: below most of the view, above the minimum's own immediate surroundings.
  const unit = isEven ? Infinity : Math.max(quantile(0.06) - floor, range * 1e-6)
  const whole = Math.log1p(range / unit)
  return (value) => {
    if (Number.isNaN(value)) return NaN
    const above = Math.min(range, Math.max(0, value - floor))
    return isEven ? above / range : Math.log1p(above / unit) / whole
  }
}

/** As many contours as can be told apart: a function with many hills has few. */
export function levelsOf({ heights }: Terrain): number {
  const slopes = new Float64Array((GRID - 1) * (GRID - 1))
  for (let row = 0; row < GRID - 1; row++) {
    for (let column = 0; column < GRID - 1; column++) {
      const at = row * GRID + column
      const slope = Math.hypot(heights[at + 1] - heights[at], heights[at + GRID] - heights[at])
      slopes[row * (GRID - 1) + column] = Number.isNaN(slope) ? 0 : slope
    }
  }
  const steep = slopes.sort()[Math.floor(0.75 * slopes.length)]
  return Math.max(LEVELS.least, Math.min(LEVELS.most, Math.floor(1 / (APART * steep))))
}
