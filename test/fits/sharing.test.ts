/** Whether groups differ: fits with and without a shared parameter, quantities across groups, and rankings of models. */

import { ArgumentError, OptionError } from 'antigrad'
import {
  compare,
  compareSharing,
  compareSharingSync,
  derive,
  fitManySync,
  fit as fitOne,
  fitSharedSync,
  models,
} from 'antigrad/fit'
import { describe, expect, test } from 'vitest'
import reference from '../data/potency.json' with { type: 'json' }
import { engineNames, inBits } from '../helpers.js'

const { x, y, quantities, tests } = reference
const model = models.fourPL()
const data = { x: y.map(() => x), y }
const options = { shared: ['bottom', 'top', 'slope'], tolerance: 1e-14 }
const shared = fitSharedSync(model, data, options)
const many = fitManySync(model, data)
const labels = ['A01', 'B06', 'C12']
/** The rows of all groups as columns, with a column of labels. */
const long = {
  x: y.flatMap(() => x),
  y: y.flat(),
  well: y.flatMap((column, k) => column.map(() => labels[k])),
}

describe('the function compareSharing', () => {
  test.each(['slope', 'ec50'] as const)('agrees with the F test and AICc of SciPy for %s', (name) => {
    const found = compareSharingSync(shared, name)
    const { statistic, degreesOfFreedom, pValue, aicc } = tests[name]
    expect([found.test, found.fullModel, found.message]).toEqual(['F', 'b', ''])
    expect(found.degreesOfFreedom).toEqual(degreesOfFreedom)
    expect(found.statistic / statistic).toBeCloseTo(1, 6)
    expect(found.pValue / pValue).toBeCloseTo(1, 5)
    for (const k of [0, 1]) expect(found.aicc[k]).toBeCloseTo(aicc[k], 6)
    const isShared = (one: typeof shared) => Object.hasOwn(one.values.shared, name)
    expect([found.shared, found.separate].map(isShared)).toEqual([true, false])
    expect(name === 'slope' ? found.shared : found.separate).toBe(shared)
  })

  test('compares with independent fits if no other parameter is shared', async () => {
    for (const found of [
      fitSharedSync(model, data, { shared: ['slope'] }),
      fitSharedSync(model, long, { shared: ['slope'], group: 'well' }),
    ]) {
      const { separate, degreesOfFreedom, pValue } = await compareSharing(found, 'slope')
      const alone = compare(found, many)
      expect(separate.chiSquared).toBeCloseTo(
        many.chiSquared.reduce((sum, one) => sum + one),
        6,
      )
      expect(degreesOfFreedom).toEqual(alone.degreesOfFreedom)
      expect(pValue).toBeCloseTo(alone.pValue, 6)
    }
  })

  test('separates a parameter that subsets share, and keeps starts, bounds and fixed parameters', () => {
    const start = { bottom: { start: 2, fixed: true }, slope: { min: 0.1, max: 9 } }
    const plates = { ...data, plate: ['p', 'p', 'q'] }
    const found = fitSharedSync(model, plates, { shared: ['top'], sharedBy: { slope: 'plate' }, start })
    const { separate, degreesOfFreedom, message } = compareSharingSync(found, 'slope')
    expect([degreesOfFreedom[0], message]).toEqual([1, ''])
    expect(separate.values.local.slope).toHaveLength(3)
    expect(separate.chiSquared).toBeLessThanOrEqual(found.chiSquared)
    expect(separate.at(1).values.bottom).toBe(2)
  })

  test('throws errors for unknown names, other results and changed data', async () => {
    expect(() => compareSharingSync(shared, 'hill')).toThrow(
      'name: expected one of bottom, top, slope, ec50, got "hill"',
    )
    expect(() => compareSharingSync(many as never, 'slope')).toThrow(ArgumentError)
    const signal = AbortSignal.abort(new Error('stopped'))
    await expect(compareSharing(shared, 'slope', { signal })).rejects.toThrow('stopped')
    const copy = { x: data.x, y: y.map((column) => [...column]) }
    const found = fitSharedSync(model, copy, options)
    copy.y[1][2] += 1
    expect(() => compareSharingSync(found, 'slope')).toThrow('y = ')
  })
})

