/**
 * Elementwise rules without trajectories in test/golden.test.ts are compared with equations for one element in float64.
 * Further tests cover edge cases from the papers.
 */

import { readFileSync } from 'node:fs'
import {
  adadelta,
  adamax,
  asgd,
  nadam,
  Optimizer,
  type Rule,
  rmsprop,
  rprop,
  sgd,
  signSgd,
  swa,
} from 'antigrad'
import { describe, expect, test } from 'vitest'
import { noise } from './helpers.js'
import { variants } from './support.js'

interface OpenLoop {
  readonly system: string
  readonly name: string
  readonly dtype: string
  readonly initial: readonly number[]
  readonly gradients: readonly (readonly number[])[]
  readonly parameters: readonly (readonly number[])[]
}

const { openLoop }: { openLoop: OpenLoop[] } = JSON.parse(
  readFileSync(new URL('data/golden.json', import.meta.url), 'utf8'),
)
const ofAsgd = openLoop.find(({ name, dtype }) => name === 'asgd' && dtype === 'float64') as OpenLoop
const { initial, gradients } = ofAsgd

/** Creates the update of an element; t counts from 1. */
type Update = (theta: number, g: number, t: number) => number

const equations: Readonly<Record<string, readonly [rule: Rule, element: () => Update]>> = {
  'SGDW with dampened momentum': [
    sgd({ lr: 0.05, momentum: 0.9, dampening: 0.1, weightDecay: 0.2, decoupledWeightDecay: true }),
    () => {
      let b = 0
      return (theta, g, t) => {
        b = t === 1 ? g : 0.9 * b + 0.9 * g
        return theta * (1 - 0.05 * 0.2) - 0.05 * b
      }
    },
  ],
  "Adamax in TensorFlow.js's form": [
    adamax.tfjs({ lr: 0.01, eps: 0.5, weightDecay: 0.1 }),
    () => {
      let [m, n] = [0, 0]
      return (theta, given, t) => {
        const g = given + 0.1 * theta
        m = 0.9 * m + 0.1 * g
        n = Math.max(0.999 * n, Math.abs(g))
        return theta - ((0.01 / (1 - 0.9 ** t)) * m) / (n + 0.5)
      }
    },
  ],
  "RMSProp, centered, in Optax's form": [
    rmsprop.optax({ lr: 0.01, eps: 1e-3, centered: true }),
    () => {
      let [v, a] = [0, 0]
      return (theta, g) => {
        v = 0.9 * v + 0.1 * g * g
        a = 0.9 * a + 0.1 * g
        return theta - (0.01 * g) / Math.sqrt(v - a * a + 1e-3)
      }
    },
  ],
  'RMSProp, centered, with momentum and a rate that changes inside of it': [
    rmsprop.tfjs({ lr: (t) => 0.01 / (t + 1), eps: 1e-3, momentum: 0.8, centered: true }),
    () => {
      let [v, a, b] = [0, 0, 0]
      return (theta, g, t) => {
        v = 0.9 * v + 0.1 * g * g
        a = 0.9 * a + 0.1 * g
        b = 0.8 * b + ((0.01 / t) * g) / Math.sqrt(v - a * a + 1e-3)
        return theta - b
      }
    },
  ],
  'Signum with a momentum that changes': [
    signSgd({ lr: 0.01, momentum: (t) => 0.9 / (t + 1) }),
    () => {
      let m = 0
      return (theta, g, t) => {
        m = (0.9 / t) * m + (1 - 0.9 / t) * g
        return theta - 0.01 * Math.sign(m)
      }
    },
  ],
}

test.each(Object.entries(equations))('the rule %s computes its documented equation', (_, [rule, element]) => {
  const optimizer = new Optimizer(Float64Array.from(initial), rule, { engine: 'typescript' })
  const theta = [...initial]
  const updates = theta.map(element)
  gradients.forEach((gradient, k) => {
    optimizer.step(Float64Array.from(gradient))
    updates.forEach((update, i) => {
      theta[i] = update(theta[i], gradient[i], k + 1)
      expect(Math.abs(optimizer.params[i] - theta[i]), `update ${k + 1}, index ${i}`).toBeLessThan(1e-12)
    })
  })
})

test.each([0, 3])('the average of ASGD equals the average in PyTorch if t0 is %d', (t0) => {
  const average = swa({ start: t0 + 1 })
  const optimizer = new Optimizer(Float64Array.from(initial), asgd(), { average })
  const ax = initial.map(() => 0)
  gradients.forEach((gradient, k) => {
    optimizer.step(Float64Array.from(gradient))
    const mu = 1 / Math.max(1, k - t0)
    ofAsgd.parameters[k].forEach((x, i) => {
      ax[i] = mu === 1 ? x : ax[i] + mu * (x - ax[i])
      if (k > t0) expect(Math.abs(optimizer.average[i] - ax[i])).toBeLessThan(1e-12)
    })
  })
})

test('centered RMSProp replaces the difference v − a² with 0 if rounding makes the difference negative', () => {
  const optimizer = new Optimizer(Float32Array.of(0), rmsprop({ centered: true, alpha: 0.5, eps: 1e-3 }))
  let isNegative = false
  for (let t = 0; t < 100; t++) {
    optimizer.step(Float32Array.of(0.3))
    const { v, a = v } = optimizer.state
    isNegative ||= Math.fround(v[0] - Math.fround(a[0] * a[0])) < 0
    expect(optimizer.params[0]).toBeLessThan(0)
  }
  expect(isNegative).toBe(true)
})

