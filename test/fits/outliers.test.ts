/** Outliers: studentized residuals, and the ROUT method as an option of fits. */

import { OptionError } from 'antigrad'
import {
  bootstrap,
  compare,
  covarianceMatrix,
  fitMany,
  fitManySync,
  fit as fitOne,
  fitSharedSync,
  models,
  profile,
  profileIntervals,
  rout,
  studentizedResiduals,
} from 'antigrad/fit'
import { describe, expect, test } from 'vitest'
import { cases, outliersOf } from '../../bench/lib/outliers.mjs'
import reference from '../data/outliers.json' with { type: 'json' }
import { engineNames, inBits } from '../helpers.js'

const { x, y } = reference[2]
const model = models.fourPL()
const rowsOf = ({ outliers }: { outliers: readonly { row: number }[] }) => outliers.map(({ row }) => row)
const largest = (a: readonly number[], b: ArrayLike<number>) =>
  a.reduce((most, x, k) => Math.max(most, Math.abs(x - b[k])), 0)

describe('the function studentizedResiduals', () => {
  test('agrees with the hat matrix in NumPy, also with weights', () => {
    for (const { x, y, weights, plain, weighted } of reference) {
      for (const [options, expected] of [
        [{}, plain],
        [{ weights }, weighted],
      ] as const) {
        const found = studentizedResiduals(fitOne(model, { x, y }, { tolerance: 1e-14, ...options }))
        for (const name of ['leverages', 'internal', 'external'] as const)
          expect(largest(expected[name], found[name])).toBeLessThan(1e-5)
      }
    }
  })

  test('has leverages whose sum is the number of parameters, and NaN in rows that are not in use', () => {
    const data = { x, y: y.map((value, row) => (row === 3 ? NaN : value)) }
    const weights = x.map((_, row) => (row === 7 ? 0 : 1))
    const { leverages, internal, external } = studentizedResiduals(
      fitOne(model, data, { weights, missing: 'drop' }),
    )
    const used = [...leverages].filter((h) => !Number.isNaN(h))
    expect(used.reduce((sum, h) => sum + h)).toBeCloseTo(4, 6)
    for (const column of [leverages, internal, external])
      expect([...column.keys()].filter((row) => Number.isNaN(column[row]))).toEqual([3, 7])
  })

  test('uses σ if σ is known, and the joint covariance of a shared fit', () => {
    const known = studentizedResiduals(
      fitOne(model, { x, y }, { sigma: x.map(() => 3), absoluteSigma: true }),
    )
    expect(inBits(known.external)).toEqual(inBits(known.internal))
    const alone = fitSharedSync(model, { x: [x], y: [y] }, { shared: ['top'] })
    const [group, single] = [alone.at(0), fitOne(model, { x, y })].map(studentizedResiduals)
    expect(largest([...single.external], group.external)).toBeLessThan(1e-5)
  })

  test('refuses robust losses and a covariance', () => {
    const robust = fitOne(model, { x, y }, { loss: 'huber' })
    expect(() => studentizedResiduals(robust)).toThrow(
      'found: expected a fit with the loss \'squared\', got "huber"',
    )
    const unit = x.map((_, i) => x.map((_, j) => Number(i === j)))
    const whitened = fitOne(model, { x, y }, { covariance: covarianceMatrix(unit) })
    expect(() => studentizedResiduals(whitened)).toThrow('found: expected a fit without a covariance of y')
    expect(() => studentizedResiduals({} as never)).toThrow('found: expected a result of fit')
  })
})

