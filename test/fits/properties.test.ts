/** Properties of every fit, on random data. */

import { adam, expression } from 'antigrad'
import {
  type Fit,
  type FitManyOptions,
  type FitManyResult,
  type FitOptions,
  type FitParameters,
  fitManySync,
  fit as fitOne,
  fitReasons,
  models,
  ruleMethod,
} from 'antigrad/fit'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { inBits, random } from '../helpers.js'

const decay = expression('a*exp(-b*t) + c')
const start = { a: 1, b: 1, c: 0 }

/** Rows of a random curve with noise. */
const dataOf = (seed: number, rows: number, size = 0.02) => {
  const next = random(seed)
  const [a, b, c] = [1 + 3 * next(), 0.3 + next(), next()]
  const t = Array.from({ length: rows }, () => 5 * next())
  const y = t.map((at) => a * Math.exp(-b * at) + c + size * (next() + next() + next() + next() - 2))
  return { t, y }
}
type Data = ReturnType<typeof dataOf>

const seed = fc.nat(2 ** 31)
const data = fc.tuple(seed, fc.integer({ min: 8, max: 40 })).map(([s, rows]) => dataOf(s, rows))
const check = <T>(arbitrary: fc.Arbitrary<T>, hold: (value: T) => void, numRuns = 25) =>
  fc.assert(fc.property(arbitrary, hold), { numRuns, seed: 17, endOnFailure: true })

const tight = (of: Data, options: FitOptions = {}) =>
  fitOne(decay, of, { start, tolerance: 1e-14, ...options })

/** All results, to the bit. */
const found = ({ values, errors, covariance, chiSquared, evaluations, reason }: Fit) =>
  inBits({ values, errors, covariance, chiSquared, evaluations, reason })
/** Results without the number of evaluations, which depends on rounding. */
const apart = (one: Fit, other: Fit) =>
  Math.max(...one.free.map((name) => Math.abs(one.values[name] - other.values[name]) / other.errors[name]))
const all = ({ values, errors, chiSquared, evaluations, reason }: FitManyResult) =>
  inBits({ values, errors, chiSquared, evaluations, reason })

/** Compares numbers up to rounding. */
function expectClose(numbers: readonly number[], others: readonly number[], part: number): void {
  for (const [i, x] of numbers.entries())
    expect(Math.abs(x - others[i])).toBeLessThanOrEqual(part * Math.abs(others[i]))
}

