import type { Dtype, Round } from '../core/numbers.js'

/** What float32 and float64 have their own of. */
export type PerDtype<T> = Readonly<Record<Dtype, T>>

/**
 * Functions for both dtypes, where f rounds after each operation. A JavaScript compiler specializes a function by
 * what it has met: so the build writes the text of `make` a second time, as `again`, as it does for kernels.
 */
export function twice<T>(make: (f: Round, dtype: Dtype) => T, again = make): PerDtype<T> {
  return { float32: make(Math.fround, 'float32'), float64: again((x) => x, 'float64') }
}

/** Numbers of few digits as float32. */
export const single = (...values: number[]): readonly number[] => values.map(Math.fround)
