/** Fits with many rows, in which rows become lanes. Their bits are the same everywhere, alone and in batches. */

import { expression } from 'antigrad'
import {
  type FitManyOptions,
  type FitManyResult,
  fitMany,
  fitManySync,
  fit as fitOne,
  models,
  profileIntervals,
} from 'antigrad/fit'
import { describe, expect, test } from 'vitest'
import { inBits, random } from '../helpers.js'
import { waysToRun } from '../support.js'

const decay = expression('a*exp(-b*t) + c')
const start = { a: 1, b: 1, c: 0 }
/** A block has 256 rows, and a chunk 16 blocks. */
const lengths = [256, 255, 257, 300, 4096, 4097, 9001, 300, 511, 20_000]
const next = random(29)
const t = lengths.map((rows) => Float64Array.from({ length: rows }, () => 5 * next()))
const y = t.map((column, i) => column.map((at) => (1 + i / 3) * Math.exp(-at) + 0.3 + 0.05 * (next() - 0.5)))

const ways = waysToRun(1, 2, 3)

const all = ({ values, errors, chiSquared, evaluations, reason }: FitManyResult) =>
  inBits({ values, errors, chiSquared, evaluations, reason })

const cases: readonly (readonly [string, FitManyOptions])[] = [
  ['plain', { start }],
  ['weighted', { start, weights: t.map((column) => column.map((_, k) => 1 + (k % 3))) }],
  ['fixed by fit', { start: { ...start, c: { start: y.map((_, i) => 0.3 + i / 1e4), fixed: true } } }],
  ['robust', { start, loss: 'cauchy', lossScale: 0.02 }],
  ['of all digits', { start, tolerance: 1e-14 }],
  ['profiled', { start, intervals: profileIntervals() }],
]

describe.each(cases)('long fits of %s', (_, options) => {
  test('are bit-identical on every engine, on every instruction set and for every number of threads', () => {
    const results = ways.map((way) => all(fitManySync(decay, { t, y }, { ...options, ...way })))
    expect(new Set(results).size).toBe(1)
  })
})

test('long fits compute the same bits in single calls, in asynchronous calls, and with data that several fits share', async () => {
  const many = fitManySync(decay, { t, y }, { start })
  expect(all(await fitMany(decay, { t, y }, { start }))).toBe(all(many))
  for (const [i, own] of t.entries()) {
    const alone = fitOne(decay, { t: own, y: y[i] }, { start })
    expect([alone.values, alone.errors, alone.chiSquared]).toEqual([
      ...[many.at(i).values, many.at(i).errors, many.at(i).chiSquared],
    ])
  }
  const ys = [y[6], y[6].map((value) => value + 1), y[6]]
  const shared = fitManySync(decay, { t: t[6], y: ys }, { start })
  expect(shared.values.a[2]).toBe(many.values.a[6])
})

test('long fits agree with row-by-row sums in all digits except the last ones', () => {
  // 255 rows are summed row by row.
  const rows = (count: number) => ({ x: t[6].slice(0, count), y: y[6].slice(0, count) })
  const model = models.exponential()
  const weights = Float64Array.from({ length: 256 }, (_, k) => (k < 255 ? 1 : 1e-12))
  const [few, more] = [fitOne(model, rows(255)), fitOne(model, rows(256), { weights })]
  for (const name of ['amplitude', 'rate', 'offset'] as const)
    expect(more.values[name] / few.values[name]).toBeCloseTo(1, 9)
})

test('long fits report rows with non-finite values', () => {
  for (const at of [0, 255, 256, 4095, 4096, 8999, 9000]) {
    const spoiled = y[6].slice()
    spoiled[at] = Infinity
    const found = fitOne(decay, { t: t[6], y: spoiled }, { start })
    expect([found.reason, found.nonFinite?.row]).toEqual(['not-finite', at])
  }
})
