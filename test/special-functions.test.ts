/** Functions of expressions that are computed in float64 for both dtypes: values, derivatives and special arguments. */

import { readFileSync } from 'node:fs'
import { expression, gradientDescent, minimizeManySync, OptionError } from 'antigrad'
import { describe, expect, test } from 'vitest'
import { home } from './children.js'

/** Arguments, the value, and its derivatives. */
type Row = readonly number[]
const table: Record<string, Row[]> = JSON.parse(
  readFileSync(`${home}/test/data/special-functions.json`, 'utf8'),
)

/** The maximum errors in units in the last place, as in docs/expressions.md. */
const within: Record<string, number> = {
  ...{ expm1: 1, log1p: 1, log2: 1, log10: 1, sinh: 1, cosh: 1, cbrt: 1, asin: 1, acos: 1, atan2: 1 },
  ...{ erf: 1, erfc: 1, erfcx: 2, normpdf: 1, normcdf: 2, norminv: 2 },
  ...{ gamma: 2, lgamma: 2, digamma: 2, trigamma: 2 },
}

const float = new Float64Array(1)
const bits = new BigInt64Array(float.buffer)

/** The distance from a number to the next number of greater magnitude. */
function unit(x: number): number {
  float[0] = Math.abs(x)
  bits[0]++
  const next = float[0]
  return next === Infinity ? 2 ** 971 : next - Math.abs(x)
}

/** The magnitude of the largest terms whose difference is the value. The error is relative to these terms. */
const terms: Record<string, (x: number, value: number) => number> = {
  lgamma: (x, value) => (x < 0 ? Math.max(1, Math.abs(value)) : value),
  digamma: (x, value) => (x < 0 || Math.abs(x - 1.46) < 0.2 ? Math.max(1, Math.abs(value)) : value),
}
const slopeTerms: Record<string, (x: number, slope: number, value: number) => number> = {
  erfcx: (x, _, value) => 2 * Math.abs(x) * value + 2 / Math.sqrt(Math.PI),
  gamma: (_, slope, value) => Math.max(Math.abs(slope), Math.abs(value)),
  lgamma: (_, slope) => Math.max(1, Math.abs(slope)),
}

const argumentsOf = (name: string): string => (name === 'atan2' ? 'x, y' : 'x')
const functionOf = (name: string) => expression(`${name}(${argumentsOf(name)})` as string)

test('the table of reference values contains all special functions', () => {
  expect(Object.keys(table).sort()).toEqual([...Object.keys(within), 'voigt'].sort())
})

describe.each(Object.keys(within))('the special function %s', (name) => {
  const f = functionOf(name)
  const count = f.names.length

  test(`is accurate to ${within[name]} units in the last place`, () => {
    for (const row of table[name]) {
      const [x, exact] = [row.slice(0, count), row[count]]
      const size = terms[name]?.(x[0], exact) ?? exact
      const bound = (size === exact ? within[name] : 4) * unit(size)
      const value = f.value(x)
      expect(Math.abs(value - exact), `${name}(${x}) is ${value}, not ${exact}`).toBeLessThanOrEqual(bound)
    }
  })

  test('has derivatives accurate to 8 units in the last place', () => {
    const slopes = new Float64Array(count)
    for (const row of table[name]) {
      const x = row.slice(0, count)
      f.gradient(x, slopes)
      for (const [k, slope] of slopes.entries()) {
        const exact = row[count + 1 + k]
        const bound = 8 * unit(slopeTerms[name]?.(x[0], exact, row[count]) ?? exact)
        expect(Math.abs(slope - exact), `${name}′(${x}) is ${slope}, not ${exact}`).toBeLessThanOrEqual(bound)
      }
    }
  })

  test('returns the rounded float64 value in float32', () => {
    for (const row of table[name]) {
      const x = Float32Array.from(row.slice(0, count))
      expect(f.value(x)).toBe(Math.fround(f.value([...x])))
    }
  })
})

