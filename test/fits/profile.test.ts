/** Profiles compared with endpoints in 40 digits, missing endpoints and their reasons, and bit identity. */

import { readFileSync } from 'node:fs'
import { expression } from 'antigrad'
import {
  type Fit,
  type FitOptions,
  type FitParameters,
  fitMany,
  fitManySync,
  fit as fitOne,
  profile,
  profileEndReasons,
  profileIntervals,
  profileSync,
} from 'antigrad/fit'
import { describe, expect, test } from 'vitest'
import { inBits, random } from '../helpers.js'
import { waysToRun } from '../support.js'

interface Golden {
  readonly name: string
  readonly model: string
  readonly x: readonly number[]
  readonly y: readonly number[]
  readonly sigma: number | readonly number[]
  readonly start: Readonly<Record<string, number>>
  readonly bounds?: Readonly<Record<string, readonly [number | null, number | null]>>
  readonly values: Readonly<Record<string, number>>
  /** Endpoints by parameter, known or unknown σ, and level; null if an endpoint does not exist. */
  readonly ends: Readonly<Record<string, Record<Kind, readonly (readonly [number | null, number | null])[]>>>
  /** Why an endpoint does not exist, by `parameter.kind.level.side`. */
  readonly marks?: Readonly<Record<string, 'none' | 'bound'>>
  /** Endpoints of a local minimum next to a lower one, which are not tested. */
  readonly ambiguous?: readonly string[]
}

const kinds = ['unknown', 'known'] as const
type Kind = (typeof kinds)[number]

/** Endpoints by SciPy's least squares and brentq, refined in 40 digits; lmfit and MINOS agree. */
const { levels, cases } = JSON.parse(
  readFileSync(new URL('../data/profiles.json', import.meta.url), 'utf8'),
) as { readonly levels: readonly number[]; readonly cases: readonly Golden[] }

/** The derivatives of these models are too inaccurate for ten digits. */
const loose = ['NIST Thurber', 'NIST Kirby2']

function fitted(golden: Golden, kind: Kind, options: FitOptions = {}): Fit {
  const { model, x, y, sigma, start, bounds = {} } = golden
  const limited = Object.entries(start).map(([name, start]): [string, FitParameters[string]] => {
    const [min, max] = bounds[name] ?? [null, null]
    return [name, { start, min: min ?? -Infinity, max: max ?? Infinity }]
  })
  return fitOne(
    expression(model),
    { x, y },
    {
      sigma: typeof sigma === 'number' ? x.map(() => sigma) : sigma,
      start: Object.fromEntries(limited),
      absoluteSigma: kind === 'known',
      ...options,
    },
  )
}

/** Each endpoint of a case: its key, the expected value, and the profile's value. */
function* endsOf(golden: Golden, options: FitOptions = {}) {
  for (const kind of kinds) {
    const found = fitted(golden, kind, options)
    for (const [l, level] of levels.entries()) {
      const profiles = profile(found, undefined, { level })
      for (const name of Object.keys(golden.values)) {
        for (const [s, side] of (['low', 'high'] as const).entries()) {
          const key = `${name}.${kind}.${l}.${s}`
          if (golden.ambiguous?.includes(key)) continue
          const { [side]: end, [`${side}Reason` as const]: reason } = profiles[name]
          const half = (golden.ends[name][kind][l][s] as number) - golden.values[name]
          yield { key, end, reason, half, expected: golden.ends[name][kind][l][s], mark: golden.marks?.[key] }
        }
      }
    }
  }
}

const reasonOf = { none: 'unbounded', bound: 'bound' } as const

