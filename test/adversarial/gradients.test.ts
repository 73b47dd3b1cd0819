/**
 * Gradients that are overwritten after the `stepAsync` call, and gradients that are the optimizer's views in exchanged
 * places.
 */

import { adam, ema, Optimizer, type OptimizerOptions } from 'antigrad'
import { describe, expect, test } from 'vitest'
import { engineNames, inBits } from '../helpers.js'
import { type Anything, later, underWay } from './subject.js'

const make = (engine: (typeof engineNames)[number], options: OptimizerOptions = {}) => {
  const params = { a: Float32Array.of(1, 2), b: Float32Array.of(3, 4) }
  return new Optimizer(params, adam({ lr: 0.1 }), { engine, average: ema(0.5), ...(options as object) })
}

/** Excludes `grads`, because a step leaves the values of `grads` unspecified. */
const seen = (optimizer: Anything) =>
  inBits([
    optimizer.save(),
    optimizer.report(),
    optimizer.lastStep.norm,
    optimizer.lastStep.reason,
    optimizer.lastStep.nonFinite,
  ])

describe.each(engineNames)('gradients on the engine %s', (engine) => {
  const ways: [string, OptimizerOptions][] = [
    ['skip', { onNonFinite: 'skip' }],
    ['throw', { onNonFinite: 'throw' }],
    ['a limit of the norm', { clip: { norm: 1 } }],
    ['skip, in batches', { onNonFinite: 'skip', accumulate: 2 }],
    ['batches', { accumulate: 2, clip: { norm: 1 } }],
  ]

  test.each(ways)('are used with their values at the time of the stepAsync call: %s', async (_, options) => {
    for (const value of [NaN, Infinity, 1e30]) {
      const [optimizer, expected] = [make(engine, options), make(engine, options)]
      for (let k = 0; k < 4; k++) {
        const given = () => ({ a: Float32Array.of(1, k === 1 ? value : 2), b: Float32Array.of(3, 4) })
        const outcome = (step: () => unknown) =>
          Promise.resolve()
            .then(step)
            .then(String, ({ name }) => name)
        const gradients = given()
        const ended = outcome(() => {
          const step = optimizer.stepAsync(gradients)
          gradients.a.fill(0)
          structuredClone(null, { transfer: [gradients.b.buffer] })
          return step
        })
        expect(await ended).toBe(await outcome(() => expected.step(given())))
        expect(seen(optimizer)).toBe(seen(expected))
      }
    }
  })

  test.each(ways)('may be parameter views of other tensors: %s', async (_, options) => {
    const run = async (copies: boolean, step: 'step' | 'stepAsync') => {
      const optimizer = make(engine, options)
      for (let k = 0; k < 4; k++) {
        const { a, b } = optimizer.grads
        a.set([1e25, k])
        b.set([3, -4])
        await optimizer[step](copies ? { a: b.slice(), b: a.slice() } : { a: b, b: a })
      }
      return seen(optimizer)
    }
    const expected = await run(true, 'step')
    for (const step of ['step', 'stepAsync'] as const) expect(await run(false, step)).toBe(expected)
  })

  test('are copied correctly if they belong to a subclass of Float32Array', () => {
    class Lying extends Float32Array {
      override slice(): Anything {
        throw new EvalError('mine')
      }
      override *[Symbol.iterator](): Anything {
        yield 77
      }
    }
    const [optimizer, expected] = [underWay(engine), underWay(engine)]
    for (const each of [optimizer, expected]) {
      const { w } = each.params
      each.step({ w: each === optimizer ? new Lying(w.buffer as ArrayBuffer, w.byteOffset, 6) : w.slice() })
    }
    expect(later(optimizer)).toBe(later(expected))
  })
})
