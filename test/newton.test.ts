/** The method newton, compared with the best minima known, with documented properties and hostile calls. */

import { expression, lbfgs, type Method, Minimization, minimize, newton, rosenbrock } from 'antigrad'
import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { type Anything, refusal } from './adversarial/subject.js'
import { type BoundedProblem, problems as cases } from './bounded-problems.js'
import { bits, dtypes, inBits } from './helpers.js'

const valley = () => expression('(1 - x)^2 + 100*(y - x^2)^2')
const isNear = (f: number, wanted: number) => Math.abs(f - wanted) <= 1e-6 * Math.max(1, Math.abs(wanted))

function solve({ expression: text, data, start, lower, upper }: BoundedProblem, method: Method) {
  const objective = expression(text).with(data ?? {})
  const places = objective.parameters.map((name) => Number(name.slice(1)) - 1)
  const limit = (place: number) => [lower?.[place] ?? -Infinity, upper?.[place] ?? Infinity] as const
  const from = places.map((place) => start[place])
  return minimize(objective, from, method, { bounds: places.map(limit), tolerance: 1e-10 })
}

describe('on 92 problems in boxes', () => {
  const found = cases.map((one) => ({ one, result: solve(one, newton()) }))

  test.each(found)('newton ends at a minimum of $one.name', ({ one, result }) => {
    const { value, reason, projectedGradientNorm } = result
    const isKnown = [one.f, ...one.others].some((f) => isNear(value, f))
    expect(isKnown || projectedGradientNorm < 1e-8 * Math.max(1, Math.abs(value))).toBe(true)
    expect(value).toBeGreaterThan(one.f - 1e-6 * Math.max(1, Math.abs(one.f)))
    expect(['converged', 'stalled']).toContain(reason)
  })

  test('newton finds 85 of the best minima, with fewer than half of the evaluations of L-BFGS', () => {
    expect(found.filter(({ one, result }) => isNear(result.value, one.f))).toHaveLength(85)
    const ratios = found.map(
      ({ one, result }) => result.evaluations.gradients / solve(one, lbfgs()).evaluations.gradients,
    )
    expect(ratios.sort((a, b) => a - b)[46]).toBeLessThan(0.55)
  })
})

