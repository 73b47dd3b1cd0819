/**
 * Gradients that the native engine reads directly in the caller's memory. The results equal the results of copied
 * gradients for any kind of memory. The engine never writes to borrowed gradients.
 */

import { createRequire } from 'node:module'
import {
  adam,
  adamw,
  engines,
  gradientDescent,
  Optimizer,
  type OptimizerOptions,
  type Rule,
  sgd,
  unitwise,
} from 'antigrad'
import { describe, expect, test } from 'vitest'
import { arrayOf, bits, dtypes, type FloatArray, inBits, noise } from './helpers.js'

/**
 * The average length is large enough for borrowing. Several tensors end within a cache line, and one tensor fits into a
 * line.
 */
const lengths = [1023, 5, 70_001, 256, 0, 1, 40_000]

const rules: [string, Rule, OptimizerOptions][] = [
  ['adam', adam({ lr: 0.1 }), {}],
  ['adamw clipped by norm', adamw({ lr: 0.1 }), { clip: { norm: 0.5 } }],
  [
    'sgd with decay, clipped by value',
    sgd({ lr: 0.1, momentum: 0.9, weightDecay: 0.1 }),
    { clip: { value: 0.3 } },
  ],
  ['gradient descent that climbs', gradientDescent({ lr: 0.1, maximize: true }), {}],
]

const make = (dtype: 'float32' | 'float64', rule: Rule, options: OptimizerOptions) =>
  new Optimizer(
    lengths.map((length, i) => noise(i, length, dtype)),
    rule,
    options,
  )

const outcome = ({ params, state }: { params: unknown; state: unknown }) => inBits({ params, state })

describe.each(dtypes)('borrowed gradients on the engine %s', (dtype) => {
  const gradients = (t: number) => lengths.map((length, i) => noise(100 * t + i, length, dtype))

  test.each(rules)('give the same bits as copied gradients: %s', (_, rule, options) => {
    const expected = make(dtype, rule, { ...options, engine: 'typescript' })
    const lent = [1, 2, 3].map((threads) => make(dtype, rule, { ...options, engine: 'native', threads }))
    for (let t = 0; t < 4; t++) {
      // Some gradients are missing at the second step, so the clocks of these tensors differ from then on.
      const given = gradients(t).map((gradient, i) => (t === 1 && i % 3 === 0 ? null : gradient))
      const before = inBits(given)
      expected.step(given)
      for (const optimizer of lent) {
        expect(optimizer.engine).toBe('native')
        const untouched = inBits(optimizer.grads)
        optimizer.step(given)
        expect(outcome(optimizer)).toBe(outcome(expected))
        // The gradients must have been borrowed for the test to be meaningful.
        expect(inBits(optimizer.grads)).toBe(untouched)
      }
      expect(inBits(given)).toBe(before)
    }
  })

  test.each<[string, (gradient: FloatArray) => FloatArray]>([
    ['shared memory', (gradient) => moved(gradient, new SharedArrayBuffer(gradient.byteLength))],
    ['the end of a buffer', (gradient) => moved(gradient, new ArrayBuffer(gradient.byteLength + 8), 8)],
    ['a buffer that may grow', (gradient) => moved(gradient, growing(gradient.byteLength))],
    ['a subclass', (gradient) => Reflect.construct(class extends arrayOf[dtype] {}, [gradient])],
  ])('may lie in %s', (_, place) => {
    const [optimizer, expected] = [
      make(dtype, adam(), { engine: 'native' }),
      make(dtype, adam(), { engine: 'typescript' }),
    ]
    optimizer.step(gradients(1).map(place))
    expected.step(gradients(1))
    expect(outcome(optimizer)).toBe(outcome(expected))
  })

  test.each([{}, { norm: 0.5 }])('are copied if the clip %o overwrites rows of the gradients', (clip) => {
    const shapes = lengths.map((length) => (length === 40_000 ? [200, 200] : [length]))
    const options = { shapes, clip: { ...clip, adaptive: unitwise({ factor: 0.01 }) } }
    const [optimizer, expected] = (['native', 'typescript'] as const).map((engine) =>
      make(dtype, sgd({ lr: 0.1 }), { ...options, engine }),
    )
    const given = gradients(1)
    expected.step(given)
    optimizer.step(given)
    expect(outcome(optimizer)).toBe(outcome(expected))
    expect(inBits(given)).toBe(inBits(gradients(1)))
  })

  test("are read before the step overwrites the user's array", () => {
    const [optimizer, expected] = [
      make(dtype, gradientDescent({ lr: 1 }), { engine: 'native' }),
      make(dtype, gradientDescent({ lr: 1 }), { engine: 'native' }),
    ]
    const first = optimizer.params[2] as FloatArray
    const within = (length: number | undefined) =>
      new arrayOf[dtype](first.buffer as ArrayBuffer, first.byteOffset, length)
    // The first update writes to the memory of the second tensor's gradient.
    const overlapping = lengths.map((length, i) => (i === 2 || i === 6 ? within(length) : null))
    expected.step(overlapping.map((gradient) => gradient?.slice() ?? null))
    optimizer.step(overlapping)
    expect(outcome(optimizer)).toBe(outcome(expected))
  })

  test('can be combined with the option `zeroGrads`, which clears only the array `grads`', () => {
    const optimizer = make(dtype, adam(), { engine: 'native', zeroGrads: true })
    for (const gradient of optimizer.grads) gradient.fill(1)
    optimizer.step(gradients(1))
    expect(optimizer.grads.map((gradient) => gradient.every((x) => x === 0))).toEqual(lengths.map(() => true))
  })
})

