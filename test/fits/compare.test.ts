/** Comparison of two models: the F test, the likelihood-ratio test, AICc, and refused comparisons. */

import { ArgumentError, expression, OptionError } from 'antigrad'
import {
  compare,
  type Fit,
  fitManySync,
  fit as fitOne,
  fitSharedSync,
  models,
  type SharedFit,
} from 'antigrad/fit'
import { describe, expect, test } from 'vitest'
import { fSurvival } from '../../dist/fits/uncertainty/f-distribution.js'
import { inBits, random } from '../helpers.js'

const x = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
const y = [1.1, 2.9, 5.2, 7.3, 9.9, 12.1, 14.7, 17.8, 20.2, 23.9]
const line = fitOne(models.line(), { x, y })
const parabola = fitOne(models.polynomial({ degree: 2 }), { x, y })

const t = Array.from({ length: 30 }, (_, k) => k / 4)
const noisy = (curve: (t: number) => number, seed: number, size = 0.1) => {
  const next = random(seed)
  return t.map((at) => curve(at) + size * (next() + next() + next() + next() - 2))
}
const decays = noisy((at) => 4 * Math.exp(-at) + 2 * Math.exp(-0.2 * at), 3)
const one = fitOne(expression('a*exp(-b*t)'), { t, y: decays }, { start: { a: 5, b: 0.5 } })
const twoExponentials = expression('a*exp(-b*t) + c*exp(-d*t)')
const two = fitOne(twoExponentials, { t, y: decays }, { start: { a: 4, b: 1, c: 2, d: 0.3 } })

