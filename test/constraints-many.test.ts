/** Many runs with constraints: the same bits as `minimize` run by run. */

import {
  adam,
  type Constraint,
  expression,
  lbfgs,
  minimize,
  minimizeMany,
  minimizeManySync,
  minimizeReasons,
  sqp,
} from 'antigrad'
import { describe, expect, test } from 'vitest'
import type { Anything } from './adversarial/subject.js'
import { random } from './bits.js'
import { constrainedProblems } from './constrained-problems.js'

interface Case {
  readonly text: string
  readonly starts: Readonly<Record<string, readonly number[]>>
  readonly constraints: readonly Constraint[]
  readonly options?: Anything
}

/** Compares each run with a call of `minimize`, and returns the reasons. */
function compare({ text, starts, constraints, options = {} }: Case) {
  const f = expression(text)
  const many = minimizeManySync(f, starts, sqp(), { ...options, constraints }) as Anything
  const { data = {}, bounds = {}, ...limits } = options
  const pick = (list: Anything, run: number) => (typeof list[0] === 'number' ? list : list[run])
  const entries = <T>(record: object, value: (own: Anything, name: string) => T) =>
    Object.fromEntries(Object.entries(record).map(([name, own]) => [name, value(own, name)]))
  return Object.values(starts)[0].map((_, run) => {
    const own = entries(data, (column) => pick(column, run))
    const limit = (given: Anything) => (typeof given === 'object' ? given[run] : given)
    const one: Anything = minimize(
      data === options.data ? (f.with(own) as Anything) : f,
      entries(starts, (column) => column[run]),
      sqp(),
      { ...limits, bounds: entries(bounds, (bound) => Object.values(bound).map(limit)), constraints },
    )
    const { value, gradientNorm, maxChange, iterations, kktResidual, maxViolation } = many
    const found = {
      values: entries(many.x, (column) => column[run]),
      value: value[run],
      gradientNorm: gradientNorm[run],
      maxChange: maxChange[run],
      iterations: iterations[run],
      reason: minimizeReasons[many.reason[run]],
      maxViolation: maxViolation[run],
      kktResidual: kktResidual[run],
      multipliers: entries(many.multipliers, (column) => column[run]),
      boundMultipliers: Object.keys(many.x).map((name) => many.boundMultipliers[name][run]),
      active: Object.keys(many.active).filter((key) => many.active[key][run] === 1),
      violated: Object.keys(many.violations).filter((key) => many.violations[key][run] !== 0),
    }
    expect(found).toEqual({
      ...Object.fromEntries(Object.keys(found).map((name) => [name, one[name]])),
      values: { ...one.values },
      multipliers: { ...one.multipliers },
      boundMultipliers: [...one.boundMultipliers],
      active: one.active.map(String),
      violated: Object.keys(one.violations),
    })
    return one.reason as string
  })
}

describe('many runs equal single runs bit for bit', () => {
  test('for problems of Hock and Schittkowski, from three starts', () => {
    const next = random(3)
    for (const problem of constrainedProblems) {
      const { parameters, start, lower, upper, data, equal, atLeastZero } = problem
      const byName = <T>(value: (i: number) => T) =>
        Object.fromEntries(parameters.map((name, i) => [name, value(i)]))
      const bounds = byName((i) => [lower[i] ?? -Infinity, upper[i] ?? Infinity])
      compare({
        text: problem.expression,
        starts: byName((i) => [0, 0.3, 30].map((by) => start[i] + by * (next() - 0.5))),
        constraints: [
          ...equal.map((expr) => ({ expr, equal: 0 })),
          ...atLeastZero.map((expr) => ({ expr, min: 0 })),
        ],
        options: { bounds, maxIterations: 100, ...(data ? { data } : {}) },
      })
    }
  })

  const far = { x: [3, -2, 1e6, 0.1], y: [1, 5, -3, NaN] }
  test.each<[string, Case, readonly string[]]>([
    [
      'with data and bounds of each run',
      {
        text: '(a*t + b - y)^2',
        starts: { a: [0, 1, 2], b: [0, 0, 1] },
        constraints: [{ name: 'sum', expr: 'a + b', equal: 3 }],
        options: {
          data: { t: [[0, 1], [1, 2, 3], [5]], y: [[1, 2], [3, 1, 2], [4]] },
          bounds: { a: { min: [0, 1, -9], max: [1, 9, 0.5] } },
        },
      },
      ['converged', 'converged', 'converged'],
    ],
    [
      'that end for different reasons',
      {
        text: 'x + y',
        starts: { x: [1, NaN, 2], y: [2, -1, 1] },
        constraints: [{ expr: 'x - y', equal: 1 }],
      },
      ['diverged', 'not-finite', 'diverged'],
    ],
    [
      'whose constraints contradict each other',
      { text: 'x^2 + y^2', starts: far, constraints: [{ expr: 'x^2 + y^2', max: -1 }] },
      ['infeasible', 'infeasible', 'infeasible', 'not-finite'],
    ],
    [
      'with functions as constraints',
      {
        text: 'x^2 + y^2',
        starts: { x: [3, -2], y: [1, 5] },
        constraints: [{ expr: (x) => x[0] * x[1], min: 2 }],
        options: { bounds: { x: { min: [0, -9], max: 9 } } },
      },
      ['converged', 'converged'],
    ],
    [
      'with parameters that only constraints have',
      { text: 't', starts: { t: [9, 3], a: [4, 0] }, constraints: [{ expr: 't - (a - 1)^2', min: 0 }] },
      ['converged', 'converged'],
    ],
    [
      'that reach the maximum number of iterations',
      {
        text: '(x - 3)^4 + exp(x - y)',
        starts: far,
        constraints: [{ expr: 'x + 2*y', equal: 1 }],
        options: { maxIterations: 2 },
      },
      ['max-iterations', 'max-iterations', 'max-iterations', 'not-finite'],
    ],
    [
      'without updates',
      {
        text: 'x^2 + y^2',
        starts: { x: [3, -2], y: [1, 5] },
        constraints: [
          { expr: 'x + y', equal: 1 },
          { expr: 'x*y', max: -9 },
        ],
        options: { maxIterations: 0 },
      },
      ['max-iterations', 'max-iterations'],
    ],
  ])('%s', (_, given, reasons) => {
    expect(compare(given)).toEqual(reasons)
  })

  test('with starts as one list, which has numbers for all names', () => {
    const constraints = [{ expr: 't - (a - 1)^2', min: 0 }]
    const { x } = minimizeManySync(expression('t'), [9, 4, 3, 0], sqp(), { constraints })
    const columns = minimizeManySync(expression('t'), { t: [9, 3], a: [4, 0] }, sqp(), { constraints })
    expect(x).toEqual(columns.x)
  })
})

