/** Recurrences as texts: lines that read values of other rows, with golden data on every engine. */

import { readFileSync } from 'node:fs'
import {
  adam,
  type BoundExpression,
  ExpressionError,
  expression,
  lbfgs,
  minimize,
  minimizeManySync,
  OptionError,
  recurrence,
  standardErrors,
} from 'antigrad'
import { bootstrap, fitManySync, fit as fitOne, fitSharedSync, inverse, profile } from 'antigrad/fit'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bitsOf, noise } from './bits.js'
import { texts } from './recurrence-texts.js'
import { waysToRun } from './support.js'

type Numbers = Readonly<Record<string, number>>

interface Golden {
  readonly name: string
  readonly parameters: readonly string[]
  readonly constants: Numbers
  readonly tolerance: number
  readonly points: readonly { parameters: Numbers; value: number; gradient: Numbers }[]
  readonly data: Readonly<Record<string, readonly number[]>>
}

interface Optimum {
  readonly kind: 'likelihood' | 'squares' | 'function'
  readonly start: Numbers
  readonly parameters: Numbers
  readonly value: number
  readonly errors: Numbers
}

const read = (name: string) => JSON.parse(readFileSync(new URL(`data/${name}.json`, import.meta.url), 'utf8'))
const { cases }: { cases: readonly Golden[] } = read('recurrences')
const { optima }: { optima: Readonly<Record<string, Optimum>> } = read('recurrence-optima')

/** Numbers by name, in the order of an objective's parameters. */
const ordered = ({ parameters }: BoundExpression, numbers: Numbers) => parameters.map((name) => numbers[name])

describe.each(cases.map((golden) => [golden.name, golden] as const))('the text of “%s”', (name, golden) => {
  const { constants, data, points, tolerance } = golden
  const model = recurrence(texts[name], { constants })
  const objective = model.with(data)

  test('has the golden values and gradients', () => {
    expect([...objective.parameters].sort()).toEqual([...golden.parameters].sort())
    for (const { parameters, value, gradient } of points) {
      const found = new Float64Array(objective.parameters.length)
      const x = ordered(objective, parameters)
      objective.gradient(x, found)
      expect(Math.abs(objective.value(x) - value)).toBeLessThan(tolerance * Math.abs(value))
      const expected = ordered(objective, gradient)
      const scale = Math.max(...expected.map(Math.abs))
      for (const [i, slope] of expected.entries())
        expect(Math.abs(found[i] - slope)).toBeLessThan(tolerance * scale)
    }
  })

  test('is read back from the property text with the same bits', () => {
    const again = expression(model.text).with(data)
    const x = ordered(objective, points[0].parameters)
    const [first, second] = [objective, again].map((f) => {
      const found = new Float64Array(x.length)
      f.gradient(x, found)
      return [f.value(x), ...found]
    })
    expect(second).toEqual(first)
  })

  const optimum = optima[name]
  if (optimum === undefined) return
  test('is minimized at the golden optimum, with the golden standard errors', () => {
    const { kind, start, parameters, value, errors } = optimum
    const found = minimize(objective, ordered(objective, start), lbfgs(), { tolerance: 1e-8 })
    expect(found.reason).toBe('converged')
    expect(Math.abs(found.value - value)).toBeLessThan(1e-10 * Math.abs(value))
    const unit = ordered(objective, errors)
    for (const [i, x] of ordered(objective, parameters).entries())
      expect(Math.abs(found.x[i] - x)).toBeLessThan(1e-5 * unit[i])
    const observations = Object.values(data)[0].length
    const options =
      kind === 'squares'
        ? ({ kind: 'sum-of-squares', observations } as const)
        : ({ kind: 'negative-log-likelihood' } as const)
    const estimated = standardErrors(objective, found.x, options)
    expect(estimated).toMatchObject({
      reason: 'minimum',
      // Without carried parameters, second derivatives are exact.
      derivatives: name === 'ARCH(2)' ? 'exact' : 'gradient-differences',
    })
    for (const [i, error] of unit.entries())
      expect(Math.abs(estimated.errors[i] / error - 1)).toBeLessThan(1e-5)
  })
})

