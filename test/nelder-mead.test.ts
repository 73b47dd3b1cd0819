/** The Nelder-Mead method: the best minima known, documented properties, noise, and hostile objectives. */

import { expression, Minimization, type MinimizeOptions, minimize, nelderMead } from 'antigrad'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { refusal } from './adversarial/subject.js'
import { type BoundedProblem, problems as cases } from './bounded-problems.js'
import { dtypes } from './helpers.js'

/** A quadratic function with its minimum at (1, −2). */
const bowl = (x: ArrayLike<number>) => (x[0] - 1) ** 2 + 3 * (x[1] + 2) ** 2

/** A number in [0, 1) that depends on every bit of its argument. */
function scatter(x: number): number {
  const words = new Uint32Array(Float64Array.of(x).buffer)
  let hash = words[0] ^ Math.imul(words[1], 0x9e3779b1)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32
}

const run = (f: (x: ArrayLike<number>) => number, start: readonly number[], options?: MinimizeOptions) =>
  minimize(f, start, nelderMead(), options)

/** A problem in the order x1, x2, …; its objective throws outside of the bounds. */
function endOf(problem: BoundedProblem) {
  const { data, start, lower, upper } = problem
  const objective = expression(problem.expression).with(data ?? {})
  const order = objective.parameters.map((name) => Number(name.slice(1)) - 1)
  const bounds = start.map((_, i) => [lower?.[i] ?? -Infinity, upper?.[i] ?? Infinity] as const)
  const value = (x: ArrayLike<number>) => {
    for (const [i, [min, max]] of bounds.entries())
      if (!(min <= x[i] && x[i] <= max)) throw new Error(`${x[i]}`)
    return objective.value(order.map((i) => x[i]))
  }
  return run(value, start, { bounds })
}

test('problems in boxes: runs that converge end at a minimum, and at most three do not converge', () => {
  const small = cases.filter(({ start }) => start.length <= 4)
  const ends = small.map((problem) => ({ ...problem, ...endOf(problem) }))
  const converged = ends.filter(({ reason }) => reason === 'converged')
  const isMinimum = ({ value, f, others }: (typeof ends)[number]) =>
    [f, ...others].some((known) => Math.abs(value - known) <= 1e-6 * Math.max(1, Math.abs(known)))
  expect(converged.filter((end) => !isMinimum(end)).map(({ name, value, f }) => [name, value, f])).toEqual([])
  expect(converged.length).toBeGreaterThanOrEqual(ends.length - 3)
})

describe('certificate', () => {
  test('no gradient is evaluated, and none is reported', () => {
    const gradient = () => {
      throw new Error('the gradient was evaluated')
    }
    const found = minimize({ value: bowl, gradient }, [0, 0], nelderMead(), {
      bounds: [
        [-3, 3],
        [-3, 3],
      ],
    })
    expect(found).toMatchObject({ reason: 'converged', gradientSource: 'none', engine: 'typescript' })
    expect([found.gradientNorm, found.projectedGradientNorm]).toEqual([NaN, NaN])
    expect(found.evaluations.gradients).toBe(0)
    expect(found.x[0]).toBeCloseTo(1, 7)
    expect(found.x[1]).toBeCloseTo(-2, 7)
  })

  test.each([1e-3, 1e-6, 1e-9])('a function with noise of %s stalls near its minimum', (size) => {
    let calls = 0
    const noisy = [
      (x: ArrayLike<number>) => bowl(x) + size * scatter(++calls),
      (x: ArrayLike<number>) => bowl(x) + size * scatter(x[0] + 3 * x[1]),
    ]
    for (const f of noisy) {
      const { reason, x } = run(f, [0, 0])
      expect(reason).toBe('stalled')
      expect(bowl(x)).toBeLessThan(10 * size)
    }
  })

  test('noise in one dimension never converges', () => {
    for (let k = 0; k < 300; k++) {
      const { reason } = run((x) => x[0] ** 2 + 1e-3 * scatter(x[0] + k), [3 + k])
      expect(reason, `${k}`).toBe('stalled')
    }
  })

  test('kinks and plateaus converge', () => {
    const kink = run((x) => Math.abs(x[0] - 1) + Math.abs(x[1]), [4, 5])
    expect(kink.reason).toBe('converged')
    expect(kink.value).toBeLessThan(1e-8)
    expect(run(() => 3, [1, 2])).toMatchObject({ reason: 'converged', value: 3, x: Float64Array.of(1, 2) })
  })

  test("McKinnon's function does not end at a point that is no minimum", () => {
    const f = ([x, y]: number[]) => (x <= 0 ? 360 * x * x : 6 * x * x) + y + y * y
    const { reason, value } = run((x) => f(Array.from(x)), [1, 1])
    expect(reason).toBe('converged')
    expect(value).toBeCloseTo(-0.25, 12)
  })

  test('without a restart, or with a tolerance of 0, no run converges', () => {
    expect(minimize(bowl, [0, 0], nelderMead({ restarts: 0 })).reason).toBe('stalled')
    expect(run(bowl, [0, 0], { tolerance: 0, maxIterations: 400 }).reason).toBe('max-iterations')
  })
})

