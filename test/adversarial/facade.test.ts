/** Attacks and unusual programs against the public API. */

import {
  adam,
  BusyError,
  gradientDescent,
  momentum,
  nesterov,
  Optimizer,
  OptionError,
  type Rule,
  type Schedule,
  TensorError,
  type Warmup,
  warmup,
} from 'antigrad'
import { describe, expect, test } from 'vitest'
import { inChild } from '../children.js'
import { engineNames, inBits, noise, snapshot } from '../helpers.js'

describe('a schedule', () => {
  const deep = (depth: number): Schedule => {
    let schedule: Schedule = { schedule: 'warmup', value: 1, steps: 1, from: null }
    for (let i = 1; i < depth; i++) schedule = { schedule: 'warmup', value: schedule, steps: 1, from: null }
    return schedule
  }

  test('can be nested 100 levels deep, but not 100,000 levels deep', () => {
    expect(() => adam({ lr: deep(100) })).not.toThrow()
    for (const depth of [101, 100_000]) {
      expect(() => adam({ lr: deep(depth) })).toThrow(OptionError)
      expect(() => warmup(deep(depth), { steps: 1 })).toThrow(OptionError)
      const rule: Rule = { ...adam(), lr: deep(depth) }
      expect(() => new Optimizer(Float32Array.of(1), rule)).toThrow(OptionError)
    }
  })

  test('does not change if the user modifies the schedule object after creating the rule', () => {
    const inner = { schedule: 'warmup', value: 1, steps: 4, from: null as number | null } as const
    const outer = { ...inner, value: inner as Schedule }
    const rule = gradientDescent({ lr: outer })
    const warm = warmup(inner, { steps: 2 })
    Object.assign(inner, { steps: NaN, value: 'x' })
    Object.assign(outer, { steps: NaN, value: 'x' })
    expect(rule.lr).toEqual(warmup(warmup(1, { steps: 4 }), { steps: 4 }))
    expect(warm.value).toEqual(warmup(1, { steps: 4 }))
    expect(Object.isFrozen(rule.lr)).toBe(true)
    expect(Object.isFrozen((rule.lr as Warmup).value)).toBe(true)
    expect(Object.isFrozen(warm.value)).toBe(true)
  })

  test('is refused as the return value of a schedule function', () => {
    const rule = gradientDescent({ lr: (() => warmup(1, { steps: 4 })) as unknown as () => number })
    const optimizer = new Optimizer(Float32Array.of(1), rule)
    expect(() => optimizer.step(Float32Array.of(1))).toThrow(
      'gradientDescent: lr at t = 0: expected a finite number ≥ 0, got an object with the keys schedule, value, steps, from',
    )
  })
})

test('the library ignores functions on Object.prototype', () => {
  const body = `
    const params = { w: Float32Array.of(1, 2), list: [Float32Array.of(3)] }
    const rules = [antigrad.adam({ lr: antigrad.warmup(1, { steps: 2 }) }), antigrad.adagrad({ form: 'essay' }),
      antigrad.delayedStart(1, antigrad.nesterov({ form: 'shifted' }))]
    const results = rules.map((rule) => {
      const optimizer = new antigrad.Optimizer(params, rule, { clip: { norm: 1 } })
      optimizer.step(params)
      optimizer.set({ lr: 0.1 })
      optimizer.gradientPoint()
      optimizer.step(params)
      return [...optimizer.params.w, ...optimizer.params.list[0], ...Object.keys(optimizer.state.w)]
    })
    const map = thrownBy(() => new antigrad.Optimizer({ w: new Map([['w', 1]]) }, antigrad.adam()))
    const { x } = antigrad.minimize(antigrad.rosenbrock(), [1, 2], antigrad.adam(), { maxIterations: 3 })
    return { results, map: map.message, x: [...x] }`
  const polluted = `for (const name of ['polluted', 'momentum']) Object.prototype[name] = () => NaN`
  expect(inChild(body, { before: polluted })).toEqual(inChild(body))
})