describe('values of other rows', () => {
  const sumOf = (text: string, data: Readonly<Record<string, readonly number[]>>, ...x: number[]) =>
    recurrence(text).with(data).value(x)

  test.each([
    ['h[0] = 1; h[t] = h[t-1] + x; h', 2 + 4 + 7],
    ['h[0] = 1; h = h[t-1] + x[t]; h[t-1]', 1 + 2 + 4],
    ['h[0] = 1; h = h[ t - 1 ] + x; h[end]', 7],
    ['x[0] = 10; x[t-1]', 10 + 1 + 2],
    ['x[0] = 10; x[t-2]', 10 + 10 + 1],
    ['x[-1] = 20; x[0] = 10; x[t-2] - x[t-1]', 10 + 9 - 1],
    ['x[-2] = 30; x[0] = 10; x[t-3]', 30 + 10 + 10],
    ['x[0] = 10; x[end]', 3],
    ['x[0] = 10; sum(x) + 0*x[end]', 6],
    ['sum(x)^2', 36],
    ['a[0] = 1; b[0] = a[0] + 1; a = b[t-1]; b = a[t-1]; 100*a + b + 0*x', 201 + 102 + 201],
    ['a[0] = 1; b[0] = 0; a = a[t-1]*2; b = b[t-1] + a + a[t-1] + 0*x; b[end]', 3 + 6 + 12],
    ['t[0] = 1; t = t[t-1] + x; t', 2 + 4 + 7],
    ['sum = 2; end = 1; x[0] = 0; sum*x[t-1] + end', 3 + 2 * 3],
  ])('have the expected sum: %s', (text, value) => {
    expect(sumOf(text, { x: [1, 2, 3] })).toBe(value)
  })

  test('are the initial values if there are no rows', () => {
    expect(sumOf('x[0] = p; h[0] = 2*p; h = h[t-1] + x[t-1]; h[end] + 10*x[end]', { x: [] }, 3)).toBe(36)
    expect(sumOf('h[0] = p; h = h[t-1] + x; h', { x: [] }, 3)).toBe(0)
  })

  test('are NaN after a missing number, unless a condition skips the number', () => {
    const x = [1, NaN, 3]
    expect(sumOf('m[0] = 0; m = m[t-1] + x; m[end]', { x })).toBe(NaN)
    const f = recurrence('m[0] = k; m = x == x ? k*(m[t-1] + x) : m[t-1]; m[end]').with({ x })
    const slope = new Float64Array(1)
    f.gradient([2], slope)
    expect([f.value([2]), ...slope]).toEqual([18, 3 * 2 ** 2 + 2 * 2 + 3])
  })

  test('agree with columns that are shifted by hand', () => {
    const number = fc.double({ min: -10, max: 10, noNaN: true })
    const shift = (y: readonly number[], by: number, before: number) =>
      y.map((_, row) => (row < by ? before : y[row - by]))
    fc.assert(
      fc.property(fc.array(number, { minLength: 1, maxLength: 40 }), number, number, (y, a, b) => {
        const residual = '(y - a*P - b*Q - P*Q)^2'
        const lags = recurrence(
          `y[0] = 0.5; ${residual.replaceAll('P', 'y[t-1]').replaceAll('Q', 'y[t-3]')}`,
        ).with({ y })
        const columns = expression(residual).with({ y, P: shift(y, 1, 0.5), Q: shift(y, 3, 0.5) })
        const slopes = [lags, columns].map((f) => {
          const found = new Float64Array(2)
          f.gradient([a, b], found)
          return [f.value([a, b]), ...found]
        })
        expect(slopes[0]).toEqual(slopes[1])
      }),
    )
  })

  test.each([
    ['h = h[t-1] + x; h', 'a line h[0] = … above, with the value before the first row', 4],
    ['h[0] = 1; h = h[t+1]; h', 'h[t], h[t-1] to h[t-100], or h[end]', 14],
    ['h[0] = 1; h = h[t-101]; h', 'h[t], h[t-1] to h[t-100], or h[end]', 14],
    ['h[0] = 1; h = h[t-0]; h', 'h[t], h[t-1] to h[t-100], or h[end]', 14],
    ['h[0] = 1; h = h[s-1]; h', 'h[t], h[t-1] to h[t-100], or h[end]', 14],
    [`h[0] = 1; h = h[${'t'.repeat(51)}]; h`, 'a number, a name or an operator', 15],
    ['h[0] = 1; h = h[]; h', 'h[t], h[t-1] to h[t-100], or h[end]', 14],
    ['h[0] = 1; h[t-1] = 2; h', 'a line h[t] = …, or h[0] = … for an initial value', 10],
    ['h[1] = 1; h = h[t-1]; h', 'a line h[t] = …, or h[0] = … for an initial value', 0],
    ['h[0] = 1; h = 2*x; h', 'a use of this initial value, such as h[t-1]', 7],
    ['h[0] = 1; h[-1] = 1; h = h[t-1]; h', 'a use of this initial value, such as h[t-1]', 18],
    ['h[0] = 1; h = h[t-1]; h[-1] = 2; h', 'a line above all uses of h[t-1]', 22],
    ['h[0] = 1; h[0] = 2; h[t-1]', 'a name that nothing before the line uses', 10],
    ['h[0] = 1 < 2; h = h[t-1]; h', 'a number', 7],
    ['h[0] = 1; h = h[t-1] < 2; h[t-1]', 'a number', 14],
    ['exp[0] = 1; exp[t-1]', 'a name that is not reserved', 0],
    ['x, h[0], y; h', 'a name without an index', 3],
    ['h[0](2)', 'a function: sqrt', 0],
  ])('are refused in the text %j', (text, expected, position) => {
    const attempt = () => recurrence(text)
    expect(attempt).toThrow(ExpressionError)
    expect(attempt).toThrow(`expected ${expected}`)
    try {
      attempt()
    } catch (error) {
      expect((error as ExpressionError).position).toBe(position)
    }
  })

  test.each([
    [
      'h[0] = x; h = h[t-1]; h',
      { x: [1] },
      'expression: expected initial values of parameters and constants',
    ],
    ['h[0] = 1; h = h[t-1]*a; h', {}, 'data: expected columns, because the expression reads other rows'],
    [
      'h[0] = 1; h[t-1] + x',
      { x: [1] },
      'data: expected a column h, because the expression reads its earlier rows',
    ],
    ['h[0] = 1; h = h[t-1]*a; h[end] + x', { x: [1] }, 'with all values of rows in sum(…)'],
    ['h[0] = 1; h = h[t-1] + sum(x); h', { x: [1] }, 'sum(…) and [end] only in the last line'],
    ['h[0] = 1; h = h[t-1] + x; sum(sum(h))', { x: [1] }, 'sum(…) and [end] only in the last line'],
    ['h[0] = 1; h = h[t-1] + x; sum(h[end])', { x: [1] }, 'expected'],
  ])('are refused in the text %j with the data %j', (text, data, message) => {
    const attempt = () => recurrence(text).with(data as never)
    expect(attempt).toThrow(OptionError)
    expect(attempt).toThrow(message)
    expect(() => minimizeManySync(recurrence(text), { a: [1] }, adam(), { data: data as never })).toThrow(
      OptionError,
    )
  })

  test('have no second derivatives, and derivatives for at most 64 parameters', () => {
    const f = recurrence('h[0] = a; h = h[t-1]*a + x; h').with({ x: [1, 2] })
    expect(() => f.hessian([1], new Float64Array(1))).toThrow('no second derivative of a carried value')
    const many = (count: number) => {
      const names = Array.from({ length: count }, (_, i) => `p${i}`)
      return recurrence(`h[0] = 0; h = h[t-1] + ${names.join('*')} + x; h`).with({ x: [1] })
    }
    expect(many(64).parameters).toHaveLength(64)
    expect(() => many(65)).toThrow('at most 64 parameters if values are carried from row to row, got 65')
  })

  test('do not make other texts slower or different', () => {
    const f = expression('(a*x - b)^2')
    expect(f.value([1, 2, 3])).toBe(1)
    expect(() => expression('a[b]')).toThrow('expected a[t]')
  })
})

