/** Options per run, and recorded points, of methods in lanes: each run has the bits of `minimize`. */

import {
  expression,
  lbfgs,
  type Method,
  type MinimizeManyOptions,
  minimize,
  minimizeMany,
  minimizeManySync,
  minimizeReasons,
  newton,
  sqp,
} from 'antigrad'
import { describe, expect, test } from 'vitest'
import { type Anything, refusal } from './adversarial/subject.js'
import { laneOf, oneByOne, spread } from './lane-runs.js'
import { waysToRun } from './support.js'

const text = '(1 - x)^2 + 100*(y - x^2)^2'
const valley = expression(text)
const ways = waysToRun(2)

const column = (numbers: Float64Array, run: number) => numbers.slice(run, run + 1)

describe('options per run', () => {
  const count = 41
  const starts = spread(['x', 'y'], count)
  const cyclic = (...values: number[]) => Float64Array.from(starts.x, (_, run) => values[run % values.length])
  const bounds = { x: [-2, 0.9] as const }

  test.each([
    [
      'lbfgs',
      lbfgs,
      { history: cyclic(1, 2, 7), c2: cyclic(0.9, 0.5), maxLineSearch: cyclic(25, 25, 25, 3) },
    ],
    ['newton', newton, { radius: cyclic(3, 0.1, 1, 20, 0.5) }],
  ] as const)('give the bits of single runs with these options: %s', (_, method, perRun) => {
    const wanted = Array.from(starts.x, (_, run) => {
      const options = Object.entries(perRun).map(([name, values]) => [name, values[run]])
      const start = { x: column(starts.x, run), y: column(starts.y, run) }
      return oneByOne(text, start, method(Object.fromEntries(options)), { bounds } as Anything)[0]
    })
    for (const way of ways) {
      const result = minimizeManySync(valley, starts, method(), { ...way, bounds, perRun } as Anything)
      expect(result.engine).toBe(way.engine)
      for (const [run, one] of wanted.entries()) expect(laneOf(result, run)).toEqual(one)
    }
    // The options matter.
    const plain = minimizeManySync(valley, starts, method(), { bounds })
    expect([...plain.iterations]).not.toEqual(wanted.map(({ iterations }) => iterations))
  })

  test('work with data per run, and replace the options of the method', async () => {
    const data = { t: starts.x.map((x) => x / 9) }
    const objective = expression('(x - t)^4 + 5*(y - t*x^2)^2')
    const history = cyclic(1, 4)
    const perRun = { history }
    const t = Array.from(data.t, (value) => [value, 0.5])
    const result = await minimizeMany(objective, starts, lbfgs({ history: 9, c2: 0.4 }), {
      data: { t },
      perRun,
    })
    for (let run = 0; run < count; run++) {
      const start = { x: column(starts.x, run), y: column(starts.y, run) }
      const method = lbfgs({ history: history[run], c2: 0.4 })
      const [one] = oneByOne('(x - t)^4 + 5*(y - t*x^2)^2', start, method, { data: { t: t[run] } })
      expect(laneOf(result, run)).toEqual(one)
    }
  })

  test('are checked before the first update, in every run', async () => {
    const two = { x: [1, 2], y: [1, 2] }
    let calls = 0
    const options = (perRun: object): Anything => ({ perRun, onProgress: () => calls++ })
    await expect(minimizeMany(valley, two, newton(), options({ radius: [1, -1] }))).rejects.toThrow(/radius/)
    await expect(minimizeMany(valley, two, newton(), options({ history: [1, 1] }))).rejects.toThrow(/history/)
    await expect(minimizeMany(valley, two, lbfgs(), options({ history: [1, 1.5] }))).rejects.toThrow(
      /integer/,
    )
    await expect(minimizeMany(valley, two, lbfgs(), options({ method: [1, 1] }))).rejects.toThrow(/^method/)
    expect(calls).toBe(0)
  })
})