describe('the function derive', () => {
  test.each(Object.entries(quantities))('agrees with SciPy for %s', (text, expected) => {
    const { one } = derive(shared, { one: text })
    for (const field of ['value', 'error', 'low', 'high'] as const)
      expect(one[field] / expected[field]).toBeCloseTo(1, 5)
  })

  test('returns the same numbers as the fit for single parameters', () => {
    const { a, b, c } = derive(shared, { a: 'ec50[2]', b: 'slope', c: 'ec50[1]/ec50[1]' })
    expect(a.error / shared.errors.local.ec50[2]).toBeCloseTo(1, 12)
    const { low, high } = shared.intervals()
    expect(a.low / low.local.ec50[2]).toBeCloseTo(1, 12)
    expect(b.high / high.shared.slope).toBeCloseTo(1, 12)
    expect([c.value, Math.abs(c.error) < 1e-9]).toEqual([1, true])
  })

  test('finds groups by their labels, also of subsets', () => {
    const found = fitSharedSync(model, long, { shared: ['bottom', 'top', 'slope'], group: 'well' })
    const { potency } = derive(found, { potency: 'ec50[B06] / ec50 [ A01 ]' })
    expect(potency.value / quantities['ec50[1]/ec50[0]'].value).toBeCloseTo(1, 6)
    const plates = { ...data, plate: ['p', 'p', 'q'] }
    const subsets = fitSharedSync(model, plates, { shared: ['top'], sharedBy: { slope: 'plate' } })
    const { ratio } = derive(subsets, { ratio: 'slope[q]/slope[p]' })
    const [p, q] = subsets.values.sharedBy.slope
    expect(ratio.value).toBe(q / p)
    const [[pp, pq], [, qq]] = [
      [1, 2],
      [1, 2],
    ].map((_, i) => [1, 2].map((_, j) => subsets.covariance[i + 1][j + 1]))
    expect(ratio.error).toBeCloseTo(
      Math.sqrt(qq / p ** 2 + (q ** 2 * pp) / p ** 4 - (2 * q * pq) / p ** 3),
      10,
    )
  })

  test('returns NaN for a parameter of a subset without data', () => {
    const dose = [0.01, 0.1, 1, 10, 100]
    const y = [0.5, 2].map((ec50, k) => dose.map((x, i) => 100 / (1 + ec50 / x) + ((7 * i + 3 * k) % 5) - 2))
    const data = { x: [dose, dose, [], []], y: [...y, [], []], plate: ['p', 'p', 'q', 'q'] }
    const found = fitSharedSync(models.fourPL(), data, { shared: ['bottom'], sharedBy: { top: 'plate' } })
    const { known, none } = derive(found, { known: 'top[p]', none: 'top[q]' })
    expect(known.value).toBe(found.values.sharedBy.top[0])
    expect([none.value, none.error]).toEqual([NaN, NaN])
  })

  test('uses logarithms, fixed parameters and parameters at bounds', () => {
    const start = { ec50: { positive: true, start: 1 }, bottom: { fixed: true, start: 2 }, top: { max: 95 } }
    const found = fitSharedSync(model, data, { shared: ['top', 'slope'], start })
    expect(found.atBound).toEqual(['top'])
    const { a, b, c } = derive(found, { a: 'ec50[0]', b: 'bottom[0]*ec50[0]', c: 'top' })
    expect(a.error / found.errors.local.ec50[0]).toBeCloseTo(1, 12)
    expect(b.error / a.error).toBeCloseTo(2, 12)
    expect([c.value, c.error]).toEqual([95, 0])
  })

  test("combines independent fits with Satterthwaite's degrees of freedom", () => {
    const { ratio, one } = derive(many, { ratio: 'ec50[1]/ec50[0]', one: 'ec50[2]' })
    const [a, b] = many.values.ec50
    const [ea, eb] = many.errors.ec50
    expect(ratio.error).toBeCloseTo((b / a) * Math.sqrt((ea / a) ** 2 + (eb / b) ** 2), 10)
    const [low, high] = many.at(2).intervals().ec50
    expect(one.low / low).toBeCloseTo(1, 12)
    expect(one.high / high).toBeCloseTo(1, 12)
  })

  test('throws errors that name the quantity', () => {
    const refused = [
      [
        { q: 'ec50[7]/ec50[0]' },
        'quantities: q: expected name[group] of the parameters bottom, top, slope, ec50',
      ],
      [{ q: 'top[1]' }, 'quantities: q: expected top without a group (it is shared), got "top[1]"'],
      [{ q: 'ec50' }, 'and a group of the fit, got "ec50"'],
      [{ q: 5 as never }, 'quantities: q: expected an expression, got 5'],
      [{ q: 'ec50[0' }, 'expression: expected'],
    ] as const
    for (const [given, message] of refused) expect(() => derive(shared, given)).toThrow(message)
    expect(() => derive(many, { q: 'ec50[3]' })).toThrow(OptionError)
    expect(() => derive(shared, 'ec50' as never)).toThrow('quantities: expected expressions by name')
    expect(() => derive(shared, {}, { level: 2 })).toThrow('level: expected a number between 0 and 1')
    const withDerived = fitSharedSync(model, data, { ...options, derive: { ec90: 'ec50*9^(1/slope)' } })
    expect(() => derive(withDerived, { q: 'ec90[0]' })).toThrow('write out the expression of ec90')
  })
})