const garch = `q[0] = v0; h[0] = v0
q = r^2
h = w + a*q[t-1] + b*h[t-1]
0.5*(log(2*pi*h) + q/h)`
/** Returns with changing volatility. */
const returns = (seed: number, length: number) =>
  Array.from(noise(seed, length, 'float64'), (z, k) => z * (1 + 0.5 * Math.sin(k / 20)))
const ways = waysToRun(1, 2)

test.each(['float32', 'float64'] as const)(
  'runs of a recurrence over data sets have the same bits in %s',
  (dtype) => {
    const model = recurrence(garch, { constants: { v0: 0.4 } })
    // Several lengths, including one row and more rows than row-parallel lanes need.
    const r = [1, 2, 300, 300, 17, 17, 17, 1, 300].map((length, seed) => returns(seed, length))
    const starts = { w: r.map((_, k) => 0.05 + 0.01 * k), a: r.map(() => 0.1), b: r.map(() => 0.8) }
    const rule = adam({ lr: 0.01 })
    const found = ways.map((way) => {
      const options = { data: { r }, maxIterations: 25, dtype, ...way }
      const { x, value, iterations } = minimizeManySync(model, starts, rule, options)
      return [x.w, x.a, x.b, value, iterations].map((column) => [...bitsOf(column as Float64Array)].join())
    })
    for (const one of found) expect(one).toEqual(found[0])
    const { x } = minimizeManySync(model, starts, rule, { data: { r }, maxIterations: 25, dtype })
    for (const [run, data] of r.entries()) {
      const start = [starts.w, starts.a, starts.b].map((column) => column[run])
      const point = dtype === 'float32' ? Float32Array.from(start) : Float64Array.from(start)
      const alone = minimize(model.with({ r: data }), point, rule, { maxIterations: 25 })
      expect([...alone.x]).toEqual([x.w[run], x.a[run], x.b[run]])
    }
  },
)

