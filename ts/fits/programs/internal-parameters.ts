/** Positive parameters: steps have their logarithms, and all else has themselves. */

import type { FloatArray } from '../../core/numbers.js'
import { exp, log } from '../../functions/index.js'
import type { Parameter } from '../problem/parameters.js'
import { triangleIndex } from './ldlt.js'

/** Where steps start, by where a parameter does. */
export function toInternal({ isLogarithmic }: Parameter, starts: Float64Array): Float64Array {
  return isLogarithmic ? starts.map(log) : starts
}

/** What a parameter is where steps have led; rounding neither leaves a bound, nor comes off it. */
export function fromInternalInterval({ isLogarithmic, min, max }: Parameter): (x: number) => number {
  if (!isLogarithmic) return (x) => x
  const [low, high] = [log(min), log(max)]
  return (x) => (x <= low ? min : x >= high ? max : Math.min(Math.max(exp(x), min), max))
}

/**
 * Writes points, covariances and errors of parameters over those of steps.
 *
 * @param free parameters that vary, in the order of `points`
 * @param covariance the lower triangle
 */
export function fromInternal(
  free: readonly Parameter[],
  points: readonly FloatArray[],
  covariance: readonly FloatArray[],
  errors: readonly FloatArray[],
): void {
  for (const [i, parameter] of free.entries()) {
    if (!parameter.isLogarithmic) continue
    const compute = fromInternalInterval(parameter)
    for (const [run, x] of points[i].entries()) {
      const value = compute(x)
      points[i][run] = value
      errors[i][run] *= value
      // The derivative of a parameter by its logarithm is the parameter: twice on the diagonal.
      for (let j = 0; j < free.length; j++) covariance[triangleIndex(i, j)][run] *= value
      covariance[triangleIndex(i, i)][run] *= value
    }
  }
}
