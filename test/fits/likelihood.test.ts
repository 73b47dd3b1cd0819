/** Fits by likelihood: distributions of the response, σ models and censored rows. */

import { expression } from 'antigrad'
import {
  binomial,
  bootstrap,
  bootstrapSync,
  compare,
  type Distribution,
  derive,
  fit,
  fitManySync,
  fitSharedSync,
  gamma,
  negativeBinomial,
  normal,
  poisson,
  profile,
  student,
} from 'antigrad/fit'
import { norminv } from 'antigrad/math'
import { describe, expect, test } from 'vitest'

const t = [0.5, 1, 2, 3, 4, 6, 8, 12, 16, 24]
const y = [9.1, 8.4, 6.6, 5.6, 4.2, 3.1, 1.9, 0.9, 0.42, 0.09]
const decay = expression('a*exp(-b*t)')
const combined = normal({ sigma: 'sqrt(add^2 + (prop*f)^2)' })
const start = { a: 8, b: 0.1, add: 0.1, prop: 0.1 }

const x = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
const counts = [1, 2, 1, 4, 3, 8, 9, 14, 20, 33]
const growth = expression('exp(a + b*x)')

test('a constant σ is the maximum-likelihood estimate, or with reml the unbiased one', () => {
  const squares = fit(decay, { t, y }, { start: { a: 8, b: 0.1 } })
  const options = { start: { a: 8, b: 0.1, sigma: 1 } }
  const found = fit(decay, { t, y }, { ...options, distribution: normal() })
  const restricted = fit(decay, { t, y }, { ...options, distribution: normal({ estimate: 'reml' }) })
  expect(found.reason).toBe('converged')
  expect(found.values.a).toBeCloseTo(squares.values.a, 7)
  expect(found.values.sigma ** 2).toBeCloseTo(squares.chiSquared / 10, 9)
  expect(restricted.values.sigma ** 2).toBeCloseTo(squares.chiSquared / 8, 9)
  expect(found.minus2LogLikelihood).toBeCloseTo(10 * Math.log(2 * Math.PI * found.values.sigma ** 2) + 10, 9)
  expect(found.aic).toBeCloseTo(found.minus2LogLikelihood + 6, 12)
})

test('parameters of σ are estimated and profiled like all others', () => {
  const found = fit(decay, { t, y }, { start, distribution: combined })
  expect(found.reason).toBe('converged')
  expect(found.predictedDecrease).toBeLessThan(1e-12)
  expect(found.values.add).toBe(0)
  const { prop, add } = profile(found, ['prop', 'add'])
  expect([prop.lowReason, prop.highReason, add.lowReason]).toEqual(['found', 'found', 'bound'])
  // At an endpoint, the conditional minimum lies above the minimum by the quantile of χ².
  const held = fit(
    decay,
    { t, y },
    { start: { ...start, prop: { start: prop.high, fixed: true } }, distribution: combined },
  )
  expect(held.minus2LogLikelihood - found.minus2LogLikelihood).toBeCloseTo(3.841458820694124, 6)
})

test('several observables have a σ each', () => {
  const data = {
    x: [...x, ...x],
    which: [...x.map(() => 0), ...x.map(() => 1)],
    y: [...x.map((v) => 2 * v + ((v * 7) % 3) - 1), ...x.map((v) => 20 - v + 0.1 * ((v * 5) % 4))],
  }
  const both = fit(expression('which == 0 ? a*x : b - c*x'), data, {
    y: 'y',
    distribution: normal({ sigma: 'which == 0 ? s1 : s2' }),
    start: { a: 1, b: 10, c: 0, s1: 1, s2: 1 },
  })
  const rows = (from: number) => ({ x, y: data.y.slice(from, from + 10) })
  const one = fit(expression('a*x'), rows(0), { distribution: normal(), start: { a: 1, sigma: 1 } })
  const two = fit(expression('b - c*x'), rows(10), {
    distribution: normal(),
    start: { b: 10, c: 0, sigma: 1 },
  })
  expect(both.values.s1).toBeCloseTo(one.values.sigma, 8)
  expect(both.values.s2).toBeCloseTo(two.values.sigma, 8)
  expect(both.minus2LogLikelihood).toBeCloseTo(one.minus2LogLikelihood + two.minus2LogLikelihood, 8)
})

