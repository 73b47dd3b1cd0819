/** A landscape measured on a grid: how high each place is drawn, and at which levels its contours lie. */

import { sampleGrid } from '../../dist/plots/view.js'
import type { ObjectiveView } from './functions.js'

/** Points of the grid in each direction, odd: a phone's picture is small, and its processor slow. */
export const GRID = globalThis.matchMedia?.('(max-width: 600px)').matches ? 121 : 217
/** Contours at most, and at least. */
const LEVELS = { most: 26, least: 6 }
/** The part of the view that two contours are apart, where the slope is steeper than in three quarters of it. */
const APART = 0.0102

/** The pictures' measure of a value, from 0, the lowest in view, to 1, the highest. */
export interface HeightField {
  readonly landscape: ObjectiveView
  /** Heights by row from y0 up, of GRID × GRID places. */
  readonly heights: Float64Array
  readonly heightOf: (value: number) => number
  /** Values to be written beside heights, with few digits, and the heights. */
  readonly marks: readonly (readonly [value: number, height: number])[]
}

export function sampleHeights(landscape: ObjectiveView): HeightField {
  const { objective, view, minima } = landscape
  const values = sampleGrid((point) => objective.value(point), view, GRID)
  const { heightOf, valueAt } = measure(
    values,
    minima.map((minimum) => objective.value(minimum)),
  )
  return { landscape, heights: values.map(heightOf), heightOf, marks: computeMarks(heightOf, valueAt) }
}

/** About so many values along the heights. */
const MARKS = 5
/** How far a mark may be from where it should be, as a part of the way to the next one. */
const ASIDE = 0.25

function computeMarks(
  heightOf: HeightField['heightOf'],
  valueAt: (height: number) => number,
): HeightField['marks'] {
  const marks: [number, number][] = []
  for (let i = 0; i < MARKS; i++) {
    const height = i / (MARKS - 1)
    const value = valueAt(height)
    // What is beyond an end is drawn at it, and has a value that is not there.
    const isThere = (x: number) => x >= valueAt(0) && x <= valueAt(1)
    const isNear = (x: number) => isThere(x) && Math.abs(heightOf(x) - height) * (MARKS - 1) <= ASIDE
    const found = [1, 2, 3].map((digits) => Number(value.toPrecision(digits))).find(isNear) ?? value
    if (Number.isFinite(found)) marks.push([found, heightOf(found)])
  }
  return marks.filter(([value], i) => i === 0 || value !== marks[i - 1][0])
}

/** Logarithmic above the minimum, or linear where that would tell nothing, as at a saddle; and the way back. */
function measure(
  values: Float64Array,
  least: readonly number[],
): { heightOf: HeightField['heightOf']; valueAt: (height: number) => number } {
  const sorted = values.filter(Number.isFinite).sort()
  const flat = { heightOf: () => 0, valueAt: () => sorted[0] ?? NaN }
  if (sorted.length === 0) return flat
  const quantile = (q: number) => sorted[Math.floor(q * (sorted.length - 1))]
  const floor = Math.min(quantile(0), ...least)
  const range = quantile(1) - floor
  if (!(range > 0)) return flat
  const isEven = least.length === 0 && range < 8 * (quantile(0.5) - floor)
  // Where the logarithm begins: below most of the view, above the minimum's own immediate surroundings.
  const unit = isEven ? Infinity : Math.max(quantile(0.06) - floor, range * 1e-6)
  const whole = Math.log1p(range / unit)
  const heightOf = (value: number) => {
    if (Number.isNaN(value)) return NaN
    const above = Math.min(range, Math.max(0, value - floor))
    return isEven ? above / range : Math.log1p(above / unit) / whole
  }
  return {
    heightOf,
    valueAt: (height) => floor + (isEven ? height * range : unit * Math.expm1(height * whole)),
  }
}

/** As many contours as can be told apart: a function with many hills has few. */
export function countLevels({ heights }: HeightField): number {
  const slopes = new Float64Array((GRID - 1) * (GRID - 1))
  for (let row = 0; row < GRID - 1; row++) {
    for (let column = 0; column < GRID - 1; column++) {
      const at = row * GRID + column
      const slope = Math.hypot(heights[at + 1] - heights[at], heights[at + GRID] - heights[at])
      slopes[row * (GRID - 1) + column] = Number.isNaN(slope) ? 0 : slope
    }
  }
  const steep = slopes.sort()[Math.floor(0.75 * slopes.length)]
  return Math.max(LEVELS.least, Math.min(LEVELS.most, Math.floor(1 / (APART * (GRID - 1) * steep))))
}
