/** Memory limits, stack limits, and memory that is shared with other objects. */

import { adam, Optimizer } from 'antigrad'
import { describe, expect, test } from 'vitest'
import { inChild } from '../children.js'
import { engineNames, inBits } from '../helpers.js'
import { type Anything, everything, gradients, refusal, underWay } from './subject.js'

/** For a child process: an optimizer whose tensors have a separate memory, and the visible state of the optimizer. */
const large = (engine: string) => `
  const { createHash } = await import('node:crypto')
  const length = 300_000
  const shapes = { w: [300, 1000], cold: [length], colder: [length] }
  const params = { w: new Float32Array(length).fill(1), cold: new Float32Array(length), colder: new Float32Array(length) }
  const make = () => {
    const groups = [{ match: 'cold*', frozen: true }]
    const optimizer = new antigrad.Optimizer(params, antigrad.adam({ lr: 0.1 }), { shapes, groups, average: antigrad.ema(0.5), engine: '${engine}' })
    optimizer.step(params)
    return optimizer
  }
  const seen = (optimizer) => JSON.stringify([optimizer.save(), optimizer.report()], (_, value) =>
    ArrayBuffer.isView(value) ? createHash('sha1').update(value).digest('hex') : value)`

describe.each(engineNames)('memory exhaustion on the engine %s', (engine) => {
  const calls = {
    add: 'optimizer.add({ z: params.w, y: params.cold }, { shapes: { z: [length], y: [length] } })',
    appendRows: "optimizer.appendRows('w', params.w)",
    unfreeze: "optimizer.unfreeze('cold*')",
    restore: 'optimizer.restore(saved)',
    load: `antigrad.Optimizer.load(saved, { engine: '${engine}' })`,
  }
  // Each case runs in a child process, because large arenas share memories once many memories are alive.
  test.each(Object.entries(calls))('leaves the optimizer unchanged during %s', (name, call) => {
    const before = `
      let left = Infinity
      for (const [where, name] of [[WebAssembly, 'Memory'], [globalThis, 'ArrayBuffer']]) {
        where[name] = class extends where[name] {
          constructor(...given) {
            if (--left < 0) throw new RangeError('no memory')
            super(...given)
          }
        }
      }`
    const body = `${large(engine)}
      const unfrozen = make()
      unfrozen.unfreeze('cold*')
      const saved = unfrozen.save()
      const call = (optimizer) => ${call}
      return [0, 1, 2].map((allowed) => {
        const [optimizer, untouched] = [make(), make()]
        const [before, view] = [seen(optimizer), optimizer.params.w]
        left = allowed
        const error = thrownBy(() => call(optimizer))
        left = Infinity
        if (error === null) return null
        const isUnchanged = seen(optimizer) === before && optimizer.params.w === view && view[0] < 1
        for (const each of [optimizer, untouched]) call(each)
        if ('${name}' !== 'appendRows') for (const each of [optimizer, untouched]) each.step(params)
        return [error.is, isUnchanged, seen(optimizer) === seen(untouched)]
      })`
    const [first, ...others] = inChild(body, { before }) as unknown[]
    expect(first).toEqual(['MemoryError', true, true])
    // The call may need no second allocation.
    for (const other of others) if (other !== null) expect(other).toEqual(first)
  })
})

test.each(engineNames)(
  'memory exhaustion in save() or restore() on the engine %s ends only the current call',
  (engine) => {
    // Views allocate no memory.
    const stub = `
    let left = Infinity
    for (const name of ['Float32Array', 'Float64Array']) {
      globalThis[name] = class extends globalThis[name] {
        constructor(...given) {
          const isView = given[0] instanceof ArrayBuffer
          if (!isView && --left < 0) throw new RangeError('Array buffer allocation failed')
          super(...given)
        }
      }
    }`
    const body = `${stub}
    ${large(engine)}
    const [optimizer, untouched] = [make(), make()]
    // What lies in the optimizer's own memory is copied before it is written.
    const saved = optimizer.save()
    const own = { ...saved, tensors: { ...saved.tensors, w: { ...saved.tensors.w, params: optimizer.params.w } } }
    const whole = seen(optimizer)
    const errors = [() => optimizer.save(), () => optimizer.restore(own)].map((call) =>
      [0, 1, 2].map((allowed) => {
        left = allowed
        const error = thrownBy(call)
        left = Infinity
        return error && [error.is, error.bytes, error.message, seen(optimizer) === whole]
      }))
    for (const each of [optimizer, untouched]) each.step(params)
    return [errors, seen(optimizer) === seen(untouched)]`
    const [errors, goesOn] = inChild(body, { timeout: 60_000 }) as [unknown[][], boolean]
    expect(goesOn).toBe(true)
    const message = 'no memory for a copy of 1200000 bytes: Array buffer allocation failed'
    for (const error of errors.flat()) expect(error).toEqual(['MemoryError', 1_200_000, message, true])
  },
)

