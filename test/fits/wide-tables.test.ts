/** Wide tables, and the test of lack of fit for replicates. */

import { expression } from 'antigrad'
import { fitManySync, fit as fitOne, fitSharedSync, fromWide, lackOfFit, models } from 'antigrad/fit'
import { describe, expect, test } from 'vitest'

const plain = (table: ReturnType<typeof fromWide>) =>
  Object.fromEntries(Object.entries(table).map(([name, column]) => [name, [...column]]))

describe('a wide table', () => {
  test('has one group per column, and empty cells', () => {
    const expected = {
      t: [1, 2, 1, 3],
      y: [5, 6, 7, 8],
      group: ['a', 'a', 'b', 'b'],
      column: ['a', 'a', 'b', 'b'],
    }
    const columns = { t: [1, 2, 3], a: [5, 6, null], b: [7, NaN, 8] }
    const rows = [
      { t: 1, a: 5, b: 7 },
      { t: 2, a: 6 },
      { t: 3, a: null, b: 8 },
    ]
    expect(plain(fromWide(columns))).toEqual(expected)
    expect(plain(fromWide(rows))).toEqual(expected)
    expect(plain(fromWide('t\ta\tb\r\n1\t5\t7\r\n2\t6\r\n3\t\t8\r\n'))).toEqual(expected)
    expect(plain(fromWide('t;a;b\n1,0;5,0;7\n2;6;\n3;;8'))).toEqual(expected)
    expect(plain(fromWide(columns, { y: ['b'] })).y).toEqual([7, 8])
    expect(plain(fromWide({ a: [5], t: [1] }, { x: 't' }))).toEqual({
      t: [1],
      y: [5],
      group: ['a'],
      column: ['a'],
    })
  })

  test('has replicates by suffix, in all columns, or in columns without names', () => {
    const table = { x: [1], A1: [2], A2: [3], B_1: [4], 7: [5] }
    const groupsBy = (replicates: 'none' | 'suffix' | 'all') =>
      fromWide(table, { x: 'x', y: ['A1', 'A2', 'B_1', '7'], replicates }).group.toSorted()
    expect(groupsBy('suffix')).toEqual(['7', 'A', 'A', 'B'])
    expect(groupsBy('all')).toEqual(Array(4).fill('all'))
    expect(groupsBy('none')).toEqual(['7', 'A1', 'A2', 'B_1'])
    const { group } = fromWide('x\tcontrol\t\ttreated\t\n1\t2\t3\t4\t5\n')
    expect(group).toEqual(['control', 'control', 'treated', 'treated'])
  })

  test('is data for a shared fit', () => {
    const data = fromWide(
      { x: [1, 2, 3], A1: [2, 4, 6], A2: [2.1, 4, 6], B1: [3, 5, 7] },
      { replicates: 'suffix' },
    )
    const found = fitSharedSync(models.line(), data, { group: 'group', shared: ['slope'] })
    expect(found.groups).toEqual(['A', 'B'])
    expect(found.observations).toBe(9)
  })

  test('keeps columns with hostile names, and 1 million columns', () => {
    const table = Object.fromEntries([
      ['x', [1]],
      ['__proto__', [2]],
      ['constructor', [3]],
    ])
    expect(fromWide(table).group).toEqual(['__proto__', 'constructor'])
    expect(Object.keys(fromWide(table, { x: '__proto__' }))[0]).toBe('__proto__')
    const wide = fromWide(Object.fromEntries(Array.from({ length: 1_000_000 }, (_, k) => [`c${k}`, [k]])))
    expect(wide.y).toHaveLength(999_999)
    expect(wide.group.at(-1)).toBe('c999999')
  })

  test('names the column, the row and the group of an invalid cell', () => {
    expect(() => fromWide({ x: [1, 2], A1: [1, 'n/a'] }, { replicates: 'suffix' })).toThrow(
      'table: A1[1] (group A): expected a number or an empty cell, got "n/a"',
    )
    expect(() => fromWide('x,A1,B1\n1,2,3\n\n2,3,oops\n')).toThrow(
      'table: line 4: B1 (group B1): expected a number or an empty cell, got "oops"',
    )
    expect(() => fromWide({ x: [1, null], a: [1, 2] })).toThrow(
      'table: x[1] (group a): expected a number, because a has one, got an empty cell',
    )
    expect(() => fromWide({ x: [1, 2], a: [1] })).toThrow('table: a: expected 2 rows, like x, got "1 rows"')
    expect(() => fromWide('x,a\n1,2,3\n')).toThrow('table: line 2: expected at most 2 cells, got "3 cells"')
    expect(() => fromWide('x,a\n1,"2\n')).toThrow('table: expected text in which each quote is closed')
    expect(() => fromWide({ x: [1], a: [null] })).toThrow('table: expected at least one number')
    expect(() => fromWide({ x: [1] })).toThrow('table: expected a column of x and columns of y')
    expect(() => fromWide({ y: [1], a: [2] })).toThrow('x: expected another name than y, group and column')
    expect(() => fromWide({ x: [1], a: [2] }, { y: ['b'] })).toThrow(
      'y: expected the name of a column, got "b"',
    )
    expect(() => fromWide({ x: [1], a: new Array(4e9) })).toThrow('table: a: expected 1 rows')
  })
})