describe('the function compare', () => {
  test('computes the F test and AICc of linear models to twelve correct digits', () => {
    const { fullModel, test, statistic, degreesOfFreedom, pValue, aicc, akaikeWeights, message } = compare(
      line,
      parabola,
    )
    expect([fullModel, test, degreesOfFreedom, message]).toEqual(['b', 'F', [1, 7], ''])
    expect(statistic / 59.79977753058954 - 1).toBeCloseTo(0, 12)
    expect(pValue / 0.00011313307427871118 - 1).toBeCloseTo(0, 12)
    expect(aicc[0]).toBeCloseTo(-1.6486864808169743, 12)
    expect(aicc[1]).toBeCloseTo(-18.206582491830424, 12)
    expect(akaikeWeights[0] + akaikeWeights[1]).toBeCloseTo(1, 15)
    expect(akaikeWeights[1] / akaikeWeights[0]).toBeCloseTo(Math.exp((aicc[0] - aicc[1]) / 2), 6)
  })

  test('returns the same result if the two models are exchanged', () => {
    const [there, back] = [compare(line, parabola), compare(parabola, line)]
    expect(back).toEqual({
      ...there,
      fullModel: 'a',
      aicc: there.aicc.toReversed(),
      akaikeWeights: there.akaikeWeights.toReversed(),
    })
  })

  test('uses the likelihood-ratio test if σ is known', () => {
    const known = { sigma: x.map(() => 0.3), absoluteSigma: true }
    const [a, b] = [models.line(), models.polynomial({ degree: 2 })].map((of) => fitOne(of, { x, y }, known))
    const { test, statistic, degreesOfFreedom, pValue, aicc } = compare(a, b)
    expect([test, degreesOfFreedom]).toEqual(['likelihood-ratio', [1, Infinity]])
    expect(statistic).toBeCloseTo(31.03030303030303, 11)
    expect(pValue / 2.540312014288431e-8 - 1).toBeCloseTo(0, 11)
    expect(aicc[0]).toBeCloseTo(38.66262626262626, 11)
    expect(aicc[1]).toBeCloseTo(9.632323232323232, 11)
  })

  test('uses the deviance of the models for counts', () => {
    const counts = [3, 5, 4, 9, 8, 14, 15, 21, 30, 33]
    const options = { loss: 'poisson' as const, start: { a: 4, b: 0.1 } }
    const flat = fitOne(expression('a'), { y: counts }, { ...options, start: { a: 4 } })
    const rising = fitOne(expression('a*exp(b*x)'), { x, y: counts }, options)
    const { test, statistic, pValue } = compare(flat, rising)
    expect(test).toBe('likelihood-ratio')
    expect(statistic).toBeCloseTo(flat.chiSquared - rising.chiSquared, 12)
    expect(pValue).toBe(fSurvival(statistic, 1, Infinity))
  })

  test('detects that one exponential is nested in two exponentials, and that a line is only a limit', () => {
    const { test, degreesOfFreedom, pValue, message } = compare(one, two)
    expect([test, degreesOfFreedom, message]).toEqual(['F', [2, 26], ''])
    expect(pValue).toBeLessThan(1e-15)
    expect(pValue).toBe(fSurvival(((one.chiSquared - two.chiSquared) * 26) / (2 * two.chiSquared), 2, 26))
  })

  test('refuses to test models that are not nested, unless the caller declares the models nested', () => {
    const gaussian = fitOne(models.gaussian({ x: 't' }), {
      t,
      y: noisy((at) => Math.exp(-((at - 3) ** 2)), 8),
    })
    const data = { t, y: Array.from(gaussian.predict(), (f, k) => f + 0.05 * Math.sin(9 * k)) }
    const peak = fitOne(expression('h*exp(-((t - c)/s)^2/2)'), data, { start: { h: 1, c: 3, s: 0.7 } })
    const waves = expression('a + b*sin(t) + c*cos(t) + d*sin(2*t) + e*cos(2*t)')
    const wave = fitOne(waves, data, { start: { a: 0, b: 1, c: 1, d: 1, e: 1 } })
    const refused = compare(peak, wave)
    expect([refused.test, refused.pValue]).toEqual([null, Number.NaN])
    expect(refused.message).toMatch(/not nested|nesting is unknown/)
    expect(refused.aicc.every(Number.isFinite)).toBe(true)
    const better = expression('h*exp(-((t - c)/s)^2/2) + a + b*t')
    const within = fitOne(better, data, { start: { h: 1, c: 3, s: 0.7, a: 0, b: 0 } })
    expect(compare(peak, within).test).toBe('F')
    // A sum of waves with a free frequency fits these data better, although it contains no peak.
    const line = fitOne(models.line({ x: 't' }), data)
    const waving = fitOne(waves, data, { start: { a: 0, b: 1, c: 1, d: 1, e: 1 } })
    expect(compare(line, waving).message).toMatch(/nested: true/)
    expect(compare(line, waving, { nested: true }).test).toBe('F')
  })

  test('returns uniformly distributed p-values if the reduced model is true', () => {
    const count = 1000
    const sets = Array.from({ length: count }, (_, k) => noisy((at) => 4 * Math.exp(-at) + 1, 100 + k))
    const start = { a: 4, b: 1, c: 1, s: 0 }
    const rising = expression('a*exp(-b*t) + c + s*t')
    const simple = fitManySync(rising, { t, y: sets }, { start: { ...start, s: { start: 0, fixed: true } } })
    const full = fitManySync(rising, { t, y: sets }, { start })
    const all = compare(simple, full)
    expect(all.filter(({ test }) => test !== 'F')).toEqual([])
    for (const level of [0.01, 0.05, 0.5, 0.9]) {
      const part = all.filter(({ pValue }) => pValue < level).length / count
      expect(Math.abs(part - level)).toBeLessThan(4 * Math.sqrt((level * (1 - level)) / count))
    }
    // Fits in a batch have the results of single fits.
    expect(inBits(all[17])).toEqual(inBits(compare(simple.at(17), full.at(17))))
  })

  test('computes bit-identical results on every engine', () => {
    const results = (['native', 'wasm', 'typescript'] as const).map((engine) => {
      const of = (start: object) =>
        fitOne(twoExponentials, { t, y: decays }, { start, engine } as never) as Fit
      const fixed = { start: 0, fixed: true }
      return inBits(compare(of({ a: 5, b: 0.5, c: fixed, d: fixed }), of({ a: 4, b: 1, c: 2, d: 0.3 })))
    })
    expect(results[1]).toEqual(results[0])
    expect(results[2]).toEqual(results[0])
  })
})

test('the function compare accepts fits with derived, positive and fixed parameters', () => {
  const of = (d: object) =>
    fitOne(twoExponentials, { t, y: decays }, {
      ...{ derive: { half: 'log(2)/b' } },
      start: { a: 4, b: { start: 1, positive: true }, c: { start: 2, ...d }, d: { start: 0.3, ...d } },
    } as object)
  const { test, degreesOfFreedom, pValue } = compare(of({ fixed: true }), of({}))
  expect([test, degreesOfFreedom]).toEqual(['F', [2, 26]])
  expect(pValue).toBeLessThan(1e-9)
})

