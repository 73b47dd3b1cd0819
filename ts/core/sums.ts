/** Sums that are added in the fixed order that crates/kernels/src/sums/mod.rs defines. */

import type { FloatArray } from './numbers.js'

/**
 * Kinds of sums: Σ θ² of the parameters, Σ u² or Σ u of the direction u, Σ |s| of the first state array s, or the count
 * of nonzero elements of u.
 */
export type Sum = 'parameters' | 'gradients' | 'values' | 'sizes' | 'nonzero'

export const STRIPES = 16

/** The term that a number contributes to a sum. */
function computeTerm(kind: Sum, x: number): number {
  if (kind === 'values') return x
  if (kind === 'sizes') return Math.abs(x)
  if (kind === 'nonzero') return Math.abs(x) > 0 ? 1 : 0
  return x * x
}

/**
 * The sum Σ x², Σ x, Σ |x| or Σ [|x| > 0] over a block. The stripes of the sum start again at each row of `columns`
 * elements.
 */
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