describe('bounds', () => {
  test('variables end exactly at their bounds', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -3, max: 3 }), { minLength: 1, maxLength: 4 }), (slopes) => {
        const bounds = slopes.map((_, i) => [-i - 1, i + 0.5] as const)
        const value = (x: ArrayLike<number>) => slopes.reduce((sum, slope, i) => sum + slope * x[i], 0)
        const { x, reason } = run(
          value,
          slopes.map(() => 0.1),
          { bounds },
        )
        expect(reason).toBe('converged')
        const ends = slopes.map((slope, i) => (slope === 0 ? x[i] : bounds[i][slope < 0 ? 1 : 0]))
        expect([...x]).toEqual(ends)
      }),
      { numRuns: 30 },
    )
  })

  test('parameters whose bounds are equal are fixed', () => {
    const one = run(bowl, [0, 0], {
      bounds: [
        [0.5, 0.5],
        [-1, 1],
      ],
    })
    expect(one).toMatchObject({ reason: 'converged', x: Float64Array.of(0.5, -1), atBound: [0, 1] })
    const all = run(bowl, [9, 9], {
      bounds: [
        [2, 2],
        [1, 1],
      ],
    })
    expect(all).toMatchObject({ reason: 'converged', x: Float64Array.of(2, 1), value: 28 })
  })
})

describe('hostile objectives', () => {
  test.each([
    ['NaN', () => NaN, NaN],
    ['∞', () => Infinity, Infinity],
    ['−∞', () => -Infinity, -Infinity],
  ])('%s: diverges', (_, f, value) => {
    expect(run(f, [0, 1])).toMatchObject({ reason: 'diverged', value })
  })

  test('an unbounded function diverges, and a NaN on one side is avoided', () => {
    expect(run((x) => -x[0], [0]).reason).toBe('diverged')
    expect(run(bowl, [NaN, 0]).reason).toBe('diverged')
    const half = run((x) => (x[0] < 0 ? NaN : (x[0] - 1e-3) ** 2), [1])
    expect(half.reason).toBe('converged')
    expect(half.x[0]).toBeCloseTo(1e-3, 8)
  })

  test('an objective that changes its argument changes nothing', () => {
    const spoiling = (x: ArrayLike<number>) => {
      const value = bowl(x)
      ;(x as Float64Array).fill(99)
      return value
    }
    expect(run(spoiling, [0, 0])).toEqual(run(bowl, [0, 0]))
  })

  test('errors of the objective and of options arrive', () => {
    const mine = new Error('mine')
    expect(() =>
      run(() => {
        throw mine
      }, [0]),
    ).toThrow(mine)
    refusal(() => nelderMead({ step: 0 }), 'nelderMead: step')
    refusal(() => nelderMead({ restarts: -1 }), 'nelderMead: restarts')
    const clip = { clip: { value: 1 } } as MinimizeOptions
    refusal(() => run(bowl, [0, 0], clip), 'options')
  })
})

test.each(dtypes)('%s: Minimization visits the points of minimize, and iterations are limited', (dtype) => {
  const minimization = new Minimization(bowl, [0, 0], nelderMead(), { dtype })
  let lowest = Infinity
  while (minimization.step()) {
    expect(minimization.value).toBeLessThanOrEqual(lowest)
    lowest = minimization.value
  }
  const found = minimize(bowl, [0, 0], nelderMead(), { dtype })
  expect(found.x).toEqual(minimization.params)
  expect(found).toMatchObject({ reason: 'converged', iterations: minimization.iterations })
  expect(minimize(bowl, [0, 0], nelderMead(), { dtype, maxIterations: 5 })).toMatchObject({
    reason: 'max-iterations',
    iterations: 5,
  })
})