describe('fits of transformed data', () => {
  test('do not depend on the order of rows, apart from rounding errors', () => {
    check(fc.tuple(data, seed), ([of, s]) => {
      const next = random(s)
      const order = of.t.map((_, k) => [next(), k]).sort(([a], [b]) => a - b)
      const shuffled = { t: order.map(([, k]) => of.t[k]), y: order.map(([, k]) => of.y[k]) }
      const [one, other] = [tight(of), tight(shuffled)]
      expect(apart(one, other)).toBeLessThan(1e-5)
      expectClose(Object.values(one.errors), Object.values(other.errors), 1e-5)
      expectClose([one.chiSquared], [other.chiSquared], 1e-12)
    })
  })

  test('are bit-identical in other units if the units differ by powers of 2', () => {
    check(
      fc.tuple(data, fc.integer({ min: -20, max: 20 }), fc.integer({ min: -20, max: 20 })),
      ([of, i, j]) => {
        const [ky, kt] = [2 ** i, 2 ** j]
        const scaled = { t: of.t.map((t) => t * kt), y: of.y.map((y) => y * ky) }
        const one = tight(of)
        const other = tight(scaled, { start: { a: ky, b: 1 / kt, c: 0 } })
        const back = (values: Readonly<Record<string, number>>) => ({
          a: values.a / ky,
          b: values.b * kt,
          c: values.c / ky,
        })
        expect(back(other.values)).toEqual(one.values)
        expect(back(other.errors)).toEqual(one.errors)
        expect(other.chiSquared / ky ** 2).toBe(one.chiSquared)
        expect([other.evaluations, other.reason]).toEqual([one.evaluations, one.reason])
      },
    )
  })

  test('are equal in any other units, apart from rounding errors', () => {
    const unit = fc.double({ min: 1e-6, max: 1e6, noNaN: true })
    check(fc.tuple(data, unit, unit), ([of, ky, kt]) => {
      const scaled = { t: of.t.map((t) => t * kt), y: of.y.map((y) => y * ky) }
      const one = tight(of)
      const other = tight(scaled, { start: { a: ky, b: 1 / kt, c: 0 } })
      const { a, b, c } = other.values
      const off = [
        (a / ky - one.values.a) / one.errors.a,
        (b * kt - one.values.b) / one.errors.b,
        (c / ky - one.values.c) / one.errors.c,
      ]
      expect(Math.max(...off.map(Math.abs))).toBeLessThan(1e-5)
    })
  })

  test('with integer weights equal fits to repeated rows, except for the degrees of freedom', () => {
    check(fc.tuple(data, seed), ([of, s]) => {
      const next = random(s)
      const weights = of.t.map(() => 1 + Math.floor(4 * next()))
      const repeat = (column: readonly number[]) =>
        column.flatMap((x, k) => Array(weights[k]).fill(x) as number[])
      const [one, other] = [tight(of, { weights }), tight({ t: repeat(of.t), y: repeat(of.y) })]
      expect(apart(one, other)).toBeLessThan(1e-5)
      expectClose([one.chiSquared], [other.chiSquared], 1e-12)
      const factor = Math.sqrt(other.degreesOfFreedom / one.degreesOfFreedom)
      expect(other.degreesOfFreedom).toBe(weights.reduce((sum, w) => sum + w) - 3)
      expectClose(
        Object.values(one.errors),
        Object.values(other.errors).map((e) => e * factor),
        1e-5,
      )
      expectClose([one.rSquared], [other.rSquared], 1e-9)
    })
  })

  test('with rows of weight 0 are bit-identical to fits without these rows', () => {
    check(fc.tuple(data, seed), ([of, s]) => {
      const next = random(s)
      const weights = of.t.map((_, k) => (k < 6 || next() < 0.6 ? 1 : 0))
      const keep = (column: readonly number[]) => column.filter((_, k) => weights[k] > 0)
      const [one, other] = [tight(of, { weights }), tight({ t: keep(of.t), y: keep(of.y) })]
      expect(found(one)).toBe(found(other))
      expect([one.observations, one.degreesOfFreedom]).toEqual([other.observations, other.degreesOfFreedom])
      expectClose([one.rSquared, one.aic, one.bic], [other.rSquared, other.aic, other.bic], 1e-9)
    })
  })

  test('with the option sigma are bit-identical to fits with the weights 1/σ²', () => {
    check(fc.tuple(data, seed), ([of, s]) => {
      const next = random(s)
      const sigma = of.t.map(() => 0.1 + next())
      const weights = sigma.map((x) => 1 / (x * x))
      expect(found(tight(of, { sigma }))).toBe(found(tight(of, { weights })))
    })
  })
})

