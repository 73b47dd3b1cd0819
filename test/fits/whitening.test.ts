/** A covariance of y: generalized least squares compared with 40 digits of mpmath, and refused calls. */

import { ArgumentError, expression, OptionError } from 'antigrad'
import {
  compare,
  covarianceMatrix,
  type FitOptions,
  fitManySync,
  fit as fitOne,
  models,
  profile,
  profileIntervals,
  rout,
} from 'antigrad/fit'
import { describe, expect, test } from 'vitest'
import { inBits, random } from '../helpers.js'

const n = 12
const t = Array.from({ length: n }, (_, k) => k / 2)
const y = t.map((at, k) => 4 * Math.exp(-at) + 1 + 0.1 * Math.sin(k * 77.7))
/** A correlation between neighbors, plus a common part. */
const matrix = t.map((_, i) => t.map((_, j) => 0.01 * 0.6 ** Math.abs(i - j) + 0.02))
const covariance = covarianceMatrix(matrix)
const decay = expression('a*exp(-b*t) + c')
const start = { a: 3, b: 0.8, c: 0.5 }

describe('a covariance of y', () => {
  test('gives the same fit of a line in float64 as in 40-digit arithmetic', () => {
    const { values, errors, chiSquared, rSquared, degreesOfFreedom, observations } = fitOne(
      models.line({ x: 't' }),
      { t, y },
      { covariance },
    )
    expect(values.slope).toBeCloseTo(-0.6415452501077802, 12)
    expect(values.intercept).toBeCloseTo(3.844438045347168, 12)
    expect(errors.slope).toBeCloseTo(0.166133816973886, 11)
    expect(errors.intercept).toBeCloseTo(1.133135344251222, 11)
    expect(chiSquared / 474.3826508834987).toBeCloseTo(1, 11)
    expect(rSquared).toBeCloseTo(0.5985884683068906, 11)
    expect([degreesOfFreedom, observations]).toEqual([10, 12])
  })

  test('gives the same fit of a nonlinear curve in float64 as in 40-digit arithmetic', () => {
    const options = { start, covariance, absoluteSigma: true, tolerance: 1e-14 }
    const { values, errors, chiSquared, reason } = fitOne(decay, { t, y }, options)
    expect(reason).toBe('converged')
    expect(values.a).toBeCloseTo(4.006897553074291, 9)
    expect(values.b).toBeCloseTo(0.9857469818916214, 9)
    expect(values.c).toBeCloseTo(0.9931127521630195, 9)
    expect(errors.a).toBeCloseTo(0.1261315068719085, 8)
    expect(errors.b).toBeCloseTo(0.06488743755141307, 8)
    expect(errors.c).toBeCloseTo(0.1609734360844231, 8)
    expect(chiSquared).toBeCloseTo(18.94099202442795, 9)
  })

  test('acts like the option sigma if the covariance matrix is diagonal', () => {
    const sigma = t.map((at) => 0.1 + at / 20)
    const diagonal = sigma.map((s, i) => sigma.map((_, j) => (i === j ? s * s : 0)))
    const tolerance = 1e-14
    const found = fitOne(decay, { t, y }, { start, covariance: covarianceMatrix(diagonal), tolerance })
    const other = fitOne(decay, { t, y }, { start, sigma, tolerance })
    for (const name of ['a', 'b', 'c'] as const) {
      expect(found.values[name]).toBeCloseTo(other.values[name], 9)
      expect(found.errors[name]).toBeCloseTo(other.errors[name], 9)
    }
    for (const name of ['chiSquared', 'rSquared', 'aic', 'bic', 'degreesOfFreedom'] as const) {
      expect(found[name]).toBeCloseTo(other[name], 8)
    }
  })

  test('leaves curves, residuals and bands in the units of y', () => {
    const found = fitOne(decay, { t, y }, { start, covariance, derive: { half: 'log(2)/b' } })
    const { a, b, c } = found.values
    expect(Object.keys(found.values)).toEqual(['a', 'b', 'c', 'half'])
    expect(found.free).toEqual(['a', 'b', 'c'])
    expect(found.predict({ t: [1.5] })[0]).toBeCloseTo(a * Math.exp(-b * 1.5) + c, 12)
    expect(Array.from(found.residuals)).toEqual(Array.from(found.predict(), (f, row) => y[row] - f))
    const { low, high } = found.band({ t: [0, 9] })
    expect(high[1] - low[1]).toBeGreaterThan(0.1)
    expect(found.band({ t: [0] }, { kind: 'prediction' }).low[0]).toBeNaN()
    expect(found.errors.half / found.values.half).toBeCloseTo(found.errors.b / b, 12)
  })

  test('gives correct standard errors, profiles, replicates and tests in a batch of fits', () => {
    const lower = matrix.map(() => new Float64Array(n))
    for (let i = 0; i < n; i++) {
      for (let j = 0; j <= i; j++) {
        let rest = matrix[i][j]
        for (let k = 0; k < j; k++) rest -= lower[i][k] * lower[j][k]
        lower[i][j] = i === j ? Math.sqrt(rest) : rest / lower[j][j]
      }
    }
    const next = random(4)
    const normal = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next())
    const count = 1000
    const sets = Array.from({ length: count }, () => {
      const z = t.map(normal)
      return t.map((at, i) => 4 * Math.exp(-at) + 1 + z.reduce((sum, x, k) => sum + lower[i][k] * x, 0))
    })
    const options = { covariance, absoluteSigma: true }
    const found = fitManySync(decay, { t, y: sets }, { start, ...options })
    const mean = (of: ArrayLike<number>) => Array.from(of).reduce((sum, x) => sum + x) / of.length
    const spread = (of: Float64Array) => Math.sqrt(mean(of.map((x) => (x - mean(of)) ** 2)))
    for (const name of ['a', 'b', 'c'] as const) {
      expect(Math.abs(mean(found.errors[name]) / spread(found.values[name]) - 1)).toBeLessThan(0.08)
    }
    const c = { start: 1, fixed: true }
    const fixed = fitManySync(decay, { t, y: sets }, { start: { ...start, c }, ...options })
    const tests = compare(fixed, found)
    const part =
      tests.filter(({ test, pValue }) => test === 'likelihood-ratio' && pValue < 0.05).length / count
    expect(Math.abs(part - 0.05)).toBeLessThan(0.03)
    const one = fitOne(decay, { t, y: sets[3] }, { start, ...options })
    expect(inBits([one.values, one.errors])).toBe(inBits([found.at(3).values, found.at(3).errors]))
    const { b } = profile(one, ['b'])
    expect([b.lowReason, b.highReason]).toEqual(['found', 'found'])
    const profiled = fitOne(decay, { t, y: sets[3] }, { start, ...options, intervals: profileIntervals() })
    expect(profiled.intervals().b[0]).toBeCloseTo(b.low, 9)
    expect((b.high - b.low) / (2 * 1.96 * one.errors.b)).toBeCloseTo(1, 1)
  })

  test('gives bit-identical fits on every engine', () => {
    const all = (['native', 'wasm', 'typescript'] as const).map((engine) => {
      const { values, errors, chiSquared } = fitOne(decay, { t, y }, { start, covariance, engine })
      return inBits({ values, errors, chiSquared })
    })
    expect(all[1]).toBe(all[0])
    expect(all[2]).toBe(all[0])
  })

  test('does not restrict the names of parameters and columns', () => {
    const names = expression('w__0*exp(-1e-1*t__1*e) + pi')
    const found = fitOne(names, { e: t, y }, { start: { w__0: 3, t__1: 5 }, covariance })
    const plain = fitOne(expression('a*exp(-0.1*b*t) + pi'), { t, y }, { start: { a: 3, b: 5 }, covariance })
    expect(found.values.w__0).toBeCloseTo(plain.values.a, 6)
    expect(Object.keys(found.values)).toEqual(['w__0', 't__1'])
    const derived = fitOne(decay, { t, y }, { start, covariance, derive: { t__3: '2*b', w__1: 't__3 + a' } })
    expect(derived.values.t__3).toBe(2 * derived.values.b)
  })

  test('gives the same fit of a model whose text has named lines', () => {
    const lines = expression('a, b, t\nu = exp(-b*t)\nv = a*u; v + c;')
    const [plain, named] = [decay, lines].map((model) => fitOne(model, { t, y }, { start, covariance }))
    expect(named.values).toEqual(plain.values)
    expect(named.errors).toEqual(plain.errors)
  })

  test('is a frozen copy of the matrix', () => {
    const own = matrix.map((row) => Float64Array.from(row))
    const copied = covarianceMatrix(own)
    for (const row of own) row.fill(NaN)
    const [one, other] = [copied, covariance].map((covariance) =>
      fitOne(decay, { t, y }, { start, covariance }),
    )
    expect(inBits([one.values, one.errors])).toBe(inBits([other.values, other.errors]))
    expect(Object.isFrozen(copied)).toBe(true)
  })

  test('does not change how failed fits are reported', () => {
    const sets = [y, y.with(2, Number.NaN), y]
    const found = fitManySync(decay, { t, y: sets }, { start, covariance })
    expect(Array.from(found.reason)).toEqual([1, 4, 1])
    expect(found.at(1).message).toBe('row 2: y is NaN')
    expect(found.values.b[1]).toBeNaN()
    const few = fitOne(
      decay,
      { t: [0, 1], y: [1, 2] },
      {
        start,
        covariance: covarianceMatrix([
          [1, 0],
          [0, 1],
        ]),
      },
    )
    expect(few.reason).toBe('too-few-points')
  })
})

