/** Sums of gradients from several workers. The bits depend on the list, and not on the order of arrival. */

import { fork } from 'node:child_process'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { adamw, Optimizer, sgd, sparseRows, sumGradients, TensorError } from 'antigrad'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Anything } from './adversarial/subject.js'
import { home } from './children.js'
import { inBits } from './helpers.js'
import { gradientsOf } from './worker-gradients.mjs'

const arrays = { float32: Float32Array, float64: Float64Array }
const dtypes = Object.keys(arrays) as (keyof typeof arrays)[]
const partsOf = ({ indices, values }: Anything) => ({ indices: [...indices], values: [...values] })

test('sumGradients adds neighboring pairs of gradients, and then adds the rounded sums of the pairs', () => {
  // 2²⁴ + 1 is not a float32 number, but 2²⁴ + 2 is.
  const [large, one] = [2 ** 24, 1]
  const sum = (...numbers: number[]) => sumGradients(numbers.map((x) => Float32Array.of(x)))[0]
  expect(sum(large, one, one, one)).toBe(large + 2)
  expect(sum(large, one, one)).toBe(large)
  expect(sum(one, one, large)).toBe(large + 2)
  // In ((0 + 1) + (2 + 3)) + 4, the sum 2²⁴ + 3 lies between two float32 numbers and is rounded to the even number.
  expect(sum(large, one, one, one, one)).toBe(large + 4)
  expect(sum(large, one, one, one, one, one)).toBe(large + 4)
  expect(sum(one, one, one, one, large)).toBe(large + 4)
  expect(sumGradients([Float64Array.of(large), Float64Array.of(one)])[0]).toBe(large + 1)
  // Within one part, rows are added in list order.
  expect(sumGradients([sparseRows([4, 4, 4], Float32Array.of(large, one, one))]).values[0]).toBe(large)
  expect(sumGradients([sparseRows([4, 4, 4], Float32Array.of(one, one, large))]).values[0]).toBe(large + 2)
})

test('sumGradients sorts and merges sparse rows, and ignores missing parts', () => {
  const sum = sumGradients([
    { embed: sparseRows([7, 2, 7], Float32Array.of(1, 2, 3, 4, 5, 6)), body: [null, Float32Array.of(1)] },
    { embed: sparseRows(BigUint64Array.of(3n), Float32Array.of(10, 20)) },
    { embed: null, body: [undefined, Float32Array.of(2)] },
    { embed: sparseRows(Uint8Array.of(0, 7), Float32Array.of(-0, 8, 100, 200)), bias: Float32Array.of(5) },
  ] as Anything[])
  expect(partsOf(sum.embed)).toEqual({
    indices: [0, 2, 3, 7],
    values: [-0, 8, 3, 4, 10, 20, 106, 208],
  })
  expect(sum.embed.indices).toBeInstanceOf(Uint32Array)
  expect(sum.body).toEqual([null, Float32Array.of(3)])
  expect(sum.bias).toEqual(Float32Array.of(5))
  const none = sumGradients([
    { embed: sparseRows([], new Float32Array(0)), b: null },
    { b: null },
  ] as Anything[])
  expect(partsOf(none.embed)).toEqual({ indices: [], values: [] })
  expect(none.b).toBe(null)
})

test('sumGradients does not change, keep or return the arguments of the call', () => {
  const [embed, indices, w] = [Float32Array.of(1, 2), [1, 0], Float32Array.of(3)]
  const sum = sumGradients([{ embed: sparseRows(indices, embed), w }])
  for (const array of [sum.w, sum.embed.values]) array.fill(9)
  expect([embed, indices, w]).toEqual([Float32Array.of(1, 2), [1, 0], Float32Array.of(3)])
  const given = sparseRows(indices, embed)
  ;(given.indices as number[])[0] = 0.5
  expect(given.indices).toEqual([1, 0])
  expect(given.values).toBe(embed)
})