test('a Poisson likelihood has the estimates of the loss poisson, and its residuals', () => {
  const found = fit(growth, { x, counts }, { start: { a: 0, b: 0.1 }, distribution: poisson() })
  const deviance = fit(growth, { x, counts }, { start: { a: 0, b: 0.1 }, loss: 'poisson' })
  expect(found.values.b).toBeCloseTo(deviance.values.b, 8)
  const squares = found.residualsOf('deviance').reduce((sum, r) => sum + r * r, 0)
  expect(squares).toBeCloseTo(deviance.chiSquared, 8)
  const quantile = found.residualsOf('quantile', { seed: 3 })
  expect(quantile).toEqual(found.residualsOf('quantile', { seed: 3 }))
  expect(quantile.every((r) => Math.abs(r) < 4)).toBe(true)
  const { low, high } = found.band(undefined, { kind: 'prediction' })
  expect(counts.every((c, row) => low[row] <= c && c <= high[row])).toBe(true)
})

test('a likelihood without a maximum does not converge', () => {
  // The counts scatter less than Poisson counts, so theta grows without limit.
  const found = fit(
    growth,
    { x, counts },
    { start: { a: 0, b: 0.1, theta: 5 }, distribution: negativeBinomial() },
  )
  expect(found.reason).toBe('singular')
  expect(found.unidentifiable).toEqual(['theta'])
  expect(found.errors.theta).toBeNaN()
})

test('a rate of 0 has no finite logarithm', () => {
  const none = fit(expression('exp(a)'), { y: x.map(() => 0) }, { start: { a: 0 }, distribution: poisson() })
  expect([none.reason, none.unidentifiable]).toEqual(['singular', ['a']])
})

test('a likelihood that grows without limit as σ vanishes does not converge', () => {
  const constant = fit(
    expression('a'),
    { y: [2, 2, 2] },
    { start: { a: 1, shape: 2 }, distribution: gamma() },
  )
  expect(constant.reason).toBe('singular')
  const exact = fit(
    expression('a + b*x'),
    { x, y: x.map((v) => 1 + 2 * v) },
    { start: { a: 0, b: 1, sigma: 1 }, distribution: normal() },
  )
  expect(exact.reason).toBe('singular')
  const times = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]
  for (const error of [0, 1e-15]) {
    const near = times.map((at, row) => 10 * Math.exp(-0.3 * at) * (1 + error * Math.sin(7 * row)))
    const proportional = fit(
      expression('a*exp(-b*t)'),
      { t: times, y: near },
      { start: { a: 8, b: 0.2, prop: 0.1 }, distribution: normal({ sigma: 'prop*f' }) },
    )
    expect(proportional.reason).toBe('singular')
    expect(proportional.message).toContain('−2 log L falls without limit')
  }
})

