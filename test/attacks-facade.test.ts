/** What an enemy, or an unlucky program, has tried on the part that users call. */

import {
  adagrad,
  adam,
  delayedStart,
  gradientDescent,
  Optimizer,
  type OptimizerOptions,
  OptionError,
  type Rule,
  type Schedule,
  sgd,
  warmup,
} from 'antigrad'
import { describe, expect, test } from 'vitest'
import { inChild } from './children.js'

/** An object whose property has one value when it is first read, and another one later. */
function fickle<T extends object>(object: T, name: string, first: unknown, later: unknown): T {
  let reads = 0
  return Object.defineProperty(object, name, { enumerable: true, get: () => (reads++ === 0 ? first : later) })
}

describe('what is read twice may differ', () => {
  const w = () => Float32Array.of(1)

  test('an option of a rule', () => {
    expect(adam(fickle({}, 'lr', 1, NaN)).lr).toBe(1)
    expect(sgd(fickle({}, 'momentum', 0.5, 2)).momentum).toBe(0.5)
    const optimizer = new Optimizer(w(), gradientDescent())
    optimizer.set(fickle({}, 'lr', 1, NaN))
    expect(optimizer.rule.lr).toBe(1)
  })

  test('a form, on which epsilon depends', () => {
    expect(adagrad(fickle({}, 'form', 'essay', 'torch'))).toEqual(adagrad({ form: 'essay' }))
    expect(adagrad(fickle({ form: 'essay' as const }, 'eps', undefined, 1))).toEqual(
      adagrad({ form: 'essay' }),
    )
  })

  test("a rule's name, and its options", () => {
    const named = fickle({ ...sgd({ lr: 1 }) } as Rule, 'name', 'sgd', 'delayedStart')
    expect(new Optimizer(w(), named).rule).toEqual(sgd({ lr: 1 }))
    const rated = fickle({ ...sgd() } as Rule, 'lr', 1, NaN)
    expect(new Optimizer(w(), rated).rule).toEqual(sgd({ lr: 1 }))
    const delayed = fickle({ ...delayedStart(2, sgd()) } as Rule, 'updates', 2, -1)
    expect(new Optimizer(w(), delayed).rule).toEqual(delayedStart(2, sgd()))
    const inner = fickle({ ...sgd() } as ReturnType<typeof sgd>, 'name', 'sgd', 'adam')
    expect(delayedStart(1, inner)).toEqual(delayedStart(1, sgd()))
  })

  test('a schedule', () => {
    const given = fickle({ ...warmup(1, { steps: 4 }) } as Schedule, 'steps', 4, 0)
    expect(adam({ lr: given }).lr).toEqual(warmup(1, { steps: 4 }))
    const nested = fickle({ ...warmup(1, { steps: 4 }) } as Schedule, 'value', 1, NaN)
    expect(warmup(nested, { steps: 2 })).toEqual(warmup(warmup(1, { steps: 4 }), { steps: 2 }))
    const lr = () => fickle({ ...warmup(1, { steps: 4 }) } as Schedule, 'schedule', 'warmup', 'none')
    const optimizer = new Optimizer(w(), { ...gradientDescent(), lr: lr() })
    optimizer.step(w())
    expect(optimizer.params).toEqual(Float32Array.of(0.75))
  })

  test('an option of the optimizer', () => {
    const clip = fickle({}, 'norm', 0.5, NaN)
    const options: OptimizerOptions = fickle({}, 'clip', clip, null)
    const optimizer = new Optimizer(w(), gradientDescent({ lr: 1 }), options)
    optimizer.step(w())
    expect(optimizer.params).toEqual(Float32Array.of(0.5))
  })
})

describe('schedules', () => {
  const deep = (depth: number): Schedule => {
    let schedule: Schedule = { schedule: 'warmup', value: 1, steps: 1, from: null }
    for (let i = 1; i < depth; i++) schedule = { schedule: 'warmup', value: schedule, steps: 1, from: null }
    return schedule
  }

  test('a hundred within one another, but not a hundred thousand', () => {
    expect(() => adam({ lr: deep(100) })).not.toThrow()
    for (const depth of [101, 100_000]) {
      expect(() => adam({ lr: deep(depth) })).toThrow(OptionError)
      expect(() => warmup(deep(depth), { steps: 1 })).toThrow(OptionError)
      const rule: Rule = { ...adam(), lr: deep(depth) }
      expect(() => new Optimizer(Float32Array.of(1), rule)).toThrow(OptionError)
    }
  })

  test('one that is changed after the rule was made', () => {
    const inner = { schedule: 'warmup', value: 1, steps: 4, from: null as number | null } as const
    const outer = { ...inner, value: inner as Schedule }
    const rule = gradientDescent({ lr: outer })
    const warm = warmup(inner, { steps: 2 })
    Object.assign(inner, { steps: NaN, value: 'x' })
    Object.assign(outer, { steps: NaN, value: 'x' })
    expect(rule.lr).toEqual(warmup(warmup(1, { steps: 4 }), { steps: 4 }))
    expect(warm.value).toEqual(warmup(1, { steps: 4 }))
    expect(Object.isFrozen(rule.lr)).toBe(true)
    expect(Object.isFrozen((rule.lr as Schedule).value)).toBe(true)
    expect(Object.isFrozen(warm.value)).toBe(true)
  })

  test('a function that gives a schedule', () => {
    const rule = gradientDescent({ lr: (() => warmup(1, { steps: 4 })) as unknown as () => number })
    const optimizer = new Optimizer(Float32Array.of(1), rule)
    expect(() => optimizer.step(Float32Array.of(1))).toThrow(
      'gradientDescent: lr at t = 0: expected a finite number ≥ 0, got an object with the keys schedule, value, steps, from',
    )
  })
})

test('a function that somebody has put on every object', () => {
  const body = `
    const params = { w: Float32Array.of(1, 2), list: [Float32Array.of(3)] }
    const rules = [antigrad.adam({ lr: antigrad.warmup(1, { steps: 2 }) }), antigrad.adagrad({ form: 'essay' }),
      antigrad.delayedStart(1, antigrad.nesterov({ form: 'shifted' }))]
    const results = rules.map((rule) => {
      const optimizer = new antigrad.Optimizer(params, rule, { clip: { norm: 1 } })
      optimizer.step(params)
      optimizer.set({ lr: 0.1 })
      optimizer.lookahead()
      optimizer.step(params)
      return [...optimizer.params.w, ...optimizer.params.list[0], ...Object.keys(optimizer.state.w)]
    })
    const map = thrownBy(() => new antigrad.Optimizer({ w: new Map([['w', 1]]) }, antigrad.adam()))
    const { x } = antigrad.minimize(antigrad.rosenbrock(), [1, 2], antigrad.adam(), { maxIterations: 3 })
    return { results, map: map.message, x: [...x] }`
  const polluted = `for (const name of ['polluted', 'momentum']) Object.prototype[name] = () => NaN`
  expect(inChild(body, { before: polluted })).toEqual(inChild(body))
})
