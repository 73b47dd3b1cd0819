/** eˣ − 1 and the hyperbolic sine and cosine in float64, computed from eˣ as a sum of two numbers. */

import { exps } from './exp.js'
import { numbers, powerOfTwo } from './numbers.js'

/**
 * Range in which a quarter of eˣ can be computed. Beyond this range, all results equal the results at the limits of
 * the range.
 */
const LOW = -40
const HIGH = 710.6
/** Below this limit the result is x. */
const TINY = powerOfTwo(-54)
/** Above this limit e⁻ˣ is negligible relative to eˣ. */
const FAR = 40

const { sumError, productError } = numbers.float64
const { expInParts } = exps.float64
const parts = new Float64Array(2)
const quarter = new Float64Array(2)

/**
 * eˣ/4 − less as a sum of two numbers. The function computes a quarter, because eˣ may overflow although sinh x does
 * not.
 */
function quarterOfExp(x: number, less: number): void {
  const k = expInParts(x > HIGH ? HIGH : x < LOW ? LOW : x, 0, parts)
  const factor = powerOfTwo(k - 2)
  const whole = factor - less
  const high = factor * parts[0]
  const sum = whole + high
  const lost = sumError(factor, -less, whole) + sumError(whole, high, sum)
  const rest = lost + factor * parts[1]
  quarter[0] = sum + rest
  quarter[1] = rest - (quarter[0] - sum)
}

/** eˣ − 1. */
export function expm1(x: number): number {
  if (Math.abs(x) < TINY) return x
  quarterOfExp(x, 0.25)
  return 4 * quarter[0]
}

/** The hyperbolic sine: 2·(q + q/(1 + 4·q)) with q = (eˣ − 1)/4. */
export function sinh(x: number): number {
  const size = Math.abs(x)
  if (size < TINY) return x
  quarterOfExp(size, 0.25)
  const q = quarter[0]
  const qLow = quarter[1]
  const d = 1 + 4 * q
  const other = size > FAR ? 0 : q / d
  const product = other * d
  const dLow = sumError(1, 4 * q, d) + 4 * qLow
  const missing = q - product - productError(other, d, product) + (qLow - other * dLow)
  const sum = q + other
  const value = size > FAR ? q : sum + (sumError(q, other, sum) + (qLow + missing / d))
  return x < 0 ? -2 * value : 2 * value
}

/** The hyperbolic cosine: 2·(q + 1/(16·q)) with q = eˣ/4. */
export function cosh(x: number): number {
  quarterOfExp(Math.abs(x), 0)
  const q = quarter[0]
  const qLow = quarter[1]
  const other = 0.0625 / q
  const sum = q + other
  return 2 * (sum + (sumError(q, other, sum) + (qLow - other * (qLow / q))))
}
