/** Derived quantities: values, errors, intervals and replicates. */

import { type AntigradError, expression, OptionError } from 'antigrad'
import { bootstrap, bootstrapSync, fitManySync, fit as fitOne, fitSharedSync, models } from 'antigrad/fit'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Anything } from '../adversarial/subject.js'
import { inBits, random } from '../helpers.js'

const dose = [0.1, 0.3, 1, 3, 10, 30, 100, 300]
const curve = (seed: number) => {
  const next = random(seed)
  const [top, ec50, slope] = [90 + 20 * next(), 3 + 10 * next(), 0.8 + 0.7 * next()]
  return dose.map((x) => 5 + (top - 5) / (1 + (ec50 / x) ** slope) + 2 * (next() - 0.5))
}
const hill = expression('bottom + (top - bottom)/(1 + (ec50/x)^slope)')
const start = { bottom: 1, top: 100, ec50: 5, slope: 1 }
const derive = { ec90: 'ec50*9^(1/slope)', window: 'top - bottom', double: '2*ec90', two: '2' } as const
const options = { start, derive, tolerance: 1e-13 }

describe('a derived quantity', () => {
  test('has the standard error of a fit in which the quantity is a parameter', () => {
    // ec50 is expressed by ec90.
    const other = expression('bottom + (top - bottom)/(1 + (ec90/9^(1/slope)/x)^slope)')
    fc.assert(
      fc.property(fc.nat(1e6), (seed) => {
        const y = curve(seed)
        const one = fitOne(hill, { x: dose, y }, options)
        const { ec50: _, ...others } = start
        const reparametrized = fitOne(
          other,
          { x: dose, y },
          { start: { ...others, ec90: 40 }, derive: { ec50: 'ec90/9^(1/slope)' }, tolerance: 1e-13 },
        )
        for (const name of ['ec90', 'ec50'] as const) {
          expect(one.values[name] / reparametrized.values[name]).toBeCloseTo(1, 5)
          expect(one.errors[name] / reparametrized.errors[name]).toBeCloseTo(1, 4)
        }
        const [low, high] = one.intervals(0.9).ec90
        const half = reparametrized.intervals(0.9).ec90[1] - reparametrized.values.ec90
        expect((high - low) / 2 / half).toBeCloseTo(1, 4)
      }),
      { numRuns: 30, seed: 3 },
    )
  })

  test('has a standard error from the covariance matrix, and may depend on other derived quantities', () => {
    const { values, errors, covariance, free } = fitOne(hill, { x: dose, y: curve(1) }, options)
    const [top, bottom] = [free.indexOf('top'), free.indexOf('bottom')]
    const variance = covariance[top][top] + covariance[bottom][bottom] - 2 * covariance[top][bottom]
    expect(values.window).toBe(values.top - values.bottom)
    expect(errors.window).toBeCloseTo(Math.sqrt(variance), 9)
    expect([values.double, errors.double]).toEqual([2 * values.ec90, 2 * errors.ec90])
    expect([values.two, errors.two]).toEqual([2, 0])
  })

  test('has no effect on any bit of the parameters and statistics of the fit', () => {
    const y = curve(2)
    const { values, ...rest } = fitOne(hill, { x: dose, y }, options)
    const plain = fitOne(hill, { x: dose, y }, { start, tolerance: 1e-13 })
    for (const name of plain.free)
      expect([values[name], rest.errors[name]]).toEqual([plain.values[name], plain.errors[name]])
    expect([rest.chiSquared, rest.evaluations, rest.free]).toEqual([
      plain.chiSquared,
      plain.evaluations,
      plain.free,
    ])
    expect(inBits(fitOne(hill, { x: dose, y }, options).covariance)).toBe(inBits(plain.covariance))
  })

  test('is reported for each fit of a batch, with fixed, derived, bounded and guessed parameters', () => {
    const ys = [1, 2, 3].map(curve)
    const many = fitManySync(
      models.fourPL(),
      { x: dose, y: ys },
      {
        start: {
          ec50: { max: 6 },
          bottom: { start: [4, 5, 6], fixed: true },
          top: { expr: 'k + bottom' },
          k: 95,
        },
        derive: { ec90: 'ec50*9^(1/slope)', base: 'bottom*2', sum: 'top + ec50', twice: '2*ec50' },
      },
    )
    const { values, errors } = many
    expect(Array.from(values.base)).toEqual([8, 10, 12])
    expect(Array.from(errors.base)).toEqual([0, 0, 0])
    for (const i of [0, 1, 2]) {
      const one = many.at(i)
      expect(one.values.sum).toBe(one.values.top + one.values.ec50)
      expect(one.errors.ec90).toBe(errors.ec90[i])
      // A parameter at a bound counts as fixed.
      if (one.atBound.includes('ec50')) expect(one.errors.sum).toBe(one.errors.top)
      // The error is unknown if the quantity depends only on a parameter at a bound.
      expect(Number.isNaN(one.errors.twice)).toBe(one.atBound.includes('ec50'))
    }
    expect([0, 1, 2].some((i) => many.at(i).atBound.includes('ec50'))).toBe(true)
  })

  test('has bootstrap replicates and bootstrap intervals', () => {
    const found = fitOne(hill, { x: dose, y: curve(4) }, options)
    const refits = bootstrap(found, { count: 400 })
    const { ec90, ec50, slope, double } = refits.values
    for (const k of [0, 7, 399]) {
      if (Number.isNaN(ec50[k])) continue
      expect(ec90[k] / (ec50[k] * 9 ** (1 / slope[k]))).toBeCloseTo(1, 12)
      expect(double[k]).toBe(2 * ec90[k])
    }
    const [low, high] = refits.intervals().ec90
    expect(low).toBeLessThan(found.values.ec90)
    expect(high).toBeGreaterThan(found.values.ec90)
    // The bias correction is that of the parameter, times the factor.
    expect(refits.intervals().double).toEqual([2 * low, 2 * high])
    expect(refits.intervals().two).toEqual([2, 2])
  })

  test('and its standard error are NaN if the quantity is not a number at the estimate', () => {
    const { values, errors, intervals } = fitOne(
      models.line(),
      { x: [0, 1, 2], y: [3, 2, 1.1] },
      {
        derive: { logarithm: 'log(slope)', pole: '1/(slope - slope)' },
      },
    )
    expect([values.logarithm, errors.logarithm, errors.pole]).toEqual([NaN, NaN, NaN])
    expect(typeof intervals).toBe('function')
  })

  test('has the standard error NaN in each group in which the quantity is NaN', () => {
    const data = { x: dose, y: [curve(1), curve(2)] }
    const derived = { none: 'sqrt(-1)', negative: 'sqrt(-top)', two: '2' }
    const found = fitSharedSync(hill, data, { shared: ['bottom'], start, derive: derived })
    for (const { values, errors } of found.groups.map((_, k) => found.at(k))) {
      expect(values).toMatchObject({ none: NaN, negative: NaN, two: 2 })
      expect(errors).toMatchObject({ none: NaN, negative: NaN, two: 0 })
    }
  })
})

