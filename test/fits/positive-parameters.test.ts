/** Positive parameters, which are fitted as their logarithms. */

import { type AntigradError, adam, expression, OptionError } from 'antigrad'
import { bootstrap, type FitOptions, fitManySync, fit as fitOne, models, ruleMethod } from 'antigrad/fit'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Anything } from '../adversarial/subject.js'
import { random } from '../helpers.js'

const decay = expression('a*exp(-b*t) + c')
const positive = (start: number) => ({ start, positive: true }) as const
const start = { a: positive(1), b: positive(1), c: 0 }

const dataOf = (seed: number, rows = 20, size = 0.05) => {
  const next = random(seed)
  const [a, b, c] = [1 + 3 * next(), 0.3 + next(), next()]
  const t = Array.from({ length: rows }, (_, k) => (5 * k) / rows)
  return { t, y: t.map((at) => a * Math.exp(-b * at) + c + size * (next() + next() + next() - 1.5)) }
}
const tight = (seed: number, options: FitOptions = {}) =>
  fitOne(decay, dataOf(seed), { start, tolerance: 1e-14, ...options })
const seeds = fc.nat(1e6)
const check = (hold: (seed: number) => void, numRuns = 40) =>
  fc.assert(fc.property(seeds, hold), { numRuns, seed: 5 })

describe('a positive parameter', () => {
  test("takes the same steps as the parameter's logarithm in a rewritten model, bit for bit", () => {
    const other = expression('exp(a)*exp(-exp(b)*t) + c')
    check((seed) => {
      const one = fitOne(decay, dataOf(seed), { start })
      const two = fitOne(other, dataOf(seed), { start: { a: 0, b: 0, c: 0 } })
      expect([one.chiSquared, one.evaluations, one.reason]).toEqual([
        two.chiSquared,
        two.evaluations,
        two.reason,
      ])
      expect([one.values.c, one.errors.c]).toEqual([two.values.c, two.errors.c])
      const intervals = { one: one.intervals(0.9), two: two.intervals(0.9) }
      for (const name of ['a', 'b'] as const) {
        expect(one.values[name]).toBeCloseTo(Math.exp(two.values[name]), 12)
        expect(one.errors[name] / one.values[name]).toBeCloseTo(two.errors[name], 12)
        for (const end of [0, 1] as const)
          expect(intervals.one[name][end]).toBeCloseTo(Math.exp(intervals.two[name][end]), 9)
      }
      expect(one.correlation.flat().map((x) => x.toFixed(9))).toEqual(
        two.correlation.flat().map((x) => x.toFixed(9)),
      )
    })
  })

  test('has the same value, covariances, bands and replicates as without the option', () => {
    check((seed) => {
      const one = tight(seed)
      const other = tight(seed, { start: { a: 1, b: 1, c: 0 } })
      expect(one.free).toEqual(other.free)
      const near = (x: number, y: number) => expect(Math.abs(x / y - 1)).toBeLessThan(1e-4)
      for (const name of one.free) {
        expect(Math.abs(one.values[name] - other.values[name])).toBeLessThan(1e-5 * other.errors[name])
        near(one.errors[name], other.errors[name])
      }
      one.covariance.flat().forEach((x, k) => {
        near(x, other.covariance.flat()[k])
      })
      const [band, otherBand] = [one.band(), other.band()]
      band.low.forEach((x, row) => {
        expect(x).toBeCloseTo(otherBand.low[row], 6)
      })
    })
    const [one, other] = [tight(3), tight(3, { start: { a: 1, b: 1, c: 0 } })]
    const refits = { one: bootstrap(one, { count: 200 }), other: bootstrap(other, { count: 200 }) }
    for (const end of [0, 1] as const)
      expect(refits.one.intervals().b[end]).toBeCloseTo(refits.other.intervals().b[end], 4)
  })

  test('has a confidence interval above 0 for any data', () => {
    let wide = 0
    check((seed) => {
      const { t, y } = dataOf(seed, 6, 1)
      const { intervals, values, errors, reason } = bound(
        fitOne(
          expression('a*exp(-b*t)'),
          { t, y: y.map(Math.abs) },
          {
            start: { a: positive(1), b: positive(1) },
          },
        ),
      )
      if (reason !== 'converged') return
      for (const name of ['a', 'b'] as const) {
        const [low, high] = intervals(0.999)[name]
        expect(low).toBeGreaterThanOrEqual(0)
        expect(low).toBeLessThanOrEqual(values[name])
        expect(high).toBeGreaterThanOrEqual(values[name])
        if (values[name] < 2 * errors[name]) wide++
      }
    }, 100)
    expect(wide).toBeGreaterThan(10)
  })
  const bound = (fit: ReturnType<typeof fitOne>) => {
    const { values, errors, reason } = fit as { values: Anything; errors: Anything; reason: string }
    return { values, errors, reason, intervals: (level: number): Anything => fit.intervals(level) }
  }

  test('stays within its inclusive bounds, and can end at a bound', () => {
    const { t, y } = dataOf(7)
    const { b } = tight(7).values
    for (const [min, max, held] of [
      [b * 1.3, 9, b * 1.3],
      [0, b * 0.7, b * 0.7],
      [-3, 9, null],
    ] as const) {
      const one = fitOne(decay, { t, y }, { start: { ...start, b: { start: 1, positive: true, min, max } } })
      if (held === null) expect(one.values.b).toBeCloseTo(b, 4)
      else expect([one.values.b, one.errors.b, one.atBound]).toEqual([held, NaN, ['b']])
    }
  })

  test("can end exactly at a bound despite the rounding of the parameter's logarithm", () => {
    for (let k = 0; k < 20; k++) {
      const { t, y } = dataOf(7)
      const min = 1.5 + k / 7
      const one = fitOne(decay, { t, y }, { start: { ...start, b: { start: 4.5, positive: true, min } } })
      expect(one.values.b).toBe(min)
    }
  })

  test('can be fixed, even per fit, and can occur in expressions of other parameters', () => {
    const { t, y } = dataOf(7)
    const one = fitOne(
      decay,
      { t, y },
      {
        start: {
          ...start,
          a: { expr: '2*k' },
          k: positive(1),
          b: { start: 0.8, positive: true, fixed: true },
        },
      },
    )
    expect([one.values.b, one.errors.b]).toEqual([0.8, 0])
    expect(one.intervals().b).toEqual([0.8, 0.8])
    expect(one.values.a).toBe(2 * one.values.k)
    // The error is the root of a variance times a factor, so the last bit may differ.
    expect(Math.abs(one.errors.a / (2 * one.errors.k) - 1)).toBeLessThan(4e-16)
    const many = fitManySync(
      decay,
      { t, y },
      {
        start: {
          ...start,
          a: { start: [1, 2], positive: true },
          b: { start: [0.5, 0.8], positive: true, fixed: true },
        },
      },
    )
    expect(Array.from(many.values.b)).toEqual([0.5, 0.8])
    expect(many.at(1).values.a).toBeCloseTo(one.values.a, 4)
  })

  test('starts at the absolute value of a negative guess', () => {
    const x = [0, 1, 2, 3, 4, 5, 6, 7]
    const y = x.map((at) => 2 * Math.exp(0.4 * at) + 1)
    const free = fitOne(models.exponential(), { x, y })
    expect(free.values.rate).toBeCloseTo(-0.4, 6)
    const kept = fitOne(models.exponential(), { x, y }, { start: { rate: { positive: true } } })
    expect(kept.values.rate).toBeGreaterThanOrEqual(0)
    expect(kept.reason).not.toBe('not-finite')
    const down = fitOne(
      models.exponential(),
      { x, y: y.map((at) => 1 / at) },
      { start: { rate: { positive: true } } },
    )
    expect(down.reason).toBe('converged')
  })

  test('has multiStart starting values with uniformly distributed logarithms', () => {
    const { t, y } = dataOf(7)
    const box = { min: 1e-6, max: 1e6, positive: true }
    const found = fitOne(
      decay,
      { t, y },
      {
        start: {
          a: { start: 1, ...box },
          b: { start: 900, min: 1e-3, max: 1e3, positive: true },
          c: { start: 0, min: -9, max: 9 },
        },
        multiStart: { count: 60 },
      },
    )
    const alone = tight(7)
    expect(found.values.b).toBeCloseTo(alone.values.b, 4)
    expect(found.minima[0].values.b).toBe(found.values.b)
    expect(found.minima[0].starts).toBeGreaterThan(5)
  })

  test.each([{ method: ruleMethod(adam({ lr: 0.05 })) }, { loss: 'huber' }] as FitOptions[])(
    'can be used with the options %j',
    (options) => {
      const one = tight(7, { ...options, ...(options.method ? { tolerance: 1e-9 } : {}) })
      const other = tight(7, { loss: options.loss ?? 'squared', start: { a: 1, b: 1, c: 0 } })
      expect(one.values.b / other.values.b).toBeCloseTo(1, 3)
      expect(one.errors.b / other.errors.b).toBeCloseTo(1, 2)
    },
  )
})

