/** Unknowns on standard curves: values, intervals, coverage, and responses that a curve does not reach. */

import { ArgumentError, expression, OptionError } from 'antigrad'
import {
  covarianceMatrix,
  fitManySync,
  fit as fitOne,
  fitSharedSync,
  type InverseEstimate,
  inverse,
  models,
} from 'antigrad/fit'
import { describe, expect, test } from 'vitest'
import { cases, coverageOfUnknowns } from '../../bench/lib/unknowns.mjs'
import reference from '../data/unknowns.json' with { type: 'json' }
import { engineNames, inBits } from '../helpers.js'

const x = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100]
const y = [0.1, 0.13, 0.2, 0.37, 0.79, 1.36, 1.82, 2.01, 2.08]
const curve = fitOne(models.fourPL(), { x, y })
const line = fitOne(models.line(), { x: [1, 2, 3, 4, 5], y: [2.1, 3.9, 6.2, 7.8, 10.1] })
const ends = ({ value, error, low, high }: InverseEstimate) => [value, error, low, high]

describe('the function inverse', () => {
  test.each(reference)('agrees with SciPy for $name', ({ name, x, y, unknowns }) => {
    const isLine = name === 'a line'
    const found = fitOne(isLine ? models.line() : models.fourPL(), { x, y }, { tolerance: 1e-15 })
    const got = inverse(
      found,
      unknowns.map((one) => one.y),
    )
    for (const [k, { value, error, low, high }] of unknowns.entries()) {
      for (const [i, expected] of [value, error, low, high].entries())
        expect(Math.abs(ends(got[k])[i] / expected - 1)).toBeLessThan(isLine ? 1e-13 : 1e-6)
    }
  })

  test('covers the true x of about 95% of simulated unknowns', () => {
    // The standard deviation of a share of 1,000 is 0.7%.
    for (const one of cases.slice(0, 2)) {
      const { inside } = coverageOfUnknowns(one, 1000, 1)
      expect(inside).toBeGreaterThan(0.925)
      expect(inside).toBeLessThan(0.975)
    }
  }, 30_000)

  test('computes narrower intervals for means of replicates', () => {
    const [one] = inverse(curve, [1.25])
    const [mean] = inverse(curve, [1.25], { replicates: 4 })
    const [list] = inverse(curve, [[1, 1.5, 1.25, 1.25]])
    expect(list).toMatchObject({ y: 1.25, replicates: 4, value: mean.value, low: mean.low, high: mean.high })
    expect(mean.high - mean.low).toBeLessThan(0.8 * (one.high - one.low))
    expect(mean.error).toBeLessThan(one.error)
  })

  test('returns NaN with a reason for responses that the curve does not reach', () => {
    const [above, below, far, missing] = inverse(curve, [2.09, 0.09, -9, null])
    expect([above.reason, below.reason, far.reason, missing.reason]).toEqual([
      'above-curve',
      'below-curve',
      'below-curve',
      'missing',
    ])
    expect([above.value, below.value, far.value, missing.value]).toEqual([NaN, NaN, NaN, NaN])
    // Close to a plateau, the response still gives a limit of x.
    expect(above.low).toBeGreaterThan(10)
    expect(above.high).toBe(Infinity)
    expect([below.low, below.high < 1]).toEqual([0, true])
    expect([far.low, far.high]).toEqual([NaN, NaN])
    expect(above.message).toMatch(/^the curve's largest value in the range is 2\.0\d+, at x = 100$/)
  })

  test('extrapolates only if the option range allows it', () => {
    const [{ value, reason }] = inverse(line, [12])
    expect([value, reason]).toEqual([NaN, 'above-curve'])
    const [further] = inverse(line, [12], { range: [0, 10] })
    const { slope, intercept } = line.values
    expect(further.value).toBeCloseTo((12 - intercept) / slope, 12)
  })

  test('reports all x if a curve reaches a response several times', () => {
    const at = [0, 1, 2, 3, 4, 5, 6]
    const bell = fitOne(models.polynomial({ degree: 2 }), { x: at, y: [0.1, 5, 8.1, 9, 7.9, 5.1, 0] })
    const [{ reason, message, value }] = inverse(bell, [5])
    expect([reason, value]).toEqual(['ambiguous', NaN])
    expect(message).toMatch(/^the curve reaches 5 at x = 0\.98\d+, 5\.00\d+: set { range } to one branch$/)
    expect(inverse(bell, [5], { range: [0, 3] })[0].value).toBeCloseTo(1, 1)
  })

  test('returns an unbounded interval if the slope of a line is not significant', () => {
    const flat = fitOne(models.line(), { x: [-2, -1, 0, 1, 2], y: [0.1, -0.4, 0.3, -0.2, 0.4] })
    const [{ low, high }] = inverse(flat, [0.05])
    expect([low, high]).toEqual([-Infinity, Infinity])
  })

  test('requires σ of the new responses if the data have a column of σ', () => {
    const sigma = y.map((f) => 0.05 + 0.05 * f)
    const weighted = fitOne(models.fourPL(), { x, y }, { sigma })
    expect(() => inverse(weighted, [1])).toThrow(
      'sigma: expected the σ of a new response (the fit has a column of σ or weights), got undefined',
    )
    const [sure, unsure] = inverse(weighted, [1, 1], { sigma: [0.01, 0.2] })
    expect(sure.high - sure.low).toBeLessThan(unsure.high - unsure.low)
    const [mean] = inverse(weighted, [[1, 1.3]], { sigma: [[0.01, 0.1]] })
    expect(mean.y).toBeCloseTo((1 / 0.01 ** 2 + 1.3 / 0.1 ** 2) / (1 / 0.01 ** 2 + 1 / 0.1 ** 2), 14)
  })

  test('needs σ for the intervals of a fit with a covariance', () => {
    const covariance = x.map((_, i) => x.map((_, j) => (i === j ? 0.0004 : 0.0001)))
    const found = fitOne(
      models.fourPL(),
      { x, y },
      { covariance: covarianceMatrix(covariance), absoluteSigma: true },
    )
    const [none] = inverse(found, [1.2])
    expect([none.reason, none.low, none.high, none.error]).toEqual(['found', NaN, NaN, NaN])
    const [{ value, low, high }] = inverse(found, [1.2], { sigma: 0.02 })
    expect(low).toBeLessThan(value)
    expect(high).toBeGreaterThan(value)
  })

  test('uses the formula of σ, and the variance of counts', () => {
    const byFormula = fitOne(models.fourPL(), { x, y }, { sigma: '0.05*f' })
    const [low, high] = inverse(byFormula, [0.4, 1.7], { range: [0.01, 100] })
    expect(low.error / low.value).toBeLessThan(high.error / high.value)
    const counts = { x: [1, 2, 3, 4, 5, 6], y: [11, 19, 32, 41, 48, 61] }
    const found = fitOne(models.line(), counts, { loss: 'poisson' })
    const [{ value, error }] = inverse(found, [30])
    const [curveAlone] = inverse(found, [30], { replicates: 1_000_000 })
    expect(error ** 2 - curveAlone.error ** 2).toBeCloseTo(30 / found.values.slope ** 2, 3)
    expect(value).toBe(curveAlone.value)
  })

  test('inverts functions, and curves of fitMany and fitShared', () => {
    const called = fitOne(
      ({ a, b }: { a: number; b: number }, x: number) => a + b * x,
      { x: [1, 2, 3, 4, 5], y: [2.1, 3.9, 6.2, 7.8, 10.1] },
      { start: { a: 0, b: 1 } },
    )
    const [got, expected] = [called, line].map((found) => ends(inverse(found, [5])[0]))
    for (const [k, number] of got.entries()) expect(number).toBeCloseTo(expected[k], 6)
    const many = fitManySync(models.fourPL(), { x, y: [y, y.map((f) => 1.1 * f + 0.01)] })
    expect(inverse(many.at(0), [1.2])).toEqual(inverse(curve, [1.2]))
    const two = [y, y.map((f, k) => 1.1 * f + 0.01 * (-1) ** k)]
    const shared = fitSharedSync(models.fourPL(), { x: [x, x], y: two }, { shared: ['slope'] })
    const [{ value, low, high }] = inverse(shared.at(1), [1.2])
    expect(shared.at(1).predict({ x: [value] })[0]).toBeCloseTo(1.2, 12)
    const band = shared.at(1).band({ x: [low, high] }, { kind: 'prediction' })
    expect(band.high[0]).toBeCloseTo(1.2, 9)
    expect(band.low[1]).toBeCloseTo(1.2, 9)
  })

  test('computes the same bits from fits of every engine', () => {
    const [first, ...others] = engineNames.map((engine) =>
      inBits(inverse(fitOne(models.fourPL(), { x, y }, { engine }), [[0.3], [1], [1.9, 2], [5]]).map(ends)),
    )
    for (const other of others) expect(other).toEqual(first)
  })

  test('uses only rows with a weight, and ignores missing replicates', () => {
    const far = fitOne(
      models.line(),
      { x: [1, 2, 3, 4, 99], y: [1, 2.1, 2.9, 4.2, 7] },
      { weights: [1, 1, 1, 1, 0] },
    )
    expect(inverse(far, [7], { sigma: 1 })[0].reason).toBe('above-curve')
    expect(inverse(line, [[5, NaN, 5.2]])[0]).toEqual(inverse(line, [[5, 5.2]])[0])
    expect(inverse(line, [[]])[0].reason).toBe('missing')
  })

  test('survives curves without finite values and fits without degrees of freedom', () => {
    const bad = fitOne(expression('log(a - x)'), { x: [1, 2, 3], y: [1, 2, 3] }, { start: { a: -5 } })
    expect(inverse(bad, [1])[0].reason).toBe('no-curve')
    const exact = fitOne(models.line(), { x: [0, 1], y: [0, 1] })
    expect(inverse(exact, [0.5])[0]).toMatchObject({ value: 0.5, low: NaN, high: NaN })
    const constant = fitOne(models.line(), { x: [2, 2, 2], y: [1, 2, 3] })
    expect(inverse(constant, [9])[0].value).toBeNaN()
    expect(inverse(line, [Infinity, -Infinity]).map(({ reason }) => reason)).toEqual([
      'above-curve',
      'below-curve',
    ])
  })

  test('throws errors that name the argument', () => {
    const hostile = [
      // biome-ignore lint/suspicious/noExplicitAny: invalid arguments
      [() => inverse({} as any, [1]), ArgumentError, 'found: expected a result of fit'],
      [
        () => inverse(curve, 5 as never),
        OptionError,
        'y: expected an array of numbers, or of arrays of replicates',
      ],
      [
        () => inverse(curve, ['a'] as never),
        OptionError,
        'y[0]: expected a number, or an array of replicates',
      ],
      [() => inverse(curve, [1], { level: 1 }), OptionError, 'level: expected a number between 0 and 1'],
      [() => inverse(curve, [1], { replicates: 0 }), OptionError, 'replicates: expected an integer ≥ 1'],
      [() => inverse(curve, [1], { range: [2, 1] }), OptionError, 'range: expected two numbers [low, high]'],
      [() => inverse(curve, [1], { sigma: 0 }), OptionError, 'sigma: expected a finite number > 0'],
      [() => inverse(curve, [1], { sigma: [1, 2] }), OptionError, 'sigma: expected 1 numbers, like y'],
    ] as const
    for (const [call, Kind, message] of hostile) {
      expect(call).toThrow(Kind)
      expect(call).toThrow(message)
    }
    const plane = fitOne(
      expression('a + b*u + c*v'),
      { u: [0, 1, 0, 1], v: [0, 0, 1, 1], y: [0, 1, 1, 2.1] },
      { start: { a: 0, b: 1, c: 1 } },
    )
    expect(() => inverse(plane, [1])).toThrow(
      'found: expected a fit whose model has one column, got "2 columns"',
    )
  })
})