describe('the special function voigt', () => {
  const f = expression('voigt(x, sigma, gamma)')

  test('is accurate to 4 units in the last place, except in the Gaussian tail', () => {
    for (const [x, sigma, gamma, exact] of table.voigt) {
      const value = f.value([x, sigma, gamma])
      const u = x / sigma
      // The rounding of x/sigma affects the logarithm of the tail, which is proportional to its square.
      const bound = Math.abs(u) < 2 ? 4 : gamma / sigma > 1e-2 ? 10 : 10 + 2 * u * u
      expect(Math.abs(value - exact), `${[x, sigma, gamma]}: ${value}, not ${exact}`).toBeLessThanOrEqual(
        bound * unit(exact),
      )
    }
  })

  test('has derivatives accurate to 32 units in the last place of the largest derivative', () => {
    const slopes = new Float64Array(3)
    for (const [x, sigma, gamma, exact, ...exacts] of table.voigt) {
      f.gradient([x, sigma, gamma], slopes)
      const size = Math.max(exact / sigma, ...exacts.map(Math.abs))
      for (const [k, slope] of slopes.entries()) {
        const bound = (32 + 2 * Math.min((x / sigma) ** 2, 700)) * unit(size)
        expect(Math.abs(slope - exacts[k]), `${[x, sigma, gamma]}: ${k}`).toBeLessThanOrEqual(bound)
      }
    }
  })

  test('returns the rounded float64 value in float32', () => {
    for (const row of [...table.voigt, [6, 1, 0], [0.5, 2, 1]]) {
      const x = Float32Array.from(row.slice(0, 3))
      expect(f.value(x), `${x}`).toBe(Math.fround(f.value([...x])))
    }
  })

  test('is a Gaussian and a Lorentzian in the limits, and NaN for negative gamma', () => {
    expect(f.value([1.5, 2, 0])).toBeCloseTo(Math.exp(-(0.75 ** 2) / 2) / (2 * Math.sqrt(2 * Math.PI)), 15)
    for (const x of [0, 1e-3, 1, 1e5, 1e100])
      expect(f.value([x, 1e-12, 2]) / (2 / Math.PI / (x * x + 4))).toBeCloseTo(1, 13)
    expect(f.value([1, 1, -1e-9])).toBeNaN()
    expect(f.value([1, 1, -0])).toBeGreaterThan(0)
    expect(f.value([Infinity, 1, 1])).toBe(0)
    expect(() => expression('voigt(x, s)')).toThrow(', ')
    expect(expression('voigt + 1').names).toEqual(['voigt'])
  })
})

const [inf, nan] = [Infinity, NaN]
const TINY = 5e-324
const LARGEST = Number.MAX_VALUE