describe('compare([…])', () => {
  const [first] = y
  const fits = [models.line(), models.fourPL(), models.fivePL()].map((of) => fitOne(of, { x, y: first }))

  test('ranks models by AICc, and tests each against the best', () => {
    const ranked = compare(fits)
    expect(ranked[0]).toMatchObject({ index: 1, parameters: 4, deltaAicc: 0, comparison: null })
    for (const { index, aicc, bic, comparison, chiSquared } of ranked.slice(1)) {
      const pair = compare(fits[1], fits[index])
      expect(comparison).toEqual(pair)
      expect([aicc, bic, chiSquared]).toEqual([pair.aicc[1], fits[index].bic, fits[index].chiSquared])
    }
    const sum = ranked.reduce((all, { akaikeWeight }) => all + akaikeWeight, 0)
    expect(sum).toBeCloseTo(1, 14)
    expect(ranked.map(({ aicc }) => aicc)).toEqual(ranked.map(({ aicc }) => aicc).toSorted((a, b) => a - b))
  })

  test('has the weights of two models that compare(a, b) has', () => {
    const [best, other] = compare(fits.slice(0, 2))
    const { akaikeWeights } = compare(fits[1], fits[0])
    expect(best.akaikeWeight).toBeCloseTo(akaikeWeights[0], 14)
    expect(other.akaikeWeight).toBeCloseTo(akaikeWeights[1], 14)
  })

  test('ranks by group, and joint fits as a whole', () => {
    const lines = fitManySync(models.line(), data)
    const byGroup = compare([lines, many])
    expect(byGroup.map((ranked) => ranked.map(({ index }) => index))).toEqual([
      [1, 0],
      [1, 0],
      [1, 0],
    ])
    const slopes = fitSharedSync(model, data, { shared: ['slope'] })
    const joint = compare([many, slopes, shared])
    expect(joint[0].index).toBe(2)
    const other = joint.find(({ index }) => index === 0)
    expect(other?.comparison?.pValue).toBe(compare(shared, many).pValue)
  })

  test('puts models without AICc last, and uses χ² if σ is known', () => {
    const few = { x: x.slice(0, 6), y: first.slice(0, 6) }
    const ranked = compare([fitOne(models.fivePL(), few), fitOne(models.line(), few)])
    expect(ranked.map(({ index }) => index)).toEqual([1, 0])
    expect([ranked[0].akaikeWeight, ranked[1].akaikeWeight]).toEqual([1, NaN])
    const known = { sigma: x.map(() => 2), absoluteSigma: true }
    const [{ aicc, bic, chiSquared }] = compare(
      [models.line(), model].map((of) => fitOne(of, { x, y: first }, known)),
    )
    expect([aicc, bic]).toEqual([chiSquared + 8, expect.closeTo(chiSquared + 4 * Math.log(9), 12)])
  })

  test('computes the same bits on every engine', () => {
    const [a, ...others] = engineNames.map((engine) => {
      const found = fitSharedSync(model, data, { ...options, engine })
      const { one } = derive(found, { one: 'ec50[1]/ec50[0]' })
      const { pValue, aicc } = compareSharingSync(found, 'slope')
      return inBits([Object.values(one), pValue, aicc])
    })
    for (const other of others) expect(other).toEqual(a)
  })

  test('throws errors that name the fit', () => {
    expect(() => compare([fits[0]])).toThrow('fits: expected an array of 2 to 256 fits, got 1')
    expect(() => compare([fits[0], many] as never)).toThrow('fits[1]: expected a result like fits[0]')
    const other = fitOne(model, { x, y: y[1] })
    expect(() => compare([fits[0], fits[1], other])).toThrow(
      /^fits\[2\]: expected y = .* like fits\[0\], got /,
    )
    const less = fitManySync(model, { x, y: y.slice(0, 2) })
    expect(() => compare([many, less])).toThrow('fits[1]: expected 3 fits, like fits[0], got "2 fits"')
    expect(() => compare(fits, { nested: 1 } as never)).toThrow('nested: expected true or false')
  })
})
