/** Batches of runs: each run has the bits of `minimize`, on every engine, instruction set and number of threads. */

import {
  adadelta,
  adagrad,
  adam,
  adamax,
  adamw,
  asgd,
  cosine,
  cyclic,
  delayedStart,
  expression,
  gradientDescent,
  joined,
  lamb,
  linear,
  type MinimizeManyOptions,
  type MinimizeManyResult,
  minimize,
  minimizeMany,
  minimizeManySync,
  minimizeReasons,
  momentum,
  nadam,
  nesterov,
  OptionError,
  type Rule,
  radam,
  rmsprop,
  rprop,
  sgd,
  signSgd,
  warmup,
  workers,
} from 'antigrad'
import { describe, expect, test, vi } from 'vitest'
import { version } from '../dist/core/package.js'
import { cohortCount } from '../dist/many/batch/layout.js'
import { waysToRun } from './support.js'

type Floats = typeof Float32Array | typeof Float64Array

const make = (Floats: Floats, numbers: readonly number[]) =>
  Floats === Float32Array ? Float32Array.from(numbers) : Float64Array.from(numbers)

const valley = expression('(1 - x)^2 + 100*(y - x^2)^2')

/** Starting points that are spread over the plane, and are equal in all tests. */
function startsOf(Floats: Floats, count: number) {
  const spread = (i: number, step: number) => 4 * ((i * step) % 1) - 2
  const column = (step: number) => {
    const numbers = Array.from({ length: count }, (_, i) => spread(i, step))
    return make(Floats, numbers)
  }
  return { x: column(0.6180339887), y: column(0.7548776662) }
}

/** Every engine in all modes of the engine. */
const ways = waysToRun(2)

/** Results as numbers. All NaNs are equal, and 0 differs from −0. */
const numbersOf = (result: MinimizeManyResult) =>
  [...Object.values(result.x), result.value, result.gradientNorm, result.maxChange].map((column) => [
    ...column,
  ])

function expectSame(result: MinimizeManyResult, other: MinimizeManyResult): void {
  expect(numbersOf(result)).toEqual(numbersOf(other))
  expect(result.iterations).toEqual(other.iterations)
  expect(result.reason).toEqual(other.reason)
}

type ObjectiveOf = Parameters<typeof minimize>[0]

/** Expects the results of `minimize` for each run. */
function expectThoseOfMinimize(
  result: MinimizeManyResult,
  objective: ObjectiveOf | { readonly of: (run: number) => ObjectiveOf },
  starts: Readonly<Record<string, Float32Array | Float64Array>>,
  ruleOf: (run: number) => Rule,
  options: Parameters<typeof minimize>[3] | ((run: number) => Parameters<typeof minimize>[3]),
): void {
  const columns = Object.values(starts)
  const Floats = columns[0].constructor as Floats
  for (let run = 0; run < columns[0].length; run++) {
    const start = make(
      Floats,
      columns.map((column) => column[run]),
    )
    const own = typeof options === 'function' ? options(run) : options
    const one = minimize('of' in objective ? objective.of(run) : objective, start, ruleOf(run), {
      ...own,
      engine: 'typescript',
    })
    const many = {
      x: Object.values(result.x).map((column) => column[run]),
      value: result.value[run],
      gradientNorm: result.gradientNorm[run],
      change: result.maxChange[run],
      iterations: result.iterations[run],
      reason: minimizeReasons[result.reason[run]],
    }
    const { value, gradientNorm, maxChange, iterations, reason } = one
    expect(many, `run ${run}`).toEqual({
      x: [...one.x],
      value,
      gradientNorm,
      change: maxChange,
      iterations,
      reason,
    })
  }
}

const rules: Readonly<Record<string, Rule>> = {
  gradientDescent: gradientDescent({ lr: 1e-3 }),
  diverging: gradientDescent({ lr: 1e-2 }),
  signSgd: signSgd({ lr: 1e-3 }),
  momentum: momentum({ lr: 1e-3 }),
  nesterov: nesterov({ lr: 1e-4 }),
  sgd: sgd({ lr: 1e-3, momentum: 0.8, nesterov: true, weightDecay: 0.1 }),
  adagrad: adagrad({ lr: 0.3 }),
  rmsprop: rmsprop({ lr: 0.01, momentum: 0.5 }),
  adam: adam({ lr: 0.05 }),
  amsgrad: adam({ lr: 0.1, amsgrad: true }),
  adamw: adamw({ lr: 0.05, weightDecay: 0.1 }),
  radam: radam({ lr: 0.1 }),
  adamax: adamax({ lr: 0.1 }),
  nadam: nadam({ lr: 0.1 }),
  adadelta: adadelta(),
  rprop: rprop(),
  asgd: asgd({ lr: 1e-3, lambda: 1e-2 }),
  signum: signSgd({ lr: 1e-3, momentum: 0.9 }),
  sgdw: sgd({ lr: 1e-3, momentum: 0.8, weightDecay: 0.1, decoupledWeightDecay: true }),
  centered: rmsprop.optax({ lr: 0.01, centered: true }),
  'centered momentum': rmsprop({ lr: 0.01, momentum: 0.5, centered: true }),
  'with a schedule': adam({ lr: warmup(0.05, { steps: 20 }) }),
  'with more schedules': momentum({
    lr: joined([linear(0, { endValue: 1e-3, steps: 60 }), cosine(1e-3, { steps: 400 })], {
      boundaries: [60],
    }),
    momentum: cyclic(0.8, { maxValue: 0.9, stepSizeUp: 30, mode: 'triangular2' }),
  }),
  'with a delay': delayedStart(10, adam({ lr: 0.05 })),
}