describe('profile endpoints in 40-digit arithmetic', () => {
  test('include 856 endpoints of 34 cases, and 24 endpoints are bounds or missing', () => {
    const ends = cases.flatMap((golden) => [...endsOf(golden)])
    expect(cases).toHaveLength(34)
    expect(ends.filter(({ mark }) => mark === undefined).length).toBeGreaterThan(830)
  })

  test.each(cases)('agree with the computed profiles of $name', (golden) => {
    const most = loose.includes(golden.name) ? 1e-5 : 1e-6
    for (const { key, end, reason, half, expected, mark } of endsOf(golden)) {
      expect(reason, key).toBe(mark === undefined ? 'found' : reasonOf[mark])
      if (mark === undefined) expect(Math.abs((end - (expected as number)) / half), key).toBeLessThan(most)
      if (mark === 'bound') expect(end, key).toBe(expected)
      if (mark === 'none') expect(end, key).toBe(key.endsWith('.1') ? Infinity : -Infinity)
    }
  })
})

const ways = waysToRun()

test('profiles are bit-identical on every engine and instruction set', () => {
  for (const golden of cases) {
    const [first, ...others] = ways.map((options) =>
      inBits(kinds.map((kind) => profile(fitted(golden, kind, options)))),
    )
    for (const other of others) expect(other, golden.name).toEqual(first)
  }
})

const x = [0, 1, 2, 3, 4, 5, 6, 7]
const y = [1, 3.1, 4.9, 7.2, 8.8, 11.1, 13, 15.1]

