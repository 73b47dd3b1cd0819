/** The reasons that minimize() reports for the end of a run, and the correctness of the reasons. */

import {
  adagrad,
  adam,
  adamw,
  bowl,
  delayedStart,
  gradientDescent,
  Minimization,
  type MinimizeResult,
  minimize,
  momentum,
  type Objective,
  objectives,
  type Rule,
  radam,
  rmsprop,
  rosenbrock,
  sgd,
  warmup,
} from 'antigrad'
import { describe, expect, test } from 'vitest'
import { dtypes, random, rules } from './helpers.js'

/** An objective with a constant slope. */
const ramp = (slope: number): Objective => ({
  value: (x) => slope * x[0],
  gradient: (_, out) => {
    out[0] = slope
  },
})

describe('a run that only seems to have converged', () => {
  const cosine = (t: number) => (t < 1000 ? 5e-4 * (1 + Math.cos((Math.PI * t) / 1000)) : 0)
  const lost: [string, MinimizeResult['reason'], () => MinimizeResult][] = [
    ['RAdam far out', 'diverged', () => minimize(rosenbrock(), [-0.7, -1.1], radam({ lr: 0.02 }))],
    ['RAdam from the usual start', 'diverged', () => minimize(rosenbrock(), [-1.5, 2], radam({ lr: 0.03 }))],
    ['a steep step, float64', 'diverged', () => minimize(ramp(1e160), [1], adam())],
    ['a steep step, float32', 'diverged', () => minimize(ramp(1e20), [1], adam(), { dtype: 'float32' })],
    [
      'far out with finite values',
      'stalled',
      () => minimize(objectives.styblinskiTang(), [0.5, 4.5], radam({ lr: 0.1 })),
    ],
    [
      'a cosine that reaches 0',
      'stalled',
      () => minimize(rosenbrock(), [-1.2, 1], gradientDescent({ lr: cosine })),
    ],
    ['no learning rate', 'stalled', () => minimize(rosenbrock(), [-1.2, 1], adam({ lr: 0 }))],
    [
      'a tiny learning rate',
      'stalled',
      () => minimize(rosenbrock(), [-1.2, 1], gradientDescent({ lr: 1e-12 })),
    ],
    [
      'steps below an ulp',
      'stalled',
      () =>
        minimize(bowl({ condition: 1 }), [1000, 1000], gradientDescent({ lr: 1e-8 }), { dtype: 'float32' }),
    ],
    [
      'steps of Adam below an ulp',
      'stalled',
      () => minimize(rosenbrock(), [-1.5, 2], adam({ lr: 1e-8 }), { dtype: 'float32' }),
    ],
    [
      'steps below an ulp with weight decay',
      'stalled',
      () => minimize(rosenbrock(), [-1.5, 2], adamw({ lr: 1e-8, weightDecay: 0.5 }), { dtype: 'float32' }),
    ],
    [
      'gradients clipped to almost 0',
      'stalled',
      () => minimize(rosenbrock(), [-1.5, 2], sgd(), { clip: { norm: 1e-7 } }),
    ],
  ]
  test.each(lost)('continues, or ends for another reason: %s: %s', (_, reason, run) => {
    const result = run()
    expect(result.reason).toBe(reason)
    expect(result.gradientNorm).toBeGreaterThan(1)
  })

  test('continues during a warm-up function that starts at 0', () => {
    for (const steps of [100, 2000]) {
      const lr = (t: number) => 0.1 * Math.min(1, t / steps)
      const { reason, x } = minimize(rosenbrock(), [-1.2, 1], adam({ lr }))
      expect(reason).toBe('converged')
      for (const xi of x) expect(xi).toBeCloseTo(1, 6)
    }
  })

  test('continues during a slow start, because the steps grow', () => {
    const lr = (t: number) => 1e-14 * t ** 4
    const { reason, iterations, x } = minimize(bowl(), [1, 1], gradientDescent({ lr }))
    expect(reason).toBe('converged')
    expect(iterations).toBeGreaterThan(300)
    for (const xi of x) expect(Math.abs(xi)).toBeLessThan(1e-4)
  })

  test('continues if the schedule restarts', () => {
    const lr = (t: number) => 0.005 * (1 + Math.cos((Math.PI * (t % 50)) / 49))
    const { reason, x } = minimize(bowl(), [1, 1], gradientDescent({ lr }))
    expect(reason).toBe('converged')
    for (const xi of x) expect(Math.abs(xi)).toBeLessThan(1e-4)
  })

  test('can occur if Adam takes tiny steps after a steep cliff', () => {
    let calls = 0
    const cliff: Objective = {
      value: (x) => x[0],
      gradient: (_, out) => {
        out[0] = calls++ === 3 ? 1e14 : 1
      },
    }
    const { reason, maxChange, gradientNorm } = minimize(cliff, [0], adam({ lr: 0.1 }), {
      maxIterations: 2000,
    })
    expect(['stalled', 'max-iterations']).toContain(reason)
    expect(gradientNorm).toBe(1)
    expect(maxChange).toBeLessThan(1e-9)
  })
})

