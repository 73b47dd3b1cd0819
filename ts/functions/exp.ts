import { LN2_HIGH, LN2_LOW, numbers } from './numbers.js'
import { type Of, single, twice } from './twice.js'

/** (eʳ − 1 − r)/r² where |r| ≤ ½·log 2. */
const REST: Of<readonly number[]> = {
  float32: single(0.5, 0.16666578, 0.041666556, 0.008363173, 0.0013926176),
  float64: [
    0.5, 0.1666666666666667, 0.04166666666666667, 0.008333333333326141, 0.0013888888888883752,
    0.00019841269874800683, 2.4801587325533502e-5, 2.75572554255029e-6, 2.7557273661174726e-7,
    2.5105206475334834e-8, 2.091467944897855e-9,
  ],
}

/** Beyond these the scaling gives 0 and ∞. */
const LOW: Of<number> = { float32: -104, float64: -746 }
const HIGH: Of<number> = { float32: 89, float64: 710 }

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

  /** e^(x + tail) for |tail| ≪ 1. A NaN passes. */
  function expOfSum(x: number, tail: number): number {
    const k = expInParts(x > high ? high : x < low ? low : x, tail, parts)
    return scale(f(parts[0] + parts[1]), k)
  }

  /**
   * e^(x + tail) = 2ᵏ·(p₀ + p₁), where k·log 2 is taken away in two parts (Cody and Waite, 1980, ch. 6).
   *
   * @returns k
   */
  function expInParts(x: number, tail: number, p: Float64Array): number {
    const k = nearest(f(x * log2E))
    const large = f(x - f(k * ln2High))
    const small = f(f(k * ln2Low) - tail)
    const r = f(large - small)
    p[0] = f(1 + large)
    const lost = f(large - f(p[0] - 1))
    p[1] = f(lost + f(f(f(r * r) * polynomial(r, rest)) - small))
    return k
  }

  return { exp, expOfSum, expInParts }
})

/** eˣ, to 0.64 ulp; 0.79 where it is subnormal, as that is rounded twice. */
export const exp = exps.float64.exp