describe('a call', () => {
  const squares = expression('x^2 + y^2')
  const starts = { x: Array(300).fill(3), y: Array(300).fill(1) }
  const constraints = [{ expr: 'x*y', min: 2 }]

  test('reports progress, and names the engine', async () => {
    const calls: (readonly number[])[] = []
    const onProgress = (...counts: readonly number[]) => calls.push(counts)
    const { engine, engineReasons, x } = await minimizeMany(squares, starts, sqp(), {
      constraints,
      onProgress,
    })
    expect(calls.at(-1)).toEqual([300, 300])
    expect(engine).toBe('typescript')
    expect(engineReasons).toEqual(['methods run in TypeScript'])
    expect(new Set(x.x).size).toBe(1)
  })

  test('ends when the signal aborts', async () => {
    const stop = new AbortController()
    const slow = {
      expr: (x: ArrayLike<number>) => {
        stop.abort(new Error('enough'))
        return x[0] * x[1]
      },
      min: 2,
    }
    const { signal } = stop
    await expect(minimizeMany(squares, starts, sqp(), { constraints: [slow], signal })).rejects.toThrow(
      'enough',
    )
  })

  test.each<[object, string]>([
    [{ constraints: [{ expr: 'x + z', equal: 1 }] }, 'constraints[0]: expr: expected names among x, y'],
    [{ constraints: [{ expr: 'x' }] }, 'constraints[0]: expected a limit'],
    [{ constraints, engine: 'wasm' }, 'engine: expected no value'],
    [{ constraints, threads: 2 }, 'threads: expected no value'],
    [{ constraints, recordEvery: 2 }, 'recordEvery: expected no value'],
    [{ constraints, dtype: 'float32' }, "dtype: expected 'float64'"],
    [{ constraints, bounds: { x: [2, 1] } }, 'bounds: x: expected numbers with min ≤ max'],
  ])('with %j is refused', (options, message) => {
    expect(() => minimizeManySync(squares, starts, sqp(), options)).toThrow(message)
  })

  test.each([lbfgs(), adam()])('with constraints, but without sqp(), is refused', (method) => {
    expect(() => minimizeManySync(squares, starts, method, { constraints } as object)).toThrow(
      'constraints: expected the method sqp(), which supports constraints, got',
    )
  })
})

test('data of changing counts of rows give the bits of single runs', () => {
  const f = expression('(a - t)^2 + (b - s)^2')
  const t = [[1, 2], [3], [4], [1, 5], [0.5, 7], Array.from({ length: 40 }, (_, i) => i / 8)]
  const s = t.map((list) => list.map((number) => 3 - number))
  const constraints = [{ expr: 'a + b', equal: 1 }]
  const many = minimizeManySync(f, { a: t.map(() => 0), b: t.map(() => 0) }, sqp(), {
    data: { t, s },
    constraints,
  })
  for (const [run, numbers] of t.entries()) {
    const one = minimize(f.with({ t: numbers, s: s[run] }), { a: 0, b: 0 }, sqp(), { constraints })
    expect([many.x.a[run], many.x.b[run], many.value[run]]).toEqual([...one.x, one.value])
  }
})
