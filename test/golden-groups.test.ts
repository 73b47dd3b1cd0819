/**
 * Groups match PyTorch's parameter groups. `data/groups.json` contains PyTorch runs with two groups, a third group that
 * is added later, missing gradients and a decreasing learning rate. One optimizer follows each run to the last digits,
 * and is saved and loaded during the run.
 */

import { readFileSync } from 'node:fs'
import {
  adadelta,
  adagrad,
  adam,
  adamax,
  adamw,
  asgd,
  nadam,
  Optimizer,
  type Rule,
  radam,
  rmsprop,
  rprop,
  type SavedRun,
  sgd,
} from 'antigrad'
import { describe, expect, test } from 'vitest'
import { variants } from './support.js'

type Options = Readonly<Record<string, unknown>>

interface Run {
  readonly system: string
  readonly options: Options
  /** The options of the second group and of the third group. */
  readonly second: Options
  readonly third: Options
  readonly addedBefore: number
  readonly lrTimes: { readonly update: number; readonly group: number; readonly factor: number }
  readonly savedAfter: number
  readonly missing: readonly number[]
  readonly lrs: readonly (readonly number[])[]
  readonly initial: readonly (readonly number[])[]
  /** Gradients by update and tensor, in the same order as the parameters after each update. */
  readonly gradients: readonly (readonly (readonly number[])[])[]
  readonly parameters: readonly (readonly (readonly number[])[])[]
}

const { runs }: { runs: Run[] } = JSON.parse(
  readFileSync(new URL('data/groups.json', import.meta.url), 'utf8'),
)

const rules: Readonly<Record<string, (options: never) => Rule>> = {
  'torch.optim.SGD': sgd,
  'torch.optim.AdamW': adamw,
  'torch.optim.Adam': adam,
  'torch.optim.Adagrad': adagrad,
  'torch.optim.RAdam': radam,
  'torch.optim.Adamax': adamax,
  'torch.optim.RMSprop': rmsprop,
  'torch.optim.NAdam': nadam,
  'torch.optim.Adadelta': adadelta,
  'torch.optim.ASGD': asgd,
  'torch.optim.Rprop': rprop,
}

const ours = (options: Options) =>
  Object.fromEntries(
    Object.entries(options).map(([key, value]) => [key.replace('weight_decay', 'weightDecay'), value]),
  )

const floats = (values: readonly number[]) => Float64Array.from(values)
const isGathered = (run: Run, t: number, tensor: number) =>
  run.missing[t] !== tensor && (tensor < 2 || t >= run.addedBefore)

test('the recorded runs have three groups, two missing gradients, and a decreasing learning rate', () => {
  expect(runs.map(({ system }) => system)).toEqual(Object.keys(rules))
  for (const run of runs) {
    expect(run.lrs[run.addedBefore].length - run.lrs[run.addedBefore - 1].length).toBe(1)
    expect(run.missing.filter((tensor) => tensor >= 0)).toHaveLength(2)
    const { update, group, factor } = run.lrTimes
    expect(run.lrs[update][group]).toBeCloseTo(run.lrs[update - 1][group] * factor, 15)
    expect(Math.max(run.addedBefore, run.savedAfter)).toBeLessThan(update)
  }
})

describe.each(variants)('runs with groups of tensors on $name', ({ name: _, ...engine }) => {
  test.each(runs)('reproduce the recorded run of $system', (run) => {
    const [first, second, third] = run.initial.map(floats)
    const groups = [{ match: '1', ...ours(run.second) }]
    const rule = rules[run.system](ours(run.options) as never)
    let optimizer: Optimizer<Float64Array[], Rule> = new Optimizer([first, second], rule, {
      groups,
      ...engine,
    }) as never
    const updates = [0, 0, 0]
    const largest = run.initial.map((values) => values.map(Math.abs))
    run.gradients.forEach((gradients, t) => {
      if (t === run.addedBefore) {
        const added = optimizer.add([third], { groups: [{ match: '2', ...ours(run.third) }] })
        expect(added).toBe(optimizer)
      }
      const { update, group } = run.lrTimes
      if (t === update) optimizer.set(`${group}`, { lr: run.lrs[t][group] })

      const { length } = optimizer.params
      const given = gradients.map((gradient, i) => (isGathered(run, t, i) ? floats(gradient) : null))
      expect(optimizer.step(given.slice(0, length) as never)).toBe(true)
      for (const i of updates.keys()) updates[i] += Number(isGathered(run, t, i))
      expect(optimizer.report().tensors.map((tensor) => tensor.updates)).toEqual(updates.slice(0, length))

      optimizer.params.forEach((params, i) => {
        run.parameters[t][i].forEach((expected, k) => {
          largest[i][k] = Math.max(largest[i][k], Math.abs(expected))
          const place = `update ${t}, tensor ${i}, index ${k}`
          expect(Math.abs(params[k] - expected), place).toBeLessThanOrEqual(1e-12 * largest[i][k])
        })
      })
      if (t === run.savedAfter) {
        const saved: SavedRun = structuredClone(optimizer.save())
        optimizer = Optimizer.load<Float64Array[], Rule>(saved, engine)
        expect(optimizer.engine).toBe(engine.engine)
      }
    })
    expect(updates).toEqual([14, 12, 9])
  })
})
