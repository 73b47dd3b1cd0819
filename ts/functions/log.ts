import { LN2_HIGH, LN2_LOW, numbers, split } from './numbers.js'
import { type PerDtype, single, twice } from './twice.js'

/** The high word of √½. */
const SQRT_HALF = 0x3fe6a09e

/** (log((1 + s)/(1 − s))/s − 2)/s² in powers of s², for (1 + s)/(1 − s) between √½ and √2. */
const REST: PerDtype<readonly number[]> = {
  float32: single(0.66666776, 0.39977622, 0.29869792),
  float64: [
    0.6666666666666734, 0.39999999999419206, 0.28571428741392235, 0.2222219867378293, 0.18183559186027126,
    0.15314179742887982, 0.1479468011598933,
  ],
}

const fraction = new Float64Array(1)

/**
 * The natural logarithm: −∞ for zeros, NaN for negative arguments. For x = 2ᵏ·(1 + f) the logarithm is k·log 2 + log(1
 * + f). With s = f/(2 + f), log(1 + f) is f − (f²/2 − s·(f²/2 + s²·REST)), as in fdlibm (Sun, 1993). The leading term f
 * is exact.
 */
export const logs = twice((f, dtype) => {
  const { polynomial } = numbers[dtype]
  const coefficients = REST[dtype]
  const [ln2High, ln2Low] = [LN2_HIGH[dtype], LN2_LOW[dtype]]

  return (x: number): number => {
    if (!(x > 0 && x < Infinity)) return x === 0 ? -Infinity : x < 0 ? NaN : x
    const k = split(x, SQRT_HALF, fraction)
    const part = f(fraction[0] - 1)
    const s = f(part / f(2 + part))
    const z = f(s * s)
    const half = f(0.5 * f(part * part))
    const rest = f(z * polynomial(z, coefficients))
    return f(f(k * ln2High) - f(f(half - f(f(s * f(half + rest)) + f(k * ln2Low))) - part))
  }
})

/** The natural logarithm, to 0.85 ulp. */
export const log = logs.float64