describe.each([
  ['float32', Float32Array],
  ['float64', Float64Array],
] as const)('the function minimizeMany on %s', (_, Floats) => {
  const starts = startsOf(Floats, 37)

  test.each(Object.entries(rules))('returns the same results as minimize for %s', (name, rule) => {
    const options = { maxIterations: 600, tolerance: 1e-5 }
    const results = ways.map((way) => minimizeManySync(valley, starts, rule, { ...options, ...way }))
    expect(results.map(({ engine }) => engine)).toEqual(ways.map(({ engine }) => engine))
    for (const result of results) expectSame(result, results[0])
    expectThoseOfMinimize(results[0], valley, starts, () => rule, options)
    if (name === 'diverging') expect(results[0].reason).toContain(minimizeReasons.indexOf('diverged'))
  })

  // Similar arguments in 64 lanes, with an unusual argument in one lane, and then unusual arguments in all lanes. Each
  // unusual argument is in each lane of a vector of 16 lanes; with `npm run test:all`, in each lane of 64.
  const strange = [3217.5, -1.6e6, 1e38, -1e300, 1e-45, Infinity, NaN, -0]
  const near = Array.from({ length: 64 }, (_, lane) => 0.1 + lane / 16)
  const isTried = (lane: number, i: number) =>
    process.env.ANTIGRAD_TEST_LARGE === '1' || Math.floor(lane / 16) === i % 4
  const u = strange.flatMap((x, i) => [
    ...near.flatMap((_, odd) => (isTried(odd, i) ? near.map((y, lane) => (lane === odd ? x : y)) : [])),
    ...near.map(() => x),
  ])
  const v = u.map((_, run) => near[run % 64])

  const functions = [
    ...[
      'exp',
      'log',
      'sin',
      'cos',
      'tan',
      'tanh',
      'atan',
      'expm1',
      'log1p',
      'log2',
      'log10',
      'sinh',
      'cosh',
      'cbrt',
    ],
    ...['asin', 'acos', 'floor', 'sign', 'erf', 'erfc', 'erfcx', 'normpdf', 'normcdf', 'norminv'],
    ...['gamma', 'lgamma', 'digamma', 'trigamma'],
  ].map((name) => `${name}(u)`)

  test.each([...functions, 'u^v', 'v^u', 'atan2(u, v)', 'atan2(v, u)'])(
    'computes the function %s correctly in one SIMD lane and in all lanes',
    (text) => {
      // The gradient is the value of the function, and so is F if x stays at 1.
      const f = expression(`x*${text}`)
      const start = { x: make(Floats, new Array(u.length).fill(1)) }
      const data = { u: u.map((x) => [x]), ...(f.names.includes('v') && { v: v.map((x) => [x]) }) }
      const rule = gradientDescent({ lr: 0 })
      const results = ways.map((way) => minimizeManySync(f, start, rule, { data, maxIterations: 1, ...way }))
      const expected = results[results.length - 1]
      expect(expected.engine).toBe('typescript')
      for (const [way, { value, gradientNorm }] of results.entries()) {
        const isOther = (_: number, run: number) =>
          !Object.is(value[run], expected.value[run]) ||
          !Object.is(gradientNorm[run], expected.gradientNorm[run])
        const other = u.findIndex(isOther)
        const place = `${text}, u ${u[other]}, run ${other}, ${JSON.stringify(ways[way])}`
        expect(value[other], place).toBe(expected.value[other])
        expect(gradientNorm[other], place).toBe(expected.gradientNorm[other])
      }
    },
  )

  test.each(['sin', 'cos', 'tan'])(
    'computes the function %s correctly for the parameter of a diverging run',
    (name) => {
      const f = expression(`x^2 + y^2 + 9*${name}(2*pi*x) - 7*${name}(3*y)`)
      const options = { maxIterations: 100 }
      const results = ways.map((way) =>
        minimizeManySync(f, starts, gradientDescent({ lr: 1.5 }), { ...options, ...way }),
      )
      for (const result of results) expectSame(result, results[0])
      expect(Math.max(...results[0].maxChange.filter((x) => x < Infinity))).toBeGreaterThan(1e7)
    },
  )

  test.each(Object.entries(rules))(
    'keeps the parameters of each run within the bounds of that run: %s',
    (_, rule) => {
      const options = { maxIterations: 600, tolerance: 1e-5 }
      // Some runs have no upper bound, and some are restricted to a point.
      const max = starts.x.map((x, i) => (i % 5 === 0 ? Infinity : i % 5 === 1 ? -1.2 : x / 2 + 0.2))
      const bounds = { x: { min: -1.2, max }, y: [0.1, 0.7] as const }
      const results = ways.map((way) =>
        minimizeManySync(valley, starts, rule, { ...options, bounds, ...way }),
      )
      for (const result of results) expectSame(result, results[0])
      const ownOf = (run: number) => ({ ...options, bounds: { ...bounds, x: [-1.2, max[run]] as const } })
      expectThoseOfMinimize(results[0], valley, starts, () => rule, ownOf)
      const [least, most] = make(Floats, [0.1, 0.7])
      for (const y of results[0].x.y) expect(y < least || y > most).toBe(false)
      expect(results[0].x.x[1]).toBe(make(Floats, [-1.2])[0])
    },
  )

  test('supports constant bounds, maximization with decay, and several cohorts of runs', () => {
    const many = startsOf(Floats, 5000)
    const hill = expression('cos(x)*exp(-y^2)')
    const rule = sgd({ lr: 0.1, weightDecay: 0.05, maximize: true })
    const bounds = [[0.5, 1.5], { min: -1 }] as const
    const options = { maxIterations: 300, tolerance: 1e-4, bounds }
    const results = ways.map((way) => minimizeManySync(hill, many, rule, { ...options, ...way }))
    for (const result of results) expectSame(result, results[0])
    const few = { x: many.x.subarray(0, 50), y: many.y.subarray(0, 50) }
    const first = minimizeManySync(hill, few, rule, options)
    for (const name of ['x', 'y'] as const) expect(first.x[name]).toEqual(results[0].x[name].slice(0, 50))
    expectThoseOfMinimize(first, hill, few, () => rule, options)
    expect(
      [...first.reason].filter((reason) => minimizeReasons[reason] === 'converged').length,
    ).toBeGreaterThan(40)
  })

  test('supports clipping by value, maximization, and several cohorts of runs', () => {
    const many = startsOf(Floats, 5000)
    const hill = expression('cos(x)*exp(-y^2)')
    const rule = adam({ lr: 0.1, maximize: true })
    const options = { maxIterations: 300, tolerance: 1e-4, clip: { value: 0.3 } }
    const results = ways
      .filter(({ engine }) => engine !== 'typescript')
      .map((way) => minimizeManySync(hill, many, rule, { ...options, ...way }))
    for (const result of results) expectSame(result, results[0])
    const few = { x: many.x.subarray(0, 50), y: many.y.subarray(0, 50) }
    const first = minimizeManySync(hill, few, rule, { ...options, engine: 'typescript' })
    for (const name of ['x', 'y'] as const) expect(first.x[name]).toEqual(results[0].x[name].slice(0, 50))
    expectThoseOfMinimize(first, hill, few, () => rule, options)
  })

  test('adds up the rows of data in a fixed order', () => {
    const t = Float64Array.from({ length: 20 }, (_, i) => i / 4)
    const y = t.map((ti, i) => 2 * Math.exp(-0.7 * ti) + 0.3 + 0.01 * ((i % 3) - 1))
    const f = expression('(a*exp(-b*t) + c - y)^2')
    const n = 19
    const starts = {
      a: make(
        Floats,
        Array.from({ length: n }, (_, i) => 0.5 + i / 8),
      ),
      b: make(
        Floats,
        Array.from({ length: n }, (_, i) => 0.1 + i / 12),
      ),
      c: new Floats(n),
    }
    const rule = adam({ lr: 0.05 })
    const options = { maxIterations: 200 }
    const results = ways.map((way) =>
      minimizeManySync(f, starts, rule, { ...options, ...way, data: { t, y } }),
    )
    for (const result of results) expectSame(result, results[0])
    expectThoseOfMinimize(results[0], f.with({ t, y }), starts, () => rule, options)
  })

  describe('with rows of data per run', () => {
    const f = expression('(a*exp(-b*t) + c - y)^2')
    /** Fits of decays with noise, with a number of rows per run. */
    function fitsOf(count: number, rowsOf: (run: number) => number) {
      const column = (at: (run: number, row: number) => number) =>
        Array.from({ length: count }, (_, run) =>
          make(
            run % 2 === 0 ? Float64Array : Floats,
            Array.from({ length: rowsOf(run) }, (_, row) => at(run, row)),
          ),
        )
      const t = column((run, row) => row / (3 + (run % 4)))
      const y = column((run, row) => 2 * Math.exp((-0.5 - run / count) * t[run][row]) + 0.1 * ((row % 3) - 1))
      const starts = {
        a: new Floats(count).fill(1.5),
        b: new Floats(count).fill(0.75),
        c: new Floats(count),
      }
      return { data: { t, y }, starts }
    }
    const rule = adam({ lr: 0.05 })
    const options = { maxIterations: 400, tolerance: 1e-3 }

    test.each([
      ['the same number of rows in all runs', 37, () => 11],
      ['varying numbers of rows', 41, (run: number) => 1 + ((run * 7) % 5)],
      ['a single run', 1, () => 3],
      ['a different number of rows in each run', 9, (run: number) => 12 - run],
    ] as const)('returns the same results as minimize for %s', (_, count, rowsOf) => {
      const { data, starts } = fitsOf(count, rowsOf)
      const results = ways.map((way) => minimizeManySync(f, starts, rule, { ...options, ...way, data }))
      for (const result of results) expectSame(result, results[0])
      const objective = { of: (run: number) => f.with({ t: data.t[run], y: data.y[run] }) }
      expectThoseOfMinimize(results[0], objective, starts, () => rule, options)
      if (count > 30) expect(new Set(results[0].iterations).size).toBeGreaterThan(5)
    })

    test('supports several cohorts, a common column, and separate options', () => {
      const { data, starts } = fitsOf(700, () => 90)
      const t = data.t[0]
      const perRun = { lr: starts.a.map((_, run) => 0.02 + (run % 2) / 20) }
      const bounds = { b: { max: starts.b.map((_, run) => 0.6 + (run % 5) / 10) } }
      const all = { ...options, maxIterations: 60, perRun, bounds, data: { y: data.y, t } }
      const results = ways.map((way) => minimizeManySync(f, starts, adam(), { ...all, ...way }))
      for (const result of results) expectSame(result, results[0])
      const few = { a: starts.a.subarray(650), b: starts.b.subarray(650), c: starts.c.subarray(650) }
      const rest = minimizeManySync(f, few, adam(), {
        ...{ ...options, maxIterations: 60, perRun: { lr: perRun.lr.slice(650) } },
        ...{ bounds: { b: { max: bounds.b.max.slice(650) } }, data: { y: data.y.slice(650), t } },
      })
      for (const name of ['a', 'b', 'c'] as const) expect(rest.x[name]).toEqual(results[0].x[name].slice(650))
      const objective = { of: (run: number) => f.with({ t, y: data.y[650 + run] }) }
      const ruleOf = (run: number) => adam({ lr: perRun.lr[650 + run] })
      expectThoseOfMinimize(rest, objective, few, ruleOf, (run) => ({
        ...{ ...options, maxIterations: 60, bounds: { b: { max: bounds.b.max[650 + run] } } },
      }))
    })

    test('supports more runs than one batch can contain', () => {
      // The data take 16 MiB or 8 MiB of float64 numbers each.
      const rows = 1 << 21
      const sum = expression('(x - t)^2')
      const t = Array.from({ length: 11 }, (_, run) => new Float32Array(rows).fill(2 ** run))
      const x = new Floats(11)
      const result = minimizeManySync(sum, { x }, gradientDescent({ lr: 0.25 / rows }), {
        data: { t },
        maxIterations: 1,
      })
      expect([...result.x.x]).toEqual(t.map(([first]) => first / 2))
    })

    test('returns the starting point if maxIterations is 0', () => {
      const { data, starts } = fitsOf(5, (run) => 1 + run)
      const result = minimizeManySync(f, starts, rule, { maxIterations: 0, data })
      const objective = { of: (run: number) => f.with({ t: data.t[run], y: data.y[run] }) }
      expectThoseOfMinimize(result, objective, starts, () => rule, { maxIterations: 0 })
    })
  })

  test('supports separate options per run', () => {
    const lr = starts.x.map((_, i) => 10 ** -(1 + (i % 4)))
    const perRun = { lr, beta1: starts.x.map((_, i) => (i % 3) / 4) }
    const results = ways.map((way) =>
      minimizeManySync(valley, starts, adam(), { ...way, perRun, maxIterations: 100 }),
    )
    for (const result of results) expectSame(result, results[0])
    const ruleOf = (run: number) => adam({ lr: perRun.lr[run], beta1: perRun.beta1[run] })
    expectThoseOfMinimize(results[0], valley, starts, ruleOf, { maxIterations: 100 })
  })
})

