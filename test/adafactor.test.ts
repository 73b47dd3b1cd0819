/**
 * Adafactor follows the trajectories of PyTorch and Optax in `data/adafactor.json`, each with fourteen gradients.
 * Matrices have the same bits on every engine. Row and column statistics survive when tensors are added, extended,
 * frozen and saved.
 */

import { readFileSync } from 'node:fs'
import { adafactor, adamw, delayedStart, Optimizer, type Rule, warmup } from 'antigrad'
import { describe, expect, test } from 'vitest'
import { type Dtype, digest, dtypes, type FloatArray, withOneNaN } from './helpers.js'
import {
  type Data,
  expectTrajectory,
  makeData,
  reference,
  type Trajectory,
  type Variant,
  variants,
} from './support.js'

interface Entry extends Trajectory {
  readonly system: string
  readonly options: { readonly lr: number; readonly weight_decay?: number }
}

const { openLoop }: { openLoop: Entry[] } = JSON.parse(
  readFileSync(new URL('data/adafactor.json', import.meta.url), 'utf8'),
)

describe.each(variants)('Adafactor on $name', ({ name: _, ...engine }) => {
  test.each(openLoop)(
    'reproduces the trajectory of $system in $dtype for the shape $shape',
    ({ system, options, ...entry }) => {
      const { lr, weight_decay: weightDecay = 0 } = options
      const rule =
        system === 'optax' ? adafactor.optax({ lr, minFactored: 2 }) : adafactor({ lr, weightDecay })
      // Optax computes β̂ in float32, whatever the dtype.
      expectTrajectory(rule, entry, engine, system === 'optax' ? 1e-8 : 1e-12)
    },
  )
})

/** A vector, and matrices with one row, with one column, with few elements, of several pieces and without elements. */
const shapes = [
  ...[
    [1, 200],
    [200, 1],
    [3, 5],
    [17, 33],
    [2, 3, 4],
    [300, 70],
    [600, 70],
    [130, 300],
    [3, 140, 290],
  ],
  ...[[6000, 3, 3], [0, 5], [40_003], [1, 20_000], [1, 1]],
]
const lengths = shapes.map((shape) => shape.reduce((product, n) => product * n, 1))

const rules: Record<string, [Rule, object?]> = {
  torch: [adafactor({ lr: 0.05 })],
  'torch decay maximize clip': [
    adafactor({ lr: 0.05, weightDecay: 0.1, maximize: true }),
    { clip: { norm: 1, value: 0.1 } },
  ],
  'torch momentum zeroGrads': [adafactor({ lr: 0.05, beta1: 0.9 }), { zeroGrads: true }],
  optax: [adafactor.optax({ lr: 0.01, minFactored: 2, weightDecay: 0.01, beta1: 0.5 })],
  keras: [adafactor.keras({ eps2: 0.5, d: null })],
  timm: [adafactor.timm({ weightDecay: 0.01, scaleParameter: false })],
  'eps 0, delayed': [
    delayedStart(3, adafactor({ eps1: 0, beta2Decay: -0.5, lr: warmup(0.1, { steps: 3 }) })),
  ],
  'eps 0 added': [adafactor.keras({ eps1: 0, d: 0.5 })],
}

const threads = [1, 2, 3].map(
  (threads) => ({ name: `native, ${threads}`, engine: 'native', threads }) as const,
)
const others = [...variants.filter((variant) => variant !== reference), ...threads]

function begin([rule, options]: [Rule, object?], { name: _, ...engine }: Variant, data: Data) {
  const groups = [{ match: '11', rule: adamw({ lr: 0.01 }) }]
  return new Optimizer(data.initial, rule, { ...options, groups, shapes: [...shapes], ...engine })
}

/** All bits of the optimizer. */
function bits(optimizer: Optimizer): string {
  const { tensors } = optimizer.save()
  const arrays = Object.values(tensors).flatMap(({ params, state }) => [params, ...Object.values(state)])
  const numbers = Object.values(tensors).map(({ byTensor }) => Float64Array.from(Object.values(byTensor)))
  return digest([...arrays, ...numbers].map(withOneNaN))
}