describe('the test of lack of fit', () => {
  const x = [1, 1, 2, 2, 3, 3]
  const y = [1, 1.2, 3, 3.1, 3.4, 3.6]

  test('agrees with a calculation by hand', () => {
    // The means are 1.1, 3.05 and 3.5, and the line has the values 1.35, 2.55 and 3.75 there.
    const found = lackOfFit(fitOne(models.line(), { x, y }))
    expect(found.lackOfFitSumOfSquares).toBeCloseTo(0.75, 9)
    expect(found.pureErrorSumOfSquares).toBeCloseTo(0.045, 12)
    expect(found.statistic).toBeCloseTo(50, 6)
    expect(found.degreesOfFreedom).toEqual([1, 3])
    // F(1, 3) is the square of Student's t with 3 degrees of freedom, whose distribution has a closed form.
    const z = Math.sqrt(50 / 3)
    expect(found.pValue).toBeCloseTo(1 - (2 / Math.PI) * (Math.atan(z) + z / (1 + z * z)), 9)
  })

  test('uses the weights', () => {
    // With these weights the line has the values 1.475, 2.675 and 3.875.
    const found = lackOfFit(fitOne(models.line(), { x, y }, { weights: [1, 1, 2, 2, 1, 1] }))
    expect(found.lackOfFitSumOfSquares).toBeCloseTo(1.125, 9)
    expect(found.pureErrorSumOfSquares).toBeCloseTo(0.05, 12)
    expect(found.statistic).toBeCloseTo(67.5, 6)
    const uneven = lackOfFit(fitOne(models.line(), { x, y }, { weights: [3, 1, 1, 1, 1, 1] }))
    expect(uneven.pureErrorSumOfSquares).toBeCloseTo(0.03 + 0.005 + 0.02, 12)
  })

  test('accepts fits of fitMany and fitShared', () => {
    const many = fitManySync(models.line(), { x, y: [y, y] })
    expect(lackOfFit(many.at(1))).toEqual(lackOfFit(many.at(0)))
    const shared = fitSharedSync(
      models.line(),
      { x: [...x, ...x], y: [...y, ...y], g: [...x.map(() => 'a'), ...x.map(() => 'b')] },
      { group: 'g', shared: ['slope'] },
    )
    const { degreesOfFreedom, pureErrorSumOfSquares, lackOfFitSumOfSquares } = lackOfFit(shared)
    expect(degreesOfFreedom).toEqual([3, 6])
    expect(pureErrorSumOfSquares).toBeCloseTo(0.09, 12)
    expect(lackOfFitSumOfSquares).toBeCloseTo(1.5, 9)
  })

  test('refuses other data and fits', () => {
    expect(() => lackOfFit(fitOne(models.line(), { x: [1, 2, 3, 4], y: [1, 2, 3, 5] }))).toThrow(
      'found: expected data with replicates (rows with equal x), got "no replicates"',
    )
    expect(() => lackOfFit(fitOne(models.line(), { x: [1, 1, 2, 2], y: [1, 2, 3, 5] }))).toThrow(
      'found: expected more distinct points than free parameters',
    )
    expect(() => lackOfFit(fitOne(models.line(), { x, y }, { loss: 'huber' }))).toThrow(
      "found: expected a fit with the loss 'squared'",
    )
    const unfinished = fitOne(
      expression('a*exp(b*x)'),
      { x, y },
      { start: { a: 9, b: -3 }, maxIterations: 1 },
    )
    expect(() => lackOfFit(unfinished)).toThrow('found: expected a fit that has converged')
    expect(() => lackOfFit({} as never)).toThrow('found: expected a result of fit or fitShared')
  })
})
