import {
  adam,
  type Constraint,
  expression,
  lbfgs,
  Minimization,
  type MinimizeReason,
  minimize,
  sqp,
} from 'antigrad'
import { fromFunction } from 'antigrad/from-function'
import { describe, expect, test } from 'vitest'
import { constrainedProblems, type Scales, solveConstrained } from './constrained-problems.js'

const squares = expression('x^2 + y^2')
const median = (numbers: readonly number[]) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1]

test('a convex objective with bounds takes one matrix of second derivatives per step', () => {
  let matrices = 0
  const f = {
    value: (x: ArrayLike<number>) => x[0] * x[0] + x[0] * x[1] + x[1] * x[1],
    gradient: (x: ArrayLike<number>, out: { [index: number]: number }) => {
      out[0] = 2 * x[0] + x[1]
      out[1] = x[0] + 2 * x[1]
    },
    hessian: (_: ArrayLike<number>, out: { [index: number]: number }) => {
      matrices++
      for (const [i, second] of [2, 1, 1, 2].entries()) out[i] = second
    },
  }
  const { reason, iterations, x } = minimize(f, [3, -2], sqp(), {
    bounds: [
      [0, 1],
      [0.5, 2],
    ],
  })
  expect([reason, iterations, [...x]]).toEqual(['converged', 2, [0, 0.5]])
  // One more matrix tells at the start whether second derivatives exist.
  expect(matrices).toBe(3)
})

test('the start may satisfy a linear constraint except for rounding errors', () => {
  const names = Array.from({ length: 10 }, (_, i) => `w${i}`)
  const f = expression(names.map((name, i) => `${i + 1}*${name}^2`).join(' + '))
  const start = Object.fromEntries(names.map((name) => [name, 0.1]))
  const result = minimize(f, start, sqp(), { constraints: [{ expr: names.join(' + '), equal: 1 }] })
  const inverse = names.reduce((sum, _, i) => sum + 1 / (i + 1), 0)
  expect(result.reason).toBe('converged')
  expect(result.value).toBeCloseTo(1 / inverse, 12)
  expect(result.maxViolation).toBeLessThanOrEqual(4 * Number.EPSILON)
})

describe('problems of Hock and Schittkowski', () => {
  const isClose = (a: number, b: number) => Math.abs(a - b) <= 1e-6 * Math.max(1, Math.abs(b))
  const runs = constrainedProblems.map((problem) => ({ problem, result: solveConstrained(problem) }))

  test('at least 47 of 50 have the lowest known minimum', () => {
    const failed = runs.filter(
      ({ problem, result }) => !(isClose(result.value, problem.f) && result.maxViolation <= 1e-8),
    )
    expect(failed.length, failed.map(({ problem }) => problem.name).join()).toBeLessThanOrEqual(3)
  })

  test('every converged run is at a minimum', () => {
    const wrong = runs.filter(({ problem, result }) => {
      const minima = [problem.f, ...problem.otherMinima.map(({ f }) => f)]
      // The segment of HS55 has a minimum at each end, because the objective is concave there.
      if (problem.name === 'HS55') minima.push(20 / 3)
      return result.reason === 'converged' && !minima.some((f) => isClose(result.value, f))
    })
    expect(wrong.map(({ problem }) => problem.name)).toEqual([])
    const stopped = runs.filter(({ result }) => result.reason !== 'converged')
    expect(stopped.length).toBeLessThanOrEqual(1)
  })

  test('evaluations are about as many as of SLSQP', () => {
    expect(
      median(runs.map(({ problem, result }) => result.evaluations.values / problem.evaluations)),
    ).toBeLessThan(1.2)
    // Without steps from known active constraints, the runs take 791 evaluations.
    expect(runs.reduce((sum, { result }) => sum + result.evaluations.values, 0)).toBeLessThan(620)
  })
})

test.each([1, 1e8])(
  'HS13, whose minimum has no multipliers, is feasible with constraints times %d',
  (scale) => {
    const result = minimize(expression('(x - 2)^2 + y^2'), { x: -2, y: -2 }, sqp(), {
      bounds: { x: [0, Infinity], y: [0, Infinity] },
      constraints: [{ expr: `${scale}*((1 - x)^3 - y)`, min: 0 }],
    })
    expect([result.reason, result.maxViolation]).toEqual(['stalled', 0])
    expect(result.value).toBeCloseTo(1, 7)
  },
)

