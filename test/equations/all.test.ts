/** Sums over all tensors include only tensors that use the same rule with the same options and clips. */

import { defineRule, Optimizer } from 'antigrad'
import { describe, expect, test } from 'vitest'
import { inBits } from '../helpers.js'
import { variants } from '../support.js'

const make = defineRule('pulled', {
  options: { lr: { default: 0.1 } },
  scalars: { p: 1 },
  step: 'p = p/2; s = all.sum(g); n = all.mean(theta); theta = theta - lr*s*g - p*n',
})
const rule = make()

const params = { a: Float32Array.of(1, 2, 3), b: Float32Array.of(4, 5) }
const gradients = { a: Float32Array.of(0.5, 0.25, -1), b: Float32Array.of(3, 2) }
const UPDATES = 3

describe.each(variants)("a custom rule's sums over all tensors on $name", ({ name: _, ...engine }) => {
  /** The result of a tensor in an optimizer without other tensors. */
  const alone = (name: 'a' | 'b') => {
    const optimizer = new Optimizer({ [name]: params[name] }, rule, engine)
    for (let k = 0; k < UPDATES; k++) optimizer.step({ [name]: gradients[name] })
    return optimizer.params[name]
  }

  test.each([{}, { tensorNorm: 1e9 }])("include only one group's tensors if the clip is %o", (clip) => {
    const make = () => new Optimizer(params, rule, { ...engine, groups: [{ match: 'b', clip }] })
    const [optimizer, other] = [make(), make()]
    for (let k = 0; k < UPDATES; k++) optimizer.step(gradients)
    expect(inBits(optimizer.params)).toBe(inBits({ a: alone('a'), b: alone('b') }))
    const loaded = Optimizer.load<typeof params>(other.save(), engine)
    for (let k = 0; k < UPDATES; k++) loaded.step(gradients)
    expect(inBits(loaded.params)).toBe(inBits(optimizer.params))
  })

  test('treat tensors without elements as 0', () => {
    const rule = defineRule('counted', {
      options: { lr: { default: 0.1 } },
      scalars: { p: 0, q: 0 },
      step: `n = all.max(abs(g))
             p = p + n + sum(theta - theta)
             q = q + sum(abs(theta) + n)
             theta = theta - lr*p*q`,
    })
    const lengths = [0, 1, 0, 0, 1, 0]
    const ones = lengths.map((length) => new Float32Array(length).fill(1))
    const optimizer = new Optimizer(ones, rule(), { ...engine, onNonFinite: 'skip' })
    // From the skipped step on, tensors with gradients are separate from all other tensors.
    optimizer.step(ones.map((one, i) => (i % 3 === 1 ? one.map(() => NaN) : null)))
    for (let k = 1; k <= UPDATES; k++) {
      optimizer.step(ones)
      const { tensors } = optimizer.save()
      for (const [i, length] of lengths.entries()) {
        expect(tensors[i].byTensor?.p).toBe(k)
        if (length === 0) expect(tensors[i].byTensor?.q).toBe(0)
      }
    }
  })
})
