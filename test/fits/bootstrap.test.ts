/** The bootstrap of fits: resampling, counts of failures, and results. */

import { expression, OptionError } from 'antigrad'
import {
  type Bootstrap,
  type BootstrapManyOptions,
  type BootstrapOptions,
  bootstrap,
  bootstrapSync,
  covarianceMatrix,
  type FitManyOptions,
  fitMany,
  fitManySync,
  fit as fitOne,
  fitReasons,
  models,
} from 'antigrad/fit'
import { describe, expect, test } from 'vitest'
import { inBits, random } from '../helpers.js'
import { waysToRun } from '../support.js'

const decay = expression('a*exp(-b*t) + c')
const start = { a: 1, b: 1, c: 0 }
const kinds = ['residuals', 'cases', 'parametric'] as const

/** Approximately normal numbers. */
const noise = (next: () => number) => Array.from({ length: 12 }, next).reduce((sum, x) => sum + x, -6)
const dataOf = (seed: number, rows: number, size = 0.1) => {
  const next = random(seed)
  const t = Array.from({ length: rows }, (_, k) => (5 * k) / rows)
  return { t, y: t.map((at) => 4 * Math.exp(-0.7 * at) + 1 + size * noise(next)) }
}
const one = (options: FitManyOptions = {}, rows = 25) => fitOne(decay, dataOf(5, rows), { start, ...options })

const all = ({ values, reason, failed, count, errors }: Bootstrap) =>
  inBits({ values, reason, failed, count, errors })

test.each<[string, FitManyOptions]>([
  ['no options', {}],
  ['bounds', { start: { ...start, b: { start: 1, min: 0.5, max: 0.72 } } }],
  ['a positive parameter', { start: { ...start, b: { start: 1, positive: true } } }],
  ['a fixed one', { start: { ...start, c: { start: 1, fixed: true } } }],
  ['one that follows from others', { start: { ...start, c: { expr: 'a/4' } } }],
  ['what is derived', { derive: { half: '0.7/b' } }],
  ['weights', { sigma: Array.from({ length: 25 }, (_, k) => 0.1 + k / 50) }],
  ['a loss', { loss: 'huber', lossScale: 0.05 }],
  ['few iterations', { maxIterations: 4 }],
])('the draws of a bootstrap with %s do not depend on the order of columns', (_, options) => {
  const { t, y } = dataOf(5, 25)
  for (const kind of kinds) {
    const [a, b] = [
      { t, y },
      { y, t },
    ].map((data) => fitOne(decay, data, { start, ...options }))
    expect(all(bootstrap(a, { kind, count: 50 }))).toBe(all(bootstrap(b, { kind, count: 50 })))
  }
})

