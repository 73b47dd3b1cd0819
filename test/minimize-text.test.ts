/**
 * `minimize` of expressions, whose later updates an engine performs together: the bits are the same as if TypeScript
 * called the objective at each update.
 */

import { execFileSync } from 'node:child_process'
import {
  adam,
  adamw,
  delayedStart,
  expression,
  gradientDescent,
  type MinimizeOptions,
  minimize,
  momentum,
  type Rule,
  sgd,
  warmup,
} from 'antigrad'
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { extensions } from '../dist/extensions.js'
import { continueRun as original } from '../dist/many/continue-run.js'
import { cases } from './cases.js'
import { inBits, random } from './helpers.js'
import { waysToRun } from './support.js'

type Text = ReturnType<typeof expression> | ReturnType<ReturnType<typeof expression>['with']>

const valley = expression('(1 - x)^2 + 100*(y - x^2)^2')
const next = random(31)
const columns = (rows: number) => {
  const t = Float64Array.from({ length: rows }, () => 3 * next())
  return { t, y: t.map((at) => 2 * Math.exp(-at) + 0.1 * (next() - 0.5)) }
}
const curve = expression('(a*exp(-b*t) + c - y)^2')

/** A plain object with the functions of an expression, which `minimize` calls one update at a time. */
const called = (f: Text) => ({
  value: (x: ArrayLike<number>) => f.value(x),
  gradient: (x: ArrayLike<number>, out: Float64Array) => f.gradient(x, out),
  parameters: f.parameters,
})

const ways = waysToRun(2).filter(({ engine }) => engine !== 'typescript')

const continueRun = vi.fn(original)
beforeAll(() => {
  extensions.continueRun = continueRun
})
afterEach(() => continueRun.mockClear())
const continued = () => continueRun.mock.results.filter(({ value }) => value !== undefined).length

function compare(
  f: Text,
  start: readonly number[] | Float32Array,
  rule: Rule,
  options: MinimizeOptions,
  engines = ways,
) {
  const found = engines.map((way) => {
    const one = minimize(f, start, rule, { ...options, ...way })
    const other = minimize(called(f) as never, start, rule, { ...options, ...way })
    expect(inBits(one), `${rule.name} ${way.engine} ${way.instructionSet}`).toBe(inBits(other))
    return one
  })
  return found[0]
}

const last = [ways[0], ways.find(({ engine }) => engine === 'wasm') ?? ways[0]]

describe.each(['float32', 'float64'] as const)('%s', (dtype) => {
  const tolerance = dtype === 'float32' ? 1e-5 : 1e-9

  // muon needs matrices.
  test.each(
    cases
      .filter(({ options, rule }) => !options.zeroGrads && rule.name !== 'muon')
      .map(({ name, rule }) => [name, rule] as const),
  )('%s has the bits of calls', (_, rule) => {
    const starts = { x: 'maximize' in rule && rule.maximize ? 1 : -1.5 }
    compare(valley, [starts.x, 2], rule, { dtype, tolerance, maxIterations: 700 }, last)
  })

  test('runs end for the same reasons with the same counts of evaluations', () => {
    const reasons = new Set<string>()
    const runs: [Text, number[], Rule, MinimizeOptions][] = [
      [valley, [-1.5, 2], adam({ lr: 0.05 }), {}],
      [valley, [-1.5, 2], adam({ lr: 0.05 }), { tolerance: 1e-2 }],
      [valley, [-1.5, 2], adam({ lr: 0.05 }), { tolerance: 0, maxIterations: 65 }],
      [valley, [-1.5, 2], adam({ lr: 1e-9 }), { tolerance: 1e-6 }],
      [valley, [-1.5, 2], adam({ lr: warmup(1e-9, { steps: 30 }) }), { tolerance: 1e-6 }],
      [valley, [-1.5, 2], delayedStart(100, momentum({ lr: 1e-3 })), {}],
      [valley, [-1.5, 2], sgd({ lr: 1e-3, momentum: 0.8, weightDecay: 0.1 }), {}],
      [valley, [-1.5, 2], adamw({ lr: 0.05, weightDecay: 0.1 }), {}],
      [expression('x^4 - y*x'), [1, 1], gradientDescent({ lr: 1e-2 }), {}],
      [expression('x + y'), [1, 1], gradientDescent({ lr: 1e300 }), { maxIterations: 3000 }],
    ]
    for (const [f, start, rule, options] of runs) {
      const { reason } = compare(f, start, rule, { tolerance, dtype, ...options })
      reasons.add(reason)
    }
    expect([...reasons].sort()).toEqual(['converged', 'diverged', 'max-iterations', 'stalled'])
    expect(continued()).toBeGreaterThan(20)
  })

  test('bounds and data have the bits of calls', () => {
    const bounds = { x: [-2, 0.5] as const, y: { min: 0.3 } }
    compare(valley, [-1.5, 2], adam({ lr: 0.05 }), { tolerance, dtype, bounds })
    for (const rows of [1, 40, 255, 256, 257, 5000]) {
      const maxIterations = rows > 1000 ? 100 : 400
      const f = curve.with(columns(rows))
      compare(f, [1, 1, 1], adam({ lr: 0.02 }), { tolerance, dtype, maxIterations }, last)
    }
    expect(continued()).toBe(ways.length + 12)
  })
})

