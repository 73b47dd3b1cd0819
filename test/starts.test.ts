/**
 * Starting points for `minimizeMany`, compared with SciPy and a second implementation, and their documented properties.
 */

import { readFileSync } from 'node:fs'
import {
  adam,
  type Box,
  expression,
  gridStarts,
  latinHypercubeStarts,
  minimizeManySync,
  OptionError,
  type StartColumns,
  sobolStarts,
  uniformStarts,
} from 'antigrad'
import { describe, expect, test } from 'vitest'
import { integerBelow, random, WordStream } from '../dist/random/random.js'

/** The script starts.py in the same folder writes the data. */
const golden = JSON.parse(readFileSync(new URL('data/starts.json', import.meta.url), 'utf8'))

const unit = (dimensions: number): Box =>
  Object.fromEntries(Array.from({ length: dimensions }, (_, p) => [`x${p}`, [0, 1] as const]))
const lists = (columns: StartColumns) => Object.values(columns).map((column) => Array.from(column))
const makers = { uniformStarts, latinHypercubeStarts, sobolStarts }

describe('the grid of starting points', () => {
  test('contains both ends of each range exactly, and varies the last parameter fastest', () => {
    expect(gridStarts({ x: [-2, 2], y: [-1, 3] }, { x: 2, y: 3 })).toEqual({
      x: Float64Array.of(-2, -2, -2, 2, 2, 2),
      y: Float64Array.of(-1, 1, 3, -1, 1, 3),
    })
  })

  test.each([
    [0.1, 0.7],
    [-1 / 3, 1e9],
    [-8e307, 8e307],
    [5e-324, 2],
    [-0.1, 0.1],
  ])('stays in the range from %d to %d, and has increasing points', (low, high) => {
    for (const count of [2, 3, 10, 101, 1000]) {
      const { x } = gridStarts({ x: [low, high] }, count)
      expect([x[0], x[count - 1]]).toEqual([low, high])
      for (let i = 1; i < count; i++) expect(x[i]).toBeGreaterThan(x[i - 1])
      if (low === -high) for (let i = 0; i < count; i++) expect(x[i] + x[count - 1 - i]).toBe(0)
    }
  })

  test('is computed in float64 and rounded once to float32', () => {
    const wide = gridStarts({ x: [0.1, 0.7] }, 50)
    const { x } = gridStarts({ x: [0.1, 0.7] }, 50, { dtype: 'float32' })
    expect(x).toEqual(Float32Array.from(wide.x))
  })

  test('has the middle of a range as a single point, and constants for equal endpoints', () => {
    expect(gridStarts({ x: [1, 4], y: [7, 7], z: [0, 1] }, { x: 1, y: 2, z: 2 })).toEqual({
      x: Float64Array.of(2.5, 2.5, 2.5, 2.5),
      y: Float64Array.of(7, 7, 7, 7),
      z: Float64Array.of(0, 1, 0, 1),
    })
  })

  test('can have the same count of points on all axes', () => {
    const columns = gridStarts(unit(3), 4)
    const points = lists(columns)[0].map((_, i) => lists(columns).map((column) => column[i]))
    expect(new Set(points.map(String)).size).toBe(64)
  })
})

describe('the 32-bit words of the random generator', () => {
  test("equal the words that the generator's authors published for the same state", () => {
    const next = random(42)
    expect(golden.words).toEqual(golden.words.map(next))
  })

  test('differ between seeds', () => {
    const seeds = [0, 1, 2, 3, 2 ** 31, 2 ** 32 - 1]
    expect(new Set(seeds.map((seed) => random(seed)())).size).toBe(seeds.length)
  })
})

describe('integers of the random generator', () => {
  // For 3e9, three in ten words are rejected.
  test.each([1, 2, 7, 40, 2 ** 31 + 1, 3e9, 2 ** 32 - 1, 2 ** 32])(
    'are the same in one call as in separate calls, below %d',
    (count) => {
      const next = random(1, 2, 3)
      const words = new WordStream().seed(1, 2, 3)
      for (const length of [0, 1, 5, 40, 300]) {
        const many = new Uint32Array(length)
        words.fill(many, count)
        expect(Array.from(many)).toEqual(Array.from(many, () => integerBelow(count, next)))
      }
    },
  )
})

describe('uniform starting points', () => {
  test('equal the results of a second implementation', () => {
    expect(lists(uniformStarts(unit(3), 5, { seed: 42 }))).toEqual(golden.uniform)
  })

  test('are scaled to the ranges of the parameters', () => {
    const { a } = uniformStarts({ a: [-3, 5] }, 1000, { seed: 42 })
    const { x } = uniformStarts({ x: [0, 1] }, 1000, { seed: 42 })
    for (const [i, u] of x.entries()) expect(a[i]).toBeCloseTo(-3 + 8 * u, 13)
  })

  test('fill the ranges of the parameters uniformly', () => {
    const [x, y] = lists(uniformStarts(unit(2), 40_000, { seed: 7 }))
    const counts = new Float64Array(16)
    for (const [i, u] of x.entries()) counts[4 * Math.floor(4 * u) + Math.floor(4 * y[i])]++
    // χ² with 15 degrees of freedom exceeds 37.7 once in a thousand samples.
    expect(counts.reduce((sum, count) => sum + (count - 2500) ** 2 / 2500, 0)).toBeLessThan(37.7)
  })
})