describe('the random draws of a bootstrap', () => {
  // Each fit has its own columns, of different lengths; one fit is impossible.
  const lengths = [20, 9, 20, 13, 2, 20]
  const each = lengths.map((rows, i) => dataOf(i, rows))
  const data = { t: each.map(({ t }) => t), y: each.map(({ y }) => y) }
  const sigma = each.map(({ t }) => t.map((at) => 0.1 + at / 50))
  const many = fitManySync(decay, data, { start, sigma })

  test.each(kinds)(
    'are equal on every engine, on every instruction set and for every number of threads: %s',
    (kind) => {
      const ways = waysToRun(1, 3)
      const told = ways.map((way) => {
        const result = bootstrapSync(fitManySync(decay, data, { start, sigma, ...way }), { kind, count: 40 })
        const fits = lengths.map((_, i) => result.at(i))
        const { errors, failed } = result
        const band = fits[0].band({ t: [0, 1, 9] })
        return inBits([
          errors,
          failed,
          result.intervals(),
          result.intervals(0.5, 'percentile'),
          band,
          fits.map(all),
        ])
      })
      expect(new Set(told).size).toBe(1)
    },
  )

  test.each(kinds)(
    'are equal in synchronous and asynchronous calls, in single fits and in parts of batches: %s',
    async (kind) => {
      const options = { kind, count: 30, seed: 7 }
      const whole = bootstrapSync(many, options)
      const fits = lengths.map((_, i) => all(whole.at(i)))
      const later = await bootstrap(many, options)
      expect(lengths.map((_, i) => all(later.at(i)))).toEqual(fits)
      expect(lengths.map((_, i) => all(bootstrap(many.at(i), options)))).toEqual(fits)
      const part = { t: data.t.slice(2), y: data.y.slice(2) }
      const other = fitManySync(decay, part, { start, sigma: sigma.slice(2) })
      const elsewhere = bootstrapSync(other, { ...options, fitOffset: 2 })
      expect(Array.from({ length: 4 }, (_, i) => all(elsewhere.at(i)))).toEqual(fits.slice(2))
      expect(all(bootstrap(other.at(1), { ...options, fitOffset: 2 }))).toBe(fits[3])
    },
  )

  test.each(kinds)(
    'do not depend on the number of replicates, but differ between seeds and between fits: %s',
    (kind) => {
      const found = one()
      const [few, more] = [10, 25].map((count) => bootstrap(found, { kind, count }).values)
      expect(inBits(few.a)).toBe(inBits(more.a.slice(0, 10)))
      expect(new Set(more.a).size).toBe(25)
      for (const other of [{ seed: 1 }, { fitOffset: 1 }]) {
        const { a } = bootstrap(found, { kind, count: 10, ...other }).values
        expect(Array.from(a).filter((x) => few.a.includes(x))).toEqual([])
      }
    },
  )

  // Replicates published with a seed must be reproducible. These values come from the version before resampling in
  // place.
  test.each<[BootstrapOptions['kind'] & string, readonly number[]]>([
    ['residuals', [0.5829688698028276, 0.7215430765545249, 0.7878563472661139]],
    ['cases', [0.8980425199179785, 0.7930804033131864, 0.7167113000214063]],
    ['parametric', [0.9006427619911412, 0.7076680360246215, 0.6920847687881954]],
  ])('are equal to the draws of earlier versions: %s', (kind, expected) => {
    const data = { t: [0, 0.5, 1, 2, 3, 4, 6], y: [5.1, 3.7, 3, 2.1, 1.4, 1.3, 1] }
    const { values } = bootstrap(fitOne(decay, data, { start }), { kind, count: 40, seed: 3 })
    expect(Array.from(values.b.slice(37))).toEqual(expected)
  })

  test('need memory only for the rows in use', () => {
    const [short, long] = [dataOf(1, 9), dataOf(2, 150_000)]
    const two = fitManySync(decay, { t: [short.t, long.t], y: [short.y, long.y] }, { start })
    const before = process.memoryUsage().arrayBuffers
    let most = 0
    const onProgress = () => {
      most = Math.max(most, process.memoryUsage().arrayBuffers - before)
    }
    const { failed } = bootstrapSync(two, { count: 60, onProgress })
    expect(Array.from(failed)).toEqual([0, 0])
    expect(most).toBeLessThan(110e6)
  })

  test('do not depend on the division of replicates into batches', () => {
    const found = one({}, 6)
    const { values, count } = bootstrap(found, { kind: 'cases', count: 20_000 })
    expect(count).toBe(20_000)
    expect(inBits(values.b.slice(0, 500))).toBe(
      inBits(bootstrap(found, { kind: 'cases', count: 500 }).values.b),
    )
  })
})

