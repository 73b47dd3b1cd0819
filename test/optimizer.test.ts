/**
 * The class Optimizer: structures, views, skipped tensors, update counts, options between steps, and the choice of
 * engine.
 */

import { availableParallelism } from 'node:os'
import {
  type Adam,
  adagrad,
  adam,
  adamw,
  delayedStart,
  engines,
  gradientDescent,
  momentum,
  nesterov,
  Optimizer,
  type Rule,
  rmsprop,
  sgd,
  warmup,
} from 'antigrad'
import { describe, expect, expectTypeOf, test } from 'vitest'
import { inChild } from './children.js'
import { elementwiseRules, separateRules } from './elementwise.js'
import {
  arrayOf,
  bits,
  dtypes,
  engineNames,
  type FloatArray,
  inBits,
  noise,
  random,
  rules,
  snapshot,
} from './helpers.js'

const ones = (length = 2) => new Float32Array(length).fill(1)

describe.each(engineNames)('on the engine %s,', (engine) => {
  const plain = gradientDescent({ lr: 1 })

  describe("an optimizer's parameters", () => {
    test('can be a single array', () => {
      const optimizer = new Optimizer(Float64Array.of(3, 4), plain, { engine })
      optimizer.step(Float64Array.of(1, 2))
      expect(optimizer.params).toEqual(Float64Array.of(2, 2))
    })

    test('can be an array of arrays', () => {
      const optimizer = new Optimizer([ones(1), ones(3)], plain, { engine })
      optimizer.step([ones(1), Float32Array.of(0, 1, 2)])
      expect(optimizer.params).toEqual([Float32Array.of(0), Float32Array.of(1, 0, -1)])
    })

    test('can be nested objects and arrays', () => {
      const optimizer = new Optimizer(
        { layers: [{ w: ones(), b: ones(1) }, { w: ones() }], scale: ones(1) },
        plain,
        { engine },
      )
      optimizer.step({ layers: [{ w: ones() }, { w: Float32Array.of(5, 6) }], scale: ones(1) })
      expect(optimizer.params).toEqual({
        layers: [{ w: Float32Array.of(0, 0), b: Float32Array.of(1) }, { w: Float32Array.of(-4, -5) }],
        scale: Float32Array.of(0),
      })
      expect(optimizer.state.layers[0].b.updates).toBe(0)
    })

    test('can contain empty structures and empty tensors', () => {
      const optimizer = new Optimizer({ none: [], empty: new Float32Array(0), w: ones() }, adam(), {
        engine,
        clip: { norm: 1 },
      })
      optimizer.step({ empty: new Float32Array(0), w: ones() })
      optimizer.step()
      expect(optimizer.params.empty).toHaveLength(0)
      expect(optimizer.params.none).toEqual([])
      expect(optimizer.params.w[0]).toBeCloseTo(0.998, 5)
      const alone = new Optimizer(new Float32Array(0), adam(), { engine })
      alone.step(new Float32Array(0))
      expect(alone.updates).toBe(1)
    })

    test('are in the order of object keys, with integer indices first', () => {
      const params = { b: ones(), 10: ones(), a: ones(), 2: ones() }
      const optimizer = new Optimizer(params, plain, { engine })
      for (const views of [optimizer.params, optimizer.grads, optimizer.state]) {
        expect(Object.keys(views)).toEqual(['2', '10', 'b', 'a'])
      }
      expect(optimizer.params[10].byteOffset).toBeLessThan(optimizer.params.b.byteOffset)
      // The order of the gradients' names does not matter.
      optimizer.step({ a: ones(), b: ones(), 2: ones() })
      expect(optimizer.params[10]).toEqual(ones())
    })
  })

  describe("an optimizer's views", () => {
    test('show the current parameter values, and initially contain copies of the input', () => {
      const mine = Float32Array.of(1, 2)
      const g = ones()
      const optimizer = new Optimizer({ w: mine }, plain, { engine })
      const { params, grads } = optimizer
      mine.fill(9)
      expect(params.w).toEqual(Float32Array.of(1, 2))
      optimizer.step({ w: g })
      g.fill(9)
      optimizer.step({ w: ones() })
      expect(params.w).toEqual(Float32Array.of(-1, 0))
      params.w[0] = 10
      grads.w.set([1, 2])
      optimizer.step()
      expect(params.w).toEqual(Float32Array.of(9, -2))
      expect(mine).toEqual(Float32Array.of(9, 9))
      expect(optimizer.params).toBe(params)
      expect(optimizer.grads).toBe(grads)
      expect(optimizer.state).toBe(optimizer.state)
    })

    test('are copied with the whole buffer by structuredClone, and without the buffer by slice()', () => {
      const optimizer = new Optimizer(noise(1, 32, 'float32'), adam(), { engine })
      expect(structuredClone(optimizer.params).buffer.byteLength).toBeGreaterThanOrEqual(131_072)
      const copy = structuredClone(optimizer.params.slice())
      expect([copy.buffer.byteLength, bits(copy)]).toEqual([128, bits(optimizer.params)])
    })

    test('cannot be replaced by assignment', () => {
      const optimizer = new Optimizer({ list: [ones()] }, plain, { engine })
      for (const views of [optimizer.params, optimizer.grads, optimizer.state]) {
        expect(Object.isFrozen(views)).toBe(true)
        expect(Object.isFrozen(views.list)).toBe(true)
      }
    })

    test.each(dtypes)(
      'have the length of the tensor, without padding or neighboring tensors, for %s',
      (dtype) => {
        const Typed = arrayOf[dtype]
        const lengths = [1, 2, 15, 16, 17, 0, 33, 7]
        const optimizer = new Optimizer(
          lengths.map((length, i) => new Typed(length).fill(i + 1) as FloatArray),
          rmsprop({ momentum: 0.9 }),
          { engine },
        )
        const { params, grads, state } = optimizer
        const views = [params, grads, state.map(({ v }) => v), state.map(({ b }) => b as FloatArray)].flat()
        expect(views.map((view) => view.length)).toEqual(Array.from({ length: 4 }, () => lengths).flat())
        views.forEach((view, i) => {
          view.fill(i)
          expect(view.byteOffset % 64).toBe(0)
          expect(view).toBeInstanceOf(Typed)
        })
        views.forEach((view, i) => {
          expect([...view]).toEqual(Array(view.length).fill(i))
        })
      },
    )

    test.each(separateRules)('confine non-finite values to one tensor: %s', (_, rule) => {
      const params = [1, 3, 5, 18].map((length) => noise(length, length, 'float32') as Float32Array)
      const gradients = params.map(({ length }) => noise(length + 1, length, 'float32') as Float32Array)
      const odd = new Optimizer(params, rule, { engine })
      const even = new Optimizer(params, rule, { engine })
      for (let t = 0; t < 3; t++) {
        even.gradientPoint()
        odd.gradientPoint()
        even.step(gradients)
        odd.step(gradients.map((g, i) => (i === 2 ? g.map((x, k) => (k === 1 ? NaN : x)) : g)))
      }
      expect(odd.params[2][1]).toBeNaN()
      for (const i of [0, 1, 3]) expect(bits(odd.params[i])).toBe(bits(even.params[i]))
    })

    test.each(elementwiseRules)('confine non-finite values to one element: %s', (_, rule) => {
      const params = [1, 3, 5, 18].map((length) => noise(length, length, 'float32') as Float32Array)
      const gradients = params.map(({ length }) => noise(length + 1, length, 'float32') as Float32Array)
      const odd = new Optimizer(params, rule, { engine })
      const even = new Optimizer(params, rule, { engine })
      for (let t = 0; t < 3; t++) {
        even.gradientPoint()
        even.step(gradients)
        gradients.forEach((g) => {
          g[g.length - 1] = NaN
        })
        odd.gradientPoint()
        odd.step(gradients)
        gradients.forEach((g) => {
          g[g.length - 1] = 0.5
        })
      }
      odd.params.forEach((tensor, i) => {
        expect(tensor.at(-1)).toBeNaN()
        expect(bits(tensor.subarray(0, -1))).toBe(bits(even.params[i].subarray(0, -1)))
      })
    })
  })

  describe('an optimizer with missing gradients', () => {
    test('leaves tensors without a gradient and their update counts unchanged', () => {
      const optimizer = new Optimizer({ x: ones(), y: ones() }, plain, { engine })
      optimizer.step({ x: ones(), y: ones() })
      optimizer.step({ x: ones() })
      optimizer.step({ x: ones(), y: null })
      optimizer.step({ x: ones(), y: undefined })
      expect(optimizer.params).toEqual({ x: Float32Array.of(-3, -3), y: Float32Array.of(0, 0) })
      expect([optimizer.state.x.updates, optimizer.state.y.updates]).toEqual([4, 1])
      optimizer.step({ y: ones() })
      expect([optimizer.state.x.updates, optimizer.state.y.updates]).toEqual([4, 2])
      expect(optimizer.updates).toBe(5)
    })

    test('changes nothing in a step without any gradient', () => {
      const seen: number[] = []
      const rule = gradientDescent({
        lr: (t) => {
          seen.push(t)
          return 1
        },
      })
      const optimizer = new Optimizer({ x: ones(), deep: [ones()] }, rule, { engine })
      const before = snapshot(optimizer)
      for (const nothing of [{}, { x: null }, { deep: [null] }, { deep: undefined }, null]) {
        optimizer.step(nothing as never)
      }
      expect(snapshot(optimizer)).toBe(before)
      expect(seen).toEqual([])
    })

    test.each([...separateRules, ['delayedStart', delayedStart(3, adam({ lr: 0.1 }))] as const])(
      'computes the same bits as separate optimizers: %s',
      (_, rule) => {
        for (const dtype of dtypes) {
          const lengths = [3, 16, 1, 20, 5]
          const params = lengths.map((length) => noise(length, length, dtype))
          const together = new Optimizer(params, rule as Rule, { engine })
          const apart = params.map((tensor) => new Optimizer(tensor, rule as Rule, { engine }))
          const next = random(7)
          for (let t = 0; t < 25; t++) {
            for (const optimizer of [together, ...apart]) optimizer.gradientPoint()
            // Some steps are complete, and some use gradients in place.
            const isComplete = t % 5 === 0
            const gradients = lengths.map((length, i) =>
              isComplete || next() < 0.6
                ? noise(100 * t + i, length, dtype)
                : next() < 0.5
                  ? null
                  : undefined,
            )
            if (t % 10 === 0) {
              gradients.forEach((g, i) => {
                together.grads[i].set(g as FloatArray)
              })
              together.step()
            } else {
              together.step(gradients)
            }
            gradients.forEach((g, i) => {
              if (g) apart[i].step(g)
            })
          }
          expect(inBits(together.params)).toBe(inBits(apart.map((optimizer) => optimizer.params)))
          expect(inBits(together.state)).toBe(inBits(apart.map((optimizer) => optimizer.state)))
        }
      },
    )
  })

  describe('an optimizer with gradients in place', () => {
    test('sets the gradients to 0 in zeroGrad and with zeroGrads', () => {
      const keeps = new Optimizer([ones(), ones()], plain, { engine })
      keeps.grads[1].set([3, 4])
      keeps.zeroGrad()
      expect(inBits(keeps.grads)).toBe(inBits([new Float32Array(2), new Float32Array(2)]))

      const zeroes = new Optimizer([ones(), ones()], momentum(), { engine, zeroGrads: true })
      zeroes.grads[0].set([-1, 2])
      zeroes.grads[1].set([3, -4])
      zeroes.step()
      expect(inBits(zeroes.grads)).toBe(inBits([new Float32Array(2), new Float32Array(2)]))
      expect(zeroes.params[1][0]).toBeLessThan(1)
      // A skipped tensor keeps its accumulated gradient.
      zeroes.grads[1].set([5, 6])
      zeroes.step([ones(), null])
      expect(zeroes.grads).toEqual([new Float32Array(2), Float32Array.of(5, 6)])
      zeroes.gradientPoint()
      expect(zeroes.grads[1]).toEqual(Float32Array.of(5, 6))
    })

    test('keeps the gradients during gradientPoint', () => {
      const shifted = new Optimizer(ones(), nesterov({ form: 'shifted' }), { engine, zeroGrads: true })
      shifted.step(ones())
      shifted.grads.set([3, 4])
      const point = shifted.gradientPoint()
      expect(shifted.grads).toEqual(Float32Array.of(3, 4))
      expect(shifted.gradientPoint()).toBe(point)
      expect(point[0]).toBeLessThan(shifted.params[0])
      expect(inBits(shifted.state.point)).toBe(inBits(point))
      const other = new Optimizer({ w: ones() }, adam(), { engine })
      expect(other.gradientPoint()).toBe(other.params)
    })
  })

  describe('an optimizer with changing options', () => {
    test('applies the changes of `set` at the next step', () => {
      const rule = adamw({ lr: 0.1 })
      const changed = new Optimizer(noise(1, 9, 'float32'), rule, { engine })
      const scheduled = new Optimizer(
        noise(1, 9, 'float32'),
        adamw({ lr: (t) => (t < 3 ? 0.1 : 0.02), weightDecay: (t) => (t < 3 ? 0.01 : 0.5) }),
        { engine },
      )
      for (let t = 0; t < 6; t++) {
        if (t === 3) changed.set({ lr: 0.02, weightDecay: 0.5, eps: undefined })
        changed.step(noise(10 + t, 9, 'float32'))
        scheduled.step(noise(10 + t, 9, 'float32'))
      }
      expect(inBits([changed.params, changed.state])).toBe(inBits([scheduled.params, scheduled.state]))
      expect(changed.rule).toEqual({ ...rule, lr: 0.02, weightDecay: 0.5 })
      expect(Object.isFrozen(changed.rule)).toBe(true)
      expect(rule).toEqual(adamw({ lr: 0.1 }))
    })

    test('can replace numbers with schedules, and schedules with numbers, by `set`', () => {
      const optimizer = new Optimizer(Float64Array.of(0), gradientDescent({ lr: 1 }), { engine })
      const one = Float64Array.of(1)
      optimizer.step(one)
      optimizer.set({ lr: (t: number) => 10 * t })
      optimizer.step(one)
      optimizer.step(one)
      expect(optimizer.params[0]).toBe(-31)
      optimizer.set({ lr: 0.5, maximize: true })
      optimizer.step(one)
      expect(optimizer.params[0]).toBe(-30.5)
    })

    test('corrects the bias with the product of all past values of β', () => {
      const optimizer = new Optimizer(Float64Array.of(0), adam({ lr: 1, beta1: 0.5, eps: 0 }), { engine })
      optimizer.step(Float64Array.of(1))
      optimizer.set({ beta1: 0.75, beta2: 0.9 })
      optimizer.params[0] = 0
      optimizer.step(Float64Array.of(1))
      // Under a constant gradient, m̂ = v̂ = 1 for any values of β.
      expect(optimizer.params[0]).toBeCloseTo(-1, 12)
    })

    test('keeps the delayed start of a rule', () => {
      const optimizer = new Optimizer(ones(), delayedStart(2, sgd({ lr: 1 })), { engine })
      optimizer.set({ lr: 0.5 })
      expect(optimizer.rule).toEqual(delayedStart(2, sgd({ lr: 0.5 })))
      for (let t = 0; t < 3; t++) optimizer.step(ones())
      expect(optimizer.params).toEqual(Float32Array.of(0.5, 0.5))
      expect(new Optimizer(ones(), delayedStart(0, sgd()), { engine }).rule).toEqual(delayedStart(0, sgd()))
    })
  })

  describe('an optimizer with schedules', () => {
    test('evaluates the schedules once per update, starting at t = 0', () => {
      const seen: Record<string, number[]> = { lr: [], weightDecay: [], momentum: [] }
      const watch = (name: string) => (t: number) => {
        seen[name].push(t)
        return 0.1
      }
      const rule = sgd({ lr: watch('lr'), weightDecay: watch('weightDecay'), momentum: watch('momentum') })
      const optimizer = new Optimizer({ x: ones(), y: ones() }, rule, { engine })
      optimizer.step({ x: ones() })
      optimizer.step({})
      optimizer.step({ y: ones() })
      optimizer.step()
      expect(seen).toEqual({ lr: [0, 1, 2], weightDecay: [0, 1, 2], momentum: [0, 1, 2] })
    })

    test('treats a schedule object like the function that the object describes', () => {
      const described = warmup(warmup(0.3, { steps: 3 }), { steps: 5, from: 0.01 })
      const inner = (t: number) => (t + 1 < 3 ? 0.3 * ((t + 1) / 3) : 0.3)
      const written = (t: number) => (t < 5 ? 0.01 + (inner(t) - 0.01) * (t / 5) : inner(t))
      const runs = [described, written].map((lr) => {
        const optimizer = new Optimizer(noise(1, 5, 'float64'), adam({ lr }), { engine })
        for (let t = 0; t < 8; t++) optimizer.step(noise(t, 5, 'float64'))
        return bits(optimizer.params)
      })
      expect(runs[0]).toBe(runs[1])
    })
  })

  describe('an optimizer with clipping', () => {
    /** Gradient descent with η = 1 subtracts exactly the gradient that the rule receives. */
    const seenBy = (
      gradients: (Float64Array | null)[],
      clip: { norm?: number; value?: number },
      before = 0,
    ) => {
      const optimizer = new Optimizer([new Float64Array(2), new Float64Array(1)], plain, { engine, clip })
      for (let t = 0; t < before; t++) optimizer.step([Float64Array.of(9, 9), Float64Array.of(9)])
      optimizer.params.forEach((tensor) => {
        tensor.fill(0)
      })
      optimizer.step(gradients as [Float64Array, Float64Array])
      return optimizer.params.flatMap((tensor) => [...tensor].map((x) => 0 - x))
    }

    test('clips by the norm of all tensors together', () => {
      const g = [Float64Array.of(3, 0), Float64Array.of(4)]
      expect(seenBy(g, { norm: 5 })).toEqual([3, 0, 4])
      expect(seenBy(g, { norm: 6 })).toEqual([3, 0, 4])
      expect(seenBy(g, { norm: 2.5 })).toEqual([1.5, 0, 2])
    })

    test.each([0, 1, 3])('excludes skipped tensors from the norm, after %d complete steps', (before) => {
      expect(seenBy([null, Float64Array.of(4)], { norm: 4 }, before)).toEqual([0, 0, 4])
      expect(seenBy([null, Float64Array.of(4)], { norm: 2 }, before)).toEqual([0, 0, 2])
    })

    test('clips by norm first, and then by value', () => {
      const g = [Float64Array.of(-3, 0.25), Float64Array.of(4)]
      expect(seenBy(g, { value: 0.5 })).toEqual([-0.5, 0.25, 0.5])
      expect(seenBy([Float64Array.of(-3, 0), Float64Array.of(4)], { norm: 2.5, value: 1.75 })).toEqual([
        -1.5, 0, 1.75,
      ])
    })

    test('changes the parameters and the reported norm to NaN for a NaN gradient', () => {
      expect(seenBy([Float64Array.of(NaN, 1), Float64Array.of(4)], { norm: 1 })).toEqual([NaN, NaN, NaN])
      expect(seenBy([Float64Array.of(NaN, 1), Float64Array.of(4)], { value: 1 })).toEqual([NaN, 1, 1])
    })

    test.each(dtypes)('computes the same bits as without clipping if no limit is exceeded: %s', (dtype) => {
      const runs = [{}, { clip: { norm: 1e9, value: 1e9 } }].map((options) => {
        const optimizer = new Optimizer(noise(1, 40, dtype), adam(), { engine, ...options })
        for (let t = 0; t < 5; t++) optimizer.step(noise(t, 40, dtype))
        return inBits([optimizer.params, optimizer.state])
      })
      expect(runs[0]).toBe(runs[1])
    })
  })

  test.each(rules)('an optimizer maximizes by negating the gradient: %s', (_, rule) => {
    for (const dtype of dtypes) {
      // The gradient is negated before decay is added, as in PyTorch.
      const up = new Optimizer(noise(1, 20, dtype), { ...rule, maximize: true } as Rule, { engine })
      const down = new Optimizer(noise(1, 20, dtype), { ...rule, maximize: false } as Rule, { engine })
      for (let t = 0; t < 4; t++) {
        const g = noise(t, 20, dtype)
        up.gradientPoint()
        down.gradientPoint()
        up.step(g)
        down.step(g.map((x) => -x))
      }
      expect(inBits([up.params, up.state])).toBe(inBits([down.params, down.state]))
    }
  })
})

