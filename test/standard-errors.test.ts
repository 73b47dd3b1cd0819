/** Standard errors of results of `minimize` from second derivatives, and the reasons for missing errors. */

import {
  expression,
  lbfgs,
  minimize,
  OptionError,
  type StandardErrorsOptions,
  standardErrors,
} from 'antigrad'
import { fit as fitOne } from 'antigrad/fit'
import { describe, expect, test } from 'vitest'

const t = [0, 1, 2, 3, 4, 5, 6, 7]
const y = [5, 3.1, 2, 1.6, 1.2, 1.1, 0.9, 1.1]
const logL = { kind: 'negative-log-likelihood' } as const

/** Three kinds of an exact objective: the objective itself, with its gradient only, and with its values only. */
const ways = (exact: ReturnType<typeof expression>) => ({
  exact,
  'gradient-differences': {
    value: (x: ArrayLike<number>) => exact.value(x),
    gradient: (x: ArrayLike<number>, out: { [i: number]: number }) => exact.gradient(x, out as Float64Array),
  },
  'value-differences': (x: ArrayLike<number>) => exact.value(x),
})
const digits = { exact: 12, 'gradient-differences': 8, 'value-differences': 6 } as const

describe('the results of standardErrors', () => {
  test('equal the standard errors of a fit for a linear model', () => {
    const squares = expression('(y - (a + b*t))^2').with({ t, y })
    const { x } = minimize(squares, [1, 1], lbfgs(), { tolerance: 1e-12 })
    const { errors, covariance, reason, message, derivatives } = standardErrors(squares, x, {
      kind: 'sum-of-squares',
      observations: t.length,
    })
    const found = fitOne(expression('a + b*t'), { t, y }, { start: { a: 1, b: 1 }, tolerance: 1e-14 })
    expect([reason, message, derivatives]).toEqual(['minimum', '', 'exact'])
    expect(errors[0] / found.errors.a).toBeCloseTo(1, 12)
    expect(errors[1] / found.errors.b).toBeCloseTo(1, 12)
    expect(covariance[0][1] / found.covariance[0][1]).toBeCloseTo(1, 12)
    const sigma = t.map(() => 0.3)
    const known = fitOne(
      expression('a + b*t'),
      { t, y },
      { start: { a: 1, b: 1 }, sigma, absoluteSigma: true },
    )
    const chi = expression('((y - (a + b*t))/0.3)^2').with({ t, y })
    expect(standardErrors(chi, x, { kind: 'chi-squared' }).errors[1] / known.errors.b).toBeCloseTo(1, 8)
    const half = expression('((y - (a + b*t))/0.3)^2/2').with({ t, y })
    expect(standardErrors(half, x, logL).errors[1] / known.errors.b).toBeCloseTo(1, 8)
  })

  test('equal the known formulas for a Poisson rate and for a normal distribution', () => {
    const counts = [3, 5, 4, 9, 8, 2]
    const rate = expression('m - n*log(m)').with({ n: counts })
    const mean = counts.reduce((sum, n) => sum + n) / counts.length
    const of = standardErrors(rate, [mean], logL)
    expect(of.errors[0]).toBeCloseTo(Math.sqrt(mean / counts.length), 12)
    const normal = expression('log(s) + ((y - m)/s)^2/2').with({ y })
    const m = y.reduce((sum, at) => sum + at) / y.length
    const s = Math.sqrt(y.reduce((sum, at) => sum + (at - m) ** 2, 0) / y.length)
    const { errors, covariance } = standardErrors(normal, [s, m], logL)
    expect(normal.parameters).toEqual(['s', 'm'])
    expect(errors[1]).toBeCloseTo(s / Math.sqrt(y.length), 12)
    expect(errors[0]).toBeCloseTo(s / Math.sqrt(2 * y.length), 12)
    expect(covariance[0][1]).toBeCloseTo(0, 12)
  })

  test.each(Object.keys(digits) as (keyof typeof digits)[])('are correct at any scale for %s', (way) => {
    for (const size of [1e-9, 1e-4, 1, 1e7, 1e12]) {
      const text = `((a - 3*${size})/${size})^2/2 + exp(b*10) - b*10 + .3*(a - 3*${size})/${size}*(b*10)`
      const objective = ways(expression(text))[way]
      const { errors, covariance, derivatives, reason } = standardErrors(objective, [3 * size, 0], logL)
      expect([derivatives, reason]).toEqual([way, 'minimum'])
      const determinant = 1 - 0.09
      expect(errors[0] / size).toBeCloseTo(1 / Math.sqrt(determinant), digits[way] - 2)
      expect(10 * errors[1]).toBeCloseTo(1 / Math.sqrt(determinant), digits[way] - 2)
      expect((10 * covariance[0][1]) / size).toBeCloseTo(-0.3 / determinant, digits[way] - 2)
    }
    const decay = expression('(y - (a*exp(-b*t) + c))^2')
    const { x } = minimize(decay.with({ t, y }), [4, 0.6, 1], lbfgs(), { tolerance: 1e-12 })
    const options = { kind: 'sum-of-squares', observations: t.length } as const
    const exact = standardErrors(decay.with({ t, y }), x, options)
    const other = standardErrors(ways(decay.with({ t, y }) as never)[way], x, options)
    for (let i = 0; i < 3; i++) expect(other.errors[i] / exact.errors[i]).toBeCloseTo(1, digits[way])
  })

  test('are computed from second derivatives of the objective if the objective provides second derivatives', () => {
    const hessian = (_: ArrayLike<number>, out: { [i: number]: number }) => {
      ;[out[0], out[1], out[2], out[3]] = [2, 1, 1, 3]
    }
    const value = (x: ArrayLike<number>) => x[0] ** 2 + x[0] * x[1] + 1.5 * x[1] ** 2
    const { errors, derivatives } = standardErrors({ value, hessian }, [0, 0], logL)
    expect(derivatives).toBe('exact')
    expect(errors[0]).toBeCloseTo(Math.sqrt(3 / 5), 14)
    const filling = {
      value,
      hessian: (_: unknown, out: { [i: number]: number }) => void Object.assign(out, [1]),
    }
    expect(() => standardErrors(filling, [0, 0], logL)).toThrow('objective: hessian: expected all of out')
  })

  test("do not change if the objective modifies its argument, and the user's arguments stay unchanged", () => {
    const x = Float64Array.of(1, 2)
    const spoiling = (at: ArrayLike<number>) => {
      const value = (at[0] - 1) ** 2 / 2 + (at[1] - 2) ** 2 / 2
      ;(at as Float64Array)[0] = 99
      return value
    }
    expect(Array.from(standardErrors(spoiling, x, logL).errors, (e) => +e.toFixed(6))).toEqual([1, 1])
    expect(Array.from(x)).toEqual([1, 2])
  })
})

