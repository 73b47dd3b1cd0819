/**
 * The current learning rate: the rate of the optimizer's rule in `lastStep`, and the rate of each tensor in `report()`.
 */

import { adadelta, adam, cosine, delayedStart, linear, Optimizer, sgd, warmup } from 'antigrad'
import { expect, test } from 'vitest'

const one = () => Float32Array.of(1)
const params = () => ({ a: one(), b: one(), c: one(), cold: one() })
const rates = (optimizer: Pick<Optimizer, 'report'>) => optimizer.report().tensors.map(({ lr }) => lr)

const at = (t: number) => 0.1 + (t * 0.4) / 10
const rising = linear(0.1, { endValue: 0.5, steps: 10 })

test('the property lastStep reports the learning rate even if groups set a schedule for every tensor', () => {
  const groups = [{ match: '*', beta1: 0.8 }]
  const optimizer = new Optimizer(params(), adam({ lr: rising }), { groups })
  expect(optimizer.lastStep.lr).toBe(at(0))
  for (let t = 0; t < 4; t++) {
    optimizer.step(params())
    expect(optimizer.lastStep.lr).toBeCloseTo(at(t), 14)
    for (const lr of rates(optimizer)) expect(lr).toBe(optimizer.lastStep.lr)
  }
  // A loaded run reports the same rates.
  const again = Optimizer.load(optimizer.save())
  expect([again.lastStep.lr, ...rates(again)]).toEqual([optimizer.lastStep.lr, ...rates(optimizer)])
})

test('the reported learning rate is one number per tensor, or null for a rule without a learning rate', () => {
  const groups = [
    { match: 'a', lrScale: 0.5 },
    { match: 'b', rule: delayedStart(1, sgd({ lr: warmup(1, { steps: 4 }) })) },
    { match: 'c', rule: adadelta() },
    { match: 'cold', frozen: true },
  ]
  const optimizer = new Optimizer({ ...params(), d: one() }, adam({ lr: rising }), { groups })
  const [, b] = rates(optimizer)
  const ofAdadelta = adadelta().lr
  expect(rates(optimizer)).toEqual([at(0) / 2, b, ofAdadelta, null, at(0)])
  const gradients = { ...params(), d: one() }
  optimizer.step(gradients)
  expect(rates(optimizer)).toEqual([at(0) / 2, b, ofAdadelta, null, at(0)])
  optimizer.step(gradients)
  const [a, later, , , d] = rates(optimizer)
  expect(d).toBeCloseTo(at(1), 14)
  expect(a).toBeCloseTo(at(1) / 2, 14)
  expect(later).toBeGreaterThan(b as number)
  optimizer.set('d', { lr: 7 } as never)
  expect(rates(optimizer)[4]).toBe(7)
  optimizer.unfreeze('cold')
  expect(rates(optimizer)[3]).toBeCloseTo(at(1), 14)
})

test('the reported learning rate is the rate of the last update, or a new evaluation if no tensor uses the rule', () => {
  const optimizer = new Optimizer(params(), adam({ lr: cosine(0.4, { steps: 8 }) }))
  for (let t = 0; t < 3; t++) optimizer.step(params())
  const lr = optimizer.lastStep.lr
  optimizer.step({})
  expect(optimizer.lastStep.lr).toBe(lr)
  optimizer.freeze('*')
  expect(optimizer.lastStep.lr).toBe(lr)
  expect(rates(optimizer)).toEqual([null, null, null, null])
})