describe('a missing profile endpoint', () => {
  test('has the reason `flat` if other parameters compensate for the profiled parameter', () => {
    const found = fitOne(expression('a*b*d*x + c'), { x, y }, { start: { a: 1, b: 1, c: 0, d: 1 } })
    expect(found.reason).toBe('singular')
    const { a, b, c, d } = profile(found)
    for (const { low, high, lowReason, highReason } of [a, b, d]) {
      expect([low, high, lowReason, highReason]).toEqual([-Infinity, Infinity, 'flat', 'flat'])
    }
    expect(a.message).toBe('the data do not determine a: other parameters compensate for it')
    // The other factors act as if they were fixed.
    const one = fitOne(expression('a*x + c'), { x, y }, { start: { a: 1, c: 0 } })
    const { low, high } = profile(
      fitOne(expression('a*b*x + c'), { x, y }, { start: { a: 1, b: 1, c: 0 } }),
    ).c
    const scale = (15 - one.degreesOfFreedom) / 15
    expect(scale).toBeGreaterThan(0)
    // The interval is slightly wider, with one degree of freedom less.
    expect([c.lowReason, c.highReason]).toEqual(['found', 'found'])
    expect(low).toBeLessThan(profile(one).c.low)
    expect(high).toBeGreaterThan(profile(one).c.high)
  })

  test('does not occur for a line over timestamps, although the fit is ill-conditioned', () => {
    const times = Array.from({ length: 41 }, (_, k) => 1.7e12 + 1000 * k)
    const values = times.map((_, k) => 2 + 0.003 * k + 0.01 * (((k * 37) % 11) - 5))
    const found = fitOne(
      expression('slope*x + intercept'),
      { x: times, y: values },
      { start: { slope: 0, intercept: 0 } },
    )
    expect(found.reason).toBe('converged')
    const { slope, intercept } = profile(found)
    expect([slope.lowReason, slope.highReason, slope.message]).toEqual(['found', 'found', ''])
    expect([intercept.lowReason, intercept.highReason]).toEqual(['found', 'found'])
    // Relative to its middle, a line has Student's interval.
    const centered = times.map((time) => time - 1.7e12 - 20_000)
    const near = fitOne(
      expression('slope*x + level'),
      { x: centered, y: values },
      { start: { slope: 0, level: 0 } },
    )
    const [low, high] = near.intervals().slope
    const half = (high - low) / 2
    expect(Math.abs(profile(near).slope.low - low) / half).toBeLessThan(1e-6)
    expect(Math.abs(profile(near).slope.high - high) / half).toBeLessThan(1e-6)
    expect(Math.abs(slope.low - low) / half).toBeLessThan(1e-6)
    expect(Math.abs(slope.high - high) / half).toBeLessThan(1e-6)
  })

  test('has the reason `bound` if the estimate lies at a bound', () => {
    const fall = [3, 2, 1.3, 0.8, 0.4, 0.3, 0.1]
    const start = { a: 3, k: 0.4, c: { start: 0.5, min: 0.2 } }
    const found = fitOne(expression('a*exp(-k*x) + c'), { x: x.slice(0, 7), y: fall }, { start })
    expect(found.atBound).toEqual(['c'])
    const { c } = profile(found)
    expect(c).toMatchObject({ low: 0.2, lowReason: 'bound', highReason: 'found' })
    expect(c.message).toBe('the lower endpoint of c is 0.2, at a bound: χ² stays below the threshold')
    // With the other parameters free, χ² at the endpoint has the value of the level.
    const beyond = fitOne(
      expression('a*exp(-k*x) + c'),
      { x: x.slice(0, 7), y: fall },
      { start: { ...start, c: { start: c.high, fixed: true } }, tolerance: 1e-14 },
    )
    // The t quantile for five degrees of freedom, because the parameter at the bound counts as fixed.
    expect(beyond.chiSquared / found.chiSquared).toBeCloseTo(1 + 2.570581835636314 ** 2 / 5, 6)
  })

  test.each([1e-170, 1e170])('is reported for data whose squares overflow or underflow: %d', (unit) => {
    const small = y.map((value) => value * unit)
    const found = fitOne(expression('a + b*x'), { x, y: small }, { start: { a: unit, b: unit } })
    const { b } = profile(found)
    expect([b.low, b.lowReason]).toEqual([NaN, 'unavailable'])
    expect(b.message).toBe('no profile: χ² overflows or underflows; multiply the data by a power of 10')
  })

  test.each([
    ['too few', [1, 2], {}, "the fit is 'too-few-points'"],
    ['no freedom', [1, 2, 4], {}, 'no degrees of freedom are left'],
    ['exact', [1, 2, 4, 7], {}, 'the fit is exact except for rounding'],
  ])('is reported with a reason: %s', (_, y, options, words) => {
    const model = expression('a + b*x + c*x^2')
    const found = fitOne(model, { x: x.slice(0, y.length), y }, { start: { a: 0, b: 0, c: 0 }, ...options })
    expect(profile(found).b).toEqual({
      ...{ low: NaN, high: NaN, lowReason: 'unavailable', highReason: 'unavailable' },
      ...{ message: `no profile: ${words}`, lowerMinimum: null },
    })
  })

  test('has the reason `unbounded` for a curve whose χ² stays constant up to the largest numbers', () => {
    const dose = [0.03, 0.1, 0.3, 1, 3, 10, 30, 100]
    const response = [0.5, 7.9, 11.5, 46.4, 84.4, 95.2, 87.4, 98.3]
    const model = expression('bottom + (top - bottom)/(1 + (ec50/x)^slope)')
    const start = { bottom: 0, top: 100, slope: 1, ec50: 1 }
    const { slope, ec50 } = profile(fitOne(model, { x: dose, y: response }, { start }))
    expect([slope.lowReason, slope.high, slope.highReason]).toEqual(['found', Infinity, 'unbounded'])
    expect(slope.message).toBe(
      'slope has no upper endpoint: χ² stays below the threshold however large it is',
    )
    expect([ec50.lowReason, ec50.highReason]).toEqual(['found', 'found'])
  })

  test('has the reason `failed` if the model is NaN beyond the endpoint', () => {
    // Beyond 1 the root does not exist, and χ² is below the threshold up to there.
    const weak = [1, 1.1, 0.95, 1.05, 1.12, 0.98, 1.1, 1.05]
    const found = fitOne(expression('b + sqrt(1 - a)*x'), { x, y: weak }, { start: { a: 0.99, b: 1 } })
    const { a, b } = profile(found)
    expect([a.lowReason, a.high, a.highReason]).toEqual(['found', NaN, 'failed'])
    expect(a.message).toBe('the upper endpoint of a was not found')
    expect(b.lowReason).toBe('found')
  })
})

