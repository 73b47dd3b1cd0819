/** Copies of the data of many fits: awkward counts of fits, rows and columns, and numbers that are not finite. */

import { adam, expression, minimizeMany } from 'antigrad'
import { fitMany, fitManySync, fitReasons } from 'antigrad/fit'
import { describe, expect, test } from 'vitest'
import { inBits, random } from '../helpers.js'
import { waysToRun } from '../support.js'

const plane = expression('a + b*u + c*u*v')
const start = { a: 1, b: 1, c: 0 }
const next = random(5)
const list = (rows: number) => Float64Array.from({ length: rows }, () => 0.5 + next())
const lists = (count: number, rows: number) => Array.from({ length: count }, () => list(rows))

/** The results of each fit, to the bit. */
const bitsOf = (result: ReturnType<typeof fitManySync>, index: number) => {
  const { values, errors, chiSquared, evaluations, reason } = result
  return inBits([
    ...Object.values(values).map((column) => column[index]),
    ...Object.values(errors).map((column) => column[index]),
    ...[chiSquared, evaluations, reason].map((column) => column[index]),
  ])
}

describe('fits side by side have the bits of single fits', () => {
  test.each([
    ...[1, 2, 3, 4, 5, 7, 8, 9, 17].map((count) => [count, 5]),
    ...[4, 6, 7, 31].map((rows) => [6, rows]),
  ])('%d fits of %d rows with their own columns', async (count, rows) => {
    const [u, v, y, weights] = [0, 1, 2, 3].map(() => lists(count, rows))
    const alone = u.map((_, k) =>
      bitsOf(
        fitManySync(
          plane,
          { u: u[k], v: v[k], y: [y[k]] },
          { start, weights: weights[k], engine: 'typescript' },
        ),
        0,
      ),
    )
    for (const way of waysToRun(1, 2)) {
      for (const result of [
        fitManySync(plane, { u, v, y }, { start, weights, ...way }),
        await fitMany(plane, { u, v, y }, { start, weights, ...way }),
      ])
        expect(
          u.map((_, k) => bitsOf(result, k)),
          JSON.stringify(way),
        ).toEqual(alone)
    }
  })

  test('3,000 fits in several batches, whose starting values differ', async () => {
    const [u, v, y] = [0, 1, 2].map(() => lists(3000, 6))
    const a = Float64Array.from(u, () => next())
    const data = { u, v, y }
    const given = { start: { ...start, a } }
    const [one, two] = [
      await fitMany(plane, data, { ...given, engine: 'native', threads: 1 }),
      await fitMany(plane, data, { ...given, engine: 'native', threads: 2 }),
    ]
    const together = fitManySync(plane, data, { ...given, engine: 'native', threads: 2 })
    for (const k of [0, 63, 64, 575, 576, 577, 1599, 1600, 2999]) {
      const single = fitManySync(plane, { u: u[k], v: v[k], y: [y[k]] }, { start: { ...start, a: a[k] } })
      for (const result of [one, two, together]) expect(bitsOf(result, k)).toEqual(bitsOf(single, 0))
    }
    const all = (result: typeof one) => u.map((_, k) => bitsOf(result, k))
    expect(all(two)).toEqual(all(one))
    expect(all(together)).toEqual(all(one))
    // The starting values of the user are not overwritten.
    expect(a.every((x) => x >= 0 && x < 1)).toBe(true)
  })

  test('a float32 run with its own columns has the bits of the run alone', async () => {
    const sum = expression('(a - u)^2 + (b - v)^2')
    for (const count of [1, 3, 5, 18]) {
      const [u, v] = [0, 1].map(() => lists(count, 3))
      const starts = { a: new Float32Array(count), b: new Float32Array(count) }
      const options = { maxIterations: 40 }
      const { x } = await minimizeMany(sum, starts, adam(), { ...options, data: { u, v } })
      for (const k of u.keys()) {
        const data = { u: [u[k]], v: [v[k]] }
        const one = { a: new Float32Array(1), b: new Float32Array(1) }
        const alone = await minimizeMany(sum, one, adam(), { ...options, data })
        expect([x.a[k], x.b[k]]).toEqual([alone.x.a[0], alone.x.b[0]])
      }
    }
  })
})

describe('a number that is not finite', () => {
  const missing = [NaN, null]
  test.each([5, 6, 300])('is found in any row of %d rows', (rows) => {
    const places = rows < 10 ? Array.from({ length: rows }, (_, k) => k) : [0, 1, 149, 150, 298, 299]
    const u = lists(places.length, rows)
    const y = lists(places.length, rows)
    for (const at of [0, places.length - 1]) {
      for (const [k, x] of [...missing.entries(), [2, Infinity] as const]) {
        const broken: (ArrayLike<number> | (number | null)[])[] = [...y]
        const values: (number | null)[] = [...y[at]]
        values[places[at]] = x
        broken[at] = x === null ? values : Float64Array.from(values as number[])
        const line = expression('a + b*u')
        const data = { u, y: broken as Float64Array[] }
        const { reason } = fitManySync(line, data, { start: { a: 0, b: 0 } })
        const reasons = Array.from(reason, (index) => fitReasons[index])
        expect(reasons, `${k}`).toEqual(places.map((_, fit) => (fit === at ? 'not-finite' : 'converged')))
        if (x === Infinity) continue
        const { droppedRows } = fitManySync(line, data, { start: { a: 0, b: 0 }, missing: 'drop' })
        expect(Array.from(droppedRows)).toEqual(places.map((_, fit) => Number(fit === at)))
      }
    }
  })

  test('is found in the last of many arrays of different lengths', () => {
    const u = Array.from({ length: 40 }, (_, k) => list(3 + (k % 5)))
    const y = u.map(({ length }) => list(length))
    y[39][y[39].length - 1] = NaN
    const { reason } = fitManySync(expression('a + b*u'), { u, y }, { start: { a: 0, b: 0 } })
    expect(fitReasons[reason[39]]).toBe('not-finite')
    expect(Array.from(reason.subarray(0, 39), (index) => fitReasons[index])).not.toContain('not-finite')
  })

  test('in a fit without rows of its own is not invented', () => {
    const y = [list(3), new Float64Array(0), list(3)]
    const { reason, observations } = fitManySync(
      expression('a + b*u'),
      { u: list(3), y },
      {
        start: { a: 0, b: 0 },
      },
    )
    expect(Array.from(observations)).toEqual([3, 0, 3])
    expect(Array.from(reason, (index) => fitReasons[index])).toEqual([
      'converged',
      'too-few-points',
      'converged',
    ])
  })
})