describe('for unsuitable fits, the function compare', () => {
  test('omits the test but reports AICc if the models have equally many parameters', () => {
    const data = { t, y: decays }
    const straight = compare(fitOne(models.line({ x: 't' }), data), one)
    expect([straight.fullModel, straight.test, straight.statistic]).toEqual([null, null, Number.NaN])
    expect(straight.message).toBe('a and b have equally many free parameters: neither is nested')
    expect(straight.akaikeWeights[1]).toBeGreaterThan(0.999)
  })

  test('omits the test for a fit that has not converged', () => {
    const early = fitOne(
      twoExponentials,
      { t, y: decays },
      { maxIterations: 2, start: { a: 9, b: 5, c: 1, d: 1 } },
    )
    const { test, message, aicc } = compare(one, early)
    expect([test, message]).toEqual([null, "b has not converged ('max-iterations')"])
    expect([Number.isFinite(aicc[0]), aicc[1]]).toEqual([true, Number.NaN])
  })

  test('omits the test if the residuals of the reduced model are rounding errors', () => {
    const exact = { x, y: x.map((at) => 3 * at + 0.1) }
    const { test, message } = compare(
      fitOne(models.line(), exact),
      fitOne(models.polynomial({ degree: 2 }), exact),
    )
    expect([test, message]).toEqual([
      null,
      'the reduced model fits the data exactly: only rounding errors remain',
    ])
  })

  test('omits the test if the full model has no degrees of freedom', () => {
    const few = { x: [0, 1, 2], y: [1, 2, 4] }
    const { test, message } = compare(
      fitOne(models.line(), few),
      fitOne(models.polynomial({ degree: 2 }), few),
    )
    expect([test, message]).toEqual([null, 'b has no degrees of freedom; too few rows for AICc'])
  })

  test('omits the test if the full model converged to another local minimum', () => {
    const valley = noisy((at) => Math.sin(3 * at), 5)
    const data = { t, y: valley }
    const simple = fitOne(expression('sin(w*t)'), data, { start: { w: 3 } })
    const lost = fitOne(expression('a*sin(w*t)'), data, { start: { a: 1, w: 9 } })
    const { test, message } = compare(simple, lost)
    expect([lost.reason, test]).toEqual(['converged', null])
    expect(message).toMatch(/^b has more parameters and a larger χ²/)
  })

  test('adds a remark if the reduced model lies at a bound', () => {
    const model = expression('a*exp(-b*t) + c')
    const start = { a: 4, b: 1, c: { start: 1, min: 0 } }
    const data = { t, y: noisy((at) => 4 * Math.exp(-at) + 1, 2) }
    const { test, message } = compare(
      fitOne(model, data, { start: { a: 4, b: 1, c: { start: 0, fixed: true } } }),
      fitOne(model, data, { start }),
    )
    expect([test, message]).toEqual(['F', 'c at a bound: pValue is too large'])
  })
})

