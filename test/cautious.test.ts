/**
 * Modifiers of a direction, on every engine. The cautious modifier (Liang et al., 2024): u ← u·k / max(mean(k), 10⁻³)
 * with k = [u·g > 0], per tensor. Grams (Cao et al., 2024): |u|·sign(g). Cautious weight decay (Chen et al., 2025):
 * none if u·θ < 0. Corrected decay (Defazio, 2025): (η²/η_max)·λ. (test/golden.test.ts has timm's trajectories, and
 * test/same-bits.test.ts covers all rules.)
 */

import {
  adam,
  adamw,
  delayedStart,
  lion,
  momentum,
  Optimizer,
  OptionError,
  type Rule,
  radam,
  rmsprop,
  sgd,
} from 'antigrad'
import { describe, expect, test } from 'vitest'
import { type Dtype, dtypes, type FloatArray, inBits, noise, remembered, roundOf } from './helpers.js'
import { array, firstDifference, variants } from './support.js'

const threads = [1, 2, 3].map((threads) => ({
  name: `${threads} threads`,
  engine: 'native' as const,
  threads,
}))
const options = { lr: 0.05, cautious: true }
const decays = { lr: 0.05, weightDecay: 0.5, cautiousWeightDecay: true }

/** Rules whose directions depend only on the gradient, each with the factor of the parameters. */
const rules: Record<string, readonly [rule: Rule, decay: number]> = {
  adamw: [adamw({ ...options, weightDecay: 0.5 }), 1 - 0.05 * 0.5],
  'adamw grams': [adamw({ lr: 0.05, weightDecay: 0.5, grams: true }), 1 - 0.05 * 0.5],
  'adamw corrected': [adamw({ ...options, weightDecay: 0.5, maxLr: 0.2 }), 1 - (0.0025 / 0.2) * 0.5],
  'adamw cautious decay': [adamw(decays), 1 - 0.05 * 0.5],
  'adamw cautious and its decay': [adamw({ ...decays, cautious: true, maxLr: 0.05 }), 1 - 0.05 * 0.5],
  'lion grams cautious decay maximize': [lion({ ...decays, grams: true, maximize: true }), 1 - 0.05 * 0.5],
  'sgdw cautious decay': [sgd({ ...decays, momentum: 0.9, decoupledWeightDecay: true }), 1 - 0.05 * 0.5],
  'momentum grams': [momentum({ lr: 0.05, grams: true }), 1],
  'adam amsgrad maximize': [adam({ ...options, amsgrad: true, maximize: true }), 1],
  'sgd nesterov': [sgd({ ...options, momentum: 0.9, nesterov: true }), 1],
  momentum: [momentum(options), 1],
  'rmsprop momentum': [rmsprop({ ...options, momentum: 0.9 }), 1],
  radam: [radam({ ...options, beta2: 0.9 }), 1],
}

/** Irregular lengths, one of which exceeds two block boundaries. */
const lengths = [0, 1, 3, 4, 15, 16, 17, 33, 255, 256, 257, 40_003]

const gradientsAt = (t: number, dtype: Dtype) => lengths.map((n, i) => noise(100 * t + i, n, dtype))

const GRADIENTS = 5
const startsOf = (dtype: Dtype) => lengths.map((length, i) => noise(i, length, dtype))