/** Parameters with a nonzero root mean square. The last gradients have values of all kinds. */
function tensors(dtype: Dtype, seed: number): Data {
  const data = makeData(dtype, lengths, seed, true)
  return { ...data, initial: data.initial.map((values) => values.map((x) => (Math.abs(x) < 100 ? x : 1))) }
}

describe.each(Object.entries(rules))('Adafactor matrices with the options "%s"', (_, rule) => {
  test.each(dtypes)('are updated to the same bits on every engine: %s', (dtype) => {
    const data = tensors(dtype, 5)
    const [expected, ...optimizers] = [reference, ...others].map((variant) => begin(rule, variant, data))
    data.gradients.forEach((gradients, step) => {
      for (const optimizer of [expected, ...optimizers]) optimizer.step(gradients as never)
      if (step % 3 !== 0) return
      const all = bits(expected as never)
      optimizers.forEach((optimizer, k) => {
        expect(bits(optimizer as never), `${others[k].name}, step ${step}`).toBe(all)
      })
    })
  })
})

test.each(dtypes)(
  'Adafactor computes the same bits in step and stepAsync, for borrowed gradients and gradients in place: %s',
  async (dtype) => {
    const data = tensors(dtype, 6)
    const rule = rules['torch decay maximize clip']
    const expected = begin(rule, reference, data)
    for (const gradients of data.gradients.slice(0, 4)) expected.step(gradients as never)
    for (const variant of [reference, ...others]) {
      const [inPlace, sliced] = [begin(rule, variant, data), begin(rule, variant, data)]
      for (const gradients of data.gradients.slice(0, 4)) {
        await sliced.stepAsync(gradients as never)
        const own = inPlace.grads as unknown as FloatArray[]
        for (const [i, gradient] of own.entries()) gradient.set(gradients[i] ?? [])
        // Gradients in place cover all tensors.
        inPlace.step(
          gradients.every((gradient) => gradient)
            ? undefined
            : (gradients.map((g, i) => g && own[i]) as never),
        )
      }
      expect(bits(inPlace as never), variant.name).toBe(bits(expected as never))
      expect(bits(sliced as never), variant.name).toBe(bits(expected as never))
    }
  },
)

