/** stepAsync computes the bits of step, off the main thread or in slices, with exclusive access to the optimizer. */

import { setImmediate as turn } from 'node:timers/promises'
import {
  AntigradError,
  adam,
  adamw,
  BusyError,
  gradientDescent,
  nesterov,
  Optimizer,
  OptionError,
  type Rule,
  sgd,
  TensorError,
} from 'antigrad'
import { describe, expect, test } from 'vitest'
import { cases } from './cases.js'
import { inChild } from './children.js'
import { dtypes, engineNames, noise, outcome, snapshot } from './helpers.js'
import { compare, type Data, makeData, run, runAsync, type Variant } from './support.js'

const variants: readonly Variant[] = [
  ...engineNames.map((engine) => ({ name: engine, engine })),
  { name: 'native, 3 threads', engine: 'native', threads: 3 },
]

/** A length of more than two slices, which have 2¹⁷ elements. */
const LONG = 300_001

const short = dtypes.map((dtype) => makeData(dtype, [130, 0, 16, 1, 33, 16_385], 7, true))
const slices = dtypes
  .flatMap((dtype) => [
    makeData(dtype, [5, LONG, 0, 40_003, 90_001], 8, true),
    makeData(dtype, Array(1500).fill(3), 9, true),
  ])
  .map((data) => ({ ...data, gradients: data.gradients.slice(-3) }))

describe.each(variants)('stepAsync on $name computes the same bits as step', (variant) => {
  async function difference(data: Data, testCase: (typeof cases)[number]): Promise<string | null> {
    const expected = run({ ...variant, threads: 1 }, testCase, data)
    for await (const actual of runAsync(variant, testCase, data)) {
      const found = compare(expected.next().value, actual)
      if (found !== null) return found
    }
    return null
  }

  test.each(cases)('with the rule $name', async (testCase) => {
    for (const data of short) expect(await difference(data, testCase)).toBeNull()
  })

  const names = ['adamw amsgrad', 'delayedStart nesterov', 'clip both zeroGrads sgd nesterov l2 maximize']
  const sample = cases.filter(({ name }) => names.includes(name))

  test.each(slices)('with $initial.length tensors of $dtype in several slices', async (data) => {
    expect(sample).toHaveLength(names.length)
    for (const testCase of sample) expect(await difference(data, testCase)).toBeNull()
  })
})

/** A large optimizer whose norm and update each need several slices. */
function long(options: object, rule: Rule = adam({ lr: 0.1 })) {
  const params = { w: noise(1, LONG, 'float32'), b: noise(2, 7, 'float32') }
  return new Optimizer(params, rule, { clip: { norm: 1 }, ...options })
}

const gradients = () => ({ w: noise(3, LONG, 'float32'), b: noise(4, 7, 'float32') })

