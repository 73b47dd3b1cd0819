/** Hashes of the results of batches and fits on an engine, for digests.ts. */

import {
  adam,
  expression,
  type MinimizeManyResult,
  minimizeManySync,
  type Rule,
  radam,
  rprop,
  sgd,
} from 'antigrad'
import { fitManySync } from 'antigrad/fit'
import { arrayOf, digest, dtypes, noise, withOneNaN } from './bits.js'
import type { Variant } from './support.js'

/** The number exceeds a block of lanes, and is not a multiple of a vector. */
const RUNS = 301

const valley = expression('(1 - x)^2 + 100*(y - x^2)^2 + sin(3*x)*exp(-y^2)')
const rules: Readonly<Record<string, Rule>> = {
  adam: adam({ lr: 0.05 }),
  radam: radam({ lr: 0.1 }),
  rprop: rprop(),
  sgd: sgd({ lr: 1e-3, momentum: 0.8, nesterov: true, weightDecay: 0.1 }),
}

const decay = expression('a*exp(-b*t) + c')
const t = Float64Array.from({ length: 30 }, (_, k) => k / 8)
const y = Array.from({ length: RUNS }, (_, fit) =>
  noise(fit + 1, t.length, 'float64', 0.05).map((error, k) => error + 2 / (1 + t[k] * (0.5 + fit / RUNS))),
)

export function manyDigests({ name: _, ...forced }: Variant): Record<string, string> {
  const options = { maxIterations: 300, ...forced }
  const runs = dtypes.flatMap((dtype) => {
    const start = { x: noise(1, RUNS, dtype, 2), y: noise(2, RUNS, dtype, 2) }
    return Object.entries(rules).map(([name, rule]) => {
      const result: MinimizeManyResult = minimizeManySync(valley, start, rule, options)
      const { x, value, gradientNorm, maxChange, iterations } = result
      return [`${name}, ${dtype}`, [...Object.values(x), value, gradientNorm, maxChange, iterations]] as const
    })
  })
  const fits = ([undefined, 'huber'] as const).map((loss) => {
    const start = { a: { start: 1, positive: true }, b: 1, c: { start: 0, min: -0.1 } }
    const fitted = fitManySync(decay, { t, y }, { start, ...(loss && { loss, lossScale: 0.02 }), ...forced })
    const { values, errors, chiSquared, evaluations } = fitted
    const found = [...Object.values(values), ...Object.values(errors), chiSquared, evaluations]
    return [`fits, ${loss ?? 'squares'}`, found] as const
  })
  return Object.fromEntries(
    [...runs, ...fits].map(([name, columns]) => [
      name,
      digest(columns.map((column) => withOneNaN(arrayOf.float64.from(column)))),
    ]),
  )
}
