/** `findMinima`: all minima known of test functions, the estimate of missing minima, and hostile calls. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  adam,
  expression,
  findMinima,
  findMinimaSync,
  lbfgs,
  minimize,
  nelderMead,
  uniformStarts,
} from 'antigrad'
import { describe, expect, test } from 'vitest'
import { eigenvalues } from '../dist/minima/curvature.js'
import { unseen } from '../dist/minima/unseen.js'
import { type Anything, refusal } from './adversarial/subject.js'
import { home } from './children.js'

/** A function whose minima in a box are all known, computed with 40 digits from 8,192 starts or a dense grid. */
interface Case {
  readonly name: string
  readonly expression: string
  readonly lower: readonly number[]
  readonly upper: readonly number[]
  readonly minima: readonly { readonly x: readonly number[]; readonly f: number }[]
}

const cases = JSON.parse(readFileSync(join(home, 'test/data/minima.json'), 'utf8')) as Case[]
const wells = expression('(x^2 - 1)^2 + 0.1*x + y^2')
const box = { x: [-2, 2], y: [-1, 1.5] } as const

test.each(cases)('$name: every minimum is found once', ({ expression: text, lower, upper, minima }) => {
  const f = expression(text)
  const order = f.parameters.map((name) => Number(name.slice(1)) - 1)
  const bounds = order.map((i) => [lower[i], upper[i]] as const)
  const found = findMinimaSync(f, { bounds, starts: 512 })
  expect(found.minima).toHaveLength(minima.length)
  for (const [k, { x, f: value }] of minima.entries()) {
    expect(Math.abs(found.minima[k].value - value)).toBeLessThanOrEqual(1e-9 * Math.max(1, Math.abs(value)))
    const isHere = ({ x: at }: { readonly x: Float64Array }) =>
      order.every((i, p) => Math.abs(at[p] - x[i]) <= 1e-6 * (upper[i] - lower[i]))
    expect(found.minima.filter(isHere)).toHaveLength(1)
  }
  expect(found.minima.reduce((sum, { fraction }) => sum + fraction, 0)).toBeCloseTo(
    found.outcomes.minimum / 512,
    12,
  )
})