describe('the specification of a derived quantity', () => {
  const refused = (derive: unknown) => {
    try {
      fitOne(hill, { x: dose, y: curve(1) }, { start, derive: derive as Anything })
    } catch (error) {
      return error as AntigradError
    }
  }
  test.each<[string, unknown, RegExp]>([
    ['a string instead of an object', 'ec50', /^derive: expected an object of strings, got/],
    ['a list', ['ec50'], /^derive: expected an object of strings, got/],
    ['null', null, /^derive: expected an object of strings, got/],
    ['a number', { a: 2 }, /^derive: a: expected a string, got 2/],
    ['nothing', { a: undefined }, /^derive: a: expected a string, got/],
    [
      'an unknown parameter',
      { a: 'ec5*2' },
      /^derive: a: expected parameters among bottom, top, ec50, slope, a, got/,
    ],
    ['a column', { a: 'ec50*x' }, /^derive: a: expected parameters among/],
    ['what was measured', { a: 'ec50*y' }, /^derive: a: expected parameters among/],
    ['itself', { a: 'a + 1' }, /^derive: a: expected no circular reference, got/],
    ['a circle', { a: 'b', b: 'a' }, /^derive: [ab]: expected no circular reference, got/],
    ["a parameter's name", { ec50: 'top' }, /^derive: expected unused names, got/],
    ["a column's name", { x: 'top' }, /^derive: expected unused names, got/],
    ['the name of what was measured', { y: 'top' }, /^derive: expected unused names, got/],
    ['no name', { '': 'top' }, /^derive: expected valid names, got/],
    ['two names', { 'a b': 'top' }, /^derive: expected valid names, got/],
    ['a name of ours', { '@best0': 'top' }, /^derive: expected valid names, got/],
    ['a function', { exp: 'top' }, /^derive: expected valid names, got/],
    ['a number', { π: 'top' }, /^derive: expected another name than π/],
  ])('is refused if invalid: %s', (_, derive, message) => {
    const error = refused(derive)
    expect(error).toBeInstanceOf(OptionError)
    expect(error?.message).toMatch(message)
  })

  test('with a syntax error is reported with the position of the error', () => {
    expect(refused({ a: 'ec50*(' })?.name).toBe('ExpressionError')
  })

  test('can contain a name that every object inherits', () => {
    const derive = { constructor: '2*top', ['__proto__']: 'top', toString: 'top' } as Record<string, string>
    const { values, intervals } = fitOne(hill, { x: dose, y: curve(1) }, { start, derive })
    const { top } = values
    expect([
      values.constructor,
      values.toString,
      Object.getOwnPropertyDescriptor(values, '__proto__')?.value,
    ]).toEqual([2 * top, top, top])
    expect(typeof intervals).toBe('function')
  })

  test('is read only once per call', () => {
    let reads = 0
    const derive = {
      get a() {
        reads++
        return 'top'
      },
    }
    const many = fitManySync(hill, { x: dose, y: curve(1) }, { start, derive })
    expect(reads).toBe(1)
    expect(bootstrapSync(many, { count: 5 }).at(0).values.a).toHaveLength(5)
    expect(reads).toBe(1)
  })
})
