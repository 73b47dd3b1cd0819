import { exps } from './exp.js'
import { LN2_HIGH, LN2_LOW, numbers, split } from './numbers.js'
import { type PerDtype, single, twice } from './twice.js'

/** The high word of √¾. */
const SQRT_3_4 = 0x3febb67a
const SQRT_3_2 = 1.224744871391589
/**
 * log 1.5 and 2/3 as sums of two numbers. The upper part of log 1.5 has as many fractional bits as the upper part of
 * log 2.
 */
const LOG_HIGH: PerDtype<number> = { float32: Math.fround(0.40545654), float64: 0.4054651081080465 }
const LOG_LOW: PerDtype<number> = { float32: Math.fround(8.565139e-6), float64: 1.1790280407716567e-13 }
const TWO_THIRDS = 0.6666666666666666
const TWO_THIRDS_LOW: PerDtype<number> = {
  float32: Math.fround(-1.9868216e-8),
  float64: 3.700743415417188e-17,
}

/** The largest number below 1, raised to this exponent, is 0. All larger exponents also yield 0. */
const MAX_EXPONENT: PerDtype<number> = { float32: 1e10, float64: 1e20 }
/** The power of e with this exponent is 0 or ∞. */
const OUT_OF_RANGE: PerDtype<number> = { float32: 110, float64: 750 }

/** (log((1 + s)/(1 − s))/s − 2 − ⅔·s²)/s⁴ in powers of s², for (1 + s)/(1 − s) between √⅔ and √1.5. */
const REST: PerDtype<readonly number[]> = {
  float32: single(0.3999899, 0.28890058),
  float64: [
    0.39999999999999886, 0.28571428571644963, 0.2222222208508769, 0.1818185810788187, 0.15378746490152823,
    0.13756310760407187,
  ],
}

const fraction = new Float64Array(1)
const logs = new Float64Array(2)

/**
 * Powers with the special values of C99, annex F. Therefore 1^NaN, 1^±∞ and (−1)^±∞ are 1, while `Math.pow` returns
 * NaN.
 */
export const pows = twice((f, dtype) => {
  const { polynomial, productError, squareError } = numbers[dtype]
  const { expOfSum } = exps[dtype]
  const coefficients = REST[dtype]
  const [ln2High, ln2Low] = [LN2_HIGH[dtype], LN2_LOW[dtype]]
  const [logHigh, logLow] = [LOG_HIGH[dtype], LOG_LOW[dtype]]
  const [twoThirds, twoThirdsLow] = [f(TWO_THIRDS), TWO_THIRDS_LOW[dtype]]
  const [largest, outOfRange, sqrt3By2] = [MAX_EXPONENT[dtype], OUT_OF_RANGE[dtype], f(SQRT_3_2)]

  function pow(x: number, y: number): number {
    if (y === 0 || x === 1) return 1
    if (Number.isNaN(x) || Number.isNaN(y)) return NaN
    const isWhole = Math.floor(y) === y
    if (x < 0 && x > -Infinity && !isWhole) return NaN
    const isOdd = isWhole && Math.floor(y / 2) * 2 !== y
    const isNegative = x < 0 || Object.is(x, -0)
    const size = Math.abs(x)
    const isExtreme = size === 0 || size === Infinity
    const power = isExtreme ? ((size === 0) === y < 0 ? Infinity : 0) : positivePower(size, y)
    return isNegative && isOdd ? -power : power
  }

  /** e^(y·log x) for finite x > 0. */
  function positivePower(x: number, y: number): number {
    logInTwo(x, logs)
    const bounded = y > largest ? largest : y < -largest ? -largest : y
    const exponent = f(bounded * logs[0])
    const tail = f(productError(bounded, logs[0], exponent) + f(bounded * logs[1]))
    return expOfSum(exponent, Math.abs(exponent) < outOfRange ? tail : 0)
  }

  /**
   * log x for finite x > 0 as a sum of two numbers, with about 15 bits more than one number. The logarithm is k·log 2 +
   * log b + log(m/b), where b is 1 or 1.5 as in fdlibm. The leading terms of log(m/b) are sums of two numbers (Dekker,
   * 1971).
   */
  function logInTwo(x: number, to: Float64Array): void {
    const k = split(x, SQRT_3_4, fraction)
    const m = fraction[0]
    const isUpper = m > sqrt3By2
    const b = isUpper ? 1.5 : 1

    // s + sLow = (m − b)/(m + b).
    const difference = f(m - b)
    const sum = f(m + b)
    const sumLow = f(m - f(sum - b))
    const s = f(difference / sum)
    const product = f(s * sum)
    const missing = f(f(difference - product) - productError(s, sum, product))
    const sLow = f(f(missing - f(s * sumLow)) / sum)

    // w + wLow = log(m/b)/s − 2 = ⅔·s² + …
    const z = f(s * s)
    const zLow = f(squareError(s, z) + f(f(2 * s) * sLow))
    const third = f(z * twoThirds)
    const thirdLow = f(productError(z, twoThirds, third) + f(f(z * twoThirdsLow) + f(zLow * twoThirds)))
    const rest = f(thirdLow + f(f(z * z) * polynomial(z, coefficients)))
    const w = f(third + rest)
    const wLow = f(rest - f(w - third))

    // log x = (k·log 2 + log b) + 2·s + s·w, largest terms first, so that the error of each sum is exact.
    const cubic = f(s * w)
    const cubicLow = f(productError(s, w, cubic) + f(f(s * wLow) + f(sLow * w)))
    const whole = f(f(k * ln2High) + (isUpper ? logHigh : 0))
    const wholeLow = f(f(k * ln2Low) + (isUpper ? logLow : 0))
    const partial = f(whole + f(2 * s))
    const log = f(partial + cubic)
    const lost = f(f(f(2 * s) - f(partial - whole)) + f(cubic - f(log - partial)))
    to[0] = log
    to[1] = f(lost + f(wholeLow + f(f(2 * sLow) + cubicLow)))
  }

  return { pow, logInTwo }
})

/** xʸ, to 0.94 ulp. */
export const pow = pows.float64.pow