describe('a bootstrap replicate', () => {
  test('with the kind `cases` is a fit to resampled rows', () => {
    // Two rows can be drawn in four pairs, which a line through 0 distinguishes.
    const data = { x: [1, 2], y: [3, 10] }
    const found = fitOne(expression('a*x'), data, { start: { a: 1 } })
    const { values } = bootstrap(found, { kind: 'cases', count: 200 })
    const rounded = Array.from(values.a, (a) => a.toFixed(9))
    expect(new Set(rounded)).toEqual(new Set(['3.000000000', '5.000000000', '4.600000000']))
    const both = rounded.filter((a) => a === '4.600000000').length
    expect(both).toBeGreaterThan(70)
    expect(both).toBeLessThan(130)
  })

  test('with the kind `residuals` is a fit to the curve plus resampled residuals, centered and scaled', () => {
    const found = fitOne(models.line(), { x: [0, 1, 2, 3], y: [0, 1.5, 1.5, 3] })
    const pool = Array.from(found.residuals, (r) => r * Math.sqrt(4 / 2))
    const { values } = bootstrap(found, { count: 400 })
    const curve = found.predict()
    // The y of a line through four points determines the four unknown draws. All their means must come from the pool.
    const means = new Set<string>()
    for (let k = 0; k < 4 ** 4; k++) {
      const drawn = [0, 1, 2, 3].map((row) => curve[row] + pool[Math.floor(k / 4 ** row) % 4])
      const slope = drawn.reduce((sum, y, row) => sum + (y * (row - 1.5)) / 5, 0)
      means.add((slope + 0).toFixed(9))
    }
    for (const slope of values.slope) expect(means).toContain((slope + 0).toFixed(9))
  })

  test('uses residuals with mean 0, even if the model has no offset', () => {
    const found = fitOne(expression('a*x'), { x: [1, 2, 4], y: [2, 3, 4] }, { start: { a: 1 } })
    const mean = found.residuals.reduce((sum, r) => sum + r / 3, 0)
    const pool = Array.from(found.residuals, (r) => (r - mean) * Math.sqrt(3 / 2))
    const possible = Array.from({ length: 27 }, (_, k) => {
      const drawn = [1, 2, 4].map((x, row) => [x, found.values.a * x + pool[Math.floor(k / 3 ** row) % 3]])
      return (drawn.reduce((sum, [x, y]) => sum + x * y, 0) / 21).toFixed(9)
    })
    const { a } = bootstrap(found, { count: 300 }).values
    expect(new Set(Array.from(a, (value) => value.toFixed(9)))).toEqual(new Set(possible))
  })

  test.each([...kinds, 'counts'] as const)(
    'reproduces the theoretical standard errors of a straight line: %s',
    (kind) => {
      const next = random(3)
      const x = Array.from({ length: 60 }, (_, k) => k / 10)
      const isCounts = kind === 'counts'
      const y = x.map((at) =>
        isCounts ? Math.round(8 + 5 * at + 3 * noise(next)) : 2 * at + 1 + noise(next),
      )
      const found = fitOne(models.line(), { x, y }, isCounts ? { loss: 'poisson' } : {})
      const { errors, bias, failed } = bootstrap(found, {
        ...{ kind: isCounts ? 'parametric' : kind, count: 20_000, seed: 1 },
      })
      expect(failed).toBe(0)
      for (const name of ['slope', 'intercept'] as const) {
        // Resampled cases do not assume equal errors, so their spread may differ.
        const off = kind === 'cases' ? 0.25 : 0.02
        expect(Math.abs(errors[name] / found.errors[name] - 1)).toBeLessThan(off)
        expect(Math.abs(bias[name])).toBeLessThan(0.05 * errors[name])
      }
    },
  )

  test('uses model-dependent weights and a covariance of y', () => {
    const { t, y } = dataOf(2, 30)
    const by = fitOne(decay, { t, y }, { start, weights: '1/f^2' })
    const weights = by.predict().map((f) => 1 / (f * f))
    const given = fitOne(decay, { t, y }, { start, weights })
    const shared = t.map((_, i) => t.map((__, j) => (i === j ? 0.01 : 0.004)))
    const apart = t.map((_, i) => t.map((__, j) => (i === j ? 0.01 : 0)))
    for (const kind of kinds) {
      const [one, other] = [by, given].map((fit) => bootstrap(fit, { kind, count: 50 }).errors)
      expect(one.a / other.a).toBeCloseTo(1, 5)
      const [alike, plain] = [{ covariance: covarianceMatrix(apart) }, {}].map((options) => {
        return bootstrap(fitOne(decay, { t, y }, { start, ...options }), { kind, count: 50 })
      })
      expect(alike.errors.b / plain.errors.b).toBeCloseTo(1, 5)
      expect(alike.band({ t: [1] }).low[0]).toBeCloseTo(plain.band({ t: [1] }).low[0], 5)
    }
    const correlated = fitOne(
      decay,
      { t, y },
      { start, covariance: covarianceMatrix(shared), absoluteSigma: true },
    )
    const { errors } = bootstrap(correlated, { kind: 'parametric', count: 4000 })
    for (const name of ['a', 'b', 'c'] as const)
      expect(errors[name] / correlated.errors[name]).toBeCloseTo(1, 1)
  })

  test('uses σ and weights, and excludes dropped rows', () => {
    const { t, y } = dataOf(2, 30)
    const gaps = y.map((value, k) => (k % 7 === 3 ? NaN : value))
    const keep = (column: readonly number[]) => column.filter((_, k) => k % 7 !== 3)
    const sigma = t.map((at) => 0.05 + at / 20)
    for (const kind of kinds) {
      const dropped = fitOne(decay, { t, y: gaps }, { start, sigma, missing: 'drop' })
      const kept = fitOne(
        decay,
        { t: keep(t), y: keep(y) },
        { start, weights: keep(sigma).map((s) => 1 / (s * s)) },
      )
      expect(all(bootstrap(dropped, { kind, count: 20 }))).toBe(all(bootstrap(kept, { kind, count: 20 })))
    }
  })

  test('respects bounds, even if a parameter is at a bound', () => {
    const found = one({ start: { a: 1, b: { start: 1, min: 0.9 }, c: { start: 0, fixed: true } } })
    expect(found.atBound).toEqual(['b'])
    const refits = bootstrap(found, { count: 300 })
    expect(Math.min(...refits.values.b)).toBe(0.9)
    expect(new Set(refits.values.c)).toEqual(new Set([0]))
    expect(refits.intervals().c).toEqual([0, 0])
    expect(refits.intervals().b[0]).toBe(0.9)
    expect(refits.errors.c).toBe(0)
  })

  test('keeps parameters that are fixed per fit, and computes derived parameters', () => {
    const { t, y } = dataOf(2, 30)
    const many = fitManySync(
      decay,
      { t, y },
      {
        start: { a: 1, b: { expr: 'd^2' }, d: 1, c: { start: [0.8, 1, 1.2], fixed: true } },
      },
    )
    const { values, errors, intervals } = { ...bootstrapSync(many, { count: 50 }), ...ofSecond(many) }
    expect(Array.from(values.b)).toEqual(Array.from(values.d, (d) => d * d))
    expect(new Set(values.c)).toEqual(new Set([1]))
    expect(errors.b).toBeGreaterThan(0)
    expect(intervals().b[0]).toBeLessThan(many.values.b[1])
  })
  const ofSecond = (many: ReturnType<typeof fitManySync>) => {
    const fit = bootstrap(many.at(1), { count: 50 })
    return { values: fit.values, errors: fit.errors, intervals: () => fit.intervals() }
  }
})

