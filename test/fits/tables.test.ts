import { expression } from 'antigrad'
import { fitManySync, fit as fitOne, fitSharedSync, models } from 'antigrad/fit'
import { describe, expect, test } from 'vitest'

// Tables of data: columns that a model does not use, and arrays of rows.

const t = [0, 1, 2, 3, 4, 5]
const y = [5, 3.1, 2, 1.6, 1.2, 1.1]
const decay = expression('a*exp(-b*t) + c')
const start = { a: 1, b: 1, c: 0 }
const plain = fitOne(decay, { t, y }, { start })
const rows = t.map((time, k) => ({ t: time, y: y[k], well: 'A1', other: null }))

describe('columns that the model does not use', () => {
  test('are ignored, whatever they contain', () => {
    const others = { well: ['A', 'B'], z: 5 as never, __proto__x: [] as number[], toString: [1, 2] }
    const found = fitOne(decay, { t, y, ...others }, { start })
    expect(found.values).toEqual(plain.values)
    expect(found.errors).toEqual(plain.errors)
  })

  test('do not hinder two models of the same data', () => {
    const data = { s: [1, 2, 4, 8], i: [0, 1, 0, 1], v: [1, 1.2, 2.4, 2.2] }
    expect(fitOne(expression('vmax*s/(km + s)'), data, { y: 'v', start: { vmax: 3, km: 2 } }).reason).toBe(
      'converged',
    )
    expect(fitOne(expression('a + b*s + d*i'), data, { y: 'v', start: { a: 1, b: 1, d: 1 } }).reason).toBe(
      'converged',
    )
  })

  test('may be a million, and messages stay short', () => {
    const wide: Record<string, number[]> = { t, y }
    for (let k = 0; k < 1e6; k++) wide[`w${k}`] = t
    expect(fitOne(decay, wide, { start }).values).toEqual(plain.values)
    let message = ''
    try {
      fitOne(decay, wide, { start, y: 'z' })
    } catch (thrown) {
      message = (thrown as Error).message
    }
    expect(message).toContain('and 999,982 more')
    expect(message.length).toBeLessThan(400)
  })

  test('are ignored by fitShared, with labels of other groupings', () => {
    const n = t.length
    const table = {
      t: [...t, ...t],
      y: [...y, ...y.map((x) => 2 * x)],
      well: [...Array(n).fill('A'), ...Array(n).fill('B')],
      day: Array(2 * n).fill('Monday'),
    }
    const options = { group: 'well', shared: ['b'], start }
    const found = fitSharedSync(decay, table, options)
    const { day: _, ...own } = table
    expect(found.values).toEqual(fitSharedSync(decay, own, options).values)
    const asRows = table.t.map((time, k) => ({ t: time, y: table.y[k], well: table.well[k], day: 1 }))
    expect(fitSharedSync(decay, asRows, options).values).toEqual(found.values)
  })
})

test('a misspelled column is a parameter without a start, and the message lists the columns', () => {
  const message =
    /^start: t: expected .*a parameter, because the columns of the data are T, y\), got undefined$/
  expect(() => fitOne(decay, { T: t, y }, { start })).toThrow(message)
  const shared = { T: [t, t], y: [y, y] }
  expect(() => fitSharedSync(decay, shared, { y: 'y', shared: ['b'], start })).toThrow(/^start: t: .*T, y/)
  expect(() => fitOne(decay, { t, a: t, y } as object as { t: number[] }, { start, y: 'y' })).toThrow(
    'the model uses the column a',
  )
})

describe('an array of objects', () => {
  test('gives the same bits as an object of arrays', () => {
    expect(fitOne(decay, rows, { start }).values).toEqual(plain.values)
    expect(fitManySync(models.line({ x: 't' }), rows).values).toEqual(
      fitManySync(models.line({ x: 't' }), { t, y }).values,
    )
    const at = [{ t: 0.5 }, { t: 7 }]
    expect(plain.predict(at)).toEqual(plain.predict({ t: [0.5, 7] }))
    expect(plain.band(at)).toEqual(plain.band({ t: [0.5, 7] }))
  })

  test('has missing numbers if a row lacks a property', () => {
    const gaps = [...rows, { t: 9 }, { y: 3 }]
    expect(fitOne(decay, gaps, { start, missing: 'drop' }).droppedRows).toBe(2)
    expect(fitOne(decay, gaps, { start }).reason).toBe('not-finite')
    const polluted = JSON.parse('[{"t":0,"y":1,"__proto__":3}]') as object[]
    expect(() => fitOne(decay, polluted as never, { start: { a: 1, b: 1 } })).toThrow('start: c')
  })

  test.each<[unknown, RegExp]>([
    [[], /^data: expected an object of columns, or an array of objects with at least one row/],
    [[{ t: 1, y: 2 }, null], /^data\[1\]: expected an object of columns/],
    [[1, 2], /^data: expected an object/],
    [
      [
        { t: 1, y: 2 },
        { t: '2', y: 3 },
      ],
      /^data: t\[1\]: expected a number, got "2"/,
    ],
  ])('is refused if a row is invalid: %j', (data, message) => {
    expect(() => fitOne(decay, data as never, { start, y: 'y' })).toThrow(message)
  })
})