test('minimizeMany reports each possible reason for the end of a run', () => {
  const f = expression('x < 0 ? 1/x^2 : (x < 2 ? (x - 1)^2 : sqrt(5 - x))')
  const x = Float64Array.of(-1, -0.5, 0.5, 1.5, 4.9, 3)
  const options = { maxIterations: 400, tolerance: 1e-6 }
  const result = minimizeManySync(f, { x }, gradientDescent({ lr: 0.1 }), options)
  expectThoseOfMinimize(result, f, { x }, () => gradientDescent({ lr: 0.1 }), options)
  expect(new Set(result.reason).size).toBeGreaterThanOrEqual(3)
})

describe('the bounds of minimizeMany', () => {
  const bowl = expression('(x - 3)^2 + a*(y + 1)^2')
  const data = { a: [1] }
  const endsOf = (starts: Record<string, number[]>, rule: Rule, options: MinimizeManyOptions) => {
    const { x, reason } = minimizeManySync(bowl, starts, rule, { data, ...options })
    return Array.from(reason, (r, run) => [x.x[run], x.y[run], minimizeReasons[r]])
  }

  test('let a run converge at the minimum within the bounds', () => {
    const bounds = { x: { max: 2 }, y: [0, Infinity] as const }
    const starts = { x: [-5, 9], y: [4, -3] }
    for (const rule of [gradientDescent({ lr: 0.1 }), adam({ lr: 0.05 }), rmsprop({ lr: 0.01 })]) {
      const ends = endsOf(starts, rule, { bounds })
      expect(ends).toEqual([
        [2, 0, 'converged'],
        [2, 0, 'converged'],
      ])
    }
  })

  test('cause a run to stall if the parameters rest at a point without a minimum', () => {
    const rule = gradientDescent({ lr: 1e-12 })
    // The run starts at one bound, and far from the minimum in the other direction.
    const [[x0, y0, reason0]] = endsOf({ x: [2], y: [5] }, rule, { bounds: { x: { max: 2 } } })
    expect(y0).toBeGreaterThan(4.99)
    expect([x0, reason0]).toEqual([2, 'stalled'])
    // The run starts at a bound that does not block the gradient.
    const [[x, , reason]] = endsOf({ x: [0], y: [-1] }, rule, { bounds: { x: { min: 0 } } })
    expect(x).toBeLessThan(1e-8)
    expect(reason).toBe('stalled')
  })

  test('do not end a run in which a parameter with gradient 0 does not move', () => {
    // Decay cancels the gradient at x = 1, while y advances by short steps.
    const rule = sgd({ lr: 5e-4, weightDecay: 2 })
    const options = { bounds: { x: { min: 1 } }, tolerance: 1e-3, maxIterations: 20_000 }
    const f = expression('-2*x + (y + 1)^2')
    const starts = { x: Float64Array.of(1), y: Float64Array.of(-0.05) }
    for (const way of ways) {
      const { reason, gradientNorm, iterations } = minimizeManySync(f, starts, rule, { ...options, ...way })
      expect([minimizeReasons[reason[0]], gradientNorm[0], iterations[0]]).toEqual(['stalled', 2, 101])
    }
  })

  test('do not cause a run to stall while the run advances along a bound', () => {
    // Short steps, because the gradient decreases by a thousandth per update.
    const rule = gradientDescent({ lr: 5e-4 })
    const options = { bounds: { x: { max: 2 } }, tolerance: 1e-3, maxIterations: 20_000 }
    const f = expression('(x - 1000)^2 + (y + 1)^2')
    const starts = { x: Float64Array.of(2), y: Float64Array.of(-1.9) }
    for (const way of ways) {
      const result = minimizeManySync(f, starts, rule, { ...options, ...way })
      expect(minimizeReasons[result.reason[0]]).toBe('converged')
      expect(Math.abs(result.x.y[0] + 1)).toBeLessThan(0.2)
      expectThoseOfMinimize(result, f, starts, () => rule, options)
    }
  })

  test('can stop a parameter that weight decay moves toward a bound', () => {
    const f = expression('(x - 1)^2/100')
    const starts = { x: Float64Array.of(3) }
    const rule = sgd({ lr: 0.1, weightDecay: 0.05 })
    for (const way of ways) {
      const result = minimizeManySync(f, starts, rule, { bounds: { x: { min: 0.5 } }, ...way })
      expect([result.x.x[0], minimizeReasons[result.reason[0]]]).toEqual([0.5, 'converged'])
      expectThoseOfMinimize(result, f, starts, () => rule, { bounds: [[0.5, Infinity]] })
    }
  })

  test('contain all points at which the objective is evaluated', () => {
    // The slope at the point is as steep as the slope of a minimum next to 1.
    const f = expression('x < 1 ? 1e12*x : -x^2')
    const starts = { x: Float64Array.of(1) }
    const rule = gradientDescent({ lr: 1e-14 })
    for (const way of ways) {
      const result = minimizeManySync(f, starts, rule, { bounds: { x: { min: 1 } }, ...way })
      expect(minimizeReasons[result.reason[0]]).toBe('stalled')
      expectThoseOfMinimize(result, f, starts, () => rule, { bounds: [[1, Infinity]] })
    }
  })

  test('do not change a parameter that is NaN', () => {
    const f = expression('sqrt(x)')
    const { reason, x } = minimizeManySync(f, { x: [-1] }, adam(), { bounds: { x: { max: 5 } } })
    expect([x.x[0], minimizeReasons[reason[0]]]).toEqual([NaN, 'diverged'])
  })

  test('move a starting point into the allowed range, even if no update follows', () => {
    const result = minimizeManySync(bowl, [7, 8], adam(), { data, maxIterations: 0, bounds: [[0, 1], null] })
    expect([result.x.x[0], result.x.y[0], result.value[0]]).toEqual([1, 8, 4 + 81])
  })

  test.each([
    [3, /bounds: expected \[min, max\] for x, y, got 3/],
    [{ z: [0, 1] }, /bounds: expected names of parameters: x, y, got "z"/],
    [[[0, 1]], /bounds: expected 2 entries, one per parameter, got "1"/],
    [{ x: [0, 1, 2] }, /bounds: x: expected \[min, max\] or \{ min, max \}/],
    [{ x: 1 }, /bounds: x: expected \[min, max\]/],
    [{ x: { least: 1 } }, /bounds: x: expected .*, got "least"/],
    [{ x: [NaN, 1] }, /bounds: x: min: expected a number, or an array with one per run, got NaN/],
    [{ x: { max: '1' } }, /bounds: x: max: expected a number/],
    [{ x: [1, 0] }, /bounds: x: expected numbers with min ≤ max in float64, got "1 and 0"/],
    [{ x: [Infinity, Infinity] }, /bounds: x: expected numbers with min ≤ max/],
    [{ x: { max: [1, 2, 3] } }, /bounds: x: max: expected a number, or one per run \(2\)/],
    [{ x: { max: [1, NaN] } }, /bounds: x: max: expected a number, or an array with one per run/],
    [{ x: [0.5, [1, 0]] }, /bounds: x: expected numbers with min ≤ max in float64, got "0.5 and 0"/],
  ])('are refused if the arguments are invalid, case %#', (bounds, message) => {
    const call = () => minimizeManySync(valley, [1, 2, 3, 4], adam(), { bounds } as never)
    expect(call).toThrow(message)
    expect(call).toThrow(OptionError)
  })
})

