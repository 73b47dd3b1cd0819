/** The method L-BFGS within bounds, compared with the best minima known, with documented properties and hostile calls. */

import { bowl, expression, lbfgs, Minimization, minimize, type Objective, rosenbrock } from 'antigrad'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { refusal } from './adversarial/subject.js'
import { type BoundedProblem, problems as cases } from './bounded-problems.js'
import { bits, dtypes } from './helpers.js'

interface Problem extends Objective {
  readonly bounds: readonly (readonly [number, number])[]
  readonly gradient: NonNullable<Objective['gradient']>
}

/** The objective with its variables in the order x1, x2, …, which also fails at points outside of the bounds. */
function problemOf({ expression: text, data, start, lower, upper }: BoundedProblem): Problem {
  const objective = expression(text).with(data ?? {})
  const places = objective.parameters.map((name) => Number(name.slice(1)) - 1)
  const own = new Float64Array(places.length)
  const bounds = start.map((_, i) => [lower?.[i] ?? -Infinity, upper?.[i] ?? Infinity] as const)
  const pick = (x: ArrayLike<number>) => {
    for (const [i, [min, max]] of bounds.entries())
      if (!(min <= x[i] && x[i] <= max)) throw new Error(`${x[i]} is not in [${min}, ${max}]`)
    return places.map((place) => x[place])
  }
  return {
    bounds,
    value: (x) => objective.value(pick(x)),
    gradient(x, out) {
      objective.gradient(pick(x), own)
      for (const i of start.keys()) out[i] = 0
      for (const [k, place] of places.entries()) out[place] = own[k]
    },
  }
}

/** A gradient whose components are equal. */
const fillWith =
  (component: (x: ArrayLike<number>) => number): Problem['gradient'] =>
  (x, out) => {
    for (let i = 0; i < x.length; i++) out[i] = component(x)
  }

/** Largest change of x by a step of length 1 against the gradient, within the bounds. */
function projectedNorm({ gradient, bounds }: Problem, x: ArrayLike<number>): number {
  const g = new Float64Array(x.length)
  gradient(x, g)
  const moved = g.map((gi, i) => Math.min(Math.max(x[i] - gi, bounds[i][0]), bounds[i][1]) - x[i])
  return Math.max(...moved.map(Math.abs))
}

const isNear = (f: number, wanted: number) => Math.abs(f - wanted) <= 1e-6 * Math.max(1, Math.abs(wanted))

test.each(cases)('L-BFGS finds a minimum within the bounds of $name', (one) => {
  const problem = problemOf(one)
  const { x, value, reason } = minimize(problem, one.start, lbfgs(), {
    bounds: problem.bounds,
    tolerance: 1e-10,
  })
  const isBest = isNear(value, one.f)
  const scale = Math.max(1, Math.abs(value))
  expect(isBest || one.others.some((f) => isNear(value, f)) || projectedNorm(problem, x) < 1e-8 * scale).toBe(
    true,
  )
  expect(value).toBeGreaterThan(one.f - 1e-6 * Math.max(1, Math.abs(one.f)))
  expect(['converged', 'stalled']).toContain(reason)
  if (!isBest || one.x === null || one.flat) return
  for (const [i, wanted] of one.x.entries()) {
    expect(Math.abs(x[i] - wanted)).toBeLessThan(1e-5 * (1 + Math.abs(wanted)))
    if (one.active[i] < 0) expect(x[i]).toBe(problem.bounds[i][0])
    if (one.active[i] > 0) expect(x[i]).toBe(problem.bounds[i][1])
  }
})

test('L-BFGS finds the best minimum of at least 86 of 92 problems', () => {
  const found = cases.filter((one) => {
    const problem = problemOf(one)
    return isNear(minimize(problem, one.start, lbfgs(), { bounds: problem.bounds }).value, one.f)
  })
  expect(cases).toHaveLength(92)
  expect(found.length).toBeGreaterThanOrEqual(86)
})

