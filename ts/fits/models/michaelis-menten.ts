import { define } from './define.js'
import type { FitModel, ModelOptions } from './model.js'
import { bestOf, finiteRows, type Rows } from './rows.js'

/** vmax·x/(km + x), for x ≥ 0: vmax in units of y, and km, where half of it is reached, in those of x. */
export function michaelisMenten(options: ModelOptions = {}): FitModel<'vmax' | 'km'> {
  return define(
    options,
    (x) => `vmax*${x}/(km + ${x})`,
    (x, y) => guess(finiteRows(x, y, (at) => at >= 0)),
  )
}

/** km is looked for among powers of 2 times the largest x. */
const [LEAST, MOST] = [1 / 4096, 4]

function guess({ x, y, range }: Rows) {
  const largest = x[x.length - 1] || range
  const candidates: number[] = []
  for (let part = LEAST; part <= MOST; part += part) candidates.push(part * largest)
  const { candidate: km, coefficients } = bestOf(y, {
    candidates,
    count: 1,
    fill: (km, [to]) => {
      for (const [row, at] of x.entries()) to[row] = at / (km + at)
    },
    hasOffset: false,
  })
  return { vmax: coefficients[0], km }
}
