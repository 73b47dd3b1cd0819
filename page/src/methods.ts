/** L-BFGS and Newton, and functions with exact second derivatives. This module is loaded on demand. */

import { expression, lbfgs, minimize, newton, type Objective, type Point, type View } from 'antigrad'
import { setMethods } from './rules.js'

/** Makes the methods available to `build`. */
export const readMethods = (): void => setMethods({ lbfgs, newton })

/** An objective in x and y whose second derivatives are exact. The order of the parameters is x, y. */
export interface SmoothObjective extends Required<Objective> {
  hessian(x: ArrayLike<number>, out: { [i: number]: number }): void
}

/** Converts the text of an expression in x and y to an objective. */
export function differentiable(text: string): SmoothObjective {
  const found = expression(text)
  // The parameters of an expression are in the order of their appearance.
  const order = ['x', 'y'].map((name) => found.parameters.indexOf(name))
  if (order[0] === 0) return found as unknown as SmoothObjective
  const at = (x: ArrayLike<number>) => [x[1], x[0]]
  const [gradient, hessian] = [new Float64Array(2), new Float64Array(4)]
  return {
    value: (x) => found.value(at(x)),
    gradient(x, out) {
      found.gradient(at(x), gradient)
      for (const i of [0, 1]) out[i] = gradient[1 - i]
    },
    hessian(x, out) {
      found.hessian(at(x), hessian)
      for (const i of [0, 1, 2, 3]) out[i] = hessian[3 - i]
    },
  }
}

/** Grid points per side of the box in which the search for its minimum begins. */
const SIDE = 101

/** Finds the lowest point of a box: the lowest point of a grid, refined by L-BFGS within the bounds. */
export function findMinimumIn(objective: Required<Objective>, [x0, x1, y0, y1]: View): Point {
  let [lowest, start]: [number, Point] = [Infinity, [x0, y0]]
  for (let row = 0; row < SIDE; row++) {
    for (let column = 0; column < SIDE; column++) {
      const at: Point = [x0 + ((x1 - x0) * column) / (SIDE - 1), y0 + ((y1 - y0) * row) / (SIDE - 1)]
      const value = objective.value(at)
      if (value < lowest) [lowest, start] = [value, at]
    }
  }
  const bounds = [
    [x0, x1],
    [y0, y1],
  ] as const
  const { x, value } = minimize(objective, start, lbfgs(), { bounds })
  return value <= lowest ? [x[0], x[1]] : start
}