describe('the state of an optimizer', () => {
  const names: [rule: Rule, names: string[]][] = [
    [gradientDescent(), []],
    [sgd(), []],
    [sgd({ momentum: 0.9 }), ['b']],
    [momentum(), ['v']],
    [nesterov(), ['v']],
    [nesterov({ form: 'shifted' }), ['v', 'point']],
    [rmsprop(), ['v']],
    [rmsprop({ momentum: 0.9 }), ['v', 'b']],
    [adam(), ['m', 'v']],
    [adam({ amsgrad: true }), ['m', 'v', 'largest']],
    [delayedStart(3, adamw()), ['m', 'v']],
  ]
  test.each(names)('contains the state arrays of the rule %o', (rule, names) => {
    const optimizer = new Optimizer({ w: ones() }, rule)
    expect(Object.keys(optimizer.state.w)).toEqual([...names, 'updates'])
    for (const name of names) {
      expect((optimizer.state.w as unknown as Record<string, Float32Array>)[name]).toEqual(
        new Float32Array(2),
      )
    }
    expect(optimizer.state.w.updates).toBe(0)
  })

  test("starts with the rule's initial values in every tensor", () => {
    const optimizer = new Optimizer([ones(1), ones(20)], adagrad({ initialAccumulator: 0.1 }))
    expect(inBits(optimizer.state)).toBe(
      inBits([1, 20].map((length) => ({ s: new Float32Array(length).fill(0.1), updates: 0 }))),
    )
  })

  test('is writable by the user', () => {
    const optimizer = new Optimizer(Float64Array.of(0), momentum({ lr: 1, momentum: 0.5 }))
    optimizer.state.v[0] = 8
    optimizer.step(Float64Array.of(1))
    expect([optimizer.params[0], optimizer.state.v[0]]).toEqual([3, 3])
  })
})