describe('problems in scales of 1e-8 and 1e8', () => {
  test.each<Scales>([
    { parameters: 1e-8 },
    { parameters: 1e8 },
    { objective: 1e-8 },
    { objective: 1e8 },
    { constraints: 1e-8 },
    { constraints: 1e8 },
  ])('%j have the same minima', (scales) => {
    const runs = constrainedProblems.map((problem) => ({
      problem,
      result: solveConstrained(problem, scales),
    }))
    const missed = runs.filter(({ problem, result }) => {
      const value = result.value / (scales.objective ?? 1)
      return !(Math.abs(value - problem.f) <= 1e-6 * Math.max(1, Math.abs(problem.f)))
    })
    expect(missed.length, missed.map(({ problem }) => problem.name).join()).toBeLessThanOrEqual(3)
    const stopped = runs.filter(({ result }) => result.reason !== 'converged')
    expect(stopped.map(({ problem }) => problem.name)).toEqual([])
  })
})

describe('a result', () => {
  test('lists multipliers and active constraints by name or index', () => {
    const result = minimize(squares, { x: 3, y: 1 }, sqp(), {
      constraints: [
        { expr: 'x + y', equal: 1 },
        { name: 'low', expr: 'x*y', max: 5 },
      ],
    })
    expect(result.reason).toBe('converged')
    expect(result.x).toEqual(Float64Array.of(0.5, 0.5))
    expect(result.multipliers).toEqual({ 0: expect.closeTo(1, 14), low: 0 })
    expect(result.active).toEqual([0])
    expect(result.maxViolation).toBe(0)
    expect(result.kktResidual).toBeLessThan(1e-15)
  })

  test('gives multipliers as derivatives of the value by the limits', () => {
    const solve = (max: number) =>
      minimize(expression('-x*y*z'), { x: 1, y: 1, z: 1 }, sqp(), {
        constraints: [{ name: 'area', expr: '2*(x*y + y*z + z*x)', max }],
      })
    const { multipliers } = solve(6)
    const slope = (solve(6.001).value - solve(5.999).value) / 0.002
    expect(multipliers.area).toBeLessThan(0)
    expect(multipliers.area).toBeCloseTo(slope, 6)
  })

  test('lists violations if the constraints contradict each other', () => {
    const result = minimize(squares, { x: 3, y: 1 }, sqp(), {
      constraints: [
        { expr: 'x', min: 2 },
        { name: 'upper', expr: 'x^2', max: 1 },
      ],
    })
    expect(result.reason).toBe('infeasible')
    expect(Object.keys(result.violations)).toContain('upper')
    expect(result.maxViolation).toBeGreaterThan(1)
  })
})

describe('constraints are given as', () => {
  const gradient = (x: ArrayLike<number>, out: { [i: number]: number }) => {
    out[0] = x[1]
    out[1] = x[0]
  }
  test.each([
    ['a string', 'x*y'],
    ['an expression', expression('x*y')],
    ['a function read from its source', fromFunction(({ x, y }: { x: number; y: number }) => x * y)],
    ['a function', (x: ArrayLike<number>) => x[0] * x[1]],
    ['{ value, gradient }', { value: (x: ArrayLike<number>) => x[0] * x[1], gradient }],
  ])('%s', (_, expr) => {
    const result = minimize(squares, { x: 3, y: 1 }, sqp(), { constraints: [{ expr, min: 2 }] })
    expect(result.reason).toBe('converged')
    expect(result.value).toBeCloseTo(4, 8)
    expect(result.maxViolation).toBeLessThan(1e-9)
    expect(result.multipliers[0]).toBeCloseTo(2, 5)
  })

  test('texts with parameters that only the start has', () => {
    const { values, value } = minimize(expression('t'), { t: 9, a: 4 }, sqp(), {
      constraints: [
        { expr: 't - (a - 1)^2', min: 0 },
        { expr: 't + a', min: 2 },
      ],
    })
    expect(values.a).toBeCloseTo((1 + Math.sqrt(5)) / 2, 8)
    expect(value).toBeCloseTo(2 - (1 + Math.sqrt(5)) / 2, 8)
  })
})

