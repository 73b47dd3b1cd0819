/** Dropped rows, missing values, and messages that explain them. */

import { adam, engines, expression, OptionError } from 'antigrad'
import {
  type Fit,
  type FitData,
  type FitManyOptions,
  type FitOptions,
  fitMany,
  fitManySync,
  fit as fitOne,
  fitReasons,
  models,
  ruleMethod,
} from 'antigrad/fit'
import { describe, expect, test } from 'vitest'
import { inBits, random } from '../helpers.js'

const decay = expression('a*exp(-b*t) + c')
const start = { a: 1, b: 1, c: 0 }
const next = random(7)
const t = Array.from({ length: 15 }, (_, k) => k / 3)
const curve = () => t.map((at) => 3 * Math.exp(-0.7 * at) + 1 + 0.05 * (next() - 0.5))
const y = curve()

/** All results that do not depend on row positions, to the bit. */
const found = (fit: Fit) => {
  const {
    values,
    errors,
    covariance,
    chiSquared,
    observations,
    degreesOfFreedom,
    evaluations,
    reason,
    rSquared,
    aic,
  } = fit
  const said = {
    values,
    errors,
    covariance,
    chiSquared,
    rows: observations,
    freedom: degreesOfFreedom,
    evaluations,
    reason,
    rSquared,
    aic,
  }
  return inBits({ ...said, minima: fit.minima, intervals: fit.intervals(), band: fit.band({ t: [0, 2] }) })
}

/** The rows to exclude, and their replaced values. */
const out = [2, 3, 9]
const odd = [NaN, null, Infinity]
const stays = (_: unknown, row: number) => !out.includes(row)
const spoiled = (column: readonly number[], with_: readonly (number | null)[] = odd) =>
  column.map((x, row) => (out.includes(row) ? with_[out.indexOf(row)] : x))

const boxed = {
  a: { start: 1, min: 0, max: 9 },
  b: { start: 1, min: 0, max: 5 },
  c: { start: 0, min: -2, max: 2 },
}
const cases: readonly (readonly [string, FitOptions])[] = [
  ['squared', { start }],
  ['huber', { start, loss: 'huber', lossScale: 0.02 }],
  ['softL1', { start, loss: 'softL1', lossScale: 0.02 }],
  ['cauchy', { start, loss: 'cauchy', lossScale: 0.02 }],
  ['poisson', { start, loss: 'poisson' }],
  ['bounds', { start: { ...start, c: { start: 0, min: 0, max: 0.5 } } }],
  ['several starts', { start: boxed, multiStart: 6 }],
  ['a first-order rule', { start, method: ruleMethod(adam({ lr: 0.05 })), maxIterations: 500 }],
]

describe.each(cases)('for missing data in the fit “%s”,', (_, options) => {
  const left = { t: t.filter(stays), y: y.filter(stays) }
  const alone = fitOne(decay, left, options)

  test('the contents of rows with weight 0 affect no bit of the fit', () => {
    const weights = t.map((_, row) => (out.includes(row) ? 0 : 1))
    for (const data of [
      { t, y: spoiled(y) },
      { t: spoiled(t), y },
      { t: spoiled(t, [-1e9, 1e300, -Infinity]), y: spoiled(y, [-1, -1e300, 1e300]) },
    ]) {
      const one = fitOne(decay, data, { ...options, weights })
      expect(found(one)).toBe(found(alone))
      expect([one.observations, one.droppedRows]).toEqual([12, 0])
    }
  })

  test("the option missing: 'drop' excludes and counts rows with missing values", () => {
    const gaps = [NaN, null, null]
    const one = (data: FitData, more: FitOptions = {}) =>
      fitOne(decay, data, { ...options, missing: 'drop', ...more })
    const weights = t.map((_, row) => (row === 3 ? null : row === 9 ? 0 : 1))
    const both = [
      one({ t, y: spoiled(y, gaps) }),
      one({ t: spoiled(t, gaps), y }),
      one({ t, y }, { weights: t.map((_, row) => (out.includes(row) ? null : 1)) }),
    ]
    for (const fit of both) {
      expect(found(fit)).toBe(found(alone))
      expect(fit.droppedRows).toBe(3)
      expect(fit.message).toContain('3 rows with missing values left out')
    }
    // One row lacks y, and one lacks its weight. Another has weight 0, and so lacks nothing.
    const mixed = one({ t, y: spoiled(y, [null, 1, null]) }, { weights })
    expect(found(mixed)).toBe(found(alone))
    expect([mixed.observations, mixed.droppedRows]).toEqual([12, 2])
  })

  test("the fit ends with the reason 'not-finite' unless the option missing is 'drop'", () => {
    for (const data of [
      { t, y: spoiled(y, [null, 1, 1]) },
      { t: spoiled(t, [NaN, 1, 1]), y },
    ]) {
      const one = fitOne(decay, data, options)
      expect([one.reason, one.values.a, one.chiSquared]).toEqual(['not-finite', NaN, NaN])
      expect(one.nonFinite).toMatchObject({ row: 2, source: 'column', value: NaN })
      expect(one.message).toMatch(/^row 2: [ty] is NaN$/)
    }
  })
})