test.each(variants)(
  'Adadelta does not move the parameters in float32 if ε rounds to 0: $name',
  ({ name: _, ...engine }) => {
    const optimizer = new Optimizer(Float32Array.of(1, 1), adadelta({ eps: 1e-60 }), engine)
    for (const g of [0, 1e-30, 1]) optimizer.step(Float32Array.of(g, 0))
    expect([...optimizer.params]).toEqual([1, 1])
  },
)

describe('the rule Rprop', () => {
  test("starts with step sizes equal to the learning rate at each tensor's first update", () => {
    const optimizer = new Optimizer({ a: Float64Array.of(0) }, rprop({ lr: 0.5 }))
    optimizer.step({ a: Float64Array.of(1) })
    const more = optimizer.add({ b: Float64Array.of(0) })
    more.set({ lr: 0.25 })
    more.step({ a: Float64Array.of(1), b: Float64Array.of(1) })
    expect(more.params.a[0]).toBe(-0.5 - 0.5 * 1.2)
    expect(more.params.b[0]).toBe(-0.25)
  })

  test('treats a gradient as 0 after a change of sign, and stores the 0', () => {
    const optimizer = new Optimizer(Float64Array.of(0), rprop({ lr: 0.5 }))
    const steps = [1, -1, -1, -1].map((g) => {
      const before = optimizer.params[0]
      optimizer.step(Float64Array.of(g))
      return optimizer.params[0] - before
    })
    expect(steps).toEqual([-0.5, 0, 0.25, 0.25 * 1.2])
  })

  test('keeps its step sizes between the minimum and the maximum step size', () => {
    const optimizer = new Optimizer(Float64Array.of(0, 0), rprop({ lr: 1, minStep: 0.9, maxStep: 1.1 }))
    for (const g of [1, -1, 1]) optimizer.step(Float64Array.of(1, g))
    expect([...optimizer.state.h]).toEqual([1.1, 0.9])
    expect(() => rprop({ minStep: 2, maxStep: 1 })).toThrow(/rprop: maxStep.*at least minStep, 2/)
  })
})

test.each([adamax(), adamax.tfjs(), nadam(), adadelta(), rprop(), asgd(), signSgd({ momentum: 0.9 })])(
  'a NaN gradient affects only its own parameter: $name',
  (rule) => {
    const optimizer = new Optimizer(Float64Array.of(1, 1, 1), rule as Rule)
    for (const g of [1, NaN]) optimizer.step(Float64Array.of(1, g, -1))
    expect([...optimizer.params].map(Number.isNaN)).toEqual([false, true, false])
  },
)

describe("centered RMSProp with momentum in float32 is as close to the float64 result as PyTorch's operations", () => {
  const options = { lr: 0.01, momentum: 0.9, centered: true, eps: 1e-5 }
  const f = Math.fround
  const [lr, alpha, beta, mu, eps] = [0.01, 0.99, 1 - 0.99, 0.9, 1e-5].map(f)
  /** Rounds like PyTorch's kernels for AVX2 and AVX-512. Products of two float32 numbers are exact in float64. */
  const fma = (a: number, b: number, c: number) => f(a * b + c)
  function byTorch(start: number, gradients: readonly number[]): number {
    let [theta, v, a, b] = [start, 0, 0, 0]
    for (const g of gradients) {
      v = fma(f(beta * g), g, f(alpha * v))
      a = fma(beta, f(g - a), a)
      b = f(f(mu * b) + f(g / f(f(Math.sqrt(fma(-a, a, v))) + eps)))
      theta = fma(-lr, b, theta)
    }
    return theta
  }

  test.each([
    ['noise around 0', 0, 1.1],
    ['noise around a mean 10 times as large', 10, 0.8],
  ])('with %s', (_, mean, most) => {
    const [count, updates] = [400, 110]
    const start = noise(1, count, 'float32')
    const means = noise(2, count, 'float32', mean)
    const gradients = Array.from({ length: updates }, (_, t) =>
      noise(3 + t, count, 'float32').map((x, i) => x + means[i]),
    )
    const found = { float32: Float32Array.from(start), float64: Float64Array.from(start) }
    for (const [dtype, params] of Object.entries(found)) {
      const optimizer = new Optimizer(params, rmsprop(options))
      const Gradient = dtype === 'float32' ? Float32Array : Float64Array
      for (const g of gradients) optimizer.step(Gradient.from(g))
      params.set(optimizer.params)
    }
    const median = (list: readonly number[]) => list.toSorted((a, b) => a - b)[count / 2]
    const errors = [...found.float64].map((exact, i) => {
      const theirs = byTorch(
        start[i],
        gradients.map((g) => g[i]),
      )
      return [found.float32[i], theirs].map((x) => Math.abs(x - exact) / Math.abs(exact))
    })
    expect(median(errors.map(([own]) => own))).toBeLessThan(most * median(errors.map(([, theirs]) => theirs)))
  })
})
