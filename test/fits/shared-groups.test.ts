/** Groups of shared fits that fail alone: groups without rows, with too few rows, or without a minimum. */

import { engines, expression } from 'antigrad'
import {
  bootstrapSync,
  fitSharedSync,
  models,
  profileSync,
  type SharedFit,
  type SharedOptions,
} from 'antigrad/fit'
import { describe, expect, test } from 'vitest'
import { engineNames, random } from '../helpers.js'

const doses = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30]
const curve = (dose: number, ec50: number, slope: number) => 3 + 97 / (1 + (ec50 / dose) ** slope)

/** Wells with shared plateaus, all identifiable. */
function plate(count: number, seed: number) {
  const next = random(seed)
  const noise = () => 4 * (next() + next() + next() - 1.5)
  return Array.from({ length: count }, () => {
    const [ec50, slope] = [0.1 * 30 ** next(), 0.8 + next()]
    return doses.map((dose) => curve(dose, ec50, slope) + noise())
  })
}

const shared = ['top', 'bottom']
const options: SharedOptions = { shared, threads: 1 }

/** All numbers of a fit, except for the groups at the given indices. */
function numbersOf(found: SharedFit, without: readonly number[]) {
  const isKept = (_: unknown, k: number) => !without.includes(k)
  const columns = ({ shared, sharedBy, local }: SharedFit['values']) => ({
    shared,
    sharedBy,
    local: Object.fromEntries(
      Object.entries(local).map(([name, column]) => [name, Array.from(column).filter(isKept)]),
    ),
  })
  const groups = found.groups.map((_, k) => k).filter((k) => isKept(null, k))
  return {
    values: columns(found.values),
    errors: columns(found.errors),
    covariance: found.covariance,
    groups: groups.map((k) => [found.at(k).covariance, found.at(k).chiSquared, found.at(k).reason]),
    statistics: [found.chiSquared, found.observations, found.degreesOfFreedom, found.aic, found.evaluations],
    reason: found.reason,
  }
}

/** Inserts wells with few rows, and returns the columns and the indices of the wells. */
function insertFewRows(wells: readonly (readonly number[])[], counts: ReadonlyMap<number, number>) {
  const [x, y] = [wells.map(() => doses), wells.map((well) => [...well])]
  for (const [at, count] of counts) {
    x.splice(at, 0, doses.slice(2, 2 + count))
    y.splice(at, 0, [50, 60, 70].slice(0, count))
  }
  return { x, y }
}

const few = new Map([
  [0, 0],
  [4, 1],
  [9, 0],
])

