import type { Dtype, Round } from '../core/numbers.js'

/** Values for float32 and for float64. */
export type PerDtype<T> = Readonly<Record<Dtype, T>>

/**
 * Creates functions for both dtypes, in which f rounds after each operation. JavaScript engines optimize a function for
 * the types of earlier calls. Therefore the build copies the source text of `make` to the second argument `again`. The
 * build also copies the source text of kernels. In `numbers.ts`, the second copy contains no calls of f.
 */
export function twice<T>(make: (f: Round, dtype: Dtype) => T, again = make): PerDtype<T> {
  return { float32: make(Math.fround, 'float32'), float64: again((x) => x, 'float64') }
}

/** Numbers rounded to float32. */
export const single = (...values: number[]): readonly number[] => values.map(Math.fround)
