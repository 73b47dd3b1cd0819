/**
 * Prodigy is its authors' (the package prodigyopt) and Optax's: trajectories, with d after each update. What is its
 * alone: tensors share a d.
 */

import { readFileSync } from 'node:fs'
import { adam, Optimizer, type Prodigy, prodigy } from 'antigrad'
import { describe, expect, test } from 'vitest'
import { type Dtype, dtypes, type FloatArray, noise } from './helpers.js'
import { array, firstDifference, reference, variants } from './support.js'

interface Entry {
  readonly system: string
  readonly name: string
  readonly options: Readonly<Record<string, unknown>>
  readonly dtype: Dtype
  readonly initial: readonly number[]
  readonly gradients: readonly (readonly number[])[]
  readonly parameters: readonly (readonly number[])[]
  readonly d: readonly number[]
}

const golden: Entry[] = JSON.parse(readFileSync(new URL('data/prodigy.json', import.meta.url), 'utf8'))

const newNames: Readonly<Record<string, string>> = {
  weight_decay: 'weightDecay',
  d_coef: 'dCoef',
  growth_rate: 'growthRate',
  use_bias_correction: 'useBiasCorrection',
  safeguard_warmup: 'safeguardWarmup',
}

function translated({ system, options }: Entry): Prodigy {
  const renamed = Object.fromEntries(Object.entries(options).map(([key, x]) => [newNames[key] ?? key, x]))
  return (system === 'optax' ? prodigy.optax : prodigy)(renamed)
}

/** What clocks say of d, by tensor. */
const distances = (optimizer: Pick<Optimizer, 'save'>) =>
  Object.values(optimizer.save().tensors).map(({ clock }) => clock?.d)

describe.each(variants)('$name', ({ name: _, ...engine }) => {
  test.each(golden)('$system $name $dtype', (entry) => {
    const { dtype, initial, gradients, parameters, d } = entry
    const optimizer = new Optimizer(array(dtype, initial), translated(entry), engine)
    const largest = initial.map(Math.abs)
    gradients.forEach((gradient, step) => {
      optimizer.step(array(dtype, gradient))
      parameters[step].forEach((x, i) => {
        largest[i] = Math.max(largest[i], Math.abs(x))
        const unit = 2 ** (Math.floor(Math.log2(largest[i])) - 23)
        const tolerance = dtype === 'float32' ? 4 * unit : 1e-12 * largest[i]
        const off = Math.abs(optimizer.params[i] - x)
        expect(off, `step ${step}, index ${i}`).toBeLessThanOrEqual(tolerance)
      })
      const [ours] = distances(optimizer as never) as number[]
      const off = Math.abs(ours / d[step] - 1)
      expect(off, `d, step ${step}`).toBeLessThanOrEqual(dtype === 'float32' ? 1e-5 : 1e-12)
    })
  })
})
