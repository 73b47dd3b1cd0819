import { exp } from '../../functions/index.js'
import { SLICE, type Slices } from '../../ground/slices.js'
import { define } from './define.js'
import type { Data, FitModel, ModelOptions } from './model.js'
import { column, copied, finiteRows, firstWhere, project, type Rows, Sums, zeros } from './rows.js'

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
  const isNear = (rate: number) => scale(rate) > 1 / FARTHEST && scale(rate) < FARTHEST
  const offset = zeros(x.length).fill(1)
  const rest = copied(y)
  yield* project([offset], rest)
  const curve = zeros(Math.min(x.length, SLICE))
  /** @param areDoubled whether most rates are twice the one before: then curves are squares, and few need powers of e */
  const best = function* (rates: readonly number[], areDoubled: boolean): Slices<number> {
    const sums = new Sums(rates.length)
    for (let from = 0; from < x.length; from += SLICE) {
      const some = rest.subarray(from, from + SLICE)
      for (const [k, rate] of rates.entries()) {
        if (from + k > 0 && x.length > SLICE) yield
        const begin = end(rate)
        if (areDoubled && k > 0 && rate === 2 * rates[k - 1]) {
          for (let row = 0; row < some.length; row++) curve[row] *= curve[row]
        } else {
          for (let row = 0; row < some.length; row++) curve[row] = exp(-rate * (x[from + row] - begin))
        }
        sums.add(k, curve, some)
      }
    }
    return rates[sums.best(rest, true)]
  }
  const rates = ratesOf(rows).filter(isNear)
  // So far from 0 no amplitude is a number.
  if (rates.length === 0) return { amplitude: 0, rate: 1 / range, offset: y[0] }
  let rate = yield* best(rates, true)
  for (const by of CLOSER) rate = yield* best([rate, rate / by, rate * by].filter(isNear), false)
  const begin = end(rate)
  const drawn = yield* column(x.length, (row) => exp(-rate * (x[row] - begin)))
  const [constant, amplitude] = yield* project([offset, drawn], copied(y))
  return { amplitude: amplitude * scale(rate), rate, offset: constant }
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