describe('σ models with several parameters', () => {
  // Rows whose likelihood has a minimum at add = 0 and another one at prop = 0.
  const rows = { t: t.slice(0, 8), y: y.slice(0, 8) }
  const fitFrom = (from: object) => fit(decay, rows, { start: { ...start, ...from }, distribution: combined })
  const best = fitFrom({ add: 0 })

  test.each([
    { add: 0.2, prop: 0.2 },
    { add: 0.5, prop: 0.01 },
    { add: 0.3, prop: 0 },
    { add: 1e-3, prop: 0.5 },
  ])('reach the lowest of two minima from %o', (from) => {
    const found = fitFrom(from)
    expect(found.reason).toBe('converged')
    expect(found.minus2LogLikelihood).toBeCloseTo(best.minus2LogLikelihood, 8)
    expect(best.minus2LogLikelihood).toBeLessThan(-9.6)
    expect(found.values.prop).toBeCloseTo(best.values.prop, 6)
  })

  test('keep the minimum if another one has no scatter', () => {
    // The line meets the response 0 exactly, so that σ of that row vanishes with add.
    const line = expression('a*x')
    const data = { x, y: x.map((v) => 2 * v + (v > 0 ? (-1) ** v : 0)) }
    const options = { start: { a: 1, add: 1, prop: 0.1 }, distribution: normal({ sigma: 'add + prop*f' }) }
    const found = fit(line, data, options)
    expect(found.reason).toBe('converged')
    expect(found.values.add).toBeGreaterThan(0.1)
  })

  test('have the same bits on every engine', () => {
    const many = {
      t,
      y: [y, y.map((v, row) => v * (1 + 0.1 * (-1) ** row)), y.map((v, row) => v + 0.2 * (-1) ** row)],
    }
    const run = (engine: 'native' | 'wasm' | 'typescript') =>
      fitManySync(decay, many, { y: 'y', start: { ...start, add: 0.5 }, distribution: combined, engine })
    const expected = run('typescript')
    for (const engine of ['native', 'wasm'] as const) {
      const found = run(engine)
      expect(found.values).toEqual(expected.values)
      expect(found.minus2LogLikelihood).toEqual(expected.minus2LogLikelihood)
      expect(found.evaluations).toEqual(expected.evaluations)
    }
  })
})

test('multiStart reaches the lowest minimum of a likelihood, also of groups', () => {
  const at = Array.from({ length: 40 }, (_, row) => row / 4)
  const wave = at.map((v, row) => 3 * Math.sin(2.2 * v) + 0.3 * Math.sin(97 * row))
  const model = expression('a*sin(w*at)')
  const settings = { start: { a: 1, w: { start: 6, min: 0.1, max: 8 }, sigma: 1 }, distribution: normal() }
  const one = fit(model, { at, y: wave }, settings)
  const found = fit(model, { at, y: wave }, { ...settings, multiStart: 30 })
  expect(one.minus2LogLikelihood).toBeGreaterThan(150)
  expect(found.reason).toBe('converged')
  expect(found.values.w).toBeCloseTo(2.2, 1)
  expect(found.minus2LogLikelihood).toBeLessThan(50)
  const groups = { at: [at, at], y: [wave, wave] }
  const shared = { ...settings, y: 'y', shared: ['w', 'sigma'] as const }
  const together = fitSharedSync(model, groups, { ...shared, multiStart: 30 })
  expect(fitSharedSync(model, groups, shared).minus2LogLikelihood).toBeGreaterThan(300)
  expect(together.reason).toBe('converged')
  expect(together.values.shared.w).toBeCloseTo(found.values.w, 6)
  expect(together.minus2LogLikelihood).toBeCloseTo(2 * found.minus2LogLikelihood, 6)
})

test('censored rows enter by their probability', () => {
  const limit = 0.5
  const below = y.map((value) => Number(value < limit))
  const data = { t, y: y.map((value) => Math.max(value, limit)), below }
  const options = { start: { a: 8, b: 0.1, sigma: 0.1 } }
  const found = fit(decay, data, { ...options, y: 'y', distribution: normal({ below: 'below' }) })
  expect(found.reason).toBe('converged')
  expect(found.censoredRows).toBe(2)
  const rest = { t: t.slice(0, 8), y: y.slice(0, 8) }
  const omitted = fit(decay, rest, { ...options, distribution: normal() })
  expect(found.values.b).not.toBeCloseTo(omitted.values.b, 6)
})

