/** minimize() and the built-in objectives. */

import {
  adam,
  bowl,
  gradientDescent,
  Minimization,
  type MinimizeOptions,
  minimize,
  nesterov,
  type Objective,
  OptionError,
  type Rule,
  rosenbrock,
  type TestObjective,
} from 'antigrad'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { inChild } from './children.js'
import { dtypes, engineNames, inBits, rules } from './helpers.js'
import { array } from './support.js'

const start = [-1.5, 2]

/** The same points in every run. */
const always = { seed: 1, numRuns: 300 }
const numbers = (limit: number, length: { minLength: number; maxLength: number }) =>
  fc.array(fc.double({ min: -limit, max: limit, noNaN: true }), length)

const objectives: [title: string, make: fc.Arbitrary<TestObjective>, fewest: number][] = [
  [
    'rosenbrock',
    fc
      .record({
        a: fc.double({ min: -3, max: 3, noNaN: true }),
        b: fc.double({ min: 0, max: 200, noNaN: true }),
      })
      .map(rosenbrock),
    2,
  ],
  ['bowl', fc.double({ min: 1, max: 1000, noNaN: true }).map((condition) => bowl({ condition })), 1],
]

describe.each(objectives)('the built-in objective %s', (name, make, fewest) => {
  const points = numbers(4, { minLength: fewest, maxLength: 8 })

  test('has a gradient that agrees with finite differences', () => {
    fc.assert(
      fc.property(make, points, (objective, x) => {
        // The previous content of `out` does not matter.
        const out = x.map(() => NaN)
        objective.gradient(x, out)
        x.forEach((center, i) => {
          const h = 2 ** -14
          const at = (xi: number) => objective.value(x.with(i, xi))
          const difference = (at(center + h) - at(center - h)) / (2 * h)
          // The third derivatives are below 24·200·4, times h²/6. Values below 1e6 have a rounding error of 1e-10/h.
          expect(Math.abs(out[i] - difference)).toBeLessThan(2e-5)
        })
      }),
      always,
    )
  })

  test('has the minimum 0 at the documented point', () => {
    fc.assert(
      fc.property(points, ({ length }) => {
        const objective = name === 'bowl' ? bowl() : rosenbrock()
        const [x] = objective.minima(length)
        const out = new Float64Array(length).fill(NaN)
        objective.gradient(x, out)
        expect(objective.value(x)).toBe(0)
        expect([...out].map(Math.abs)).toEqual(Array(length).fill(0))
      }),
      always,
    )
    fc.assert(
      fc.property(make, points, (objective, x) => objective.value(x) >= 0),
      always,
    )
    const skewed = rosenbrock({ a: -1.5, b: 7 })
    expect(skewed.value(skewed.minima(2)[0])).toBe(0)
  })
})

test('the built-in objectives have the values that textbooks state', () => {
  expect(rosenbrock().value([-1.2, 1])).toBeCloseTo(24.2, 12)
  expect(rosenbrock().value([0, 0, 0])).toBe(2)
  expect(rosenbrock({ a: 2, b: 10 }).value([0, 1])).toBe(14)
  expect(bowl({ condition: 9 }).value([1, 1, 1])).toBe((1 + 5 + 9) / 2)
  expect(bowl({ condition: 9 }).value([2])).toBe(18)
})