describe('an invalid covariance of y', () => {
  const withOptions = (options: object) => {
    return () => fitOne(decay, { t, y }, { start, covariance, ...options } as FitOptions as never)
  }
  const changed = (i: number, j: number, x: number) =>
    matrix.map((row, k) => (k === i ? row.with(j, x) : row))

  test.each<[string, unknown, RegExp]>([
    ['a number', 5, /^covariance: expected an array of arrays, one per row and at most 512, got 5/],
    ['an empty array', [], /^covariance: expected an array of arrays/],
    ['that is not square', matrix.with(3, [1, 2]), /^covariance\[3\]: expected 12 numbers, got "2"/],
    ['with a text', matrix.with(1, 'one' as never), /^covariance\[1\]: expected 12 numbers/],
    [
      'that is not finite',
      changed(2, 2, Number.NaN),
      /^covariance\[2\]\[2\]: expected a finite number, got NaN/,
    ],
    [
      'that is not symmetric',
      changed(4, 1, 0.5),
      /^covariance\[1\]\[4\]: expected 0.5, like \[4\]\[1\], got/,
    ],
    [
      'that is singular',
      t.map(() => t.map(() => 1)),
      /a positive definite matrix, got "row 1, which depends/,
    ],
    [
      'that is negative',
      t.map((_, i) => t.map((_, j) => -Number(i === j))),
      /a positive definite matrix, got "-1/,
    ],
    ['that is too large', Array.from({ length: 600 }, () => [1]), /at most 512/],
  ])('is refused with an error message: %s', (_, given, message) => {
    const call = () => covarianceMatrix(given as number[][])
    expect(call).toThrow(OptionError)
    expect(call).toThrow(message)
  })

  test('is refused if the matrix has another number of rows than y', () => {
    const two = covarianceMatrix([
      [1, 0],
      [0, 1],
    ])
    expect(withOptions({ covariance: two })).toThrow('covariance: expected 12 rows, like y, got "2"')
  })

  test.each<[string, unknown]>([
    ['a plain matrix', matrix],
    ['null', null],
    ['outliers', rout()],
    ['a proxy of a covariance', new Proxy(covariance, {})],
    ['an object with the prototype of a covariance', Object.create(Object.getPrototypeOf(covariance))],
  ])('is refused unless covarianceMatrix() returned the value: %s', (_, given) => {
    expect(withOptions({ covariance: given })).toThrow(
      'covariance: expected a result of covarianceMatrix(), got',
    )
  })

  test('is refused if the fit also has σ, weights, counts or the option missing', () => {
    expect(withOptions({ sigma: y })).toThrow('sigma: expected none if covariance is set')
    expect(withOptions({ weights: '1/f' })).toThrow('weights: expected none if covariance is set')
    expect(withOptions({ loss: 'poisson' })).toThrow('loss: expected none if covariance is set')
    expect(withOptions({ missing: 'drop' })).toThrow('missing: expected none if covariance is set')
  })

  test('is refused if the covariance matrices of two compared fits differ', () => {
    const one = fitOne(models.line({ x: 't' }), { t, y }, { covariance })
    const other = fitOne(
      decay,
      { t, y },
      { start, covariance: covarianceMatrix(matrix.map((row) => row.map((c) => 2 * c))) },
    )
    expect(() => compare(one, other)).toThrow(ArgumentError)
    expect(() => compare(one, fitOne(decay, { t, y }, { start }))).toThrow(ArgumentError)
  })
})