const complementary = [
  { expr: 'x*y', equal: 0 },
  { expr: 'x', min: 0 },
  { expr: 'y', min: 0 },
]
const overdetermined = [
  { expr: 'x', equal: 1 },
  { expr: 'y', equal: 2 },
  { expr: 'x*y', equal: 2 },
]
const disk = [{ expr: 'x^2 + y^2', max: 0.99 }]

describe('a run', () => {
  test('satisfies linear constraints at all points after the first step', () => {
    const f = expression('(x - 3)^4 + exp(x - y) + z^2')
    const run = new Minimization(f, { x: -5, y: 9, z: 2 }, sqp(), {
      constraints: [
        { expr: 'x + 2*y - z', equal: 1 },
        { expr: 'x - y', max: 0.5 },
        { expr: 'x^2 + z', max: 4 },
      ],
    })
    while (run.step()) {
      const [x, y, z] = run.params
      expect(Math.abs(x + 2 * y - z - 1)).toBeLessThan(1e-13)
      expect(x - y).toBeLessThan(0.5 + 1e-13)
    }
    expect(run.reason).toBe('converged')
  })

  test('never evaluates the objective outside of the bounds', () => {
    const f = {
      parameters: ['x', 'y'],
      value: ([x, y]: ArrayLike<number> & Iterable<number>) => (x < 0 ? NaN : Math.sqrt(x) + y),
    }
    const result = minimize(f as never, { x: 2, y: 1 }, sqp(), {
      bounds: { x: [0, 4], y: [0, 9] },
      constraints: [{ expr: 'x + y', min: 3 }],
    })
    expect(result.value).toBeCloseTo(Math.sqrt(3), 8)
  })

  test('leaves saddle points', () => {
    const result = minimize(expression('-(x^2 + y^2)'), { x: 0, y: 0 }, sqp(), {
      constraints: [{ expr: 'x^2 + 4*y^2', max: 4 }],
    })
    expect(result.reason).toBe('converged')
    expect(result.value).toBeCloseTo(-4, 9)
  })

  test.each([
    [
      'dependent',
      [
        { expr: 'x + y', equal: 1 },
        { expr: '2*x + 2*y', equal: 2 },
      ],
      'converged',
    ],
    [
      'redundant',
      [
        { expr: 'x + y', min: 1 },
        { expr: 'x + y', min: 0.5 },
      ],
      'converged',
    ],
    [
      'contradictory',
      [
        { expr: 'x + y', equal: 1 },
        { expr: 'x + y', equal: 2 },
      ],
      'infeasible',
    ],
    ['too many', ['x', 'y', 'x - y'].map((expr) => ({ expr: `(${expr})^2`, equal: 1 })), 'infeasible'],
    ['unsatisfiable', [{ expr: 'x^2 + y^2', max: -1 }], 'infeasible'],
  ] as const)('handles %s constraints', (_, constraints, reason) => {
    expect(minimize(squares, { x: 3, y: 1 }, sqp(), { constraints }).reason).toBe(reason)
  })

  test.each<[string, string, readonly Constraint[], string, number]>([
    ['at a cusp of the constraints', 'x', [{ expr: 'x^3 - y^2', min: 0 }], 'stalled', 0],
    ['if a gradient vanishes on an equality', 'x', [{ expr: '(x^2 + y^2)^2', equal: 0 }], 'stalled', 0],
    [
      'if a square equals 0',
      'y',
      [
        { expr: '(x - 1)^2', equal: 0 },
        { expr: 'y - x', min: 0 },
      ],
      'stalled',
      1,
    ],
    ['at a kink', 'max(x, -x) + y^2', [{ expr: 'x + y', min: -0.5 }], 'stalled', 0],
    ['with complementary parameters', '(x - 1)^2 + (y - 1)^2', complementary, 'converged', 1],
    ['without an objective', '0*x + 0*y', [{ expr: 'x*y', equal: 5 }], 'converged', 0],
    ['with more equalities than parameters', '(x - 1)^2 + y', overdetermined, 'converged', 2],
    [
      'with 40 copies of a constraint',
      'x^2 + y^2',
      Array(40).fill({ expr: 'x + 2*y', min: 1 }),
      'converged',
      0.2,
    ],
    ['with a constant constraint', 'x^2 + y^2', [{ expr: '0*x + 1', max: 2 }], 'converged', 0],
    ['with NaN outside of the constraints', 'x - log(1 - x^2 - y^2)', disk, 'converged', -0.22598716],
    [
      'if a constraint is NaN next to the start',
      'x + y',
      [{ expr: 'log(x) + log(y)', min: 0 }],
      'converged',
      2,
    ],
    ['if an asymptote is the minimum', 'exp(-x)', [{ expr: 'y', equal: 0 }], 'converged', 0],
    ['if a constant contradicts its limit', 'x^2 + y^2', [{ expr: '0*x + 1', max: 0 }], 'infeasible', NaN],
    ['without a minimum', '-x^2', [{ expr: 'y', equal: 1 }], 'diverged', NaN],
  ])('%s ends for a true reason', (_, text, constraints, reason, value) => {
    const start = text.startsWith('x - log') ? { x: 0.5, y: 0 } : { x: 2, y: 3 }
    const result = minimize(expression(text), start, sqp(), { constraints })
    expect(result.reason).toBe(reason)
    if (!Number.isNaN(value)) expect(result.value).toBeCloseTo(value, 6)
    expect(result.maxViolation > 1e-9).toBe(reason === 'infeasible')
  })

  test('finds that a constraint cannot hold, although its tangents can', () => {
    const f = expression('sin(z) - 0.75*z^2*y^2 + 2.5*y^3 + 0.05*(y^4 + z^4)')
    const constraints = [{ name: 'parabola', expr: '0.25*sin(z) - 3.25*z^2', equal: 1 }]
    const result = minimize(f, { y: 2, z: 3.5 }, sqp(), { constraints, maxIterations: 500 })
    expect(result.reason).toBe('infeasible')
    // The function is at most 0.0048, near z = 1/26.
    expect(result.violations.parabola).toBeCloseTo(0.9952, 4)
  })

  test('reports an objective without a minimum and a start that is not finite', () => {
    const line = [{ expr: 'x - y', equal: 1 }]
    const reasons = [
      minimize(expression('x + y'), { x: 0, y: 0 }, sqp(), { constraints: line }).reason,
      minimize(expression('log(x) + y'), { x: -1, y: 0 }, sqp(), { constraints: [{ expr: 'x*y', min: 1 }] })
        .reason,
    ]
    expect(reasons).toEqual(['diverged', 'not-finite'])
  })

  test('converges from a far start', () => {
    const { reason, value } = minimize(squares, { x: 1e6, y: -1e7 }, sqp(), {
      constraints: [{ expr: '(x - 2)^2 + (y - 3)^2', max: 1 }],
    })
    expect(reason).toBe('converged')
    expect(value).toBeCloseTo((Math.sqrt(13) - 1) ** 2, 9)
  })
})