describe('row and column statistics of Adafactor', () => {
  const engine = { engine: 'typescript' } as const
  const filled = (n: number, seed: number) => makeData('float64', [n], seed).gradients[0][0] as Float64Array
  const made = (rule = adafactor(), options = {}) =>
    new Optimizer({ w: filled(60, 1), b: filled(7, 2) }, rule, {
      shapes: { w: [2, 5, 6] },
      ...engine,
      ...options,
    })
  const step = (optimizer: ReturnType<typeof made>, seed: number) =>
    optimizer.step({ w: filled(optimizer.params.w.length, seed), b: filled(7, seed + 1) })

  test('are stored in the state arrays `r` and `c`, which only matrices have', () => {
    const { state, report } = made()
    expect(Object.keys(state.w)).toEqual(['r', 'c', 'updates'])
    expect([state.w.r?.length, state.w.c?.length, state.b.v?.length]).toEqual([10, 12, 7])
    expect(Object.keys(state.b)).toEqual(['v', 'updates'])
    const { m, r, c, v } = made(adafactor({ beta1: 0.5 })).state.w
    expect([m?.length, r?.length, c?.length, v]).toEqual([60, 10, 12, undefined])
    expect(made(adafactor.timm()).state.w.v?.length).toBe(60)
    expect(report).toBeTypeOf('function')
  })

  test('are the means of the squared gradients after the first update', () => {
    const optimizer = made()
    const g = filled(60, 3)
    optimizer.step({ w: g })
    const { r = [], c = [] } = optimizer.state.w
    const mean = (values: Float64Array) => values.reduce((sum, x) => sum + x * x, 0) / values.length
    expect(r[7]).toBeCloseTo(mean(g.slice(42, 48)), 12)
    expect(c[8] / mean(Float64Array.from([32, 38, 44, 50, 56], (i) => g[i]))).toBeCloseTo(1, 12)
  })

  test('can be saved on one engine and loaded on another engine', () => {
    for (const rule of [adafactor(), adafactor({ beta1: 0.9 })]) {
      const optimizer = made(rule)
      for (const seed of [3, 5]) step(optimizer, seed)
      const saved = structuredClone(optimizer.save())
      const loaded = Optimizer.load(saved, { engine: 'wasm' }) as unknown as typeof optimizer
      const restored = made(rule)
      restored.restore(saved)
      for (const one of [optimizer, loaded, restored]) step(one, 7)
      const [expected, ...others] = [optimizer, loaded, restored].map((one) => bits(one as never))
      expect(others).toEqual([expected, expected])
    }
  })

  test.each([
    ['r', 60, 'state: r: a Float64Array of length 10'],
    ['c', 10, 'state: c: a Float64Array of length 12'],
  ])('are refused if an array has the wrong length: %s', (name, length, message) => {
    const saved = structuredClone(made().save())
    ;(saved.tensors.w.state as Record<string, Float64Array>)[name] = new Float64Array(length)
    expect(() => Optimizer.load(saved)).toThrow(message)
    expect(() => made().restore(saved)).toThrow(message)
  })

  test('are extended when rows are appended to a matrix', () => {
    const optimizer = made()
    step(optimizer, 3)
    const before = optimizer.state.w
    const [r, c] = [[...(before.r ?? [])], [...(before.c ?? [])]]
    optimizer.appendRows('w', filled(30, 9))
    const after = optimizer.state.w
    expect([...(after.r ?? [])]).toEqual([...r, 0, 0, 0, 0, 0])
    expect([...(after.c ?? [])]).toEqual([...c, 0, 0, 0, 0, 0, 0])
    step(optimizer, 4)
    expect(optimizer.params.w.every(Number.isFinite)).toBe(true)
  })

  test('keep their lengths, because options that would change the lengths are refused', () => {
    const optimizer = new Optimizer(filled(60, 1), adafactor({ minFactored: 6 }), {
      shapes: [5, 12],
      ...engine,
    })
    expect(() => optimizer.set({ minFactored: 2 })).toThrow('options that keep the state arrays of')
    expect(() => optimizer.set({ beta1: 0.5 })).toThrow('options that keep the state arrays of')
    optimizer.set({ lr: 0.1, d: null, eps1: 1e-20 })
    expect(optimizer.rule).toMatchObject({ minFactored: 6, d: null, eps1: 1e-20, lr: 0.1 })
    optimizer.appendRows('', filled(12, 1))
    expect(optimizer.state.v?.length).toBe(72)
    optimizer.step(filled(72, 2))
    expect(() => optimizer.set({ factored: true })).toThrow('options that keep the state arrays of')
    const loaded = Optimizer.load(optimizer.save())
    expect(loaded.rule).toMatchObject({ factored: true, minFactored: 6 })
  })

  test('restart at 0 when a tensor is unfrozen or moved in memory', () => {
    const optimizer = made(adafactor(), { groups: [{ match: 'b', frozen: true }] })
    optimizer.step({ w: filled(60, 3) })
    optimizer.freeze('w')
    expect(Object.keys(optimizer.state.w)).toEqual(['updates'])
    optimizer.unfreeze('**')
    expect(Object.keys(optimizer.state.w)).toEqual(['r', 'c', 'updates'])
    expect(optimizer.state.w.r?.every((x) => x === 0)).toBe(true)
    const other = made(adafactor(), { groups: [{ match: 'w', frozen: true }] })
    other.unfreeze('w')
    for (const one of [optimizer, other]) one.params.w.set(filled(60, 1))
    for (const one of [optimizer, other]) step(one, 3)
    expect(optimizer.params.w).toEqual(other.params.w)
    expect(optimizer.state.w.c).toEqual(other.state.w.c)
  })

  test('are computed with new options after `set` changes the options of a tensor', () => {
    const [one, two] = [made(), made(adafactor({ lr: 1e-4 }))]
    one.set('**', { lr: 1e-4 })
    for (const optimizer of [one, two]) step(optimizer, 3)
    expect(one.params).toEqual(two.params)
  })
})