test('many rows have the same bits with every number of threads', () => {
  const f = curve.with(columns(12_000))
  const runs = [1, 2, 3].map((threads) =>
    minimize(f, [1, 1, 1], adam({ lr: 0.02 }), { engine: 'native', threads, maxIterations: 70 }),
  )
  expect(new Set(runs.map(inBits)).size).toBe(1)
  expect(continued()).toBe(3)
})

describe('calls of user code', () => {
  const options = { maxIterations: 300, tolerance: 0 }

  test('replaced functions of an expression are called at each update', () => {
    const f = expression('x^2')
    const gradient = vi.spyOn(f, 'gradient')
    minimize(f, [1], adam(), options)
    expect(gradient).toHaveBeenCalledTimes(300)
    const data = expression('(x - t)^2').with({ t: [1, 2] })
    const value = vi.spyOn(Object.getPrototypeOf(data), 'value')
    minimize(data, [1], adam(), options)
    value.mockRestore()
    const derived = Object.create(expression('x^2'))
    expect(() => minimize(derived, [1], adam(), options)).toThrow(TypeError)
    expect(continued()).toBe(0)
  })

  test('callbacks and schedules that are functions are called at each update', () => {
    const at: number[] = []
    minimize(valley, [0, 0], adam(), { ...options, callback: (_, t) => void at.push(t) })
    expect(at).toHaveLength(300)
    const lr = vi.fn(() => 1e-3)
    minimize(valley, [0, 0], adam({ lr }), options)
    const calls = lr.mock.calls.length
    minimize(called(valley) as never, [0, 0], adam({ lr }), options)
    expect(lr.mock.calls.length).toBe(2 * calls)
    minimize(valley, [0, 0], adam(), { ...options, clip: { norm: 1 } })
    expect(continued()).toBe(0)
  })

  test('a run of few updates, a run in TypeScript and a function run as before', () => {
    minimize(valley, [0, 0], adam(), { maxIterations: 64 })
    minimize(valley, [0, 0], adam(), { engine: 'typescript', maxIterations: 100 })
    minimize((x) => x[0] ** 2, [1], adam(), { maxIterations: 100 })
    expect(continued()).toBe(0)
  })
})

test('runs of several expressions and dtypes do not disturb one another', () => {
  const texts = ['x^2 + y^4', '(x - 1)^2 + exp(y) - y', 'x^2 + y^4'].map((text) => expression(text))
  const run = (k: number, f: Text) =>
    inBits(
      minimize(f, [k + 1, 2], adam({ lr: 0.03 }), {
        dtype: k % 2 ? 'float32' : 'float64',
        maxIterations: 300,
      }),
    )
  const inTurn = Array.from({ length: 12 }, (_, k) => run(k % 4, texts[k % 3]))
  const alone = Array.from({ length: 12 }, (_, k) => run(k % 4, expression(texts[k % 3].text)))
  expect(inTurn).toEqual(alone)
})

test('in Node, long runs load the engine for expressions', () => {
  const loads = (maxIterations: number) => {
    const code = `
      const { adam, expression, minimize } = require('./dist/node/index.js')
      minimize(expression('x^2 + y^4'), [1, 2], adam(), { tolerance: 0, maxIterations: ${maxIterations} })
      console.log(Object.keys(require.cache).some((file) => /node.many.index/.test(file)))`
    return execFileSync(process.execPath, ['-e', code], { encoding: 'utf8' }).trim()
  }
  expect([loads(1000), loads(10_000)]).toEqual(['false', 'true'])
})