test('a fit does not treat a missing dose as a dose of 0', () => {
  const x = [0, null, 1, 2, 4, 8, 16, 32]
  const y = [0, 3, 1, 2, 3, 4, 5, 5.5]
  const one = fitOne(models.hill(), { x, y })
  expect([one.reason, one.message]).toEqual(['not-finite', 'row 1: x is NaN'])
  const dropped = fitOne(models.hill(), { x, y }, { missing: 'drop' })
  const stay = (_: unknown, row: number) => row !== 1
  const alone = fitOne(models.hill(), { x: x.filter(stay) as number[], y: y.filter(stay) })
  expect(dropped.values).toEqual(alone.values)
  expect(Array.from(dropped.residuals, Number.isNaN)).toEqual(x.map((_, row) => row === 1))
})

test('residuals, curve and bands keep the positions of the data rows if some rows are dropped', () => {
  const weights = t.map((_, row) => (row === 4 ? 0 : 1))
  const one = fitOne(
    decay,
    { t: spoiled(t, [null, 1, 2]), y: spoiled(y, [1, null, 1]) },
    {
      ...{ start, weights, missing: 'drop' },
    },
  )
  expect([one.observations, one.droppedRows]).toEqual([12, 2])
  const [residuals, curve, { low, high }] = [one.residuals, one.predict(), one.band()]
  for (const column of [residuals, curve, low, high]) expect(column).toHaveLength(15)
  const gaps = (column: Float64Array) => [...column.keys()].filter((row) => Number.isNaN(column[row]))
  expect([residuals, curve, low, high].map(gaps)).toEqual([[2, 3], [2], [2], [2]])
  expect(residuals[4]).toBe(y[4] - curve[4])
})

test('guesses of starting values ignore dropped rows', () => {
  const seen: number[][] = []
  const model = {
    text: 'a*x + b',
    x: 'x',
    parameters: {},
    guess: (x: ArrayLike<number>, y: ArrayLike<number>) => {
      seen.push([...Array.from(x), ...Array.from(y)])
      return { a: 1, b: 0 }
    },
  }
  const x = [1, 2, 3, 4, 5]
  const columns = {
    x,
    y: [
      [1, 2, null, 4, 5.5],
      [1, 2, 3, 4, NaN],
    ],
  }
  fitManySync(model, columns, { missing: 'drop', weights: [0, 1, 1, 1, 1] })
  expect(seen).toEqual([
    [2, 4, 5, 2, 4, 5.5],
    [2, 3, 4, 2, 3, 4],
  ])
})

