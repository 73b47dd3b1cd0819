/** Operations that the functions share: exponents, exact errors of sums and products, polynomials, and log 2. */

import { type PerDtype, twice } from './twice.js'

const floats = new Float64Array(1)
const words = new Int32Array(floats.buffer)
floats[0] = 1
/** Index of the word with sign and exponent. The index depends on the byte order of the machine. */
const HIGH = words[1] === 0 ? 0 : 1

/**
 * The upper part of log 2 has few bits, so its product with an exponent is exact. LN2_LOW is the difference between log
 * 2 and its upper part.
 */
export const LN2_HIGH: PerDtype<number> = { float32: Math.fround(0.69314575), float64: 0.6931471805598903 }
export const LN2_LOW: PerDtype<number> = {
  float32: Math.fround(1.4286068e-6),
  float64: 5.497923018708371e-14,
}

/** 2ᵏ for −1074 ≤ k ≤ 1023. (A number composed of two words takes longer, because its load waits for both stores.) */
const powers = new Float64Array(2098)
for (let i = 0, power = 5e-324; i < powers.length; i++, power *= 2) powers[i] = power

/**
 * Splits a finite x > 0 exactly into 2ᵏ·m with c ≤ m < 2·c. The caller passes the high word of c. The function also
 * supports float32.
 *
 * @param m receives m
 * @returns k
 */
export function split(x: number, highOfC: number, m: Float64Array): number {
  const isSubnormal = x < 2.2250738585072014e-308
  const normal = isSubnormal ? x * 18014398509481984 : x
  floats[0] = normal
  const k = (words[HIGH] - highOfC) >> 20
  // −k could be −0, which is not an integer for engines.
  m[0] = normal * powerOfTwo(0 - k)
  return isSubnormal ? k - 54 : k
}

/** 2ᵏ for −1074 ≤ k ≤ 1023. NaN gives a number, because a read at the index NaN would slow down all later reads. */
export function powerOfTwo(k: number): number {
  return powers[(k + 1074) | 0]
}

export const numbers = twice((f, dtype) => {
  const TO_WHOLE = 1.5 * { float32: 8388608, float64: 4503599627370496 }[dtype]
  const UPPER = { float32: 4097, float64: 134217729 }[dtype]

  /**
   * x·2ᵏ for |k| ≤ 2044 (252 in float32). Subnormal results are rounded only once, because the first product is exact.
   */
  function scale(x: number, k: number): number {
    const half = k >> 1
    return f(x * powerOfTwo(half) * powerOfTwo(k - half))
  }

  /** The nearest integer, with halves to even, for |x| ≤ 2⁵¹ (2²² in float32). */
  function nearest(x: number): number {
    return f(f(x + TO_WHOLE) - TO_WHOLE)
  }

  /** Rounding error of sum = a + b (Knuth, 1969, section 4.2.2). */
  function sumError(a: number, b: number, sum: number): number {
    const ofB = f(sum - a)
    return f(f(a - f(sum - ofB)) + f(b - ofB))
  }

  /** Rounding error of product = a·b (Dekker, 1971), for |a| and |b| below 2⁹⁹⁶ (2¹¹⁵ in float32). */
  function productError(a: number, b: number, product: number): number {
    const aHigh = upperHalf(a)
    const bHigh = upperHalf(b)
    const aLow = f(a - aHigh)
    const bLow = f(b - bHigh)
    return f(f(f(f(f(aHigh * bHigh) - product) + f(aHigh * bLow)) + f(aLow * bHigh)) + f(aLow * bLow))
  }

  /** Rounding error of square = a·a, with the same bits as `productError`. */
  function squareError(a: number, square: number): number {
    const high = upperHalf(a)
    const low = f(a - high)
    return f(f(f(f(high * high) - square) + f(2 * f(high * low))) + f(low * low))
  }

  /** The upper 26 bits of x, or the upper 12 bits in float32 (Veltkamp, 1968). */
  function upperHalf(x: number): number {
    const wide = f(x * UPPER)
    return f(wide - f(wide - x))
  }

  /** Σᵢ cᵢ·xⁱ. Pairs of terms are computed independently, and then combined by Horner's rule in x². */
  function polynomial(x: number, c: readonly number[]): number {
    const square = f(x * x)
    let i = (c.length - 1) & ~1
    let sum = c.length & 1 ? c[i] : f(c[i] + f(x * c[i + 1]))
    for (i -= 2; i >= 0; i -= 2) sum = f(f(sum * square) + f(c[i] + f(x * c[i + 1])))
    return sum
  }

  return { scale, nearest, sumError, productError, squareError, upperHalf, polynomial }
})
