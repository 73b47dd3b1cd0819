/**
 * SM3: Optax's trajectories from `data/sm3.json`, the cover of the paper element by element, and bit-identical results
 * for matrices.
 */

import { readFileSync } from 'node:fs'
import { Optimizer, type Rule, sm3 } from 'antigrad'
import { describe, expect, test } from 'vitest'
import { digest, dtypes, withOneNaN } from './helpers.js'
import { expectTrajectory, makeData, reference, type Trajectory, type Variant, variants } from './support.js'

interface Entry extends Trajectory {
  readonly options: { readonly lr: number; readonly momentum: number }
}

const { openLoop }: { openLoop: Entry[] } = JSON.parse(
  readFileSync(new URL('data/sm3.json', import.meta.url), 'utf8'),
)

describe.each(variants)('the rule SM3 on $name', ({ name: _, ...engine }) => {
  test.each(openLoop)('reproduces the trajectory of Optax: $dtype $shape', ({ options, ...entry }) => {
    expectTrajectory(sm3(options), entry, engine)
  })
})

/** Vectors, and matrices with one row, with one column, with few elements, of several pieces and without elements. */
const shapes = [
  ...[
    [1, 200],
    [200, 1],
    [3, 5],
    [17, 33],
    [2, 3, 4],
    [300, 170],
    [5, 20_003],
    [2000, 3, 11],
  ],
  ...[[0, 5], [40_003], [1, 40_003], [1, 1]],
]
const lengths = shapes.map((shape) => shape.reduce((product, n) => product * n, 1))
const rules: Record<string, [Rule, object?]> = {
  momentum: [sm3()],
  'eps 0, l2, zeroGrads': [sm3({ eps: 0, momentum: 0, weightDecay: 0.1 }), { zeroGrads: true }],
  'maximize clip': [sm3({ momentum: 0.5, maximize: true }), { clip: { norm: 1, value: 0.1 } }],
}
const threads = [1, 2, 3].map(
  (threads) => ({ name: `native, ${threads}`, engine: 'native', threads }) as const,
)
const others = [...variants.filter((variant) => variant !== reference), ...threads]

describe.each(Object.entries(rules))('SM3 matrices with the options "%s"', (_, [rule, options]) => {
  test.each(dtypes)('are updated to the same bits on every engine: %s', (dtype) => {
    const data = makeData(dtype, lengths, 5, true)
    const begin = ({ name: _, ...engine }: Variant) =>
      new Optimizer(data.initial, rule, { ...options, shapes: [...shapes], ...engine })
    const bits = (optimizer: ReturnType<typeof begin>) =>
      digest(
        Object.values(optimizer.save().tensors)
          .flatMap(({ params, state }) => [params, ...Object.values(state)])
          .map(withOneNaN),
      )
    const [expected, ...optimizers] = [reference, ...others].map(begin)
    data.gradients.forEach((gradients, step) => {
      for (const optimizer of [expected, ...optimizers]) optimizer.step(gradients as never)
      if (step % 3 !== 0) return
      const all = bits(expected)
      optimizers.forEach((optimizer, k) => {
        expect(bits(optimizer), `${others[k].name}, step ${step}`).toBe(all)
      })
    })
  })
})

describe('row and column statistics of SM3', () => {
  const make = (engine: object) =>
    new Optimizer({ w: new Float64Array(6), b: new Float64Array(2) }, sm3({ lr: 1, momentum: 0, eps: 0 }), {
      shapes: { w: [2, 3] },
      ...engine,
    })

  test.each(variants)(
    'contain the largest value of ν in each row and column: $name',
    ({ name: _, ...engine }) => {
      const optimizer = make(engine)
      optimizer.step({ w: Float64Array.of(1, 2, 3, 4, 5, 6), b: Float64Array.of(3, 0) })
      expect([...(optimizer.state.w.r ?? [])]).toEqual([9, 36])
      expect([...(optimizer.state.w.c ?? [])]).toEqual([16, 25, 36])
      expect([...(optimizer.state.b.v ?? [])]).toEqual([9, 0])
      expect([...optimizer.params.b]).toEqual([-1, 0])
      optimizer.step({ w: Float64Array.of(4, 0, 0, 3, 0, 0), b: Float64Array.of(4, 0) })
      // For two elements, ν is min(9, 16) + 16 and min(36, 16) + 9. For all other elements, ν is the minimum of row and
      // column.
      expect([...(optimizer.state.w.r ?? [])]).toEqual([25, 36])
      expect([...(optimizer.state.w.c ?? [])]).toEqual([25, 25, 36])
      expect([optimizer.params.w[0], optimizer.params.w[3]]).toEqual([-1 - 4 / 5, -1 - 3 / 5])
      expect(optimizer.params.b[0]).toBe(-1 - 4 / 5)
    },
  )

  test.each(variants)('contain NaN after a gradient that is NaN: $name', ({ name: _, ...engine }) => {
    const optimizer = make(engine)
    optimizer.step({ w: Float64Array.of(1, NaN, 3, 4, 5, 6) })
    optimizer.step({ w: Float64Array.of(1, 1, 1, 1, 1, 1) })
    expect([...(optimizer.state.w.r ?? [])]).toEqual([NaN, NaN])
    expect([...(optimizer.state.w.c ?? [])]).toEqual([NaN, NaN, NaN])
  })

  test('can be saved on one engine and loaded on another engine', () => {
    const optimizer = make({ engine: 'typescript' })
    optimizer.step({ w: Float64Array.of(1, 2, 3, 4, 5, 6), b: Float64Array.of(1, 2) })
    const loaded = Optimizer.load(optimizer.save(), { engine: 'wasm' }) as unknown as typeof optimizer
    for (const one of [optimizer, loaded])
      one.step({ w: Float64Array.of(3, 2, 1, 0, 1, 2), b: Float64Array.of(2, 2) })
    expect(loaded.save().tensors).toEqual(optimizer.save().tensors)
  })
})