describe('the recorded paths of minimizeMany', () => {
  /** All points of a run as `minimize` reports them. */
  function pathOf(start: Float32Array | Float64Array, rule: Rule, path: number, options: object): number[][] {
    const points = [[...start]]
    const keep = (x: ArrayLike<number>, t: number) => {
      if (t % path === 0) points.push(Array.from(x))
    }
    const { x, iterations, reason } = minimize(valley, start, rule, { ...options, callback: keep })
    // The run ends without a callback.
    if (reason === 'diverged' && iterations % path === 0 && points.length === iterations / path)
      points.push([...x])
    return points
  }

  test.each([
    [1, Float32Array, adam({ lr: 0.1 })],
    [7, Float64Array, adam({ lr: 0.1 })],
    [256, Float64Array, gradientDescent({ lr: 1e-3 })],
    [300, Float32Array, momentum({ lr: 1e-3 })],
    [5, Float64Array, rules.diverging],
    [1000, Float64Array, adam({ lr: 0.1 })],
  ] as const)('contain every point whose index is a multiple of %d, case %#', (recordEvery, Floats, rule) => {
    const starts = startsOf(Floats, 37)
    const options = { maxIterations: 600, tolerance: 1e-3 }
    const results = ways.map((way) =>
      minimizeManySync(valley, starts, rule, { ...options, recordEvery, ...way }),
    )
    for (const result of results) {
      expectSame(result, results[0])
      expect(result.paths).toEqual(results[0].paths)
    }
    const { paths, iterations } = results[0]
    if (paths === null) throw new Error('there are none')
    expect(paths.offsets.length).toBe(38)
    for (const [run, updates] of iterations.entries()) {
      const [from, to] = paths.offsets.subarray(run, run + 2)
      expect(to - from).toBe(1 + Math.floor(updates / recordEvery))
      const start = make(Floats, [starts.x[run], starts.y[run]])
      const points = Array.from({ length: to - from }, (_, i) => [paths.x.x[from + i], paths.x.y[from + i]])
      expect(points, `run ${run}`).toEqual(pathOf(start, rule, recordEvery, options))
    }
  })

  test('support bounds, options and data per run, also in asynchronous calls', async () => {
    const f = expression('(x - t)^2')
    const options = {
      ...{ data: { t: [[1], [2, 3], [4]] }, perRun: { lr: [0.1, 0.05, 0.2] } },
      ...{ bounds: { x: [0.5, 1.5] as const }, recordEvery: 2, maxIterations: 5 },
    }
    const result = await minimizeMany(f, { x: [0, 1, 2] }, gradientDescent(), options)
    expect(result.paths).toEqual(minimizeManySync(f, { x: [0, 1, 2] }, gradientDescent(), options).paths)
    // The second and third run reach their bound, and converge after an update that moves nothing.
    expect([...result.iterations]).toEqual([5, 3, 1])
    expect([...(result.paths?.offsets ?? [])]).toEqual([0, 3, 5, 6])
    const steps = [0.5, 0.68, 0.7952, 1, 1.5, 1.5]
    for (const [k, x] of [...(result.paths?.x.x ?? [])].entries()) expect(x).toBeCloseTo(steps[k], 12)
  })

  test('are returned only on request, and contain only the starting point without updates', () => {
    expect(minimizeManySync(valley, [1, 2], adam(), { maxIterations: 1 }).paths).toBeNull()
    const { paths } = minimizeManySync(valley, [3, 4], adam(), { maxIterations: 0, recordEvery: 1 })
    expect(paths).toEqual({
      offsets: Uint32Array.of(0, 1),
      x: { x: Float64Array.of(3), y: Float64Array.of(4) },
    })
  })

  test.each([
    [0, /recordEvery: expected an integer ≥ 1, got 0/],
    [1.5, /recordEvery: expected an integer ≥ 1/],
    [null, /recordEvery: expected an integer ≥ 1/],
    [1, /recordEvery: expected at most 134217728 numbers in all points of 100 runs with 1000000 updates/],
  ])('are refused if the arguments are invalid, case %#', (recordEvery, message) => {
    const options = { recordEvery, maxIterations: 1e6 } as never
    const call = () => minimizeManySync(valley, startsOf(Float64Array, 100), adam(), options)
    expect(call).toThrow(message)
    expect(call).toThrow(OptionError)
  })
})

