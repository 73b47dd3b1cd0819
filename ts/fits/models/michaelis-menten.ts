import { define } from './define.js'
import { finiteRows, sortedRows } from './linear-least-squares.js'
import type { FitModel, GuessArguments, ModelOptions } from './model.js'
import { CandidateShapes } from './shapes.js'

/**
 * Michaelis-Menten kinetics vmax·x/(km + x), for x ≥ 0. The parameter vmax has the unit of y. The parameter km, in the
 * unit of x, is the x at which the rate is half of vmax.
 */
export function michaelisMenten(options: ModelOptions = {}): FitModel<'vmax' | 'km'> {
  return define(options, (x) => `vmax*${x}/(km + ${x})`, guess)
}

/**
 * Smallest candidate for km, as a fraction of the largest x. Each further candidate for km is twice the previous one.
 */
const MIN_RATIO = 1 / 4096
/** Largest candidate for km, as a multiple of the largest x. */
const MAX_RATIO = 4

const shapes = /* @__PURE__ */ new CandidateShapes(({ x, range }) => {
  const largest = x[x.length - 1] || range
  const kms: number[] = []
  for (let part = MIN_RATIO; part <= MAX_RATIO; part += part) kms.push(part * largest)
  return {
    grid: kms,
    count: kms.length,
    more: 0,
    drawCandidate(k, on, at, from, to) {
      const km = kms[k]
      for (let row = from; row < to; row++) on[at + row - from] = x[row] / (km + x[row])
    },
  }
}, false)

function* guess(...[xs, ys]: GuessArguments) {
  const isIn = (at: number) => at >= 0
  const rows = sortedRows(xs, ys, isIn) ?? (yield* finiteRows(xs, ys, isIn))
  const drawn = shapes.drawn(rows)
  if (!drawn.multiply(rows.y)) yield* drawn.multiplyInSlices(rows.y)
  const best = drawn.best(rows.y)
  return { vmax: drawn.match(best).factor, km: drawn.grid[best] }
}
