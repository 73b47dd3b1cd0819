import { type Slices, visitInSlices } from '../../core/slices.js'
import { log, pow } from '../../functions/index.js'
import { define } from './define.js'
import { finiteRows, sortedRows, TIE_TOLERANCE, zeros } from './linear-least-squares.js'
import type { FitModel, GuessArguments, ModelOptions } from './model.js'

/** Power law amplitude·x^exponent, for x > 0, or for x ≥ 0 if the exponent is positive. */
export function power(options: ModelOptions = {}): FitModel<'amplitude' | 'exponent'> {
  return define(options, (x) => `amplitude*${x}^exponent`, guess)
}

/** Minimum exponent of the guess if x contains 0, because 0 has no power with a negative exponent. */
const MIN_EXPONENT_AT_0 = 0.125

/** Fits a line to the logarithms of x and y. The weights y² compensate for the effect of the logarithm on the noise. */
function* guess(...[xs, ys]: GuessArguments) {
  const isIn = (at: number) => at >= 0
  const { x, y } = sortedRows(xs, ys, isIn) ?? (yield* finiteRows(xs, ys, isIn))
  let sum = 0
  yield* visitInSlices(y.length, (from, to) => {
    for (let row = from; row < to; row++) sum += y[row] * Math.abs(y[row])
  })
  const sign = sum < 0 ? -1 : 1
  const slope = yield* logSlope(x, y, sign)
  const exponent = x[0] === 0 ? Math.max(slope, MIN_EXPONENT_AT_0) : slope
  let [square, product] = [0, 0]
  yield* visitInSlices(x.length, (from, to) => {
    for (let row = from; row < to; row++) {
      const at = pow(x[row], exponent)
      square += at * at
      product += at * y[row]
    }
  })
  return { amplitude: square > 0 && square < Infinity ? product / square : 0, exponent }
}

/**
 * Weighted slope of log |y| against log x, over the rows in which both logarithms exist. The slope is 0 if x does not
 * vary.
 */
function* logSlope(x: Float64Array, y: Float64Array, sign: number): Slices<number> {
  const [u, v] = [zeros(x.length), zeros(x.length)]
  let [weight, sumU, sumV, all] = [0, 0, 0, 0]
  yield* visitInSlices(x.length, (from, to) => {
    for (let row = from; row < to; row++) {
      if (!isUsed(x[row], sign * y[row])) continue
      const w = y[row] * y[row]
      u[row] = log(x[row])
      v[row] = log(sign * y[row])
      weight += w
      sumU += w * u[row]
      sumV += w * v[row]
      all += w * u[row] * u[row]
    }
  })
  let [square, product] = [0, 0]
  yield* visitInSlices(x.length, (from, to) => {
    for (let row = from; row < to; row++) {
      if (!isUsed(x[row], sign * y[row])) continue
      const w = y[row] * y[row]
      const off = u[row] - sumU / weight
      square += w * off * off
      product += w * off * (v[row] - sumV / weight)
    }
  })
  // If the sums overflow, the comparison with NaN is false, and the slope is 0.
  return square > TIE_TOLERANCE * all ? product / square : 0
}

const isUsed = (x: number, y: number) => x > 0 && y > 0