describe.each(dtypes)('the sums of sumGradients in %s', (dtype) => {
  const Typed = arrays[dtype] as Float32ArrayConstructor
  const [ROWS, COLUMNS] = [6, 3]
  const number = fc.oneof(
    fc.double({ noNaN: true, min: -1e30, max: 1e30 }),
    fc.constantFrom(1, 2 ** 24, 2 ** 53, 1e-40),
  )
  const some = fc
    .array(fc.nat(ROWS - 1), { maxLength: 8 })
    .chain((indices) =>
      fc.tuple(
        fc.constant(indices),
        fc.array(number, { minLength: indices.length * COLUMNS, maxLength: indices.length * COLUMNS }),
      ),
    )
  const part = fc.record({ some, body: fc.option(fc.array(number, { minLength: 4, maxLength: 4 })) })
  const given = ({ some: [indices, values], body }: Anything) => ({
    embed: sparseRows(indices, Typed.from(values)),
    inner: { list: [body && Typed.from(body)] },
  })

  test('do not depend on the order or the sparsity of gradients, or on intermediate sums', () => {
    fc.assert(
      fc.property(
        fc
          .array(part, { minLength: 1, maxLength: 9 })
          .chain((parts) =>
            fc.tuple(fc.constant(parts), fc.shuffledSubarray([...parts.keys()], { minLength: parts.length })),
          ),
        ([parts, arrivals]) => {
          const sum = sumGradients(parts.map(given))
          const placed = new Array(parts.length)
          for (const worker of arrivals) placed[worker] = given(parts[worker])
          const text = (one: Anything) => inBits([one.embed.indices, one.embed.values, one.inner])
          expect(text(sumGradients(placed))).toBe(text(sum))

          // The occurrences of a repeated row in a part are first added in list order.
          const whole = (one: Anything) => {
            const array = new Typed(ROWS * COLUMNS)
            const { indices, values } = one.embed
            for (let k = 0; k < values.length; k++) {
              array[indices[Math.floor(k / COLUMNS)] * COLUMNS + (k % COLUMNS)] += values[k]
            }
            return array
          }
          const dense = sumGradients(parts.map((one) => whole(given(one))))
          // In the comparison, 0 equals −0, because −0 is kept without another part.
          expect([...whole(sum)].map((x) => x + 0)).toEqual([...dense].map((x) => x + 0))
          const { indices } = sum.embed as Anything
          expect([...indices]).toEqual([...new Set([...indices])].sort((a, b) => a - b))

          const half = 2 ** Math.floor(Math.log2(Math.max(parts.length - 1, 1)))
          if (parts.length > half) {
            const pieces = [parts.slice(0, half), parts.slice(half)].map((piece) =>
              sumGradients(piece.map(given)),
            )
            expect(text(sumGradients(pieces))).toBe(text(sum))
          }
        },
      ),
      { numRuns: 200 },
    )
  })
})

describe('a training run of four workers', () => {
  const WORKERS = 4
  const make = (rule: Anything) => {
    const params = {
      embed: Float32Array.from({ length: 150 }, (_, i) => Math.sin(i)),
      body: [new Float32Array(9)],
    }
    return new Optimizer(params, rule, { shapes: { embed: [30, 5] }, clip: { norm: 3 } }) as Anything
  }
  const read = ({ embed: { indices, values }, body }: Anything) => ({
    embed: sparseRows(indices, values),
    body,
  })
  const file = join(home, 'test/worker-gradients.mjs')

  function alone(rule: Anything): string {
    const optimizer = make(rule)
    for (let t = 0; t < 6; t++) {
      const parts = Array.from({ length: WORKERS }, (_, worker) => gradientsOf(optimizer.params, worker, t))
      optimizer.step(sumGradients(parts.map(read)))
    }
    return inBits(optimizer.save())
  }

  interface Hand {
    send(message: unknown): void
    on(event: 'message', listener: (reply: Anything) => void): unknown
    once(event: 'error', listener: (error: Error) => void): unknown
    end(): unknown
  }

  async function together(rule: Anything, hands: readonly Hand[]) {
    const optimizer = make(rule)
    const arrivals: number[] = []
    let arrived = (_: Anything): void => {}
    for (const hand of hands) hand.on('message', (reply) => arrived(reply))
    const failed = new Promise<never>((_, reject) => {
      for (const hand of hands) hand.once('error', reject)
    })
    for (let t = 0; t < 6; t++) {
      const parts: unknown[] = new Array(WORKERS)
      let missing = WORKERS
      const all = new Promise<void>((resolve) => {
        arrived = ({ worker, gradients }) => {
          arrivals.push(worker)
          parts[worker] = read(gradients)
          if (--missing === 0) resolve()
        }
      })
      const { embed, body } = optimizer.params
      const params = { embed: embed.slice(), body: [body[0].slice()] }
      for (const hand of hands) hand.send({ params, t })
      await Promise.race([all, failed])
      optimizer.step(sumGradients(parts as object[]))
    }
    return { bits: inBits(optimizer.save()), arrivals }
  }

  const threads = () =>
    Array.from({ length: WORKERS }, (_, worker): Hand => {
      const thread = new Worker(file, { workerData: { worker } })
      return {
        send: (message) => thread.postMessage(message),
        on: (event, listener) => thread.on(event, listener),
        once: (event, listener) => thread.once(event, listener),
        end: () => thread.terminate(),
      }
    })
  const processes = () =>
    Array.from({ length: WORKERS }, (_, worker): Hand => {
      const env = { ...process.env, TEST_WORKER: `${worker}` }
      const child = fork(file, { serialization: 'advanced', env, execArgv: [] })
      return {
        send: (message) => void child.send(message as object),
        on: (event, listener) => child.on(event, listener),
        once: (event, listener) => child.once(event, listener),
        end: () => child.kill(),
      }
    })

  const rules = { adamw: adamw({ lr: 0.05 }), sgd: sgd({ lr: 0.05, momentum: 0.9 }) }
  const hands = { threads, processes }
  test.each(Object.keys(hands) as (keyof typeof hands)[])(
    'computes the same bits as a single process with %s',
    async (kind) => {
      const made = hands[kind]()
      try {
        for (const rule of Object.values(rules)) {
          const { bits, arrivals } = await together(rule, made)
          expect(bits).toBe(alone(rule))
          expect(arrivals).toHaveLength(24)
          // The parts arrived in another order than the order of the workers.
          expect(arrivals.join()).not.toBe('0,1,2,3,'.repeat(6).slice(0, -1))
        }
      } finally {
        for (const hand of made) await hand.end()
      }
    },
  )
})

