/** L-BFGS in lanes: each run has the bits of `minimize`, on every engine, instruction set and number of threads. */

import { adam, expression, lbfgs, minimizeMany, minimizeManySync, minimizeReasons } from 'antigrad'
import { describe, expect, test } from 'vitest'
import { type Anything, refusal } from './adversarial/subject.js'
import { random } from './bits.js'
import { cases, laneOf, oneByOne, runsOf, type Shape, shapes, spread } from './lane-runs.js'
import { waysToRun } from './support.js'

const ways = waysToRun(2)
const valley = expression('(1 - x)^2 + 100*(y - x^2)^2')

test.each(cases)('lanes have the bits of single runs: $name', (one) => {
  const { objective, starts, options } = runsOf(one)
  const result = minimizeManySync(objective as Anything, starts, lbfgs(), options as Anything)
  expect(result.engine).toBe('native')
  const wanted = oneByOne(one.expression, starts, lbfgs(), options as Anything)
  for (const [run, alone] of wanted.entries()) expect(laneOf(result, run)).toEqual(alone)
})

const limited = {
  text: '(1 - x)^2 + 100*(y - x^2)^2',
  options: { tolerance: 0.5 },
  method: { history: 1, c1: 0.3, c2: 0.4, maxLineSearch: 3 },
}

test.each<Shape & { method?: Parameters<typeof lbfgs>[0] }>([...shapes, limited])(
  'every engine gives the bits of single runs: $text',
  ({ text, options = {}, method }) => {
    const objective = expression(text)
    const starts = spread(objective.names, 37)
    for (const name of objective.names) starts[name].set([NaN, Infinity, 0, -0, 1e200], 2)
    const wanted = oneByOne(text, starts, lbfgs(method), options as Anything)
    for (const way of ways) {
      const result = minimizeManySync(objective as Anything, starts, lbfgs(method), {
        ...way,
        ...options,
      } as Anything)
      expect(result.engine).toBe(way.engine)
      for (const [run, one] of wanted.entries()) expect(laneOf(result, run)).toEqual(one)
    }
  },
)

describe('L-BFGS in many runs', () => {
  test('uses the data and bounds of each run', () => {
    const next = random(3)
    const count = 23
    const rows = Array.from({ length: count }, (_, run) => 3 + (run % 5))
    const t = rows.map((n) => Float64Array.from({ length: n }, (_, i) => i / n))
    const y = t.map((column) => column.map((ti) => 2 * Math.exp(-1.5 * ti) + 0.1 * next()))
    const text = '(a*exp(-b*t) - y)^2'
    const starts = spread(['a', 'b'], count, [0.5, 2])
    const max = Float64Array.from(rows, (_, run) => 1 + (run % 3))
    for (const way of ways) {
      const options = { data: { t, y }, bounds: { b: { min: 0, max } }, ...way }
      const result = minimizeManySync(expression(text) as Anything, starts, lbfgs(), options as Anything)
      for (let run = 0; run < count; run++) {
        const own = Object.fromEntries(
          Object.entries(starts).map(([name, list]) => [name, list.slice(run, run + 1)]),
        )
        const [one] = oneByOne(text, own, lbfgs(), {
          data: { t: t[run], y: y[run] },
          bounds: { b: { min: 0, max: max[run] } },
        })
        expect(laneOf(result, run)).toEqual(one)
      }
      expect([...result.x.b].some((b, run) => b === max[run])).toBe(true)
    }
  })

  test('gives equal bits for any number of runs and threads, in the order of the starts', async () => {
    const starts = spread(['x', 'y'], 5000)
    const one = minimizeManySync(valley, starts, lbfgs(), { threads: 1 })
    const two = await minimizeMany(valley, starts, lbfgs(), { threads: 2 })
    const some = minimizeManySync(
      valley,
      { x: starts.x.subarray(777, 791), y: starts.y.subarray(777, 791) },
      lbfgs(),
    )
    for (const run of [0, 1, 255, 256, 4095, 4999]) expect(laneOf(two, run)).toEqual(laneOf(one, run))
    for (let run = 0; run < 14; run++) expect(laneOf(some, run)).toEqual(laneOf(one, 777 + run))
    expect(new Set(one.reason)).toEqual(new Set([minimizeReasons.indexOf('converged')]))
  })

  test('sums 1,000 rows in the order of a single run', () => {
    const t = Float64Array.from({ length: 1000 }, (_, i) => i / 250)
    const y = t.map((ti) => 3 * Math.exp(-0.7 * ti) + 0.01 * Math.sin(40 * ti))
    const text = '(a*exp(-b*t) + c - y)^2'
    const starts = spread(['a', 'b', 'c'], 3, [0.5, 2])
    const result = minimizeManySync(expression(text) as Anything, starts, lbfgs(), {
      data: { t, y },
    } as Anything)
    for (const [run, one] of oneByOne(text, starts, lbfgs(), { data: { t, y } }).entries())
      expect(laneOf(result, run)).toEqual(one)
  })

  test('performs no update if none is allowed', () => {
    const result = minimizeManySync(valley, { x: [1, 2], y: [3, 4] }, lbfgs(), { maxIterations: 0 })
    expect([...result.x.x, ...result.x.y, ...result.iterations]).toEqual([1, 2, 3, 4, 0, 0])
    expect([...result.value]).toEqual([400, 1])
  })

  test('stops when the signal aborts, and reports progress', async () => {
    const starts = spread(['x', 'y'], 20_000)
    const counts: number[] = []
    const options = { onProgress: (done: number, total: number) => counts.push(done / total) }
    await minimizeMany(valley, starts, lbfgs(), options)
    expect(counts.at(-1)).toBe(1)
    const controller = new AbortController()
    const call = minimizeMany(valley, starts, lbfgs(), { signal: controller.signal, tolerance: 0 })
    controller.abort(new Error('enough'))
    await expect(call).rejects.toThrow('enough')
  })

  test('refuses options that a method cannot use', () => {
    const run = (options: object, starts: unknown = { x: [1], y: [1] }, method: unknown = lbfgs()) =>
      refusal(() => minimizeManySync(valley, starts as Anything, method as Anything, options)).message
    expect(run({ perRun: { history: [0] } })).toMatch(/^lbfgs: history: expected/)
    expect(run({ perRun: { tolerance: [1] } })).toMatch(/tolerance/)
    expect(run({ perRun: { c2: [1, 2] } })).toMatch(/^perRun: c2: expected 1 numbers/)
    expect(run({ perRun: { c1: [0.95] } })).toMatch(/^lbfgs: c1: expected a number in/)
    expect(run({ clip: { value: 1 } })).toMatch(/^clip: expected no value/)
    expect(run({ recordEvery: 0 })).toMatch(/^recordEvery: expected an integer/)
    expect(run({ recordEvery: 1, maxIterations: 1e9 })).toMatch(/^recordEvery: expected at most/)
    expect(run({ dtype: 'float32' })).toMatch(/^dtype: expected 'float64'/)
    expect(run({}, { x: new Float32Array(1), y: new Float32Array(1) })).toMatch(/^dtype: expected 'float64'/)
    expect(run({}, undefined, { method: 'lbfgs', history: 0 })).toMatch(/history/)
    expect(run({}, undefined, { method: 'unknown' })).toMatch(/^method: expected/)
    expect(() => minimizeManySync(valley, { x: [1], y: [1] }, adam(), { recordEvery: 1 })).not.toThrow()
  })
})
