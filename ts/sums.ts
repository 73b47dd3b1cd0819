/** Sums in the one order that crates/kernels/src/sums.rs states. */

import type { FloatArray, Kernel } from './rules/kernel.js'

const STRIPES = 16

/** Σ x², Σ x or Σ |x| of a block. */
export function sumOf(kind: Kernel['sums'][number], values: FloatArray): number {
  const sums = new Float64Array(STRIPES)
  for (let i = 0; i < values.length; i++) {
    const x = values[i]
    sums[i % STRIPES] += kind === 'values' ? x : kind === 'sizes' ? Math.abs(x) : x * x
  }
  for (let width = STRIPES / 2; width >= 1; width /= 2) {
    for (let stripe = 0; stripe < width; stripe++) {
      sums[stripe] += sums[stripe + width]
    }
  }
  return sums[0]
}