describe('parameters of a fit', () => {
  test('with fixed values give the same bits as constants in the model', () => {
    check(fc.tuple(data, fc.double({ min: -0.5, max: 1, noNaN: true })), ([of, c]) => {
      const one = tight(of, { start: { ...start, c: { start: c, fixed: true } } })
      const other = fitOne(expression(`a*exp(-b*t) + (${c})`), of, {
        start: { a: 1, b: 1 },
        tolerance: 1e-14,
      })
      const { c: value, ...rest } = one.values
      expect([value, one.errors.c, one.free]).toEqual([c, 0, ['a', 'b']])
      expect(rest).toEqual(other.values)
      expect(inBits([one.covariance, one.chiSquared])).toBe(inBits([other.covariance, other.chiSquared]))
    })
  })

  test('have the same values, up to rounding, if other parameters are fixed per fit or in common', () => {
    const offsets = [-0.2, 0, 0.1, 0.4]
    const of = dataOf(3, 30)
    const many = fitManySync(decay, of, {
      start: { a: 1, b: 1, c: { start: offsets, fixed: true } },
      tolerance: 1e-14,
    })
    for (const [i, c] of offsets.entries()) {
      const alone = tight(of, { start: { ...start, c: { start: c, fixed: true } } })
      expect(many.values.c[i]).toBe(c)
      expect(apart(many.at(i), alone)).toBeLessThan(1e-5)
    }
  })

  test('with expressions give the same bits as a model that contains the expressions', () => {
    check(data, (of) => {
      const one = tight(of, { start: { a: 1, b: 1, c: { expr: 'a/4 + b^2' } } })
      const other = fitOne(expression('a*exp(-b*t) + (a/4 + b^2)'), of, {
        start: { a: 1, b: 1 },
        tolerance: 1e-14,
      })
      const { c, ...rest } = one.values
      expect(rest).toEqual(other.values)
      expect(inBits(one.covariance)).toBe(inBits(other.covariance))
      const { a, b } = one.values
      expectClose([c], [a / 4 + b * b], 1e-14)
      const [[aa, ab], [, bb]] = one.covariance
      expectClose([one.errors.c], [Math.sqrt(aa / 16 + b * ab + 4 * b * b * bb)], 1e-9)
    })
  })

  test('satisfy the Karush-Kuhn-Tucker conditions within bounds', () => {
    let held = 0
    const ends = fc.tuple(
      fc.double({ min: 0.2, max: 3, noNaN: true }),
      fc.double({ min: 0.01, max: 2, noNaN: true }),
    )
    check(
      fc.tuple(data, ends, ends, ends),
      ([of, ...boxes]) => {
        const names = ['a', 'b', 'c'] as const
        const box = boxes.map(([low, width]) => [low, low + width])
        const bounded = Object.fromEntries(
          names.map((name, i) => [name, { start: start[name], min: box[i][0], max: box[i][1] }]),
        )
        const one = tight(of, { start: bounded })
        const x = names.map((name) => one.values[name])
        // The names of the expression are a, b and c, in this order.
        const sum = expression('(a*exp(-b*t) + c - y)^2').with(of)
        const slopes = new Float64Array(3)
        sum.gradient(x, slopes)
        for (const [i, name] of names.entries()) {
          const [low, high] = box[i]
          expect(x[i]).toBeGreaterThanOrEqual(low)
          expect(x[i]).toBeLessThanOrEqual(high)
          // The length of a derivative is bounded, so |slope| / (2·length·√cost) is a cosine.
          const columns = {
            a: (t: number) => Math.exp(-x[1] * t),
            b: (t: number) => -x[0] * t * Math.exp(-x[1] * t),
            c: () => 1,
          }
          const length = Math.sqrt(of.t.reduce((squares, t) => squares + columns[name](t) ** 2, 0))
          const cosine = slopes[i] / (2 * length * Math.sqrt(sum.value(x)))
          const isLow = x[i] === low
          const isHigh = x[i] === high
          if (isLow) expect(cosine).toBeGreaterThan(-1e-5)
          else if (isHigh) expect(cosine).toBeLessThan(1e-5)
          else expect(Math.abs(cosine)).toBeLessThan(1e-5)
          if ((isLow && cosine > 1e-5) || (isHigh && cosine < -1e-5)) {
            held++
            expect(one.errors[name]).toBeNaN()
          } else if (!isLow && !isHigh) expect(one.errors[name]).toBeGreaterThan(0)
        }
        expect(one.reason).toBe('converged')
      },
      150,
    )
    expect(held).toBeGreaterThan(75)
  })

  test('at a bound have the same effect on all values as fixed parameters', () => {
    check(data, (of) => {
      const free = tight(of)
      const max = free.values.a - 3 * free.errors.a
      const [held, fixed] = [
        tight(of, { start: { ...start, a: { start: max / 2, max } } }),
        tight(of, { start: { ...start, a: { start: max, fixed: true } } }),
      ]
      expect(held.values.a).toBe(max)
      for (const name of ['b', 'c']) {
        expect(Math.abs(held.values[name] - fixed.values[name])).toBeLessThan(1e-5 * fixed.errors[name])
      }
      expectClose([held.errors.b, held.errors.c], [fixed.errors.b, fixed.errors.c], 1e-5)
      expect([held.atBound, held.degreesOfFreedom]).toEqual([['a'], fixed.degreesOfFreedom])
    })
  })

  test('at a bound have the same effect on standard errors and statistics as fixed parameters', () => {
    const losses = ['squared', 'huber', 'softL1', 'cauchy'] as const
    let compared = 0
    check(
      fc.tuple(data, fc.constantFrom(...losses), fc.boolean(), fc.boolean()),
      ([of, loss, isAbove, isKnown]) => {
        const sigma = of.t.map((_, k) => 0.02 + 0.001 * k)
        const options: FitOptions = { loss, sigma, absoluteSigma: isKnown }
        const free = tight(of, { ...options, start })
        // The bound is far enough from the free estimate.
        const bound = free.values.c + (isAbove ? -0.3 : 0.3)
        const box = isAbove ? { max: bound } : { min: bound }
        const d = { expr: 'a/4 + c' }
        const model = expression('a*exp(-b*t) + c + 0*d')
        const fitted = (c: object) =>
          fitOne(model, of, {
            ...options,
            tolerance: 1e-14,
            start: { ...free.values, c: { start: bound, ...c }, d },
          })
        const [held, fixed] = [fitted(box), fitted({ fixed: true })]
        if (held.reason !== 'converged' || fixed.reason !== 'converged') return
        compared++
        expect([held.values.c, held.atBound, held.errors.c]).toEqual([bound, ['c'], NaN])
        expect(held.degreesOfFreedom).toBe(fixed.degreesOfFreedom)
        const said = (fit: Fit) => [fit.chiSquared, fit.reducedChiSquared, fit.rSquared, fit.aic, fit.bic]
        expectClose(said(held), said(fixed), 1e-6)
        const about = (fit: Fit) => {
          const { low, high } = fit.band({ t: [0, 1, 3] }, { kind: 'prediction' })
          const intervals = fit.intervals(0.9)
          return [
            ...['a', 'b', 'd'].flatMap((name) => [fit.errors[name], ...intervals[name]]),
            ...[...fit.band().low, ...low, ...high],
            ...fit.covariance.slice(0, 2).flatMap((row) => row.slice(0, 2)),
          ]
        }
        // The errors of a robust loss belong to its final point, which differs in the last digits.
        expectClose(about(held), about(fixed), 1e-4)
      },
      100,
    )
    expect(compared).toBeGreaterThan(90)
  })

  test('do not reduce the degrees of freedom if all parameters are at bounds', () => {
    const of = dataOf(1, 12)
    const one = tight(of, {
      start: { a: { start: 9, min: 9 }, b: { start: 0.1, max: 0.1 }, c: { start: 9, min: 9 } },
    })
    expect([one.atBound, one.degreesOfFreedom, one.errors]).toEqual([
      ['a', 'b', 'c'],
      12,
      { a: NaN, b: NaN, c: NaN },
    ])
    expect(one.reducedChiSquared).toBe(one.chiSquared / 12)
  })

  test('have standard errors if a parameter at a bound leaves a degree of freedom', () => {
    const [t, y] = [
      [0, 1, 2],
      [3, 1.5, 1.2],
    ]
    const one = fitOne(decay, { t, y }, { start: { ...start, c: { start: 0, max: 0.5 } } })
    const other = fitOne(decay, { t, y }, { start: { ...start, c: { start: 0.5, fixed: true } } })
    expect([one.atBound, one.degreesOfFreedom]).toEqual([['c'], 1])
    expectClose([one.errors.a, one.errors.b], [other.errors.a, other.errors.b], 1e-4)
  })
})

