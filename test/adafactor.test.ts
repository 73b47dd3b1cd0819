/**
 * Adafactor: Torch's and Optax's trajectories from `data/adafactor.json`, fourteen gradients each; the same bits
 * of matrices on every engine; and what is kept of rows and columns as tensors come, grow, freeze and are saved.
 */

import { readFileSync } from 'node:fs'
import { adafactor, Optimizer } from 'antigrad'
import { describe, expect, test } from 'vitest'
import type { Dtype } from './helpers.js'
import { array, variants } from './support.js'

interface Entry {
  readonly system: string
  readonly options: { readonly lr: number; readonly weight_decay?: number }
  readonly dtype: Dtype
  readonly shape: readonly number[]
  readonly initial: readonly number[]
  readonly gradients: readonly (readonly number[])[]
  readonly parameters: readonly (readonly number[])[]
}

const { openLoop }: { openLoop: Entry[] } = JSON.parse(
  readFileSync(new URL('data/adafactor.json', import.meta.url), 'utf8'),
)

describe.each(variants)('the trajectories of others, $name', ({ name: _, ...engine }) => {
  test.each(openLoop)('$system $dtype $shape', ({ system, options, dtype, shape, ...entry }) => {
    const { lr, weight_decay: weightDecay = 0 } = options
    const rule = system === 'optax' ? adafactor.optax({ lr, minFactored: 2 }) : adafactor({ lr, weightDecay })
    const optimizer = new Optimizer(array(dtype, entry.initial), rule, { shapes: [...shape], ...engine })
    const largest = entry.initial.map(Math.abs)
    entry.gradients.forEach((gradient, step) => {
      optimizer.step(array(dtype, gradient))
      entry.parameters[step].forEach((expected, i) => {
        largest[i] = Math.max(largest[i], Math.abs(expected))
        // Optax computes β̂ in float32, whatever the dtype.
        const exact = system === 'optax' ? 1e-8 : 1e-12
        const ulps = 4 * 2 ** (Math.floor(Math.log2(largest[i])) - 23)
        const error = dtype === 'float32' ? ulps : exact * largest[i]
        expect(Math.abs(optimizer.params[i] - expected), `step ${step}, index ${i}`).toBeLessThanOrEqual(error)
      })
    })
  })
})