describe('errors', () => {
  const solve = (constraints: unknown, method: unknown = sqp()) =>
    minimize(squares, { x: 3, y: 1 }, method as never, { constraints } as never)

  test.each([
    [[{ expr: 'x + z', equal: 1 }], 'constraints[0]: expr: expected names among x, y, got "z"'],
    [[{ expr: 'x' }], 'constraints[0]: expected a limit: equal, min or max'],
    [[{ name: 'q', expr: 'x', min: 2, max: 1 }], 'constraints: q: expected min ≤ max'],
    [
      [
        { expr: 'x', equal: 1 },
        { expr: 'x +', equal: 1 },
      ],
      'constraints[1]: expr: expected a valid expression',
    ],
    [[{ expr: 'x', equal: 1, min: 0 }], 'constraints[0]: expected either equal, or min and max'],
    [[{ expr: 'x', equal: NaN }], 'constraints[0]: equal: expected a finite number, got NaN'],
    [[{ expr: 'x', lower: 1 }], 'constraints[0]: expected one of name, expr, equal, min, max'],
    [[{ equal: 1 }], 'constraints[0]: expr: expected the function of the constraint'],
    [[{ expr: 5, equal: 1 }], 'constraints[0]: expr: expected a string, an expression'],
    [[null], 'constraints[0]: expected { expr, equal }'],
    [{ expr: 'x', equal: 1 }, 'constraints: expected an array'],
    [
      [
        { name: 'a', expr: 'x', min: 1 },
        { name: 'a', expr: 'y', min: 1 },
      ],
      'constraints: a: name: expected a name of its own',
    ],
  ])('name the constraint: %j', (constraints, message) => {
    expect(() => solve(constraints)).toThrow(message)
  })

  test.each([lbfgs(), adam()])('name sqp() if a method or rule has no constraints', (method) => {
    const message = 'constraints: expected the method sqp(), which supports constraints, got'
    expect(() => solve([{ expr: 'x', min: 1 }], method)).toThrow(message)
  })
})

