/** Starting points of sigmoid curves that are nearly constant in the range of the data. */

import { exp, log } from '../../functions/index.js'
import type { StartList } from './model.js'

/** Distances of far centers in units of 1/slope, and products of their slopes and the range of x. */
const FAR_DISTANCES = [2, 4]
const FAR_SLOPES = [0.3, 1.5, 6, 150]

/**
 * Starting points of curves whose center lies outside the data. Shared fits, which know both plateaus, need such starts
 * for groups without a transition.
 *
 * @param isLinear whether the curve is a function of x instead of log x
 * @param name makes a starting point from a center, in the unit of x, and a slope
 */
export function constantCurves(
  given: ArrayLike<number>,
  isLinear: boolean,
  name: (center: number, slope: number) => StartList[number],
): StartList {
  const x = Array.from(given).filter((at) => isLinear || at > 0)
  const at = isLinear ? x : x.map(log)
  const low = at.reduce((least, one) => Math.min(least, one), Infinity)
  const high = at.reduce((most, one) => Math.max(most, one), -Infinity)
  if (!(high > low)) return []
  return FAR_DISTANCES.flatMap((distance) =>
    FAR_SLOPES.flatMap((steepness) => {
      const slope = steepness / (high - low)
      return [low - distance / slope, high + distance / slope].flatMap((center) =>
        [slope, -slope].map((signed) => name(isLinear ? center : exp(center), signed)),
      )
    }),
  )
}
