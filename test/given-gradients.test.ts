/** Gradients in common forms, before the fast path and on the fast path. */

import { adam, lion, Optimizer, sgd, sparseRows } from 'antigrad'
import { describe, expect, test } from 'vitest'
import type { Anything } from './adversarial/subject.js'
import { engineNames, inBits } from './helpers.js'

describe.each(engineNames)("a step's gradients on the engine %s", (engine) => {
  const lengths = [1, 2, 7, 12, 13, 31, 33, 300]

  test.each(lengths)('give the same result at any position in memory, as one array of %i elements', (n) => {
    const gradient = Float32Array.from({ length: n }, (_, i) => Math.sin(i + 1))
    const make = () => new Optimizer(new Float32Array(n).fill(1), adam({ lr: 0.1 }), { engine })
    const [given, expected] = [make(), make()]
    /** A copy of the numbers in the middle of another buffer. */
    const inside = new Float32Array(n + 2)
    const { buffer, byteOffset } = given.grads
    for (let k = 0; k < 8; k++) {
      inside.set(gradient, 1)
      // A view that begins one element before or after the optimizer's own gradient.
      const overlapping = new Float32Array(buffer, byteOffset + (k % 2 === 0 ? -4 : 4), n)
      const own = k < 2 ? gradient : k < 4 ? inside.subarray(1, n + 1) : k < 6 ? given.grads : overlapping
      if (k >= 4) own.set(gradient)
      const copy = new Float32Array(own)
      expect(given.step(own)).toBe(true)
      expect(expected.step(copy)).toBe(true)
      expect(inBits([given.params, given.state])).toBe(inBits([expected.params, expected.state]))
    }
  })

  test('are used completely or refused if the array is unusual, such as a proxy', () => {
    const optimizer = new Optimizer(Float32Array.of(1, 2), sgd({ lr: 1 }), { engine })
    const gradient = Float32Array.of(0.5, 0.25)
    const detached = Float32Array.of(3, 3)
    structuredClone(null, { transfer: [detached.buffer] })
    const disguised = Object.setPrototypeOf(Float64Array.of(3, 3), Float32Array.prototype)
    const strangers = [Float32Array.of(3), new Float32Array(3), disguised, detached, [3, 3], '33', 3, {}]
    for (const stranger of [null, new Proxy(gradient, {}), ...strangers]) {
      // The second step uses the fast path.
      for (let k = 0; k < 2; k++) expect(optimizer.step(gradient)).toBe(true)
      const before = inBits([optimizer.params, optimizer.grads, optimizer.updates])
      const step = () => optimizer.step(stranger as Anything)
      if (stranger === null) expect(step()).toBe(false)
      else expect(step).toThrow(/^gradients: expected a Float32Array of length 2/)
      expect(inBits([optimizer.params, optimizer.grads, optimizer.updates])).toBe(before)
    }
  })
})

describe('an object of gradients', () => {
  const names = ['b', 'a', 'c.d', 'e']
  const make = () => {
    const params = Object.fromEntries(names.map((name, k) => [name, Float32Array.of(k, -k)]))
    return new Optimizer({ ...params, c: { d2: Float32Array.of(7, 8) } }, sgd({ lr: 1 }))
  }
  const full = () => ({
    ...Object.fromEntries(names.map((name, k) => [name, Float32Array.of(k + 1, 0.5)])),
    c: { d2: Float32Array.of(-1, -2) },
  })
  const stepped = (gradients: unknown, times = 3) => {
    const optimizer = make()
    for (let k = 0; k < times; k++) optimizer.step(gradients as Anything)
    return inBits([optimizer.params, optimizer.report()])
  }

  test('may list the names in any order', () => {
    const entries = Object.entries(full())
    for (let k = 1; k < entries.length; k++) {
      expect(stepped(Object.fromEntries([...entries.slice(k), ...entries.slice(0, k)]))).toBe(stepped(full()))
    }
  })

  test('may inherit properties, which are not used as gradients', () => {
    const { a, ...rest } = full() as Anything
    const heir = Object.assign(Object.create({ a, other: 1 }), rest)
    expect(stepped(heir)).toBe(stepped(rest))
  })

  test('may have getters, and a name that a getter deletes counts as missing', () => {
    const trap = () => {
      const gradients = full() as Anything
      const { b } = gradients
      return Object.defineProperty(gradients, 'b', {
        enumerable: true,
        get: () => {
          delete gradients.e
          gradients.zzz = Float32Array.of(1, 1)
          return b
        },
      })
    }
    const { e, ...rest } = full() as Anything
    expect(e).toBeDefined()
    expect(stepped(trap(), 1)).toBe(stepped(rest, 1))
    expect(() => stepped(Object.assign(trap(), { zzz: null }))).toThrow(/a parameter name: b, .*got "zzz"/)
  })

  test('may be a proxy that lists the names in any order', () => {
    let turn = 0
    const shuffling = new Proxy(full(), {
      ownKeys: (target) => (turn++ % 2 === 0 ? Reflect.ownKeys(target) : Reflect.ownKeys(target).reverse()),
    })
    expect(stepped(shuffling)).toBe(stepped(full()))
  })

  test('cannot contain a dotted name for a nested tensor', () => {
    const optimizer = new Optimizer(
      { 'a.b': { c: Float32Array.of(1) }, a: { b: Float32Array.of(2) } },
      sgd({ lr: 1 }),
    )
    const gradients = { a: { b: Float32Array.of(1) }, 'a.b': { c: Float32Array.of(0.5) } }
    for (let k = 0; k < 3; k++) optimizer.step(gradients)
    expect([...optimizer.params['a.b'].c, ...optimizer.params.a.b]).toEqual([-0.5, -1])
  })
})