test('the starting points of minimizeMany may be columns, an array of consecutive numbers, or an array of points', () => {
  const { x, y } = startsOf(Float32Array, 5)
  const flat = Float32Array.from({ length: 10 }, (_, i) => (i % 2 === 0 ? x : y)[Math.floor(i / 2)])
  const options = { maxIterations: 10 }
  expectSame(
    minimizeManySync(valley, flat, adam(), options),
    minimizeManySync(valley, { y, x }, adam(), options),
  )
  const points = Array.from(x, (at, run) => Float32Array.of(at, y[run]))
  expectSame(
    minimizeManySync(valley, points, adam(), options),
    minimizeManySync(valley, flat, adam(), options),
  )
  expectSame(
    minimizeManySync(valley, [[...points[0]], ...points.slice(1)], adam(), options),
    minimizeManySync(valley, [...flat], adam(), options),
  )
  expect(minimizeManySync(valley, flat, adam(), options).x.x).toBeInstanceOf(Float32Array)
  const asDouble = minimizeManySync(valley, [...flat], adam(), options)
  expect(asDouble.x.x).toBeInstanceOf(Float64Array)
  expect(minimizeManySync(valley, [...flat], adam(), { ...options, dtype: 'float32' })).toEqual(
    minimizeManySync(valley, flat, adam(), options),
  )
})