describe('bootstrap intervals', () => {
  const erf = (x: number) => {
    let [sum, term] = [x, x]
    for (let k = 1; k < 200; k++) {
      term *= (-x * x) / k
      sum += term / (2 * k + 1)
    }
    return (2 / Math.sqrt(Math.PI)) * sum
  }
  const below = (z: number) => (1 + erf(z / Math.SQRT2)) / 2
  const normal = (p: number) => {
    let [low, high] = [-6, 6]
    for (let k = 0; k < 80; k++) {
      if (below((low + high) / 2) < p) low = (low + high) / 2
      else high = (low + high) / 2
    }
    return low
  }
  const quantile = (numbers: ArrayLike<number>, p: number) => {
    const sorted = Float64Array.from(numbers).sort()
    const at = p * (sorted.length - 1)
    const k = Math.min(Math.floor(at), sorted.length - 2)
    return sorted[k] + (at - k) * (sorted[k + 1] - sorted[k])
  }

  test('with the method `percentile` are percentiles of the replicates', () => {
    const refits = bootstrap(one(), { count: 333 })
    const { a } = refits.intervals(0.9, 'percentile')
    expect(a[0]).toBeCloseTo(quantile(refits.values.a, 0.05), 12)
    expect(a[1]).toBeCloseTo(quantile(refits.values.a, 0.95), 12)
  })

  test('with a correction for bias and skewness agree approximately with the jackknife', () => {
    const data = dataOf(9, 30, 0.4)
    const found = fitOne(decay, data, { start })
    const refits = bootstrap(found, { kind: 'cases', count: 4000 })
    const left = data.t.map((_, out) => {
      const keep = (column: readonly number[]) => column.filter((_, k) => k !== out)
      return fitOne(decay, { t: keep(data.t), y: keep(data.y) }, { start }).values
    })
    for (const name of ['a', 'b', 'c'] as const) {
      const mean = left.reduce((sum, values) => sum + values[name] / left.length, 0)
      const off = left.map((values) => mean - values[name])
      const squares = off.reduce((sum, x) => sum + x * x, 0)
      const acceleration = off.reduce((sum, x) => sum + x ** 3, 0) / (6 * squares ** 1.5)
      const good = refits.values[name].filter((x) => !Number.isNaN(x))
      const bias = normal(good.filter((x) => x < found.values[name]).length / good.length)
      const [low, high] = [-1.959963985, 1.959963985].map((z) => {
        return quantile(good, below(bias + (bias + z) / (1 - acceleration * (bias + z))))
      })
      const [ours, percentile] = [refits.intervals()[name], refits.intervals(0.95, 'percentile')[name]]
      expect(Math.abs(ours[0] - low)).toBeLessThan(0.06 * (high - low))
      expect(Math.abs(ours[1] - high)).toBeLessThan(0.06 * (high - low))
      expect(ours).not.toEqual(percentile)
    }
  })

  test('agree with the results of scipy.stats.bootstrap', () => {
    const y = [
      4.0856, 0.730639, 1.8487, 1.16991, 1.08841, 1.05674, 0.502154, 0.839013, 0.600689, 2.32495, 0.702698,
      0.512849, 0.469868, 0.366715, 0.286174, 0.322667, 0.391343, 0.271757, 0.369119, 0.219966, 0.212596,
      0.323578, 0.203708, 0.126037, 0.126079,
    ]
    const x = y.map((_, k) => k / 8)
    const refits = bootstrap(fitOne(models.line(), { x, y }), { kind: 'cases', count: 40_000 })
    // Computed with SciPy 1.17 from 200,000 replicates; SciPy leaves out one row after the other.
    const golden = { percentile: [-1.04235, -0.31286], bca: [-1.2146, -0.35665] } as const
    for (const method of ['percentile', 'bca'] as const) {
      const { slope } = refits.intervals(0.95, method)
      for (const end of [0, 1] as const)
        expect(Math.abs(slope[end] - golden[method][end])).toBeLessThan(0.015)
    }
    expect(refits.errors.slope).toBeCloseTo(0.1973, 2)
  })

  test('have acceleration 0 for parametric replicates with normally distributed errors', () => {
    const found = fitOne(decay, dataOf(9, 30, 0.4), { start })
    const refits = bootstrap(found, { kind: 'parametric', count: 2000 })
    const good = refits.values.b.filter((x) => !Number.isNaN(x))
    const bias = normal(good.filter((x) => x < found.values.b).length / good.length)
    const [low, high] = [-1.959963985, 1.959963985].map((z) => quantile(good, below(2 * bias + z)))
    expect(refits.intervals().b[0]).toBeCloseTo(low, 7)
    expect(refits.intervals().b[1]).toBeCloseTo(high, 7)
  })

  test('are NaN if all replicates lie on one side of the estimate, except for the method `percentile`', () => {
    const found = one()
    let sided = 0
    for (let seed = 0; seed < 20; seed++) {
      const refits = bootstrap(found, { count: 2, seed })
      const [first, second] = refits.values.b
      const [low, high] = refits.intervals().b
      expect(refits.intervals(0.5, 'percentile').b[0]).toBeGreaterThanOrEqual(Math.min(first, second))
      if (first < found.values.b === second < found.values.b) {
        sided++
        expect([low, high]).toEqual([NaN, NaN])
      } else expect(low).toBeLessThan(high)
    }
    expect(sided).toBeGreaterThan(3)
    expect(sided).toBeLessThan(17)
  })

  test('contain the true value about as often as the confidence level states', () => {
    const count = 400
    const sets = Array.from({ length: count }, (_, seed) => dataOf(seed, 25, 0.3))
    const many = fitManySync(decay, { t: sets[0].t, y: sets.map(({ y }) => y) }, { start })
    const truth = { a: 4, b: 0.7, c: 1 }
    for (const kind of ['residuals', 'parametric'] as const) {
      const intervals = bootstrapSync(many, { kind, count: 300 }).intervals(0.9)
      for (const name of ['a', 'b', 'c'] as const) {
        const { low, high } = intervals[name]
        const covered = many.chiSquared.filter((_, i) => low[i] <= truth[name] && truth[name] <= high[i])
        expect(covered.length / count).toBeGreaterThan(0.83)
        expect(covered.length / count).toBeLessThan(0.95)
      }
    }
  })

  test('are available for the curve as a band, and for derived quantities', () => {
    const found = one()
    const refits = bootstrap(found, { kind: 'parametric', count: 3000 })
    const [band, wald] = [refits.band({ t: [0, 1, 4] }), found.band({ t: [0, 1, 4] })]
    for (const k of [0, 1, 2]) {
      const width = wald.high[k] - wald.low[k]
      expect(Math.abs(band.low[k] - wald.low[k])).toBeLessThan(0.1 * width)
      expect(Math.abs(band.high[k] - wald.high[k])).toBeLessThan(0.1 * width)
    }
    // The curve is a + c at t = 0.
    const sums = refits.values.a.map((a, k) => a + refits.values.c[k])
    const narrow = refits.band({ t: [0] }, { level: 0.5, method: 'percentile' })
    expect(narrow.low[0]).toBeCloseTo(quantile(sums, 0.25), 9)
    expect(refits.band().low).toHaveLength(25)
    expect(refits.band({ t: [null as never, 1] }).low[0]).toBeNaN()
  })
})