describe('the special functions', () => {
  test.each<readonly [name: string, of: readonly (readonly number[])[]]>([
    [
      'expm1',
      [
        [0, 0],
        [-0, -0],
        [inf, inf],
        [-inf, -1],
        [TINY, TINY],
        [LARGEST, inf],
        [-LARGEST, -1],
      ],
    ],
    [
      'log1p',
      [
        [0, 0],
        [-0, -0],
        [inf, inf],
        [-1, -inf],
        [-1.5, nan],
        [-inf, nan],
        [-TINY, -TINY],
      ],
    ],
    [
      'log2',
      [
        [1, 0],
        [8, 3],
        [2 ** -1074, -1074],
        [2 ** 1023, 1023],
        [0, -inf],
        [-0, -inf],
        [-1, nan],
        [inf, inf],
      ],
    ],
    [
      'log10',
      [
        [1, 0],
        [1000, 3],
        [1e22, 22],
        [0, -inf],
        [-0, -inf],
        [-TINY, nan],
        [inf, inf],
      ],
    ],
    [
      'sinh',
      [
        [0, 0],
        [-0, -0],
        [inf, inf],
        [-inf, -inf],
        [711, inf],
        [-711, -inf],
        [TINY, TINY],
      ],
    ],
    [
      'cosh',
      [
        [0, 1],
        [-0, 1],
        [inf, inf],
        [-inf, inf],
        [711, inf],
        [TINY, 1],
      ],
    ],
    [
      'cbrt',
      [
        [0, 0],
        [-0, -0],
        [inf, inf],
        [-inf, -inf],
        [27, 3],
        [-8, -2],
        [1e300, 1e100],
        [2 ** -1074, 2 ** -358],
      ],
    ],
    [
      'asin',
      [
        [0, 0],
        [-0, -0],
        [1, Math.PI / 2],
        [-1, -Math.PI / 2],
        [1.1, nan],
        [inf, nan],
        [TINY, TINY],
      ],
    ],
    [
      'acos',
      [
        [1, 0],
        [-1, Math.PI],
        [0, Math.PI / 2],
        [1.1, nan],
        [-inf, nan],
      ],
    ],
    [
      'floor',
      [
        [0, 0],
        [-0, -0],
        [0.7, 0],
        [-0.3, -1],
        [-2, -2],
        [1e300, 1e300],
        [inf, inf],
        [-inf, -inf],
      ],
    ],
    [
      'sign',
      [
        [0, 0],
        [-0, -0],
        [TINY, 1],
        [-inf, -1],
      ],
    ],
    [
      'erf',
      [
        [0, 0],
        [-0, -0],
        [inf, 1],
        [-inf, -1],
        [6, 1],
        [LARGEST, 1],
      ],
    ],
    [
      'erfc',
      [
        [0, 1],
        [inf, 0],
        [-inf, 2],
        [28, 0],
        [-LARGEST, 2],
      ],
    ],
    [
      'erfcx',
      [
        [0, 1],
        [-0, 1],
        [inf, 0],
        [-inf, inf],
        [-27, inf],
      ],
    ],
    [
      'normpdf',
      [
        [inf, 0],
        [-inf, 0],
        [LARGEST, 0],
      ],
    ],
    [
      'normcdf',
      [
        [0, 0.5],
        [-0, 0.5],
        [inf, 1],
        [-inf, 0],
        [9, 1],
        [-39, 0],
      ],
    ],
    [
      'norminv',
      [
        [0.5, 0],
        [0, -inf],
        [-0, -inf],
        [1, inf],
        [1.1, nan],
        [-TINY, nan],
        [inf, nan],
      ],
    ],
    [
      'gamma',
      [
        [5, 24],
        [1, 1],
        [2, 1],
        [0, inf],
        [-0, -inf],
        [-3, nan],
        [inf, inf],
        [-inf, nan],
        [172, inf],
        [-190.5, -0],
        [-189.5, 0],
      ],
    ],
    [
      'lgamma',
      [
        [1, 0],
        [2, 0],
        [0, inf],
        [-0, inf],
        [-3, inf],
        [inf, inf],
        [-inf, inf],
        [LARGEST, inf],
      ],
    ],
    [
      'digamma',
      [
        [0, -inf],
        [-0, inf],
        [-3, nan],
        [inf, inf],
        [-inf, nan],
      ],
    ],
    [
      'trigamma',
      [
        [0, inf],
        [-0, inf],
        [-3, inf],
        [inf, 0],
        [-inf, nan],
      ],
    ],
  ])('have the documented values for special arguments of %s', (name, cases) => {
    const f = functionOf(name)
    for (const [x, value] of cases) expect(f.value([x]), `${name}(${x})`).toBe(value)
    expect(f.value([nan])).toBeNaN()
    expect(f.value(Float32Array.of(nan))).toBeNaN()
  })

  test('have the values of the C99 standard for special arguments of atan2', () => {
    const f = expression('atan2(y, x)')
    const pi = Math.PI
    const all: readonly (readonly [y: number, x: number, value: number])[] = [
      ...([
        [0, 0, 0],
        [-0, 0, -0],
        [0, -0, pi],
        [-0, -0, -pi],
        [0, -1, pi],
        [-0, -1, -pi],
      ] as const),
      ...([
        [0, 1, 0],
        [-0, 1, -0],
        [1, 0, pi / 2],
        [-1, -0, -pi / 2],
      ] as const),
      ...([
        [inf, inf, pi / 4],
        [inf, -inf, (3 * pi) / 4],
        [-inf, -inf, (-3 * pi) / 4],
      ] as const),
      ...([
        [1, inf, 0],
        [1, -inf, pi],
        [-1, inf, -0],
        [inf, 1, pi / 2],
        [-inf, LARGEST, -pi / 2],
      ] as const),
      ...([
        [TINY, TINY, pi / 4],
        [LARGEST, LARGEST, pi / 4],
        [TINY, LARGEST, 0],
        [LARGEST, TINY, pi / 2],
      ] as const),
      ...([
        [nan, 1, nan],
        [1, nan, nan],
        [nan, inf, nan],
        [inf, nan, nan],
      ] as const),
    ]
    for (const [y, x, value] of all) expect(f.value([y, x]), `atan2(${y}, ${x})`).toBe(value)
  })
})