describe('recorded points of methods', () => {
  /** The points of a run after each k-th update, from runs with fewer updates. */
  function pathOf(start: readonly number[], method: Method, every: number, options: object): number[][] {
    const { iterations } = minimize(valley, start, method, options)
    return Array.from({ length: 1 + Math.floor(iterations / every) }, (_, k) => {
      const { x } = minimize(valley, start, method, { ...options, maxIterations: k * every })
      return [...x]
    })
  }

  test.each([
    [1, lbfgs(), {}],
    [3, lbfgs({ history: 2 }), { bounds: { x: [-2, 0.5] as const } }],
    [1, newton(), { bounds: { y: [0.5, Infinity] as const } }],
    [4, newton(), { maxIterations: 9 }],
    [1000, newton(), {}],
  ] as const)(
    'are the points after every update whose index is a multiple of %d, case %#',
    (recordEvery, method, options) => {
      const starts = spread(['x', 'y'], 21)
      starts.x.set([NaN, 1, 0.25], 4)
      starts.y.set([0, 1, Infinity], 4)
      const { bounds } = options as MinimizeManyOptions
      const [low, high] = [
        (bounds as Anything)?.y?.[0] ?? -Infinity,
        (bounds as Anything)?.x?.[1] ?? Infinity,
      ]
      const wanted = Array.from(starts.x, (x, run) => {
        const y = starts.y[run]
        return pathOf([x > high ? high : x, y < low ? low : y], method, recordEvery, options)
      })
      const plain = minimizeManySync(valley, starts, method, options as Anything)
      for (const way of ways) {
        const all = { ...way, ...options, recordEvery } as Anything
        const result = minimizeManySync(valley, starts, method, all)
        for (let run = 0; run < 21; run++) {
          expect(laneOf(result, run)).toEqual(laneOf(plain, run))
          const { offsets, x } = result.paths as NonNullable<typeof result.paths>
          const points = Array.from({ length: offsets[run + 1] - offsets[run] }, (_, k) => [
            x.x[offsets[run] + k],
            x.y[offsets[run] + k],
          ])
          expect(points, `run ${run}`).toEqual(wanted[run])
        }
      }
    },
  )

  test('do not depend on threads, and are sorted by run if options differ', async () => {
    const starts = spread(['x', 'y'], 3000)
    const perRun = { history: starts.x.map((_, run) => 1 + (run % 3)) }
    const of = (threads: number) =>
      minimizeMany(valley, starts, lbfgs(), { perRun, recordEvery: 5, threads, maxIterations: 200 })
    const [one, two] = [await of(1), await of(2)]
    expect(two.paths).toEqual(one.paths)
    const { offsets, x } = one.paths as NonNullable<typeof one.paths>
    for (const run of [0, 1, 2, 1499, 2999]) {
      expect(offsets[run + 1] - offsets[run]).toBe(1 + Math.floor(one.iterations[run] / 5))
      const start = [starts.x[run], starts.y[run]]
      const method = lbfgs({ history: perRun.history[run] })
      const { x: point } = minimize(valley, start, method, { maxIterations: 5 })
      expect([x.x[offsets[run] + 1], x.y[offsets[run] + 1]]).toEqual([...point])
    }
    expect(minimizeReasons[one.reason[0]]).toBe('converged')
  })

  test('contain only the starts if no update is allowed', () => {
    const { paths } = minimizeManySync(valley, [3, 4], newton(), { maxIterations: 0, recordEvery: 1 })
    expect([...(paths?.x.x ?? []), ...(paths?.x.y ?? [])]).toEqual([3, 4])
  })
})

test('methods without lanes refuse both options', () => {
  const run = (options: object) =>
    refusal(() => minimizeManySync(valley, { x: [1], y: [1] }, sqp(), options as Anything)).message
  expect(run({ perRun: { c1: [1] } })).toMatch(/^perRun: expected no value, because methods such as sqp\(\)/)
  expect(run({ recordEvery: 1 })).toMatch(/^recordEvery: expected no value, because methods such as sqp\(\)/)
})