describe.each(engineNames)('gradients that change after validation on the engine %s', (engine) => {
  const length = 300
  const make = (rule: Rule = momentum({ lr: 1 })) => {
    const params = { a: new Float32Array(length), b: new Float32Array(length) }
    const optimizer = new Optimizer(params, rule, { engine })
    optimizer.grads.a.fill(7)
    optimizer.grads.b.fill(7)
    return optimizer
  }
  const transfer = (array: Float32Array<ArrayBuffer>) =>
    structuredClone(array.buffer, { transfer: [array.buffer] })

  /** Node 20 supports resizable buffers, which are missing from TypeScript's ES2023 types. */
  const Resizable = ArrayBuffer as unknown as new (
    length: number,
    options: { maxByteLength: number },
  ) => ArrayBuffer & { resize(length: number): void }

  test.each([
    ['transferred', () => new Float32Array(length), transfer],
    [
      'shrunk',
      () => new Float32Array(new Resizable(4 * length, { maxByteLength: 4 * length })),
      ({ buffer }: Float32Array) => (buffer as InstanceType<typeof Resizable>).resize(4),
    ],
  ] as const)('are refused if a getter or schedule function made the change: %s', (_, gradient, spoil) => {
    const optimizer = make()
    const before = snapshot(optimizer)
    const a = gradient()
    const gradients = {
      a,
      get b() {
        spoil(a)
        return new Float32Array(length)
      },
    }
    expect(() => optimizer.step(gradients)).toThrow(TensorError)
    expect(snapshot(optimizer)).toBe(before)
    const given = { a: gradient(), b: gradient() }
    const scheduled = make(
      gradientDescent({
        lr: () => {
          spoil(given.b)
          return 1
        },
      }),
    )
    const { params, state, updates } = scheduled
    const untouched = snapshot({ params, state, updates, rule: 0, grads: 0 })
    expect(() => scheduled.step(given)).toThrow(TensorError)
    expect(snapshot({ params, state, updates: scheduled.updates, rule: 0, grads: 0 })).toBe(untouched)
  })

  test('are refused by stepAsync', async () => {
    const optimizer = make()
    const a = new Float32Array(length)
    const gradients = {
      a,
      get b() {
        transfer(a)
        return new Float32Array(length)
      },
    }
    await expect(optimizer.stepAsync(gradients)).rejects.toThrow(TensorError)
    expect(optimizer.updates).toBe(0)
  })
})

describe.each(engineNames)('gradients that are parameter views on the engine %s', (engine) => {
  const lengths = [3, 300]
  test.each(lengths)('may be in another order than the tensors, with %i elements each', async (length) => {
    const noise32 = (seed: number) => noise(seed, length, 'float32') as Float32Array
    const make = () => {
      const params = { a: noise32(1), b: noise32(2) }
      const optimizer = new Optimizer(params, gradientDescent({ lr: 0.5 }), { engine, clip: { norm: 1 } })
      optimizer.grads.a.set(noise32(3))
      optimizer.grads.b.set(noise32(4))
      return optimizer
    }
    type Made = ReturnType<typeof make>
    type Copy = (view: Float32Array) => Float32Array
    const steps = [
      ({ grads: { a, b } }: Made, copy: Copy) => ({ a: copy(b), b: copy(a) }),
      ({ params: { a, b } }: Made, copy: Copy) => ({ a: copy(b), b: copy(a) }),
    ]
    for (const gradients of steps) {
      const expected = make()
      expected.step(gradients(expected, (view) => view.slice()))
      const optimizer = make()
      optimizer.step(gradients(optimizer, (view) => view))
      expect(inBits(optimizer.params)).toBe(inBits(expected.params))
      const later = make()
      await later.stepAsync(gradients(later, (view) => view))
      expect(inBits(later.params)).toBe(inBits(expected.params))
    }
  })
})