/** `npm run test:all` tries twice as many sizes of frames. */
const FINENESS = process.env.ANTIGRAD_TEST_LARGE === '1' ? 2 : 1

/**
 * Expects that a call near the stack limit succeeds or changes nothing, and that both happen at some depth. The frames
 * up to the limit have `from` words, increased by `by`, with at most `tries` optimizers each.
 *
 * @param body declares `make` of an optimizer, `call` of it, and `seen` of it as a string
 */
function expectWhole(body: string, { from, by, tries }: { from: number; by: number; tries: number }): void {
  const { thrown, done, half } = inChild(`${body}
      const before = seen(make())
      const done = make()
      call(done)
      const after = seen(done)
      const counts = { thrown: 0, done: 0, half: 0 }
      for (let words = ${from}; words < 150; words += ${by / FINENESS}) {
        // What is compiled needs less of the stack.
        call(make())
        const all = Array.from({ length: ${tries} }, make)
        const tried = []
        const dive = (...args) => {
          try { dive(...args) } catch {}
          if (tried.length === all.length || tried.at(-1)?.isDone) return
          const one = { optimizer: all[tried.length], isDone: false }
          tried.push(one)
          try {
            call(one.optimizer)
            one.isDone = true
          } catch {}
        }
        dive(...Array(words))
        for (const { optimizer, isDone } of tried) {
          counts[isDone ? 'done' : 'thrown']++
          if (seen(optimizer) !== (isDone ? after : before)) counts.half++
        }
      }
      return counts`) as { thrown: number; done: number; half: number }
  expect(thrown).toBeGreaterThan(0)
  expect(done).toBeGreaterThan(0)
  expect(half).toBe(0)
}

describe.each(engineNames)('an optimizer call near the stack limit on the engine %s', (engine) => {
  const calls = {
    step: 'optimizer.step(params)',
    freeze: "optimizer.freeze('t2*')",
    unfreeze: "optimizer.unfreeze('t1*')",
    add: 'optimizer.add({ z: params.t0.slice() }, { shapes: { z: [4] } })',
    appendRows: "optimizer.appendRows('t3', params.t0)",
    set: "optimizer.set('t3*', { lr: 0.7 })",
    save: 'optimizer.save()',
    restore: 'optimizer.restore(saved)',
  }
  test.each(Object.entries(calls))('succeeds or leaves the optimizer unchanged: %s', (_, call) => {
    const body = `
      const names = Array.from({ length: 12 }, (_, i) => 't' + i)
      const params = Object.fromEntries(names.map((name, i) => [name, Float32Array.of(i, 1, 2, 3)]))
      const shapes = Object.fromEntries(names.map((name) => [name, [2, 2]]))
      const make = () => {
        const optimizer = new antigrad.Optimizer(params, antigrad.adam({ lr: 0.1 }), {
          ...{ shapes, engine: '${engine}', average: antigrad.ema(0.5), lookahead: { steps: 1 }, accumulate: 2 },
          groups: [{ match: 't1*', frozen: true }, { match: 't2*', lrScale: 0.5 }],
        })
        for (let k = 0; k < 3; k++) optimizer.step(params)
        return optimizer
      }
      const other = make()
      other.step(params)
      other.freeze('t5')
      other.unfreeze('t11')
      const saved = other.save()
      const call = (optimizer) => ${call}
      const seen = (optimizer) => JSON.stringify([optimizer.save(), optimizer.report()], (_, value) =>
        ArrayBuffer.isView(value) ? [...value] : value)`
    expectWhole(body, { from: 120, by: 6, tries: 40 })
  })
})

describe.each(engineNames)('a step near the stack limit on the engine %s', (engine) => {
  const sums = '{ scalars: { q: 1 }, step: "q = q/2 + norm(g); theta = theta - g/q" }'
  const depth = `{ state: { m: 0 }, step: 'm = m + norminv(abs(g)) + digamma(9*g) + g^g; theta = theta - m' }`
  const rules = {
    lamb: 'lamb()',
    prodigy: 'prodigy()',
    muon: 'muon()',
    'equations with sums': `defineRule('attacked', ${sums})()`,
    'equations with functions': `defineRule('attacked', ${depth})()`,
  }
  test.each(Object.entries(rules))(
    'succeeds, or leaves the optimizer unchanged, with the rule %s',
    (_, rule) => {
      const body = `
      const params = { a: Float32Array.from({ length: 40 }, (_, i) => Math.sin(i)), b: Float32Array.of(1, 2, 3, 4) }
      // Functions call few others for the first elements.
      const gradients = { a: params.a.map((x, i) => i < 3 ? 0 : x), b: params.b }
      const make = () => {
        const optimizer = new antigrad.Optimizer(params, antigrad.${rule}, {
          ...{ engine: '${engine}', shapes: { a: [8, 5], b: [2, 2] } },
        })
        for (let k = 0; k < 2; k++) optimizer.step(gradients)
        return optimizer
      }
      const call = (optimizer) => optimizer.step(gradients)
      const seen = (optimizer) => JSON.stringify(optimizer.save(), (_, value) =>
        ArrayBuffer.isView(value) ? [...value] : value)`
      expectWhole(body, { from: 100, by: 14, tries: 30 })
    },
  )
})

