/** How a ray goes on from a point: by parameters themselves, or by what is derived from them. */

import type { Builder } from '../../expressions/differentiate.js'
import type { Problem } from '../problem/problem.js'
import { dot } from './ldlt.js'

export interface ProfileDirection {
  /** What parameters do that do not follow, by a step of 1: 0 for others. */
  readonly direction: readonly number[]
  /** 1 for the parameter that makes up for what others do to what is derived; null where nothing is. */
  readonly first: readonly number[] | null
  /** By how much it does, for each. */
  readonly ratios: readonly number[]
  /** Whether bounds hold all that could move. */
  readonly isFixed: number
}

/** Some parameters move by themselves. */
export function alongParameters(b: Builder, direction: readonly number[]): ProfileDirection {
  return { direction, first: null, ratios: [], isFixed: b.zero }
}

/** What those that do not follow make up for, where others move. */
export function compensation(
  b: Builder,
  { first, ratios }: ProfileDirection,
  others: readonly number[],
): number {
  return first === null ? b.zero : b.negate(dot(b, ratios, others))
}

interface DerivedPoint {
  readonly best: readonly number[]
  /** The diagonal of the matrix of χ². */
  readonly scale: readonly number[]
  /** Derivatives of what is derived. */
  readonly slopes: readonly number[]
}

/**
 * What is derived moves by the parameter that moves it most, in units of what χ² allows; and that one makes up for what
 * others do to it, so that they go along its level.
 *
 * @param goesOut whether it is to go on: then nothing moves it that a bound holds
 */
export function alongDerivedQuantity(
  b: Builder,
  { min, max }: Problem,
  { best, scale, slopes }: DerivedPoint,
  goesOut: number,
): ProfileDirection {
  const scores = slopes.map((slope, i) => {
    const atMax = b.multiply(
      b.operation('lessOrEqual', b.constant(max[i]), best[i]),
      b.operation('less', b.zero, slope),
    )
    const atMin = b.multiply(
      b.operation('lessOrEqual', best[i], b.constant(min[i])),
      b.operation('less', slope, b.zero),
    )
    const square = b.divide(b.multiply(slope, slope), scale[i])
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
  const slope = dot(b, first, slopes)
  return {
    first,
    isFixed: b.operation('equal', top, b.zero),
    direction: first.map((is) => b.select(is, b.divide(b.one, slope), b.zero)),
    ratios: slopes.map((other, i) => b.select(first[i], b.zero, b.divide(other, slope))),
  }
}