describe('rule objects', () => {
  test.each([
    ...rules,
    ['delayedStart', delayedStart(3, adam())],
    ['warmup', adam({ lr: warmup(warmup(1, { steps: 2 }), { steps: 3, from: 0.5 }) })],
  ] as [string, Rule][])(
    'are frozen, and equal their copies after conversion to JSON and back: %s',
    (_, rule) => {
      expect(Object.isFrozen(rule)).toBe(true)
      const copy = JSON.parse(JSON.stringify(rule))
      expect(copy).toEqual(rule)
      const runs = [rule, copy].map((each: Rule) => {
        const optimizer = new Optimizer(noise(1, 30, 'float32'), each)
        for (let t = 0; t < 6; t++) {
          optimizer.gradientPoint()
          optimizer.step(noise(t, 30, 'float32'))
        }
        expect(optimizer.rule).toEqual(rule)
        return inBits([optimizer.params, optimizer.state])
      })
      expect(runs[0]).toBe(runs[1])
    },
  )

  test('are equal for equal options, even if default options are omitted', () => {
    expect(adam({ lr: 1e-3 })).toEqual(adam())
    expect(adam({ beta1: undefined } as object)).toEqual(adam())
    expect(rmsprop({ form: 'essay' }).eps).toBe(0)
    expect(rmsprop({ form: 'essay', eps: 1e-8 }).eps).toBe(1e-8)
    expect(JSON.stringify(delayedStart(2, sgd()))).toBe(
      `{"name":"delayedStart","updates":2,"rule":${JSON.stringify(sgd())}}`,
    )
  })

  test('can be modified later if not frozen, without an effect on the optimizer', () => {
    const mine = { ...gradientDescent({ lr: 1 }) } as { lr: number } & Rule
    const optimizer = new Optimizer(ones(), mine)
    mine.lr = 100
    optimizer.step(ones())
    expect(optimizer.params[0]).toBe(0)
  })
})