describe('fits of recurrences', () => {
  const smoothing = 'l[0] = l0; l = k*l[t-1] + g*u; l'
  const u = returns(1, 60)
  const respond = (u: readonly number[], [l0, k, g]: readonly number[], noises: ArrayLike<number>) => {
    let level = l0
    return u.map((x, row) => {
      level = k * level + g * x
      return level + 0.02 * noises[row]
    })
  }
  const y = respond(u, [5, 0.8, 0.5], noise(2, 60, 'float64'))
  const start = { l0: 1, k: 0.5, g: 1 }
  const model = recurrence(smoothing)
  const found = fitOne(model, { u, y }, { start })

  test('minimize the sum of squares, with the errors of the same minimization', () => {
    const squares = recurrence(`${smoothing.slice(0, -1)}(y - l)^2`).with({ u, y })
    const { values, errors, chiSquared, reason } = found
    expect(reason).toBe('converged')
    const names = squares.parameters
    const x = names.map((name) => values[name])
    const least = minimize(squares, x, lbfgs(), { tolerance: 1e-9 })
    const expected = standardErrors(squares, least.x, { kind: 'sum-of-squares', observations: 60 })
    for (const [i, name] of names.entries()) {
      expect(Math.abs(values[name] - least.x[i])).toBeLessThan(1e-6 * errors[name])
      // The errors of fits have no second derivatives of the model.
      expect(errors[name] / expected.errors[i]).toBeCloseTo(1, 1)
    }
    expect(chiSquared).toBeCloseTo(least.value, 10)
  })

  test('have the same bits on every engine, alone and together', () => {
    const ys = [y, respond(u, [4, 0.7, 0.4], noise(3, 60, 'float64')), y.slice(0, 7)]
    const us = [u, u, u.slice(0, 7)]
    const results = ways.map((way) => {
      const many = fitManySync(model, { u: us, y: ys }, { start, ...way })
      return [many.values, many.errors].map((all) => Object.values(all).map((column) => [...column]))
    })
    for (const one of results) expect(one).toEqual(results[0])
    expect(results[0][0].map(([first]) => first)).toEqual(Object.values(found.values))
    for (const way of ways) expect(fitOne(model, { u, y }, { start, ...way }).values).toEqual(found.values)
  })

  test('predict, also at other columns, from the first row on', () => {
    const { l0, k, g } = found.values
    const expected = (u: readonly number[]) =>
      respond(
        u,
        [l0, k, g],
        u.map(() => 0),
      )
    expect([...found.predict()]).toEqual(expected(u))
    expect([...found.predict({ u: [1, -1] })]).toEqual(expected([1, -1]))
    const { low, high } = found.band({ u: [1, -1] })
    for (const [row, f] of expected([1, -1]).entries()) {
      expect(low[row]).toBeLessThan(f)
      expect(high[row]).toBeGreaterThan(f)
    }
  })

  test('have the bands and the replicates of the same model without other rows', () => {
    const n = Array.from({ length: 20 }, (_, row) => row + 1)
    const data = { n, y: Array.from(noise(4, 20, 'float64'), (z, row) => 3 * 0.9 ** row + 0.1 * z) }
    const [carried, closed] = [
      recurrence('x[0] = a; x = k*x[t-1]; x[t-1] + 0*n'),
      expression('a*k^(n - 1)'),
    ].map((model) => fitOne(model, data, { start: { a: 2, k: 0.8 } }))
    const results = [carried, closed].map((one) => {
      const { low, high } = one.band()
      const [least, most] = bootstrap(one, { count: 20, seed: 3 }).intervals(0.9).k
      return [...one.predict(), ...low, ...high, one.values.k, one.errors.k, least, most]
    })
    for (const [i, x] of results[0].entries()) expect(x).toBeCloseTo(results[1][i], 7)
  })

  test('have intervals by profiles and by resampled residuals', () => {
    const { low, high } = profile(found, ['k']).k
    const [from, to] = found.intervals().k
    expect(low).toBeCloseTo(from, 4)
    expect(high).toBeCloseTo(to, 4)
    const [least, most] = bootstrap(found, { count: 40, seed: 1 }).intervals().k
    expect(least).toBeGreaterThan(from - (to - from))
    expect(most).toBeLessThan(to + (to - from))
  })

  test('have more than 16 parameters', () => {
    const extra = Array.from({ length: 15 }, (_, i) => `c${i}`)
    const terms = extra.map((name, i) => `${name}*cos(${i}*s)`).join(' + ')
    const s = u.map((_, row) => (Math.PI * (row + 0.5)) / u.length)
    const wide = recurrence(`${smoothing} + ${terms}`)
    const starts = { ...start, ...Object.fromEntries(extra.map((name) => [name, 0])) }
    const { values, reason, chiSquared } = fitOne(wide, { u, s, y }, { start: starts })
    expect(reason).toBe('converged')
    expect(Math.abs(values.k - found.values.k)).toBeLessThan(0.1)
    expect(chiSquared).toBeLessThan(found.chiSquared)
  })

  test('refuse what would change the order of rows, or needs single rows', () => {
    const gap = y.with(3, NaN)
    const refusal = 'expected none for a model that reads other rows'
    expect(() => fitOne(model, { u, y: gap }, { start, missing: 'drop' })).toThrow(refusal)
    expect(() => fitOne(model, { u, y }, { start, weights: y.map((_, row) => row % 2) })).toThrow(refusal)
    expect(() => bootstrap(found, { count: 10, kind: 'cases' })).toThrow(refusal)
    expect(() => inverse(found, [1])).toThrow(refusal)
    expect(() => fitSharedSync(model, { u: [u, u], y: [y, y] }, { start, shared: ['k'] } as never)).toThrow(
      refusal,
    )
    expect(() =>
      fitOne(recurrence('l[0] = l0; l = k*l[t-1] + u; l[end]'), { u, y }, { start: { l0: 1, k: 1 } }),
    ).toThrow('model: expected a value at each row, got a value of all rows')
    expect(fitOne(model, { u, y: gap }, { start }).reason).toBe('not-finite')
  })
})