test('a profile step does not cross a pole of the model for any size of the standard errors', () => {
  const times = [1, 2, 3, 4, 5]
  const rise = [
    1.9818185854961032, 3.426244935760481, 4.8349854570602755, 7.956674999917259, 8.540500923004702,
  ]
  const found = fitOne(
    expression('b1*(1 - exp(-b2*x))'),
    { x: times, y: rise },
    { start: { b1: 10, b2: 0.3 }, sigma: times.map(() => 0.6), absoluteSigma: true },
  )
  expect(found.errors.b1).toBeGreaterThan(10 * found.values.b1)
  const { b1 } = profile(found)
  expect([b1.lowReason, b1.highReason]).toEqual(['found', 'unbounded'])
  // χ² equals the threshold at the endpoint; below 0 it would decrease again.
  const held = fitOne(
    expression('b1*(1 - exp(-b2*x))'),
    { x: times, y: rise },
    { start: { b1: { start: b1.low, fixed: true }, b2: 0.1 }, sigma: times.map(() => 0.6), tolerance: 1e-14 },
  )
  expect(b1.low).toBeGreaterThan(0)
  expect(held.chiSquared - found.chiSquared).toBeCloseTo(3.841458820694124, 6)
})

describe('a lower local minimum that a profile finds', () => {
  const t = Array.from({ length: 12 }, (_, row) => row)
  const wave = t.map((t, row) => 2 * Math.sin(0.4 * Math.PI * t + 0.4) + 0.5 * (((row * 37) % 11) / 11 - 0.5))
  const model = expression('a*sin(6.283185307179586*f*t) + b*cos(6.283185307179586*f*t)')
  const start = { a: 0.1, b: 0.1, f: 0.1 }

  test('is reported with its position', () => {
    const found = fitOne(model, { t, y: wave }, { start })
    const { f } = profile(found)
    expect(found.reason).toBe('converged')
    expect(f).toMatchObject({ low: NaN, high: NaN, lowReason: 'lower-minimum' })
    expect(f.message).toMatch(
      /^there is a lower minimum: on the way to the lower endpoint of f, χ² falls to \d/,
    )
    expect(f.lowerMinimum?.chiSquared).toBeLessThan(found.chiSquared)
    expect(Object.keys(f.lowerMinimum?.values ?? {}).sort()).toEqual(['a', 'b', 'f'])
  })

  test('is the start of a new fit if the option `restart` is set', () => {
    const plain = fitOne(model, { t, y: wave }, { start, intervals: profileIntervals() })
    expect(plain.chiSquared).toBeGreaterThan(20)
    expect(plain.intervals().f).toEqual([NaN, NaN])
    const found = fitOne(model, { t, y: wave }, { start, intervals: profileIntervals({ restart: true }) })
    expect(found.chiSquared).toBeLessThan(0.3)
    // A negative frequency describes the same curve.
    expect(Math.abs(found.values.f)).toBeCloseTo(0.2013, 3)
    const [low, high] = found.intervals().f
    expect(low).toBeLessThan(found.values.f)
    expect(high).toBeGreaterThan(found.values.f)
    expect(profile(found).f.lowerMinimum).toBeNull()
    // Other parameters have the same bits without the option.
    const both = fitManySync(
      model,
      { t, y: [wave, wave] },
      { start: { ...start, f: [0.1, 0.2] }, intervals: profileIntervals({ restart: true }) },
    )
    expect(profile(both.at(1))).toEqual(
      profile(fitOne(model, { t, y: wave }, { start: { ...start, f: 0.2 } })),
    )
    expect(both.at(0).chiSquared).toBe(found.chiSquared)
  })
})