describe('the second derivatives of an expression', () => {
  test('equal derivatives by hand, even for data rows and conditions', () => {
    const of = (text: string, x: number[]) => {
      const out = new Float64Array(x.length ** 2)
      expression(text).hessian(x, out)
      return Array.from(out)
    }
    expect(of('(1 - x)^2 + 100*(y - x^2)^2', [1, 1])).toEqual([802, -400, -400, 200])
    expect(of('x*y*z', [2, 3, 5])).toEqual([0, 5, 3, 5, 0, 2, 3, 2, 0])
    expect(of('x > 0 ? x^3 : -x^2', [2])).toEqual([12])
    expect(of('x > 0 ? x^3 : -x^2', [-2])).toEqual([-2])
    expect(of('exp(a) + 7', [0])).toEqual([1])
    const out = new Float64Array(4)
    expression('a^2*b + t*b^2')
      .with({ t: [1, 2, 3] })
      .hessian([2, 5], out)
    expect(Array.from(out)).toEqual([30, 12, 12, 12])
  })
})

describe('standard errors that are NaN', () => {
  const errorsOf = (text: string, x: number[], options: StandardErrorsOptions = logL) =>
    Object.entries(ways(expression(text))).map(([, objective]) => standardErrors(objective, x, options))

  test('occur at a saddle, and the direction of decrease is reported', () => {
    for (const { reason, errors, direction } of errorsOf('x^2 + 4*x*y + y^2', [0, 0])) {
      expect(reason).toBe('saddle')
      expect(errors.every(Number.isNaN)).toBe(true)
      const [x, y] = direction as Float64Array
      expect(x * x + 4 * x * y + y * y).toBeLessThan(0)
      expect(Math.max(Math.abs(x), Math.abs(y))).toBe(1)
    }
    const { message } = errorsOf('x^2 - y^2', [0, 0])[0]
    expect(message).toBe('the value falls on both sides along y: this is no minimum')
  })

  test('occur if the value is constant along a direction', () => {
    for (const { reason, direction } of errorsOf('(x - 2*y)^2/2', [2, 1])) {
      expect(reason).toBe('singular')
      expect(direction?.[1] as number).toBeCloseTo(0.5, 3)
    }
    const [{ message }] = errorsOf('(x - 2*y)^2/2', [2, 1])
    expect(message).toBe('the value does not change along x + 0.5·y: the minimum is not unique')
    expect(errorsOf('x^2 + 0*y', [0, 7]).map(({ reason }) => reason)).toEqual([
      'singular',
      'singular',
      'singular',
    ])
  })

  test('occur if a value is not finite', () => {
    expect(errorsOf('log(x)', [-1]).map(({ reason }) => reason)).toEqual(Array(3).fill('not-finite'))
    expect(standardErrors(() => Number.NaN, [1], logL).reason).toBe('not-finite')
    expect(errorsOf('x^2', [Number.NaN]).map(({ reason }) => reason)).toEqual(Array(3).fill('not-finite'))
  })

  test('occur for a sum of squares without degrees of freedom', () => {
    const squares = expression('(y - a - b*t)^2').with({ t: [0, 1], y: [1, 2] })
    const { reason, message } = standardErrors(squares, [1, 1], { kind: 'sum-of-squares', observations: 2 })
    expect([reason, message]).toEqual([
      'no-degrees-of-freedom',
      '2 observations for 2 parameters: no degrees of freedom to estimate σ',
    ])
  })

  test('do not occur near the minimum, and the distance to the minimum is reported', () => {
    for (const { reason, distance, errors } of errorsOf('(x - 3)^2/2 + y^2', [2.9, 0])) {
      expect(reason).toBe('not-at-minimum')
      expect(distance).toBeCloseTo(0.1, 6)
      expect(errors[0]).toBeCloseTo(1, 6)
    }
  })

  test('occur for parameters at a bound, because these parameters are treated as fixed', () => {
    const objective = expression('(y - (a + b*t))^2 + a*0').with({ t, y })
    const bounds = { b: [0, 9] } as const
    const x = [y.reduce((sum, at) => sum + at) / y.length, 0]
    const { errors, atBound, reason } = standardErrors(objective, x, {
      kind: 'sum-of-squares',
      observations: 8,
      bounds,
    })
    const alone = fitOne(expression('a'), { y }, { start: { a: 1 } })
    expect([atBound, reason]).toEqual([[1], 'minimum'])
    expect(errors[0] / alone.errors.a).toBeCloseTo(1, 10)
    expect(errors[1]).toBeNaN()
  })
})