test('counts, gamma and t variates are censored by their probability', () => {
  // With one censored count, −2 log L is the cost of the other counts and −2 log of a sum of probabilities.
  const marks = { below: 'low', above: 'high' }
  const data = { y: [3, 2, 6], low: [0, 1, 0], high: [0, 0, 1] }
  const from = { start: { a: 3 }, y: 'y' }
  const found = fit(expression('a'), data, { ...from, distribution: poisson(marks) })
  const { a } = found.values
  const chance = (k: number) => Math.exp(k * Math.log(a) - a - Math.log([1, 1, 2, 6, 24, 120, 720][k]))
  const more = 1 - [0, 1, 2, 3, 4, 5, 6].reduce((sum, k) => sum + chance(k), 0)
  const cost = -2 * Math.log(chance(3) * (chance(0) + chance(1)) * more)
  expect([found.reason, found.censoredRows]).toEqual(['converged', 2])
  expect(found.minus2LogLikelihood).toBeCloseTo(cost, 11)
  // A quantile residual of a count below the limit draws from the smaller counts.
  const limit = norminv(chance(0) + chance(1))
  expect(found.residualsOf('quantile', { seed: 2 })[1]).toBeLessThan(limit)
  const many = (engine: 'native' | 'wasm' | 'typescript') =>
    [poisson(marks), negativeBinomial({ theta: 3, ...marks }), gamma({ shape: 2, ...marks })]
      .concat(student({ sigma: 1, df: 5, ...marks }), binomial({ trials: 9, ...marks }))
      .map((distribution) => {
        const model = expression(distribution.name === 'binomial' ? 'a/9' : 'a')
        const { values, errors } = fitManySync(model, data, { ...from, distribution, engine })
        return [values.a, errors.a]
      })
  const reference = many('typescript')
  expect(reference.flat().every(([value]) => value > 0)).toBe(true)
  expect(many('wasm')).toEqual(reference)
  expect(many('native')).toEqual(reference)
})

test('marks that no response can have name the row', () => {
  const wrong = (data: object, distribution: Distribution) => () =>
    fit(expression('a'), data as never, { y: 'y', start: { a: 0.5 }, distribution })
  const low = { y: [3, 0, 6], low: [0, 1, 0] }
  expect(wrong(low, poisson({ below: 'low' }))).toThrow(
    'counts ≥ 1 in rows marked below (poisson), got "0 in row 1"',
  )
  const high = { y: [3, 1, 6], high: [0, 0, 1] }
  expect(wrong(high, binomial({ trials: 6, above: 'high' }))).toThrow('in row 2')
  const both = { y: [3, 1, 6], low: [1, 0, 0], high: [1, 0, 0] }
  expect(wrong(both, student({ sigma: 1, df: 4, below: 'low', above: 'high' }))).toThrow('not both')
  expect(wrong(high, poisson({ above: 'missing' }))).toThrow('above: expected a column of the data')
})

test('all engines give the same bits in lanes', () => {
  const columns = Array.from({ length: 9 }, (_, k) =>
    y.map((value, row) => value * (1 + 0.03 * ((row * (k + 3)) % 5))),
  )
  const run = (engine: 'native' | 'wasm' | 'typescript') => {
    const found = fitManySync(decay, { t, y: columns }, { start, distribution: combined, engine })
    return [
      ...Object.values(found.values),
      ...Object.values(found.errors),
      found.minus2LogLikelihood,
      found.reason,
    ]
  }
  const reference = run('typescript')
  expect(run('wasm')).toEqual(reference)
  expect(run('native')).toEqual(reference)
  const single = fit(decay, { t, y: columns[4] }, { start, distribution: combined })
  expect(single.values.a).toBe((reference[0] as Float64Array)[4])
})

test('likelihoods rank and test models', () => {
  const constant = fit(
    decay,
    { t, y },
    { start: { a: 8, b: 0.1, prop: 0.1 }, distribution: normal({ sigma: 'prop' }) },
  )
  const proportional = fit(
    decay,
    { t, y },
    { start: { a: 8, b: 0.1, prop: 0.1 }, distribution: normal({ sigma: 'prop*f' }) },
  )
  expect(compare([constant, proportional])[0].index).toBe(1)
  const both = fit(decay, { t, y }, { start, distribution: combined })
  const tested = compare(constant, both, { nested: true })
  expect(tested.degreesOfFreedom).toBe(1)
  expect(tested.pValue).toBeLessThan(0.01)
  expect(compare(constant, proportional).pValue).toBeNaN()
})