describe('groups with fewer rows than local parameters', () => {
  const robust = { ...options, loss: 'softL1', lossScale: 4 } as const
  const decay = expression('a*exp(-k*x) + c')
  const start = { a: -90, k: 1, c: 95 }

  test.each([
    ['a built-in model', models.fourPL(), options],
    ['a robust loss', models.fourPL(), robust],
    ['an expression', decay, { shared: ['k'], start, threads: 1 }],
  ] as const)('leave the bits of the other groups unchanged (%s)', (_, model, given) => {
    for (const seed of [1, 2]) {
      const wells = plate(8, seed)
      const { x, y } = insertFewRows(wells, few)
      const found = fitSharedSync(model, { x, y }, given)
      const alone = fitSharedSync(model, { x: wells.map(() => doses), y: wells }, given)
      expect(numbersOf(found, [...few.keys()])).toEqual(numbersOf(alone, []))
      for (const at of few.keys()) expect(found.at(at).reason).toBe('too-few-points')
    }
  })

  test('have NaN for all that is unknown', () => {
    const found = fitSharedSync(models.fourPL(), insertFewRows(plate(8, 3), few), options)
    const group = found.at(4)
    expect(group.values).toEqual({ ...found.values.shared, ec50: NaN, slope: NaN })
    expect(group.errors).toEqual({ ...found.errors.shared, ec50: NaN, slope: NaN })
    expect([group.observations, group.chiSquared, found.at(0).observations]).toEqual([1, NaN, 0])
    expect(group.unidentifiable.sort()).toEqual(['ec50', 'slope'])
    expect(group.intervals().ec50).toEqual([NaN, NaN])
    expect(Array.from(group.predict({ x: [1, 2] }))).toEqual([NaN, NaN])
    expect(found.message).toBe(
      '8 of 11 groups are identifiable; not identifiable: 0 (no data), 4 (1 row for 2 local parameters), 9 (no data)',
    )
  })

  test('are found among labels and dropped rows', () => {
    const wells = plate(6, 4)
    const table = wells.flatMap((well, k) => well.map((y, row) => [`w${k}`, doses[row], y] as const))
    const empty = doses.map((x) => ['B06', x, null] as const)
    const all = [...table.slice(0, 16), ...empty, ...table.slice(16)]
    const data = (rows: readonly (readonly [string, number, number | null])[]) => ({
      well: rows.map(([well]) => well),
      x: rows.map(([, x]) => x),
      y: rows.map(([, , y]) => y),
    })
    const given = { ...options, group: 'well', missing: 'drop' } as const
    const found = fitSharedSync(models.fourPL(), data(all), given)
    const alone = fitSharedSync(models.fourPL(), data(table), given)
    const at = found.groups.indexOf('B06')
    expect(numbersOf(found, [at])).toEqual(numbersOf(alone, []))
    expect(found.droppedRows).toBe(8)
    expect(found.message).toContain('6 of 7 groups are identifiable; not identifiable: B06 (no data)')
  })

  test('leave the value of a subset unknown if no group of the subset has rows', () => {
    const wells = plate(6, 5)
    const { x, y } = insertFewRows(wells, new Map([[2, 0]]))
    const half = ['p', 'p', 'q', 'r', 'r', 'r', 'r']
    const given = { shared: ['top'], sharedBy: { bottom: 'half' }, threads: 1 }
    const found = fitSharedSync(models.fourPL(), { x, y, half }, given)
    const others = half.filter((_, k) => k !== 2)
    const alone = fitSharedSync(models.fourPL(), { x: wells.map(() => doses), y: wells, half: others }, given)
    expect(found.reason).toBe('converged')
    expect(found.values.sharedBy.bottom[1]).toBeNaN()
    expect([found.values.sharedBy.bottom[0], found.values.sharedBy.bottom[2]]).toEqual(
      Array.from(alone.values.sharedBy.bottom),
    )
    expect(found.degreesOfFreedom).toBe(alone.degreesOfFreedom)
  })

  test('do not throw if no group has enough rows', () => {
    const found = fitSharedSync(models.fourPL(), { x: [[], [1]], y: [[], [2]] }, options)
    expect(found.reason).toBe('too-few-points')
    expect([found.at(0).reason, found.at(1).reason]).toEqual(['too-few-points', 'too-few-points'])
    expect(found.values.shared).toEqual({ top: NaN, bottom: NaN })
    expect([found.observations, found.chiSquared]).toEqual([0, 0])
  })

  test('have no part in profiles and bootstraps', () => {
    const wells = plate(6, 6)
    const all = insertFewRows(wells, new Map([[3, 1]]))
    const found = fitSharedSync(models.fourPL(), all, options)
    const alone = fitSharedSync(models.fourPL(), { x: wells.map(() => doses), y: wells }, options)
    const [ours, theirs] = [found, alone].map((one) => profileSync(one, 'top'))
    expect([ours.low, ours.high]).toEqual([theirs.low, theirs.high])
    const boot = bootstrapSync(found, { kind: 'residuals', count: 40, seed: 1 })
    expect(boot.errors.shared.top).toBeGreaterThan(0)
    expect(boot.failed).toBe(0)
  })
})

test("the reason of a fit is 'singular' if no group is identifiable", () => {
  const flat = [5, 5, 5, 5, 5, 5, 5, 5]
  const found = fitSharedSync(models.fourPL(), { x: [doses, doses], y: [flat, flat] }, options)
  expect(found.reason).toBe('singular')
  expect(found.message).toContain('0 of 2 groups are identifiable')
})

describe('a group without a minimum', () => {
  const wells = plate(12, 7)
  const step = [2, 4, 3, -4, 108, 101, 98, 100]
  const x = Array.from({ length: 13 }, () => doses)
  const y = [...wells.slice(0, 5), step, ...wells.slice(5)]
  const found = fitSharedSync(models.fourPL(), { x, y }, options)

  test('fails alone', () => {
    expect(found.reason, found.message).toBe('converged')
    expect(found.groups.map((_, k) => found.at(k).reason).filter((reason) => reason !== 'converged')).toEqual(
      ['singular'],
    )
    expect(found.at(5).reason).toBe('singular')
    expect(found.errors.local.ec50[5]).toBeNaN()
    expect(found.message).toContain(
      '12 of 13 groups are identifiable; not identifiable: 5 (a step between 0.3 and 1)',
    )
  })

  test('hardly changes the other groups', () => {
    const alone = fitSharedSync(models.fourPL(), { x: x.slice(1), y: wells }, options)
    const { values, errors } = found
    for (const name of ['ec50', 'slope']) {
      for (const [k, at] of [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12].entries()) {
        const off = Math.abs(values.local[name][at] - alone.values.local[name][k])
        expect(off / errors.local[name][at], `${name} of ${at}`).toBeLessThan(0.5)
        expect(errors.local[name][at] / alone.errors.local[name][k], `${name} of ${at}`).toBeCloseTo(1, 0)
      }
    }
  })

  test('leaves the profiles of the other groups finite', () => {
    for (const interval of [profileSync(found, 'top'), profileSync(found.at(6), 'ec50')]) {
      expect([interval.lowReason, interval.highReason]).toEqual(['found', 'found'])
    }
  })

  test('has the same bits on all engines', () => {
    for (const engine of engineNames) {
      if (!engines()[engine].available) continue
      const other = fitSharedSync(models.fourPL(), { x, y }, { ...options, engine })
      expect(numbersOf(other, []), engine).toEqual(numbersOf(found, []))
    }
  })
})