/** Quantiles by closed forms, or from tables. */
test.each([
  [1, 0.9, Math.tan(0.45 * Math.PI)],
  [1, 0.95, 12.7062],
  [2, 0.95, 0.95 * Math.sqrt(2 / (1 - 0.95 ** 2))],
  [5, 0.5, 0.72669],
  [5, 0.99, 4.03214],
  [10, 0.95, 2.22814],
  [30, 0.999, 3.64596],
  [1500, 0.95, 1.96154],
  [Infinity, 0.95, 1.959964],
  [Infinity, 1 - 1e-7, 5.326724],
])(
  'a confidence interval with %d degrees of freedom at the level %d extends %d standard errors to both sides',
  (freedom, level, wanted) => {
    const absoluteSigma = freedom === Infinity
    const x = Array.from({ length: absoluteSigma ? 9 : freedom + 2 }, (_, k) => k)
    const y = x.map((at) => at + (at % 2))
    const line = fitOne(
      models.line(),
      { x, y },
      { absoluteSigma, ...(absoluteSigma && { sigma: x.map(() => 1) }) },
    )
    for (const name of ['slope', 'intercept'] as const) {
      const [low, high] = line.intervals(level)[name]
      const { [name]: value } = line.values
      for (const side of [value - low, high - value])
        expect(side / line.errors[name] / wanted).toBeCloseTo(1, 5)
    }
  },
)