describe('the option outliers: rout()', () => {
  test.each(reference)('marks the rows that SciPy marks (set %#)', ({ x, y, rout: expected }) => {
    const found = fitOne(model, { x, y }, { outliers: rout() })
    expect(rowsOf(found)).toEqual(expected.rows)
    const t = found.outliers.map((one) => one.t)
    expect(largest(expected.t, t)).toBeLessThan(1e-3)
    for (const { pValue, threshold } of found.outliers) expect(pValue).toBeLessThan(threshold)
  })

  test('marks rows without changing the fit unless refit is true', () => {
    const plain = fitOne(model, { x, y })
    const marked = fitOne(model, { x, y }, { outliers: rout() })
    const bits = ({ values, errors, chiSquared }: typeof plain) =>
      inBits([Object.values(values), Object.values(errors), chiSquared])
    expect(bits(marked)).toEqual(bits(plain))
    expect(plain.outliers).toEqual([])
    expect(marked.message).toBe('outliers by ROUT at Q = 0.01: row 5 (t = 8.87), row 16 (t = 10.1)')
    const refitted = fitOne(model, { x, y }, { outliers: rout({ refit: true }) })
    const others = x.map((_, row) => Number(!rowsOf(refitted).includes(row)))
    const without = fitOne(model, { x, y }, { weights: others })
    expect(refitted.observations).toBe(22)
    expect(refitted.degreesOfFreedom).toBe(18)
    for (const name of refitted.free) {
      expect(refitted.values[name] / without.values[name]).toBeCloseTo(1, 6)
      expect(refitted.errors[name] / without.errors[name]).toBeCloseTo(1, 6)
    }
    expect(refitted.residuals).toHaveLength(24)
    expect(refitted.message).toContain('and the fit ran without them: row 5')
    expect(rowsOf(refitted)).toEqual([5, 16])
  })

  test('marks rows in 1 to 3% of clean data sets, and finds outliers', () => {
    // The measured share of 10,000 sets is 1.5% (bench/outliers.mjs); its standard deviation for 500 sets is 0.6%.
    const { sets } = outliersOf(cases[1], 500, { seed: 3, share: 0 })
    expect(sets).toBeGreaterThan(0)
    expect(sets).toBeLessThan(0.045)
    const { found, wrong } = outliersOf(cases[1], 100, { seed: 4, share: 0.05 })
    expect(found).toBeGreaterThan(0.97)
    expect(wrong).toBeLessThan(0.06)
  })

  test('keeps the bits of fits without outliers in a batch, and of every engine', () => {
    const sets = reference.map(({ x, y }) => [x, y])
    const data = { x: sets.map(([x]) => x), y: sets.map(([, y]) => y) }
    const plain = fitManySync(model, data)
    const results = engineNames.map((engine) => {
      const found = fitManySync(model, data, { engine, outliers: rout({ refit: true }) })
      return inBits([...Object.values(found.values), ...Object.values(found.errors), found.chiSquared])
    })
    for (const other of results) expect(other).toEqual(results[0])
    const found = fitManySync(model, data, { outliers: rout({ refit: true }) })
    expect(found.values.ec50[0]).toBe(plain.values.ec50[0])
    expect([...found.observations]).toEqual(reference.map(({ rout }) => 24 - rout.rows.length))
    for (const [k, { x, y }] of reference.entries()) {
      const alone = fitOne(model, { x, y }, { outliers: rout({ refit: true }) })
      expect(found.at(k).outliers).toEqual(alone.outliers)
      expect(inBits(Object.values(found.at(k).values))).toEqual(inBits(Object.values(alone.values)))
    }
  })

  test('lets profiles, bootstraps and comparisons use the rows without outliers', () => {
    const outliers = rout({ refit: true })
    const found = fitOne(model, { x, y }, { outliers, intervals: profileIntervals() })
    const weights = x.map((_, row) => Number(!rowsOf(found).includes(row)))
    const without = fitOne(model, { x, y }, { weights })
    const [a, b] = [profile(found).ec50, profile(without).ec50]
    expect(a.low / b.low).toBeCloseTo(1, 5)
    expect(found.intervals().ec50[1] / b.high).toBeCloseTo(1, 5)
    expect(bootstrap(found, { count: 50 }).errors.ec50).toBeCloseTo(
      bootstrap(without, { count: 50 }).errors.ec50,
      3,
    )
    expect(compare(found, without).message).toContain('equally many')
  })

  test('honors missing values, weights and fixed parameters', () => {
    const gaps = { x: [...x, 1, 2], y: [NaN, ...y.slice(1), NaN, 40] }
    const weights = [...x.map(() => 2), 1, 0]
    const start = { bottom: { fixed: true, start: 5 } }
    const found = fitOne(model, gaps, { start, weights, missing: 'drop', outliers: rout({ refit: true }) })
    expect([rowsOf(found), found.observations, found.droppedRows]).toEqual([[5, 16], 21, 2])
    expect(found.values.bottom).toBe(5)
  })

  test('marks no rows of exact data, of few rows and of failed fits', () => {
    const exact = fitOne(models.line(), { x: [0, 1, 2, 3, 4], y: [1, 3, 5, 7, 9] }, { outliers: rout() })
    expect([exact.outliers, exact.message.includes('ROUT')]).toEqual([[], false])
    const few = fitOne(models.line(), { x: [0, 1], y: [1, 3] }, { outliers: rout({ refit: true }) })
    expect(few.outliers).toEqual([])
    const failed = fitOne(
      models.line(),
      { x: [0, 1, 2], y: [1, NaN, 3] },
      { outliers: rout({ refit: true }) },
    )
    expect([failed.reason, failed.outliers]).toEqual(['not-finite', []])
  })

  test('finds an outlier that makes the least-squares fit a step', () => {
    const dose = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100]
    const spoiled = [0.1, 0.13, 0.2, 0.37, 0.79, 3.36, 1.82, 2.01, 2.08]
    const found = fitOne(model, { x: dose, y: spoiled }, { outliers: rout({ refit: true }) })
    expect([rowsOf(found), found.reason, found.observations]).toEqual([[5], 'converged', 8])
    expect(found.values.ec50).toBeCloseTo(1.8, 0)
  })

  test('reports increasing progress, and stops if the signal aborts', async () => {
    const sets = Array.from({ length: 40 }, (_, k) => reference[k % 4])
    const data = { x: sets.map(({ x }) => x), y: sets.map(({ y }) => y) }
    const done: number[] = []
    const found = await fitMany(model, data, { outliers: rout(), onProgress: (n) => void done.push(n) })
    expect(found.at(39).outliers).toHaveLength(3)
    expect(done).toEqual(done.toSorted((a, b) => a - b))
    expect(done.at(-1)).toBe(40)
    const signal = AbortSignal.abort(new Error('stopped'))
    await expect(fitMany(model, data, { outliers: rout(), signal })).rejects.toThrow('stopped')
  })

  test('throws errors before any fit', () => {
    const refused = [
      [() => rout({ q: 0 }), 'q: expected a number between 0 and 1, got 0'],
      [() => rout({ refit: 1 as never }), 'refit: expected true or false, got 1'],
      [
        () => fitOne(model, { x, y }, { outliers: {} as never }),
        'outliers: expected a result of rout(), got',
      ],
      [
        () => fitOne(model, { x, y }, { outliers: rout(), loss: 'huber' }),
        "loss: expected 'squared' if outliers is set",
      ],
      [
        () => fitOne(model, { x, y }, { outliers: rout(), sigma: '0.1*f' }),
        'sigma: expected no expression if outliers',
      ],
      [
        () =>
          fitOne(
            model,
            { x, y },
            { outliers: rout(), covariance: covarianceMatrix(x.map((_, i) => x.map((_, j) => +(i === j)))) },
          ),
        'covariance: expected none if outliers is set',
      ],
    ] as const
    for (const [call, message] of refused) {
      expect(call).toThrow(OptionError)
      expect(call).toThrow(message)
    }
    const proxy = new Proxy(rout(), {})
    expect(() => fitOne(model, { x, y }, { outliers: proxy })).toThrow(OptionError)
  })
})
