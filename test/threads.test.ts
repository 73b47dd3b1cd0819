/** Threads of the native engine change no bit, and share work evenly. */

import { availableParallelism } from 'node:os'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { adam, adamw, Optimizer, OptionError } from 'antigrad'
import { describe, expect, test } from 'vitest'
import { cases } from './cases.js'
import { home, inChild } from './children.js'
import { bits, dtypes, noise } from './helpers.js'
import { differenceAmong, makeData, type Variant } from './support.js'

const variants: readonly Variant[] = [1, 2, 3, 7].map((threads) => ({
  name: `native, ${threads} threads`,
  engine: 'native',
  threads,
}))

/** Threads take pieces of 2¹⁵ elements in a step, and of 2¹⁴ in a norm. */
const [PIECE, BLOCK] = [2 ** 15, 2 ** 14]

describe('the number of threads', () => {
  const several = [PIECE, 3, PIECE - 1, 0, BLOCK + 1, 1, PIECE + 17]
  const data = dtypes.map((dtype) => {
    const all = makeData(dtype, several, 5, true)
    return [dtype, { ...all, gradients: all.gradients.slice(-4) }] as const
  })

  describe.each(data)(
    'affects no bit of the result for several tensors, including tensors without a gradient: %s',
    (_, several) => {
      test.each(cases)('$name', (testCase) => {
        expect(differenceAmong(variants, testCase, several)).toBeNull()
      })
    },
  )

  const names = ['adamw amsgrad', 'sgd', 'clip norm adam', 'clip both zeroGrads delayedStart adamw amsgrad']
  const sample = cases.filter(({ name }) => names.includes(name))
  const lengths = [BLOCK, PIECE, 2 * PIECE].flatMap((border) => [border - 1, border, border + 1])

  test.each(dtypes)(
    'affects no bit of the result for a tensor that ends at a piece boundary: %s',
    (dtype) => {
      expect(sample).toHaveLength(names.length)
      for (const length of lengths) {
        const one = makeData(dtype, [length], length)
        for (const testCase of sample) expect(differenceAmong(variants, testCase, one)).toBeNull()
      }
    },
  )
})

describe('the number of threads of an optimizer', () => {
  /** Adam's arena has four arrays. */
  const withBytes = (bytes: number, options = {}) =>
    new Optimizer(new Float32Array(bytes / 16), adam(), { engine: 'native', ...options })

  test("is one per 4 MiB of the optimizer's memory, and at most the number of cores", () => {
    const cores = availableParallelism()
    expect(withBytes(2 ** 10).threads).toBe(1)
    expect(withBytes(2 ** 22).threads).toBe(1)
    expect(withBytes(2 ** 23 - 2 ** 16).threads).toBe(1)
    expect(withBytes(2 ** 23).threads).toBe(Math.min(2, cores))
    expect(withBytes(2 ** 25).threads).toBe(Math.min(8, cores))
  })

  test('can be set by an option, even above the number of cores', () => {
    expect(withBytes(2 ** 25, { threads: 1 }).threads).toBe(1)
    expect(withBytes(2 ** 10, { threads: 3 }).threads).toBe(3)
    expect(withBytes(2 ** 10, { threads: 256 }).threads).toBe(256)
  })

  test('is always one on every engine except the native engine', () => {
    for (const engine of ['wasm', 'typescript'] as const) {
      expect(new Optimizer(new Float32Array(9), adam(), { engine, threads: 4 }).threads).toBe(1)
    }
  })

  test.each([...[0, -1, 1.5, 257, Number.NaN, Infinity, '2', null, true, 2n, [2]]])(
    'cannot be set to %s',
    (threads) => {
      const make = () => new Optimizer(new Float32Array(1), adam(), { threads: threads as number })
      expect(make).toThrow(OptionError)
      expect(make).toThrow(/^threads: expected an integer from 1 to 256, got /)
    },
  )

  test('follows the environment variable unless the option is set', () => {
    const body = `
      const { adam, Optimizer } = antigrad
      const made = (options) => new Optimizer(new Float32Array(1e6), adam(), { engine: 'native', ...options })
      return Object.fromEntries(['3', '', '1', '256', '0', '257', '1.5', 'two', '-1', 'NaN'].map((value) => {
        process.env.ANTIGRAD_THREADS = value
        const threads = []
        const error = thrownBy(() => {
          threads.push(made({ threads: 5 }).threads, made({}).threads)
        })
        return [value, error === null ? threads : [error.is, error.argument, error.received]]
      }))`
    const refused = (value: string) => [
      'OptionError',
      'the environment variable ANTIGRAD_THREADS',
      JSON.stringify(value),
    ]
    expect(inChild(body)).toEqual({
      '3': [5, 3],
      '': [5, Math.min(7, availableParallelism())],
      '1': [5, 1],
      '256': [5, 256],
      ...Object.fromEntries(['0', '257', '1.5', 'two', '-1', 'NaN'].map((value) => [value, refused(value)])),
    })
  })
})

test('many optimizers with different numbers of threads can step alternately', () => {
  const rule = adamw({ lr: 0.1 })
  const optimizers = Array.from({ length: 24 }, (_, i) => {
    const initial = noise(i, 1 + i * 7919, 'float32')
    const options = { engine: 'native', clip: { norm: 1 } } as const
    const alone = new Optimizer(initial, rule, { ...options, threads: 1 })
    return [new Optimizer(initial, rule, { ...options, threads: 1 + (i % 5) }), alone] as const
  })
  for (let t = 0; t < 5; t++) {
    for (const [optimizer, alone] of optimizers) {
      const gradient = noise(t, alone.params.length, 'float32')
      optimizer.step(gradient)
      alone.step(gradient)
    }
  }
  for (const [optimizer, alone] of optimizers) expect(bits(optimizer.params)).toBe(bits(alone.params))
})

/** The work of each environment, with `step` and with `stepAsync`. All results must be equal. */
const work = `
  const initial = Float32Array.from({ length: 150_001 }, (_, i) => Math.fround(i / 1000))
  const options = { engine: 'native', clip: { norm: 1 }, threads: 3 }
  const optimizer = new antigrad.Optimizer(initial, antigrad.adamw({ lr: 0.1 }), options)
  for (let t = 0; t < 150; t++) {
    optimizer.grads.fill(t % 7)
    if (t % 3 === 0) await optimizer.stepAsync()
    else optimizer.step()
  }
  return Buffer.from(optimizer.params.buffer, optimizer.params.byteOffset, optimizer.params.byteLength)
    .toString('base64')`

test("Node workers and the main thread can step at the same time, and share the addon's threads", async () => {
  const url = JSON.stringify(pathToFileURL(`${home}dist/index.js`).href)
  const source = `import(${url}).then(async (antigrad) => { ${work} })
    .then((result) => require('node:worker_threads').parentPort.postMessage(result))`
  const inWorker = () =>
    new Promise<string>((resolve, reject) => {
      new Worker(source, { eval: true }).on('message', resolve).on('error', reject)
    })
  const antigrad = await import('antigrad')
  const here = new Function('antigrad', `return (async () => { ${work} })()`) as (
    module: typeof antigrad,
  ) => Promise<string>
  const alone = await here(antigrad)
  const [a, b, c] = await Promise.all([inWorker(), inWorker(), here(antigrad)])
  expect([a === alone, b === alone, c === alone]).toEqual([true, true, true])
})