describe('the result', () => {
  const found = findMinimaSync(wells, { bounds: box, starts: 64 })

  test('has points by name, values, condition numbers and fractions', () => {
    expect(found.minima).toHaveLength(2)
    expect(found.outcomes).toEqual({ minimum: 64, saddle: 0, stalled: 0, maxIterations: 0, diverged: 0 })
    const [left, right] = found.minima
    expect(left.values).toEqual({ x: left.x[0], y: left.x[1] })
    expect(left.values?.x).toBeLessThan(-1)
    expect(left.value).toBe(wells.value(left.x))
    expect(left.value).toBeLessThan(right.value)
    const curvature = 12 * left.x[0] ** 2 - 4
    expect(left.conditionNumber).toBeCloseTo(curvature / 2, 6)
    expect(left.fraction + right.fraction).toBe(1)
    expect(left.atBound).toEqual([])
  })

  test('is the same for a function, a gradient, the async form and points by name or by run', async () => {
    const options = { bounds: [box.x, box.y], starts: 64 }
    const value = (x: ArrayLike<number>) => wells.value(x)
    const gradient = (x: ArrayLike<number>, out: Anything) => wells.gradient(x, out)
    const [exact, byValues] = [findMinimaSync({ value, gradient }, options), findMinimaSync(value, options)]
    for (const other of [exact, byValues]) {
      expect(other.minima.map(({ fraction }) => fraction)).toEqual(
        found.minima.map(({ fraction }) => fraction),
      )
      for (const [k, { conditionNumber, values }] of other.minima.entries()) {
        expect(values).toBeUndefined()
        expect(conditionNumber / found.minima[k].conditionNumber).toBeCloseTo(1, 3)
      }
    }
    expect(exact.minima.map(({ x }) => x)).toEqual(found.minima.map(({ x }) => x))
    expect(await findMinima(wells, { bounds: box, starts: 64 })).toEqual(found)
    const starts = uniformStarts(box, 9)
    const byRun = Array.from(starts.x, (x, i) => [x, starts.y[i]])
    const reference = findMinimaSync(wells, { bounds: box, starts })
    expect(findMinimaSync(wells, { bounds: box, starts: byRun })).toEqual(reference)
    const ends = byRun.map((start) => minimize(wells, start, lbfgs(), { bounds: box }).value)
    expect(reference.minima[0].value).toBe(Math.min(...ends))
  })

  test('is the same on every engine, and with data that the objective contains', () => {
    const options = { bounds: box, starts: 32, threads: 1 } as const
    const data = { t: [1, 2, 3], z: [2, 1, 3] }
    const model = expression('(z - x*sin(t) - y)^2')
    const reference = findMinimaSync(model, { ...options, data, engine: 'typescript' })
    for (const engine of ['native', 'wasm'] as const)
      expect(findMinimaSync(model, { ...options, data, engine })).toEqual(reference)
    expect(findMinimaSync(model.with(data), { bounds: box, starts: 32 })).toEqual(reference)
    const byRule = { bounds: box, starts: 8, method: adam({ lr: 0.05 }) }
    const { gradient, value } = wells
    const plain = { value: value.bind(wells), gradient: gradient.bind(wells), parameters: wells.parameters }
    const slow = findMinimaSync(plain, byRule)
    expect(slow.outcomes.minimum).toBe(8)
    expect(findMinimaSync(wells, byRule).minima.map(({ x }) => x)).toEqual(slow.minima.map(({ x }) => x))
  })

  test('a parameter at a bound takes no part in the curvature', () => {
    const { minima } = findMinimaSync(expression('x + 3*y^2 + 2*z^2'), {
      bounds: { x: [0, 1], y: [-1, 1], z: [-1, 1] },
      starts: 32,
    })
    expect(minima).toHaveLength(1)
    expect(minima[0].atBound).toEqual([0])
    expect(minima[0].conditionNumber).toBeCloseTo(1.5, 10)
    const fixed = findMinimaSync(expression('x^2 + y^2'), { bounds: { x: [1, 1], y: [2, 2] }, starts: 4 })
    expect(fixed.minima).toMatchObject([{ atBound: [0, 1], conditionNumber: 1, fraction: 1 }])
  })

  test('saddles are counted apart', () => {
    const saddle = expression('x^2 - y^2 + y^4')
    const { minima, outcomes } = findMinimaSync(saddle, {
      starts: [
        [0, 0],
        [1, 0],
        [1, 1],
        [1, -1],
      ],
    })
    expect(outcomes).toMatchObject({ minimum: 2, saddle: 2 })
    expect(minima.map(({ fraction }) => fraction)).toEqual([0.25, 0.25])
  })

  test('stalled, unfinished and diverged runs are counted apart', () => {
    const kink = findMinimaSync(expression('abs(x) + abs(y - 0.3)'), { bounds: box, starts: 16 })
    expect(kink.minima.length + kink.outcomes.stalled).toBeGreaterThan(0)
    const byValues = { bounds: box, starts: 16, method: nelderMead() }
    expect(findMinimaSync(expression('abs(x) + abs(y - 0.3)'), byValues).outcomes.stalled).toBe(0)
    expect(findMinimaSync(wells, { bounds: box, starts: 16, maxIterations: 1 }).outcomes.maxIterations).toBe(
      16,
    )
    const nowhere = findMinimaSync(() => NaN, { bounds: [[0, 1]], starts: 8 })
    expect(nowhere.outcomes).toMatchObject({ minimum: 0, diverged: 8 })
    expect(nowhere).toMatchObject({ minima: [], unseen: { count: Infinity, atMost: Infinity, fraction: 1 } })
  })

  test('a flat region is one minimum, and its condition number is infinite', () => {
    const line = findMinimaSync(expression('(x - y)^2'), { bounds: { x: [-1, 1], y: [-1, 1] }, starts: 64 })
    expect(line.minima).toHaveLength(1)
    expect(line.minima[0]).toMatchObject({ conditionNumber: Infinity, fraction: 1 })
  })

  test('functions without second derivatives use differences', () => {
    const { minima } = findMinimaSync(expression('y^2 - voigt(x, 1, 1)'), { bounds: box, starts: 16 })
    expect(minima).toHaveLength(1)
    expect(minima[0].conditionNumber).toBeGreaterThan(10)
  })
})

