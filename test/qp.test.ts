import { type QpResult, qp } from 'antigrad'
import { describe, expect, test } from 'vitest'

/** Numbers in [0, 1) from a linear congruential generator. */
function createRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    return state / 2 ** 32
  }
}

/** A feasible convex program; every second one has a singular Hessian. */
function randomProgram(seed: number): {
  readonly hessian: number[][]
  readonly gradient: number[]
  readonly constraints: { coefficients: number[]; equal?: number; min?: number; max?: number }[]
  readonly bounds: [number, number][]
} {
  const random = createRandom(seed)
  for (let i = 0; i < 10; i++) random()
  const normal = () => Array.from({ length: 12 }, random).reduce((a, b) => a + b) - 6
  const list = <T>(length: number, of: (i: number) => T) => Array.from({ length }, (_, i) => of(i))
  const size = 2 + Math.floor(random() * 20)
  const rank = seed % 2 === 0 ? Math.floor(random() * size) : size + 1
  const factors = list(rank, () => list(size, normal))
  const inside = list(size, normal)
  return {
    hessian: list(size, (i) => list(size, (j) => factors.reduce((sum, f) => sum + f[i] * f[j], 0))),
    gradient: list(size, normal),
    bounds: inside.map((x) => [x - 2 * random(), x + 2 * random()]),
    constraints: list(Math.floor(random() * 30), (k) => {
      const coefficients = list(size, normal)
      const value = coefficients.reduce((sum, a, i) => sum + a * inside[i], 0)
      if (k < size / 3) return { coefficients, equal: value }
      return k % 2 === 0 ? { coefficients, min: value - random() } : { coefficients, max: value + random() }
    }),
  }
}

/** The largest violation of the KKT conditions, which a minimum of a convex program satisfies. */
function violationOfConditions(
  { hessian, gradient, constraints, bounds }: ReturnType<typeof randomProgram>,
  { x, multipliers, boundMultipliers }: QpResult,
): number {
  let worst = 0
  const use = (value: number) => {
    worst = Math.max(worst, Number.isNaN(value) ? Infinity : value)
  }
  gradient.forEach((g, i) => {
    const product = hessian[i].reduce((sum, h, j) => sum + h * x[j], g)
    const rest = constraints.reduce(
      (sum, { coefficients }, k) => sum - multipliers[k] * coefficients[i],
      product,
    )
    use(Math.abs(rest - boundMultipliers[i]))
  })
  const limit = (value: number, multiplier: number, min: number, max: number) => {
    use(min - value)
    use(value - max)
    if (min === max) return
    if (multiplier > 0) use(Math.min(multiplier, value - min))
    if (multiplier < 0) use(Math.min(-multiplier, max - value))
  }
  for (const [i, [min, max]] of bounds.entries()) limit(x[i], boundMultipliers[i], min, max)
  constraints.forEach(({ coefficients, equal, min = -Infinity, max = Infinity }, k) => {
    const value = coefficients.reduce((sum, a, i) => sum + a * x[i], 0)
    limit(value, multipliers[k], equal ?? min, equal ?? max)
  })
  return worst
}

test('200 random programs, half of them semidefinite, satisfy the KKT conditions to 1e-9', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const program = randomProgram(seed)
    const result = qp(program)
    expect(result.reason, `${seed}`).toBe('converged')
    expect(violationOfConditions(program, result), `${seed}`).toBeLessThan(1e-9)
  }
})

describe('qp', () => {
  const sum = { coefficients: [1, 1], equal: 1 }
  const zero = [
    [0, 0],
    [0, 0],
  ]
  const unit = [
    [1, 0],
    [0, 1],
  ]

  test('gives the multipliers, the active constraints and the bounds', () => {
    const result = qp({
      hessian: unit,
      gradient: [-3, 0],
      constraints: [
        { ...sum, name: 'sum' },
        { coefficients: [1, -1], max: 8 },
      ],
      bounds: [[0, 1.5], null],
    })
    expect(result).toMatchObject({ reason: 'converged', atBound: [0] })
    expect(result.value).toBeCloseTo(-3.25, 14)
    expect(result.x[0]).toBe(1.5)
    expect(result.x[1]).toBeCloseTo(-0.5, 14)
    expect(result.multipliers).toEqual({ sum: expect.closeTo(-0.5, 14), 1: 0 })
    expect([...result.boundMultipliers]).toEqual([expect.closeTo(-1, 14), 0])
    expect(result.active).toEqual(['sum'])
  })

  test('solves linear programs', () => {
    const result = qp({
      hessian: zero,
      gradient: [1, -1],
      constraints: [sum],
      bounds: [
        [0, 1],
        [0, 1],
      ],
    })
    expect(result.reason).toBe('converged')
    expect(result.value).toBeCloseTo(-1, 12)
  })

  test.each([
    ['unbounded', { hessian: zero, gradient: [1, -1], constraints: [sum] }],
    [
      'infeasible',
      { hessian: unit, gradient: [0, 0], constraints: [sum, { coefficients: [2, 2], equal: 3 }] },
    ],
    [
      'infeasible',
      {
        hessian: zero,
        gradient: [1, 1],
        constraints: [sum],
        bounds: [
          [1, 2],
          [1, 2],
        ],
      },
    ],
    [
      'converged',
      { hessian: unit, gradient: [0, 0], constraints: [sum, { coefficients: [2, 2], equal: 2 }] },
    ],
    [
      'converged',
      { hessian: unit, gradient: [1e8, -1e-8], constraints: [{ coefficients: [1e8, 1e-8], max: 1 }] },
    ],
  ] as const)('ends as %s: %j', (reason, problem) => {
    expect(qp(problem).reason).toBe(reason)
  })

  test('accepts a flat matrix, and changes no argument', () => {
    const hessian = Float64Array.of(2, 1, 1, 3)
    const gradient = Float64Array.of(1, 1)
    const { x } = qp({ hessian, gradient })
    expect(2 * x[0] + x[1]).toBeCloseTo(-1, 14)
    expect([hessian, gradient]).toEqual([Float64Array.of(2, 1, 1, 3), Float64Array.of(1, 1)])
  })

  test.each([
    [
      {
        hessian: [
          [1, 0],
          [0, -1],
        ],
        gradient: [0, 0],
      },
      'hessian: expected a positive semidefinite matrix',
    ],
    [
      {
        hessian: [
          [1, 2],
          [0, 1],
        ],
        gradient: [0, 0],
      },
      'hessian: expected a symmetric matrix',
    ],
    [{ hessian: [[1, 0]], gradient: [0, 0] }, 'hessian: expected 2 rows of 2 numbers'],
    [{ hessian: [[1, 0], [0]], gradient: [0, 0] }, 'hessian[1]: expected 2 finite numbers, got "1 numbers"'],
    [{ hessian: unit, gradient: [0, NaN] }, 'gradient: expected an array of finite numbers, got NaN'],
    [{ hessian: unit, gradient: [] }, 'gradient: expected from 1 to 500 numbers'],
    [
      { hessian: unit, gradient: [0, 0], constraints: [{ coefficients: [1], min: 0 }] },
      'constraints[0]: coefficients',
    ],
    [
      { hessian: unit, gradient: [0, 0], constraints: [{ coefficients: [1, 1] }] },
      'constraints[0]: expected a limit',
    ],
    [{ hessian: unit, gradient: [0, 0], limits: [] }, 'qp: expected one of hessian, gradient'],
  ])('names what is wrong: %j', (problem, message) => {
    expect(() => qp(problem as never)).toThrow(message)
  })
})
