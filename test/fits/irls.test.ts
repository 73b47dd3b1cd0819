/** Weights that depend on the model: fixed points, errors, and refused calls. */

import { ArgumentError, ExpressionError, expression, OptionError } from 'antigrad'
import { compare, fitMany, fitManySync, fit as fitOne, models } from 'antigrad/fit'
import { describe, expect, test } from 'vitest'
import { inBits, random } from '../helpers.js'

const t = Array.from({ length: 30 }, (_, k) => k / 4)
const decay = expression('a*exp(-b*t) + c')
const start = { a: 80, b: 0.8, c: 1 }
/** Numbers whose standard deviation is a tenth of their expected value. */
const measured = (seed: number) => {
  const next = random(seed)
  const noise = () => (next() + next() + next() + next() - 2) * Math.sqrt(3)
  return t.map((at) => (100 * Math.exp(-at) + 2) * (1 + 0.1 * noise()))
}
const y = measured(1)
const data = { t, y }

/** The same iteration by separate fits with numeric weights. */
function byHand(weigh: (f: number, t: number) => number, rounds: number) {
  let weights = t.map(() => 1)
  let found = fitOne(decay, data, { start, weights, tolerance: 1e-14 })
  for (let round = 0; round < rounds; round++) {
    weights = Array.from(found.predict(), (f, row) => weigh(f, t[row]))
    found = fitOne(decay, data, { start: found.values, weights, tolerance: 1e-14 })
  }
  return found
}

