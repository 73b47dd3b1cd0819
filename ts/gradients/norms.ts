/** Norms where sums of squares overflow. They are rare: here, in one language, and in plain loops. */

import type { FloatArray } from '../core/numbers.js'
import { largest } from '../core/numbers.js'

/** The 2-norm of all together, though squares overflow; NaN if an element is, else infinite if one is. */
export function safeNorm(arrays: readonly FloatArray[]): number {
  let most = 0
  // Not with `...`: there may be more than a stack holds.
  for (const array of arrays) most = Math.max(most, largest(array))
  if (!(most > 0 && most < Infinity)) return most
  let sum = 0
  for (const array of arrays) {
    for (let i = 0; i < array.length; i++) {
      const x = array[i] / most
      sum += x * x
    }
  }
  return most * Math.sqrt(sum)
}
