/** Linear least squares, by which guesses select among shapes. */

import { models } from 'antigrad/fit'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ROWS_PER_SLICE, runToEnd, sortInSlices } from '../../dist/core/slices.js'
import * as inSlices from '../../dist/fits/models/linear-least-squares.js'
import { noise } from '../helpers.js'

const project = (...given: Parameters<typeof inSlices.project>) => runToEnd(inSlices.project(...given))
const finiteRows = (...given: Parameters<typeof inSlices.finiteRows>) =>
  runToEnd(inSlices.finiteRows(...given))
const bestOf = <T>(...given: Parameters<typeof inSlices.selectBest<T>>) =>
  runToEnd(inSlices.selectBest(...given))

const rows = 12
const column = (seed: number) => Float64Array.from(noise(seed, rows, 'float64'))
const constant = new Float64Array(rows).fill(1)
const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, x, row) => sum + x * b[row], 0)
const copies = (columns: readonly Float64Array[]) => columns.map((column) => column.slice())

/** Σ of squared residuals. */
function restOf(columns: readonly Float64Array[], y: Float64Array) {
  const rest = y.slice()
  const coefficients = project(copies(columns), rest)
  return { rest, coefficients, cost: dot(rest, rest) }
}

describe('the function project', () => {
  test('returns the coefficients of all columns, and residuals that are orthogonal to all columns', () => {
    const check = (seed: number, count: number) => {
      const columns = Array.from({ length: count }, (_, k) => column(seed + k))
      const y = column(seed + count)
      const { rest, coefficients } = restOf(columns, y)
      for (const other of columns) expect(dot(other, rest)).toBeCloseTo(0, 12)
      for (const row of y.keys()) {
        const made = columns.reduce((sum, other, k) => sum + coefficients[k] * other[row], rest[row])
        expect(made).toBeCloseTo(y[row], 11)
      }
    }
    fc.assert(fc.property(fc.integer({ min: 0, max: 1e6 }), fc.integer({ min: 0, max: 8 }), check))
  })

  test('returns the coefficient 0 for a linearly dependent column', () => {
    const a = column(1)
    const sum = a.map((x) => 3 * x + 1)
    expect(restOf([constant, a, sum], column(2)).coefficients[2]).toBe(0)
    expect(restOf([new Float64Array(rows)], column(2)).coefficients).toEqual([0])
  })
})

describe.each([true, false])('the function bestOf with hasOffset = %s', (hasOffset) => {
  const offset = hasOffset ? [constant] : []

  test('selects the candidate with the smallest residual', () => {
    const check = (seed: number, count: number, level: number) => {
      const candidates = Array.from({ length: 6 }, (_, i) =>
        Array.from({ length: count }, (_, k) => column(seed + 10 * i + k).map((x) => x + level)),
      )
      const y = column(seed + 99).map((x) => x + 3 * level)
      const found = bestOf(y, {
        ...{ candidates, count, hasOffset },
        fill: (candidate, to) => candidate.forEach((column, k) => void to[k].set(column)),
      })
      const costs = candidates.map((candidate) => restOf([...offset, ...candidate], y).cost)
      expect(costs[candidates.indexOf(found.candidate)]).toBeCloseTo(Math.min(...costs), 9)
      const { coefficients } = restOf([...offset, ...found.candidate], y)
      expect(found.coefficients).toEqual(coefficients)
    }
    const seed = fc.integer({ min: 0, max: 1e6 })
    fc.assert(fc.property(seed, fc.integer({ min: 1, max: 3 }), fc.constantFrom(0, 1, 20), check))
  })

  test('selects the first of several equally good candidates, and always selects a candidate', () => {
    const candidates = [1, 2, -3]
    const fill = (factor: number, [to]: readonly Float64Array[]) => to.set(column(5).map((x) => factor * x))
    for (const y of [column(6), column(5), constant, new Float64Array(rows)]) {
      expect(bestOf(y, { candidates, count: 1, fill, hasOffset }).candidate).toBe(1)
    }
  })
})

test('the function finiteRows returns the finite rows in sorted order, and at least one row', () => {
  const { x, y, range } = finiteRows([3, NaN, 1, 1, 2], [1, 1, 5, 4, Infinity])
  expect([x, y, range]).toEqual([Float64Array.of(1, 1, 3), Float64Array.of(4, 5, 1), 2])
  expect(finiteRows([NaN], [1])).toEqual({ x: Float64Array.of(0), y: Float64Array.of(0), range: 1 })
  expect(finiteRows([-4, -4], [1, 2]).range).toBe(4)
  expect(finiteRows([-1, 2, 3], [1, 1, 1], (at) => at > 0).x).toEqual(Float64Array.of(2, 3))
})

test('sorting in slices is stable and gives the same order as sorting in one call', () => {
  const check = (seed: number, length: number) => {
    const keys = noise(seed, length, 'float64').map((x) => Math.round(20 * x))
    const places = Uint32Array.from({ length }, (_, place) => place)
    const expected = Array.from(places).sort((a, b) => keys[a] - keys[b])
    expect(Array.from(runToEnd(sortInSlices(places, (a, b) => keys[a] - keys[b])))).toEqual(expected)
  }
  for (const length of [
    0,
    1,
    9,
    ROWS_PER_SLICE,
    ROWS_PER_SLICE + 1,
    2 * ROWS_PER_SLICE,
    5 * ROWS_PER_SLICE + 3,
  ])
    check(length, length)
})

test('guesses of starting values are the same in one slice and in several slices', () => {
  const length = 2 * ROWS_PER_SLICE + 5
  const x = Array.from({ length }, (_, row) => row / length)
  const { slope, intercept } =
    models.line().guess?.(
      x,
      x.map((at) => 3 * at - 1),
    ) ?? {}
  expect(slope).toBeCloseTo(3, 12)
  expect(intercept).toBeCloseTo(-1, 12)
})
