import { exp } from '../../functions/index.js'
import { define } from './define.js'
import type { FitModel, ModelOptions } from './model.js'
import { bestOf, finiteRows, type Rows } from './rows.js'

/** amplitude·e^(−rate·x) + offset. The rate is by unit of x, 1/τ of a decay, and below 0 where y runs away. */
export function exponential(options: ModelOptions = {}): FitModel<'amplitude' | 'rate' | 'offset'> {
  return define(
    options,
    (x) => `amplitude*exp(-rate*${x}) + offset`,
    (x, y) => guess(finiteRows(x, y)),
  )
}

/** From one rate to the next they double, from this part of 1/range on. */
const SLOWEST = 0.25
const MOST_DOUBLINGS = 24
/** By what the rate is larger or smaller at a closer look. */
const CLOSER = [1.4, 1.2, 1.1]
/** Amplitudes where x is 0 are this many times those of the data at most, or less by it. */
const FARTHEST = 1e200

function guess(rows: Rows) {
  const { x, y, range } = rows
  // Where e^(−rate·x) is 1 instead: at the end from where it falls.
  const end = (rate: number) => x[rate > 0 ? 0 : x.length - 1]
  const scale = (rate: number) => exp(rate * end(rate))
  const fill = (rate: number, [to]: readonly Float64Array[]) => {
    const from = end(rate)
    for (let row = 0; row < to.length; row++) to[row] = exp(-rate * (x[row] - from))
  }
  const search = (rates: readonly number[]) => {
    const candidates = rates.filter((rate) => scale(rate) > 1 / FARTHEST && scale(rate) < FARTHEST)
    return candidates.length === 0 ? null : bestOf(y, { candidates, count: 1, fill, hasOffset: true })
  }
  let best = search(ratesOf(rows))
  // So far from 0 no amplitude is a number.
  if (best === null) return { amplitude: 0, rate: 1 / range, offset: y[0] }
  for (const by of CLOSER) {
    const rate: number = best.candidate
    best = search([rate, rate / by, rate * by]) ?? best
  }
  const { candidate: rate, coefficients } = best
  return { amplitude: coefficients[1] * scale(rate), rate, offset: coefficients[0] }
}

/** Up to those that are over from one x to the next. */
function ratesOf({ x, range }: Rows): number[] {
  return [1, -1].flatMap((sign) => {
    const end = x[sign > 0 ? 0 : x.length - 1]
    const gap = x.reduce((least, at) => (at === end ? least : Math.min(least, Math.abs(at - end))), range)
    const rates: number[] = []
    for (let rate = SLOWEST / range; rates.length < MOST_DOUBLINGS && rate * gap < 4; rate += rate) {
      rates.push(sign * rate)
    }
    return rates
  })
}
