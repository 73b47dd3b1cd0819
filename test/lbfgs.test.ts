/** The method L-BFGS of minimize(), compared with PyTorch's L-BFGS, with documented properties and refused calls. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  adam,
  bowl,
  delayedStart,
  expression,
  lbfgs,
  Minimization,
  type MinimizeReason,
  minimize,
  type Objective,
  Optimizer,
  objectives,
  rosenbrock,
  type View,
} from 'antigrad'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { search } from '../dist/methods/line-search.js'
import { type Anything, refusal } from './adversarial/subject.js'
import { home } from './children.js'
import { arrayOf, dtypes, inBits, noise, random } from './helpers.js'

interface Run {
  readonly objective: 'rosenbrock' | 'beale' | 'himmelblau' | 'bowl'
  readonly start: readonly number[]
  readonly history: number
  readonly points: readonly (readonly number[])[]
  /** The number of gradients so far. */
  readonly evaluations: readonly number[]
}

const golden = JSON.parse(readFileSync(join(home, 'test/data/lbfgs.json'), 'utf8')).runs as Run[]

test.each(golden)(
  "L-BFGS reproduces PyTorch's trajectory: $objective from $start, history $history",
  ({ objective, start, ...run }) => {
    const { history, points, evaluations } = run
    const minimization = new Minimization(objectives[objective](), start, lbfgs({ history }))
    points.forEach((point, i) => {
      minimization.step()
      const size = Math.max(...point.map(Math.abs))
      point.forEach((x, k) => {
        expect(Math.abs(minimization.params[k] - x)).toBeLessThan(1e-10 * Math.max(1, size))
      })
      expect(minimization.evaluations.gradients).toBe(evaluations[i])
    })
  },
)

function startsIn([x0, x1, y0, y1]: View, count: number): number[][] {
  const next = random(7)
  return Array.from({ length: count }, () => [x0 + (x1 - x0) * next(), y0 + (y1 - y0) * next()])
}

const bounded = (
  ['rosenbrock', 'beale', 'himmelblau', 'booth', 'rastrigin', 'styblinskiTang', 'bowl'] as const
).map((name) => [name, objectives[name]()] as const)

describe.each(bounded)('the method L-BFGS on %s', (name, objective) => {
  test.each(dtypes)('converges from every starting point in %s', (dtype) => {
    // From half of the view, runs on Beale's function reach plateaus that decrease forever.
    const view = name === 'beale' ? ([1.5, 4.5, -1, 0.9] as const) : objective.view
    for (const start of startsIn(view, 50)) {
      const { reason, evaluations, iterations } = minimize(objective, start, lbfgs(), { dtype })
      expect(reason, `${start}`).toBe('converged')
      expect(evaluations.gradients, `${start}`).toBeLessThan(200)
      expect(iterations).toBeLessThanOrEqual(evaluations.gradients)
    }
  })

  test('needs far fewer gradients than Adam', () => {
    const { start } = objective
    const gradients = [lbfgs(), adam({ lr: 0.1 })].map((rule) => {
      const { reason, evaluations } = minimize(objective, start, rule, { maxIterations: 50_000 })
      expect(reason).toBe('converged')
      return evaluations.gradients
    })
    expect(10 * gradients[0]).toBeLessThan(gradients[1])
  })
})

describe('the method L-BFGS on a quadratic function', () => {
  test('takes about n updates in n dimensions', () => {
    for (let n = 1; n <= 20; n++) {
      const start = Array.from({ length: n }, (_, i) => (i % 2 === 0 ? 1 : -1))
      const { reason, iterations, value } = minimize(bowl({ condition: 10 }), start, lbfgs({ history: 20 }))
      expect(reason).toBe('converged')
      expect(iterations).toBeLessThanOrEqual(n + 10)
      expect(value).toBeLessThan(1e-16)
    }
  })

  test('takes hundreds of updates in 1000 dimensions with condition number 1e4', () => {
    const start = noise(3, 1000, 'float64')
    const { reason, iterations } = minimize(bowl({ condition: 1e4 }), start, lbfgs())
    expect(reason).toBe('converged')
    expect(iterations).toBeLessThan(600)
  })
})

const scaled = (factor: number, { value, gradient }: Required<Objective> = rosenbrock()): Objective => ({
  value: (x) => factor * value(x),
  gradient(x, out) {
    gradient(x, out)
    for (let i = 0; i < x.length; i++) out[i] *= factor
  },
})

