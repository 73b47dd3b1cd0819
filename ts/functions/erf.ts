/** The error function and the normal distribution in float64. */

import { exps } from './exp.js'
import { log } from './log.js'
import { numbers, powerOfTwo } from './numbers.js'
import { timesExp } from './times-exp.js'

/** erf x/x − 1 in powers of x², for |x| ≤ ½. */
const NEAR = [
  0.12837916709551256, -0.37612638903183476, 0.11283791670925353, -0.026866170632887862,
  0.0052239773730202894, -0.000854829775356591, 0.00012053335118804519, -1.4845849113417844e-5,
  1.4725863920718225e-6,
]
/** (1 + 2·x)·erfcx x in powers of t = (x − 4)/(x + 4). The first coefficient of the series is a sum of two numbers. */
const FIRST = 1.2329951186255526
const FIRST_LOW = -4.49117030140039e-17
const OTHERS = [
  -0.1396211168405625, 0.01537965210261959, 0.0680970542546913, -0.1010390660362999, 0.0937328349984105,
  -0.06633036581219905, 0.03716751553632399, -0.01619773405968329, 0.0050319699895242515,
  -0.000757773262030915, -0.00019925676026410458, 0.00015062149237837335, -2.43989944557621e-5,
  -1.1221292615314274e-5, 5.709314113532492e-6, 2.9198219084548256e-7, -8.25078338681245e-7,
  7.74606863568198e-8, 1.1025271999000152e-7, -2.05545313698593e-8, -1.4806988146925795e-8,
  3.1672611119361695e-9, 1.825695118953907e-9, -2.655726616312575e-10, -1.4311318470928162e-10,
]
/** Approximate derivative of the series with respect to t. The derivative corrects the rounding error of t. */
const SLOPE_IN_T = [-0.138, 0.204, 0.0875, -1.06, 0.871]
/** 2/√π and 1/√(2π) as sums of two numbers. */
const SLOPE = [1.1283791670955126, 1.533545961316588e-17] as const
const DENSITY = [0.3989422804014327, -2.49232720227773e-17] as const

/** √½ as a sum of two numbers; √2; √(2π). */
const SQRT_HALF = Math.SQRT1_2
const SQRT_HALF_LOW = -4.833646656726457e-17
const SQRT_2 = Math.SQRT2
const SQRT_2_PI = 2.5066282746310007
/** The quantile of ½ + q is approximately q times this polynomial in q², for |q| ≤ ¼. */
const CENTRAL = [2.50662877, 2.624542, 5.8217263, 13.5699777, 81.3715204]
/** The quantile of 1 − e^(−r²/2) is approximately r minus this polynomial in (r − 4)/(r + 4). */
const FROM_TAIL = [
  0.598807444, -0.747168671, 0.342674856, -0.260779912, 0.170138596, -0.139203352, 0.103093158, -0.108170692,
  0.105151859, -0.0574536022,
]
/** Products below this limit, 2⁻⁹⁰⁰, lose bits. */
const SMALL = powerOfTwo(-900)
const LARGER = powerOfTwo(200)

/** Limits beyond which e^(−x²), and e^(−x²/2), are 0. */
const FAR = 28
const FAR_FROM_MEAN = 40
/** Above this limit, 2⁶⁰, plain quotients are exact enough. */
const LARGE = powerOfTwo(60)

const { sumError, productError, polynomial, scale } = numbers.float64
const { expInTwo } = exps.float64
const power = new Float64Array(2)
const tail = new Float64Array(2)

/**
 * erfcx = e^(x²)·erfc of x + xLow ≥ 0, as a sum of two numbers. The function (1 + 2·x)·erfcx x varies little and is
 * smooth in (x − 4)/(x + 4) (Shepherd and Laframboise, 1981).
 */
function scaledTail(x: number, xLow: number, to: Float64Array): void {
  const below = x - 4
  const above = x + 4
  const t = x < Infinity ? below / above : 1
  const lost = sumError(x, -4, below) + xLow - t * (sumError(x, 4, above) + xLow)
  const tLow = (below - t * above - productError(t, above, t * above) + lost) / above
  const rest = t * polynomial(t, OTHERS)
  const sum = FIRST + rest
  const low = FIRST - sum + rest + (FIRST_LOW + tLow * polynomial(t, SLOPE_IN_T))
  const d = x + 0.5
  const q = sum / d
  const product = q * d
  const missing = sum - product - productError(q, d, product) + (low - q * (sumError(x, 0.5, d) + xLow))
  to[0] = 0.5 * q
  to[1] = d > LARGE ? 0 : 0.5 * (missing / d)
}

/**
 * e^(−x²)·(factor + factorLow), or e^(−x²/2)·(factor + factorLow) if `half` is ½. The argument x must not be far from
 * 0.
 */