/** The parameters by the documented equation, and the state without a modifier. */
const courseOf = remembered((name: string, dtype: Dtype) => {
  const [rule, decay] = rules[name]
  const f = roundOf[dtype]
  const { cautious, grams, cautiousWeightDecay, ...rest } = rule as Rule & Record<string, unknown>
  const plain = { ...rest, ...('weightDecay' in rule && { weightDecay: 0 }) } as Rule
  let theta = startsOf(dtype)
  const twin = new Optimizer(theta, plain, { engine: 'typescript' })
  let [masked, spared] = [0, 0]
  const points = Array.from({ length: GRADIENTS }, (_, t) => {
    const gradients = gradientsAt(t, dtype)
    // The parameters start at 0, and become −u.
    for (const params of twin.params) params.fill(0)
    twin.step(gradients)
    theta = gradients.map((gradient, i) => {
      const sign = 'maximize' in rule && rule.maximize ? -1 : 1
      const u = twin.params[i].map((x) => -x)
      const k = Array.from(gradient, (g, j): number => (f(u[j] * (sign * g)) > 0 ? 1 : 0))
      const mean = k.reduce((a, b) => a + b, 0) / k.length
      masked += k.filter((one) => one === 0).length
      const rate = cautious ? f(1 / Math.max(mean, 1e-3)) : 1
      const directed = (j: number) =>
        cautious ? u[j] * k[j] : grams ? Math.abs(u[j]) * Math.sign(sign * gradient[j]) : u[j]
      return theta[i].map((x, j) => {
        const w = directed(j)
        const isSpared = Boolean(cautiousWeightDecay) && w * x < 0
        spared += isSpared ? 1 : 0
        return f((isSpared ? x : f(x * f(decay))) - f(rate * w))
      })
    })
    return { gradients, theta }
  })
  expect(masked).toBeGreaterThan(1e3)
  expect(spared > 1e3).toBe(cautiousWeightDecay === true)
  return { points, state: inBits(Object.values(twin.state)) }
})

describe.each([...variants, ...threads])('a cautious optimizer on $name', ({ name: _, ...engine }) => {
  describe.each(Object.entries(rules))('with the rule %s', (name, [rule]) => {
    test.each(dtypes)('applies the cautious equation to each element, in %s', (dtype) => {
      const optimizer = new Optimizer(startsOf(dtype), rule, engine)
      const { points, state } = courseOf(name, dtype)
      for (const [t, { gradients, theta }] of points.entries()) {
        optimizer.step(gradients)
        for (const [i, expected] of theta.entries()) {
          expect(firstDifference(expected, optimizer.params[i]), `step ${t}, tensor ${i}`).toBe(-1)
        }
      }
      expect(inBits(Object.values(optimizer.state)) === state).toBe(true)
    })
  })

  test.each(dtypes)('handles NaN, 0 and a mask with mean 0 as documented, in %s', (dtype) => {
    const rule = sgd({ lr: 0.5, momentum: 1, cautious: true })
    const optimizer = new Optimizer([array(dtype, 8).fill(1), array(dtype, 8).fill(1)], rule, engine)
    const [first, second] = optimizer.state as unknown as { readonly b: FloatArray }[]
    optimizer.step([array(dtype, 8), array(dtype, 8)])
    first.b.set([1, -1, 1, -1, 0, NaN, 1, -Infinity])
    second.b.fill(4)
    optimizer.step([array(dtype, [1, -1, 0, -0, 0, 1, NaN, 1]), array(dtype, 8).fill(-1)])
    // b = 2, −2, 1, −1, 0, NaN, NaN, −∞, of which two agree: 8/2 = 4 times ½·b. −∞·0 is NaN.
    expect([...optimizer.params[0]]).toEqual([-3, 5, 1, 1, 1, NaN, NaN, NaN])
    // b = 3, and no element agrees.
    expect([...optimizer.params[1]]).toEqual(Array(8).fill(1))
    // A mean of 1/2000 is increased to 1/1000.
    const long = new Optimizer(array(dtype, 2000), rule, engine)
    long.step(array(dtype, 2000).fill(1, 0, 1))
    expect(long.params[0]).toBe(-500)
  })

  test.each(dtypes)(
    'computes the same bits in mixed, batched, asynchronous and loaded runs, in %s',
    async (dtype) => {
      const make = (forced: object) =>
        new Optimizer(
          lengths.map((length, i) => noise(i, length, dtype)),
          delayedStart(1, adamw({ lr: 0.01, weightDecay: 0.1 })),
          {
            groups: [
              { match: ['2', '7', '11'], cautious: true },
              { match: '10', rule: sgd({ lr: 0.1, momentum: 0.5, cautious: true }) },
            ],
            clip: { norm: 3 },
            accumulate: 2,
            ...forced,
          },
        )
      const expected = make({ engine: 'typescript' })
      let actual = make(engine)
      for (let t = 0; t < 8; t++) {
        const gradients = gradientsAt(t, dtype).map((gradient, i) => (t > 3 && i === 7 ? null : gradient))
        const isLast = expected.step(gradients as never)
        expect(
          await (t % 2 === 0 ? actual.step(gradients as never) : actual.stepAsync(gradients as never)),
        ).toBe(isLast)
        if (t === 4) actual = Optimizer.load(structuredClone(actual.save()), engine) as never
      }
      const tensors = [expected, actual].map((optimizer) => inBits(optimizer.save().tensors))
      expect(tensors[0] === tensors[1]).toBe(true)
      expect(
        expected.report().tensors.map(({ rule }) => JSON.stringify(rule).includes('"cautious":true')),
      ).toEqual(lengths.map((_, i) => [2, 7, 10, 11].includes(i)))
    },
  )
})