test('invalid responses and σ name the row', () => {
  const wrong = (data: object, options: object) => () =>
    fit(growth, { x, ...data } as never, options as never)
  const from = { start: { a: 0, b: 0.1 } }
  expect(wrong({ y: [1, 2, -1, 4, 3, 8, 9, 14, 20, 33] }, { ...from, distribution: poisson() })).toThrow(
    'row 2',
  )
  expect(wrong({ y: [1, 2, 1.5, 4, 3, 8, 9, 14, 20, 33] }, { ...from, distribution: poisson() })).toThrow(
    'integers',
  )
  const scale = { start: { a: 0, b: 0.1, s: 0 }, distribution: normal({ sigma: 's' }) }
  expect(wrong({ y: counts }, scale)).toThrow(
    'sigma: expected a finite value > 0 at the start, got "0 in row 0"',
  )
  expect(wrong({ y: counts }, { ...from, distribution: 'poisson' })).toThrow(
    "import of 'antigrad/fit', as in poisson()",
  )
  expect(wrong({ y: counts }, { ...from, sigma: counts, distribution: poisson() })).toThrow(
    'normal({ sigma })',
  )
  expect(wrong({ y: counts }, { ...from, distribution: binomial({ trials: 20 }) })).toThrow('row 9')
  expect(wrong({ y: counts }, { start: { a: 0, b: 0.1 }, distribution: gamma() })).toThrow('start: shape')
  expect(() => student({ df: -1 })).toThrow('df')
})

test('the bootstrap draws from the fitted distribution or resamples rows', () => {
  const found = fit(growth, { x, counts }, { start: { a: 0, b: 0.1 }, distribution: poisson() })
  const options = { count: 300, seed: 3 }
  const drawn = bootstrap(found, options)
  expect([drawn.count, drawn.failed]).toEqual([300, 0])
  expect(drawn.errors.b / found.errors.b).toBeGreaterThan(0.85)
  expect(drawn.errors.b / found.errors.b).toBeLessThan(1.15)
  expect(bootstrap(found, options).values).toEqual(drawn.values)
  const [low, high] = drawn.intervals(0.95).b
  expect(low).toBeLessThan(found.values.b)
  expect(high).toBeGreaterThan(found.values.b)
  expect(bootstrap(found, { ...options, kind: 'cases' }).errors.b).toBeGreaterThan(0)
  expect(() => bootstrap(found, { kind: 'residuals' })).toThrow("kind: expected 'parametric' or 'cases'")
  const both = fitManySync(
    growth,
    { x, counts: [counts, counts] },
    { start: { a: 0, b: 0.1 }, distribution: poisson() },
  )
  expect(bootstrapSync(both, options).at(0).values).toEqual(drawn.values)
})

test('bootstrap draws are censored at the limit', () => {
  const below = y.map((value) => Number(value < 0.5))
  const distribution = normal({ sigma: 'prop*f', below: 'below' })
  const data = { t, y: y.map((value) => Math.max(value, 0.5)), below }
  const from = { a: 8, b: 0.1, prop: 0.1 }
  const found = fit(decay, data, { y: 'y', start: from, distribution })
  const drawn = bootstrap(found, { count: 100 })
  expect(drawn.failed).toBe(0)
  expect(drawn.errors.prop).toBeGreaterThan(0.3 * found.errors.prop)
  const other = { ...data, y: data.y.with(9, 0.4) }
  const differing = fit(decay, other, { y: 'y', start: from, distribution })
  expect(() => bootstrap(differing, { count: 9 })).toThrow('limits of quantification differ')
})

