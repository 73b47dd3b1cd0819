/**
 * Inverse trigonometric functions in float64. Each angle is the arctangent of a quotient, whose numerator and
 * denominator are sums of two numbers.
 */

import { atans } from './atan.js'
import { numbers, powerOfTwo } from './numbers.js'

/** π as a sum of two numbers. */
const PI = Math.PI
const PI_LOW = 1.2246467991473532e-16

/** Limits beyond which products overflow or underflow, and the scale factors for numbers beyond these limits. */
const LARGE = powerOfTwo(900)
const SMALLER = powerOfTwo(-64)
const SMALL = powerOfTwo(-900)
const LARGER = powerOfTwo(600)

const { productError, squareError } = numbers.float64
const { bases, nearestTo: roundToNearest, restOf: remainder } = atans.float64

/**
 * atan((n + nLow)/(d + dLow)), or π minus this angle if it is obtuse. Numerator and denominator are ≥ 0, not huge, not
 * tiny, and not both 0.
 */
function computeAngle(n: number, nLow: number, d: number, dLow: number, isObtuse: boolean): number {
  const quotient = n / d
  const at = roundToNearest(quotient)
  const c = at / 2
  const isFar = at === 4
  const numerator = isFar ? -d : n - c * d
  const numeratorLow = isFar ? -dLow : nLow - c * dLow
  const denominator = isFar ? n : d + c * n
  const denominatorLow = isFar ? nLow : dLow + c * nLow
  const u = numerator / denominator
  const product = u * denominator
  const missing = numerator - product - productError(u, denominator, product)
  const low = (missing + (numeratorLow - u * denominatorLow)) / denominator
  // If the quotient is this small, the error of the product underflows and is ignored.
  const rest = u + (remainder(u, at) + (quotient < SMALL ? 0 : low))
  const base = bases[at]
  if (!isObtuse) return base + rest
  const left = PI - base
  return left + (PI - left - base + PI_LOW - rest)
}

const isNegative = (x: number): boolean => x < 0 || Object.is(x, -0)

/** The angle of the point (x, y), with the special values of C99, annex F. */
export function atan2(y: number, x: number): number {
  if (Number.isNaN(x) || Number.isNaN(y)) return NaN
  let n = Math.abs(y)
  let d = Math.abs(x)
  if (n === Infinity || d === Infinity) {
    n = n === Infinity ? 1 : 0
    d = d === Infinity ? 1 : 0
  }
  if (n === 0) d = 1
  const most = n > d ? n : d
  const factor = most > LARGE ? SMALLER : most < SMALL ? LARGER : 1
  const angle = computeAngle(n * factor, 0, d * factor, 0, isNegative(x))
  return isNegative(y) ? -angle : angle
}

/** Computes √(1 − x²) as a sum of two numbers. */
const side = new Float64Array(2)
function otherSide(x: number): void {
  const square = x * x
  const rest = 1 - square
  const lost = 1 - rest - square - squareError(x, square)
  const root = Math.sqrt(rest + lost)
  const product = root * root
  side[0] = root
  side[1] = root === 0 ? 0 : (rest - product - squareError(root, product) + lost) / (root + root)
}

/** The arcsine. */
export function asin(x: number): number {
  if (x === 0) return x
  otherSide(x)
  const angle = computeAngle(Math.abs(x), 0, side[0], side[1], false)
  return x < 0 ? -angle : angle
}

/** The arccosine. */
export function acos(x: number): number {
  otherSide(x)
  return computeAngle(side[0], side[1], Math.abs(x), 0, x < 0)
}
