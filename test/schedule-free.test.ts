/**
 * The Schedule-Free rules are their authors': trajectories of the package schedulefree, whose parameters are y while
 * it trains, where ours are x. What is theirs alone: gradients belong to `point()`.
 */

import { readFileSync } from 'node:fs'
import {
  adam,
  delayedStart,
  minimize,
  Optimizer,
  type OptimizerOptions,
  OptionError,
  type Rule,
  rosenbrock,
  scheduleFreeAdamW,
  scheduleFreeRAdam,
  scheduleFreeSgd,
} from 'antigrad'
import { describe, expect, test } from 'vitest'
import type { Dtype } from './helpers.js'
import { array, variants } from './support.js'

interface Entry {
  readonly name: string
  readonly options: Readonly<Record<string, unknown>>
  readonly dtype: Dtype
  readonly initial: readonly number[]
  readonly gradients: readonly (readonly number[])[]
  /** y after each update, and x after the last. */
  readonly parameters: readonly (readonly number[])[]
  readonly evaluation: readonly number[]
}

const golden: Entry[] = JSON.parse(readFileSync(new URL('data/schedule-free.json', import.meta.url), 'utf8'))

const rules: Readonly<Record<string, (options: never) => Rule>> = {
  scheduleFreeSgd,
  scheduleFreeAdamW,
  scheduleFreeRAdam,
}

function translated({ name, options }: Entry): Rule {
  const { betas, weight_decay, warmup_steps, weight_lr_power, ...rest } = options
  const [beta1, beta2] = (betas as number[] | undefined) ?? []
  const ours = { ...rest, beta1, beta2, weightDecay: weight_decay, warmupSteps: warmup_steps }
  const given = Object.entries({ ...ours, weightLrPower: weight_lr_power }).filter(([, x]) => x !== undefined)
  return rules[name](Object.fromEntries(given) as never)
}

describe.each(variants)('$name', ({ name: _, ...engine }) => {
  test.each(golden)('schedulefree $name $dtype', (entry) => {
    const { dtype, initial, gradients, parameters, evaluation } = entry
    const optimizer = new Optimizer(array(dtype, initial), translated(entry), engine)
    const largest = initial.map(Math.abs)
    const compare = (actual: ArrayLike<number>, expected: readonly number[], place: string) => {
      expected.forEach((x, i) => {
        largest[i] = Math.max(largest[i], Math.abs(x))
        const unit = 2 ** (Math.floor(Math.log2(largest[i])) - 23)
        const tolerance = dtype === 'float32' ? 4 * unit : 1e-12 * largest[i]
        expect(Math.abs(actual[i] - x), `${place}, index ${i}`).toBeLessThanOrEqual(tolerance)
      })
    }
    expect(optimizer.point()).toEqual(array(dtype, initial))
    gradients.forEach((gradient, step) => {
      optimizer.step(array(dtype, gradient))
      compare(optimizer.point(), parameters[step], `step ${step}`)
    })
    compare(optimizer.params, evaluation, 'x')
  })
})

const free = scheduleFreeSgd({ lr: 0.1 })
const ones = () => new Float64Array(3).fill(1)

function looked(options: OptimizerOptions = {}) {
  const optimizer = new Optimizer(ones(), free, options)
  optimizer.point()
  return optimizer
}