test.each([
  ['squared', [9.8, 6.2, 3.9, 2.1, 1.7, 1.1, 0.4, 0.5]],
  ['huber', [9.8, 6.2, 3.9, 5.1, 1.7, 1.1, 0.4, 0.5]],
  ['softL1', [9.8, 6.2, 3.9, 5.1, 1.7, 1.1, 0.4, 0.5]],
  ['cauchy', [9.8, 6.2, 3.9, 5.1, 1.7, 1.1, 0.4, 0.5]],
  ['poisson', [11, 5, 4, 2, 0, 1, 1, 0]],
] as const)(
  'a fit with the parameter fixed at a profile endpoint reaches the cost threshold for the loss %s',
  (loss, y) => {
    const model = expression('a*exp(-k*x)')
    const data = { x: [...x], y: [...y] }
    const found = fitOne(model, data, { start: { a: 10, k: 0.5 }, loss, lossScale: 0.3 })
    // The t quantile for six degrees of freedom, and the normal quantile.
    const limit =
      loss === 'poisson'
        ? found.chiSquared + 3.841458820694124
        : found.chiSquared * (1 + 2.4469118511449692 ** 2 / 6)
    const { k } = profile(found)
    for (const end of [k.low, k.high]) {
      const start = { a: found.values.a, k: { start: end, fixed: true } }
      const held = fitOne(model, data, { start, loss, lossScale: 0.3, tolerance: 1e-14 })
      expect(held.chiSquared / limit).toBeCloseTo(1, 6)
    }
  },
)

test('the profile of a derived parameter equals the profile of a free parameter in a rewritten model', () => {
  const [golden] = cases
  const derive = { half: 'log(2)/k', sum: 'a + c', ratio: 'c/a', fixed: '2 + 1' }
  const profiles = profile(fitted(golden, 'unknown', { derive }))
  expect(Object.keys(profiles)).toEqual(['a', 'k', 'c', 'half', 'sum', 'ratio'])
  const models = {
    half: ['a*exp(-log(2)/half*x) + c', { a: 3, half: 1, c: 0 }],
    sum: ['(sum - c)*exp(-k*x) + c', { sum: 3, k: 1, c: 0 }],
    ratio: ['a*exp(-k*x) + a*ratio', { a: 3, k: 1, ratio: 0 }],
  } as const
  for (const name of ['half', 'sum', 'ratio'] as const) {
    const [model, start] = models[name]
    const own = profile(fitted({ ...golden, model, start }, 'unknown', { tolerance: 1e-13 }))[name]
    const [ends, value] = [profiles[name], (own.low + own.high) / 2]
    expect(Math.abs((ends.low - own.low) / (own.low - value)), name).toBeLessThan(1e-6)
    expect(Math.abs((ends.high - own.high) / (own.high - value)), name).toBeLessThan(1e-6)
  }
})

