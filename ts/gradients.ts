/** Gradients as `minimize` calls them. */

import { OptionError } from './errors.js'
import type { Objective } from './objectives/index.js'
import type { FloatArray } from './rules/rule.js'

/** A NaN that no computation gives: two of these words in float64, one in float32. */
const UNWRITTEN = 0x7ff8dead

/** A gradient that throws an OptionError where it does not write all of `out`. */
export function filling(
  gradient: Required<Objective>['gradient'],
  out: FloatArray,
): (x: FloatArray, out: FloatArray) => void {
  const words = new Int32Array(out.buffer, out.byteOffset, out.byteLength / 4)
  const size = words.length / out.length
  return (x) => {
    words.fill(UNWRITTEN)
    const returned: unknown = gradient(x, out)
    for (let i = 0; i < out.length; i++) {
      if (!Number.isNaN(out[i]) || words[size * i] !== UNWRITTEN) continue
      const instead =
        typeof returned === 'object' && returned !== null ? ' and returned something instead' : ''
      throw new OptionError(
        'objective: gradient',
        'all of out to be filled',
        `a call that left out[${i}]${instead}`,
      )
    }
  }
}

/** ∛ε of float64, to which a central difference's errors are balanced; a constant, as engines differ in cbrt. */
const STEP = 6.055454452393343e-6

/** The gradient by central differences; `like` is as long as x. */
export function centralDifferences(value: (x: ArrayLike<number>) => number, like: FloatArray) {
  const point = new Float64Array(like.length)
  return (x: ArrayLike<number>, out: { [i: number]: number }) => {
    point.set(x)
    for (let i = 0; i < point.length; i++) {
      const center = point[i]
      const step = STEP * Math.max(1, Math.abs(center))
      point[i] = center + step
      const above = value(point)
      point[i] = center - step
      const below = value(point)
      point[i] = center
      // What was really added: center ± step is rounded.
      out[i] = (above - below) / (center + step - (center - step))
    }
  }
}