describe('one program of the value and all derivatives', () => {
  /** The functions of an expression, which are called separately. */
  const separate = (of: ReturnType<typeof expression>) => ({
    parameters: of.parameters,
    value: (x: ArrayLike<number>) => of.value(x),
    gradient: (x: ArrayLike<number>, out: { [i: number]: number }) => of.gradient(x, out as Float64Array),
    hessian: (x: ArrayLike<number>, out: { [i: number]: number }) => of.hessian(x, out as Float64Array),
  })

  test.each([0, 8, 300])('gives the bits of separate calls for %i rows', (rows) => {
    const columns = {
      t: Array.from({ length: rows }, (_, k) => k / 40),
      y: Array.from({ length: rows }, (_, k) => 3 * Math.exp(-k / 50) + Math.sin(9 * k) / 20),
    }
    const points = [[3, 0.7, 0.1], [1e200, -1, NaN], [0, 0, 0], new Float32Array([2, 1, 0.1])]
    for (const x of points) {
      const make = () =>
        rows === 0
          ? expression('exp(a*b - c) + a^2*c^2 + (b - 1)^4')
          : (expression('(y - a*exp(-b*t) - c)^2').with(columns) as never as ReturnType<typeof expression>)
      const options = { kind: 'sum-of-squares', observations: 301 } as const
      expect(standardErrors(make(), x, options)).toEqual(standardErrors(separate(make()), x, options))
    }
  })

  test('does not replace a function that the user has set', () => {
    const objective = Object.assign(expression('x^2 + y^2'), {
      hessian(_: ArrayLike<number>, out: { [i: number]: number }) {
        for (const [k, second] of [8, 0, 0, 2].entries()) out[k] = second
      },
    })
    expect(standardErrors(objective, [0, 0], logL).hessian).toEqual([
      Float64Array.of(8, 0),
      Float64Array.of(0, 2),
    ])
  })
})

describe('the function standardErrors refuses', () => {
  test.each<[object, RegExp]>([
    [{}, /^kind: expected one of negative-log-likelihood, chi-squared, sum-of-squares/],
    [{ kind: 'chi' }, /^kind: expected one of/],
    [{ kind: 'sum-of-squares' }, /^observations: expected the count of squares, got undefined/],
    [
      { kind: 'chi-squared', observations: 5 },
      /^observations: expected none with kind: 'chi-squared', got 5/,
    ],
    [{ ...logL, bounds: { z: [0, 1] } }, /bounds: expected names of parameters: x/],
    [{ ...logL, rowes: 1 }, /expected one of/],
  ])('the arguments %j', (options, message) => {
    expect(() => standardErrors(expression('x^2'), [0], options as never)).toThrow(OptionError)
    expect(() => standardErrors(expression('x^2'), [0], options as never)).toThrow(message)
  })

  test('a negative sum of squares, non-numeric values and asynchronous objectives', () => {
    expect(() => standardErrors(expression('x^2 - 1'), [0], { kind: 'chi-squared' })).toThrow(
      /^objective: value: expected a number ≥ 0 with kind: 'chi-squared', got -1/,
    )
    expect(() => standardErrors(() => '1' as never, [0], logL)).toThrow('objective: value')
    expect(() => standardErrors({ value: () => 1, hessian: 5 } as never, [0], logL)).toThrow('hessian')
    expect(() => standardErrors((async () => 1) as never, [0], logL)).toThrow('async')
  })
})