describe('a batch with missing data', () => {
  const count = 24
  const wells = Array.from({ length: count }, () =>
    curve().map((value) => (next() < 0.15 ? (next() < 0.5 ? null : NaN) : value)),
  )
  wells[3] = wells[3].map(() => null)
  wells[4] = wells[4].map((value, row) => (row < 12 ? null : value))
  wells[5] = y
  const weights = wells.map(() => t.map(() => (next() < 0.1 ? 0 : 1 + next())))
  const shared = t.map((_, row) => (row === 1 || row === 6 ? 0 : 1))
  const all = (options: FitManyOptions, data: FitData = { t, y: wells }) => {
    const many = fitManySync(decay, data, { start, ...options })
    return inBits([
      ...many.droppedRows,
      Array.from(many.reason, (_, i) => [found(many.at(i)), many.at(i).message]),
    ])
  }

  test.each<[string, FitManyOptions]>([
    ['of shared columns and columns per fit', { missing: 'drop' }],
    ['with weights per fit', { missing: 'drop', weights }],
    ['with shared weights', { missing: 'drop', weights: shared }],
    ['without the option', {}],
    ['of several starts', { missing: 'drop', start: boxed, multiStart: 4, loss: 'cauchy' }],
    [
      'by a first-order rule',
      { missing: 'drop', method: ruleMethod(adam({ lr: 0.05 })), maxIterations: 200 },
    ],
  ])('gives the same results as single fits on every engine and instruction set: %s', (_, options) => {
    const many = fitManySync(decay, { t, y: wells }, { start, ...options })
    for (const [i, column] of wells.entries()) {
      const own = options.weights === weights ? { weights: weights[i] } : {}
      const alone = fitOne(decay, { t, y: column }, { start, ...options, ...own } as FitOptions)
      expect(found(many.at(i)), `fit ${i}`).toBe(found(alone))
      expect([many.droppedRows[i], many.at(i).droppedRows]).toEqual([alone.droppedRows, alone.droppedRows])
      expect(many.at(i).residuals).toEqual(alone.residuals)
    }
    const reasons = Array.from(many.reason, (reason) => fitReasons[reason])
    expect(reasons.slice(3, 5)).toEqual(
      options.missing ? ['too-few-points', expect.anything()] : ['not-finite', 'not-finite'],
    )
    const first = all(options)
    for (const instructionSet of engines().native.instructionSets) {
      expect(all({ ...options, engine: 'native', instructionSet })).toBe(first)
    }
    for (const engine of ['wasm', 'typescript'] as const) expect(all({ ...options, engine })).toBe(first)
  })

  test('gives the same results after the removal of rows that every fit drops', () => {
    const full = wells.map((column) => column.map((value) => value ?? 1).map((value) => value || 1))
    const left = (column: readonly number[]) => column.filter((_, row) => shared[row] > 0)
    const one = fitManySync(decay, { t, y: full }, { start, weights: shared })
    const other = fitManySync(decay, { t: left(t), y: full.map(left) }, { start })
    for (let i = 0; i < count; i++) expect(found(one.at(i))).toBe(found(other.at(i)))
  })

  test('gives the same results in synchronous and asynchronous calls', async () => {
    const many = await fitMany(decay, { t, y: wells }, { start, missing: 'drop' })
    expect(Array.from(many.reason, (_, i) => found(many.at(i)))).toEqual(
      wells.map((column) => found(fitOne(decay, { t, y: column }, { start, missing: 'drop' }))),
    )
  })
})