describe('the Latin hypercube of starting points', () => {
  test('equals the result of a second implementation', () => {
    expect(lists(latinHypercubeStarts(unit(3), 7, { seed: 42 }))).toEqual(golden.latinHypercube)
  })

  test.each([1, 2, 3, 7, 100, 4097])('has exactly one of %d points in each part of each range', (count) => {
    for (const column of lists(latinHypercubeStarts(unit(5), count, { seed: 3 }))) {
      const parts = column.map((u) => Math.floor(u * count)).sort((a, b) => a - b)
      expect(parts).toEqual(Array.from({ length: count }, (_, i) => i))
    }
  })

  test('combines the parts of different ranges at random', () => {
    const [x, y] = lists(latinHypercubeStarts(unit(2), 10_000, { seed: 3 }))
    const covariance = x.reduce((sum, u, i) => sum + (u - 0.5) * (y[i] - 0.5), 0) / x.length
    expect(Math.abs(covariance * 12)).toBeLessThan(0.03)
  })
})

describe("Sobol's sequence", () => {
  test('begins with the well-known points', () => {
    expect(sobolStarts({ x: [0, 1], y: [0, 1] }, 8)).toEqual({
      x: Float64Array.of(0, 0.5, 0.75, 0.25, 0.375, 0.875, 0.625, 0.125),
      y: Float64Array.of(0, 0.5, 0.25, 0.75, 0.375, 0.875, 0.125, 0.625),
    })
  })

  test('equals the sequence of SciPy in all 40 dimensions, for small and large indices', () => {
    const words = lists(sobolStarts(unit(40), 2 ** 14)).map((column) => column.map((u) => u * 2 ** 32))
    expect(words.map((column) => column.slice(0, 17))).toEqual(golden.sobol)
    expect(words.map((column) => [1000, 4095, 16383].map((i) => column[i]))).toEqual(golden.far)
  })

  test.each([undefined, 0, 5])(
    'distributes 2ⁿ points evenly over each dyadic box, with the seed %s',
    (seed) => {
      const [x, y, ...others] = lists(sobolStarts(unit(40), 256, seed === undefined ? {} : { seed }))
      // The first two dimensions are a (0, 8, 2)-net: each box of area 2⁻⁸ contains one point.
      for (let k = 0; k <= 8; k++) {
        const boxes = x.map((u, i) => Math.floor(u * 2 ** k) * 2 ** (8 - k) + Math.floor(y[i] * 2 ** (8 - k)))
        expect(new Set(boxes).size).toBe(256)
      }
      for (const column of others) expect(new Set(column.map((u) => Math.floor(u * 256))).size).toBe(256)
    },
  )

  test('is modified by a digital shift that depends on the seed', () => {
    const columns = [undefined, 9].map((seed) =>
      lists(sobolStarts(unit(4), 64, seed === undefined ? {} : { seed })),
    )
    const next = random(9)
    const shifts = columns[0].map(next)
    expect(new Set(shifts).size).toBe(4)
    for (const [p, shift] of shifts.entries()) {
      for (const [i, u] of columns[0][p].entries()) {
        expect(columns[1][p][i] * 2 ** 32).toBe(((u * 2 ** 32) ^ shift) >>> 0)
      }
    }
  })

  test('supports at most 40 parameters', () => {
    expect(() => sobolStarts(unit(41), 2)).toThrow('box: expected at most 40 parameters, got 41')
  })
})