test('derived quantities have errors and profiles of the likelihood', () => {
  const distribution = normal({ sigma: 'prop*f' })
  const from = { a: 8, b: 0.1, prop: 0.1 }
  const derived = { area: 'a/b', half: 'log(2)/b', double: '2*prop' }
  const found = fit(decay, { t, y }, { start: from, distribution, derive: derived })
  // The area as a parameter of the model has the same profile.
  const direct = fit(
    expression('area*b*exp(-b*t)'),
    { t, y },
    { start: { area: 80, b: 0.1, prop: 0.1 }, distribution },
  )
  const { area, half, double, b, prop } = profile(found)
  const expected = profile(direct, ['area']).area
  expect([area.lowReason, area.highReason]).toEqual(['found', 'found'])
  expect([area.low, area.high]).toEqual([expect.closeTo(expected.low, 8), expect.closeTo(expected.high, 8)])
  expect([half.low, half.high]).toEqual([
    expect.closeTo(Math.log(2) / b.high, 8),
    expect.closeTo(Math.log(2) / b.low, 8),
  ])
  expect([double.low, double.high]).toEqual([
    expect.closeTo(2 * prop.low, 9),
    expect.closeTo(2 * prop.high, 9),
  ])
  const quantity = derive(found, { area: 'a/b' }).area
  expect(quantity.error).toBeCloseTo(direct.errors.area, 9)
  expect(quantity.high).toBeCloseTo(direct.intervals().area[1], 8)
  expect(() => derive(found, { q: 'half' })).toThrow('write out the expression of half')
  const many = fitManySync(decay, { t, y: [y, y.map((v) => 2 * v)] }, { start: from, distribution })
  const { ratio } = derive(many, { ratio: 'a[1]/a[0]' })
  expect(ratio.value).toBeCloseTo(2, 9)
  expect(ratio.error).toBeCloseTo((2 * Math.SQRT2 * found.errors.a) / found.values.a, 8)
})

describe('predictions at the limit of a distribution of counts', () => {
  const t = [0, 1, 2, 3, 5, 10, 100, 1000, 5000]
  const counts = [20, 15, 6, 5, 1, 0, 0, 0, 0]
  const decay = expression('a*exp(-b*t)')

  test('a mean that underflows to 0 in rows without counts does not end the descent', () => {
    // The last three rows hardly count, because their means are below exp(−50).
    const near = fit(
      decay,
      { t: t.slice(0, 6), y: counts.slice(0, 6) },
      { y: 'y', distribution: poisson(), start: { a: 20, b: 0.3 } },
    )
    for (const b of [0.001, 0.05, 0.3]) {
      const start = { a: 20, b }
      const found = fit(decay, { t, y: counts }, { y: 'y', distribution: poisson(), start })
      expect(found.reason).toBe('converged')
      expect(found.minus2LogLikelihood).toBeCloseTo(near.minus2LogLikelihood, 9)
      expect(found.values.b).toBeCloseTo(near.values.b, 9)
      expect(found.errors.b).toBeCloseTo(near.errors.b, 9)
    }
    const theta = { start: 5, max: 100 }
    const other = fit(
      decay,
      { t, y: counts },
      { y: 'y', distribution: negativeBinomial(), start: { a: 20, b: 0.001, theta } },
    )
    expect([other.reason, other.atBound]).toEqual(['converged', ['theta']])
    expect(other.values.b).toBeCloseTo(near.values.b, 2)
    const wrong = () =>
      fit(decay, { t, y: counts.with(8, 1) }, { y: 'y', distribution: poisson(), start: { a: 20, b: 0.3 } })
    expect(wrong).toThrow('a model value > 0 (poisson), got "0 in row 8"')
  })

  test('a probability that rounds to 1 does not end the descent, and separated data have no estimate', () => {
    const x = [0.5, 1, 2, 3, 4, 6, 8, 12, 100, 200]
    const logistic = expression('1/(1 + exp(-a - b*x))')
    const options = { y: 'y', start: { a: 0, b: 0.01 }, distribution: binomial({ trials: '10' }) }
    const steep = [0, 0, 1, 3, 5, 8, 10, 10, 10, 10]
    const found = fit(logistic, { x, y: steep }, options)
    const near = fit(logistic, { x: x.slice(0, 8), y: steep.slice(0, 8) }, options)
    expect([found.reason, near.reason]).toEqual(['converged', 'converged'])
    expect(found.values.b).toBeCloseTo(near.values.b, 9)
    const separated = fit(logistic, { x, y: x.map((v) => (v < 3.5 ? 0 : 10)) }, options)
    expect([separated.reason, separated.unidentifiable]).toEqual(['singular', ['a', 'b']])
  })
})