describe('a fit with non-finite residuals', () => {
  test.each<[string, Fit, object | null, string]>([
    [
      'an infinite y',
      fitOne(decay, { t, y: y.map((value, row) => (row === 5 ? -Infinity : value)) }, { start }),
      { row: 5, source: 'column', name: 'y', value: -Infinity },
      'row 5: y is -Infinity',
    ],
    [
      'an infinite column of the model',
      fitOne(
        expression('a*t + c'),
        { t: t.map((at, row) => (row === 5 ? Infinity : at)), y },
        { start: { a: 1, c: 0 } },
      ),
      { row: 5, source: 'column', name: 't', value: Infinity },
      'row 5: t is Infinity',
    ],
    [
      'the model',
      fitOne(expression('a*log(t - b) + c'), { t, y }, { start: { a: 1, b: 0.5, c: 0 } }),
      { row: 0, source: 'model', name: null, value: NaN },
      'row 0, where t = 0: the model is NaN where the fit starts',
    ],
    [
      'a derivative',
      fitOne(expression('a*sqrt(b*t) + c'), { t, y }, { start }),
      { row: 0, source: 'derivative', name: 'b', value: NaN },
      'row 0, where t = 0: the derivative by b is NaN where the fit starts',
    ],
    [
      'counts that the model does not allow',
      fitOne(expression('a - b*t'), { t, y: t.map((_, k) => k) }, { start: { a: 1, b: 1 }, loss: 'poisson' }),
      { row: 3, source: 'model', name: null, value: 0 },
      'row 3, where t = 1: the model is 0 where the fit starts, but must be above 0 for counts',
    ],
    [
      'a guess',
      fitOne({ text: 'a*t', x: 't', parameters: {}, guess: () => ({ a: NaN }) }, { t, y }),
      { row: null, source: 'start', name: 'a', value: NaN },
      'a starts at NaN',
    ],
    [
      'sums',
      fitOne(expression('c + 0*t'), { t, y: t.map(() => 1.5e308) }, { start: { c: -1.5e308 } }),
      null,
      'sums of squares or derivatives overflow; multiply the data by a power of 10',
    ],
    [
      'a row behind some that are left out',
      fitOne(
        decay,
        { t: t.map((at, row) => (row === 6 ? -1e9 : row === 2 ? null : at)), y },
        { start, missing: 'drop', weights: t.map((_, row) => (row === 3 ? 0 : 1)) },
      ),
      { row: 6, source: 'model', name: null, value: Infinity },
      'row 6, where t = -1000000000: the model is Infinity where the fit starts; 1 row with missing values left out',
    ],
    [
      'steps of a rule',
      fitOne(decay, { t, y }, { start, method: ruleMethod(adam({ lr: 1e9 })) }),
      null,
      'χ² became infinite or NaN during the fit',
    ],
  ])('reports the location of the first non-finite number: %s', (_, fit, where, message) => {
    expect(fit.reason).toBe('not-finite')
    expect(fit.nonFinite).toEqual(where)
    expect(fit.message).toBe(message)
  })
})

describe('a message about non-finite fits', () => {
  test.each<[Fit, string]>([
    [fitOne(decay, { t, y }, { start }), ''],
    [
      fitOne(decay, { t, y: t.map(() => 2) }, { start }),
      'the data do not determine b; the model fits the data exactly: AIC and BIC are not finite; y is constant: R² is undefined',
    ],
    [
      fitOne(decay, { t, y }, { start: { ...start, a: { start: 1, max: 2 } } }),
      'a held at a bound, and counted as fixed',
    ],
    [fitOne(decay, { t: [1, 2], y: [1, 2] }, { start }), '2 rows for 3 free parameters'],
    [
      fitOne(decay, { t: t.slice(0, 3), y: y.slice(0, 3) }, { start }),
      'the model fits the data exactly: AIC and BIC are not finite; no degree of freedom is left for errors',
    ],
    [
      fitOne(expression('a*b*t'), { t, y }, { start: { a: 1, b: 1 } }),
      'the data determine some parameters only together; fix some of them',
    ],
  ])('names the location of the first non-finite number, case %#: %s', (fit, message) => {
    expect(fit.message).toBe(message)
    expect(fit.nonFinite).toBe(null)
  })
})

