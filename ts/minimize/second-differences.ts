/**
 * Second derivatives by finite differences. The steps of the finite differences are fractions of standard errors, which
 * are the natural length scale at a minimum.
 */

import { type BoundsBox, clamp } from '../objectives/bounds.js'

type ValueFunction = (x: Float64Array) => number
export type GradientFunction = (x: Float64Array, out: Float64Array) => void

/** Step for differences of gradients, as a fraction of the standard error. */
const GRADIENT_STEP_FRACTION = 1e-4
/**
 * Step for second differences of values, as a fraction of the standard error. The step for values is longer than the
 * step for gradients, because second differences lose twice as many digits.
 */
const VALUE_STEP_FRACTION = 5e-3
/** The first trial step, relative to the parameter. */
const FIRST_STEP = 1e-3
/** The smallest trial step, relative to the parameter. With a smaller step, the rounding of the parameter dominates. */
const MIN_STEP = 1e-11
/** Maximum number of trial steps per parameter. */
const MAX_TRIALS = 40
/** Factor between consecutive trial steps while no curvature is known. */
const STEP_FACTOR = 16

export interface SecondDifferences {
  readonly hessian: Float64Array[]
  readonly gradient: Float64Array
}

/**
 * Computes central differences of the gradient if the objective has a gradient, otherwise of the values. Next to a
 * bound, the differences are one-sided.
 *
 * @param unit twice the increase of the value within one standard error: 1 for −log L
 */
export function secondDifferences(
  value: ValueFunction,
  gradient: GradientFunction | undefined,
  x: Float64Array,
  unit: number,
  box: BoundsBox | null,
): SecondDifferences {
  const part = (gradient === undefined ? VALUE_STEP_FRACTION : GRADIENT_STEP_FRACTION) * Math.sqrt(unit)
  return gradient === undefined
    ? differencesOfValues(value, new Neighborhood(x, box), part)
    : differencesOfGradients(gradient, new Neighborhood(x, box), part)
}

/** A point within bounds. The point can be moved along one or two parameters, and moved back. */
class Neighborhood {
  readonly point: Float64Array
  readonly x: Float64Array
  readonly #box: BoundsBox | null

  constructor(x: Float64Array, box: BoundsBox | null) {
    this.x = x
    this.point = x.slice()
    this.#box = box
  }

  /** Moves a parameter and returns its new value. */
  move(i: number, by: number): number {
    const to = this.x[i] + by
    this.point[i] = this.#box === null ? to : clamp(to, this.#box.min[i], this.#box.max[i])
    return this.point[i]
  }

  restore(i: number): void {
    this.point[i] = this.x[i]
  }
}

function differencesOfGradients(
  gradient: GradientFunction,
  near: Neighborhood,
  part: number,
): SecondDifferences {
  const { x, point } = near
  const [above, below] = [new Float64Array(x.length), new Float64Array(x.length)]
  /** Differences of the gradient between two points along a parameter. */
  const column = (i: number, step: number): Float64Array => {
    const right = near.move(i, step)
    gradient(point, above)
    const left = near.move(i, -step)
    gradient(point, below)
    near.restore(i)
    return above.map((g, j) => (g - below[j]) / (right - left))
  }
  const steps = x.map((xi, i) => chooseStep(xi, part, (step) => column(i, step)[i]))
  const columns = Array.from(x, (_, i) => column(i, steps[i]))
  const slopes = new Float64Array(x.length)
  gradient(point, slopes)
  return {
    gradient: slopes,
    hessian: columns.map((seconds, i) => seconds.map((second, j) => (second + columns[j][i]) / 2)),
  }
}

function differencesOfValues(value: ValueFunction, near: Neighborhood, part: number): SecondDifferences {
  const { x, point } = near
  const here = value(point)
  /** Slope and curvature along a parameter, from values at both sides of the point. */
  const along = (i: number, step: number): readonly [slope: number, curvature: number] => {
    const [right, more] = [near.move(i, step) - x[i], value(point)]
    const [left, less] = [x[i] - near.move(i, -step), value(point)]
    near.restore(i)
    const [up, down] = [(more - here) / right, (here - less) / left]
    return [(more - less) / (right + left), (2 * (up - down)) / (right + left)]
  }
  const steps = x.map((xi, i) => chooseStep(xi, part, (step) => along(i, step)[1]))
  const sides = Array.from(x, (_, i) => along(i, steps[i]))
  const hessian = sides.map(() => new Float64Array(x.length))
  for (let i = 0; i < x.length; i++) {
    hessian[i][i] = sides[i][1]
    for (let j = 0; j < i; j++) hessian[i][j] = hessian[j][i] = mixedDifference(value, near, steps, i, j)
  }
  return { gradient: Float64Array.from(sides, ([slope]) => slope), hessian }
}

/** The mixed second derivative with respect to two parameters. */
function mixedDifference(
  value: ValueFunction,
  near: Neighborhood,
  steps: Float64Array,
  i: number,
  j: number,
): number {
  const { point } = near
  const slope = (by: number) => {
    const right = near.move(j, steps[j])
    near.move(i, by)
    const more = value(point)
    const left = near.move(j, -steps[j])
    const less = value(point)
    near.restore(j)
    return (more - less) / (right - left)
  }
  const [up, down] = [slope(steps[i]), slope(-steps[i])]
  const width = near.move(i, steps[i]) - near.move(i, -steps[i])
  near.restore(i)
  return (up - down) / width
}

/** Chooses the step along a parameter as a fraction of the standard error that the curvature implies. */
function chooseStep(x: number, part: number, curvatureOf: (step: number) => number): number {
  let step = FIRST_STEP * (Math.abs(x) || 1)
  for (let trial = 0; trial < MAX_TRIALS; trial++) {
    const curvature = Math.abs(curvatureOf(step))
    // An infinite curvature means that the step has left the function's domain. A curvature of 0 means that the step
    // was too short to change the value.
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