test('a cautious optimizer computes the results of an ordinary optimizer if updates and gradients have equal signs', () => {
  const step = (rule: Rule) => {
    const optimizer = new Optimizer(noise(1, 100, 'float64'), rule)
    for (let t = 0; t < 5; t++) optimizer.step(noise(2, 100, 'float64'))
    return optimizer.params
  }
  expect(step(adam(options))).toEqual(step(adam({ lr: 0.05 })))
})

test('the option `cautious` cannot be changed by `set`, because each value needs a separate kernel', () => {
  const optimizer = new Optimizer(new Float32Array(3), adamw())
  const before = inBits(optimizer.save())
  expect(() => optimizer.set({ cautious: true })).toThrow(OptionError)
  expect(() => optimizer.set({ cautious: true })).toThrow(/set/)
  expect(() => adamw({ cautious: 1 as never })).toThrow('adamw: cautious: expected true or false, got 1')
  expect(inBits(optimizer.save())).toBe(before)
  optimizer.set({ cautious: false })
})

test('a rule accepts only one option that modifies the update direction', () => {
  expect(() => adamw({ cautious: true, grams: true })).toThrow(OptionError)
  expect(() => adamw({ cautious: true, grams: true })).toThrow(
    'adamw: grams: expected false with cautious, got true',
  )
  expect(() => lion({ maxLr: -1 })).toThrow('lion: maxLr: expected a finite number ≥ 0, got -1')
  for (const given of [{ cautious: true }, { grams: true }, { cautiousWeightDecay: true }]) {
    const optimizer = new Optimizer(new Float32Array(3), adamw(given))
    for (const other of [{ cautious: true }, { grams: true }, { cautiousWeightDecay: true }]) {
      const change = { cautious: false, grams: false, cautiousWeightDecay: false, ...other }
      const isSame = JSON.stringify(given) === JSON.stringify(other)
      if (isSame) optimizer.set(change)
      else expect(() => optimizer.set(change)).toThrow(/set: options: expected options that keep the state/)
    }
  }
  // The option only changes a number of the second stage.
  const optimizer = new Optimizer(new Float32Array(3), adamw({ cautious: true }))
  optimizer.set({ cautiousWeightDecay: true, maxLr: 1 })
})

test.each(dtypes)('cautious weight decay handles 0 and NaN as documented, in %s', (dtype) => {
  const rule = sgd({ ...{ lr: 1, weightDecay: 0.5, decoupledWeightDecay: true }, cautiousWeightDecay: true })
  const optimizer = new Optimizer(array(dtype, [4, 4, 4, -4, -4, 4]), rule)
  optimizer.step(array(dtype, [1, 0, -1, -1, 1, NaN]))
  // Decay also applies if nothing else moves. Decay excludes only elements that a step enlarges.
  expect([...optimizer.params]).toEqual([1, 2, 5, -1, -5, NaN])
})
