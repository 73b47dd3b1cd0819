/** Direction of a profile trace at a point: along parameters, or along a derived quantity. */

import type { Builder } from '../../expressions/differentiate.js'
import type { Problem } from '../problem/problem.js'
import { dot } from './ldlt.js'

export interface ProfileDirection {
  /** Change of each profiled parameter per unit step, or 0 for a nuisance parameter. */
  readonly direction: readonly number[]
  /**
   * The number 1 for the parameter that compensates the changes of all other parameters, to keep the derived quantity
   * constant. `first` is null if parameters are profiled.
   */
  readonly first: readonly number[] | null
  /** Change of the compensating parameter per unit change of each other parameter, with the opposite sign. */
  readonly ratios: readonly number[]
  /** Whether all parameters that could move are at their bounds. */
  readonly isFixed: number
}

/** A direction that moves the profiled parameters in fixed proportions. */
export function alongParameters(b: Builder, direction: readonly number[]): ProfileDirection {
  return { direction, first: null, ratios: [], isFixed: b.zero }
}

/**
 * Change of the compensating parameter that keeps the derived quantity constant while the nuisance parameters change.
 */
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
  /** Derivatives of the derived quantity with respect to the free parameters. */
  readonly slopes: readonly number[]
}

/**
 * A direction along a derived quantity. The trace moves the parameter that changes the quantity most relative to the
 * increase of χ². The same parameter compensates the effect of the nuisance parameters, which therefore move along the
 * quantity's level set.
 *
 * @param goesOut whether the step leads away from the estimate, so that a parameter at a bound cannot move the quantity
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