test('L-BFGS visits the same points if the objective is multiplied by a power of two', () => {
  const from = (factor: number) => minimize(scaled(factor), [-1.5, 2], lbfgs())
  const { x, iterations, evaluations } = from(1)
  for (const power of [-300, -40, -1, 1, 40, 300]) {
    const other = from(2 ** power)
    expect(inBits([other.x, other.iterations, other.evaluations])).toBe(inBits([x, iterations, evaluations]))
    expect(other.reason).toBe('converged')
  }
})

test('adding a constant to the objective changes the result of L-BFGS only by rounding', () => {
  const { value, gradient } = rosenbrock()
  for (const constant of [1, -1e3, 1e6, 1e9]) {
    const raised = { value: (x: ArrayLike<number>) => value(x) + constant, gradient }
    const { x, reason } = minimize(raised, [-1.5, 2], lbfgs())
    expect(reason).toBe('converged')
    // The distance is far below 1e-5, at which values are equal up to rounding.
    for (const xi of x) expect(Math.abs(xi - 1)).toBeLessThan(1e-10)
  }
})

test('the objective values of L-BFGS never increase, except by rounding', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: -3, max: 3, noNaN: true }), { minLength: 2, maxLength: 6 }),
      fc.integer({ min: 1, max: 12 }),
      (start, history) => {
        const minimization = new Minimization(rosenbrock(), start, lbfgs({ history }))
        let before = rosenbrock().value(start)
        for (let k = 0; k < 60 && minimization.step(); k++) {
          expect(minimization.value).toBeLessThanOrEqual(before * (1 + 1e-13))
          expect(minimization.value).toBe(rosenbrock().value(minimization.params))
          before = minimization.value
        }
      },
    ),
    { seed: 1, numRuns: 200 },
  )
})

describe('the method L-BFGS at the limit of a domain', () => {
  test('evaluates only points within the domain in the line search', () => {
    // The first step requires the logarithm of a negative number.
    const objective: Objective = {
      value: (x) => x[0] - Math.log(x[0]),
      gradient: (x, out) => {
        out[0] = 1 - 1 / x[0]
      },
    }
    for (const start of [0.9, 0.5, 1e-3, 1.2, 50]) {
      const { x, reason } = minimize(objective, [start], lbfgs())
      expect([reason, Math.abs(x[0] - 1) < 1e-8]).toEqual(['converged', true])
    }
  })

  const slope = (factor: number): Objective => ({
    value: (x) => factor * x[0],
    gradient: (_, out) => {
      out[0] = factor
    },
  })
  const value = () => 1
  const of = (gradient: number): Objective => ({
    value,
    gradient: (_, out) => {
      out[0] = gradient
    },
  })
  test.each<[string, Objective, number[], MinimizeReason]>([
    ['no lower bound', objectives.saddle(), [1, 0.1], 'diverged'],
    ['a slope without end', slope(-1), [1], 'stalled'],
    ['a NaN in the start', bowl(), [NaN, 1], 'diverged'],
    ['an infinity in the start', bowl(), [Infinity, 1], 'diverged'],
    ['a value that is NaN', { ...bowl(), value: () => NaN }, [1, 1], 'diverged'],
    ['a value that is no number', { ...bowl(), value: () => '1' as Anything }, [1, 1], 'diverged'],
    ['a gradient that is NaN', of(NaN), [1], 'diverged'],
    ['a gradient that is infinite', of(Infinity), [1], 'diverged'],
    ['a gradient that is wrong', of(1), [1], 'stalled'],
    [
      'a gradient that is too large to be added up',
      { ...of(1e308), ...scaled(1e308, bowl()) },
      [9, 9],
      'diverged',
    ],
    ['a gradient of 0', of(0), [1], 'converged'],
    ['the minimum itself', rosenbrock(), [1, 1], 'converged'],
  ])('reports why the run ended: %s', (_, objective, start, reason) => {
    for (const tolerance of [1e-9, 0]) {
      const { x, ...result } = minimize(objective, start, lbfgs(), { tolerance, maxIterations: 2000 })
      expect(result.reason).toBe(reason)
      expect(result.iterations).toBeLessThan(1000)
    }
  })

  test('continues while a parameter changes if the tolerance is 0', () => {
    const { reason, maxChange, x } = minimize(rosenbrock(), [-1.5, 2], lbfgs(), { tolerance: 0 })
    expect([reason, maxChange]).toEqual(['converged', 0])
    for (const xi of x) expect(Math.abs(xi - 1)).toBeLessThan(1e-12)
  })
})