describe.each(engineNames)('during stepAsync on %s,', (engine) => {
  test.each<[string, (gradient: Float32Array) => unknown]>([
    ['written', (gradient) => gradient.fill(NaN)],
    ['transferred', (gradient) => structuredClone(gradient, { transfer: [gradient.buffer as ArrayBuffer] })],
  ])('gradients may be %s as soon as stepAsync has returned a promise', async (_, spoil) => {
    const [optimizer, expected] = [long({ engine }), long({ engine })]
    for (let t = 0; t < 3; t++) {
      const own = gradients()
      const step = optimizer.stepAsync(own)
      spoil(own.w as Float32Array)
      spoil(own.b as Float32Array)
      await step
      expected.step(gradients())
    }
    expect(outcome(optimizer)).toBe(outcome(expected))
  })

  test('any other call that would change the optimizer is refused and has no effect', async () => {
    const [optimizer, expected] = [
      long({ engine }, nesterov({ lr: 0.1, form: 'shifted' })),
      long({ engine }, nesterov({ lr: 0.1, form: 'shifted' })),
    ]
    const step = optimizer.stepAsync(gradients())
    let isDone = false
    step.then(() => {
      isDone = true
    })
    const refused: Record<string, () => unknown> = {
      step: () => optimizer.step(gradients()),
      set: () => optimizer.set({ lr: 1 }),
      state: () => optimizer.state,
      zeroGrad: () => optimizer.zeroGrad(),
      gradientPoint: () => optimizer.gradientPoint(),
    }
    do {
      for (const [call, make] of Object.entries(refused)) {
        expect(make, call).toThrow(BusyError)
        expect(make, call).toThrow(`${call}: a step of this optimizer is under way`)
      }
      expect(() => optimizer.step()).toThrow(AntigradError)
      await expect(optimizer.stepAsync()).rejects.toThrow(BusyError)
      await expect(optimizer.stepAsync(gradients())).rejects.toThrow(/^stepAsync: /)
      expect(optimizer.rule).toMatchObject({ lr: 0.1 })
      await turn()
    } while (!isDone)
    await step
    expected.step(gradients())
    expect(outcome(optimizer)).toBe(outcome(expected))
    for (const make of Object.values(refused)) expect(make).not.toThrow()
  })

  test('an invalid call is rejected, and the optimizer stays unchanged and usable', async () => {
    const rule = sgd({ lr: (t) => (t === 1 ? -1 : 0.1) })
    const optimizer = long({ engine }, rule)
    await optimizer.stepAsync(gradients())
    const before = snapshot(optimizer)
    const wrong: [unknown, typeof TensorError | typeof OptionError][] = [
      [{ w: new Float32Array(3) }, TensorError],
      [{ stranger: new Float32Array(3) }, TensorError],
      [{ w: new Float64Array(LONG) }, TensorError],
      [[], TensorError],
      [gradients(), OptionError],
      [undefined, OptionError],
    ]
    for (const [given, Kind] of wrong) {
      const call = optimizer.stepAsync(given as never)
      await expect(call).rejects.toThrow(Kind)
      expect(snapshot(optimizer)).toBe(before)
    }
    optimizer.set({ lr: 0.1 })
    await optimizer.stepAsync(gradients())
    expect(optimizer.updates).toBe(2)
  })

  test('a step without any gradient leaves the optimizer unchanged', async () => {
    const optimizer = long({ engine })
    const before = snapshot(optimizer)
    await optimizer.stepAsync({})
    await optimizer.stepAsync({ w: null, b: undefined })
    expect(snapshot(optimizer)).toBe(before)
  })

  test('several optimizers can step at the same time', async () => {
    const optimizers = Array.from({ length: 6 }, () => long({ engine, threads: 2 }))
    for (let t = 0; t < 2; t++) await Promise.all(optimizers.map((one) => one.stepAsync(gradients())))
    const expected = long({ engine })
    for (let t = 0; t < 2; t++) expected.step(gradients())
    for (const optimizer of optimizers) expect(outcome(optimizer)).toBe(outcome(expected))
  })

  test('a getter or schedule function cannot step the same optimizer', async () => {
    let inner: Promise<unknown> = Promise.resolve()
    const optimizer = long({ engine })
    const sneaky = {
      get w() {
        inner = expect(optimizer.stepAsync(gradients())).rejects.toThrow(BusyError)
        expect(() => optimizer.set({ lr: 1 })).toThrow(BusyError)
        return gradients().w
      },
      b: gradients().b,
    }
    optimizer.step(sneaky)
    await inner
    const expected = long({ engine })
    expected.step(gradients())
    expect(outcome(optimizer)).toBe(outcome(expected))

    const scheduled: Optimizer<Float32Array<ArrayBuffer>> = new Optimizer(
      new Float32Array(9),
      gradientDescent({
        lr: () => {
          expect(() => scheduled.step()).toThrow(BusyError)
          expect(() => scheduled.gradientPoint()).toThrow(BusyError)
          return 0.1
        },
      }),
      { engine },
    )
    scheduled.step(new Float32Array(9).fill(1))
    expect(scheduled.updates).toBe(1)
    expect(scheduled.params[8]).toBe(Math.fround(-0.1))
  })

  test('the event loop continues to process events', async () => {
    const length = engine === 'native' ? 4e6 : 1.5e6
    const optimizer = new Optimizer(new Float32Array(length), adamw({ lr: 0.1 }), {
      engine,
      clip: { norm: 1 },
    })
    optimizer.step()
    let turns = 0
    // Ten steps are used, because a single step may be shorter than the time slice of another process.
    const steps = 10
    for (let step = 0; step < steps; step++) {
      let isDone = false
      const promise = optimizer.stepAsync().finally(() => {
        isDone = true
      })
      while (!isDone) {
        await turn()
        turns++
      }
      await promise
    }
    // In slices, the norm and the update each take about eleven turns.
    expect(turns / steps).toBeGreaterThan(engine === 'native' ? 3 : 20)
  })
})

