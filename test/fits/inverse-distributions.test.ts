/** Unknowns on standard curves whose fits have a distribution: values, intervals, and the options of new responses. */

import { ArgumentError, expression, OptionError } from 'antigrad'
import {
  binomial,
  type Distribution,
  fitManySync,
  fit as fitOne,
  fitSharedSync,
  gamma,
  type InverseEstimate,
  inverse,
  lognormal,
  models,
  negativeBinomial,
  normal,
  poisson,
  student,
} from 'antigrad/fit'
import { describe, expect, test } from 'vitest'
import { engineNames, inBits } from '../helpers.js'

const x = [1, 2, 3, 4, 5, 6, 7, 8]
const y = [2.1, 3.9, 6.2, 7.8, 10.1, 11.8, 14.3, 15.6]
const counts = [11, 25, 26, 45, 44, 66, 65, 88]
const line = models.line()
const Z = 1.959963984540054
const ends = ({ value, error, low, high }: InverseEstimate) => [value, error, low, high]
const constant = fitOne(line, { x, y }, { distribution: normal(), start: { sigma: 1 } })

/** Each end of an interval has the distance z·√(variance of the curve + variance of the mean) from the response. */
const variances: readonly [
  distribution: Distribution,
  start: Readonly<Record<string, number>>,
  variance: (f: number, p: Readonly<Record<string, number>>) => number,
][] = [
  [normal({ sigma: 'prop*f' }), { prop: 0.1 }, (f, { prop }) => (prop * f) ** 2],
  [normal({ sigma: 'prop*f', estimate: 'reml' }), { prop: 0.1 }, (f, { prop }) => (prop * f) ** 2],
  [student({ df: 5 }), { sigma: 4 }, (_, { sigma }) => (sigma * sigma * 5) / 3],
  [poisson(), {}, (f) => f],
  [negativeBinomial({ theta: 50 }), {}, (f) => f + (f * f) / 50],
  [gamma(), { shape: 50 }, (f, { shape }) => (f * f) / shape],
]

