/**
 * Dropped objects release all memory: the resident memory after many calls equals the memory after a tenth of the
 * calls. ANTIGRAD_TEST_LARGE=1 makes fifty times as many calls.
 */

import { expect, test } from 'vitest'
import { inChild } from '../children.js'

const isLarge = process.env.ANTIGRAD_TEST_LARGE === '1'
const MiB = 2 ** 20

const subjects = {
  optimizers: {
    calls: 1_000_000,
    before: `
      const { Optimizer, adamw, ema, nesterov } = antigrad
      const params = { w: new Float32Array(12), bias: new Float32Array(4), head: new Float32Array(6) }
      const groups = [{ match: '**.bias', weightDecay: 0 }, { match: 'head', rule: nesterov() }, { match: 'w', lrScale: 0.5 }]
      const options = { groups, average: ema(0.9), clip: { norm: 1 } }`,
    call: 'new Optimizer(params, adamw(), options).step(params)',
  },
  'optimizers by equations': {
    calls: 1_000_000,
    before: `
      const step = 'p = p*beta; m = beta*m + (1 - beta)*g; theta = theta - lr*m/((1 - p)*(sqrt(mean(g^2)) + 1))'
      const options = { lr: 0.01, beta: { default: 0.9, min: 0, below: 1 } }
      const rule = antigrad.defineRule('centered', { options, state: { m: 0 }, scalars: { p: 1 }, step })
      const params = { w: new Float32Array(12), bias: new Float32Array(4), head: new Float32Array(6) }
      const groups = [{ match: '**.bias', lrScale: 0.5 }, { match: 'head', rule: antigrad.adamw() }]`,
    call: 'new antigrad.Optimizer(params, rule({ lr: 1 / (2 + i % 9) }), { groups }).step(params)',
  },
  fits: {
    // During the first 2,000 calls, compiled code takes 25 MiB.
    calls: 1_000_000,
    before: `
      const model = antigrad.expression('a*exp(-b*t) + c')
      const t = [0, 0.5, 1, 1.5, 2, 2.5, 3]
      const y = [4, 2.9, 2.1, 1.7, 1.4, 1.2, 1.1]
      const start = { a: 1, b: 1, c: 0 }`,
    call: 'antigrad.fit(model, { t, y: y.map((y, k) => y + (i % 7) * (k % 3) / 99) }, { start, derive: { half: "log(2)/b" } })',
  },
  'calls of many runs': {
    calls: 10_000,
    before: `
      const objective = antigrad.expression('(1 - x)^2 + 100*(y - x^2)^2')
      const [x, y] = [new Float64Array(64).fill(-1), new Float64Array(64).fill(1)]`,
    call: 'antigrad.minimizeManySync(objective, { x, y }, antigrad.adam(), { maxIterations: 20 })',
  },
}

test.each(Object.entries(subjects))(
  'the resident memory of the process stays constant for %s',
  (_, { calls, before, call }) => {
    const count = isLarge ? calls : calls / 50
    const { early, late } = inChild(
      `${before}
      const pause = () => new Promise((resolve) => setTimeout(resolve, 30))
      const measure = async () => {
        for (let k = 0; k < 5; k++) {
          gc()
          await pause()
        }
        return process.memoryUsage().rss
      }
      const make = async (count) => {
        for (let i = 0; i < count; i++) {
          ${call}
          // Node lets go of what the addon holds when its event loop turns.
          if (i % 256 === 0) await new Promise(setImmediate)
        }
        return measure()
      }
      return { early: await make(${count / 10}), late: await make(${(count / 10) * 9}) }`,
      { flags: ['--expose-gc'], env: { MALLOC_MMAP_THRESHOLD_: `${MiB}` } },
    ) as Record<string, number>
    expect((late - early) / MiB).toBeLessThan(20)
  },
  3_600_000,
)