test('the addon runs stepAsync outside the main thread', async () => {
  const optimizer = new Optimizer(new Float32Array(LONG), adam({ lr: 0.1 }), { engine: 'native' })
  const step = optimizer.stepAsync(new Float32Array(LONG).fill(1))
  const deadline = Date.now() + 10_000
  // The main thread never yields, but the last parameter changes.
  while (optimizer.params[LONG - 1] === 0 && Date.now() < deadline) {}
  expect(Date.now()).toBeLessThan(deadline)
  await step
})

describe("an optimizer's arena in an ArrayBuffer", () => {
  const before = `
    const { Memory } = WebAssembly
    WebAssembly.Memory = class { constructor() { throw new Error('none here') } }`
  const made = `
    const made = (engine) =>
      new antigrad.Optimizer(new Float32Array(1e6).fill(1), antigrad.adam(), { engine, clip: { norm: 1 } })
    const gradient = new Float32Array(1e6).fill(3)`

  test.each(['native', 'typescript'])(
    'is updated to the same bits in slices and in one call: %s',
    (engine) => {
      const body = `${made}
      const [optimizer, expected] = [made('${engine}'), made('${engine}')]
      let turns = 0
      let isDone = false
      const step = optimizer.stepAsync(gradient).then(() => { isDone = true })
      for (; !isDone; turns++) await new Promise(setImmediate)
      expected.step(gradient)
      return [turns > 10, Buffer.compare(...[optimizer, expected].map(({ params: { buffer, byteOffset, byteLength } }) => Buffer.from(buffer, byteOffset, byteLength)))]`
      expect(inChild(body, { before })).toEqual([true, 0])
    },
  )

  test.each(['native', 'typescript'])('may be transferred during stepAsync: %s', (engine) => {
    const body = `${made}
      const errors = []
      for (const clip of [{}, { norm: 1 }]) {
        const optimizer = new antigrad.Optimizer(new Float32Array(1e6), antigrad.adam(), { engine: '${engine}', clip })
        const step = optimizer.stepAsync(gradient)
        structuredClone(null, { transfer: [optimizer.params.buffer] })
        errors.push(await step.then(() => null, ({ name, argument }) => [name, argument]))
        errors.push(await optimizer.stepAsync().then(() => null, ({ name }) => name))
      }
      return errors`
    const error = [['TensorError', 'optimizer'], 'TensorError']
    expect(inChild(body, { before })).toEqual([...error, ...error])
  })
})

test("an optimizer's arena in a WebAssembly memory cannot be transferred", async () => {
  const [optimizer, expected] = [long({ engine: 'native' }), long({ engine: 'native' })]
  const step = optimizer.stepAsync(gradients())
  const transfer = [optimizer.params.w.buffer as ArrayBuffer]
  try {
    structuredClone(null, { transfer })
  } catch (error) {
    // Node 20 ignores the transfer.
    expect(error).toMatchObject({ name: 'DataCloneError' })
  }
  await step
  expected.step(gradients())
  expect(outcome(optimizer)).toBe(outcome(expected))
})
