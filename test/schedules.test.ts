/** evaluate(): what a schedule is at an update. */

import { adam, evaluate, Optimizer, OptionError, type Schedule, type Scheduled, warmup } from 'antigrad'
import { describe, expect, test } from 'vitest'
import { bits } from './helpers.js'

describe('evaluate', () => {
  test('gives a number at each t', () => {
    for (const t of [0, 1, 1e9]) expect(evaluate(0.1, t)).toBe(0.1)
  })

  test('gives what a function returns for t', () => {
    expect(evaluate((t) => 2 * t + 1, 3)).toBe(7)
  })

  test('gives a warm-up by its definition, and after it what it leads to', () => {
    const plain = warmup(0.3, { steps: 4 })
    expect([0, 1, 3, 4, 100].map((t) => evaluate(plain, t))).toEqual([0.075, 0.15, 0.3, 0.3, 0.3])
    const fromZero = warmup((t) => 8 / (t + 1), { steps: 4, from: 0 })
    expect([0, 1, 3, 7].map((t) => evaluate(fromZero, t))).toEqual([0, 1, 1.5, 1])
    expect(evaluate(warmup(plain, { steps: 2 }), 0)).toBe(0.0375)
    expect(evaluate(JSON.parse(JSON.stringify(plain)) as Schedule, 1)).toBe(0.15)
  })

  test('set before each step takes the same steps as the schedule in the rule, and can be saved', () => {
    const rate = warmup((t) => Math.cos(t / 10), { steps: 3, from: 0.01 })
    const scheduled = new Optimizer(Float32Array.of(1, -2), adam({ lr: rate }))
    const set = new Optimizer(Float32Array.of(1, -2), adam())
    for (let t = 0; t < 8; t++) {
      scheduled.step(Float32Array.of(t - 3, 1))
      set.set({ lr: evaluate(rate, set.updates) })
      set.step(Float32Array.of(t - 3, 1))
    }
    expect(bits(set.params)).toBe(bits(scheduled.params))
    expect(() => set.save()).not.toThrow()
    expect(() => scheduled.save()).toThrow(OptionError)
  })

  // biome-ignore lint/suspicious/noExplicitAny: what TypeScript would not let through
  type Anything = any
  const refused = (call: () => unknown) => {
    try {
      call()
    } catch (error) {
      expect(error).toBeInstanceOf(OptionError)
      return (error as OptionError).argument
    }
    return 'nothing'
  }

  test.each([NaN, Infinity, '1', null, undefined, {}, [1], { schedule: 'cosine', value: 1 }, 1n])(
    'refuses %s for a schedule',
    (schedule) => {
      expect(refused(() => evaluate(schedule as Anything, 0))).toBe('evaluate: schedule')
    },
  )

  test('refuses a schedule that is not one all through', () => {
    const broken = { ...warmup(1, { steps: 2 }), value: 'fast' }
    expect(refused(() => evaluate(broken as Anything, 0))).toBe('evaluate: schedule')
  })

  test.each([-1, 0.5, NaN, Infinity, '0', null, undefined])('refuses %s for t, and calls nothing', (t) => {
    let calls = 0
    expect(refused(() => evaluate(() => ++calls, t as Anything))).toBe('evaluate: t')
    expect(calls).toBe(0)
  })

  test.each([NaN, -Infinity, '1', undefined, null, 1n])('refuses a function that returns %s', (x) => {
    const schedule = (() => x) as Scheduled
    expect(refused(() => evaluate(schedule, 5))).toBe('evaluate: schedule at t = 5')
    expect(refused(() => evaluate(warmup(schedule, { steps: 9 }), 5))).toBe('evaluate: schedule at t = 5')
  })

  test('passes on what a function throws', () => {
    const error = new Error('mine')
    const thrower = () => {
      throw error
    }
    expect(() => evaluate(thrower, 0)).toThrow(error)
  })
})