describe('data values whose squares overflow or underflow', () => {
  const steep = t.map((at, k) => 3 * Math.exp(-0.5 * at) + 1 + 0.01 * Math.sin(7 * k))
  const straight = t.map((at, k) => 2 * at + 1 + 0.1 * Math.sin(7 * k))
  const line = expression('a*t + c')

  const alike = fitOne(decay, { t, y: steep }, { start, tolerance: 1e-14 })
  const asStraight = fitOne(line, { t, y: straight }, { start: { a: 1, c: 0 } })
  /** The largest relative difference of values and errors, in the units of the data. */
  const off = (one: Fit, other: Fit, units: Readonly<Record<string, number>>) =>
    Math.max(
      ...one.free.flatMap((name) => [
        Math.abs(one.values[name] / units[name] / other.values[name] - 1),
        Math.abs(one.errors[name] / units[name] / other.errors[name] - 1),
      ]),
    )

  test.each([
    1e-300, 1e-200, 1e-170, 1e-160, 1e-156, 1e-155, 1e-153, 1e-148, 1e-140, 1e-120, 1, 1e100, 1e140, 1e150,
    1e155, 1e160, 1e200, 1e300,
  ])('are rescaled at the magnitude %d', (k) => {
    const curve = fitOne(decay, { t, y: steep.map((value) => value * k) }, { start: { a: k, b: 1, c: 0 } })
    expect(curve.reason).toBe('converged')
    expect(off(curve, alike, { a: k, b: 1, c: k })).toBeLessThan(1e-6)
    const low = fitOne(line, { t, y: straight.map((value) => value * k) }, { start: { a: 1, c: 0 } })
    const near = fitOne(line, { t: t.map((at) => at * k), y: straight }, { start: { a: 1, c: 0 } })
    expect([low.reason, near.reason]).toEqual(['converged', 'converged'])
    expect(off(low, asStraight, { a: k, c: k })).toBeLessThan(1e-12)
    expect(off(near, asStraight, { a: 1 / k, c: 1 })).toBeLessThan(1e-12)
    const guessed = fitOne(models.exponential({ x: 't' }), { t, y: steep.map((value) => value * k) }, {})
    expect(guessed.reason).toBe('converged')
    expect(Math.abs(guessed.values.rate - alike.values.b)).toBeLessThan(1e-6 * alike.errors.b)
  })

  test.each([1e-200, 1e200])('are reported at the magnitude %d if χ² is not finite', (k) => {
    const one = fitOne(line, { t, y: straight.map((value) => value * k) }, { start: { a: 1, c: 0 } })
    expect(one.chiSquared).toBe(k < 1 ? 0 : Infinity)
    expect(one.message).toContain('multiply the data by a power of 10')
    expect(one.message).not.toContain('exactly')
  })

  test('are not rescaled if the fit is exact or all values are 0', () => {
    expect(fitOne(line, { t, y: t }, { start: { a: 1, c: 0 } })).toMatchObject({
      reason: 'converged',
      chiSquared: 0,
    })
    expect(fitOne(line, { t, y: t.map(() => 0) }, { start: { a: 0, c: 0 } }).reason).toBe('converged')
  })

  test.each([1e-170, 1e170])('are refused if the option sigma is %d', (sigma) => {
    expect(() => fitOne(decay, { t, y }, { start, sigma: t.map(() => sigma) })).toThrow(OptionError)
  })
})

test.each([
  ['an unknown value of missing', { t, y }, { start, missing: 'omit' }, 'missing'],
  ['true for missing', { t, y }, { start, missing: true }, 'missing'],
  ['null for a weight without the option', { t, y }, { start, weights: t.map(() => null) }, 'weights[0]'],
  ['null for σ without the option', { t, y }, { start, sigma: t.map(() => null) }, 'sigma[0]'],
  ['undefined in a column', { t, y: y.map(() => undefined) }, { start }, 'data: y[0]'],
  ['null for one of the lists', { t, y: [null, y] }, { start }, 'data: y[0]'],
  [
    'a σ below 0 beside one that is missing',
    { t, y },
    { start, missing: 'drop', sigma: t.map((_, k) => (k ? -1 : null)) },
    'sigma',
  ],
])('an invalid option for missing data is refused: %s', (_, data, options, argument) => {
  expect(() => fitOne(decay, data as never, options as never)).toThrow(expect.objectContaining({ argument }))
})
