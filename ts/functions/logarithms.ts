/** Logarithms in float64, computed from the natural logarithm as a sum of two numbers. */

import { numbers } from './numbers.js'
import { pows } from './pow.js'

/** 1/log 2 and 1/log 10 as sums of two numbers. */
const BY_LOG_2 = [Math.LOG2E, 2.0355273740931033e-17] as const
const BY_LOG_10 = [Math.LOG10E, 1.098319650216765e-17] as const

const { sumError, productError } = numbers.float64
const { logInTwo } = pows.float64
const log = new Float64Array(2)

/** log(1 + x). The rounding error of 1 + x is added separately. */
export function log1p(x: number): number {
  if (!(x > -1 && x < Infinity)) return x === -1 ? -Infinity : x < -1 ? NaN : x
  if (x === 0) return x
  const sum = 1 + x
  logInTwo(sum, log)
  return log[0] + (log[1] + sumError(1, x, sum) / sum)
}

const makeLogarithm =
  ([factor, factorLow]: readonly [number, number]) =>
  (x: number): number => {
    if (!(x > 0 && x < Infinity)) return x === 0 ? -Infinity : x < 0 ? NaN : x
    logInTwo(x, log)
    const product = log[0] * factor
    return product + (productError(log[0], factor, product) + (log[0] * factorLow + log[1] * factor))
  }

/** The logarithm in base 2, exact for powers of 2. */
export const log2 = makeLogarithm(BY_LOG_2)

/** The logarithm in base 10, exact for powers of 10. */
export const log10 = makeLogarithm(BY_LOG_10)