describe('the estimate of missing minima', () => {
  /** The distribution of Boender and Rinnooy Kan, from factorials as in their paper. */
  const probability = (k: number, w: number, n: number) => {
    const log = (m: number) => {
      let sum = 0
      for (let i = 2; i <= m; i++) sum += Math.log(i)
      return sum
    }
    return Math.exp(
      log(k - 1) +
        log(k) +
        log(n - 1) +
        log(n - 2) -
        log(n + k - 1) -
        log(k - w) -
        log(w) -
        log(w - 1) -
        log(n - w - 2),
    )
  }

  test.each([
    [1, 4],
    [3, 20],
    [10, 40],
    [40, 100],
    [90, 400],
  ])('%i minima in %i runs', (w, n) => {
    const { count, atMost, fraction } = unseen(w, n)
    let [sum, below] = [0, 0]
    for (let k = w; k <= w + atMost; k++) {
      below = sum
      sum += probability(k, w, n)
    }
    expect(sum).toBeGreaterThanOrEqual(0.95 - 1e-9)
    expect(below).toBeLessThan(0.95)
    expect(count).toBeCloseTo((w * (n - 1)) / (n - w - 2) - w, 12)
    expect(fraction).toBeCloseTo((w * (w + 1)) / (n * (n - 1)), 15)
  })

  test('many minima in many runs, and too few runs', () => {
    expect(unseen(2000, 4096).atMost).toBeGreaterThan(unseen(2000, 4096).count)
    expect(unseen(2000, 4096).atMost).toBeLessThan(2500)
    for (const [w, n] of [
      [0, 0],
      [0, 9],
      [1, 1],
      [1, 3],
      [5, 7],
    ] as const)
      expect(unseen(w, n)).toMatchObject({ count: Infinity, atMost: Infinity })
    expect(unseen(99_000, 99_003)).toMatchObject({ atMost: Infinity })
  })
})

test('eigenvalues of matrices with known ones', () => {
  const run = (rows: number[][]) => {
    const work = eigenvalues(rows.map((row) => Float64Array.from(row)))
    for (;;) {
      const { done, value } = work.next()
      if (done) return [...(value as Float64Array)]
    }
  }
  expect(run([[3]])).toEqual([3])
  expect(
    run([
      [2, 0],
      [0, -1],
    ]),
  ).toEqual([-1, 2])
  expect(
    run([
      [1, NaN],
      [NaN, 1],
    ]),
  ).toEqual([NaN, NaN])
  // The matrix of second differences has the eigenvalues 2 − 2·cos(kπ/(n + 1)).
  const n = 12
  const rows = Array.from({ length: n }, (_, i) =>
    Array.from({ length: n }, (_, j) => (i === j ? 2 : Math.abs(i - j) === 1 ? -1 : 0)),
  )
  for (const [k, value] of run(rows).entries())
    expect(value).toBeCloseTo(2 - 2 * Math.cos(((k + 1) * Math.PI) / (n + 1)), 13)
})