describe('gradientPoint', () => {
  test.each(engineNames)(
    'refuses a schedule function that calls step, and leaves the optimizer unchanged: %s',
    (engine) => {
      const optimizer: Optimizer<Float32Array[]> = new Optimizer(
        [Float32Array.of(1), Float32Array.of(2)],
        nesterov({
          lr: 0.1,
          form: 'shifted',
          momentum: () => {
            if (isStepping) optimizer.step([Float32Array.of(1), null])
            return 0.5
          },
        }),
        { engine },
      )
      let isStepping = false
      optimizer.step([Float32Array.of(1), Float32Array.of(1)])
      const before = optimizer.params.map((view) => view.slice())
      isStepping = true
      expect(() => optimizer.gradientPoint()).toThrow(BusyError)
      expect(() => optimizer.step()).toThrow(BusyError)
      isStepping = false
      expect(optimizer.params).toEqual(before)
      const point = optimizer.gradientPoint().map((view) => view[0])
      const v = (optimizer.state as unknown as { v: Float32Array }[]).map((tensor) => tensor.v[0])
      const expected = optimizer.params.map((view, i) => Math.fround(view[0] + Math.fround(0.5 * v[i])))
      expect(point).toEqual(expected)
    },
  )

  test('keeps the option `zeroGrads` unchanged if an exception is thrown', () => {
    const optimizer = new Optimizer(new Float32Array(300_000), nesterov({ form: 'shifted' }), {
      engine: 'wasm',
      zeroGrads: true,
    })
    optimizer.gradientPoint()
    // An arena of this size has its own memory, and begins here.
    const header = new Uint32Array(optimizer.params.buffer, 65_536, 10)
    const whole = header.slice()
    header.fill(0xffffffff)
    expect(() => optimizer.gradientPoint()).toThrow()
    header.set(whole)
    optimizer.grads[0] = 1
    optimizer.step()
    expect(optimizer.grads[0]).toBe(0)
  })
})

describe('a step', () => {
  test('allocates no memory during an update on the TypeScript engine, so no update fails halfway', () => {
    const body = `
      const optimizer = new antigrad.Optimizer(Float32Array.of(1, 2), antigrad.adam({ weightDecay: 0.1 }),
        { engine: 'typescript' })
      const { slice } = Float32Array.prototype
      Float32Array.prototype.slice = () => { throw new RangeError('Array buffer allocation failed') }
      const error = thrownBy(() => optimizer.step(Float32Array.of(1, 1)))
      Float32Array.prototype.slice = slice
      return { message: error?.message ?? null, updates: optimizer.updates, ofTensor: optimizer.state.updates }`
    expect(inChild(body)).toEqual({ message: null, updates: 1, ofTensor: 1 })
  })

  test('is not counted if passing the gradients as arguments overflows the stack', () => {
    const body = `
      const tensors = Array.from({ length: 10000 }, () => new Float32Array(256))
      const optimizer = new antigrad.Optimizer(tensors, antigrad.gradientDescent(), { engine: 'native' })
      let done = 0
      let thrown = 0
      const dive = () => {
        try {
          dive()
        } catch {}
        if (done > 0) return
        try {
          optimizer.step(tensors)
          done++
        } catch {
          thrown++
        }
      }
      dive()
      return { thrown: thrown > 0, done, updates: optimizer.updates, ofTensor: optimizer.state[0].updates }`
    expect(inChild(body)).toEqual({ thrown: true, done: 1, updates: 1, ofTensor: 1 })
  })
})

describe('a stepAsync call with many tensors', () => {
  test.each(['wasm', 'typescript'] as const)(
    'takes time proportional to the number of tensors, even in slices: %s',
    async (engine) => {
      const time = async (count: number) => {
        const gradients = Array.from({ length: count }, () => Float32Array.of(1))
        const optimizer = new Optimizer(gradients, gradientDescent(), { engine, clip: { norm: 1 } })
        await optimizer.stepAsync(gradients)
        const start = performance.now()
        await optimizer.stepAsync(gradients)
        return performance.now() - start
      }
      expect(await time(50_000)).toBeLessThan(1500)
    },
  )
})
