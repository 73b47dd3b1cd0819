/**
 * Changes of a model during a run: tensors are frozen, unfrozen, extended and added. The results are compared with
 * results by hand.
 */

import { adagrad, adam, ema, gradientDescent, momentum, Optimizer, sgd } from 'antigrad'
import { describe, expect, test } from 'vitest'
import { dtypes, inBits } from '../helpers.js'
import { array, variants } from '../support.js'

describe.each(variants)('an optimizer on $name', ({ name: _, ...engine }) => {
  describe.each(dtypes)('in %s', (dtype) => {
    const of = (...values: number[]) => array(dtype, values)

    test('keeps no state for a frozen tensor, and restarts the tensor after unfreeze', () => {
      const params = { a: of(1, 2), b: of(3) }
      const optimizer = new Optimizer(params, momentum({ lr: 1, momentum: 0.5 }), {
        recordNorms: true,
        ...engine,
      })
      const g = { a: of(3, 4), b: of(12) }
      const { a, b } = optimizer.params
      optimizer.step(g)
      expect([...a, ...b, ...optimizer.state.b.v]).toEqual([-2, -2, -9, -12])
      expect(optimizer.lastStep.norm).toBe(13)

      optimizer.freeze('b')
      expect(optimizer.state.b).toEqual({ updates: 0 })
      optimizer.step(g)
      // v = −3·0.5 − 3
      expect([...a, ...b]).toEqual([-6.5, -8, -9])
      expect(optimizer.lastStep).toMatchObject({ norm: 5, norms: { a: 5 }, skipped: [] })

      optimizer.unfreeze('b')
      // The tensor had room for the state, so the tensor's views stay valid.
      expect(optimizer.params.b).toEqual(b)
      expect([...optimizer.state.b.v]).toEqual([0])
      optimizer.step(g)
      expect([...b, ...optimizer.params.b, ...optimizer.state.b.v]).toEqual([-21, -21, -12])
      expect([optimizer.updates, optimizer.state.a.updates, optimizer.state.b.updates]).toEqual([3, 3, 1])
      expect(optimizer.lastStep.norm).toBe(13)
    })

    test('moves a tensor in memory when the tensor is unfrozen for the first time', () => {
      const optimizer = new Optimizer({ a: of(1), b: of(2) }, adam({ lr: 1 }), {
        ...{ groups: [{ match: 'b', frozen: true }], average: ema(0.5), ...engine },
      })
      const old = optimizer.params.b
      optimizer.freeze('b')
      optimizer.step({ a: of(1), b: of(1) })
      expect([...optimizer.params.b]).toEqual([2])
      optimizer.unfreeze('b')
      expect([...old]).toEqual([NaN])
      expect([...optimizer.params.b]).toEqual([2])
      const other = new Optimizer({ b: of(2) }, adam({ lr: 1 }), { average: ema(0.5), ...engine })
      optimizer.step({ b: of(3) })
      other.step({ b: of(3) })
      expect(optimizer.params.b).toEqual(other.params.b)
      expect(optimizer.average.b).toEqual(other.average.b)
      expect(optimizer.state.b).toEqual(other.state.b)
      expect(optimizer.average.b[0]).toBeCloseTo(1.5, 6)
    })

    test('changes nothing in a step if all tensors are frozen', () => {
      const optimizer = new Optimizer([of(1), of(2)], sgd({ lr: 1 }), engine)
      optimizer.freeze('*')
      expect(optimizer.step([of(1), of(1)])).toBe(false)
      optimizer.grads[0].fill(1)
      expect(optimizer.step()).toBe(false)
      expect([optimizer.updates, optimizer.lastStep.reason]).toEqual([0, 'no gradient'])
      expect(optimizer.params.flatMap((view) => [...view])).toEqual([1, 2])
    })

    test('appends rows to a tensor without changing existing values, state and update count', () => {
      const params = { table: of(1, 2, 3, 4), w: of(5) }
      const optimizer = new Optimizer(params, adagrad({ lr: 1, initialAccumulator: 4, eps: 0 }), {
        ...{ shapes: { table: [2, 2] }, average: ema(0.5), lookahead: { steps: 9 }, ...engine },
      })
      const old = optimizer.params.table
      optimizer.step({ table: of(0, 0, 0, 0), w: of(0) })
      optimizer.state.table.s.set([9, 16, 25, 36])
      optimizer.average.table.set([-1, -2, -3, -4])
      optimizer.appendRows('table', of(6, 7))
      expect([...old]).toEqual([NaN, NaN, NaN, NaN])
      expect([...optimizer.params.table]).toEqual([1, 2, 3, 4, 6, 7])
      expect([...optimizer.average.table]).toEqual([-1, -2, -3, -4, 6, 7])
      expect([...optimizer.state.table.s]).toEqual([9, 16, 25, 36, 4, 4])
      expect(optimizer.report().tensors[0]).toMatchObject({
        name: 'table',
        shape: [3, 2],
        length: 6,
        updates: 1,
      })

      // 9 + 16 = 25, 4 + 5 = 9
      optimizer.step({ table: of(4, 0, 0, 8, Math.sqrt(5), 0), w: of(0) })
      const [first, , , fourth, fifth] = optimizer.params.table
      expect(first).toBeCloseTo(1 - 4 / 5, 6)
      expect(fourth).toBeCloseTo(4 - 8 / 10, 6)
      expect(fifth).toBeCloseTo(6 - Math.sqrt(5) / 3, 6)
      expect([optimizer.state.table.updates, optimizer.params.w[0]]).toEqual([2, 5])
    })

    test('starts an added tensor at update 0 with the current options', () => {
      const optimizer = new Optimizer({ a: of(1), inner: { b: of(2) } }, gradientDescent({ lr: 1 }), {
        ...{ groups: [{ match: '**.bias', lr: 0.25 }], recordNorms: true, ...engine },
      })
      const { a, inner } = optimizer.params
      optimizer.step({ a: of(1), inner: { b: of(1) } })
      optimizer.set({ lr: 0.5 })
      const more = optimizer.add(
        { inner: { bias: of(8) }, c: of(4) },
        { groups: [{ match: 'c', lrScale: 4 }] },
      )
      expect(more as unknown).toBe(optimizer)
      expect([more.params.a, more.params.inner.b]).toEqual([a, inner.b])
      more.step({ a: of(2), inner: { b: of(3), bias: of(6) }, c: of(0.5) })
      expect([...a, ...inner.b, ...more.params.inner.bias, ...more.params.c]).toEqual([-1, -0.5, 6.5, 3])
      expect(more.lastStep.norm).toBeCloseTo(Math.sqrt(4 + 9 + 36 + 0.25), 14)
      const updates = more.report().tensors.map(({ name, updates }) => [name, updates])
      expect(updates).toEqual([
        ...[
          ['a', 2],
          ['inner.b', 2],
          ['inner.bias', 1],
        ],
        ['c', 1],
      ])
      expect(more.updates).toBe(2)
    })

    test('appends added tensors to arrays of tensors, and refuses names that already exist', () => {
      const optimizer = new Optimizer([of(1)], gradientDescent({ lr: 1 }), engine)
      const two = optimizer.add([of(2), of(3)])
      two.step([null, of(1), of(1)])
      expect(two.params.map(([x]) => x)).toEqual([1, 1, 2])
      const record = new Optimizer({ a: of(1) }, gradientDescent(), engine)
      const before = inBits(record.save())
      expect(() => record.add({ b: of(1), a: of(1) })).toThrow('params.a: expected')
      expect(inBits(record.save())).toBe(before)
    })
  })

  test('includes added tensors in the memory size that the optimizer reports', () => {
    const optimizer = new Optimizer({ a: new Float64Array(1000) }, adam(), engine)
    const before = optimizer.bytes
    // The parameters, the gradients, m and v.
    optimizer.add({ b: new Float64Array(1000) })
    expect(optimizer.bytes - before).toBeGreaterThanOrEqual(32_000)
    expect(optimizer.bytes - before).toBeLessThan(40_000)
  })
})