describe.each(['float32', 'float64'] as const)(
  'special functions have the same bits on all engines in %s',
  (dtype) => {
    const make = (numbers: readonly number[]) =>
      dtype === 'float32' ? Float32Array.from(numbers) : Float64Array.from(numbers)
    const strange = [
      0,
      -0,
      inf,
      -inf,
      nan,
      TINY,
      -TINY,
      1e-45,
      1,
      -1,
      0.5,
      2,
      -2.5,
      3217.5,
      -1.6e6,
      1e38,
      -1e300,
    ]

    test('for voigt and the derivatives of voigt', () => {
      const ordinary = [...table.voigt.slice(0, 200), [6, 1, 0]]
      const rows = [...ordinary, ...strange.map((x) => [x, 1 - x, x * x])]
      const [x, sigma, gamma] = [0, 1, 2].map((k) => make(rows.map((row) => row[k])))
      const f = expression('voigt(x, sigma, gamma)')
      const rule = gradientDescent({ lr: 0 })
      const run = (engine: 'native' | 'wasm' | 'typescript') => {
        const result = minimizeManySync(f, { x, sigma, gamma }, rule, { engine, maxIterations: 1 })
        return [[...result.value], [...result.gradientNorm]]
      }
      const expected = run('typescript')
      const exact = make(ordinary.map((_, k) => f.value([x[k], sigma[k], gamma[k]])))
      expect(expected[0].slice(0, ordinary.length)).toEqual([...exact])
      expect(run('wasm')).toEqual(expected)
      expect(run('native')).toEqual(expected)
    })

    test.each([...Object.keys(within), 'floor', 'sign'])('for %s and its derivatives', (name) => {
      const rows = [...(table[name] ?? []).slice(0, 60), ...strange.map((x) => [x, 0.5 - x])]
      const starts = {
        x: make(rows.map(([x]) => x)),
        ...(name === 'atan2' && { y: make(rows.map(([, y]) => y)) }),
      }
      const rule = gradientDescent({ lr: 0 })
      const run = (engine: 'native' | 'wasm' | 'typescript') => {
        const result = minimizeManySync(functionOf(name), starts, rule, { engine, maxIterations: 1 })
        expect(result.engine).toBe(engine)
        return [[...result.value], [...result.gradientNorm]]
      }
      const expected = run('typescript')
      expect(run('wasm')).toEqual(expected)
      expect(run('native')).toEqual(expected)
    })
  },
)

test('derivatives of special functions have the correct limits, and are NaN if the function is undefined', () => {
  const slopes = new Float64Array(2)
  const at = (text: string, ...x: number[]) => {
    expression(text).gradient(x, slopes)
    return [...slopes.subarray(0, x.length)]
  }
  expect(at('erfcx(x)', inf)).toEqual([-0])
  expect(at('erfcx(x)', 1e10)[0]).toBeCloseTo(-1e-20 / Math.sqrt(Math.PI), 30)
  expect(at('atan2(y, x)', inf, -inf)).toEqual([0, -0])
  for (const text of ['log2(x)', 'log10(x)', 'log1p(x)']) expect(at(text as string, -2)).toEqual([nan])
  expect(at('asin(x)', 1)).toEqual([inf])
  expect(at('cbrt(x)', 0)).toEqual([inf])
})

test('the functions floor and sign have the derivative 0', () => {
  const slope = new Float64Array(1)
  for (const text of ['floor(x)', 'sign(x)']) {
    slope[0] = 5
    expression(text as string).gradient([2.5], slope)
    expect(slope[0]).toBe(0)
  }
})

test('second derivatives are correct for all special functions except trigamma, which has no derivative', () => {
  const second = new Float64Array(1)
  expression('lgamma(x)').hessian([3], second)
  expect(second[0]).toBe(expression('trigamma(x)').value([3]))
  expression('erf(x)').hessian([0.5], second)
  expect(second[0]).toBeCloseTo((-2 / Math.sqrt(Math.PI)) * Math.exp(-0.25), 14)
  expect(() => expression('trigamma(x)').hessian([3], second)).toThrow(OptionError)
})

test('a name that a later version uses for a function remains a parameter unless parentheses follow the name', () => {
  const f = expression('gamma*lgamma(x) + sign')
  expect(f.names).toEqual(['gamma', 'x', 'sign'])
  expect(f.value([2, 4, 1])).toBe(2 * expression('lgamma(x)').value([4]) + 1)
  expect(() => expression('sin + 1')).toThrow('( after sin')
})
