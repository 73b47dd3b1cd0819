/** Saved runs whose tensors have been renamed. */

import {
  AntigradError,
  adam,
  adamw,
  CheckpointError,
  cosine,
  ema,
  muon,
  Optimizer,
  OptionError,
  type SavedRun,
} from 'antigrad'
import { describe, expect, test } from 'vitest'

const f32 = (...values: number[]) => Float32Array.from(values)
const groups = [
  { match: '**/bias', weightDecay: 0 },
  { match: 'dense_1/kernel', rule: muon() },
  { match: 'last/**', frozen: true },
]
const options = {
  groups,
  shapes: { 'dense_1/kernel': [2, 2] },
  average: ema(0.9),
  clip: { value: 10 },
} as const
const first = () => ({
  'dense_1/kernel': f32(1, 2, 3, 4),
  'dense_1/bias': f32(5, 6),
  'last/kernel': f32(7),
})
const gradients = (params: Record<string, Float32Array>, k: number) =>
  Object.fromEntries(Object.keys(params).map((name, i) => [name, params[name].map((x) => x + k + i)]))

/** New names as in TensorFlow.js, where each process continues the count of layers. */
const renamed = (name: string) => name.replace('dense_1', 'dense_7')
const byName = { 'dense_1/kernel': 'dense_7/kernel', 'dense_1/bias': 'dense_7/bias' }

function inTheMiddle() {
  const optimizer = new Optimizer(
    first() as Record<string, Float32Array>,
    adamw({ lr: cosine(0.1, { steps: 20 }) }),
    options,
  )
  for (let k = 0; k < 5; k++) optimizer.step(gradients(optimizer.params, k))
  return optimizer
}

/** The saved tensors in the order of their names. */
const tensorsOf = ({ tensors }: SavedRun, to = (name: string) => name) =>
  Object.fromEntries(Object.entries(tensors).map(([name, saved]) => [to(name), saved]))

describe.each([
  ['a function', renamed],
  ['an object', byName],
  ['a Map', new Map(Object.entries(byName))],
])('renaming the tensors of a saved run by %s', (_, rename) => {
  test('lets a loaded run continue with the same bits', () => {
    const before = inTheMiddle()
    const after = Optimizer.load<Record<string, Float32Array>>(before.save(), { rename })
    expect(Object.keys(after.params)).toEqual(['dense_7/kernel', 'dense_7/bias', 'last/kernel'])
    for (let k = 5; k < 10; k++) {
      before.step(gradients(before.params, k))
      after.step(gradients(after.params, k))
    }
    expect(after.save().tensors).toEqual(tensorsOf(before.save(), renamed))
    expect(after.save().structure).toEqual(
      Object.fromEntries(Object.keys(after.params).map((name) => [name, name])),
    )
  })

  test('lets a restored run continue with the same bits', () => {
    const before = inTheMiddle()
    const params = Object.fromEntries(
      Object.entries(first()).map(([name, values]) => [renamed(name), new Float32Array(values.length)]),
    )
    const after = new Optimizer(params, adamw(), {
      ...options,
      shapes: { 'dense_7/kernel': [2, 2] },
      groups: [groups[0], { match: 'dense_7/kernel', rule: muon() }, groups[2]],
    })
    expect(() => after.restore(before.save())).toThrow(CheckpointError)
    expect(after.restore(before.save(), { rename })).toEqual([])
    expect(after.save().tensors).toEqual(tensorsOf(before.save(), renamed))
  })
})

test('renaming the tensors of a saved run keeps nested arrays and objects, and changes their keys', () => {
  const params = { body: { w: f32(1), deep: [f32(2), { 'x.y': f32(3) }] }, head: f32(4), none: {} }
  const saved = new Optimizer(params, adam()).save()
  const load = (rename: (name: string) => string) =>
    Optimizer.load(saved, { rename }).params as Record<string, unknown>
  expect(load((name) => name.replace('body', 'trunk').replace('x.y', 'z.u').replace('head', 'a.b'))).toEqual({
    trunk: { w: f32(1), deep: [f32(2), { 'z.u': f32(3) }] },
    'a.b': f32(4),
    none: {},
  })
  const elsewhere = [
    (name: string) => name.replace('body.w', 'w'),
    (name: string) => name.replace('body.w', 'trunk.w'),
    (name: string) => name.replace('deep.0', 'deep.5'),
    (name: string) => name.replace('head', 'body'),
    (name: string) => name.replace('body.', ''),
  ]
  for (const rename of elsewhere)
    expect(() => load(rename)).toThrow(/^rename: .*: expected a name with the prefix of its siblings, got /)
  // Restored tensors have the structure of the current optimizer.
  const flat = { w: f32(0), 'deep.0': f32(0), 'deep.1.x.y': f32(0), head: f32(0) }
  const after = new Optimizer(flat, adam())
  expect(after.restore(saved, { rename: elsewhere[4] })).toEqual([])
  expect(after.params).toEqual({ w: f32(1), 'deep.0': f32(2), 'deep.1.x.y': f32(3), head: f32(4) })
  const one = new Optimizer(f32(1, 2), adam()).save()
  expect(Optimizer.load(one, { rename: {} }).params).toEqual(f32(1, 2))
})

test('the option rename refuses duplicate, unknown and invalid names before any change', () => {
  const optimizer = inTheMiddle()
  const saved = optimizer.save()
  const before = structuredClone(saved)
  const wrong: [unknown, RegExp][] = [
    [() => 'a', /^rename: dense_1\/bias: expected a unique name, got "a"$/],
    [{ 'dense_1/bias': 'last/kernel' }, /^rename: last\/kernel: expected a unique name/],
    [{ dense_1: 'a' }, /^rename: expected one of dense_1\/kernel, .*, got "dense_1"$/],
    [new Map([[1, 'a']]), /^rename: expected one of .*, got 1$/],
    [() => undefined, /^rename: dense_1\/kernel: expected a unique name.*, got undefined$/],
    [async () => 'a', /got a Promise$/],
    [{ 'dense_1/bias': 5 }, /got 5$/],
    ['dense', /^rename: expected new names by old ones, or a function, got "dense"$/],
    [['a'], /^rename: expected one of .*, got "0"$/],
    [null, /got null$/],
  ]
  for (const [rename, message] of wrong) {
    const options = { rename } as object
    for (const call of [() => Optimizer.load(saved, options), () => optimizer.restore(saved, options)]) {
      expect(call).toThrow(OptionError)
      expect(call).toThrow(message)
    }
  }
  expect(() => optimizer.restore(saved, { rename: renamed })).toThrow(
    /dense_1\/kernel: expected a tensor of that name, got none/,
  )
  const calls = () => {
    optimizer.step()
    return 'a'
  }
  expect(() => optimizer.restore(saved, { rename: calls })).toThrow(AntigradError)
  expect(optimizer.save()).toEqual(before)
})

test('the option rename accepts names that every object inherits', () => {
  const params = Object.fromEntries([
    ['__proto__', f32(1)],
    ['constructor', f32(2)],
  ])
  const saved = new Optimizer(params, adam()).save()
  const to = { constructor: 'toString' }
  expect(Object.entries(Optimizer.load(saved, { rename: to }).params as object)).toEqual([
    ['__proto__', f32(1)],
    ['toString', f32(2)],
  ])
})

test('the methods load and restore accept a list of rules that a bundle would otherwise omit', () => {
  const optimizer = inTheMiddle()
  const options = { rules: [adamw, muon], schedules: [cosine] }
  expect(Optimizer.load(optimizer.save(), options).updates).toBe(5)
  expect(optimizer.restore(optimizer.save(), options)).toEqual([])
})
