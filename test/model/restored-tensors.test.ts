/** Restoring a saved run into an existing optimizer. */

import { adam, CheckpointError, ema, lion, muon, Optimizer, type Rule, sgd } from 'antigrad'
import { expect, test } from 'vitest'
import { fromText, toText } from '../../dist/checkpoint/text.js'

const f64 = (...values: number[]) => Float64Array.from(values)

test('a restored optimizer has the saved number of consecutive skips', () => {
  const optimizer = new Optimizer({ a: f64(1) }, adam(), { onNonFinite: 'skip' })
  optimizer.step({ a: f64(NaN) })
  const saved = optimizer.save()
  optimizer.step({ a: f64(1) })
  expect(optimizer.lastStep.consecutiveSkips).toBe(0)
  optimizer.restore(saved)
  optimizer.step({ a: f64(NaN) })
  expect(optimizer.lastStep.consecutiveSkips).toBe(2)
})

test('restore refuses a saved run of another rule, even if a group sets the rule of every tensor', () => {
  const make = (rule: Rule) => new Optimizer({ a: f64(1) }, rule, { groups: [{ match: 'a', rule: adam() }] })
  expect(() => make(lion()).restore(make(sgd()).save())).toThrow(
    /\noptimizer: expected the rule lion with m state, got the rule sgd with no state/,
  )
})

test('restore keeps a tensor frozen if the saved state does not match the tensor', () => {
  const make = (rule: Rule, groups: { match: string; frozen: boolean }[]) =>
    new Optimizer({ a: f64(1), b: f64(2) }, rule, { groups })
  const optimizer = make(lion(), [{ match: 'b', frozen: true }])
  optimizer.restore(make(adam(), []).save(), { partial: true, onWarning: () => {} })
  optimizer.step({ a: f64(1), b: f64(1) })
  expect(optimizer.report().tensors.map(({ frozen }) => frozen)).toEqual([false, true])
  expect(optimizer.params.b).toEqual(f64(2))
})

test('restore refuses a tensor that is not a matrix for a rule that requires matrices', () => {
  const saved = structuredClone(
    new Optimizer({ a: new Float64Array(4) }, muon(), { shapes: { a: [2, 2] } }).save(),
  )
  Object.assign(saved.tensors.a, { shape: [4] })
  expect(() => Optimizer.load(saved)).toThrow(CheckpointError)
  expect(() => Optimizer.load(saved)).toThrow(
    /\na: expected a shape of a matrix for muon, got an array of length 1/,
  )
})

test("restore requires that the average's product of rates lies in [0, 1]", () => {
  const saved = () => structuredClone(new Optimizer({ a: f64(1) }, adam(), { average: ema(0.9) }).save())
  const load = (product: number) => {
    const given = saved()
    Object.assign(given.tensors.a.average as object, { product })
    return Optimizer.load(given)
  }
  for (const product of [0, 0.5, 1]) expect(load(product).updates).toBe(0)
  for (const product of [-0.5, 1.5, NaN]) expect(() => load(product)).toThrow(/a number in \[0, 1\]/)
})

test('encode converts only the numbers of a saved run, including NaN and infinity', () => {
  const all = { numbers: [0, -0, 1, -1, NaN, Infinity, -Infinity, 5e-324], name: 'a', is: true, none: null }
  expect(fromText(toText(all, []), [])).toEqual(all)
})
