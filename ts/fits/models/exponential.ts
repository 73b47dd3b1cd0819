import { exp } from '../../functions/index.js'
import { define, readModelOptions } from './define.js'
import type { FitModel, ModelOptions } from './model.js'
import { bestOf, finiteRows, type Rows } from './rows.js'

/** amplitude·e^(−rate·x) + offset. The rate is by unit of x, 1/τ of a decay, and below 0 where y runs away. */
export function exponential(options: ModelOptions = {}): FitModel {
  return define(
    readModelOptions(options),
    (x) => `amplitude*exp(-rate*${x}) + offset`,
    (x, y) => guess(finiteRows(x, y)),
  )
}

/** From one candidate to the next rates double, from this part of 1/range on. */
const SLOWEST = 0.25
const MOST_DOUBLINGS = 24
/** Amplitudes where x is 0 are this many times those of the data at most, or less by it. */
const FARTHEST = 1e200

interface Candidate {
  readonly rate: number
  /** The column is `scale`·e^(−rate·x): 1 at one end and less elsewhere. */
  readonly scale: number
  readonly column: Float64Array
}

function guess(rows: Rows): Readonly<Record<string, number>> {
  const { candidate, coefficients } = bestOf(rows.y, {
    candidates: candidates(rows),
    count: 1,
    fill: ({ column }, [to]) => to.set(column),
    hasOffset: true,
  })
  return { amplitude: coefficients[1] * candidate.scale, rate: candidate.rate, offset: coefficients[0] }
}

function* candidates({ x, range }: Rows): Generator<Candidate> {
  // Constant data, and times so far from 0 that no amplitude there is a number.
  yield { rate: 1 / range, scale: 1, column: new Float64Array(x.length) }
  for (const sign of [1, -1]) {
    const end = x[sign > 0 ? 0 : x.length - 1]
    const gap = x.reduce((least, at) => (at === end ? least : Math.min(least, Math.abs(at - end))), range)
    const column = x.map((at) => exp((-sign * SLOWEST * (at - end)) / range))
    let rate = (sign * SLOWEST) / range
    for (let k = 0; k < MOST_DOUBLINGS && Math.abs(rate) * gap < 4; k++) {
      const scale = exp(rate * end)
      if (scale > 1 / FARTHEST && scale < FARTHEST) yield { rate, scale, column }
      rate += rate
      for (let row = 0; row < column.length; row++) column[row] *= column[row]
    }
  }
}
