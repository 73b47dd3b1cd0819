import { LN2_HIGH, LN2_LOW, polynomial, productError, split } from './doubles.js'
import { expOfSum } from './exp.js'

/** The high word of √¾. */
const SQRT_3_4 = 0x3febb67a
const SQRT_3_2 = 1.224744871391589
/** log 1.5 and 2/3 in two parts; the first of the former is a multiple of 2⁻⁴², as that of log 2. */
const LOG_HIGH = 0.4054651081080465
const LOG_LOW = 1.1790280407716567e-13
const TWO_THIRDS = 0.6666666666666666
const TWO_THIRDS_LOW = 3.700743415417188e-17

/** The largest number below 1 is 0 to this power, so a larger one changes nothing. */
const LARGEST = 1e20

/** (log((1 + s)/(1 − s))/s − 2 − ⅔·s²)/s⁴ by powers of s², where (1 + s)/(1 − s) is between √⅔ and √1.5. */
const REST = [
  0.39999999999999886, 0.28571428571644963, 0.2222222208508769, 0.1818185810788187, 0.15378746490152823,
  0.13756310760407187,
]

const fraction = new Float64Array(1)

/**
 * xʸ, to 0.68 ulp; 0.81 where it is subnormal. Special values are those of C99, annex F: so 1 is 1 to any power,
 * NaN as well, and (−1)^±∞ is 1, where `Math.pow` has NaN.
 */
export function pow(x: number, y: number): number {
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

/**
 * e^(y·log x) for finite x > 0. The logarithm has about 15 bits more than a number holds: log x = k·log 2 + log b +
 * log(m/b), b 1 or 1.5 as in fdlibm, and the leading terms of the last are sums of two numbers (Dekker, 1971).
 */
function positivePower(x: number, y: number): number {
  const k = split(x, SQRT_3_4, fraction)
  const m = fraction[0]
  const isUpper = m > SQRT_3_2
  const b = isUpper ? 1.5 : 1

  // s + sLow = (m − b)/(m + b)
  const difference = m - b
  const sum = m + b
  const sumLow = m - (sum - b)
  const s = difference / sum
  const product = s * sum
  const sLow = (difference - product - productError(s, sum, product) - s * sumLow) / sum

  // w + wLow = log(m/b)/s − 2 = ⅔·s² + …
  const z = s * s
  const zLow = productError(s, s, z) + 2 * s * sLow
  const third = z * TWO_THIRDS
  const thirdLow = productError(z, TWO_THIRDS, third) + (z * TWO_THIRDS_LOW + zLow * TWO_THIRDS)
  const rest = thirdLow + z * z * polynomial(z, REST)
  const w = third + rest
  const wLow = rest - (w - third)

  // log x = (k·log 2 + log b) + 2·s + s·w, the largest first: each sum's error is exact.
  const cubic = s * w
  const cubicLow = productError(s, w, cubic) + (s * wLow + sLow * w)
  const whole = k * LN2_HIGH + (isUpper ? LOG_HIGH : 0)
  const wholeLow = k * LN2_LOW + (isUpper ? LOG_LOW : 0)
  const partial = whole + 2 * s
  const log = partial + cubic
  const lost = 2 * s - (partial - whole) + (cubic - (log - partial))
  const logLow = lost + (wholeLow + (2 * sLow + cubicLow))

  const bounded = y > LARGEST ? LARGEST : y < -LARGEST ? -LARGEST : y
  const exponentOfE = bounded * log
  const tail = productError(bounded, log, exponentOfE) + bounded * logLow
  return expOfSum(exponentOfE, Math.abs(exponentOfE) < 750 ? tail : 0)
}