describe('a call of minimize with lbfgs', () => {
  test('returns the final parameters, and the counts of iterations and evaluations', () => {
    let [values, gradients] = [0, 0]
    const { value, gradient } = rosenbrock()
    const seen: string[] = []
    const start = Float64Array.of(-1.5, 2)
    const counted = {
      value(x: ArrayLike<number>) {
        values++
        return value(x)
      },
      gradient(x: ArrayLike<number>, out: { [i: number]: number }) {
        gradients++
        gradient(x, out)
      },
    }
    const callback = (x: ArrayLike<number>, iteration: number) => {
      seen.push(`${iteration} ${x[0]} ${x[1]}`)
    }
    const { x, ...result } = minimize(counted, start, lbfgs(), { callback })
    expect([...start]).toEqual([-1.5, 2])
    expect(result.evaluations).toEqual({ values, gradients })
    expect(seen).toHaveLength(result.iterations)
    expect(seen.at(-1)).toBe(`${result.iterations} ${x[0]} ${x[1]}`)
    const out = [NaN, NaN]
    gradient(x, out)
    expect(result).toMatchObject({
      ...{ value: value(x), gradientNorm: Math.max(...out.map(Math.abs)), gradientSource: 'analytic' },
      ...{ engine: 'typescript', reason: 'converged' },
    })
  })

  test('ends at maxIterations, or when the callback returns true', () => {
    const run = (options: object) => minimize(rosenbrock(), [-1.5, 2], lbfgs(), options)
    expect(run({ maxIterations: 0 })).toMatchObject({
      reason: 'max-iterations',
      iterations: 0,
      maxChange: NaN,
    })
    expect(run({ maxIterations: 7 })).toMatchObject({ reason: 'max-iterations', iterations: 7 })
    const callback = (_: unknown, iteration: number) => iteration === 5
    expect(run({ callback })).toMatchObject({ reason: 'callback', iterations: 5 })
  })

  test('supports central differences and expressions', () => {
    const { value } = rosenbrock()
    const text = expression('(1 - x)^2 + 100*(y - x^2)^2')
    for (const dtype of dtypes) {
      const near = dtype === 'float64' ? 1e-6 : 1e-2
      for (const objective of [value, text]) {
        const { x, reason } = minimize(objective, [-1.5, 2], lbfgs(), { dtype })
        expect(x).toBeInstanceOf(arrayOf[dtype])
        expect(reason).toBe('converged')
        for (const xi of x) expect(Math.abs(xi - 1)).toBeLessThan(near)
      }
    }
  })

  test('throws the exception of the objective, after which a Minimization object can continue', () => {
    const { value, gradient } = rosenbrock()
    let fails = false
    const objective = {
      gradient,
      value(x: ArrayLike<number>) {
        if (fails) throw new Error('mine')
        return value(x)
      },
    }
    const minimization = new Minimization(objective, [-1.5, 2], lbfgs())
    const untouched = new Minimization(rosenbrock(), [-1.5, 2], lbfgs())
    for (let k = 0; k < 20; k++) {
      fails = true
      expect(() => minimization.step()).toThrow('mine')
      fails = false
      minimization.step()
      untouched.step()
      expect(inBits(minimization.params)).toBe(inBits(untouched.params))
    }
  })

  test('refuses a gradient function that fills the array `out` only partly', () => {
    const objective = { value: () => 1, gradient: () => {} }
    refusal(() => minimize(objective, [1, 2], lbfgs()), 'objective: gradient')
  })

  test.each(['clip', 'engine', 'instructionSet', 'threads', 'iterations'])(
    'refuses the option %s',
    (name) => {
      const run = (value: unknown) => minimize(bowl(), [1, 2], lbfgs(), { [name]: value } as Anything)
      expect(refusal(() => run([[0, 1]]), 'options').message).toMatch(
        /other options need a rule instead of a method/,
      )
      expect(run(undefined).reason).toBe('converged')
    },
  )
})