describe('parameters that the data do not determine', () => {
  const x = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
  const constant = (y: number, options: FitOptions) =>
    fitOne(decay, { t: x, y: x.map(() => y) }, { start, ...options })

  test.each<[number, FitOptions]>([
    [2, {}],
    [0.1, {}],
    [-3.7, {}],
    [1e10, {}],
    [1e-8, {}],
    [2, { tolerance: 1e-4 }],
    [2, { tolerance: 1e-14 }],
    [2, { start: { a: 1e-8, b: 1, c: 2 } }],
    [2, { start: { a: 0, b: 1, c: 1 } }],
    [2, { weights: x.map((k) => k + 1) }],
  ])('include the decay rate if y is constant: %d, %j', (y, options) => {
    const one = constant(y, options)
    expect([one.reason, one.unidentifiable, one.errors.b]).toEqual(['singular', ['b'], NaN])
    expectClose([one.values.c], [y], 1e-12)
    expect(one.errors.c).toBeLessThan(1e-8 * Math.abs(y))
    expect(one.covariance.map((row) => row.map(Number.isNaN))).toEqual([
      [false, true, false],
      [true, true, true],
      [false, true, false],
    ])
    expect(one.rSquared).toBeNaN()
  })

  test('exclude a decay rate of 0 and a slope of 0', () => {
    const y = x.map(() => 2)
    const line = fitOne(expression('a*t + c'), { t: x, y }, { start: { a: 0, c: 0 } })
    const growth = fitOne(expression('c*exp(b*t)'), { t: x, y }, { start: { c: 1, b: 1 } })
    const far = fitOne(expression('c*exp(b*t)'), { t: x, y }, { start: { c: 0.1, b: 2 } })
    for (const one of [line, growth, far]) {
      expect([one.reason, one.unidentifiable]).toEqual(['converged', []])
      expectClose([one.values.c], [2], 1e-12)
    }
  })

  test('are reported for a constant y with built-in models', () => {
    const t = x.map((k) => k + 1)
    const { errors, reason, unidentifiable } = fitOne(models.fourPL({ x: 't' }), { t, y: t.map(() => 2) }, {})
    expect([reason, unidentifiable]).toEqual(['singular', ['slope', 'ec50']])
    expect([errors.slope, errors.ec50, errors.top, errors.bottom]).toEqual([NaN, NaN, 0, 0])
  })
})

describe('a batch of fits', () => {
  const ragged = Array.from({ length: 40 }, (_, i) => dataOf(i + 1, 5 + ((i * 7) % 30)))
  const columns = { t: ragged.map(({ t }) => t), y: ragged.map(({ y }) => y) }
  const starts = { a: ragged.map((_, i) => 1 + i / 40), b: 1, c: 0 }

  test('is bit-identical to single fits, even for data sets of different lengths', () => {
    const many = fitManySync(decay, columns, { start: starts })
    for (const [i, of] of ragged.entries()) {
      expect(found(many.at(i)), `fit ${i}`).toBe(
        found(fitOne(decay, of, { start: { ...starts, a: starts.a[i] } })),
      )
    }
  })

  test('does not depend on the order of the fits', () => {
    const reversed = { t: columns.t.toReversed(), y: columns.y.toReversed() }
    const [one, other] = [
      fitManySync(decay, columns, { start: starts }),
      fitManySync(decay, reversed, { start: { ...starts, a: starts.a.toReversed() } }),
    ]
    for (let i = 0; i < 40; i++) expect(found(one.at(i))).toBe(found(other.at(39 - i)))
  })

  test('reports reasons for impossible fits without an effect on other fits', () => {
    const good = dataOf(1, 20)
    const broken: readonly (readonly [Data, string])[] = [
      [{ t: good.t.slice(0, 2), y: good.y.slice(0, 2) }, 'too-few-points'],
      [{ t: good.t, y: good.y.map((y, k) => (k === 7 ? NaN : y)) }, 'not-finite'],
      [{ t: good.t, y: good.y.map((y, k) => (k === 0 ? Infinity : y)) }, 'not-finite'],
      [{ t: good.t.map((t, k) => (k === 3 ? -1e9 : t)), y: good.y }, 'not-finite'],
      [{ t: good.t.map(() => 1), y: good.y }, 'singular'],
    ]
    const own = ragged.flatMap((of, i) => (i < broken.length ? [of, broken[i][0]] : [of]))
    const many = fitManySync(decay, { t: own.map(({ t }) => t), y: own.map(({ y }) => y) }, { start })
    const reasons = own.map((_, i) => fitReasons[many.reason[i]])
    for (const [i, [, reason]] of broken.entries()) expect(reasons[2 * i + 1]).toBe(reason)
    for (const [i, of] of own.entries()) {
      expect(found(many.at(i)), `fit ${i}`).toBe(found(fitOne(decay, of, { start })))
    }
  })
})

