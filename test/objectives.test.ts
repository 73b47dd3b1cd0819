/** The two-dimensional test objectives: gradients, minima, starts and views. */

import { checkGradient, type ObjectiveName, objectives, TensorError } from 'antigrad'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

const names = Object.keys(objectives) as ObjectiveName[]

/** Textbook values at a point, and the lowest value if it exists. */
const known: Record<ObjectiveName, { at: [x: number, y: number, value: number]; least: number | null }> = {
  rosenbrock: { at: [-1.2, 1, 24.2], least: 0 },
  beale: { at: [0, 0, 1.5 ** 2 + 2.25 ** 2 + 2.625 ** 2], least: 0 },
  himmelblau: { at: [0, 0, 170], least: 0 },
  booth: { at: [0, 0, 74], least: 0 },
  rastrigin: { at: [0.5, 1, 20.25 + 1], least: 0 },
  styblinskiTang: { at: [1, 2, -24], least: -39.16616570377141 * 2 },
  ackley: { at: [1, 1, 20 - 20 * Math.exp(-0.2)], least: 0 },
  griewank: { at: [Math.PI, 0, Math.PI ** 2 / 4000 + 2], least: 0 },
  levy: { at: [-3, 5, 1 + 10 * Math.sin(1) ** 2 + 1], least: 0 },
  goldsteinPrice: { at: [0, 0, 600], least: 3 },
  threeHumpCamel: { at: [1, 1, 2 - 1.05 + 1 / 6 + 2], least: 0 },
  mccormick: { at: [0, 0, 1], least: -Math.sqrt(3) / 2 - Math.PI / 3 },
  saddle: { at: [3, 2, 5], least: null },
  bowl: { at: [1, 1, 50.5], least: 0 },
}

/**
 * Ranges from the literature, or a part around the minima. docs/objectives.md selects starting points from the ranges.
 */
const views: Record<ObjectiveName, readonly number[]> = {
  rosenbrock: [-2, 2, -1, 3],
  beale: [-4.5, 4.5, -4.5, 4.5],
  himmelblau: [-6, 6, -6, 6],
  booth: [-10, 10, -10, 10],
  rastrigin: [-5.12, 5.12, -5.12, 5.12],
  styblinskiTang: [-5, 5, -5, 5],
  ackley: [-5, 5, -5, 5],
  griewank: [-10, 10, -10, 10],
  levy: [-10, 10, -10, 10],
  goldsteinPrice: [-2, 2, -2, 2],
  threeHumpCamel: [-2.5, 2.5, -2.5, 2.5],
  mccormick: [-1.5, 4, -3, 4],
  saddle: [-2, 2, -2, 2],
  bowl: [-3, 3, -2, 2],
}

describe.each(names)('the built-in objective %s', (name) => {
  const objective = objectives[name]()
  const { start, view } = objective
  const [x0, x1, y0, y1] = view
  const inView = fc.tuple(
    fc.double({ min: x0, max: x1, noNaN: true }),
    fc.double({ min: y0, max: y1, noNaN: true }),
  )

  const gradientAt = (x: ArrayLike<number>) => {
    // The previous content of `out` does not matter.
    const out = [NaN, NaN]
    objective.gradient(x, out)
    return out
  }

  test('has a name and a view, the region that plots show', () => {
    expect([objective.name, view]).toEqual([name, views[name]])
  })

  test('has a gradient that agrees with finite differences everywhere in the view', () => {
    fc.assert(
      fc.property(inView, (x) => {
        // Ackley's minimum is the tip of a cone.
        fc.pre(name !== 'ackley' || Math.hypot(...x) > 0.1)
        const gradient = gradientAt(x)
        const h = 2 ** -16
        for (const i of [0, 1]) {
          const at = (by: number) => objective.value(x.with(i, x[i] + by))
          // A fourth-order difference, so that only the rounding of the values remains.
          const difference = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)
          const size = Math.max(1, Math.abs(gradient[i]), Math.abs(objective.value(x)))
          expect(Math.abs(gradient[i] - difference) / size).toBeLessThan(1e-9)
        }
      }),
      { seed: 1, numRuns: 500 },
    )
  })

  test('has the value that a textbook states', () => {
    const [x, y, value] = known[name].at
    expect(objective.value([x, y])).toBeCloseTo(value, 12)
  })

  test('has gradient 0 and the lowest value in the view at each documented minimum', () => {
    const { least } = known[name]
    const minima = objective.minima(2)
    expect(minima.length > 0).toBe(least !== null)
    expect(new Set(minima.map(String)).size).toBe(name === 'himmelblau' ? 4 : minima.length)
    for (const minimum of minima) {
      expect(minimum).toBeInstanceOf(Float64Array)
      expect(minimum[0] > x0 && minimum[0] < x1 && minimum[1] > y0 && minimum[1] < y1).toBe(true)
      expect(objective.value(minimum)).toBeCloseTo(least as number, 12)
      for (const g of gradientAt(minimum)) expect(Math.abs(g)).toBeLessThan(1e-13)
    }
    fc.assert(
      fc.property(inView, (x) => objective.value(x) >= (least ?? -Infinity)),
      { seed: 1, numRuns: 500 },
    )
  })

  test('has a starting point in the view, away from minima and flat regions', () => {
    expect(start[0] > x0 && start[0] < x1 && start[1] > y0 && start[1] < y1).toBe(true)
    for (const minimum of objective.minima(2)) {
      expect(Math.hypot(start[0] - minimum[0], start[1] - minimum[1])).toBeGreaterThan((x1 - x0) / 20)
    }
    // In the view, Griewank's slopes barely exceed 1.
    expect(Math.hypot(...gradientAt(start))).toBeGreaterThan(name === 'griewank' ? 0.4 : 1)
  })
})

test.each([
  'beale',
  'himmelblau',
  'booth',
  'goldsteinPrice',
  'threeHumpCamel',
  'mccormick',
  'saddle',
] as const)('the built-in objective %s is defined only in two dimensions', (name) => {
  const objective = objectives[name]()
  expect(() => objective.value([1, 2, 3])).toThrow(TensorError)
  expect(() => objective.gradient([1], [0])).toThrow(
    `${name}: x: expected two numbers, got a point of length 1`,
  )
  expect(objective.minima(3)).toEqual([])
})

test.each(['rastrigin', 'styblinskiTang', 'ackley', 'griewank', 'levy', 'bowl'] as const)(
  'the built-in objective %s is correct in five dimensions',
  (name) => {
    const objective = objectives[name]()
    const [minimum] = objective.minima(5)
    const out = new Float64Array(5).fill(NaN)
    objective.gradient(minimum, out)
    expect(Math.max(...out.map(Math.abs))).toBeLessThan(1e-13)
    expect(objective.value(minimum)).toBeCloseTo(((known[name].least as number) * 5) / 2, 11)
    expect(checkGradient(objective, [0.3, -1.2, 2.1, 0.7, -0.4]).ok).toBe(true)
  },
)

test("Rosenbrock's function has the minima that are known from the literature", () => {
  const { rosenbrock } = objectives
  expect(rosenbrock().minima(4)).toEqual([Float64Array.of(1, 1, 1, 1)])
  expect(rosenbrock({ a: -3 }).minima(2)).toEqual([Float64Array.of(-3, 9)])
  expect(rosenbrock({ a: -3 }).minima(3)).toEqual([])
  expect(rosenbrock({ b: -1 }).minima(2)).toEqual([])
  const { view } = rosenbrock({ a: -3 })
  expect(view).toEqual([-6, 6, -9, 27])
})