describe('the function inverse of fits with a distribution', () => {
  test('agrees with least squares with the same σ', () => {
    const { sigma } = constant.values
    const squares = fitOne(line, { x, y }, { sigma: x.map(() => sigma), absoluteSigma: true })
    const unknowns = [5, [5, 5.4], 15.7]
    const got = inverse(constant, unknowns as never)
    for (const [k, expected] of inverse(squares, unknowns as never, { sigma }).entries()) {
      expect(got[k].reason).toBe(expected.reason)
      for (const [i, number] of ends(expected).entries()) expect(ends(got[k])[i]).toBeCloseTo(number, 10)
    }
  })

  test.each(variances)('uses the variance of $name', (distribution, start, variance) => {
    const found = fitOne(line, { x, y: counts }, { distribution, start })
    expect(found.reason).toBe('converged')
    const estimates = inverse(found, [[30], [31, 37]] as never)
    for (const { y, value, error, low, high, replicates } of estimates) {
      const at = { x: [value, low, high] }
      const f = found.predict(at)
      const { high: above } = found.band(at)
      const distances = f.map((f, k) => {
        const curve = (above[k] - f) / Z
        return Math.sqrt(curve * curve + variance(f, found.values) / replicates)
      })
      expect(f[0]).toBeCloseTo(y, 10)
      expect(error).toBeCloseTo(distances[0] / found.values.slope, 10)
      expect(y - f[1]).toBeCloseTo(Z * distances[1], 8)
      expect(f[2] - y).toBeCloseTo(Z * distances[2], 8)
    }
  })

  test('inverts the log-normal distribution on the scale of logarithms', () => {
    const start = { a: 2, sigma: 0.1 }
    const found = fitOne(expression('a*x'), { x, y }, { distribution: lognormal(), start })
    const logs = y.map(Math.log)
    const inLogs = fitOne(
      expression('log(a*x)'),
      { x, y: logs },
      { y: 'y', distribution: normal(), start: { a: { start: 2, min: 0.1 }, sigma: 0.1 } },
    )
    const [one, two] = inverse(found, [5, [5, 5.4]] as never)
    const expected = inverse(inLogs, [Math.log(5), [Math.log(5), Math.log(5.4)]] as never)
    for (const [k, got] of [one, two].entries())
      for (const [i, number] of ends(expected[k]).entries()) expect(ends(got)[i]).toBeCloseTo(number, 8)
    expect([one.y, two.y]).toEqual([5, expect.closeTo(Math.sqrt(27), 12)])
    const [none] = inverse(found, [-1])
    expect([none.y, none.reason]).toEqual([-1, 'below-curve'])
    expect(none.message).toMatch(/^the curve's smallest value in the range is 2\.0\d+, at x = 1$/)
  })

  test('inverts counts of successes, with the trials of each unknown', () => {
    const model = expression('1/(1 + exp(-k*(x - m)))')
    const successes = [1, 2, 5, 9, 14, 17, 19, 20]
    const start = { k: 1, m: 4 }
    const table = { x, y: successes, n: x.map(() => 20) }
    const byColumn = fitOne(model, table, { y: 'y', distribution: binomial({ trials: 'n' }), start })
    const byNumber = fitOne(
      model,
      { x, y: successes },
      { y: 'y', distribution: binomial({ trials: 20 }), start },
    )
    expect(() => inverse(byColumn, [7])).toThrow(
      'trials: expected the number of trials of a new response, got undefined',
    )
    const [one] = inverse(byColumn, [7], { trials: 20 })
    expect(ends(one)).toEqual(ends(inverse(byNumber, [7])[0]))
    const at = { x: [one.value] }
    expect(byNumber.predict(at)[0]).toBeCloseTo(0.35, 10)
    const ofCurve = (byNumber.band(at).high[0] - 0.35) / Z
    const scatter = Math.sqrt(ofCurve * ofCurve + (0.35 * 0.65) / 20)
    expect(one.error).toBeCloseTo(scatter / (byNumber.values.k * 0.35 * 0.65), 8)
    const [pooled] = inverse(byColumn, [[7, 13]] as never, { trials: [[20, 40]] as never })
    const [whole] = inverse(byColumn, [20], { trials: [60] })
    expect(ends(pooled)).toEqual(ends(whole))
    expect([pooled.y, pooled.replicates]).toEqual([10, 2])
    expect(pooled.high - pooled.low).toBeLessThan(0.75 * (one.high - one.low))
  })

  test('accepts fits of fitMany, groups of fitShared, and marks of censored rows', () => {
    const distribution = normal()
    const options = { distribution, start: { sigma: 1 } }
    const many = fitManySync(line, { x, y: [counts, y] }, options)
    expect(inverse(many.at(1), [5])).toEqual(inverse(constant, [5]))
    const two = { x: [x, x], y: [y, y.map((one, k) => 1.3 * one + 0.1 * (-1) ** k)] }
    const shared = fitSharedSync(line, two, { shared: ['sigma'], ...options })
    const [{ value, low, high }] = inverse(shared.at(1), [7])
    expect(shared.at(1).predict({ x: [value] })[0]).toBeCloseTo(7, 10)
    expect(low).toBeLessThan(value)
    expect(high).toBeGreaterThan(value)
    const marked = fitOne(
      line,
      { x, y, blq: x.map((_, k) => Number(k === 0)) },
      { y: 'y', distribution: normal({ below: 'blq' }), start: { sigma: 1 } },
    )
    expect(inverse(marked, [5])[0].reason).toBe('found')
  })

  test('requires σ of a new response if σ depends on another column', () => {
    const found = fitOne(
      line,
      { x, y, s: x.map((_, k) => 1 + (k % 2)) },
      { y: 'y', distribution: normal({ sigma: 'k*s' }), start: { k: 0.1 } },
    )
    expect(() => inverse(found, [5])).toThrow(
      'sigma: expected the σ of a new response (the distribution uses the column s), got undefined',
    )
    const [sure, unsure] = inverse(found, [5, 5], { sigma: [0.1, 0.5] })
    expect(sure.high - sure.low).toBeLessThan(0.4 * (unsure.high - unsure.low))
    // A scale that depends on x needs no option.
    const byX = fitOne(line, { x, y }, { distribution: normal({ sigma: 'k*x' }), start: { k: 0.1 } })
    expect(inverse(byX, [5])[0].reason).toBe('found')
  })

  test('computes the same bits from fits of every engine', () => {
    const [first, ...others] = engineNames.map((engine) => {
      const options = { distribution: normal({ sigma: 'prop*f' }), start: { prop: 0.1 }, engine }
      return inBits(inverse(fitOne(line, { x, y }, options), [[5], [5, 6], [99]] as never).map(ends))
    })
    for (const other of others) expect(other).toEqual(first)
  })

  test('returns NaN with a reason for fits without estimates', () => {
    const options = { distribution: normal(), start: { slope: 1, intercept: 0, sigma: 1 } }
    const few = fitOne(line, { x: [1, 2], y: [1, 2] }, options)
    expect(few.reason).toBe('too-few-points')
    const [{ low, high, error }] = inverse(few, [1.5])
    expect([low, high, error]).toEqual([NaN, NaN, NaN])
    const [infinite, missing] = inverse(constant, [-Infinity, null])
    expect([infinite.reason, missing.reason]).toEqual(['below-curve', 'missing'])
    expect(infinite.message).toMatch(/at x = 1$/)
  })

  test('throws errors that name the argument', () => {
    const options = { distribution: normal(), start: { sigma: 1 } }
    const many = fitManySync(line, { x, y: [y, y] }, options)
    const shared = fitSharedSync(line, { x: [x, x], y: [y, y] }, { shared: ['sigma'], ...options })
    const data = { x, y: [1, 2, 5, 9, 14, 17, 19, 20] }
    const binary = fitOne(expression('1/(1 + exp(-k*(x - m)))'), data, {
      distribution: binomial({ trials: 20 }),
      start: { k: 1, m: 4 },
    })
    const plane = fitOne(
      expression('a*x + b*v'),
      { x, v: x.map((x) => x * x), y },
      { y: 'y', distribution: normal(), start: { a: 1, b: 1, sigma: 1 } },
    )
    const hostile = [
      [() => inverse(many as never, [1]), ArgumentError, 'found: expected a fit without distribution'],
      [() => inverse(shared as never, [1]), ArgumentError, 'found: expected one group of the result'],
      [() => inverse(plane, [1]), ArgumentError, 'found: expected a fit whose model has one column'],
      [() => inverse(constant, [1], { trials: 3 }), OptionError, 'trials: expected none'],
      [() => inverse(binary, [1], { sigma: 3 }), OptionError, 'sigma: expected none'],
      [() => inverse(binary, [1], { trials: 0 }), OptionError, 'trials: expected a finite number > 0, got 0'],
      [() => inverse(binary, [1], { trials: [1, 2] }), OptionError, 'trials: expected 1 numbers, like y'],
      [() => inverse(binary, [1], { trials: 'n' as never }), OptionError, 'trials: expected an array'],
    ] as const
    for (const [call, Kind, message] of hostile) {
      expect(call).toThrow(Kind)
      expect(call).toThrow(message)
    }
  })
})