describe('model-dependent weights in a fit', () => {
  test.each<[string, (f: number, t: number) => number]>([
    ['1/f^2', (f) => 1 / f ** 2],
    ['1/f', (f) => 1 / f],
    ['1/(4 + (0.1*f)^2)', (f) => 1 / (4 + (0.1 * f) ** 2)],
    ['t < 3 ? 1 : 1/(t*f)', (f, t) => (t < 3 ? 1 : 1 / (t * f))],
  ])(
    'give the same fit as constant weights whose values are computed at the final point: %s',
    (weights, weigh) => {
      const found = fitOne(decay, data, { start, weights, tolerance: 1e-14 })
      const other = byHand(weigh, 60)
      expect(found.reason).toBe('converged')
      for (const name of ['a', 'b', 'c'] as const) {
        expect(found.values[name] / other.values[name]).toBeCloseTo(1, 8)
        expect(found.errors[name] / other.errors[name]).toBeCloseTo(1, 7)
      }
      expect(found.chiSquared / other.chiSquared).toBeCloseTo(1, 7)
      expect(found.rSquared).toBeCloseTo(other.rSquared, 7)
      expect(found.aic).toBeCloseTo(other.aic, 6)
    },
  )

  test('can be specified by a formula for σ, and then equal 1/σ²', () => {
    const weights = fitOne(decay, data, { start, weights: '1/f^2' })
    const sigma = fitOne(decay, data, { start, sigma: '0.1*f' })
    const known = fitOne(decay, data, { start, sigma: '0.1*f', absoluteSigma: true })
    for (const name of ['a', 'b', 'c'] as const) {
      expect(sigma.values[name] / weights.values[name]).toBeCloseTo(1, 10)
      expect(sigma.errors[name] / weights.errors[name]).toBeCloseTo(1, 9)
      expect(known.errors[name] * Math.sqrt(known.reducedChiSquared)).toBeCloseTo(sigma.errors[name], 4)
    }
    expect(sigma.chiSquared / weights.chiSquared).toBeCloseTo(100, 8)
  })

  test('give the same fit as constant weights if the formula is constant', () => {
    const plain = fitOne(decay, data, { start, weights: t.map(() => 4), tolerance: 1e-14 })
    const same = fitOne(decay, data, { start, weights: '4', tolerance: 1e-14 })
    expect(same.values.b / plain.values.b).toBeCloseTo(1, 10)
    expect(same.errors.b / plain.errors.b).toBeCloseTo(1, 8)
    expect(same.chiSquared / plain.chiSquared).toBeCloseTo(1, 12)
  })

  test('give the correct standard errors for repeated measurements, unlike equal weights', () => {
    const sets = Array.from({ length: 1500 }, (_, k) => measured(10 + k))
    const found = fitManySync(decay, { t, y: sets }, { start, weights: '1/f^2' })
    const plain = fitManySync(decay, { t, y: sets }, { start })
    expect(found.reason.every((reason) => reason === 1)).toBe(true)
    const mean = (of: ArrayLike<number>) => Array.from(of).reduce((sum, x) => sum + x) / of.length
    const spread = (of: Float64Array) => Math.sqrt(mean(of.map((x) => (x - mean(of)) ** 2)))
    for (const name of ['a', 'b', 'c'] as const) {
      expect(mean(found.errors[name]) / spread(found.values[name])).toBeGreaterThan(0.93)
      expect(mean(found.errors[name]) / spread(found.values[name])).toBeLessThan(1.03)
    }
    expect(spread(plain.values.c) / spread(found.values.c)).toBeGreaterThan(5)
    const truth = [100, 1, 2]
    for (const [k, name] of (['a', 'b', 'c'] as const).entries()) {
      const off = mean(found.values[name]) - truth[k]
      expect(Math.abs(off)).toBeLessThan(5 * (spread(found.values[name]) / Math.sqrt(1500)))
    }
  })

  test('give the same fits in batched, single and asynchronous calls on every engine', async () => {
    const sets = Array.from({ length: 20 }, (_, k) => measured(30 + k).slice(0, 20 + (k % 3)))
    const options = { start, weights: '1/f^2' } as const
    const all = { t: sets.map(({ length }) => t.slice(0, length)), y: sets }
    const many = fitManySync(decay, all, options)
    const same = ({ values, errors, chiSquared, evaluations, reason }: typeof many) =>
      inBits({ values, errors, chiSquared, evaluations, reason })
    for (const engine of ['native', 'wasm', 'typescript'] as const) {
      expect(same(await fitMany(decay, all, { ...options, engine }))).toBe(same(many))
    }
    for (const [k, y] of sets.entries()) {
      const alone = fitOne(decay, { t: t.slice(0, y.length), y }, options)
      expect(inBits([alone.values, alone.errors])).toBe(inBits([many.at(k).values, many.at(k).errors]))
    }
  })

  test('ignore rows with missing values', () => {
    const gaps = { t: [...t, 3, Number.NaN], y: [...y, null, 4] }
    const found = fitOne(decay, gaps, { start, weights: '1/f^2', missing: 'drop' })
    const whole = fitOne(decay, data, { start, weights: '1/f^2' })
    expect([found.observations, found.droppedRows]).toEqual([30, 2])
    expect(inBits([found.values, found.errors])).toBe(inBits([whole.values, whole.errors]))
    expect(found.residuals.length).toBe(32)
  })

  test("widen the prediction bands where the model's values are large", () => {
    const found = fitOne(decay, data, { start, weights: '1/f^2' })
    const { low, high } = found.band({ t: [0, 7] }, { kind: 'prediction' })
    const { low: own, high: ownHigh } = found.band(undefined, { kind: 'prediction' })
    expect((high[0] - low[0]) / (high[1] - low[1])).toBeGreaterThan(20)
    expect(high[0] - low[0]).toBeCloseTo(ownHigh[0] - own[0], 4)
    // About 2·t·10% of 100.
    expect(high[0] - low[0]).toBeGreaterThan(35)
    expect(high[0] - low[0]).toBeLessThan(50)
  })

  test('can be combined with guesses, fixed parameters, bounds, several starts and robust losses', () => {
    const guessed = fitOne(models.exponential({ x: 't' }), data, { weights: '1/f^2' })
    const plain = fitOne(decay, data, { start, weights: '1/f^2' })
    expect(guessed.values.rate / plain.values.b).toBeCloseTo(1, 5)
    const c = { start: 2, fixed: true }
    const fixed = fitOne(decay, data, { start: { ...start, c }, weights: '1/f^2' })
    expect([fixed.values.c, fixed.errors.c, fixed.reason]).toEqual([2, 0, 'converged'])
    const held = fitOne(decay, data, { start: { ...start, c: { start: 3, min: 3 } }, weights: '1/f^2' })
    expect([held.atBound, held.values.c]).toEqual([['c'], 3])
    const box = {
      a: { start: 80, min: 1, max: 200 },
      b: { start: 0.8, min: 0, max: 5 },
      c: { start: 1, min: 0, max: 9 },
    }
    const several = fitOne(decay, data, { start: box, weights: '1/f^2', multiStart: 5 })
    expect(several.values.b / plain.values.b).toBeCloseTo(1, 5)
    const robust = fitOne(decay, { t, y: y.with(20, 9) }, { start, sigma: '0.1*f', loss: 'huber' })
    expect([robust.reason, Math.abs(robust.values.b / plain.values.b - 1) < 0.05]).toEqual([
      'converged',
      true,
    ])
    const derived = fitOne(decay, data, {
      start: { ...start, b: { start: 0.8, positive: true } },
      weights: '1/f^2',
      derive: { half: 'log(2)/b' },
    })
    expect(derived.values.half).toBeCloseTo(Math.log(2) / plain.values.b, 5)
    expect(derived.errors.half / derived.values.half).toBeCloseTo(plain.errors.b / plain.values.b, 4)
    const follows = fitOne(expression('a*exp(-b*t) + c*d'), data, {
      start: { a: 80, b: 0.8, c: 1, d: { expr: 'b + 1' } },
      weights: '1/f^2',
    })
    expect(follows.values.c * (1 + follows.values.b)).toBeCloseTo(plain.values.c, 3)
  })

  test('are reported if a weight is not finite', () => {
    const zero = fitOne(
      expression('a*t'),
      { t: [0, 1, 2], y: [0, 1, 2.2] },
      { start: { a: 1 }, weights: '1/f^2' },
    )
    expect([zero.reason, zero.values.a, zero.chiSquared]).toEqual(['not-finite', Number.NaN, Number.NaN])
    expect(zero.nonFinite).toEqual({ row: 0, source: 'weight', name: null, value: Infinity })
    expect(zero.message).toBe(
      'row 0, where t = 0: the model-based weight is Infinity, but must be finite and above 0',
    )
    const below = fitOne(decay, data, { start, weights: '1/(f - 50)' })
    expect([below.reason, below.nonFinite?.source]).toEqual(['not-finite', 'weight'])
    const both = fitManySync(
      expression('a*t'),
      {
        t: [1, 2, 3],
        y: [
          [1, 2, 3.1],
          [1, -2, 1],
        ],
      },
      // The start is the solution, so that f is exactly 0.
      { start: { a: [1, 0] }, sigma: 'f' },
    )
    expect(Array.from(both.reason)).toEqual([1, 4])
    expect(both.at(0).message).toBe('')
  })

  test('are updated for a limited number of rounds if the weights do not converge', () => {
    // Each round leads to the weights of the other round.
    const weights = 'f < 2 ? (x > 0 ? 9 : 1) : (x > 0 ? 1 : 9)'
    const flips = fitOne(expression('a + 0*x'), { x: [0, 1, 2], y: [1, 3, 3] }, { start: { a: 2 }, weights })
    expect([flips.reason, flips.evaluations > 50]).toEqual(['max-iterations', true])
  })

  test('do not change the error messages about too few rows and NaN values', () => {
    const few = fitOne(decay, { t: [0, 1], y: [1, 2] }, { start, weights: '1/f^2' })
    expect(few.reason).toBe('too-few-points')
    const gap = fitOne(decay, { t, y: y.with(3, Number.NaN) }, { start, weights: '1/f^2' })
    expect([gap.reason, gap.nonFinite?.source]).toEqual(['not-finite', 'column'])
  })
})

describe('model-dependent weights are refused for', () => {
  const of = (options: object) => () => fitOne(decay, data, { start, ...options })

  test.each<[object, RegExp]>([
    [{ weights: '1/a' }, /^weights: expected an expression of f, t, got "a"/],
    [{ sigma: '0.1*y' }, /^sigma: expected an expression of f, t, got "y"/],
    [{ weights: '1/f', loss: 'poisson' }, /^weights: expected no expression for counts/],
    [{ weights: '1/f', sigma: t.map(() => 1) }, /^weights: expected none if sigma is set/],
  ])('the options %j', (options, message) => {
    expect(of(options)).toThrow(OptionError)
    expect(of(options)).toThrow(message)
  })

  test('an expression with a syntax error, and for a comparison of fits', () => {
    expect(of({ weights: '1/' })).toThrow(ExpressionError)
    expect(of({ sigma: '' })).toThrow(ExpressionError)
    const a = fitOne(models.line({ x: 't' }), data)
    const b = fitOne(decay, data, { start, weights: '1/f^2' })
    expect(() => compare(a, b)).toThrow(ArgumentError)
  })
})
