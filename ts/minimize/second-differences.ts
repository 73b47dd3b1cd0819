/** Second derivatives by differences, in steps that are parts of standard errors: those are what lengths mean here. */

import { type BoundsBox, clamp } from '../objectives/bounds.js'

type ValueFunction = (x: Float64Array) => number
export type GradientFunction = (x: Float64Array, out: Float64Array) => void

/** Step for differences of gradients, as a fraction of a standard error. */
const GRADIENT_STEP_FRACTION = 1e-4
/** The same for second differences of values, which lose twice as many digits. */
const VALUE_STEP_FRACTION = 5e-3
/** The first step, relative to the parameter. */
const FIRST_STEP = 1e-3
/** The least one, relative to the parameter: below it rounding of the parameter dominates. */
const MIN_STEP = 1e-11
/** Most steps that are tried. */
const MAX_TRIALS = 40
/** Factor from one trial step to the next where nothing is known yet. */
const STEP_FACTOR = 16

export interface SecondDifferences {
  readonly hessian: Float64Array[]
  readonly gradient: Float64Array
}

/**
 * Central differences of a gradient, or where there is none of values; next to a bound they are of one side.
 *
 * @param unit twice by how much the value grows within a standard error: of −log L it is 1
 */
export function secondDifferences(
  value: ValueFunction,
  gradient: GradientFunction | undefined,
  x: Float64Array,
  unit: number,
  box: BoundsBox | null,
): SecondDifferences {
  const n = x.length
  const point = x.slice()
  const [above, below] = [new Float64Array(n), new Float64Array(n)]
  const to = (i: number, by: number) => {
    point[i] = box === null ? x[i] + by : clamp(x[i] + by, box.min[i], box.max[i])
    return point[i]
  }
  const here = value(point)

  /** Of the gradient along a parameter. */
  const column = (i: number, step: number, gradientFunction: GradientFunction): Float64Array => {
    const right = to(i, step)
    gradientFunction(point, above)
    const left = to(i, -step)
    gradientFunction(point, below)
    point[i] = x[i]
    return above.map((g, j) => (g - below[j]) / (right - left))
  }
  /** Of values at both sides: the slope, and the curvature. */
  const along = (i: number, step: number): readonly [slope: number, curvature: number] => {
    const [right, more] = [to(i, step) - x[i], value(point)]
    const [left, less] = [x[i] - to(i, -step), value(point)]
    point[i] = x[i]
    const [up, down] = [(more - here) / right, (here - less) / left]
    return [(more - less) / (right + left), (2 * (up - down)) / (right + left)]
  }
  const part = gradient === undefined ? VALUE_STEP_FRACTION : GRADIENT_STEP_FRACTION
  const steps = x.map((xi, i) =>
    chooseStep(xi, part * Math.sqrt(unit), (step) =>
      gradient === undefined ? along(i, step)[1] : column(i, step, gradient)[i],
    ),
  )

  if (gradient !== undefined) {
    const columns = Array.from(x, (_, i) => column(i, steps[i], gradient))
    const slopes = new Float64Array(n)
    gradient(point, slopes)
    return {
      gradient: slopes,
      hessian: columns.map((seconds, i) => seconds.map((second, j) => (second + columns[j][i]) / 2)),
    }
  }
  const sides = Array.from(x, (_, i) => along(i, steps[i]))
  const mixed = (i: number, j: number): number => {
    if (i === j) return sides[i][1]
    const slope = (by: number) => {
      const right = to(j, steps[j])
      to(i, by)
      const more = value(point)
      const left = to(j, -steps[j])
      const less = value(point)
      point[j] = x[j]
      return (more - less) / (right - left)
    }
    const [up, down] = [slope(steps[i]), slope(-steps[i])]
    const width = to(i, steps[i]) - to(i, -steps[i])
    point[i] = x[i]
    return (up - down) / width
  }
  const hessian = sides.map(() => new Float64Array(n))
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) hessian[i][j] = hessian[j][i] = mixed(i, j)
  }
  return { gradient: Float64Array.from(sides, ([slope]) => slope), hessian }
}

/** The step that is a part of what its curvature says a standard error is. */
function chooseStep(x: number, part: number, curvatureOf: (step: number) => number): number {
  let step = FIRST_STEP * (Math.abs(x) || 1)
  for (let trial = 0; trial < MAX_TRIALS; trial++) {
    const curvature = Math.abs(curvatureOf(step))
    // Where it is not finite, a step has left where the function is; where it is 0, it has seen nothing.
    const wanted = !(curvature < Infinity)
      ? step / STEP_FACTOR
      : curvature === 0
        ? step * STEP_FACTOR
        : Math.max(part / Math.sqrt(curvature), MIN_STEP * Math.abs(x))
    if (wanted > step / 2 && wanted < step * 2) break
    if (!(wanted > 0 && wanted < 1e100)) break
    step = wanted
  }
  return step
}