describe('an asynchronous call of minimizeMany', () => {
  const starts = startsOf(Float32Array, 70_000)
  const options = { maxIterations: 50, tolerance: 0 }

  test('returns the same results as minimizeManySync, reports progress, and leaves the event loop free', async () => {
    const progress: number[][] = []
    let turns = 0
    const interval = setInterval(() => turns++, 1)
    const onProgress = (done: number, total: number) => progress.push([done, total])
    const result = await minimizeMany(valley, starts, adam(), { ...options, onProgress })
    clearInterval(interval)
    expectSame(result, minimizeManySync(valley, starts, adam(), options))
    expect(turns).toBeGreaterThan(0)
    expect(progress.at(-1)).toEqual([70_000, 70_000])
  })

  test('ends if the signal is aborted', async () => {
    const controller = new AbortController()
    const running = minimizeMany(valley, starts, adam(), {
      ...options,
      maxIterations: 1e6,
      signal: controller.signal,
    })
    setTimeout(() => controller.abort(new Error('enough')), 20)
    await expect(running).rejects.toThrow('enough')
    await expect(
      minimizeMany(valley, starts, adam(), { signal: AbortSignal.abort(new Error('no')) }),
    ).rejects.toThrow('no')
  })

  test('ends if the signal is aborted, even after a worker thread has disappeared', async () => {
    /** A worker that starts and then never responds. */
    class Silent {
      onmessage: (event: { data: unknown }) => void = () => {}
      constructor() {
        queueMicrotask(() => this.onmessage({ data: version }))
      }
      postMessage(question: object) {
        if ('module' in question) queueMicrotask(() => this.onmessage({ data: {} }))
      }
      terminate() {}
    }
    vi.stubGlobal('Worker', Silent)
    try {
      const controller = new AbortController()
      const on = {
        engine: 'wasm',
        workers: workers(),
        maxIterations: 1e6,
        signal: controller.signal,
      } as const
      const running = minimizeMany(valley, starts, adam(), on)
      setTimeout(() => controller.abort(new Error('enough')), 20)
      await expect(running).rejects.toThrow('enough')
    } finally {
      vi.unstubAllGlobals()
    }
  })

  test("ignores later changes of the user's arguments", async () => {
    const t = Float64Array.of(1, 2, 3)
    const x = Float64Array.of(1, 2)
    const f = expression('(x - t)^2')
    const running = minimizeMany(f, { x }, adam(), { data: { t }, maxIterations: 100 })
    t.fill(Number.NaN)
    x.fill(Number.NaN)
    const result = await running
    expect([...result.x.x].every(Number.isFinite)).toBe(true)
  })
})