describe('fits from several starts', () => {
  // The frequency leads to many local minima.
  const wave = expression('a*sin(w*t + p)')
  const next = random(5)
  const t = Array.from({ length: 60 }, (_, k) => k / 10)
  const y = t.map((at) => 2 * Math.sin(3.3 * at + 0.7) + 0.1 * (next() - 0.5))
  const box: FitParameters = {
    a: { start: 1, min: 0.1, max: 5 },
    w: { start: 8, min: 0.5, max: 10 },
    p: { start: 0, min: -3.2, max: 3.2 },
  }

  test.each(['latinHypercube', 'sobol', 'uniform'] as const)(
    'find the best minimum with the method %s and report the other minima',
    (sample) => {
      const alone = fitOne(wave, { t, y }, { start: box })
      const one = fitOne(wave, { t, y }, { start: box, multiStart: { count: 50, sample, seed: 1 } })
      expect(Math.abs(one.values.w - 3.3)).toBeLessThan(0.01)
      expect(one.chiSquared).toBeLessThan(0.05 * alone.chiSquared)
      expect(one.minima.length).toBeGreaterThan(3)
      expect(one.minima.reduce((sum, { starts }) => sum + starts, 0)).toBe(50)
      expect(one.minima[0].chiSquared).toBe(one.chiSquared)
      expect(one.minima[0].values).toEqual(one.values)
      const costs = one.minima.map(({ chiSquared }) => chiSquared)
      expect(costs).toEqual([...costs].sort((a, b) => a - b))
      // The first start is the fit's own, so its solution is among the minima.
      const own = one.minima.filter(
        ({ values }) => Math.abs(values.w - alone.values.w) < 1e-3 * alone.values.w,
      )
      expect(own.length).toBeGreaterThan(0)
    },
  )

  test('give the same bits in a batch as in a single call', () => {
    const other = y.map((value, k) => value * 0.9 + Math.cos(k))
    const options = { start: box, multiStart: 20 }
    const many = fitManySync(wave, { t, y: [y, other, y] }, options)
    for (const [i, column] of [y, other, y].entries()) {
      const alone = fitOne(wave, { t, y: column }, options)
      expect(found(many.at(i))).toBe(found(alone))
      expect(many.at(i).minima).toEqual(alone.minima)
    }
  })
})

test.each(['squared', 'huber', 'softL1', 'cauchy'] as const)(
  'a fit with Adam reaches the same minimum as Levenberg-Marquardt with the loss %s',
  (loss) => {
    const of = dataOf(11, 30, 0.1)
    const options: FitManyOptions = { start, loss, lossScale: 0.05 }
    const [one, other] = [
      tight(of, options),
      fitOne(decay, of, { ...options, method: ruleMethod(adam({ lr: 0.02 })), maxIterations: 20_000 }),
    ]
    expect(other.reason).toBe('converged')
    expect(apart(other, one)).toBeLessThan(1e-3)
    expectClose([other.chiSquared], [one.chiSquared], 1e-6)
    expectClose(Object.values(other.errors), Object.values(one.errors), 1e-3)
  },
)

test('a fit with Adam names the parameters that the data do not determine', () => {
  const data = { x: [1, 2, 3, 4], y: [2, 4, 6, 8] }
  const options: FitManyOptions = { start: { a: 1, b: 1 }, method: ruleMethod(adam({ lr: 0.1 })) }
  const [together, unseen] = ['a*b*x', 'a*x + 0*b'].map((text) => fitOne(expression(text), data, options))
  expect([together.reason, together.unidentifiable]).toEqual(['singular', []])
  expect([unseen.reason, unseen.unidentifiable]).toEqual(['singular', ['b']])
})

test('a model without columns is fitted to the mean of y', () => {
  const { values, errors } = fitOne(expression('c'), { y: [1, 2, 6] }, { start: { c: 0 } })
  expectClose([values.c, errors.c], [3, Math.sqrt(7 / 3)], 1e-12)
})

test('the columns of a batch contain the results of single fits', () => {
  const of = [dataOf(1, 20), dataOf(2, 20), dataOf(3, 20)]
  const many = fitManySync(decay, { t: of.map(({ t }) => t), y: of.map(({ y }) => y) }, { start })
  expect(many.length).toBe(3)
  for (const name of ['reducedChiSquared', 'rSquared', 'aic', 'bic'] as const) {
    expect([...many[name]]).toEqual([0, 1, 2].map((i) => many.at(i)[name]))
  }
  expect(all(many)).toBe(
    all(fitManySync(decay, { t: of.map(({ t }) => t), y: of.map(({ y }) => y) }, { start })),
  )
})