test('many fits by RAdam have gradients near 0 when the fits report convergence', () => {
  const next = random(11)
  const times = Array.from({ length: 20 }, (_, i) => i / 4)
  const reasons: Record<string, number> = {}
  for (let fit = 0; fit < 400; fit++) {
    const [a, b, c] = [1 + 4 * next(), 0.2 + 1.8 * next(), 2 * next() - 1]
    const data = times.map((t) => a * Math.exp(-b * t) + c + 0.02 * (next() - next()))
    const residual = (x: ArrayLike<number>, i: number) => x[0] * Math.exp(-x[1] * times[i]) + x[2] - data[i]
    const squares: Objective = {
      value: (x) => times.reduce((sum, _, i) => sum + residual(x, i) ** 2, 0),
      gradient: (x, out) => {
        for (const k of [0, 1, 2]) out[k] = 0
        for (let i = 0; i < times.length; i++) {
          const r = 2 * residual(x, i)
          const decay = Math.exp(-x[1] * times[i])
          out[0] += r * decay
          out[1] -= r * x[0] * times[i] * decay
          out[2] += r
        }
      },
    }
    const start = [4 * next() - 1, 2 * next() - 1, 2 * next() - 1]
    const { reason, gradientNorm, value } = minimize(squares, start, radam({ lr: 0.1 }))
    reasons[reason] = (reasons[reason] ?? 0) + 1
    if (reason !== 'converged') continue
    expect(gradientNorm).toBeLessThan(1e-5)
    expect(value).toBeLessThan(100)
  }
  expect(reasons.converged).toBeGreaterThan(100)
  expect(reasons.stalled + (reasons.diverged ?? 0)).toBeGreaterThan(3)
})

describe('a run that reports convergence', () => {
  test.each(Object.entries(objectives))('ends at a point with a gradient near 0: %s', (name, make) => {
    let converged = 0
    for (const dtype of dtypes) {
      for (const lr of [1e-3, 0.01, 0.1, 0.5]) {
        for (const of of [gradientDescent, momentum, adagrad, rmsprop, adam, radam]) {
          const run = minimize(make(), make().start, of({ lr }) as Rule, { dtype, maxIterations: 5000 })
          if (run.reason !== 'converged') continue
          converged++
          expect(run.gradientNorm).toBeLessThan(dtype === 'float32' ? 0.05 : 2e-4)
        }
      }
    }
    if (name !== 'saddle') expect(converged).toBeGreaterThan(5)
  })

  test.each(dtypes)('is possible with every rule at a minimum, %s', (dtype) => {
    for (const [title, rule] of rules) {
      const { reason, maxChange } = minimize(bowl(), [0, 0], rule, { dtype })
      // Yogi's m starts at 1e-6, and therefore moves the point.
      if (rule.name !== 'yogi') expect([title, reason, maxChange]).toEqual([title, 'converged', 0])
    }
  })

  test.each(dtypes)('is possible if the decay and the gradient cancel each other, %s', (dtype) => {
    const decayed: Rule[] = [
      adam({ lr: 0.1, weightDecay: 0.01 }),
      sgd({ lr: 0.01, momentum: 0.9, weightDecay: 0.1 }),
      sgd({ lr: 0.01, momentum: 0.9, weightDecay: 0.1, maximize: true }),
    ]
    for (const rule of decayed) {
      const climbs = 'maximize' in rule && rule.maximize
      const value = (x: ArrayLike<number>) => (climbs ? -1 : 1) * objectives.booth().value(x)
      const { reason, gradientNorm } = minimize(value, [-7, -4], rule, { dtype, maxIterations: 50_000 })
      expect(reason).toBe('converged')
      expect(gradientNorm).toBeGreaterThan(0.01)
    }
    const options = { dtype, maxIterations: 50_000 }
    const decoupled = minimize(objectives.himmelblau(), [-0.5, -1], adamw({ lr: 1e-3 }), options)
    expect(decoupled.reason).toBe('converged')
    expect(decoupled.gradientNorm).toBeGreaterThan(1e-4)
  })

  test('does not depend on the scale of the objective', () => {
    for (const scale of [1e-6, 1e6]) {
      const scaled: Objective = {
        value: (x) => scale * rosenbrock().value(x),
        gradient: (x, out) => {
          rosenbrock().gradient(x, out)
          for (let i = 0; i < 2; i++) out[i] *= scale
        },
      }
      const rule = adam({ lr: 0.1, eps: 0 })
      expect(minimize(scaled, [-1.5, 2], rule).reason).toBe('converged')
      expect(minimize(scaled, [-1.5, 2], adam({ lr: 0 })).reason).toBe('stalled')
    }
  })

  test('does not end after a single short step', () => {
    // In the second update the velocity is −0.75 + 0.75, and the slope is −1.
    const rule = momentum({ lr: 0.75, momentum: 0.5 })
    const parabola = (maxIterations: number) =>
      minimize(bowl({ condition: 2 }), [1], rule, { maxIterations, engine: 'typescript' })
    expect(parabola(2)).toMatchObject({ reason: 'max-iterations', maxChange: 0, gradientNorm: 1 })
    const { reason, x } = parabola(1000)
    expect(reason).toBe('converged')
    expect(x[0]).toBeCloseTo(0, 6)
  })

  test('does not end before the end of the warm-up and of the delay', () => {
    const lr = warmup((t) => (t < 200 ? 0 : 0.01), { steps: 150 })
    const run = minimize(bowl(), [1, 1], delayedStart(150, gradientDescent({ lr })))
    expect(run.reason).toBe('converged')
    for (const xi of run.x) expect(Math.abs(xi)).toBeLessThan(1e-4)
  })
})