function bell(x: number, half: number, factor: number, factorLow: number, k: number): number {
  const square = x * x
  return timesExp(-half * square, -half * productError(x, x, square), factor, factorLow, k)
}

const bounded = (size: number, most: number): number => (size > most ? most : size)

/** erfc x for x ≥ 0. */
function upperTail(x: number): number {
  const near = bounded(x, FAR)
  scaledTail(near, 0, tail)
  return bell(near, 1, tail[0], tail[1], 0)
}

/** erf x for |x| ≤ ½. */
function nearErf(x: number): number {
  return x + x * polynomial(x * x, NEAR)
}

/** The error function. */
export function erf(x: number): number {
  const size = Math.abs(x)
  const value = size > 0.5 ? 1 - upperTail(size) : nearErf(size)
  return x < 0 || Object.is(x, -0) ? -value : value
}

/** 1 − erf x. */
export function erfc(x: number): number {
  const value = upperTail(Math.abs(x))
  return x < 0 ? 2 - value : value
}

/** e^(x²)·erfc x. For x < 0, erfcx x is computed as 2·e^(x²) − erfcx(−x). */
export function erfcx(x: number): number {
  const size = Math.abs(x)
  scaledTail(size, 0, tail)
  if (!(x < 0)) return tail[0] + tail[1]
  const near = bounded(size, FAR)
  const square = near * near
  const k = expInTwo(square, productError(near, near, square), power)
  const other = scale(tail[0], -k)
  const double = 2 * power[0]
  const sum = double - other
  return scale(sum + (sumError(double, -other, sum) + 2 * power[1]), k)
}

/** The derivative of erf: 2/√π·e^(−x²). */
export function erfSlope(x: number): number {
  return bell(bounded(Math.abs(x), FAR), 1, SLOPE[0], SLOPE[1], 0)
}

/** The density of the standard normal distribution. */
export function normpdf(x: number): number {
  return bell(bounded(Math.abs(x), FAR_FROM_MEAN), 0.5, DENSITY[0], DENSITY[1], 0)
}

/** Computes x/√2 as a sum of two numbers. */
const quotient = new Float64Array(2)
function divideBySqrt2(x: number): void {
  quotient[0] = x * SQRT_HALF
  quotient[1] = productError(x, SQRT_HALF, quotient[0]) + x * SQRT_HALF_LOW
}

/** Computes the scaled tail of x/√2, which the normal distribution uses. */
function scaledNormalTail(size: number): void {
  divideBySqrt2(size)
  scaledTail(quotient[0], quotient[1], tail)
}

/** The distribution function of the standard normal distribution, ½·erfc(−x/√2). */
export function normcdf(x: number): number {
  const size = bounded(Math.abs(x), FAR_FROM_MEAN)
  scaledNormalTail(size)
  const value = bell(size, 0.5, tail[0], tail[1], -1)
  return x > 0 ? 1 - value : value
}

/**
 * The quantile function of the standard normal distribution. One step (Halley, 1694) refines an approximation with
 * seven correct digits. Differences are computed from sums of two numbers.
 */
export function norminv(p: number): number {
  if (!(p > 0 && p < 1)) return p === 0 ? -Infinity : p === 1 ? Infinity : NaN
  const q = p - 0.5
  return Math.abs(q) > 0.25 ? quantileOfTail(p) : quantileInMiddle(q)
}

function quantileInMiddle(q: number): number {
  const z = q * polynomial(q * q, CENTRAL)
  divideBySqrt2(z)
  const x = quotient[0]
  const xLow = quotient[1]
  const difference = 0.5 * x - q
  const rest = sumError(0.5 * x, -q, difference) + 0.5 * x * polynomial(x * x, NEAR)
  const u = (difference + rest) / normpdf(z) + xLow * SQRT_2
  return z - u / (1 + 0.5 * (z * u))
}

function quantileOfTail(p: number): number {
  const q = p < 0.5 ? p : 1 - p
  const r = Math.sqrt(-2 * log(q))
  const z = r - polynomial((r - 4) / (r + 4), FROM_TAIL)
  scaledNormalTail(z)
  const square = z * z
  const k = expInTwo(0.5 * square, 0.5 * productError(z, z, square), power)
  const isSmall = q < SMALL
  const scaled = isSmall ? q * LARGER : q
  const product = power[0] * scaled
  const productLow = productError(power[0], scaled, product) + power[1] * scaled
  const exponent = isSmall ? k - 200 : k
  const difference = 0.5 * tail[0] - scale(product, exponent)
  const u = SQRT_2_PI * (difference + (0.5 * tail[1] - scale(productLow, exponent)))
  const size = z + u / (1 - 0.5 * (z * u))
  return p < 0.5 ? -size : size
}