/** Copies the numbers to another buffer. */
function moved(gradient: FloatArray, buffer: ArrayBufferLike, byteOffset = 0): FloatArray {
  const Typed = gradient.constructor as typeof Float32Array
  const there = new Typed(buffer as ArrayBuffer, byteOffset, gradient.length)
  there.set(gradient)
  expect(bits(there)).toBe(bits(gradient))
  return there
}

function growing(bytes: number): ArrayBuffer {
  const Growing = ArrayBuffer as new (length: number, options: { maxByteLength: number }) => ArrayBuffer
  return new Growing(bytes, { maxByteLength: bytes + 4096 })
}

test('the addon refuses invalid gradients and leaves the optimizer unchanged', async () => {
  const addon = addonOf()
  const { Arena } = await import(new URL('../dist/arena/arena.js', import.meta.url).href)
  const { GradientDescentKernel, NORM } = await import(
    new URL('../dist/arena/manifest.js', import.meta.url).href
  )
  const arena = new Arena('float32', [100, 50], [{ tensors: 2, state: [], byTensor: [], coefficients: 1 }])
  arena.setSegment(0, 0, 1, arena.firstArrays[0], 0, 0, [GradientDescentKernel.number, 0, 0, 0])
  // The row has no scaling, no limit and no decay, followed by the learning rate.
  arena.row(0).set([1, Infinity, 0, 1, 1])
  arena.segmentCount = 1
  const { memory, byteOffset, byteLength } = arena.region
  const run = addon.attach(memory, byteOffset, byteLength, arena.words, 1)
  const fitting = [new Float32Array(100).fill(1), new Float32Array(50).fill(1)]
  for (const wrong of [
    [new Float32Array(99), fitting[1]],
    [fitting[0], new Float64Array(50)],
    [...fitting, new Float32Array(1)],
  ]) {
    expect(() => run(0, ...wrong)).toThrow('not of its tensor')
    expect(() => run(NORM, ...wrong)).toThrow('not of its tensor')
  }
  expect(arena.elements(0).every((x: number) => x === 0)).toBe(true)
  expect(run(0, ...fitting)).toBe(true)
  expect([arena.view(0, 0)[99], arena.view(0, 1)[49]]).toEqual([-1, -1])
})

/** The addon as the package has loaded it. */
function addonOf() {
  expect(engines().native.available).toBe(true)
  const require = createRequire(import.meta.url)
  return require(Object.keys(require.cache).find((file) => file.endsWith('.node')) as string)
}

test.each([
  ['short tensors', 40, 200],
  ['more tensors than a call has arguments', (1 << 14) + 1, 256],
])('gradients of %s are copied instead of borrowed', (_, count, length) => {
  const params = Array.from({ length: count }, () => new Float32Array(length))
  const optimizer = new Optimizer(params, gradientDescent({ lr: 1 }), { engine: 'native' })
  optimizer.step(params.map((_, i) => new Float32Array(length).fill(i + 1)))
  // Borrowed gradients do not change these values.
  expect([optimizer.grads[0][0], optimizer.grads[count - 1][length - 1]]).toEqual([1, count])
  expect(optimizer.params[count - 1][0]).toBe(-count)
})