const product = expression('x + t*u')

test.each([
  [valley.text, { x: [1], y: [1] }, adam(), {}, /objective: expected an expression/],
  [valley, { x: [1] }, adam(), {}, /starts: y: expected an array, Float32Array or Float64Array of numbers/],
  [
    valley,
    { x: [1], y: [1], z: [1] },
    adam(),
    {},
    /starts: expected an object with the columns x, y, got "z"/,
  ],
  [valley, { x: [1], y: [1, 2] }, adam(), {}, /starts: y: expected 1 numbers/],
  [valley, { x: [], y: [] }, adam(), {}, /starts: x: expected 1 numbers/],
  [valley, [1, 2, 3], adam(), {}, /starts: expected 2 numbers per run: x, y/],
  [valley, [[1, 2], [1]], adam(), {}, /starts\[1\]: expected 2 numbers, got an array of length 1/],
  [valley, [[1, 2], 3], adam(), {}, /starts\[1\]: expected 2 numbers, got 3/],
  [
    valley,
    [
      [1, 2],
      [1, '2'],
    ],
    adam(),
    {},
    /starts\[1\]\[1\]: expected a number, got "2"/,
  ],
  [valley, null, adam(), {}, /starts: expected an object with the columns x, y/],
  [valley, [1, 2], lamb(), {}, /rule: expected an elementwise rule of one stage/],
  [valley, [1, 2], nesterov({ form: 'shifted' }), {}, /rule: expected an elementwise rule of one stage/],
  [valley, [1, 2], adam({ cautious: true }), {}, /rule: expected an elementwise rule of one stage/],
  [valley, [1, 2], adam({ grams: true }), {}, /rule: expected an elementwise rule of one stage/],
  [valley, [1, 2], adam(), { perRun: { lr: [1, 2] } }, /perRun: lr: expected 1 numbers/],
  [valley, [1, 2], adam(), { perRun: { beta1: [2] } }, /beta1/],
  [valley, [1, 2], adam(), { perRun: { rate: [2] } }, /rate/],
  [valley, [1, 2], adam(), { tolerance: -1 }, /tolerance: expected a finite number ≥ 0/],
  [valley, [1, 2], adam(), { maxIterations: 1.5 }, /maxIterations: expected an integer ≥ 0/],
  [valley, [1, 2], adam(), { dtype: 'float16' }, /dtype/],
  [valley, [1, 2], adam(), { clip: { value: 0 } }, /clip: value/],
  [valley, [1, 2], adam(), { tolerence: 1 }, /options: expected one of .*, got "tolerence"/],
  [valley, [1, 2], adam(), { data: { z: [1] } }, /data: expected columns among/],
  [expression('x + t'), [1], adam(), { data: { t: [] } }, /data: t: expected at least one row, got "none"/],
  [expression('x + t'), [1], adam(), { data: { t: [[1], [2]] } }, /data: t: expected 1 arrays, one per run/],
  [
    expression('x + t'),
    [1, 2],
    adam(),
    { data: { t: [[1], []] } },
    /data: t: expected at least one row in run 1/,
  ],
  [
    expression('x + t'),
    [1],
    adam(),
    { data: { t: [['1']] } },
    /data: t\[0\]\[0\]: expected a number, got "1"/,
  ],
  [
    expression('x + t'),
    [1, 2],
    adam(),
    { data: { t: [[1], 2] } },
    /data: t\[1\]: expected an array, Float32Array or Float64Array of numbers/,
  ],
  [
    expression('x + t*u'),
    [1],
    adam(),
    { data: { t: [1], u: [1, 2] } },
    /data: u: expected 1 rows per column/,
  ],
  [
    product,
    [1, 2],
    adam(),
    { data: { t: [1], u: [[1], [1, 2]] } },
    /data: u: expected 1 rows per column in run 1/,
  ],
])('minimizeMany refuses invalid arguments, case %#', (objective, starts, rule, options, message) => {
  const call = () => minimizeManySync(objective as never, starts as never, rule as never, options as never)
  expect(call).toThrow(message)
  expect(call).toThrow(OptionError)
})

