/** Conversion between internal and external parameters. The internal value of a positive parameter is its logarithm. */

import type { FloatArray } from '../../core/numbers.js'
import { exp, log } from '../../functions/index.js'
import type { Parameter } from '../problem/parameters.js'
import { triangleIndex } from './ldlt.js'

/** Converts external starting values to internal values. */
export function toInternal({ isLogarithmic }: Parameter, starts: Float64Array): Float64Array {
  return isLogarithmic ? starts.map(log) : starts
}

/**
 * Converts an internal value to the external parameter. An internal value at a bound is converted to exactly the bound,
 * and rounding never moves a value beyond the bounds.
 */
export function fromInternalInterval({ isLogarithmic, min, max }: Parameter): (x: number) => number {
  if (!isLogarithmic) return (x) => x
  const [low, high] = [log(min), log(max)]
  return (x) => (x <= low ? min : x >= high ? max : Math.min(Math.max(exp(x), min), max))
}

/**
 * Converts points, covariances and standard errors from internal to external parameters, in place.
 *
 * @param free free parameters, in the order of `points`
 * @param covariance lower triangles of the covariance matrices
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
      // The derivative of a parameter with respect to its logarithm is the parameter itself. A diagonal element of the
      // covariance is therefore multiplied twice by the parameter.
      for (let j = 0; j < free.length; j++) covariance[triangleIndex(i, j)][run] *= value
      covariance[triangleIndex(i, i)][run] *= value
    }
  }
}