test('views of tensors in separate memory areas can be passed as gradients of other tensors', () => {
  // Each array is too large for shared memories.
  const n = 600_000
  const run = (copy: (view: Anything) => Anything) => {
    const optimizer: Anything = new Optimizer({ a: new Float32Array(n).fill(1) }, sgd({ lr: 0.5 }))
    for (const name of ['b', 'c']) optimizer.add({ [name]: new Float32Array(n).fill(2) })
    for (let k = 0; k < 3; k++) {
      const { params, grads } = optimizer
      grads.a.fill(k)
      grads.b.fill(k + 0.5)
      optimizer.step({ a: copy(params.b), b: copy(grads.a), c: copy(grads.b) })
    }
    return inBits(optimizer.params)
  }
  expect(run((view) => view)).toBe(run((view) => view.slice()))
})

describe.each(engineNames)('on the engine %s, the error names the first invalid gradient', (engine) => {
  const names = ['d', 'b', 'c', 'a']
  const each = <T>(make: (name: string) => T) => Object.fromEntries(names.map((name) => [name, make(name)]))
  /** The number of elements from which gradients are borrowed. */
  const columns = 3000
  const detached = () => {
    const gradient = new Float32Array(2 * columns)
    structuredClone(null, { transfer: [gradient.buffer] })
    return gradient
  }
  const wrong: Record<string, () => unknown> = {
    'another length': () => new Float32Array(1),
    'another type': () => new Float64Array(2 * columns),
    detached,
    'no array': () => 0,
    'values of rows': () => sparseRows([1], new Float32Array(1)),
    'indices of rows': () => sparseRows([0, 2], new Float32Array(2 * columns)),
  }
  const right: Record<string, () => unknown> = {
    arrays: () => new Float32Array(2 * columns).fill(1),
    rows: () => sparseRows([1], new Float32Array(columns).fill(1)),
  }

  /** The same tensors in another order in memory, because one tensor was frozen and the run was loaded. */
  const inAnyOrder = () => {
    const make = () => {
      const params = each(() => new Float32Array(2 * columns).fill(1))
      const shapes = each(() => [2, columns])
      // A rule that does not support sparse gradients.
      const groups = [{ match: 'b', rule: lion() }]
      return new Optimizer(params, sgd({ lr: 1 }), { engine, shapes, groups })
    }
    return [null, ...names].map((frozen) => {
      const optimizer = make()
      if (frozen === null) return optimizer
      optimizer.freeze(frozen)
      return Optimizer.load<Record<string, Float32Array>>(optimizer.save(), { engine })
    })
  }
  const optimizers = inAnyOrder()

  test.each(Object.keys(wrong))('for %s', async (kind) => {
    for (const from of names.keys()) {
      for (const make of Object.values(right)) {
        const isWrong = (name: string) => names.indexOf(name) >= from
        const gradients = each((name) => (isWrong(name) ? wrong[kind] : name === 'b' ? right.arrays : make)())
        for (const optimizer of optimizers as Anything[]) {
          const message = new RegExp(`^gradients\\.${names[from]}:`)
          const before = inBits([optimizer.params, optimizer.report()])
          expect(() => optimizer.step(gradients)).toThrow(message)
          await expect(optimizer.stepAsync(gradients)).rejects.toThrow(message)
          expect(inBits([optimizer.params, optimizer.report()])).toBe(before)
        }
      }
    }
  })

  test('even if a schedule function detaches the gradients', () => {
    const gradients = each(() => Float32Array.of(1, 1))
    let isOver = false
    const lr = () => {
      const { d: _, ...others } = gradients
      if (isOver) structuredClone(null, { transfer: Object.values(others).map(({ buffer }) => buffer) })
      return 1
    }
    // These tensors come after tensors with less state.
    const groups = ['b', 'c'].map((match) => ({ match, rule: adam() }))
    const params = each(() => Float32Array.of(1, 1))
    const optimizer = new Optimizer(params, sgd({ lr }), { engine, groups })
    optimizer.step(gradients)
    isOver = true
    expect(() => optimizer.step(gradients)).toThrow(/^gradients\.b: .*a detached one/)
  })
})