describe('constants of expressions', () => {
  test('are numbers in the text, with the same bits', () => {
    const constants = { R: 8.314462618, k: -3e-7, zero: -0, big: 1e300 }
    const f = expression('a*exp(-b/(R*T)) + k^2 - k*big + zero/a', { constants })
    expect(f.names).toEqual(['a', 'b', 'T'])
    expect(f.text).toBe('a*exp(-b/(8.314462618*T)) + (-3e-7)^2 - (-3e-7)*1e+300 + (-0)/a')
    const names = expression('a*exp(-b/(R*T)) + k^2 - k*big + zero/a')
    const values = { a: 2, b: 30, T: 5, ...constants }
    const all = names.names.map((name) => (values as Numbers)[name])
    expect(f.value([2, 30, 5])).toBe(names.value(all))
  })

  test('do not replace functions, lines, or names that contain the name', () => {
    const constants = { gamma: 2, a: 3 }
    expect(expression('gamma(gamma) + a1*a + 1e5', { constants }).text).toBe('gamma(2) + a1*3 + 1e5')
    expect(() => expression('a = 2*x; a', { constants: { a: 1 } as never })).toThrow('names among x, got "a"')
  })

  test('are own properties, each read once', () => {
    let count = 0
    const constants = {
      get a() {
        return ++count
      },
    }
    expect(expression('a*a*x', { constants }).text).toBe('1*1*x')
    const own = JSON.parse('{ "__proto__": 4 }')
    expect(expression('__proto__ + x', { constants: own } as never).text).toBe('4 + x')
    expect(expression('a + x', { constants: Object.create({ a: 1 }) }).text).toBe('a + x')
  })

  test.each([
    [{ constants: { z: 1 } }, 'constants: expected names among a, x, got "z"'],
    [{ constants: { a: NaN } }, 'constants: a: expected a finite number, got NaN'],
    [{ constants: { a: '1' } }, 'constants: a: expected a finite number, got "1"'],
    [{ constants: { a: undefined } }, 'constants: a: expected a finite number'],
    [{ constants: { pi: 3 } }, 'constants: expected another name than pi'],
    [{ constants: [1] }, 'constants: expected an object'],
    [{ constant: { a: 1 } }, 'options: expected one of constants, got "constant"'],
    [7, 'options: expected { constants }'],
  ])('are refused: %j', (options, message) => {
    expect(() => expression('a*x', options as never)).toThrow(OptionError)
    expect(() => expression('a*x', options as never)).toThrow(message)
  })

  test('cannot have an index', () => {
    expect(() => recurrence('v[0] = 1; v[t-1]*x', { constants: { v: 2 } })).toThrow(ExpressionError)
  })
})
