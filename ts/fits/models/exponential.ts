import { exp } from '../../functions/index.js'
import { define } from './define.js'
import type { Data, FitModel, ModelOptions } from './model.js'
import { bestOf, finiteRows, firstWhere, type Rows } from './rows.js'

/** amplitude·e^(−rate·x) + offset. The rate is by unit of x, 1/τ of a decay, and below 0 where y runs away. */
export function exponential(options: ModelOptions = {}): FitModel<'amplitude' | 'rate' | 'offset'> {
  return define(options, (x) => `amplitude*exp(-rate*${x}) + offset`, guess)
}

/** From one rate to the next they double, from this part of 1/range on. */
const SLOWEST = 0.25
const MOST_DOUBLINGS = 24
/** By what the rate is larger or smaller at a closer look. */
const CLOSER = [1.4, 1.2, 1.1]
/** Amplitudes where x is 0 are this many times those of the data at most, or less by it. */
const FARTHEST = 1e200

function* guess(...[xs, ys]: Data) {
  const rows = yield* finiteRows(xs, ys)
  const { x, y, range } = rows
  // Where e^(−rate·x) is 1 instead: at the end from where it falls.
  const end = (rate: number) => x[rate > 0 ? 0 : x.length - 1]
  const scale = (rate: number) => exp(rate * end(rate))
  const fill = (rate: number, [column]: readonly Float64Array[], from: number, to: number) => {
    const begin = end(rate)
    for (let row = from; row < to; row++) column[row] = exp(-rate * (x[row] - begin))
  }
  const search = function* (rates: readonly number[]) {
    const candidates = rates.filter((rate) => scale(rate) > 1 / FARTHEST && scale(rate) < FARTHEST)
    return candidates.length === 0 ? null : yield* bestOf(y, { candidates, count: 1, fill, hasOffset: true })
  }
  let best = yield* search(ratesOf(rows))
  // So far from 0 no amplitude is a number.
  if (best === null) return { amplitude: 0, rate: 1 / range, offset: y[0] }
  for (const by of CLOSER) {
    const rate: number = best.candidate
    best = (yield* search([rate, rate / by, rate * by])) ?? best
  }
  const { candidate: rate, coefficients } = best
  return { amplitude: coefficients[1] * scale(rate), rate, offset: coefficients[0] }
}

/** Up to those that are over from one x to the next. */
function ratesOf({ x, range }: Rows): number[] {
  return [1, -1].flatMap((sign) => {
    const last = x.length - 1
    // The next one that is another.
    const next = sign > 0 ? firstWhere(x, (at) => at > x[0]) : firstWhere(x, (at) => at >= x[last]) - 1
    const gap = next < 0 || next > last ? range : Math.abs(x[next] - x[sign > 0 ? 0 : last])
    const rates: number[] = []
    for (let rate = SLOWEST / range; rates.length < MOST_DOUBLINGS && rate * gap < 4; rate += rate) {
      rates.push(sign * rate)
    }
    return rates
  })
}
