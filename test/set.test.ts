/** The method `set` with groups: options of groups stay unchanged, unless the call has a match. */

import {
  adamw,
  BusyError,
  cosine,
  layerDecay,
  momentum,
  noDecay,
  Optimizer,
  OptionError,
  sgd,
} from 'antigrad'
import { describe, expect, test } from 'vitest'
import { engineNames, inBits } from './helpers.js'

const one = () => Float32Array.of(1)

function make() {
  return new Optimizer(
    { a: { w: one(), bias: one() }, b: { w: one() }, c: one() },
    adamw({ lr: 0.25, weightDecay: 0.5 }),
    {
      shapes: { a: { w: [1, 1] }, b: { w: [1, 1] }, c: [1] },
      groups: [...layerDecay(['a.**', 'b.**'], 0.5), noDecay(), { match: 'c', rule: sgd({ lr: 4 }) }],
    },
  )
}

/** lr and weightDecay per tensor. */
function rates(optimizer: Pick<Optimizer, 'report'>): Record<string, [number, number]> {
  const { tensors } = optimizer.report()
  return Object.fromEntries(
    tensors.map(({ name, rule }) => {
      const { lr, weightDecay } = rule as { lr: number; weightDecay: number }
      return [name, [lr, weightDecay]]
    }),
  )
}

test('a call of `set` without a match leaves options of groups unchanged, and lrScale still applies', () => {
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

test('the option lrScale scales a schedule in a call of `set` in the same way as a number', () => {
  const optimizer = make()
  optimizer.set({ lr: (t) => 2 * t })
  const at = optimizer.report().tensors.map(({ rule }) => (rule as { lr: unknown }).lr)
  expect(at.map((lr) => (typeof lr === 'function' ? lr(3) : lr))).toEqual([3, 3, 6, 4])
})

test('a call of `set` with a match overrides options of groups, and the latest call takes precedence', () => {
  const optimizer = make()
  optimizer.set('**.bias', { lr: 8, weightDecay: 0.25 })
  expect(rates(optimizer)['a.bias']).toEqual([8, 0.25])
  optimizer.set({ lr: 0.25 })
  expect(rates(optimizer)['a.bias']).toEqual([0.125, 0.25])
  optimizer.set('c', { lr: 1 })
  expect(rates(optimizer).c).toEqual([1, 0])
})

test('a call of `set` also affects loaded runs and tensors that are added later', () => {
  const optimizer = Optimizer.load(structuredClone(make().save()))
  optimizer.set({ lr: 1, weightDecay: 0.75 })
  optimizer.add({ b: { bias: one() } }, { shapes: { b: { bias: [1] } } })
  const expected = { 'a.w': [0.5, 0.75], 'a.bias': [0.5, 0], 'b.w': [1, 0.75], 'b.bias': [1, 0], c: [4, 0] }
  expect(rates(optimizer)).toEqual(expected)
})

test('a call of `set` ignores weightDecay 0 for a rule without decay, and refuses any other unsupported option', () => {
  const params = { w: one(), bias: one() }
  new Optimizer(params, momentum(), { groups: [noDecay()] as never, shapes: { w: [1, 1] } })
  const groups = [{ match: 'bias', weightDecay: 0.1 }] as never
  const make = () => new Optimizer(params, momentum(), { groups })
  expect(make).toThrow(OptionError)
  expect(make).toThrow(
    'groups[0]: expected options of momentum, the rule of bias: lr, momentum, maximize, cautious, grams, got "weightDecay"',
  )
})

/** Without changes between the steps, steps only read gradients. */
describe.each(engineNames)('a call of `set` on the fast path of the engine %s', (engine) => {
  const make = () =>
    new Optimizer({ a: Float32Array.of(1, 2), b: Float32Array.of(3) }, adamw({ lr: 0.25 }), { engine })
  const gradients = { a: Float32Array.of(1, -2), b: Float32Array.of(0.5) }
  type Run = ReturnType<typeof make>
  const stepped = (optimizer: Run) => {
    for (let k = 0; k < 3; k++) optimizer.step(gradients)
    return optimizer
  }

  test.each<[string, (optimizer: Run) => void]>([
    ['a number', (optimizer) => optimizer.set({ lr: 0.5 })],
    ['the sign', (optimizer) => optimizer.set({ maximize: true })],
    ['a schedule', (optimizer) => optimizer.set({ lr: cosine(1, { steps: 4 }) })],
    ['a function', (optimizer) => optimizer.set({ lr: (t) => 1 / (t + 1) })],
    ['options of one tensor', (optimizer) => optimizer.set('b', { lr: 0.5 })],
  ])('has the same effect as in a loaded run, %s', (_, set) => {
    const straight = stepped(make())
    set(straight)
    const loaded = Optimizer.load<Run['params'] & object>(stepped(make()).save(), {
      engine,
    }) as unknown as Run
    set(loaded)
    expect(inBits(stepped(straight).params)).toBe(inBits(stepped(loaded).params))
    expect(inBits(straight.params)).not.toBe(inBits(stepped(stepped(make())).params))
  })

  test('changes nothing if refused', () => {
    const optimizer = stepped(make())
    expect(() => optimizer.set({ lr: 0.5, eps: -1 })).toThrow(OptionError)
    expect(inBits(stepped(optimizer).params)).toBe(inBits(stepped(stepped(make())).params))
  })

  test('accepts a schedule function, which cannot call step', () => {
    const optimizer = new Optimizer(Float32Array.of(1, 2), adamw(), { engine })
    for (let k = 0; k < 3; k++) optimizer.step(gradients.a)
    const before = inBits(optimizer.params)
    optimizer.set({ lr: () => (optimizer.step(gradients.a) ? 1 : 0) })
    expect(() => optimizer.step(gradients.a)).toThrow(BusyError)
    expect(inBits(optimizer.params)).toBe(before)
  })
})
