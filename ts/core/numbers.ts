/** Numbers and float arrays: the dtypes float32 and float64, rounding, and sizes. */

export type FloatArray = Float32Array | Float64Array

export type Dtype = 'float32' | 'float64'

/**
 * The smallest normal numbers, 2⁻¹²⁶ and 2⁻¹⁰²². Numbers below these limits are subnormal and have fewer significant
 * bits.
 */
export const smallestNormal: Readonly<Record<Dtype, number>> = {
  float32: 1.1754943508222875e-38,
  float64: 2.2250738585072014e-308,
}

/**
 * Sets the subnormal numbers of a state array to +0; crates/kernels/src/kernel/pipeline.rs gives the reasons.
 */
export function flush(array: FloatArray, from: number, to: number, minNormal: number): void {
  for (let i = from; i < to; i++) {
    if (Math.abs(array[i]) < minNormal && array[i] !== 0) array[i] = 0
  }
}

/**
 * Rounds a number to the dtype: `Math.fround` for float32, identity for float64. Kernels apply this rounding after each
 * operation.
 */
export type Round = (x: number) => number

export const rounding: Readonly<Record<Dtype, Round>> = {
  float32: Math.fround,
  float64: (x) => x,
}

/** The sign of a number as 1 or −1; zeros and NaN are returned unchanged. */
export const signum = (x: number): number => (x > 0 ? 1 : x < 0 ? -1 : x)

/** Distance from 1 to the next float64 number. */
export const EPSILON = 2.220446049250313e-16
/** Distance from 1 to the next number of a dtype, by its size in bytes. */
export const epsilon = { 4: 1.1920928955078125e-7, 8: EPSILON } as Readonly<Record<number, number>>

/** The largest |xᵢ|; NaN if an element is NaN. */
export function largest(x: FloatArray): number {
  let size = 0
  for (let i = 0; i < x.length; i++) size = Math.max(size, Math.abs(x[i]))
  return size
}

/** A tensor as a stack of matrices: the rows and columns of each matrix, and the number of matrices. */
export type Matrix = readonly [rows: number, columns: number, count: number]

/** Whether `n` is an integer that is at least `min`. */
export const isCount = (n: unknown, min = 0): n is number => Number.isInteger(n) && (n as number) >= min

export const isPositive = (x: unknown): x is number => typeof x === 'number' && x > 0 && x < Infinity

export const isNonNegative = (x: unknown): x is number => x === 0 || isPositive(x)