describe('the gradients that minimize uses', () => {
  const value = (x: ArrayLike<number>) => rosenbrock().value(x)

  test('are reported as analytic or numeric in the result', () => {
    const gradient = rosenbrock().gradient
    const options = { maxIterations: 1 }
    expect(minimize({ value, gradient }, start, adam(), options).gradientSource).toBe('analytic')
    expect(minimize({ value }, start, adam(), options).gradientSource).toBe('central-differences')
    expect(minimize(value, start, adam(), options).gradientSource).toBe('central-differences')
  })

  test('are close to analytic gradients if computed by central differences', () => {
    fc.assert(
      fc.property(numbers(3, { minLength: 2, maxLength: 6 }), (x) => {
        // Gradient descent with η = 1 moves by the gradient that it uses.
        const moved = minimize(value, x, gradientDescent({ lr: 1 }), { maxIterations: 1 }).x
        const out = new Float64Array(x.length)
        rosenbrock().gradient(x, out)
        out.forEach((exact, i) => {
          expect(Math.abs(x[i] - moved[i] - exact)).toBeLessThan(1e-6)
        })
      }),
      always,
    )
  })

  test('require 2n objective values per update if computed by central differences', () => {
    let calls = 0
    const counts = (x: ArrayLike<number>) => {
      calls++
      return bowl({ condition: 10 }).value(x)
    }
    const options = { maxIterations: 5000, tolerance: 1e-10 }
    const rule = gradientDescent({ lr: 0.1 })
    const differences = minimize(counts, [3, -2, 1], rule, options)
    const given = minimize(bowl({ condition: 10 }), [3, -2, 1], rule, options)
    // One more gradient near the point confirms that the run has converged.
    expect(calls).toBe(6 * (differences.iterations + 1) + 1)
    expect(differences.evaluations).toEqual({ values: calls, gradients: 0 })
    expect(given.evaluations).toEqual({ values: 1, gradients: given.iterations + 1 })
    expect([differences.reason, given.reason]).toEqual(['converged', 'converged'])
    for (const xi of [...differences.x, ...given.x]) expect(Math.abs(xi)).toBeLessThan(1e-8)
  })

  test('are evaluated at the point that the rule requests', () => {
    const seen: number[][] = []
    const objective: Objective = {
      value: (x) => x[0] * x[0],
      gradient: (x, out) => {
        seen.push([x[0]])
        out[0] = 2 * x[0]
      },
    }
    const rule = nesterov({ lr: 0.125, momentum: 0.5, form: 'shifted' })
    const { x } = minimize(objective, [1], rule, { maxIterations: 2 })
    // v = −0.25, θ = 0.75, θ + v/2 = 0.625; v = −0.125 − 0.15625, θ = 0.46875
    expect(seen).toEqual([[1], [0.625]])
    expect([...x]).toEqual([0.46875])
  })

  test('can be computed by an object whose methods use `this`', () => {
    class Parabola {
      #center = 2
      value(x: ArrayLike<number>) {
        return (x[0] - this.#center) ** 2
      }
      gradient(x: ArrayLike<number>, out: { [i: number]: number }) {
        out[0] = 2 * (x[0] - this.#center)
      }
    }
    const { x, gradientSource } = minimize(new Parabola(), [0], gradientDescent({ lr: 0.25 }))
    expect(gradientSource).toBe('analytic')
    expect(x[0]).toBeCloseTo(2, 7)
  })
})

describe('the starting points of minimize', () => {
  const once = (x: ArrayLike<number>, options: MinimizeOptions = {}) =>
    minimize(bowl(), x, adam(), { maxIterations: 1, ...options }).x

  test('are converted to float64 if given as plain arrays, and otherwise keep their type', () => {
    expect(once([1, 2])).toBeInstanceOf(Float64Array)
    expect(once([1, 2], { dtype: 'float32' })).toBeInstanceOf(Float32Array)
    expect(once(Float32Array.of(1, 2))).toBeInstanceOf(Float32Array)
    expect(once(Float32Array.of(1, 2), { dtype: 'float64' })).toBeInstanceOf(Float64Array)
    expect(once(Float64Array.of(1, 2), { dtype: 'float32' })).toBeInstanceOf(Float32Array)
  })

  test('are not modified, because the result is a separate array', () => {
    for (const x of [[1, 2], Float32Array.of(1, 2), Float64Array.of(1, 2)]) {
      let live: Float32Array | Float64Array | undefined
      const result = minimize(bowl(), x, adam({ lr: 1 }), {
        maxIterations: 3,
        callback: (params) => {
          live = params
        },
      })
      expect([...x]).toEqual([1, 2])
      expect(result.x).toEqual(live)
      expect(result.x.buffer).not.toBe(live?.buffer)
    }
  })

  test('determine whether the run computes in float32', () => {
    const single = minimize(rosenbrock(), [-1.5, 2.1], adam({ lr: 0.02 }), {
      dtype: 'float32',
      maxIterations: 20_000,
      tolerance: 1e-8,
      callback: (x) => {
        expect(x).toBeInstanceOf(Float32Array)
      },
    })
    expect(single.reason).toBe('converged')
    for (const xi of single.x) expect(Math.abs(xi - 1)).toBeLessThan(1e-3)
  })
})

describe('a minimize run', () => {
  const run = (options: MinimizeOptions, rule: Rule = adam({ lr: 0.05 })) =>
    minimize(rosenbrock(), start, rule, options)

  test('ends at once if maxIterations is 0', () => {
    let calls = 0
    const value = (x: ArrayLike<number>) => {
      calls++
      return x[0]
    }
    const result = minimize(value, [3], adam(), { maxIterations: 0 })
    expect(result).toMatchObject({ value: 3, iterations: 0, reason: 'max-iterations', maxChange: NaN })
    expect([...result.x]).toEqual([3])
    expect(calls).toBe(1)
  })

  test('ends after maxIterations updates', () => {
    const result = run({ maxIterations: 17 })
    expect(result).toMatchObject({ iterations: 17, reason: 'max-iterations' })
    expect(result.value).toBe(rosenbrock().value(result.x))
    expect(run({ tolerance: 0 }).iterations).toBe(10_000)
  })

  test('never converges if the tolerance is 0, and ends sooner if the tolerance is larger', () => {
    // No parameter moves, but the run continues.
    const still = minimize(bowl(), [0], gradientDescent(), { tolerance: 0, maxIterations: 50 })
    expect(still).toMatchObject({ reason: 'max-iterations', maxChange: 0 })
    const iterations = [1e-3, 1e-6, 1e-9].map((tolerance) => run({ tolerance }).iterations)
    expect(iterations).toEqual(iterations.toSorted((a, b) => a - b))
    expect(new Set(iterations).size).toBe(3)
  })

  test('ends if the callback returns true, and continues for any other return value', () => {
    const seen: number[] = []
    const points: string[] = []
    const result = run({
      callback: (x, iteration) => {
        seen.push(iteration)
        points.push(inBits(x))
        return iteration === 4
      },
    })
    expect(result).toMatchObject({ reason: 'callback', iterations: 4 })
    expect(seen).toEqual([1, 2, 3, 4])
    expect(new Set(points).size).toBe(4)
    expect(inBits(result.x)).toBe(points[3])
    const other = run({ maxIterations: 3, callback: () => 1 as unknown as boolean })
    expect(other.reason).toBe('max-iterations')
  })

  test('ends with the exception that the callback or the objective throws', () => {
    const mine = new Error('mine')
    const fails = () => {
      throw mine
    }
    expect(() => run({ callback: fails })).toThrow(mine)
    expect(() => minimize(fails, [1], adam())).toThrow(mine)
    expect(() => minimize({ value: () => 0, gradient: fails }, [1], adam())).toThrow(mine)
  })

  test.each([
    ['a NaN in the start', [NaN, 1]],
    ['an infinity in the start', [Infinity, 1]],
  ])('ends at once if the starting point or its value is not finite: %s', (_, x) => {
    let calls = 0
    const callback = () => {
      calls++
    }
    const result = minimize(bowl(), x, gradientDescent(), { callback })
    expect(result).toMatchObject({ reason: 'diverged', iterations: 1 })
    expect(calls).toBe(0)
  })

  test('applies optimizer options such as clip', () => {
    const { x } = minimize(bowl(), [1000], gradientDescent({ lr: 1 }), {
      clip: { norm: 2 },
      maxIterations: 3,
      engine: 'typescript',
    })
    expect([...x]).toEqual([994])
  })
})

describe('the bounds of minimize', () => {
  /** An objective that refuses evaluations outside of its box. */
  const inside = (min: number, max: number) => ({
    value(x: ArrayLike<number>) {
      for (const xi of Array.from(x)) if (!(xi >= min && xi <= max)) throw new Error(`asked at ${xi}`)
      return (x[0] - 2) ** 2 + (x[1] + 3) ** 2
    },
    gradient(x: ArrayLike<number>, out: { [i: number]: number }) {
      this.value(x)
      out[0] = 2 * (x[0] - 2)
      out[1] = 2 * (x[1] + 3)
    },
  })

  const box = [[0, 1], { min: 0, max: 1 }] as const

  test.each(rules)('contain all points of the run and all points of evaluation: %s', (_, rule) => {
    const { value, gradient } = inside(0, 1)
    const options = { bounds: box, maxIterations: 200 }
    for (const objective of [{ value, gradient: gradient.bind({ value }) }, value]) {
      const { x } = minimize(objective, [-4, 9], rule, options)
      expect([...x].every((xi) => xi >= 0 && xi <= 1)).toBe(true)
    }
  })

  test('let the run converge at the constrained minimum', () => {
    const { x, reason, maxChange } = minimize(inside(0, 1), [0.5, 0.5], adam({ lr: 0.01 }), { bounds: box })
    expect([...x, reason, maxChange]).toEqual([1, 0, 'converged', 0])
  })

  test('are rounded to the dtype of the parameters', () => {
    const { x } = minimize(inside(0, 1), Float32Array.of(0.5, 0.5), adam({ lr: 0.01 }), {
      bounds: [{ max: 0.7 }, { min: 0 }],
    })
    expect([...x]).toEqual([Math.fround(0.7), 0])
  })

  test('fix a parameter whose two bounds are equal, even with central differences', () => {
    const { x, reason } = minimize(inside(0, 1).value, [0.5, 0.5], adam({ lr: 0.1 }), {
      bounds: [[0.25, 0.25], box[1]],
    })
    expect([...x, reason]).toEqual([0.25, 0, 'converged'])
  })

  test("leave the user's starting point unmodified", () => {
    const from = Float64Array.of(4, 4)
    minimize(inside(0, 1), from, adam(), { bounds: box })
    expect([...from]).toEqual([4, 4])
  })

  test.each([
    [{ x: [0, 1] }, /bounds: expected an array of \[min, max\] per parameter/],
    [[[0, 1]], /bounds: expected 2 entries, one per parameter/],
    [
      [
        [0, 1],
        [[0], 1],
      ],
      /bounds: 1: min: expected a number/,
    ],
    [[[2, 1], null], /bounds: 0: expected numbers with min ≤ max/],
  ])('are refused if the bounds are invalid, case %#', (bounds, message) => {
    const call = () => minimize(inside(0, 1), [0, 0], adam(), { bounds } as never)
    expect(call).toThrow(message)
    expect(call).toThrow(OptionError)
  })
})

describe('an object of the class Minimization', () => {
  test.each([
    ['converged', adam({ lr: 0.1 }), {}],
    ['max-iterations', nesterov({ form: 'shifted' }), { maxIterations: 100 }],
    ['diverged', gradientDescent({ lr: 1 }), {}],
    ['callback', adam(), { callback: (_: unknown, iteration: number) => iteration === 7 }],
  ] as const)(
    'visits the same points as the function minimize, and reports the same reason: %s',
    (reason, rule, options) => {
      const visited: string[] = []
      const { callback } = { callback: undefined, ...options }
      const result = minimize(rosenbrock(), start, rule, {
        ...options,
        callback: (x, iteration) => {
          visited.push(inBits(x))
          return callback?.(x, iteration)
        },
      })
      const minimization = new Minimization(rosenbrock(), start, rule, options)
      expect(minimization).toMatchObject({ iterations: 0, maxChange: NaN, reason: null, value: 12.5 })
      const points: string[] = []
      while (minimization.step()) points.push(inBits(minimization.params))
      if (reason !== 'diverged') points.push(inBits(minimization.params))
      expect(points).toEqual(visited)
      const { params, value, gradientNorm, iterations, evaluations, maxChange, gradientSource } = minimization
      const { engine, engineReasons } = minimization
      // Each read of `value` is one evaluation, unless the value is known.
      expect(evaluations.gradients).toBe(result.evaluations.gradients)
      const counts = { iterations, evaluations: result.evaluations }
      const ran = { engine, engineReasons }
      const bounds = { atBound: [], projectedGradientNorm: gradientNorm }
      const numbers = { x: params, value, gradientNorm, ...counts, reason, maxChange }
      const same = { ...numbers, ...bounds, gradientSource, ...ran }
      expect(inBits(same)).toBe(inBits(result))
      // The run remains at the point at which the run has stopped.
      expect(minimization.step()).toBe(false)
      expect(minimization.iterations).toBe(result.iterations)
    },
  )

  test('ends at once if maxIterations is 0', () => {
    const minimization = new Minimization(bowl(), [1], adam(), { maxIterations: 0 })
    expect([minimization.step(), minimization.reason]).toEqual([false, 'max-iterations'])
  })
})

describe.each(dtypes)('a call of minimize with %s', (dtype) => {
  test.each(rules)('returns the same result on every engine: %s', (_, rule) => {
    const results = engineNames.map((engine) => {
      const result = minimize(rosenbrock(), [-1.2, 1, 0.5, 1.5, -0.3], rule, {
        engine,
        dtype,
        maxIterations: 100,
        clip: { norm: 10 },
      })
      expect(result).toMatchObject({ engine, iterations: 100 })
      return inBits({ ...result, engine: null })
    })
    expect(new Set(results).size).toBe(1)
  })

  test.each(rules)('reports the norm that the gradient has before an update: %s', (_, rule) => {
    const x = array(dtype, [-1.2, 1, 0.5, 1.5, -0.3])
    const g = array(dtype, x)
    rosenbrock().gradient(x, g)
    const { gradientNorm, reason } = minimize(rosenbrock(), x, rule, { dtype, maxIterations: 1 })
    expect(gradientNorm).toBe(Math.max(...g.map(Math.abs)))
    // If only the rule is at rest, the run has not converged.
    expect(reason).not.toBe('converged')
  })
})

test('the function minimize selects the engine based on the number of parameters', () => {
  const body = `return [2, 20000].map((n) =>
    antigrad.minimize(antigrad.bowl(), new Float64Array(n).fill(1), antigrad.adam(), { maxIterations: 1 }).engine)`
  expect(inChild(body)).toEqual(['wasm', 'native'])
})

test("the function minimize finds the minimum of Rosenbrock's function in ten dimensions", () => {
  const result = minimize(rosenbrock(), new Float64Array(10), adam({ lr: 0.003 }), {
    tolerance: 1e-9,
    maxIterations: 50_000,
  })
  expect(result.reason).toBe('converged')
  for (const xi of result.x) expect(xi).toBeCloseTo(1, 5)
})
