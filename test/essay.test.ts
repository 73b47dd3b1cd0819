/**
 * The statements of the essay "Run Away From the Gradient!" about optimization methods, as tests. The symbols are the
 * symbols of the essay: θ, g, η, σ, α, β. The updates t count from 1.
 */

import {
  adagrad,
  adam,
  adamw,
  bowl,
  delayedStart,
  gradientDescent,
  minimize,
  momentum,
  nesterov,
  Optimizer,
  type Rule,
  radam,
  rmsprop,
  rosenbrock,
  type Scheduled,
  type TestObjective,
  warmup,
} from 'antigrad'
import { describe, expect, test } from 'vitest'
import {
  arrayOf,
  bits,
  dtypes,
  engineNames,
  epsilonOf,
  inBits,
  noise,
  random,
  roundOf,
  rules,
} from './helpers.js'

const F = rosenbrock()
const start = [-1.5, 2]

describe.each(engineNames)('on the engine %s,', (engine) => {
  /** A float64 optimizer on the engine under test. */
  const optimize = <R extends Rule>(theta: readonly number[], rule: R) => {
    const optimizer = new Optimizer(Float64Array.from(theta), rule, { engine })
    expect(optimizer.engine).toBe(engine)
    return optimizer
  }

  /** The points of a run on an objective, from the first to the last. */
  const path = (rule: Rule, updates: number, objective: TestObjective = F, from = start): number[][] => {
    const optimizer = optimize(from, rule)
    const points = [from]
    for (let t = 1; t <= updates; t++) {
      objective.gradient(optimizer.gradientPoint(), optimizer.grads)
      optimizer.step()
      points.push([...optimizer.params])
    }
    return points
  }

  describe('gradient descent', () => {
    const points = path(gradientDescent({ lr: 1e-3 }), 1000)
    const moved = points.slice(1).map(([x, y], t) => Math.hypot(x - points[t][0], y - points[t][1]))

    test("reaches the valley of Rosenbrock's function quickly, and then moves slowly along the valley", () => {
      const beside = points.map(([x, y]) => Math.abs(y - x * x))
      expect(beside[0]).toBe(0.25)
      expect(Math.max(...beside.slice(12))).toBeLessThan(0.03)
      expect(Math.max(...moved.slice(50))).toBeLessThan(moved[0] / 50)
      // After a thousand updates, the point is still far from (1, 1).
      expect(points[1000][0]).toBeLessThan(0)
    })

    test('oscillates in a cycle or diverges if the learning rate is too large', () => {
      const [, , last, ...before] = path(
        gradientDescent({ lr: 2 / 4 }),
        6,
        bowl({ condition: 4 }),
        [3],
      ).reverse()
      expect([last, ...before].flat()).toEqual([3, -3, 3, -3, 3])
      const { reason, x, value } = minimize(F, start, gradientDescent({ lr: 1 }), { engine })
      expect(reason).toBe('diverged')
      expect(x.every(Number.isFinite)).toBe(false)
      expect(Number.isFinite(value)).toBe(false)
    })
  })

  describe('momentum', () => {
    test('continues to move the parameters where the gradient becomes small', () => {
      const [ball] = path(momentum({ lr: 1e-3 }), 300)[300]
      const [plain] = path(gradientDescent({ lr: 1e-3 }), 300)[300]
      expect(plain).toBeLessThan(-1)
      expect(ball).toBeGreaterThan(0.5)
    })

    test("overshoots less in Nesterov's form than in the classical form", () => {
      const lowest = (rule: Rule) => Math.min(...path(rule, 100, bowl({ condition: 1 }), [1]).flat())
      const ball = lowest(momentum({ lr: 0.1 }))
      expect(ball).toBeLessThan(-0.5)
      expect(lowest(nesterov({ lr: 0.1 }))).toBeGreaterThan(0.75 * ball)
    })

    test.each([0, 0.5, 0.9, 0.99])(
      "visits the same points in both forms of Nesterov's method with α = %d",
      (alpha) => {
        const options = { lr: 2e-4, momentum: alpha }
        const shifted = optimize(start, nesterov({ ...options, form: 'shifted' }))
        const u = optimize(start, nesterov(options))
        for (let t = 1; t <= 300; t++) {
          F.gradient(shifted.gradientPoint(), shifted.grads)
          shifted.step()
          F.gradient(u.params, u.grads)
          u.step()
          const ahead = shifted.gradientPoint()
          for (let i = 0; i < 2; i++) {
            // u = θ + α·v, computed in the test and by gradientPoint().
            expect(ahead[i]).toBe(shifted.params[i] + alpha * shifted.state.v[i])
            expect(Math.abs(u.params[i] - ahead[i])).toBeLessThan(1e-11)
          }
        }
      },
    )
  })

  describe.each(dtypes)('RMSProp in %s', (dtype) => {
    const f = roundOf[dtype]
    const isFloat32 = dtype === 'float32'
    const [smallest, largest] = isFloat32 ? [-149, 127] : [-1074, 1023]

    test('takes a first step of exactly η·sign(g)', () => {
      const next = random(1)
      const lr = 0.1 + next()
      const g = new arrayOf[dtype](4000).map((_, i) => {
        const magnitude = (1 + next()) * 2 ** Math.floor(smallest + next() * (largest - smallest))
        return i < 8
          ? [0, -0, 1, -1, NaN, Infinity, 2 ** smallest, 2 ** largest][i]
          : next() < 0.5
            ? magnitude
            : -magnitude
      })
      const theta = noise(2, g.length, dtype, 10)
      theta.set([-0, 0])
      const optimizer = new Optimizer(theta, rmsprop({ form: 'essay', lr }), { engine })
      optimizer.step(g)
      expect(optimizer.engine).toBe(engine)
      const smallestNormal = isFloat32 ? 2 ** -126 : 2 ** -1022
      const seen = { exact: 0, stays: 0, between: 0 }
      for (let i = 0; i < g.length; i++) {
        const square = f(g[i] * g[i])
        const after = optimizer.params[i]
        if (Number.isNaN(g[i]) || g[i] === Infinity) {
          expect(after).toBeNaN()
        } else if (square === 0 || square === Infinity) {
          // The square is 0 or infinite, so the parameter stays the same, including the sign of zero.
          expect(after).toBe(theta[i])
          seen.stays++
        } else if (square >= smallestNormal) {
          expect(after).toBe(f(theta[i] - f(f(lr) * Math.sign(g[i]))))
          seen.exact++
        } else {
          // A subnormal square has lost bits, and lies between 2/3 and 2 times the true square.
          const step = (theta[i] - after) * Math.sign(g[i])
          expect(step).toBeGreaterThan(0.7 * lr)
          expect(step).toBeLessThan(1.23 * lr)
          seen.between++
        }
      }
      expect(Math.min(...Object.values(seen))).toBeGreaterThan(50)
    })

    test('keeps the step η·sign(g) under a constant gradient, up to rounding', () => {
      const g = arrayOf[dtype].of(3e-5, -2, 7e6)
      const optimizer = new Optimizer(new arrayOf[dtype](3), rmsprop({ form: 'essay', lr: 0.25 }), { engine })
      for (let t = 1; t <= 400; t++) {
        optimizer.step(g)
        for (let i = 0; i < 3; i++) {
          const mean = (-optimizer.params[i] * Math.sign(g[i])) / t
          expect(Math.abs(mean / 0.25 - 1)).toBeLessThan(32 * epsilonOf[dtype])
        }
      }
    })
  })

  test("RMSProp oscillates across the valley of Rosenbrock's function while moving along the valley", () => {
    const points = path(rmsprop({ form: 'essay', lr: 1e-2, alpha: 0.9 }), 1000).slice(500)
    const sides = points.map(([x, y]) => Math.sign(y - x * x))
    for (let t = 1; t < points.length; t++) expect(sides[t]).toBe(-sides[t - 1])
    for (let t = 2; t < points.length; t++) expect(points[t][0]).toBeGreaterThan(points[t - 2][0])
  })

  test('RMSProp takes full steps again after a steep region, while Adagrad keeps small steps', () => {
    const last = (rule: Rule) => {
      const optimizer = optimize([0], rule)
      for (let t = 1; t <= 300; t++) {
        optimizer.params[0] = 0
        optimizer.step(Float64Array.of(t <= 10 ? 1000 : 1))
      }
      return -optimizer.params[0]
    }
    expect(last(rmsprop({ form: 'essay', lr: 1, alpha: 0.9 }))).toBeCloseTo(1, 5)
    expect(last(adagrad({ form: 'essay', lr: 1 }))).toBeLessThan(0.01)
  })

  describe('Adagrad', () => {
    test('divides by the square root of the mean of all previous squared gradients', () => {
      const optimizer = optimize([5], adagrad({ form: 'essay', lr: 0.5 }))
      let theta = 5
      let sum = 0
      for (let t = 1; t <= 50; t++) {
        const g = Math.fround(noise(t, 1, 'float64')[0])
        sum += g * g
        theta -= (0.5 / Math.sqrt(sum / t)) * g
        optimizer.step(Float64Array.of(g))
        expect(Math.abs(optimizer.params[0] - theta)).toBeLessThan(1e-13)
      }
    })

    test("with the learning rate η/√t matches PyTorch's division by the root of summed squares", () => {
      const essay = optimize([1, 2, 3], adagrad({ form: 'essay', lr: (t) => 0.5 / Math.sqrt(t + 1) }))
      const torch = optimize([1, 2, 3], adagrad({ lr: 0.5, eps: 0 }))
      for (let t = 1; t <= 200; t++) {
        const g = noise(t, 3, 'float64', 10) as Float64Array
        essay.step(g)
        torch.step(g)
        for (let i = 0; i < 3; i++) {
          expect(Math.abs(essay.params[i] - torch.params[i])).toBeLessThan(1e-13)
        }
      }
    })

    test('takes larger steps for parameters with many gradients of 0', () => {
      const optimizer = optimize([0, 0], adagrad({ form: 'essay', lr: 1 }))
      for (let t = 1; t <= 100; t++) {
        optimizer.params.fill(0)
        optimizer.step(Float64Array.of(1, t % 25 === 0 ? 1 : 0))
      }
      // Every update had a gradient on the left, and one update in 25 had a gradient on the right.
      expect(optimizer.params[0]).toBeCloseTo(-1, 12)
      expect(optimizer.params[1]).toBeCloseTo(-5, 12)
    })
  })

  describe('Adam', () => {
    test('has moments that are weighted sums of all previous gradients and squared gradients', () => {
      const optimizer = optimize([0], adam())
      const gradients = noise(3, 60, 'float64')
      for (let t = 1; t <= 60; t++) {
        optimizer.step(Float64Array.of(gradients[t - 1]))
        let m = 0
        let v = 0
        for (let i = 0; i < t; i++) {
          m += 0.1 * 0.9 ** i * gradients[t - 1 - i]
          v += 0.001 * 0.999 ** i * gradients[t - 1 - i] ** 2
        }
        expect(Math.abs(optimizer.state.m[0] - m)).toBeLessThan(1e-15)
        expect(Math.abs(optimizer.state.v[0] - v)).toBeLessThan(1e-15)
      }
    })

    test('takes bias-corrected steps of η·sign(g) under a constant gradient', () => {
      const optimizer = optimize([0, 0], adam({ lr: 0.25, eps: 0 }))
      for (let t = 1; t <= 100; t++) {
        optimizer.step(Float64Array.of(1e-9, -5e8))
        expect(optimizer.params[0] / t).toBeCloseTo(-0.25, 12)
        expect(optimizer.params[1] / t).toBeCloseTo(0.25, 12)
      }
    })
  })

  describe.each(dtypes)('weight decay on %s', (dtype) => {
    const f = roundOf[dtype]
    const options = { lr: 1e-2, beta1: 0.8, beta2: 0.95, eps: 1e-6, weightDecay: 0.3 }

    /** Adam's equations for one parameter, with coupled or decoupled decay. */
    const equations = (theta: number, gradients: Iterable<number>, isApart: boolean) => {
      const { lr, beta1, beta2, eps, weightDecay } = options
      let [m, v, product1, product2] = [0, 0, 1, 1]
      for (const gradient of gradients) {
        product1 *= beta1
        product2 *= beta2
        const g = isApart ? gradient : f(gradient + f(f(weightDecay) * theta))
        m = f(f(f(beta1) * m) + f(f(1 - beta1) * g))
        v = f(f(f(beta2) * v) + f(f(1 - beta2) * f(g * g)))
        const c1 = f(lr / (1 - product1))
        const c2 = f(1 / Math.sqrt(1 - product2))
        const kept = isApart ? f(theta * f(1 - lr * weightDecay)) : theta
        theta = f(kept - f(f(c1 * m) / f(f(f(Math.sqrt(v)) * c2) + f(eps))))
      }
      return theta
    }

    test.each([
      ['AdamW subtracts the decay from the parameters', adamw, true],
      ['Adam adds the decay to the gradient', adam, false],
    ] as const)('computes exactly its documented equations: %s', (_, rule, isApart) => {
      const theta = noise(4, 50, dtype, 3)
      const gradients = Array.from({ length: 20 }, (_, t) => noise(100 + t, 50, dtype))
      const optimizer = new Optimizer(theta, rule(options), { engine })
      for (const g of gradients) optimizer.step(g)
      const expected = theta.map((start, i) =>
        equations(
          start,
          gradients.map((g) => g[i]),
          isApart,
        ),
      )
      expect(bits(optimizer.params)).toBe(bits(expected))
    })

    test('with the option weightDecay = 2·λ equals a penalty λ·‖θ‖² in the loss', () => {
      const lambda = 0.15
      const theta = noise(5, 9, dtype, 3)
      const decays = new Optimizer(theta, adam({ ...options, weightDecay: 2 * lambda }), { engine })
      const lossHasIt = new Optimizer(theta, adam({ ...options, weightDecay: 0 }), { engine })
      for (let t = 1; t <= 10; t++) {
        const g = noise(t, 9, dtype)
        decays.step(g)
        lossHasIt.step(g.map((x, i) => x + f(f(2 * lambda) * lossHasIt.params[i])))
      }
      expect(bits(decays.params)).toBe(bits(lossHasIt.params))
    })

    test('at gradients of 0 multiplies parameters by 1 − η·λ in AdamW, and causes full steps in Adam', () => {
      const theta = arrayOf[dtype].of(100, 1)
      const zero = new arrayOf[dtype](2)
      const apart = new Optimizer(theta, adamw(options), { engine })
      const within = new Optimizer(theta, adam({ ...options, eps: 0 }), { engine })
      apart.step(zero)
      within.step(zero)
      expect([...apart.params]).toEqual([f(100 * f(1 - 3e-3)), f(1 - 3e-3)])
      expect(bits(apart.state.m) + bits(apart.state.v)).toMatch(/^0+$/)
      // A parameter of any size moves by η, because the decay is divided by its own root.
      expect(100 - within.params[0]).toBeCloseTo(1e-2, 5)
      expect(1 - within.params[1]).toBeCloseTo(1e-2, 5)
    })
  })

  describe('RAdam', () => {
    /** ρₜ by the formula of the paper. */
    const rho = (t: number, beta2: number) => 2 / (1 - beta2) - 1 - (2 * t * beta2 ** t) / (1 - beta2 ** t)

    test.each([
      [0.5, 4, Infinity],
      [0.5, 5, Infinity],
      [0.6, 4, Infinity],
      [0.9, 4, 5],
      [0.9, 5, 6],
      [0.99, 4, 5],
      [0.999, 4, 5],
      [0.999, 5, 6],
    ])('with β₂ = %d and threshold %d is rectified from update %d on', (beta2, threshold, first) => {
      const lr = 0.01
      const optimizer = optimize([0], radam({ lr, beta2, threshold, eps: 0 }))
      for (let t = 1; t <= 60; t++) {
        // Gradients for which √v̂ differs from 1, and for which a rectified update differs from a plain update.
        optimizer.params[0] = 0
        optimizer.step(Float64Array.of(100 + (t % 7)))
        const { m, v } = optimizer.state
        const plain = -(lr * m[0]) / (1 - 0.9 ** t)
        let expected = plain
        if (t >= first) {
          const [end, now] = [2 / (1 - beta2) - 1, rho(t, beta2)]
          const r = Math.sqrt(((now - 4) * (now - 2) * end) / ((end - 4) * (end - 2) * now))
          expected = (plain * r) / Math.sqrt(v[0] / (1 - beta2 ** t))
          expect(now).toBeGreaterThan(threshold)
          expect(Math.abs(expected / plain)).toBeLessThan(0.02)
        }
        expect(Math.abs(optimizer.params[0] / expected - 1)).toBeLessThan(1e-9)
      }
    })

    test.each(['torch', 'optax'] as const)('is never rectified with β₂ = 0.6 in the form %s', (form) => {
      const optimizer = optimize([0], radam({ form, lr: 0.01, beta2: 0.6, threshold: 4 }))
      for (let t = 1; t <= 200; t++) optimizer.step(Float64Array.of(3))
      expect(optimizer.params[0]).toBeCloseTo(-200 * 0.01 * 3, 9)
    })
  })

  describe.each(dtypes)('a delayed start on %s', (dtype) => {
    const delayable = rules.filter(([, { name }]) => !name.startsWith('scheduleFree'))
    test.each(delayable)(
      'moves no parameter before the start of %s, but updates the state of the rule',
      (_, rule) => {
        const theta = noise(6, 37, dtype, 3)
        theta.set([-0, 0, NaN, -Infinity])
        const delayed = new Optimizer(theta, delayedStart(4, rule), { engine, clip: { value: 0.5 } })
        const plain = new Optimizer(theta, rule, { engine, clip: { value: 0.5 } })
        expect(delayed.engine).toBe(engine)
        for (let t = 1; t <= 8; t++) {
          const g = noise(20 + t, 37, dtype)
          g.set([0, 0])
          delayed.gradientPoint()
          plain.gradientPoint()
          delayed.step(g)
          plain.step(g)
          // After a reset of the parameters, the plain run continues like a run that has only updated the state.
          if (t <= 4) {
            plain.params.set(theta)
            expect(bits(delayed.params)).toBe(bits(theta))
          } else {
            expect(bits(delayed.params)).not.toBe(bits(theta))
          }
          expect(delayed.state.updates).toBe(t)
          expect(inBits([delayed.params, delayed.state])).toBe(inBits([plain.params, plain.state]))
        }
      },
    )
  })

  describe.each(dtypes)('a warm-up of the learning rate on %s', (dtype) => {
    const f = roundOf[dtype]
    const steps = (rule: Rule) => {
      const optimizer = new Optimizer(new arrayOf[dtype](1), rule, { engine })
      return Array.from({ length: 6 }, () => {
        optimizer.params[0] = 0
        optimizer.step(arrayOf[dtype].of(-1) as never)
        return optimizer.params[0]
      })
    }

    test('increases the rate from 1/steps, or from a given number', () => {
      const by = (lr: Scheduled) => steps(gradientDescent({ lr }))
      expect(by(warmup(0.3, { steps: 4 }))).toEqual([0.25, 0.5, 0.75, 1, 1, 1].map((part) => f(0.3 * part)))
      expect(by(warmup(0.3, { steps: 4, from: 0 }))).toEqual(
        [0, 0.25, 0.5, 0.75, 1, 1].map((part) => f(0.3 * part)),
      )
      expect(by(warmup(0.5, { steps: 2, from: 1.5 }))).toEqual([1.5, 1, 0.5, 0.5, 0.5, 0.5])
    })

    test('scales the steps of any rule', () => {
      const whole = steps(rmsprop({ form: 'essay', lr: 0.5 }))
      const warm = steps(rmsprop({ form: 'essay', lr: warmup(0.5, { steps: 4 }) }))
      expect(warm.map((step, t) => step / whole[t])).toEqual([0.25, 0.5, 0.75, 1, 1, 1])
    })
  })

  describe('the stopping criterion of minimize', () => {
    test('ends a run at the first parameter change below the tolerance', () => {
      const changes: number[] = []
      let before = Float64Array.from(start)
      const callback = (x: ArrayLike<number>) => {
        changes.push(Math.max(...before.map((b, i) => Math.abs(x[i] - b))))
        before = Float64Array.from(x)
      }
      const result = minimize(F, start, adam({ lr: 0.05 }), { engine, tolerance: 1e-4, callback })
      expect(result).toMatchObject({ reason: 'converged', engine, iterations: changes.length })
      expect(changes.findIndex((change) => change < 1e-4)).toBe(changes.length - 1)
      expect(result.maxChange).toBe(changes.at(-1))
    })

    test.each([
      ['a delayed start', delayedStart(50, gradientDescent({ lr: 0.1 })), 50],
      ['a warm-up', gradientDescent({ lr: warmup(0.1, { steps: 60 }) }), 60],
      ['a warm-up from 0', gradientDescent({ lr: warmup(0.1, { steps: 70, from: 0 }) }), 70],
      ['a warm-up of the momentum', momentum({ lr: 0.1, momentum: warmup(0.5, { steps: 80 }) }), 80],
      ['both', delayedStart(30, gradientDescent({ lr: warmup(0.1, { steps: 40 }) })), 40],
    ])('does not end a run during %s', (_, rule, settling) => {
      const options = { engine, tolerance: 1e-6 }
      const run = minimize(bowl({ condition: 2 }), [1, 1], rule, options)
      expect(run.reason).toBe('converged')
      expect(run.value).toBeLessThan(1e-8)
      // At the minimum, the run stops at the first tested update.
      const still = minimize(bowl({ condition: 2 }), [0, 0], rule, options)
      expect(still).toMatchObject({ reason: 'converged', iterations: settling + 1, maxChange: 0 })
    })

    test.each([
      gradientDescent(),
      momentum(),
      nesterov(),
      nesterov({ form: 'shifted' }),
      rmsprop({ form: 'essay' }),
      adam(),
      adamw(),
      radam(),
    ] as Rule[])('lets the rule %o converge to the minimum of a quadratic function', (rule) => {
      // Rules whose step is η for any slope converge if η decreases.
      const falling = { ...rule, lr: (t: number) => 0.1 / (1 + t / 20) } as Rule
      const { reason, x } = minimize(bowl({ condition: 4 }), [1, -2, 3], falling, { engine, tolerance: 1e-6 })
      expect(reason).toBe('converged')
      for (const xi of x) expect(Math.abs(xi)).toBeLessThan(1e-2)
    })
  })
})

test("the Hessian of Rosenbrock's function has very different eigenvalues at the minimum", () => {
  // Differences of the gradient: [[2 + 8b, −4b], [−4b, 2b]].
  const h = 2 ** -12
  const column = (i: number) => {
    const [above, below] = [h, -h].map((step) => {
      const out = [0, 0]
      F.gradient(
        [1, 1].map((x, k) => (k === i ? x + step : x)),
        out,
      )
      return out
    })
    return above.map((a, k) => (a - below[k]) / (2 * h))
  }
  const [[a, b], [c, d]] = [column(0), column(1)]
  expect(b).toBeCloseTo(-400, 3)
  expect(c).toBeCloseTo(-400, 3)
  const [half, root] = [(a + d) / 2, Math.sqrt(((a - d) / 2) ** 2 + b * c)]
  const [large, small] = [half + root, half - root]
  expect(large).toBeCloseTo(1001.6, 1)
  expect(small).toBeCloseTo(0.3994, 3)
  // The essay states "even hundreds of times larger".
  expect(large / small).toBeGreaterThan(100)
})