test('the reason of a run by sqp() is one of the reasons of a minimization', () => {
  const reason: MinimizeReason | 'infeasible' | 'not-finite' = minimize(squares, [1, 1], sqp()).reason
  expect(reason).toBe('converged')
})

describe('runs that share memory', () => {
  const options = { constraints: [{ expr: 'x*y', min: 1 }], bounds: { x: [0.5, 3] as const } }
  const begin = (x: number) => new Minimization(squares, { x, y: 3 }, sqp(), options)
  const pointsOf = (runs: readonly Minimization[]) => {
    const points: number[][] = runs.map(() => [])
    for (let step = 0; step < 30; step++)
      for (const [k, run] of runs.entries()) if (run.step()) points[k].push(...run.params)
    return points
  }

  test('do not depend on runs at the same time, and on runs before', () => {
    const apart = [pointsOf([begin(2)])[0], pointsOf([begin(0.7)])[0]]
    const first = minimize(squares, { x: 2, y: 3 }, sqp(), options)
    minimize(squares, { x: 0.7, y: 3 }, sqp(), { constraints: [{ expr: 'x*y', equal: 7 }] })
    expect(pointsOf([begin(2), begin(0.7)])).toEqual(apart)
    const second = minimize(squares, { x: 2, y: 3 }, sqp(), options)
    expect(second).toEqual(first)
    expect(second.x).not.toBe(first.x)
  })

  test('an objective may minimize a problem with the same parameters', () => {
    const inner = () => minimize(squares, { x: 2, y: 3 }, sqp(), options).value
    const plain = minimize({ value: (x) => x[0] * x[0] + x[1] * x[1] + 2 }, [2, 3], sqp(), {
      constraints: [{ expr: (x) => x[0] * x[1], min: 1 }],
    })
    inner()
    const nested = minimize({ value: (x) => x[0] * x[0] + x[1] * x[1] + inner() }, [2, 3], sqp(), {
      constraints: [{ expr: (x) => x[0] * x[1], min: 1 }],
    })
    expect(nested.value).toBeCloseTo(plain.value, 6)
  })
})

test('a run counts the values and the gradients of an expression', () => {
  let values = 0
  const counted = {
    value: (x: ArrayLike<number>) => {
      values++
      return squares.value(x)
    },
    gradient: (x: ArrayLike<number>, out: Float64Array) => squares.gradient(x, out),
    hessian: (x: ArrayLike<number>, out: Float64Array) => squares.hessian(x, out),
  }
  const options = { constraints: [{ expr: (x: ArrayLike<number>) => x[0] * x[1], min: 1 }] }
  const { evaluations } = minimize(counted as never, [3, 1], sqp(), options)
  expect(evaluations.values).toBe(values)
  const text = minimize(squares, { x: 3, y: 1 }, sqp(), { constraints: [{ expr: 'x*y', min: 1 }] })
  expect(text.evaluations.values).toBeGreaterThanOrEqual(text.iterations - 1)
  expect(text.evaluations.gradients).toBeGreaterThanOrEqual(text.iterations - 1)
})
