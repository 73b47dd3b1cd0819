import { define } from './define.js'
import type { Data, FitModel, ModelOptions } from './model.js'
import { bestOf, finiteRows } from './rows.js'

/** vmax·x/(km + x), for x ≥ 0: vmax in units of y, and km, where half of it is reached, in those of x. */
export function michaelisMenten(options: ModelOptions = {}): FitModel<'vmax' | 'km'> {
  return define(options, (x) => `vmax*${x}/(km + ${x})`, guess)
}

/** km is looked for among powers of 2 times the largest x. */
const [LEAST, MOST] = [1 / 4096, 4]

function* guess(...[xs, ys]: Data) {
  const { x, y, range } = yield* finiteRows(xs, ys, (at) => at >= 0)
  const largest = x[x.length - 1] || range
  const candidates: number[] = []
  for (let part = LEAST; part <= MOST; part += part) candidates.push(part * largest)
  const { candidate: km, coefficients } = yield* bestOf(y, {
    candidates,
    count: 1,
    fill: (km, [column], from, to) => {
      for (let row = from; row < to; row++) column[row] = x[row] / (km + x[row])
    },
    hasOffset: false,
  })
  return { vmax: coefficients[0], km }
}