describe('the choice of the engine', () => {
  const make = 'const make = (n, o) => new antigrad.Optimizer(new Float32Array(n), antigrad.adam(), o)\n'

  test("depends on the optimizer's size, and has a reported reason", () => {
    const result = inChild(`${make} return [3, 100000].map((n) => {
      const { engine, engineReasons } = make(n)
      return { engine, engineReasons }
    })`)
    expect(result).toEqual([
      { engine: 'wasm', engineReasons: [expect.stringMatching(/fewer than \d+ parameters/)] },
      { engine: 'native', engineReasons: [expect.stringMatching(/at least \d+ parameters/)] },
    ])
  })

  test.each(engineNames)('can be set to %s by an option and by an environment variable', (engine) => {
    const optimizer = new Optimizer(ones(), adam(), { engine })
    expect([optimizer.engine, ...optimizer.engineReasons]).toEqual([engine, 'requested by the option engine'])
    const body = `${make} return [make(3), make(100000), make(3, { engine: 'typescript' })].map(
      ({ engine, engineReasons }) => [engine, ...engineReasons])`
    const reason = 'requested by the environment variable ANTIGRAD_ENGINE'
    expect(inChild(body, { env: { ANTIGRAD_ENGINE: engine } })).toEqual([
      [engine, reason],
      [engine, reason],
      ['typescript', 'requested by the option engine'],
    ])
  })

  test('ignores an empty environment variable', () => {
    expect(inChild(`${make} return make(3).engine`, { env: { ANTIGRAD_ENGINE: '' } })).toBe('wasm')
  })

  test('can be combined with the choice of any instruction set that the library reports', () => {
    const { available, instructionSets } = engines().native
    expect(available).toBe(true)
    expect(instructionSets[0]).toBe('scalar')
    const runs = [undefined, ...instructionSets].map((instructionSet) => {
      const options = instructionSet === undefined ? {} : { instructionSet }
      const optimizer = new Optimizer(noise(1, 100, 'float32'), adam(), { engine: 'native', ...options })
      for (let t = 0; t < 3; t++) optimizer.step(noise(t, 100, 'float32'))
      return bits(optimizer.params)
    })
    expect(new Set(runs).size).toBe(1)
  })

  test("appears in the optimizer's report", () => {
    expect(engines()).toEqual({
      native: {
        available: true,
        reasons: [],
        instructionSets: expect.arrayContaining(['scalar']),
        threads: availableParallelism(),
      },
      wasm: { available: true, reasons: [], instructionSets: ['simd128'], threads: 1 },
      typescript: { available: true, reasons: [], instructionSets: [], threads: 1 },
    })
  })
})

