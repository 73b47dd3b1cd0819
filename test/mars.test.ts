/**
 * MARS (Yuan et al., 2024) computed by the formula element by element, on every engine. test/golden.test.ts has timm's
 * trajectories, and test/same-bits.test.ts covers all forms.
 */

import { mars, Optimizer } from 'antigrad'
import { describe, expect, test } from 'vitest'
import { dtypes, type FloatArray, inBits, noise } from './helpers.js'
import { array, variants } from './support.js'

const lengths = [0, 1, 3, 15, 17, 33, 257, 40_003]
const settings = { lr: 0.05, beta1: 0.8, beta2: 0.9, gamma: 0.3, weightDecay: 0.5 }

describe.each(variants)('the rule MARS on $name with', ({ name: _, ...engine }) => {
  describe.each(['adamw', 'lion'] as const)('the base rule %s', (form) => {
    test.each(dtypes)('computes its documented equations in %s', (dtype) => {
      const start = lengths.map((length, i) => noise(i, length, dtype))
      let optimizer = new Optimizer(start, mars({ form, ...settings }), engine)
      const { lr, beta1, beta2, gamma, weightDecay } = settings
      const theta = start.map((values) => Array.from(values))
      const [m, v, previous] = [0, 1, 2].map(() => lengths.map((length): number[] => Array(length).fill(0)))
      for (let t = 1; t <= 5; t++) {
        // The last gradients are small, and are not clipped.
        const scale = t < 4 ? 1 : 1e-4
        const gradients = lengths.map((length, i) => noise(10 * t + i, length, dtype).map((x) => x * scale))
        optimizer.step(gradients)
        gradients.forEach((g, i) => {
          const a = t === 1 ? 0 : (gamma * beta1) / (1 - beta1)
          const changed = Array.from(g, (x, j) => x + a * (x - previous[i][j]))
          previous[i] = Array.from(g)
          const norm = Math.sqrt(changed.reduce((sum, x) => sum + x * x, 0))
          changed.forEach((x, j) => {
            const c = x / Math.max(1, norm)
            m[i][j] = beta1 * m[i][j] + (1 - beta1) * c
            v[i][j] = beta2 * v[i][j] + (1 - beta2) * c * c
            const [mHat, vHat] = [m[i][j] / (1 - powers(beta1, t)), v[i][j] / (1 - powers(beta2, t))]
            const u = form === 'lion' ? Math.sign(m[i][j]) : mHat / (Math.sqrt(vHat) + 1e-8)
            theta[i][j] = (1 - lr * weightDecay) * theta[i][j] - lr * u
          })
        })
        if (t === 2) optimizer = Optimizer.load(structuredClone(optimizer.save()), engine) as never
      }
      const worst = optimizer.params.map((params: FloatArray, i) =>
        Math.max(0, ...theta[i].map((x, j) => Math.abs(params[j] - x))),
      )
      // In float32, a sign may differ if m is only a rounding error.
      expect(Math.max(...worst)).toBeLessThan(dtype === 'float64' ? 1e-12 : 2e-5)
    })
  })
})

test.each(dtypes)('the rule MARS clips each tensor by the norm of that tensor, in %s', (dtype) => {
  const optimizer = new Optimizer([array(dtype, 9), array(dtype, 9)], mars({ eps: 1 }))
  // ‖c‖ is 12 and 1.5. Both norms become 1.
  optimizer.step([array(dtype, 9).fill(4), array(dtype, 9).fill(0.5)])
  const [first, second] = optimizer.params
  expect(inBits([first])).toBe(inBits([second]))
})

const powers = (beta: number, t: number) =>
  Array(t)
    .fill(beta)
    .reduce((product, x) => product * x, 1)
