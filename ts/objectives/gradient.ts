/** Gradients in the form that `minimize` calls. */

import { OptionError } from '../core/errors.js'
import type { FloatArray } from '../core/numbers.js'
import { isObject } from '../core/untrusted-input.js'
import { isPromise } from './arguments.js'
import { type BoundsBox, clamp } from './bounds.js'
import type { Objective } from './objective.js'

/**
 * A word of a NaN that no computation returns. The NaN consists of two such words in float64, and of one word in
 * float32.
 */
const UNWRITTEN = 0x7ff8dead

/**
 * Wraps a gradient function. The result throws an OptionError if the gradient function does not write all elements of
 * `out`.
 */
export function requireWritten(
  gradient: Required<Objective>['gradient'],
  out: FloatArray,
  name = 'gradient',
): (x: FloatArray, out: FloatArray) => void {
  const words = new Int32Array(out.buffer, out.byteOffset, out.byteLength / 4)
  const size = words.length / out.length
  return (x) => {
    words.fill(UNWRITTEN)
    const returned: unknown = gradient(x, out)
    if (isPromise(returned)) {
      throw new OptionError(`objective: ${name}`, 'all of out to be filled synchronously', returned)
    }
    for (let i = 0; i < out.length; i++) {
      if (!Number.isNaN(out[i]) || words[size * i] !== UNWRITTEN) continue
      const instead = isObject(returned) ? ' but returned an object' : ''
      throw new OptionError(
        `objective: ${name}`,
        'all of out to be filled',
        `a call that did not set out[${i}]${instead}`,
      )
    }
  }
}

/**
 * ∛ε by bytes per element, which balances the two errors of a central difference. The values are constants, because the
 * results of `Math.cbrt` differ between engines.
 */
const RELATIVE_STEP = { 4: 4.921566601151848e-3, 8: 6.055454452393343e-6 } as Readonly<Record<number, number>>

/**
 * The gradient by central differences. `point` is a work array of the length of x, and is overwritten. Next to a bound,
 * the differences are one-sided.
 */
export function centralDifferences(
  value: (x: ArrayLike<number>) => number,
  point: FloatArray,
  factor = RELATIVE_STEP[point.BYTES_PER_ELEMENT],
  box: BoundsBox | null = null,
) {
  const inBox = (x: number, i: number) => (box === null ? x : clamp(x, box.min[i], box.max[i]))
  return (x: ArrayLike<number>, out: { [i: number]: number }) => {
    point.set(x)
    for (let i = 0; i < point.length; i++) {
      const center = point[i]
      const step = factor * Math.max(1, Math.abs(center))
      // The actual difference is used, because the sum of x and the step is rounded.
      point[i] = inBox(center + step, i)
      const right = point[i]
      const above = value(point)
      point[i] = inBox(center - step, i)
      const left = point[i]
      const below = value(point)
      point[i] = center
      out[i] = box !== null && right === left ? 0 : (above - below) / (right - left)
    }
  }
}
