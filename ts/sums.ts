/** Sums in the one order that crates/kernels/src/sums.rs states. */

import type { FloatArray } from './rules/kernel.js'

const STRIPES = 16

/** Σ x² of a block. */
export function sumOfSquares(values: FloatArray): number {
  const sums = new Float64Array(STRIPES)
  for (let i = 0; i < values.length; i++) {
    const x = values[i]
    sums[i % STRIPES] += x * x
  }
  for (let width = STRIPES / 2; width >= 1; width /= 2) {
    for (let stripe = 0; stripe < width; stripe++) {
      sums[stripe] += sums[stripe + width]
    }
  }
  return sums[0]
}