describe('an invalid positive parameter', () => {
  test.each<[string, object, RegExp]>([
    ['a start of 0', { start: 0 }, /^start: b: start: expected numbers > 0 if positive is true, got 0/],
    ['a start below 0', { start: -2 }, /^start: b: start: expected numbers > 0 if positive is true, got -2/],
    [
      'one of several',
      { start: [1, -2] },
      /^start: b: start: expected numbers > 0 if positive is true, got -2/,
    ],
    ['a fixed start of 0', { start: 0, fixed: true }, /^start: b: start: expected numbers > 0/],
    [
      'a maximum of 0',
      { start: 1, max: 0 },
      /^start: b: max: expected a number > 0 if positive is true, got 0/,
    ],
    ['a minimum above the maximum', { start: 1, min: 3, max: 2 }, /^start: b: expected min ≤ max/],
    ['an expr', { expr: '2*a' }, /^start: b: expected no field but expr, got "positive"/],
    ['no flag', { start: 1, positive: 1 }, /^start: b: positive: expected true or false, got 1/],
  ])('is refused: %s', (_, entry, message) => {
    let error: unknown
    try {
      fitOne(decay, dataOf(1), { start: { ...start, b: { positive: true, ...entry } as Anything } })
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(OptionError)
    expect((error as AntigradError).message).toMatch(message)
  })

  test('is refused in a multiStart box that includes 0', () => {
    const box = { start: 1, min: 0, max: 9 }
    expect(() =>
      fitOne(decay, dataOf(1), { start: { a: box, b: { ...box, positive: true }, c: box }, multiStart: 4 }),
    ).toThrow(/^start: b: expected finite min and max, above 0, for multiStart, got "0 and 9"/)
  })
})
