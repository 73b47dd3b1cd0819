/** Sums in the one order that crates/kernels/src/sums/mod.rs states. */

import type { FloatArray } from './numbers.js'

/**
 * Σ θ², Σ u² or Σ u of the direction u, Σ |s| of the first array of state, or how many elements of u are
 * above 0 or below.
 */
export type Sum = 'parameters' | 'gradients' | 'values' | 'sizes' | 'nonzero'

export const STRIPES = 16

/** What a number adds to a sum. */
function computeTerm(kind: Sum, x: number): number {
  if (kind === 'values') return x
  if (kind === 'sizes') return Math.abs(x)
  if (kind === 'nonzero') return Math.abs(x) > 0 ? 1 : 0
  return x * x
}

/** Σ x², Σ x, Σ |x| or Σ [|x| > 0] of a block, or of rows of so many columns, in which stripes begin anew. */
export function sumColumn(kind: Sum, values: FloatArray, columns = STRIPES): number {
  const sums = new Float64Array(STRIPES)
  for (let i = 0; i < values.length; i++) {
    sums[(i % columns) % STRIPES] += computeTerm(kind, values[i])
  }
  for (let width = STRIPES / 2; width >= 1; width /= 2) {
    for (let stripe = 0; stripe < width; stripe++) {
      sums[stripe] += sums[stripe + width]
    }
  }
  return sums[0]
}
