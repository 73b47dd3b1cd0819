/**
 * Norms of gradients whose sums of squares overflow. Plain loops in TypeScript suffice, because sums of squares rarely
 * overflow.
 */

import type { FloatArray } from '../core/numbers.js'
import { largest } from '../core/numbers.js'

/**
 * The 2-norm of all arrays together, computed without overflow of squares. If an element is NaN, the norm is NaN.
 * Otherwise the norm is infinite if an element is infinite.
 */
export function safeNorm(arrays: readonly FloatArray[]): number {
  let most = 0
  // A call with spread arguments could overflow the stack.
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