describe('bounds of the method L-BFGS', () => {
  test('do not change a run that stays far from them', () => {
    for (const dtype of dtypes) {
      const runs = [undefined, [[-1e9, 1e9], null], [[-1e9, Infinity], { max: 1e12 }]].map((bounds) =>
        minimize(rosenbrock(), [-1.5, 2], lbfgs(), { dtype, ...(bounds && { bounds: bounds as never }) }),
      )
      for (const { x, evaluations } of runs) {
        expect(bits(x)).toEqual(bits(runs[0].x))
        expect(evaluations).toEqual(runs[0].evaluations)
      }
    }
  })

  test('hold convex quadratics at the point that satisfies the optimality conditions', () => {
    const number = fc.double({ min: -3, max: 3, noNaN: true })
    fc.assert(
      fc.property(
        fc.array(fc.tuple(number, number, fc.double({ min: 0.1, max: 100, noNaN: true })), {
          minLength: 1,
          maxLength: 12,
        }),
        fc.array(number, { minLength: 12, maxLength: 12 }),
        (terms, mix) => {
          // Σ cᵢ·(xᵢ − aᵢ)² + (Σ mᵢ·xᵢ)² in the box |xᵢ| ≤ |bᵢ|
          const problem: Problem = {
            bounds: terms.map(([, b]) => [-Math.abs(b), Math.abs(b)]),
            value(x) {
              let [all, sum] = [0, 0]
              for (const [i, [a, , c]] of terms.entries()) {
                all += c * (x[i] - a) ** 2
                sum += mix[i] * x[i]
              }
              return all + sum * sum
            },
            gradient(x, out) {
              let sum = 0
              for (const i of terms.keys()) sum += mix[i] * x[i]
              for (const [i, [a, , c]] of terms.entries()) out[i] = 2 * c * (x[i] - a) + 2 * sum * mix[i]
            },
          }
          const { x, reason } = minimize(
            problem,
            terms.map(() => 1),
            lbfgs(),
            { bounds: problem.bounds },
          )
          expect(['converged', 'stalled']).toContain(reason)
          expect(projectedNorm(problem, x)).toBeLessThan(1e-6)
        },
      ),
      { seed: 7, numRuns: 200 },
    )
  })

  test.each(dtypes)('move a start outside to the closest point within, in %s', (dtype) => {
    const seen: number[][] = []
    const value = (x: ArrayLike<number>) => {
      seen.push(Array.from(x))
      return bowl().value(x)
    }
    const objective: Objective = { ...bowl(), value }
    const { x, reason } = minimize(objective, [9, -9], lbfgs(), {
      bounds: [
        [1, 2],
        [-4, -3],
      ],
      dtype,
    })
    expect(seen[0]).toEqual([2, -4])
    expect([Array.from(x), reason]).toEqual([[1, -3], 'converged'])
  })

  test('may be equal, so that a variable stays', () => {
    const { x, reason } = minimize(rosenbrock(), [0.3, 4], lbfgs(), { bounds: [[0.3, 0.3], null] })
    expect(x[0]).toBe(0.3)
    expect(x[1]).toBeCloseTo(0.09, 8)
    expect(reason).toBe('converged')
    const all = minimize(rosenbrock(), [0, 0], lbfgs(), {
      bounds: [
        [3, 3],
        [4, 4],
      ],
    })
    expect([Array.from(all.x), all.reason]).toEqual([[3, 4], 'converged'])
  })

  test('bound a function that decreases forever', () => {
    const falling: Objective = {
      value: (x) => -x[0] - x[1],
      gradient: fillWith(() => -1),
    }
    expect(
      minimize(falling, [0, 0], lbfgs(), {
        bounds: [
          [0, 5],
          [-1, 1e8],
        ],
      }).x,
    ).toEqual(Float64Array.of(5, 1e8))
    const open = minimize(falling, [0, 0], lbfgs(), {
      bounds: [
        [0, 5],
        [0, Infinity],
      ],
    })
    expect(open.reason).not.toBe('converged')
    expect(open.x[0]).toBe(5)
  })

  test('serve functions without a gradient, which are never called outside', () => {
    const bounds = [
      [0, 1],
      [1e-12, 5],
    ] as const
    const value = (x: ArrayLike<number>) => {
      expect(x[0] >= 0 && x[0] <= 1 && x[1] >= 1e-12 && x[1] <= 5).toBe(true)
      return (x[0] - 2) ** 2 + x[1] - Math.log(x[1])
    }
    const { x, gradientSource } = minimize(value, [0.5, 4], lbfgs(), { bounds })
    expect(gradientSource).toBe('central-differences')
    expect(x[0]).toBe(1)
    expect(x[1]).toBeCloseTo(1, 5)
  })

  test('are an error if they are reversed, unknown or too few', () => {
    const run = (bounds: never) => () => minimize(expression('(x-1)^2 + y^2'), [0, 0], lbfgs(), { bounds })
    refusal(run([[1, 0], null] as never), 'bounds: x')
    refusal(run({ z: [0, 1] } as never), 'bounds')
    refusal(run([[0, 1]] as never), 'bounds')
  })

  test.each([NaN, Infinity, -Infinity])('do not make a run converge whose values are %s', (value) => {
    const objective: Objective = {
      value: (x) => (x[0] > 0.5 ? value : x[0] ** 2),
      gradient: fillWith((x) => (x[0] > 0.5 ? value : 2 * x[0])),
    }
    const { reason } = minimize(objective, [1], lbfgs(), { bounds: [[0.6, 2]] })
    expect(reason).toBe('diverged')
  })

  test('hold during each update of a Minimization', () => {
    const minimization = new Minimization(rosenbrock(), [-1.5, 2], lbfgs(), {
      bounds: [
        [-2, 0.5],
        [0.3, 2],
      ],
    })
    while (minimization.step()) {
      const [x, y] = minimization.params
      expect(x >= -2 && x <= 0.5 && y >= 0.3 && y <= 2).toBe(true)
    }
    expect(minimization.reason).toBe('converged')
  })
})
