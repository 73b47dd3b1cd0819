/** Gradients that are not finite: `onNonFinite`, `maxConsecutiveSkips`, and large gradients that are finite. */

import { adam, ema, gradientDescent, NonFiniteError, Optimizer, warmup } from 'antigrad'
import { describe, expect, test } from 'vitest'
import { dtypes, inBits } from '../helpers.js'
import { array, variants } from '../support.js'

describe.each(variants)('an optimizer on $name with non-finite gradients', ({ name: _, ...engine }) => {
  describe.each(dtypes)('in %s', (dtype) => {
    const of = (...values: number[]) => array(dtype, values)
    const start = () => ({ a: of(1, 2, 3), b: of(4) })
    const good = { a: of(1, -1, 2), b: of(3) }
    const bad = { a: of(1, 1, 1), b: of(Infinity) }
    const known = (optimizer: { save(): unknown }) => inBits(optimizer.save())

    test("applies non-finite gradients by default ('propagate')", () => {
      const optimizer = new Optimizer(start(), gradientDescent({ lr: 1 }), engine)
      expect(optimizer.step({ a: of(NaN, 0, Infinity), b: of(1) })).toBe(true)
      expect([...optimizer.params.a]).toEqual([NaN, 2, -Infinity])
      expect([...optimizer.params.b]).toEqual([3])
      expect([optimizer.lastStep.nonFinite, optimizer.lastStep.consecutiveSkips]).toEqual([[], 0])
    })

    test.each(['step', 'stepAsync'] as const)(
      "changes nothing under 'skip', not even the update count: %s",
      async (call) => {
        const rule = adam({ lr: warmup(0.1, { steps: 5 }) })
        const options = {
          onNonFinite: 'skip',
          average: ema(0.5),
          lookahead: { steps: 2 },
          ...engine,
        } as const
        const [skipping, other] = [
          new Optimizer(start(), rule, options),
          new Optimizer(start(), rule, options),
        ]
        for (const gradients of [good, bad, { a: of(0, NaN, 0) }, good, bad, good]) {
          const { params, state, average } = skipping
          const before = inBits([params, state, average, skipping.updates, skipping.report()])
          const isGood = gradients === good
          expect(await skipping[call](gradients)).toBe(isGood)
          expect(skipping.lastStep.reason).toBe(isGood ? null : 'non-finite')
          if (isGood) other.step(gradients)
          else expect(inBits([params, state, average, skipping.updates, skipping.report()])).toBe(before)
        }
        expect(skipping.updates).toBe(3)
        expect(known(skipping)).toBe(known(other))
      },
    )

    test('reports the tensors and the consecutive skips in lastStep', () => {
      const optimizer = new Optimizer(start(), gradientDescent(), { onNonFinite: 'skip', ...engine })
      optimizer.step(bad)
      expect(optimizer.lastStep).toMatchObject({
        nonFinite: ['b'],
        consecutiveSkips: 1,
        skipped: ['a', 'b'],
        norm: Infinity,
      })
      optimizer.step({ a: of(NaN, 0, 0), b: of(-Infinity) })
      expect(optimizer.lastStep).toMatchObject({ nonFinite: ['a', 'b'], consecutiveSkips: 2, norm: NaN })
      optimizer.step(good)
      expect(optimizer.lastStep).toMatchObject({
        nonFinite: [],
        consecutiveSkips: 0,
        skipped: [],
        reason: null,
      })
    })

    test('ignores frozen tensors and tensors without a gradient', () => {
      const groups = [{ match: 'b', frozen: true }]
      const optimizer = new Optimizer(start(), gradientDescent(), { onNonFinite: 'throw', groups, ...engine })
      expect(optimizer.step(bad)).toBe(true)
      optimizer.grads.a.set([1, 1, 1])
      optimizer.grads.b.fill(NaN)
      expect(optimizer.step()).toBe(true)
    })

    test("throws an error that names the tensors under 'throw'", async () => {
      const optimizer = new Optimizer(start(), adam(), { onNonFinite: 'throw', accumulate: 2, ...engine })
      optimizer.step(good)
      const before = known(optimizer)
      const error = { name: 'NonFiniteError', tensors: ['b'], message: 'gradients of b are not finite' }
      expect(() => optimizer.step(bad)).toThrow(expect.objectContaining(error))
      await expect(optimizer.stepAsync(bad)).rejects.toThrow(expect.objectContaining(error))
      expect(known(optimizer)).toBe(before)
      expect(optimizer.step(good)).toBe(true)
    })

    test('throws after maxConsecutiveSkips skips, and restarts the count after a good step', () => {
      const options = { onNonFinite: 'skip', maxConsecutiveSkips: 2, ...engine } as const
      const optimizer = new Optimizer(start(), gradientDescent(), options)
      for (const gradients of [bad, bad, good, bad, bad]) optimizer.step(gradients)
      const before = known(optimizer)
      const message = 'gradients of b are not finite, after 2 skipped steps in a row'
      expect(() => optimizer.step(bad)).toThrow(new NonFiniteError(['b'], 2))
      expect(() => optimizer.step(bad)).toThrow(message)
      expect(known(optimizer)).toBe(before)
      // The saved run contains the count.
      expect(() => Optimizer.load<typeof good>(optimizer.save(), engine).step(bad)).toThrow(message)
      expect(optimizer.step(good)).toBe(true)
      expect(optimizer.step(bad)).toBe(false)
    })

    test('ignores a non-finite batch completely while gradients are accumulated', () => {
      const make = () =>
        new Optimizer(start(), gradientDescent({ lr: 1 }), {
          accumulate: { batches: 3, reduce: 'sum' },
          ...{ onNonFinite: 'skip', maxConsecutiveSkips: 1, ...engine },
        })
      const optimizer = make()
      const answers = [good, bad, good, bad, good].map((gradients) => optimizer.step(gradients))
      expect(answers).toEqual([false, false, false, false, true])
      expect([...optimizer.params.a, ...optimizer.params.b]).toEqual([-2, 5, -3, -5])
    })
  })

  test('clips gradients of 1e200 by norm although the squares overflow', () => {
    const start = { a: Float64Array.of(0, 0), b: Float64Array.of(0) }
    const g = { a: Float64Array.of(3e200, -4e200), b: Float64Array.of(12e200) }
    for (const accumulate of [1, 2]) {
      const optimizer = new Optimizer(start, gradientDescent({ lr: 1 }), {
        ...{ clip: { norm: 26 }, onNonFinite: 'throw', accumulate, ...engine },
      })
      for (let k = 0; k < accumulate; k++) optimizer.step(g)
      expect(optimizer.lastStep.norm / 13e200).toBeCloseTo(1, 14)
      expect(optimizer.lastStep.norms.a / 5e200).toBeCloseTo(1, 14)
      expect(optimizer.lastStep.norms.b / 12e200).toBeCloseTo(1, 14)
      const expected = [-6, 8, -24]
      for (const [i, x] of [...optimizer.params.a, ...optimizer.params.b].entries()) {
        expect(x / expected[i]).toBeCloseTo(1, 14)
      }
    }
  })
})