describe('long and hostile calls', () => {
  test('progress is reported until the end, and the event loop runs in between', async () => {
    const reports: [number, number][] = []
    let turns = 0
    let isOver = false
    const count = () => {
      turns++
      if (!isOver) setImmediate(count)
    }
    setImmediate(count)
    await findMinima(wells, {
      bounds: box,
      starts: 2048,
      onProgress: (done, total) => reports.push([done, total]),
    })
    isOver = true
    expect(turns).toBeGreaterThan(1)
    expect(reports.at(-1)).toEqual([2048, 2048])
  })

  test('an abort and an error of a callback reject', async () => {
    const reason = new Error('enough')
    const control = new AbortController()
    let calls = 0
    const value = (x: ArrayLike<number>) => {
      if (++calls === 1000) control.abort(reason)
      return wells.value(x)
    }
    const options = { bounds: [box.x, box.y], starts: 1 << 20, signal: control.signal }
    await expect(findMinima(value, options)).rejects.toBe(reason)
    await expect(findMinima(value, options)).rejects.toBe(reason)
    const onProgress = () => {
      throw reason
    }
    await expect(findMinima(wells, { bounds: box, starts: 4, onProgress })).rejects.toBe(reason)
    const throwing = () => {
      throw reason
    }
    await expect(findMinima(throwing, { bounds: [[0, 1]] })).rejects.toBe(reason)
  })

  test('arguments are read once, and later changes have no effect', async () => {
    const starts = { x: [1, -1], y: [0.5, 0.2] }
    const bounds = { x: [-2, 2], y: [-1, 1] }
    const running = findMinima(wells, { bounds: bounds as Anything, starts })
    starts.x.fill(99)
    bounds.x[0] = 99
    const same = { bounds: box, starts: { x: [1, -1], y: [0.5, 0.2] } }
    expect((await running).minima).toEqual(findMinimaSync(wells, same).minima)
    let reads = 0
    const objective = {
      get value() {
        reads++
        return (x: ArrayLike<number>) => x[0] ** 2
      },
    }
    findMinimaSync(objective, { bounds: [[-1, 1]], starts: 8 })
    expect(reads).toBe(1)
  })

  test('invalid arguments are refused before any call', () => {
    let calls = 0
    const value = () => ++calls
    const search =
      (options: unknown, objective: unknown = value) =>
      () =>
        findMinimaSync(objective as Anything, options as Anything)
    refusal(search({}), 'bounds')
    refusal(search({ bounds: [[0, Infinity]] }), 'bounds: 0')
    refusal(search({ bounds: [null] }), 'bounds: 0')
    refusal(search({ bounds: [[1, 0]] }), 'bounds: 0')
    refusal(search({ bounds: { x: [0, 1] } }, wells), 'bounds: y')
    refusal(search({ bounds: Array(41).fill([0, 1]) }), 'bounds')
    refusal(search({ bounds: [[0, 1]], starts: 0 }), 'starts')
    refusal(search({ bounds: [[0, 1]], starts: [] }), 'starts')
    refusal(search({ bounds: [[0, 1]], starts: [[1, 2]] }), 'bounds')
    refusal(search({ starts: [[1, 2], [1]] }), 'starts[1]')
    refusal(search({ starts: { x: [1] } }), 'starts')
    refusal(search({ starts: { x: [1], z: [1] } }, wells), 'starts')
    refusal(search({ starts: { x: [1], y: [1, 2] } }, wells), 'starts: y')
    refusal(search({ starts: { x: [1] } }, wells), 'starts: y')
    refusal(search({ bounds: [[0, 1]], seed: -1 }), 'seed')
    refusal(search({ bounds: [[0, 1]], distance: 0 }), 'distance')
    refusal(search({ bounds: [[0, 1]], start: 3 }), 'options')
    refusal(search({ bounds: [[0, 1]], data: { t: [1] } }), 'data')
    refusal(search({ bounds: [[0, 1]], threads: 1 }), 'threads')
    refusal(search({ bounds: [[0, 1]], method: {} }), 'method')
    refusal(search({ bounds: [[0, 1]] }, 'x^2'), 'objective')
    expect(calls).toBe(0)
  })
})
