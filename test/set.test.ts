/** `set` beside groups: what a group gave stays, unless a match says otherwise. */

import { adamw, layerwise, momentum, noDecay, Optimizer, OptionError, sgd } from 'antigrad'
import { expect, test } from 'vitest'

const one = () => Float32Array.of(1)

function make() {
  return new Optimizer(
    { a: { w: one(), bias: one() }, b: { w: one() }, c: one() },
    adamw({ lr: 0.25, weightDecay: 0.5 }),
    {
      shapes: { a: { w: [1, 1] }, b: { w: [1, 1] }, c: [1] },
      groups: [...layerwise(['a.**', 'b.**'], 0.5), noDecay(), { match: 'c', rule: sgd({ lr: 4 }) }],
    },
  )
}

/** lr and weightDecay by tensor. */
function rates(optimizer: Pick<Optimizer, 'report'>): Record<string, [number, number]> {
  const { tensors } = optimizer.report()
  return Object.fromEntries(
    tensors.map(({ name, rule }) => {
      const { lr, weightDecay } = rule as { lr: number; weightDecay: number }
      return [name, [lr, weightDecay]]
    }),
  )
}

test('options of groups stay, and lrScale goes on to multiply', () => {
  const optimizer = make()
  expect(rates(optimizer)).toEqual({
    'a.w': [0.125, 0.5],
    'a.bias': [0.125, 0],
    'b.w': [0.25, 0.5],
    c: [4, 0],
  })
  optimizer.set({ lr: 1, weightDecay: 0.75 })
  expect(rates(optimizer)).toEqual({ 'a.w': [0.5, 0.75], 'a.bias': [0.5, 0], 'b.w': [1, 0.75], c: [4, 0] })
  expect(optimizer.rule).toMatchObject({ lr: 1, weightDecay: 0.75 })
})

test('a schedule is scaled as a number is', () => {
  const optimizer = make()
  optimizer.set({ lr: (t) => 2 * t })
  const at = optimizer.report().tensors.map(({ rule }) => (rule as { lr: unknown }).lr)
  expect(at.map((lr) => (typeof lr === 'function' ? lr(3) : lr))).toEqual([3, 3, 6, 4])
})

test('a match changes what groups gave; what is said last wins', () => {
  const optimizer = make()
  optimizer.set('**.bias', { lr: 8, weightDecay: 0.25 })
  expect(rates(optimizer)['a.bias']).toEqual([8, 0.25])
  optimizer.set({ lr: 0.25 })
  expect(rates(optimizer)['a.bias']).toEqual([0.125, 0.25])
  optimizer.set('c', { lr: 1 })
  expect(rates(optimizer).c).toEqual([1, 0])
})

test('it is the same after a run was saved, and for tensors to come', () => {
  const optimizer = Optimizer.load(structuredClone(make().save()))
  optimizer.set({ lr: 1, weightDecay: 0.75 })
  optimizer.add({ b: { bias: one() } }, { shapes: { b: { bias: [1] } } })
  const expected = { 'a.w': [0.5, 0.75], 'a.bias': [0.5, 0], 'b.w': [1, 0.75], 'b.bias': [1, 0], c: [4, 0] }
  expect(rates(optimizer)).toEqual(expected)
})

test('a rule without decay has none; without another option it is an error that says where', () => {
  const params = { w: one(), bias: one() }
  new Optimizer(params, momentum(), { groups: [noDecay()] as never, shapes: { w: [1, 1] } })
  const groups = [{ match: 'bias', weightDecay: 0.1 }] as never
  const make = () => new Optimizer(params, momentum(), { groups })
  expect(make).toThrow(OptionError)
  expect(make).toThrow(
    'groups[0]: expected options of momentum, the rule of bias: lr, momentum, maximize, cautious, grams, got "weightDecay"',
  )
})
