/** The change of the parameters in an update, and the end of runs whose method decides. */

import type { FloatArray } from '../core/numbers.js'

/**
 * Largest |xᵢ − beforeᵢ|, computed in the dtype of x as in batches of many runs; NaN if an element is NaN. After the
 * call, `before` is a copy of `x`.
 */
export function largestChange(x: FloatArray, before: FloatArray, isSingle: boolean): number {
  let largest = 0
  for (let i = 0; i < x.length; i++) {
    const now = x[i]
    const by = now - before[i]
    largest = Math.max(largest, Math.abs(isSingle ? Math.fround(by) : by))
    before[i] = now
  }
  return largest
}

/** The reason of a run after an update, if the method decides about the end; null if the run continues. */
export function reasonOf<Outcome>(
  outcome: Outcome | null,
  { change, iterations, maxIterations }: { change: number; iterations: number; maxIterations: number },
): Outcome | 'diverged' | 'max-iterations' | null {
  if (outcome !== null) return outcome
  if (!(change < Infinity)) return 'diverged'
  return iterations >= maxIterations ? 'max-iterations' : null
}
