import { LN2_HIGH, LN2_LOW, numbers } from './numbers.js'
import { type PerDtype, single, twice } from './twice.js'

/** (eʳ − 1 − r)/r² for |r| ≤ ½·log 2. */
const REST: PerDtype<readonly number[]> = {
  float32: single(0.4999999, 0.1666652, 0.04166908, 0.008368776, 0.0013780454),
  float64: [
    0.5000000000000008, 0.16666666666666308, 0.04166666666654697, 0.008333333333555076, 0.001388888893986165,
    0.0001984126938659095, 2.480149656356737e-5, 2.7557685990732053e-6, 2.7629122962773284e-7,
    2.497037268520168e-8,
  ],
}

/** Arguments beyond these limits give 0 and ∞ after scaling. */
const LOW: PerDtype<number> = { float32: -104, float64: -746 }
const HIGH: PerDtype<number> = { float32: 89, float64: 710 }

export const exps = twice((f, dtype) => {
  const { nearest, polynomial, scale } = numbers[dtype]
  const rest = REST[dtype]
  const [low, high] = [LOW[dtype], HIGH[dtype]]
  const [ln2High, ln2Low, log2E] = [LN2_HIGH[dtype], LN2_LOW[dtype], f(Math.LOG2E)]
  const parts = new Float64Array(2)

  /** eˣ. */
  function exp(x: number): number {
    return expOfSum(x, 0)
  }

  /** e^(x + tail) for |tail| ≪ 1. NaN is returned unchanged. */
  function expOfSum(x: number, tail: number): number {
    const k = expInParts(x > high ? high : x < low ? low : x, tail, parts)
    return scale(f(1 + f(parts[0] + parts[1])), k)
  }

  /**
   * e^(x + tail) = 2ᵏ·(1 + p₀ + p₁). The product k·log 2 is subtracted as a sum of two numbers (Cody and Waite, 1980,
   * ch. 6).
   *
   * @returns k
   */
  function expInParts(x: number, tail: number, p: Float64Array): number {
    const k = nearest(f(x * log2E))
    const large = f(x - f(k * ln2High))
    const small = f(f(k * ln2Low) - tail)
    const r = f(large - small)
    p[0] = large
    p[1] = f(f(f(r * r) * polynomial(r, rest)) - small)
    return k
  }

  /**
   * e^(x + tail) = 2ᵏ·(p₀ + p₁), where p₀ is the sum rounded to a number.
   *
   * @returns k
   */
  function expInTwo(x: number, tail: number, p: Float64Array): number {
    const k = expInParts(x, tail, p)
    const sum = f(1 + p[0])
    const rest = f(f(p[0] - f(sum - 1)) + p[1])
    p[0] = f(sum + rest)
    p[1] = f(rest - f(p[0] - sum))
    return k
  }

  return { exp, expOfSum, expInParts, expInTwo }
})

/** eˣ, to 0.91 ulp. */
export const exp = exps.float64.exp