describe('newton', () => {
  test.each([
    ['x*y + x^4/4 + y^4/4', [0, 0], -0.5],
    ['x^4 - x^2 + y^2', [0, 0], -0.25],
    ['x^4 - x^2 + y^2', [0, 3], -0.25],
    ['cos(x)*cos(y)', [0, 0], -1],
    ['sin(x)*sin(y) + 0*(x + y)', [0, 0], -1],
  ])('leaves the saddle point of %s at %j', (text, start, wanted) => {
    const { value, reason } = minimize(expression(text), start, newton())
    expect(value).toBeCloseTo(wanted, 12)
    expect(reason).toBe('converged')
  })

  test.each([
    [[-1, 0], -1],
    [[0, 2], 2],
    [[-1, 3], 3],
  ] as const)('leaves a maximum at a bound of %j', (bound, wanted) => {
    const { x, reason, atBound } = minimize(expression('-x^2'), [0], newton(), { bounds: [bound] })
    expect([x[0], reason, atBound]).toEqual([wanted, 'converged', [0]])
  })

  test('gives the bits of separate functions, and counts their calls', () => {
    for (const start of [Float32Array.of(-1.5, 2), Float64Array.of(-1.5, 2)]) {
      const f = valley()
      const calls = { values: 0, gradients: 0, hessians: 0 }
      const separate = {
        parameters: f.parameters,
        value(x: ArrayLike<number>) {
          calls.values++
          return f.value(x)
        },
        gradient(x: ArrayLike<number>, out: Anything) {
          calls.gradients++
          f.gradient(x, out)
        },
        hessian(x: ArrayLike<number>, out: Anything) {
          calls.hessians++
          f.hessian(x, out)
        },
      }
      const bounds = { bounds: { x: [-2, 0.5] as const } }
      const wanted = minimize(valley(), start, newton(), bounds)
      expect(inBits(minimize(separate, start, newton(), bounds))).toBe(inBits(wanted))
      expect(calls.values).toBe(wanted.evaluations.values)
      // The last gradient, which is not counted, belongs to `projectedGradientNorm`.
      expect(calls.gradients).toBe(wanted.evaluations.gradients + 1)
      // A point that is rejected by its value needs no derivatives.
      expect(calls.hessians).toBeLessThan(calls.values)
    }
  })

  test('calls replaced functions of an expression', () => {
    for (const name of ['value', 'gradient', 'hessian'] as const) {
      const f = valley()
      const spy = vi.spyOn(f, name)
      minimize(f, [-1.5, 2], newton())
      expect(spy).toHaveBeenCalled()
    }
  })

  test.each(dtypes)('evaluates only within the bounds, in %s', (dtype) => {
    const f = valley()
    const bounds = [
      [-2, 0.3],
      [0.15, 3],
    ] as const
    const check = (x: ArrayLike<number>) => {
      for (const [i, [min, max]] of bounds.entries()) {
        expect(x[i]).toBeGreaterThanOrEqual(dtype === 'float32' ? Math.fround(min) : min)
        expect(x[i]).toBeLessThanOrEqual(dtype === 'float32' ? Math.fround(max) : max)
      }
      return x
    }
    const objective = {
      value: (x: ArrayLike<number>) => f.value(check(x)),
      gradient: (x: ArrayLike<number>, out: Anything) => f.gradient(check(x), out),
      hessian: (x: ArrayLike<number>, out: Anything) => f.hessian(check(x), out),
    }
    const { x, reason, atBound } = minimize(objective, [9, -9], newton(), { bounds, dtype })
    expect([reason, atBound]).toEqual(['converged', [0, 1]])
    expect(x[1]).toBe(dtype === 'float32' ? Math.fround(0.15) : 0.15)
  })

  test('holds convex quadratics at the point that satisfies the optimality conditions', () => {
    const number = fc.double({ min: -3, max: 3, noNaN: true })
    const term = fc.tuple(number, number, fc.double({ min: 0.1, max: 100, noNaN: true }))
    fc.assert(
      fc.property(
        fc.array(term, { minLength: 1, maxLength: 8 }),
        fc.array(number, { minLength: 8, maxLength: 8 }),
        (terms, mix) => {
          // Σ cᵢ·(xᵢ − aᵢ)² + (Σ mᵢ·xᵢ)² in the box |xᵢ| ≤ |bᵢ|
          const sum = (x: ArrayLike<number>) => terms.reduce((all, _, i) => all + mix[i] * x[i], 0)
          const objective = {
            value: (x: ArrayLike<number>) =>
              terms.reduce((all, [a, , c], i) => all + c * (x[i] - a) ** 2, sum(x) ** 2),
            gradient(x: ArrayLike<number>, out: Anything) {
              for (const [i, [a, , c]] of terms.entries()) out[i] = 2 * c * (x[i] - a) + 2 * sum(x) * mix[i]
            },
            hessian(_: ArrayLike<number>, out: Anything) {
              for (const [i, [, , c]] of terms.entries())
                for (const j of terms.keys())
                  out[i * terms.length + j] = 2 * mix[i] * mix[j] + (i === j ? 2 * c : 0)
            },
          }
          const bounds = terms.map(([, b]) => [-Math.abs(b), Math.abs(b)] as const)
          const found = minimize(
            objective,
            terms.map(() => 1),
            newton(),
            { bounds },
          )
          expect(['converged', 'stalled']).toContain(found.reason)
          expect(found.projectedGradientNorm).toBeLessThan(1e-8)
        },
      ),
      { seed: 7, numRuns: 150 },
    )
  })

  test('visits the same points if the objective is multiplied by a power of two', () => {
    const path = (factor: string) => {
      const points: number[] = []
      minimize(expression(`${factor}*((1 - x)^2 + 100*(y - x^2)^2 + sin(5*x))`), [-1.5, 2], newton(), {
        callback: (x) => void points.push(...x),
        bounds: [[-2, 0.9], null],
      })
      return bits(Float64Array.from(points))
    }
    for (const factor of ['2^40', '2^(-40)', '2^300']) expect(path(factor)).toEqual(path('1'))
  })

  test.each([
    ['sqrt(x)', [-1], 'diverged'],
    ['x^2', [NaN], 'diverged'],
    ['x^2', [Infinity], 'diverged'],
    ['x^1.5', [0], 'diverged'],
    ['-exp(x)', [0], 'diverged'],
    ['0*x + 7', [3], 'converged'],
    ['(x + y)^2', [3, 4], 'converged'],
    ['1e300*(x - 1)^2 + 1e300*y^2', [3, 4], 'converged'],
    ['1e-300*(x - 1)^2 + 1e-300*y^2', [3, 4], 'converged'],
    ['1e9 + (x - 1)^2 + (y - x^2)^2', [3, 4], 'converged'],
    ['x^8', [3], 'converged'],
  ])('ends with a true reason: %s from %j', (text, start, reason) => {
    expect(minimize(expression(text), start, newton()).reason).toBe(reason)
  })

  test('ends if derivatives are wrong or not finite', () => {
    const square = (gradient: number, hessian: number) => ({
      value: (x: ArrayLike<number>) => x[0] ** 2,
      gradient(x: ArrayLike<number>, out: Anything) {
        out[0] = gradient * x[0]
      },
      hessian(_: ArrayLike<number>, out: Anything) {
        out[0] = hessian
      },
    })
    expect(minimize(square(-2, 2), [1], newton()).reason).toBe('stalled')
    for (const [g, h] of [
      [NaN, 2],
      [2, NaN],
      [2, Infinity],
    ])
      expect(minimize(square(g, h), [1], newton())).toMatchObject({ reason: 'diverged', iterations: 1 })
    for (const hessian of [-2, 0, 200])
      expect(minimize(square(2, hessian), [1], newton()).x[0]).toBeCloseTo(0, 6)
  })

  test('moves one update at a time, and stops for a callback or a limit', () => {
    const run = new Minimization(valley(), [-1.5, 2], newton())
    const values = [run.value]
    while (run.step()) values.push(run.value)
    expect(values).toEqual([...values].sort((a, b) => b - a))
    expect(run.reason).toBe('converged')
    expect(minimize(valley(), [-1.5, 2], newton(), { maxIterations: 3 })).toMatchObject({
      reason: 'max-iterations',
      iterations: 3,
    })
    expect(minimize(valley(), [-1.5, 2], newton(), { callback: (_, i) => i === 4 })).toMatchObject({
      reason: 'callback',
      iterations: 4,
    })
  })

  test('starts with a radius in units of the largest parameter', () => {
    const first = (radius: number) => {
      const { x } = minimize(expression('x^2 + y^2'), [30, 40], newton({ radius }), { maxIterations: 1 })
      return Math.hypot(30 - x[0], 40 - x[1])
    }
    expect(first(0.5)).toBeCloseTo(20, 12)
    expect(first(3)).toBe(50)
  })

  test('refuses objectives without second derivatives, and other calls that cannot work', () => {
    const message = (objective: unknown, options: unknown = {}, start: number[] = [1, 1]) =>
      refusal(() => minimize(objective as Anything, start, newton(options as Anything))).message
    const { value, gradient } = rosenbrock()
    const hessian = () => {}
    expect(message(rosenbrock())).toMatch(
      /^objective: expected an expression or \{ value, gradient, hessian \}/,
    )
    expect(message((x: number[]) => x[0])).toMatch(/newton\(\)/)
    expect(message({ value, hessian })).toMatch(/without gradient or hessian/)
    expect(message({ value, gradient, hessian })).toMatch(
      /^objective: hessian: expected all of out to be filled/,
    )
    expect(message({ value, gradient, hessian: 3 })).toMatch(/^objective: hessian: expected a function/)
    expect(message({ value, gradient, hessian: async () => {} })).toMatch(/synchronous/)
    expect(message(expression('voigt(x, y, 1)'))).toMatch(/no second derivative of voigt/)
    const sum = (count: number) =>
      expression(Array.from({ length: count }, (_, i) => `(x${i} - ${i})^2`).join('+'))
    expect(message(sum(33), {}, new Array(33).fill(1))).toMatch(/^x: expected at most 32 parameters/)
    expect(minimize(sum(32), new Array(32).fill(1), newton()).x[31]).toBe(31)
    expect(message(valley(), { radius: 0 })).toMatch(/^newton: radius: expected/)
    expect(message(valley(), { lr: 1 })).toMatch(/^newton: options: expected one of radius/)
    expect(
      refusal(() => minimize(valley(), [1, 1], { method: 'newton', radius: -1 } as Anything)).message,
    ).toMatch(/radius/)
  })
})
