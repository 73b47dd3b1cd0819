/** A function sampled on a grid: heights for drawing, and contour levels. */

import { sampleGrid } from '../../dist/page.js'
import type { ObjectiveView } from './functions.js'

/** Grid points per side, an odd number. Phones use fewer, because their plots are small and their processors slow. */
export const GRID = globalThis.matchMedia?.('(max-width: 600px)').matches ? 121 : 217
/** Maximum and minimum number of contours. */
const LEVELS = { most: 26, least: 6 }
/** Distance between contours at the 75th percentile of the slopes, as a fraction of the view. */
const APART = 0.0102

/** Every how many values the quantiles of the values are measured. */
const SAMPLED = 4

/** Heights for drawing, from 0 for the lowest value in view to 1 for the highest. */
export interface HeightField {
  readonly landscape: ObjectiveView
  /** Heights at GRID × GRID points, row by row from y0 up. */
  readonly heights: Float64Array
  readonly heightOf: (value: number) => number
  /** The contours in ascending order, at rounded values if rounding moves the contours only a little. */
  readonly levels: readonly ContourHeight[]
  /** Rounded values for axis labels, with their heights. */
  readonly marks: readonly (readonly [value: number, height: number])[]
}

/** A contour: its value, its height, and whether it has a label. */
export interface ContourHeight {
  readonly value: number
  readonly height: number
  readonly isLabeled: boolean
}

export function sampleHeights(landscape: ObjectiveView): HeightField {
  const { objective, view, minima } = landscape
  const values = sampleGrid((point) => objective.value(point), view, GRID)
  const { heightOf, valueAt } = measure(
    values,
    minima.map((minimum) => objective.value(minimum)),
  )
  const heights = values.map(heightOf)
  const levels = computeLevels(countLevels({ heights }), heightOf, valueAt)
  return { landscape, heights, heightOf, levels, marks: computeMarks(heightOf, valueAt) }
}

/** Approximate number of contours with labels. */
const LABELED = 6

function computeLevels(
  count: number,
  heightOf: HeightField['heightOf'],
  valueAt: (height: number) => number,
): ContourHeight[] {
  const every = Math.max(1, Math.round(count / LABELED))
  return Array.from({ length: count }, (_, i) => {
    const height = (i + 0.5) / count
    const value = valueAt(height)
    const isNear = (x: number) => Math.abs(heightOf(x) - height) * count <= ASIDE
    const rounded = [1, 2, 3].map((digits) => Number(value.toPrecision(digits))).find(isNear)
    const isLabeled = rounded !== undefined && i % every === every >> 1
    return { value: rounded ?? value, height: rounded === undefined ? height : heightOf(rounded), isLabeled }
  })
}

/** Approximate number of axis labels. */
const MARKS = 5
/** Maximum displacement of a label by rounding, as a fraction of the distance between labels. */
const ASIDE = 0.25

function computeMarks(
  heightOf: HeightField['heightOf'],
  valueAt: (height: number) => number,
): HeightField['marks'] {
  const marks: [number, number][] = []
  for (let i = 0; i < MARKS; i++) {
    const height = i / (MARKS - 1)
    const value = valueAt(height)
    // Values outside the range would be drawn at its ends, so they are no valid labels.
    const isThere = (x: number) => x >= valueAt(0) && x <= valueAt(1)
    const isNear = (x: number) => isThere(x) && Math.abs(heightOf(x) - height) * (MARKS - 1) <= ASIDE
    const found = [1, 2, 3].map((digits) => Number(value.toPrecision(digits))).find(isNear) ?? value
    if (Number.isFinite(found)) marks.push([found, heightOf(found)])
  }
  return marks.filter(([value], i) => i === 0 || value !== marks[i - 1][0])
}

/**
 * The scale of heights and its inverse: logarithmic above the minimum, or linear if that shows more, as at a saddle.
 */
function measure(
  values: Float64Array,
  least: readonly number[],
): { heightOf: HeightField['heightOf']; valueAt: (height: number) => number } {
  const finite = values.filter(Number.isFinite)
  let [low, high] = [finite[0], finite[0]]
  for (const value of finite) {
    if (value < low) low = value
    if (value > high) high = value
  }
  const flat = { heightOf: () => 0, valueAt: () => low ?? NaN }
  if (finite.length === 0) return flat
  // A sample is sorted faster and has nearly the same quantiles.
  const sorted = finite.filter((_, i) => i % SAMPLED === 0).sort()
  const quantile = (q: number) => sorted[Math.floor(q * (sorted.length - 1))]
  const floor = Math.min(low, ...least)
  const range = high - floor
  if (!(range > 0)) return flat
  const isEven = least.length === 0 && range < 8 * (quantile(0.5) - floor)
  // The value at which the scale becomes logarithmic: lower than most of the view, but above the bottom of the minimum.
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

/** The number of distinguishable contours. A function with many hills gets few. Every second cell is measured. */
export function countLevels({ heights }: Pick<HeightField, 'heights'>): number {
  const side = (GRID - 1) / 2
  const slopes = new Float64Array(side * side)
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      const at = 2 * (row * GRID + column)
      const [dx, dy] = [heights[at + 1] - heights[at], heights[at + GRID] - heights[at]]
      const slope = Math.sqrt(dx * dx + dy * dy)
      slopes[row * side + column] = Number.isNaN(slope) ? 0 : slope
    }
  }
  const steep = slopes.sort()[Math.floor(0.75 * slopes.length)]
  return Math.max(LEVELS.least, Math.min(LEVELS.most, Math.floor(1 / (APART * (GRID - 1) * steep))))
}