describe.each(Object.entries(makers))('starting points of the kind %s', (name, make) => {
  test('are equal for equal seeds, and differ for different seeds', () => {
    const box = { x: [-2, 2], y: [-1, 3] } as const
    expect(make(box, 100, { seed: 1 })).toEqual(make(box, 100, { seed: 1 }))
    expect(make(box, 100, { seed: 1 })).not.toEqual(make(box, 100, { seed: 2 }))
    if (name !== 'sobolStarts') expect(make(box, 10)).toEqual(make(box, 10, { seed: 0 }))
  })

  test('begin with the same points if more points are requested, unless in a Latin hypercube', () => {
    const few = lists(make(unit(3), 10, { seed: 1 }))
    const begin = lists(make(unit(3), 100, { seed: 1 })).map((column) => column.slice(0, 10))
    if (name === 'latinHypercubeStarts') expect(begin).not.toEqual(few)
    else expect(begin).toEqual(few)
  })

  test.each(['float32', 'float64'] as const)('lie within the ranges of the parameters in %s', (dtype) => {
    const { x, y } = make({ x: [0.1, 0.1 + 1e-7], y: [-3, -3] }, 1000, { seed: 4, dtype })
    expect(x).toBeInstanceOf(dtype === 'float32' ? Float32Array : Float64Array)
    const round = dtype === 'float32' ? Math.fround : (u: number) => u
    for (const u of x) expect(u >= round(0.1) && u <= round(0.1 + 1e-7)).toBe(true)
    expect(new Set(y)).toEqual(new Set([-3]))
  })

  test('are computed in float64 and rounded to float32 on request', () => {
    const columns = lists(make({ x: [-0.1, 0.7] }, 100, { seed: 2 }))
    expect(lists(make({ x: [-0.1, 0.7] }, 100, { seed: 2, dtype: 'float32' }))).toEqual(
      columns.map((column) => column.map(Math.fround)),
    )
  })
})

describe('invalid calls that generate starting points', () => {
  const all = { ...makers, gridStarts: gridStarts as unknown as typeof uniformStarts }
  test.each(Object.keys(all) as (keyof typeof all)[])('are refused: %s', (name) => {
    const make = all[name] as (box: unknown, count: unknown, options?: unknown) => unknown
    const what = name === 'gridStarts' ? 'counts' : 'count'
    const range = 'box: x: expected [low, high] with finite numbers low ≤ high, got '
    const cases: [unknown, unknown, unknown, string][] = [
      [{ x: [1, 0] }, 1, {}, `${range}a range from 1 to 0`],
      [{ x: [0, Infinity] }, 1, {}, `${range}a range from 0 to Infinity`],
      [{ x: [NaN, 1] }, 1, {}, `${range}a range from NaN to 1`],
      [{ x: [-1e308, 1e308] }, 1, {}, range],
      [{ x: [0, 1e39] }, 1, { dtype: 'float32' }, range],
      [{ x: [0] }, 1, {}, `${range}an array of length 1`],
      [{ x: ['0', 1] }, 1, {}, `${range}an array of length 2`],
      [{ x: 1 }, 1, {}, `${range}1`],
      [{}, 1, {}, 'box: expected at least one parameter'],
      [null, 1, {}, 'box: expected { parameter: [low, high] }, got null'],
      [{ x: [0, 1] }, 0, {}, `${what}: expected an integer from 1 to 2^30, got 0`],
      [{ x: [0, 1] }, 1.5, {}, `${what}: expected an integer from 1 to 2^30, got 1.5`],
      [{ x: [0, 1] }, 2 ** 31, {}, `${what}: expected an integer from 1 to 2^30`],
      [{ x: [0, 1] }, '3', {}, `${what}: expected an integer from 1 to 2^30, got "3"`],
      [
        { x: [0, 1] },
        3,
        null,
        `options: expected { ${name === 'gridStarts' ? '' : 'seed, '}dtype }, got null`,
      ],
      [{ x: [0, 1] }, 3, { sed: 1 }, 'options: expected one of '],
      [{ x: [0, 1] }, 3, { dtype: 'float16' }, "dtype: expected 'float32' or 'float64', got \"float16\""],
    ]
    if (name !== 'gridStarts') {
      for (const seed of [-1, 1.5, 2 ** 32, NaN, '1', null]) {
        cases.push([{ x: [0, 1] }, 3, { seed }, 'seed: expected an integer from 0 to 4294967295'])
      }
    }
    for (const [box, count, options, message] of cases) {
      const call = () => make(box, count, options)
      expect(call, message).toThrow(OptionError)
      expect(call).toThrow(message)
    }
  })

  test('are refused if only the grid does not support the arguments', () => {
    const box = { x: [0, 1], y: [0, 1] } as const
    const make = gridStarts as (box: unknown, counts: unknown, options?: unknown) => unknown
    expect(() => make(box, { x: 2 })).toThrow('counts: y: expected an integer from 1 to 2^30, got undefined')
    expect(() => make(box, { x: 2, y: 2, z: 2 })).toThrow('counts: expected one of x, y, got "z"')
    expect(() => make(box, 2 ** 16)).toThrow('counts: expected at most 2^30 starts, got 4294967296')
    expect(() => make(box, 3, { seed: 1 })).toThrow('options: expected one of dtype, got "seed"')
  })
})

test('the function minimizeMany accepts generated starting points', () => {
  const starts = sobolStarts({ x: [-2, 2], y: [-1, 3] }, 16, { dtype: 'float32' })
  const { x } = minimizeManySync(expression('(1 - x)^2 + y^2'), starts, adam({ lr: 0.1 }))
  expect(x.x).toBeInstanceOf(Float32Array)
  for (const end of x.x) expect(end).toBeCloseTo(1, 3)
})
