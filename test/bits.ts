/** Numbers and their bits. The module imports none of the tested code. */

import { random } from '../scripts/lib/random.mjs'

export { random }

export const dtypes = ['float32', 'float64'] as const
export type Dtype = (typeof dtypes)[number]
export type FloatArray = Float32Array | Float64Array

export const arrayOf = { float32: Float32Array, float64: Float64Array }
export const roundOf = { float32: Math.fround, float64: (x: number) => x }
/** Half a unit in the last place of 1, per dtype. */
export const epsilonOf = { float32: 2 ** -24, float64: 2 ** -53 }

/** `length` random numbers in (−scale, scale). */
export function noise(seed: number, length: number, dtype: Dtype, scale = 1): FloatArray {
  const next = random(seed)
  return new arrayOf[dtype](length).map(() => scale * (2 * next() - 1))
}

export type Bits = Uint32Array | BigUint64Array

export const bitsOf = (array: FloatArray): Bits =>
  array instanceof Float32Array
    ? new Uint32Array(array.buffer, array.byteOffset, array.length)
    : new BigUint64Array(array.buffer, array.byteOffset, array.length)

/** A hash of arrays of words. */
export function digest(list: Iterable<Uint32Array>): string {
  const halves = Int32Array.of(1, 2)
  for (const words of list) mix(halves, words)
  return [...halves].map((half) => (half >>> 0).toString(16)).join('-')
}

/** Adds words to a hash of two halves. Each half is computed by MurmurHash3. */
function mix(halves: Int32Array, words: Uint32Array): void {
  // Local variables are fast, and this loop takes most of the time of bit tests.
  let [a, b] = halves
  for (let i = 0; i < words.length; i++) {
    let k = Math.imul(words[i], 0xcc9e2d51)
    k = Math.imul((k << 15) | (k >>> 17), 0x1b873593)
    a ^= k
    a = (Math.imul((a << 13) | (a >>> 19), 5) + 0xe6546b64) | 0
    b ^= k
    b = (Math.imul((b << 13) | (b >>> 19), 13) + 0xe6546b64) | 0
  }
  halves[0] = a
  halves[1] = b
}

/** An array's words. All NaNs have the same bits. */
export function withOneNaN(array: FloatArray): Uint32Array {
  const copy = array.slice()
  const bits = bitsOf(copy)
  for (let i = 0; i < copy.length; i++) {
    if (Number.isNaN(copy[i])) bits[i] = bits instanceof Uint32Array ? 0x7fc00000 : 0x7ff8000000000000n
  }
  return new Uint32Array(copy.buffer)
}