describe('the fields `value` and `gradientNorm` of a result', () => {
  test('are the value at the last point and the norm of the last gradient', () => {
    const minimization = new Minimization(rosenbrock(), [-1.5, 2], adam({ weightDecay: 0.1 }), {
      clip: { value: 1 },
    })
    expect(minimization.gradientNorm).toBeNaN()
    for (let update = 0; update < 40; update++) {
      const out = [0, 0]
      rosenbrock().gradient(minimization.params, out)
      minimization.step()
      expect(minimization.gradientNorm).toBe(Math.max(...out.map(Math.abs)))
      expect(minimization.value).toBe(rosenbrock().value(minimization.params))
    }
    expect(minimize(bowl(), [1], adam(), { maxIterations: 0 }).gradientNorm).toBeNaN()
  })

  test.each([NaN, Infinity, -Infinity])('prevent a report of convergence if the value is %d', (value) => {
    const flat: Objective = { ...ramp(0), value: () => value }
    expect(minimize(flat, [1], adam())).toMatchObject({ reason: 'diverged', iterations: 1, value })
    const options = { tolerance: 0, maxIterations: 5 }
    expect(minimize(flat, [1], adam(), options)).toMatchObject({ reason: 'diverged', iterations: 5 })
  })

  test('reveal divergence if the state is infinite, even with the tolerance 0', () => {
    const options = { tolerance: 0, maxIterations: 5 }
    expect(minimize(ramp(1e160), [1], adam(), options).reason).toBe('diverged')
    expect(minimize(ramp(1), [1], adam(), options).reason).toBe('max-iterations')
  })

  test('require only one evaluation of the objective', () => {
    let calls = 0
    const counted: Objective = {
      value: (x) => {
        calls++
        return bowl().value(x)
      },
      gradient: bowl().gradient,
    }
    expect(minimize(counted, [1, 1], gradientDescent({ lr: 0.01 })).reason).toBe('converged')
    expect(calls).toBe(1)
  })
})

describe('a gradient function with the argument `out`', () => {
  const value = (x: ArrayLike<number>) => x[0] * x[0] + x[1] * x[1]
  const run = (gradient: unknown, dtype: 'float32' | 'float64', size = 2) =>
    minimize({ value, gradient } as Objective, Array(size).fill(3), adam(), { dtype, maxIterations: 200 })

  test.each(dtypes)('is refused if the function leaves elements of `out` unset, %s', (dtype) => {
    const message = 'objective: gradient: expected all of out to be filled, got a call that did not set out'
    expect(() => run(() => {}, dtype)).toThrow(`${message}[0]`)
    const returns = (x: ArrayLike<number>) => [2 * x[0], 2 * x[1]]
    expect(() => run(returns, dtype)).toThrow(`${message}[0] but returned an object`)
    const half = (x: ArrayLike<number>, out: Float64Array) => out.set([2 * x[0]])
    expect(() => run(half, dtype)).toThrow(`${message}[1]`)
    let calls = 0
    const tires = (x: ArrayLike<number>, out: number[]) => {
      if (calls++ < 50) for (let i = 0; i < x.length; i++) out[i] = 2 * x[i]
    }
    expect(() => run(tires, dtype, 1000)).toThrow(`${message}[0]`)
    expect(calls).toBeLessThan(100)
  })

  test('leaves the Minimization object unchanged if refused', () => {
    const minimization = new Minimization({ value, gradient: () => {} }, [3, 3], adam())
    expect(() => minimization.step()).toThrow('did not set out[0]')
    expect(minimization).toMatchObject({ iterations: 0, reason: null, maxChange: NaN })
    expect([...minimization.params]).toEqual([3, 3])
  })

  test.each(dtypes)('may return the array `out`, and may write NaN into `out`: %s', (dtype) => {
    const both = (x: ArrayLike<number>, out: number[]) => {
      for (let i = 0; i < x.length; i++) out[i] = 2 * x[i]
      return out
    }
    expect(run(both, dtype).reason).toBe('max-iterations')
    const lost = (_: unknown, out: number[]) => void out.fill(NaN)
    expect(run(lost, dtype)).toMatchObject({ reason: 'diverged', iterations: 1, gradientNorm: NaN })
  })

  test('causes a type error if the function returns an array', () => {
    const returning = (x: ArrayLike<number>) => [2 * x[0], 2 * x[1]]
    // @ts-expect-error It fills nothing.
    const objective: Objective = { value, gradient: returning }
    expect(() => minimize(objective, [1, 1], adam())).toThrow('but returned an object')
  })
})
