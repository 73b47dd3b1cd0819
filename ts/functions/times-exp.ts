import { exps } from './exp.js'
import { numbers } from './numbers.js'

const { productError, scale } = numbers.float64
const { expInTwo } = exps.float64
const power = new Float64Array(2)

/** e^(exponent + low)·(factor + factorLow)·2ᵏ. */
export function timesExp(
  exponent: number,
  low: number,
  factor: number,
  factorLow: number,
  k: number,
): number {
  const exponentOf2 = expInTwo(exponent, low, power)
  const high = power[0] * factor
  const rest = productError(power[0], factor, high) + (power[0] * factorLow + power[1] * factor)
  return scale(high + rest, exponentOf2 + k)
}
