import { LN2_HIGH, LN2_LOW, nearest, polynomial, scale } from './doubles.js'

/** (eʳ − 1 − r)/r² where |r| ≤ ½·log 2. */
const REST = [
  0.5, 0.1666666666666667, 0.04166666666666667, 0.008333333333326141, 0.0013888888888883752,
  0.00019841269874800683, 2.4801587325533502e-5, 2.75572554255029e-6, 2.7557273661174726e-7,
  2.5105206475334834e-8, 2.091467944897855e-9,
]

/** eˣ, to 0.64 ulp; 0.79 where it is subnormal, as that is rounded twice. */
export function exp(x: number): number {
  return expOfSum(x, 0)
}

/**
 * e^(x + tail) for |tail| ≪ 1: 2ᵏ·eʳ, where k·log 2 is taken away in two parts (Cody and Waite, 1980, ch. 6).
 */
export function expOfSum(x: number, tail: number): number {
  // Beyond these the scaling gives ∞ and 0. A NaN passes.
  const bounded = x > 710 ? 710 : x < -746 ? -746 : x
  const k = nearest(bounded * Math.LOG2E)
  const high = bounded - k * LN2_HIGH
  const low = k * LN2_LOW - tail
  const r = high - low
  const sum = 1 + high
  const lost = high - (sum - 1)
  return scale(sum + (lost + (r * r * polynomial(r, REST) - low)), k)
}