describe('the types of the library', () => {
  type F32 = Float32Array<ArrayBuffer>
  type F64 = Float64Array<ArrayBuffer>

  test('give the parameter views the same structure and types as the input', () => {
    const one = new Optimizer(new Float64Array(1), adam())
    expectTypeOf(one.params).toEqualTypeOf<F64>()
    expectTypeOf(one.grads).toEqualTypeOf<F64>()
    expectTypeOf(one.state.m).toEqualTypeOf<F64>()
    expectTypeOf(one.rule).toEqualTypeOf<Adam>()

    const list = new Optimizer([new Float32Array(1), new Float32Array(2)], momentum())
    expectTypeOf(list.params).toEqualTypeOf<readonly [F32, F32]>()
    expectTypeOf(list.state[1].v).toEqualTypeOf<F32>()

    const any = new Optimizer([new Float32Array(1)] as Float32Array[], momentum())
    expectTypeOf(any.params).toEqualTypeOf<readonly F32[]>()

    const nested = new Optimizer({ layers: [{ w: new Float32Array(1) }], b: new Float32Array(1) }, sgd())
    expectTypeOf(nested.params).toEqualTypeOf<{
      readonly layers: readonly [{ readonly w: F32 }]
      readonly b: F32
    }>()
    expectTypeOf(nested.grads).toEqualTypeOf(nested.params)
    expectTypeOf(nested.gradientPoint()).toEqualTypeOf(nested.params)
    expectTypeOf(nested.state.layers[0].w.updates).toEqualTypeOf<number>()
    expectTypeOf(nested.state.b.b).toEqualTypeOf<F32 | undefined>()

    const delayed = new Optimizer({ w: new Float32Array(1) }, delayedStart(2, adam()))
    expectTypeOf(delayed.rule.rule.name).toExtend<string>()
    expect(list.params).toHaveLength(2)
  })

  test('reject invalid calls at compile time', () => {
    const w = new Float32Array(1)
    const optimizer = new Optimizer({ w, deep: { b: w.slice() } }, adam())
    const list = new Optimizer([w, w.slice()], sgd())
    const wrong = [
      // @ts-expect-error a misspelled name
      () => optimizer.step({ weight: w }),
      // @ts-expect-error a misspelled name further in
      () => optimizer.step({ w, deep: { bias: w } }),
      // @ts-expect-error the other dtype
      () => optimizer.step({ w: new Float64Array(1) }),
      // @ts-expect-error plain numbers
      () => optimizer.step({ w: [1] }),
      // @ts-expect-error too few
      () => list.step([w]),
      // @ts-expect-error no numbers as parameters
      () => new Optimizer({ w: [1] }, adam()),
      // @ts-expect-error no integers as parameters
      () => new Optimizer({ w: new Int32Array(1) }, adam()),
      // @ts-expect-error an unknown option
      () => adam({ learningRate: 1 }),
      // @ts-expect-error another rule's option
      () => sgd({ beta1: 0.9 }),
      // @ts-expect-error a β is no schedule
      () => adam({ beta1: warmup(0.9, { steps: 2 }) }),
      // @ts-expect-error a function is no rule
      () => new Optimizer(w, adam),
      // @ts-expect-error an unknown engine
      () => new Optimizer(w, adam(), { engine: 'rust' }),
      // @ts-expect-error an unknown option of the optimizer
      () => new Optimizer(w, adam(), { clipNorm: 1 }),
      // @ts-expect-error delayed twice
      () => delayedStart(1, delayedStart(1, adam())),
    ]
    // JavaScript calls are also refused.
    for (const call of wrong) expect(call).toThrow()
    expect(() => {
      // @ts-expect-error views cannot be replaced
      optimizer.params.w = w
    }).toThrow(TypeError)
    // @ts-expect-error this rule has no such state
    expect(optimizer.state.w.b).toBeUndefined()
  })
})