describe('failed bootstrap replicates', () => {
  test('are counted and excluded from all results', () => {
    // Most pairs of rows lack the only row that determines the slope.
    const data = { x: [0, 0, 0, 1], y: [0.1, -0.1, 0.05, 2] }
    const refits = bootstrap(fitOne(models.line(), data), { kind: 'cases', count: 1000 })
    expect(refits.failed).toBeGreaterThan(200)
    expect(refits.failed).toBe(refits.values.slope.filter(Number.isNaN).length)
    const bad = Array.from(refits.reason).filter((reason) => fitReasons[reason] !== 'converged')
    expect(bad).toHaveLength(refits.failed)
    expect(refits.message).toMatch(/^\d+ of 1000 replicates failed and are ignored: \d+ singular/)
    expect(refits.intervals().slope.every(Number.isFinite)).toBe(true)
    expect(refits.errors.slope).toBeLessThan(1)
  })

  test.each([
    ['a fit that has not converged', { maxIterations: 2 }, 25, 'the fit has not converged'],
    ['a fit without a degree of freedom', {}, 3, 'no degrees of freedom are left'],
  ] as const)('cause the value NaN in all results for %s', (_, options, rows, why) => {
    const refits = bootstrap(one(options, rows), { count: 10 })
    expect(refits.message).toBe(`no replicates: ${why}`)
    expect([refits.count, refits.failed, refits.values.a.length, refits.reason.length]).toEqual([0, 0, 0, 0])
    expect([refits.errors.a, refits.bias.a, ...refits.intervals().a, refits.band().low[0]]).toEqual(
      Array(5).fill(NaN),
    )
  })

  test('are counted per fit of a batch', async () => {
    const { t, y } = dataOf(1, 20)
    const many = fitManySync(decay, { t, y: [y, y.map(() => NaN), y] }, { start })
    const seen: number[][] = []
    const refits = await bootstrap(many, { count: 20, onProgress: (...how) => seen.push(how) })
    expect(Array.from(refits.failed)).toEqual([0, 20, 0])
    expect(refits.intervals().a.low[1]).toBeNaN()
    expect(refits.at(1).message).toBe('no replicates: the fit has not converged')
    expect(seen.at(-1)).toEqual([40, 40])
  })
})

