/** How a ray goes on from a point: by parameters themselves, or by what is derived from them. */

import type { Builder } from '../expressions/differentiate.js'
import { dot, inTriangle, product, triangle } from './linear.js'
import type { Problem } from './problem.js'

/** A point, half the gradient of χ² and its matrix there. */
export interface Here {
  readonly best: readonly number[]
  readonly gradient: readonly number[]
  readonly matrix: readonly number[]
}

/** How a ray goes on from a point. */
export interface Course extends Omit<Here, 'best'> {
  /** What parameters do that do not follow, by a step of 1: 0 for others. */
  readonly direction: readonly number[]
  /** How the gradient by others changes with such a step. */
  readonly along: readonly number[]
  /** Whether bounds hold all that could move. */
  readonly isHeld: number
  /** What those that do not follow make up for, where others move. */
  back(others: readonly number[]): number
}

/** Some parameters move by themselves. */
export function straightOn(b: Builder, { gradient, matrix }: Here, direction: readonly number[]): Course {
  const along = product(b, matrix, direction)
  return { gradient, matrix, direction, along, isHeld: b.zero, back: () => b.zero }
}

/**
 * What is derived moves by the parameter that moves it most, in units of what χ² allows; and that one makes up for what
 * others do to it, so that gradient and matrix are those along its level.
 *
 * @param slopes its derivatives
 * @param goesOut whether it is to go on: then nothing moves it that a bound holds
 */
export function alongDerived(
  b: Builder,
  { min, max }: Problem,
  { best, gradient, matrix }: Here,
  slopes: readonly number[],
  sign: number,
  goesOut: number,
): Course {
  const size = best.length
  const scores = slopes.map((slope, i) => {
    const out = b.multiply(sign, slope)
    const atMax = b.multiply(
      b.operation('lessOrEqual', b.constant(max[i]), best[i]),
      b.operation('less', b.zero, out),
    )
    const atMin = b.multiply(
      b.operation('lessOrEqual', best[i], b.constant(min[i])),
      b.operation('less', out, b.zero),
    )
    const square = b.divide(b.multiply(slope, slope), matrix[inTriangle(i, i)])
    return b.select(
      b.multiply(slope, b.subtract(b.one, b.multiply(goesOut, b.operation('max', atMax, atMin)))),
      square,
      b.zero,
    )
  })
  const top = scores.reduce((most, score) => b.operation('max', most, score))
  const first: number[] = []
  for (const score of scores) {
    const isTaken = first.reduce((any, is) => b.operation('max', any, is), b.zero)
    first.push(b.multiply(b.operation('equal', score, top), b.subtract(b.one, isTaken)))
  }
  const isHeld = b.operation('equal', top, b.zero)
  const ofFirst = (nodes: readonly number[]) => dot(b, first, nodes)
  const slope = ofFirst(slopes)
  const direction = first.map((is) => b.select(is, b.divide(sign, slope), b.zero))
  const ratios = slopes.map((other, i) => b.select(first[i], b.zero, b.divide(other, slope)))
  const row = product(b, matrix, first)
  const own = ofFirst(row)
  const along = product(b, matrix, direction)
  return {
    ...{ direction, isHeld },
    gradient: gradient.map((g, i) => b.subtract(g, b.multiply(ratios[i], ofFirst(gradient)))),
    along: along.map((a, i) => b.subtract(a, b.multiply(ratios[i], ofFirst(along)))),
    matrix: triangle(size, (i, j) => {
      const crossed = b.add(b.multiply(ratios[i], row[j]), b.multiply(ratios[j], row[i]))
      const inside = b.subtract(matrix[inTriangle(i, j)], crossed)
      return b.add(inside, b.multiply(b.multiply(ratios[i], ratios[j]), own))
    }),
    back: (others) => b.negate(dot(b, ratios, others)),
  }
}