describe('the function compare for fits of groups', () => {
  const dose = [0.01, 0.1, 0.3, 1, 3, 10, 30, 100]
  const next = random(7)
  const ys = Array.from({ length: 6 }, (_, k) =>
    dose.map((x) => 5 + 95 / (1 + (1 + k) / x) + 8 * (next() - 0.5)),
  )
  const data = { dose: dose.map(() => dose).slice(0, 6), y: ys }
  const model = models.fourPL({ x: 'dose' })
  const sharing = (...shared: string[]) => fitSharedSync(model, data, { shared })
  const [plateaus, three, crossed] = [
    sharing('top', 'bottom'),
    sharing('top', 'bottom', 'slope'),
    sharing('ec50', 'slope', 'top'),
  ]
  const own = fitManySync(model, data)

  test('computes one F test over all groups for local and shared parameters', () => {
    for (const [reduced, full, above, chiSquared, below] of [
      [plateaus, own, 10, own.chiSquared.reduce((sum, x) => sum + x), 24],
      [three, plateaus, 5, plateaus.chiSquared, plateaus.degreesOfFreedom],
      [three, own, 15, own.chiSquared.reduce((sum, x) => sum + x), 24],
    ] as const) {
      const there = compare(reduced, full as SharedFit)
      expect([there.fullModel, there.test, there.degreesOfFreedom, there.message]).toEqual([
        'b',
        'F',
        [above, below],
        '',
      ])
      const f = (reduced.chiSquared - chiSquared) / above / (chiSquared / below)
      expect(there.statistic / f - 1).toBeCloseTo(0, 12)
      expect(there.pValue).toBeCloseTo(fSurvival(f, above, below), 12)
      expect(compare(full as SharedFit, reduced)).toMatchObject({ fullModel: 'a', pValue: there.pValue })
    }
  })

  test('distinguishes models by the parameters that the groups share', () => {
    // This model has more parameters, but a single top for all groups, as `plateaus` has. It has one ec50 where
    // `plateaus` has six.
    const subsets = fitSharedSync(
      model,
      { ...data, half: [0, 0, 0, 1, 1, 1] },
      { shared: ['top'], sharedBy: { ec50: 'half' } },
    )
    expect([
      subsets.degreesOfFreedom < three.degreesOfFreedom,
      subsets.chiSquared > three.chiSquared,
    ]).toEqual([true, true])
    expect(compare(subsets, three)).toMatchObject({ fullModel: 'a', test: null })
    const plates = fitSharedSync(
      model,
      { ...data, half: [0, 0, 0, 1, 1, 1] },
      { shared: ['top', 'bottom'], sharedBy: { slope: 'half' } },
    )
    expect(compare(three, plates)).toMatchObject({
      fullModel: 'b',
      test: 'F',
      degreesOfFreedom: [1, plates.degreesOfFreedom],
    })
    expect(compare(plates, plateaus)).toMatchObject({ fullModel: 'b', test: 'F', message: '' })
    // In reverse, the single top of a reduced model cannot contain the two tops of a full model.
    const odd = fitSharedSync(model, { ...data, odd: [0, 1, 0, 1, 0, 1] }, { sharedBy: { slope: 'odd' } })
    const { test: none, message } = compare(plates, odd)
    expect([none, message]).toEqual([
      null,
      'b has another model, or shares other parameters: nesting is unknown; set { nested: true } to assert it',
    ])
    expect(compare(plates, odd, { nested: true }).test).toBe('F')
    expect(compare(crossed, own).test).toBe('F')
  })

  test.each([
    ['b: expected a result of fitShared or fitMany', () => compare(plateaus, plateaus.at(0) as never)],
    ['b: expected a result of fitShared or fitMany', () => compare(plateaus, new Proxy(own, {}))],
    ['b: expected a result of fitMany, like a, or of fitShared', () => compare(own, line as never)],
    [
      'b: expected 6 groups, like a, got "2 groups"',
      () => compare(plateaus, fitManySync(model, { dose: [dose, dose], y: ys.slice(0, 2) })),
    ],
    [
      /y = .* in row 2 of the rows in use in group 1, like a, got 7$/,
      () =>
        compare(plateaus, fitManySync(model, { ...data, y: ys.map((y, k) => (k === 1 ? y.with(2, 7) : y)) })),
    ],
  ])('refuses invalid arguments: %s', (message, call) => {
    expect(call).toThrow(message)
  })
})

describe('the function compare refuses', () => {
  const alike = (options: object, data: object = { x, y }) =>
    fitOne(models.polynomial(), data as never, options)
  const refusal = (b: unknown, a: unknown = line) => {
    try {
      compare(a as Fit, b as Fit)
    } catch (thrown) {
      expect(thrown).toBeInstanceOf(ArgumentError)
      return (thrown as Error).message
    }
    return 'nothing'
  }

  test.each([
    ['other numbers', alike({}, { x, y: y.with(3, 7) }), /^b: expected y = 7.3 in row 3 .*, got 7$/],
    ['fewer rows', alike({}, { x: x.slice(1), y: y.slice(1) }), /10 rows in use, like a, got "9 rows"/],
    ['another column', alike({}, { x: x.with(1, 1.5), y }), /^b: expected x = 1 in row 1 .*, got 1.5$/],
    ['weights', alike({ weights: x.map((at) => 1 + at) }), /weights = 1 in row 1 .*, got 2$/],
    ['known σ', alike({ sigma: x.map(() => 1), absoluteSigma: true }), /estimated σ, like a/],
    ['counts', alike({ loss: 'poisson', absoluteSigma: false }), /the loss 'squared', like a/],
    ['a robust loss', alike({ loss: 'huber' }), /^b: expected a fit with the loss 'squared' or 'poisson'/],
    ['fits of many', fitManySync(models.line(), { x, y: [y, y] }), /^b: expected a result of fit, like a/],
    ['a proxy', new Proxy(parabola, {}), /^b: expected a result of fit/],
    ['what is like a fit', { ...parabola }, /^b: expected a result of fit/],
    ['nothing', undefined, /^b: expected a result of fit/],
  ])('%s', (_, b, message) => {
    expect(refusal(b)).toMatch(message)
    if (typeof b === 'object') expect(refusal(line, b)).not.toBe('nothing')
  })

  test('fit results of different lengths, and unknown options', () => {
    const of = (count: number) => fitManySync(models.line(), { x, y: Array.from({ length: count }, () => y) })
    expect(() => compare(of(2), of(3))).toThrow('b: expected 2 fits, like a, got "3 fits"')
    expect(() => compare(line, parabola, { nest: true } as object)).toThrow(OptionError)
  })
})