describe('bootstrap calls', () => {
  const found = one()
  const many = fitManySync(decay, dataOf(5, 25), { start })
  const wrong: readonly (readonly [unknown, string])[] = [
    [null, 'options'],
    ['cases', 'options'],
    [{ kind: 'pairs' }, 'kind'],
    ...[0, -1, 1.5, 1e9, NaN, Infinity, '10', 2 ** 53].map((count) => [{ count }, 'count'] as const),
    ...[-1, 2 ** 32, 0.5, NaN, null].map((seed) => [{ seed }, 'seed'] as const),
    [{ fitOffset: -1 }, 'fitOffset'],
    [{ cuont: 5 }, 'options'],
  ]
  test.each(wrong)('are refused if invalid: %j', async (options, argument) => {
    const isRight = (error: unknown) => error instanceof OptionError && error.argument === argument
    const caught = (call: () => unknown) => {
      try {
        return call()
      } catch (error) {
        return error
      }
    }
    expect(caught(() => bootstrap(found, options as BootstrapOptions))).toSatisfy(isRight)
    expect(caught(() => bootstrapSync(many, options as BootstrapOptions))).toSatisfy(isRight)
    await expect(bootstrap(many, options as BootstrapOptions)).rejects.toSatisfy(isRight)
  })

  test('are refused for residuals of counts, invalid levels and methods, and invalid fits', () => {
    const counts = fitOne(models.line(), { x: [0, 1, 2, 3], y: [3, 5, 9, 9] }, { loss: 'poisson' })
    expect(() => bootstrap(counts)).toThrow(/^kind: expected 'cases' or 'parametric' for counts/)
    const refits = bootstrap(found, { count: 5 })
    for (const level of [0, 1, NaN, '0.9'])
      expect(() => refits.intervals(level as number)).toThrow(/^level: expected a number between 0 and 1/)
    expect(() => refits.intervals(0.9, 'bc' as 'bca')).toThrow(/^method: expected 'bca' or 'percentile'/)
    expect(() => refits.band({} as never)).toThrow(/^at: expected a column t/)
    expect(() => bootstrapSync(many, { count: 5 }).at(1)).toThrow(/^fit: expected an integer from 0 to 0/)
  })

  test('are refused if the replicates would exceed the available memory', () => {
    const y = Array.from({ length: 2000 }, () => dataOf(5, 9).y)
    const wide = fitManySync(decay, { t: dataOf(5, 9).t, y }, { start })
    expect(() => bootstrapSync(wide, { count: 100_000 })).toThrow(
      /^count: expected at most 22369 for 2,000 fits with 3 parameters, got 100000/,
    )
  })

  test('end if the signal is aborted before or during the work', async () => {
    const y = Array.from({ length: 40 }, (_, i) => dataOf(i, 20).y)
    const wide = await fitMany(decay, { t: dataOf(0, 20).t, y }, { start })
    const before: BootstrapManyOptions = { signal: AbortSignal.abort(new Error('never')) }
    await expect(bootstrap(wide, before)).rejects.toThrow('never')
    const controller = new AbortController()
    const reason = new Error('enough')
    const seen: number[] = []
    const onProgress = (done: number) => {
      seen.push(done)
      controller.abort(reason)
    }
    await expect(bootstrap(wide, { signal: controller.signal, onProgress })).rejects.toBe(reason)
    expect(seen).toHaveLength(1)
    expect(seen[0]).toBeLessThan(40_000)
    const failing = () => {
      throw new RangeError('mine')
    }
    expect(() => bootstrapSync(wide, { count: 10, onProgress: failing })).toThrow('mine')
    expect(bootstrapSync(wide, { count: 10 }).failed[0]).toBe(0)
  })
})