describe('a line search of L-BFGS', () => {
  /** A quartic that first decreases and finally increases, and the number of evaluations. */
  const lines = fc
    .record({
      a: fc.double({ min: -5, max: 5, noNaN: true }),
      b: fc.double({ min: -5, max: 5, noNaN: true }),
      end: fc.double({ min: -3, max: 3, noNaN: true }).map((power) => 10 ** power),
      c1: fc.constantFrom(1e-4, 0.1, 0.3),
      c2: fc.constantFrom(0.5, 0.9),
    })
    .map(({ a, b, end, ...limits }) => {
      const at = (t: number) => {
        const u = t / end
        return {
          t,
          value: -u + a * u ** 2 + b * u ** 3 + u ** 4,
          slope: (-1 + 2 * a * u + 3 * b * u ** 2 + 4 * u ** 3) / end,
        }
      }
      return { at, ...limits }
    })

  test('ends at a point that satisfies the strong Wolfe conditions', () => {
    fc.assert(
      fc.property(lines, ({ at, c1, c2 }) => {
        let asked = 0
        const counted = (t: number) => {
          asked++
          return at(t)
        }
        const start = at(0)
        const { t, value, slope } = search(start, counted, {
          c1,
          c2,
          maxTrials: 50,
          noise: 0,
          closest: 0,
          longest: Infinity,
        })
        expect(t).toBeGreaterThan(0)
        expect(value).toBeLessThanOrEqual(start.value + c1 * t * start.slope)
        expect(Math.abs(slope)).toBeLessThanOrEqual(-c2 * start.slope)
        expect(asked).toBeLessThan(25)
      }),
      { seed: 1, numRuns: 2000 },
    )
  })

  test('respects the limit of evaluations, and never ends above the start value', () => {
    fc.assert(
      fc.property(lines, fc.integer({ min: 1, max: 5 }), ({ at, c1, c2 }, maxTrials) => {
        let asked = 0
        const counted = (t: number) => {
          asked++
          return at(t)
        }
        const { value } = search(at(0), counted, {
          c1,
          c2,
          maxTrials,
          noise: 0,
          closest: 0,
          longest: Infinity,
        })
        expect(value).toBeLessThanOrEqual(0)
        expect(asked).toBeLessThanOrEqual(maxTrials)
      }),
      { seed: 1, numRuns: 2000 },
    )
  })
})

describe('the method lbfgs', () => {
  test('returns a plain frozen object that a conversion to JSON preserves', () => {
    const method = lbfgs({ history: 3, c2: undefined as Anything })
    expect(Object.isFrozen(method)).toBe(true)
    expect(method).toEqual({ method: 'lbfgs', history: 3, c1: 1e-4, c2: 0.9, maxLineSearch: 25 })
    const run = (by: typeof method) => inBits(minimize(rosenbrock(), [-1.5, 2], by))
    expect(run(JSON.parse(JSON.stringify(method)))).toBe(run(method))
  })

  test.each([
    [{ history: 0 }, 'lbfgs: history'],
    [{ history: 1.5 }, 'lbfgs: history'],
    [{ maxLineSearch: 0 }, 'lbfgs: maxLineSearch'],
    [{ c1: 0 }, 'lbfgs: c1'],
    [{ c1: 0.9 }, 'lbfgs: c1'],
    [{ c2: 1 }, 'lbfgs: c2'],
    [{ c2: NaN }, 'lbfgs: c2'],
    [{ lr: 1 }, 'lbfgs: options'],
    [null, 'lbfgs: options'],
  ])('refuses the options %j', (options, argument) => {
    refusal(() => lbfgs(options as Anything), argument)
    if (options !== null)
      refusal(() => minimize(bowl(), [1], { ...lbfgs(), ...options } as Anything), argument)
  })

  test('is refused in place of a rule, and the error explains the reason', () => {
    const method = lbfgs() as Anything
    const optimizer = new Optimizer({ a: Float32Array.of(1) }, adam())
    for (const call of [
      () => new Optimizer(Float32Array.of(1), method),
      () => delayedStart(1, method),
      () => optimizer.add({ b: Float32Array.of(1) }, { groups: [{ match: 'b', rule: method }] }),
    ]) {
      expect(refusal(call).message).toMatch(/expected a rule such as adam\(\).*methods are only for minimize/)
    }
    const unknown = { method: 'tangents' } as Anything
    expect(refusal(() => minimize(bowl(), [1], unknown)).message).toMatch(/so far: .*lbfgs.*, got "tangents"/)
  })

  test('has only options that have an effect', () => {
    const { view } = objectives.himmelblau()
    const run = (options: object) =>
      inBits(startsIn(view, 20).map((start) => minimize(objectives.himmelblau(), start, lbfgs(options))))
    const all = [{}, { history: 1 }, { c1: 0.7 }, { c2: 0.1 }, { maxLineSearch: 1 }].map(run)
    expect(new Set(all).size).toBe(all.length)
  })
})
