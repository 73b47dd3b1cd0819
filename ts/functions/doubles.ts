/** What the functions share: exponents, exact errors of sums and products, polynomials, log 2. */

const floats = new Float64Array(1)
const words = new Int32Array(floats.buffer)
floats[0] = 1
/** Where sign and exponent are; the order of bytes is the machine's. */
const HIGH = words[1] === 0 ? 0 : 1

/** 42 bits, so that its product with an exponent is exact; the rest is LN2_LOW. */
export const LN2_HIGH = 0.6931471805598903
export const LN2_LOW = 5.497923018708371e-14

/**
 * x = 2ᵏ·m for finite x > 0, with c ≤ m < 2·c, where of c the high word is given.
 *
 * @param m gets m
 * @returns k
 */
export function split(x: number, highOfC: number, m: Float64Array): number {
  const isSubnormal = x < 2.2250738585072014e-308
  floats[0] = isSubnormal ? x * 18014398509481984 : x
  const high = words[HIGH]
  const k = (high - highOfC) >> 20
  words[HIGH] = high - (k << 20)
  m[0] = floats[0]
  return isSubnormal ? k - 54 : k
}

/** 2ᵏ for −1022 ≤ k ≤ 1023. */
function powerOfTwo(k: number): number {
  words[1 - HIGH] = 0
  words[HIGH] = (k + 1023) << 20
  return floats[0]
}

/** x·2ᵏ for |k| ≤ 2044, rounded where it is subnormal. */
export function scale(x: number, k: number): number {
  const half = k >> 1
  return x * powerOfTwo(half) * powerOfTwo(k - half)
}

const TO_WHOLE = 1.5 * 4503599627370496

/** The nearest whole number, halves to even, for |x| ≤ 2⁵¹. */
export function nearest(x: number): number {
  return x + TO_WHOLE - TO_WHOLE
}

/** What rounding took from sum = a + b (Knuth, 1969, section 4.2.2). */
export function sumError(a: number, b: number, sum: number): number {
  const ofB = sum - a
  return a - (sum - ofB) + (b - ofB)
}

/** What rounding took from product = a·b (Dekker, 1971); |a| and |b| below 2⁹⁹⁶. */
export function productError(a: number, b: number, product: number): number {
  const aHigh = upperHalf(a)
  const bHigh = upperHalf(b)
  const aLow = a - aHigh
  const bLow = b - bHigh
  return aHigh * bHigh - product + aHigh * bLow + aLow * bHigh + aLow * bLow
}

/** The upper 26 bits (Veltkamp, 1968). */
function upperHalf(x: number): number {
  const wide = x * 134217729
  return wide - (wide - x)
}

/** Σᵢ cᵢ·xⁱ by Horner's rule. */
export function polynomial(x: number, c: readonly number[]): number {
  let sum = c[c.length - 1]
  for (let i = c.length - 2; i >= 0; i--) sum = sum * x + c[i]
  return sum
}