describe.each(engineNames)("a user's array on the engine %s", (engine) => {
  const Resizable = ArrayBuffer as Anything

  test("is copied even if the array's buffer is shared, resizable or length-tracking", () => {
    const values = Float32Array.of(1, 2, 3, 4)
    const tracking = new Resizable(16, { maxByteLength: 64 })
    const arrays = [new SharedArrayBuffer(16), new Resizable(16, { maxByteLength: 64 }), tracking].map(
      (buffer, k) => (k === 1 ? new Float32Array(buffer, 0, 4) : new Float32Array(buffer)),
    )
    for (const array of arrays) array.set(values)
    const shapes = Array(3).fill([2, 2])
    const made = (given: readonly Float32Array[]) => {
      const optimizer = new Optimizer(given.slice(0, 2), adam({ lr: 0.1 }), {
        shapes: shapes.slice(0, 2),
        engine,
      })
      optimizer.add([given[2]], { shapes: [[2, 2]] })
      for (const name of ['0', '1', '2']) optimizer.appendRows(name, given[Number(name)])
      return optimizer
    }
    const optimizer = made(arrays)
    const expected = made(arrays.map((_, k) => (k < 3 ? values.slice() : values)))
    arrays[0].fill(9)
    tracking.resize(4)
    expect(everything2(optimizer)).toBe(everything2(expected))
    refusal(() => optimizer.appendRows('0', arrays[2].subarray(0, 0)), 'appendRows: rows')
    expect(arrays[2].length).toBe(1)
    refusal(() => optimizer.appendRows('0', arrays[2]), 'appendRows: rows')
    expect(everything2(optimizer)).toBe(everything2(expected))
  })

  const everything2 = (optimizer: Anything) => inBits([optimizer.save(), optimizer.report()])

  test('is read within bounds even if sparse rows report a wrong length', () => {
    class Lying extends Float32Array {
      override get length() {
        return 1
      }
      override slice(): Anything {
        return new Float32Array(5)
      }
      override *[Symbol.iterator](): Anything {
        yield 77
      }
    }
    const [optimizer, expected] = [underWay(engine), underWay(engine)]
    const { w } = optimizer.params
    optimizer.appendRows('w', new Lying(w.buffer as ArrayBuffer, w.byteOffset, 4))
    expected.appendRows('w', expected.params.w.slice(0, 4))
    expect(everything(optimizer)).toBe(everything(expected))
    expect(optimizer.report().tensors[0]).toMatchObject({ length: 10, shape: [5, 2] })
  })

  test("may lie in the optimizer's memory", () => {
    const run = (copy: (view: Anything) => Anything) => {
      const optimizer: Anything = underWay(engine)
      const { cold } = optimizer.params
      optimizer.appendRows('w', copy(optimizer.params.w))
      optimizer.appendRows('w', copy(optimizer.average.w))
      optimizer.appendRows('w', copy(optimizer.state.w.m))
      optimizer.appendRows('cold', copy(cold))
      optimizer.add(
        { z: copy(optimizer.params.w), y: copy(optimizer.average.cold) },
        { shapes: { z: [48], y: [4] } },
      )
      for (let k = 0; k < 3; k++) {
        const { average, params, grads } = optimizer
        grads.w.fill(k)
        optimizer.step({ w: copy(average.w), z: copy(params.w), body: { b: copy(grads.w).subarray(0, 2) } })
      }
      optimizer.zeroGrad()
      return everything(optimizer)
    }
    expect(run((view) => view)).toBe(run((view) => view.slice()))
  })

  test('does not affect a moved tensor, even as an old view of the tensor', () => {
    const [optimizer, untouched] = [underWay(engine), underWay(engine)]
    const old = [optimizer.params.w, optimizer.average.w, optimizer.grads.w]
    for (const each of [optimizer, untouched]) each.appendRows('w', Float32Array.of(1, 2))
    for (const view of old) {
      expect([...view].every(Number.isNaN)).toBe(true)
      view.fill(7)
    }
    const { b } = gradients().body
    for (const each of [optimizer, untouched]) for (let k = 0; k < 3; k++) each.step({ body: { b } })
    expect(everything(optimizer)).toBe(everything(untouched))
  })
})