describe('profiles of a batch of fits', () => {
  const model = expression('a*exp(-b*t) + c')
  const next = random(3)
  const lengths = [20, 2, 9, 40, 20, 7, 3, 20]
  const t = lengths.map((rows) => Array.from({ length: rows }, () => 5 * next()))
  const y = t.map((column) => column.map((at) => 3 * Math.exp(-0.7 * at) + 0.5 + 0.1 * (next() - 0.5)))
  const start = { a: 1, b: 1, c: 0 }
  const options = { start, derive: { half: 'log(2)/b' } }

  test('equal profiles of single fits on every engine and for every number of threads', async () => {
    const first = fitManySync(model, { t, y }, options)
    const columns = profileSync(first)
    expect(Object.keys(columns)).toEqual(['a', 'b', 'c', 'half'])
    for (let fit = 0; fit < lengths.length; fit++) {
      const own = profile(fitOne(model, { t: t[fit], y: y[fit] }, options))
      expect(profile(first.at(fit)), `${fit}`).toEqual(own)
      for (const name of ['a', 'b', 'c', 'half'] as const) {
        const { low, high, lowReason, highReason } = columns[name]
        expect([low[fit], high[fit]]).toEqual([own[name].low, own[name].high])
        expect([profileEndReasons[lowReason[fit]], profileEndReasons[highReason[fit]]]).toEqual([
          own[name].lowReason,
          own[name].highReason,
        ])
      }
    }
    for (const way of [...ways, { threads: 1 }, { threads: 3 }]) {
      const found = await fitMany(model, { t, y }, { ...options, ...way, intervals: profileIntervals() })
      expect(inBits(await profile(found))).toEqual(inBits(columns))
      expect(inBits(await profile(found, 'b', { level: 0.6 }))).toEqual(
        inBits(profileSync(first, 'b', { level: 0.6 })),
      )
    }
  })

  test('can be computed at any level, even for derived quantities', async () => {
    const found = await fitMany(
      model,
      { t, y },
      { start: { ...start, c: { start: 0.5, fixed: true } }, intervals: profileIntervals({ level: 0.6 }) },
    )
    for (const level of [0.6, 0.95]) {
      const { a, c } = found.at(3).intervals(level)
      const { low, high } = profile(found.at(3), 'a', { level }).a
      expect(a).toEqual([low, high])
      expect(c).toEqual([0.5, 0.5])
    }
  })

  test('use model-dependent weights', () => {
    const own = { x: t[0], y: y[0] }
    const model = expression('a*exp(-b*x) + c')
    const found = fitOne(model, own, { start, weights: '1/f^2', intervals: profileIntervals() })
    const weights = found.predict().map((f) => 1 / (f * f))
    const [low, high] = found.intervals().b
    const same = profile(fitOne(model, own, { start: found.values, weights })).b
    expect(low).toBeCloseTo(same.low, 7)
    expect(high).toBeCloseTo(same.high, 7)
  })

  test('stay above 0 for positive parameters', () => {
    const flat = [1, 1.02, 0.97, 1.01, 1.03, 0.98, 1.02, 0.99]
    const found = fitOne(
      expression('a*exp(-b*x)'),
      { x, y: flat },
      { start: { a: 1, b: { start: 0.1, positive: true } } },
    )
    const { b } = profile(found)
    expect([b.low, b.lowReason]).toEqual([0, 'bound'])
  })

  test('end if the signal is aborted', async () => {
    const found = await fitMany(model, { t, y }, options)
    await expect(profile(found, 'a', { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow(
      'enough',
    )
    await expect(profile(found, 'z' as never)).rejects.toThrow(/free or derived parameters: a, b, c, half/)
  })
})

test('the method profile refuses invalid names and levels', () => {
  const found = fitted(cases[0], 'known')
  expect(Object.keys(profile(found, 'k'))).toEqual(['k'])
  expect(Object.keys(profile(found, ['c', 'a']))).toEqual(['c', 'a'])
  expect(profile(found, [])).toEqual({})
  expect(() => profile(found, 'z')).toThrow(/names.*free or derived parameters: a, k, c/)
  expect(() => profile(found, ['a', 3 as never])).toThrow(/free or derived parameters: a, k, c/)
  expect(() => profile(found, undefined, { level: 1 })).toThrow(/level.*between 0 and 1/)
  expect(() => profile(found, undefined, { levle: 0.9 } as never)).toThrow(/levle/)
  const withIntervals = (intervals: unknown) => () =>
    fitted(cases[0], 'known', { intervals: intervals as never })
  for (const wrong of ['profile', { level: 0.9 }, 3, new Proxy(profileIntervals(), {})])
    expect(withIntervals(wrong)).toThrow(/intervals: expected a result of profileIntervals\(\)/)
  expect(() => profileIntervals({ level: 2 })).toThrow(/level.*between 0 and 1/)
  expect(() => profileIntervals({ levle: 0.9 } as never)).toThrow(/levle/)
})