describe('the function sumGradients', () => {
  const f = (...numbers: number[]) => Float32Array.from(numbers)
  const some = (...indices: number[]) => sparseRows(indices, new Float32Array(2 * indices.length))
  const detached = () => {
    const array = f(1, 2)
    structuredClone(null, { transfer: [array.buffer] })
    return array
  }
  const cyclic = (() => {
    const record: Anything = {}
    record.again = record
    return record
  })()
  const nested = (depth: number): Anything => (depth === 0 ? f(1) : [nested(depth - 1)])
  const doubled = (depth: number): Anything => {
    const inner = depth === 0 ? f(1) : doubled(depth - 1)
    return [inner, inner]
  }
  const bad: [name: string, parts: () => Anything, RegExp][] = [
    ['undefined', () => undefined, /^sumGradients: parts: expected an array of gradients from at least one/],
    ['no worker', () => [], /^sumGradients: parts: /],
    ['no array', () => ({ 0: f(1), length: 1 }), /^sumGradients: parts: /],
    ['too many', () => new Array(2 ** 32 - 1), /^sumGradients: parts: /],
    [
      'a missing part',
      () => Object.assign(new Array(2), { 1: f(1) }),
      /^sumGradients: parts.0: expected gradients from each/,
    ],
    ['null', () => [null], /^sumGradients: parts.0: /],
    ['a number', () => [{ w: 7 }], /^sumGradients: parts.0.w: expected a Float32Array .*makes one/],
    ['numbers', () => [{ w: [1, 2] }], /^sumGradients: parts.0.w.0: .*makes one/],
    ['integers', () => [{ w: Int32Array.of(1) }], /^sumGradients: parts.0.w: .*got an Int32Array/],
    ['a tensor of another library', () => [{ w: { dataSync() {} } }], /^sumGradients: parts.0.w: .*dataSync/],
    [
      'a clone of rows',
      () => [{ e: structuredClone(some(1)) }, { e: some(1) }],
      /parts.1.e: expected an object/,
    ],
    ['lengths', () => [{ w: f(1) }, {}, { w: f(1, 2) }], /parts.2.w: .* length 1 like parts.0, got .* 2/],
    [
      'dtypes',
      () => [f(1), Float64Array.of(1)],
      /^sumGradients: parts.1: expected a Float32Array of length 1/,
    ],
    ['a detached array', () => [{ w: detached() }], /^sumGradients: parts.0.w: .*a detached one/],
    [
      'a detached array in the second part',
      () => [f(1, 2), detached()],
      /^sumGradients: parts.1: expected a Float32Array of len/,
    ],
    [
      'arrays of different lengths',
      () => [[f(1)], [f(1), f(2)]],
      /^sumGradients: parts.1: expected an array of length 1 like parts.0/,
    ],
    [
      'an array and an object',
      () => [[f(1)], { 0: f(1) }],
      /^sumGradients: parts.1: expected an array of length 1/,
    ],
    ['an object and an array', () => [{ 0: f(1) }, [f(1)]], /^sumGradients: parts.1: expected an object/],
    [
      'an object and a typed array',
      () => [{ a: { b: f(1) } }, { a: f(1) }],
      /parts.1.a: expected an object like/,
    ],
    ['a cycle', () => [cyclic], /parts.0.again: expected a tree, got a cycle, or a repeated array or object/],
    ['arrays that occur 2⁹⁰ times', () => [doubled(90)], /expected a tree/],
    ['a deeply nested structure', () => [nested(101)], /expected nesting up to 100 levels/],
    ['a map', () => [new Map([['w', f(1)]])], /^sumGradients: parts.0: .*got a Map/],
    [
      'dense and sparse gradients',
      () => [{ e: f(1, 2) }, { e: some(1) }],
      /parts.1.e: expected a Float32Array .*got a Rows/,
    ],
    [
      'sparse and dense gradients',
      () => [{ e: some(1) }, { e: f(1, 2) }],
      /parts.1.e: expected sparse rows like parts.0/,
    ],
    [
      'sparse rows of another dtype',
      () => [some(1), sparseRows([1], new Float64Array(2))],
      /parts.1: expected a Float32Array/,
    ],
    [
      'different column counts',
      () => [some(1), sparseRows([1], f(1, 2, 3))],
      /parts.1: expected values of 1 rows of 2 columns/,
    ],
    [
      'parts of a row',
      () => [sparseRows([1, 2], f(1, 2, 3))],
      /parts.0: expected values of 2 rows of equally many/,
    ],
    ['values without rows', () => [sparseRows([], f(1))], /parts.0: expected values of 0 rows/],
    ['detached rows', () => [sparseRows([1], detached())], /parts.0: expected values of 1 rows/],
    [
      'a negative row',
      () => [sparseRows(Int8Array.of(-1), f(1))],
      /parts.0: expected indices from 0 to 4294967295, got -1/,
    ],
    [
      'a row beyond 32 bits',
      () => [sparseRows([2 ** 32], f(1))],
      /indices from 0 to 4294967295, got 4294967296/,
    ],
    [
      'a bigint beyond 32 bits',
      () => [sparseRows(BigUint64Array.of(2n ** 64n - 1n), f(1))],
      /indices from 0 to 4294967295/,
    ],
  ]
  test.each(bad)('refuses invalid gradients: %s', (_, parts, message) => {
    expect(() => sumGradients(parts())).toThrow(TensorError)
    expect(() => sumGradients(parts())).toThrow(message)
  })

  test('accepts gradients of up to 100 nested levels', () => {
    expect(sumGradients([nested(100), nested(100)]).flat(Infinity)).toEqual([f(2)])
  })

  test('accepts row indices of up to 32 bits', () => {
    const sum = sumGradients([sparseRows([2 ** 32 - 1], f(1)), sparseRows([0], f(1))])
    expect([...sum.indices]).toEqual([0, 2 ** 32 - 1])
  })

  test('reads each property once, and accepts tensor names that every object inherits', () => {
    let reads = 0
    const lying = {
      get w() {
        return reads++ === 0 ? f(1) : f(1, 2, 3)
      },
    }
    expect(sumGradients([lying, { w: f(2) }]).w).toEqual(f(3))
    expect(reads).toBe(1)
    const odd = () =>
      JSON.parse('{"__proto__": null, "constructor": null}', (key, value) => (key ? f(1) : value))
    const sum = sumGradients([odd(), odd()]) as Anything
    expect(Object.keys(sum)).toEqual(['__proto__', 'constructor'])
    expect(Object.getOwnPropertyDescriptor(sum, '__proto__')?.value).toEqual(f(2))
    class Liar extends Float32Array {
      override get length() {
        return 1
      }
      override subarray(): never {
        throw new Error('called')
      }
      override slice(): never {
        throw new Error('called')
      }
    }
    const liar = Liar.of(1, 2) as Float32Array
    expect(sumGradients([liar, f(1, 1)])).toEqual(f(2, 3))
    expect(partsOf(sumGradients([sparseRows([0], liar), sparseRows([0], f(1, 1))]))).toEqual({
      indices: [0],
      values: [2, 3],
    })
  })
})

test('sumGradients returns a result of the same type as the gradients', () => {
  const params = { embed: new Float32Array(8), body: { w: new Float32Array(2) } }
  const optimizer = new Optimizer(params, adamw(), { shapes: { embed: [4, 2] } })
  const part = { embed: sparseRows([1], Float32Array.of(1, 2)), body: { w: Float32Array.of(1, 2) } }
  expect(optimizer.step(sumGradients([part, { ...part, body: { w: null } }, part]))).toBe(true)
  expect(optimizer.step(sumGradients([optimizer.grads, params]))).toBe(true)
  // @ts-expect-error: numbers are no gradients
  expect(() => sumGradients([1, 2])).toThrow(TensorError)
})