test.each([
  [{ engine: 'native', instructionSet: 'sse9' }, /^instructionSet: expected one of scalar, .*, got "sse9"/],
  [
    { engine: 'wasm', instructionSet: 'simd128' },
    /^instructionSet: expected no value without engine: 'native'/,
  ],
  [{ instructionSet: 'scalar' }, /^instructionSet: expected no value without engine: 'native'/],
] as const)('minimizeMany refuses an impossible instruction set, case %#', (options, message) => {
  expect(() => minimizeManySync(valley, [1, 2], adam(), options)).toThrow(message)
  expect(() => minimizeManySync(valley, [1, 2], adam(), options)).toThrow(OptionError)
})

test('minimizeMany returns the starting points if no update is made', () => {
  const result = minimizeManySync(valley, [3, 4], adam(), { maxIterations: 0 })
  expect([...result.x.x, ...result.x.y]).toEqual([3, 4])
  expect(minimizeReasons[result.reason[0]]).toBe('max-iterations')
  expect(result.value[0]).toBe(valley.value([3, 4]))
})

test.each(['native', 'wasm', 'typescript'] as const)(
  'minimizeMany respects the limit of updates exactly, even above 2³²: %s',
  (engine) => {
    const valley = expression('(x - 1)^2 + 2*(y + 1)^2')
    const starts = { x: [0, 3, 8], y: [0, -2, 5] }
    const run = (maxIterations: number, rule: Rule = adam({ lr: 0.1 })) =>
      minimizeManySync(valley, starts, rule, { maxIterations, engine })
    const expected = run(10_000)
    expect([...expected.reason].map((k) => minimizeReasons[k])).toEqual([
      'converged',
      'converged',
      'converged',
    ])
    expect(Math.min(...expected.iterations)).toBeGreaterThan(100)
    for (const most of [2 ** 32, 2 ** 33 + 5, 2 ** 53 - 1]) expect(run(most)).toEqual(expected)
    // The delay works as in `minimize`.
    for (const most of [Infinity, -1, 1.5]) {
      expect(() => run(most)).toThrow(/^maxIterations: expected an integer ≥ 0/)
      expect(() => minimize(valley, [0, 0], adam(), { maxIterations: most })).toThrow(OptionError)
    }
    // A delay of 2³² + 3 was once a delay of 3.
    const late = minimizeManySync(valley, starts, delayedStart(2 ** 32 + 3, adam({ lr: 0.1 })), {
      maxIterations: 9,
      engine,
    })
    expect([...late.x.x]).toEqual(starts.x)
  },
)

test('minimizeMany refuses an unsupported clip', () => {
  const run = (clip: object) => minimizeManySync(expression('x^2'), [1], adam(), { clip: clip as never })
  for (const clip of [{ norm: 1 }, { value: 1, tensorNorm: 1 }]) {
    expect(() => run(clip)).toThrow(/^clip: expected one of value/)
  }
  expect(() => run(5 as never)).toThrow(/^clip: expected { value }/)
})

test.each([
  [10_000, 2],
  [10_000, 3],
  [65_536, 2],
  [40_000, 7],
  [9_000, 1],
])('minimizeMany divides %i runs evenly between %i threads', (count, threads) => {
  const { cohorts, lanes } = cohortCount(new Uint32Array(count), [], 4, threads)
  expect(cohorts % threads).toBe(0)
  expect(cohorts * lanes).toBeGreaterThanOrEqual(count)
  expect(lanes).toBeLessThanOrEqual(4096)
})
