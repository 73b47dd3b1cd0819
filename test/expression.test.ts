/** Expressions: their meaning, derivatives and sums over rows of data, and malicious strings. */

import {
  adam,
  checkGradient,
  ExpressionError,
  expression,
  minimize,
  minimizeManySync,
  OptionError,
  rosenbrock,
  sgd,
} from 'antigrad'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as functions from '../dist/functions/index.js'
import { treeOf } from './programs/expressions.js'

const at = (text: string, ...x: number[]) => expression(text).value(x)

describe('an expression', () => {
  test.each([
    ['1 + 2*3', 7],
    ['(1 + 2)*3', 9],
    ['7 - 2 - 1', 4],
    ['8/4/2', 1],
    ['-2^2', -4],
    ['(-2)^2', 4],
    ['2^3^2', 512],
    ['2**3', 8],
    ['2^-2', 0.25],
    ['2*-3', -6],
    ['- -3', 3],
    ['1e3 + .5 + 2.', 1002.5],
    ['4^0.5', functions.pow(4, 0.5)],
    ['pow(2, 10)', 1024],
    ['pi', Math.PI],
    ['min(3, 2) + max(3, 2)', 5],
    ['sqrt(16) + abs(-3)', 7],
    ['exp(1)', functions.exp(1)],
    ['log(2)', functions.log(2)],
    ['sin(1) + cos(2)', functions.sin(1) + functions.cos(2)],
    ['1 < 2 ? 3 : 4', 3],
    ['1 > 2 ? 3 : 1 >= 1 ? 5 : 6', 5],
    ['1 == 1 && 2 != 2 ? 1 : 0', 0],
    ['1 == 1 || 2 != 2 ? 1 : 0', 1],
    ['!(1 <= 2) ? 1 : 0', 0],
  ])('has the expected value: %s', (text, value) => {
    expect(at(text)).toBe(value)
  })

  test('has its variables as parameters, in order of first appearance and in any alphabet', () => {
    const f = expression('b*θ_1 - a + b')
    expect(f.names).toEqual(['b', 'θ_1', 'a'])
    expect(f.value([2, 3, 5])).toBe(3)
  })

  test('computes integer powers as products, and other powers with library functions', () => {
    expect(at('x^3', 0.1)).toBe(0.1 * 0.1 * 0.1)
    expect(at('x^-2', 3)).toBe(1 / 9)
    expect(at('x^0', Number.NaN)).toBe(1)
    expect(at('x^n', 0.1, 3)).toBe(functions.pow(0.1, 3))
  })

  test.each([
    ['u = exp(-b*t); a*u + c', ['b', 't', 'a', 'c']],
    ['\n u = exp(-b*t)\n\n  a*u\n  + c\n', ['b', 't', 'a', 'c']],
    ['a, b, t\nu = exp(-b\n * t)\r\nv = a*u; v + c;', ['a', 'b', 't', 'c']],
  ])('has the value of the expression after its lines: %j', (text, names) => {
    const point: Record<string, number> = { a: 3, b: 0.5, t: 2, c: 7 }
    const f = expression(text)
    const x = f.names.map((name) => point[name as string])
    expect(f.names).toEqual(names)
    expect(f.value(x)).toBe(3 * functions.exp(-1) + 7)
    const plain = expression('a*exp(-b*t) + c')
    const slopes = new Map<unknown, number>()
    const [found, wanted] = [Float64Array.from(x), Float64Array.from(x)]
    plain.gradient(
      plain.names.map((name) => point[name]),
      wanted,
    )
    plain.names.forEach((name, i) => {
      slopes.set(name, wanted[i])
    })
    f.gradient(x, found)
    expect([...found]).toEqual(f.names.map((name) => slopes.get(name)))
  })

  test('a line may begin with a parenthesis, unless the line before ends with the name of a function', () => {
    expect(at('u = x + y\n(u - 1)^2', 2, 3)).toBe(16)
    expect(at('u = x*y\r\n(u)', 2, 3)).toBe(6)
    expect(at('u = exp\n(x) + 0*y\nu', 0, 3)).toBe(1)
    expect(() => at('u = x (y)', 1, 1)).toThrow('expected a function')
  })

  test('uses conditions of lines as conditions, and lists names that the expression does not use', () => {
    expect(at('x, y\nbelow = x < 2; below && !(x < 1) ? 5 : 6', 1.5, Number.NaN)).toBe(5)
    expect(() => expression('below = x < 2; 1 + below')).toThrow(expect.objectContaining({ position: 19 }))
    expect(expression('x, y,; 5').names).toEqual(['x', 'y'])
  })

  test('propagates NaN through min and max, and treats NaN as unequal to every number', () => {
    for (const text of ['min(x, 1)', 'min(1, x)', 'max(x, 1)', 'max(1, x)']) {
      expect(at(text, Number.NaN), text).toBeNaN()
    }
    for (const sign of ['<', '<=', '>', '>=', '==']) expect(at(`x ${sign} 1 ? 1 : 0`, Number.NaN)).toBe(0)
    expect(at('x != 1 ? 1 : 0', Number.NaN)).toBe(1)
  })

  test.each([
    ['', 0],
    ['(', 1],
    ['1 +', 3],
    ['1..2', 2],
    ['a b', 2],
    ['a < b < c', 6],
    ['x < 0', 0],
    ['x ? 1 : 2', 0],
    ['1 + (x < 0)', 5],
    ['!x ? 1 : 0', 1],
    ['f(x)', 0],
    ['exp', 3],
    ['exp()', 4],
    ['exp(1, 2)', 5],
    ['min(1)', 5],
    ['1 $ 2', 2],
    ['x ? 1', 0],
    ['constructor(1)', 0],
    ['x = 1', 5],
    ['u = 3 4', 6],
    ['u = v; v = 3; u', 7],
    ['u = u + 1; u', 0],
    ['u = 1; u = 2; u', 7],
    ['exp = 3; exp', 0],
    ['pi = 3; pi', 0],
    ['a; b', 3],
    ['a, exp\na', 3],
    ['a, b a', 5],
    ['1 + (u = 3)', 7],
  ])('is refused with the position of the error: %j', (text, position) => {
    expect(() => expression(text)).toThrow(ExpressionError)
    expect(() => expression(text)).toThrow(expect.objectContaining({ position }))
  })

  test.each([
    ['x²', 1, '^2', '²'],
    ['2*x⁻¹', 3, '^-1', '⁻¹'],
    ['1 + x³y', 5, '^3', '³'],
    ['xⁿ', 1, '^n', 'ⁿ'],
    ['a×b', 1, '*', '×'],
    ['a · b', 2, '*', '·'],
    ['a÷b', 1, '/', '÷'],
    ['a − b', 2, '-', '−'],
    ['a – b', 2, '-', '–'],
    ['√x', 0, 'sqrt(x)', '√'],
    ['a ≤ b ? 1 : 2', 2, '<=', '≤'],
    ['a ≥ b ? 1 : 2', 2, '>=', '≥'],
    ['a ≠ b ? 1 : 2', 2, '!=', '≠'],
    ['½*x', 0, '1/2', '½'],
    ['x＋1', 1, '+', '＋'],
    ['a*e^(-x)', 2, 'exp(…)', 'e^'],
    ['e**x', 0, 'exp(…)', 'e**'],
    ['x…', 1, 'a number, a name or an operator', '…'],
  ])(
    'is refused with the position of the error and a suggested correction: %j',
    (text, position, wanted, got) => {
      expect(() => expression(text)).toThrow(expect.objectContaining({ name: 'ExpressionError', position }))
      expect(() => expression(text)).toThrow(`expected ${wanted}`)
      expect(() => expression(text)).toThrow(`got ${got}: `)
    },
  )

  test('treats letters as names, π as a constant, and e as a constant or an exponential', () => {
    expect(expression('α*µ + x₁ + e*E + pow(e, 2) + (e)^2 + pi_1').names).toEqual([
      'α',
      'µ',
      'x₁',
      'e',
      'E',
      'pi_1',
    ])
    expect([at('2*π'), at('2*pi')]).toEqual([2 * Math.PI, 2 * Math.PI])
    for (const name of ['pi', 'π']) {
      expect(() => expression(`x*${name}`).with({ [name]: [1] })).toThrow(/data: expected another name than/)
    }
  })

  test('can contain variables with the names of inherited object properties, such as constructor', () => {
    expect(at('constructor + __proto__ + toString', 1, 2, 3)).toBe(6)
  })

  test.each([
    ['characters', 'x+'.repeat(50_000)],
    ['names', Array.from({ length: 1_500 }, (_, i) => `x${i}`).join('+')],
    ['brackets', `${'('.repeat(10_000)}x${')'.repeat(10_000)}`],
    ['signs', `${'-'.repeat(10_000)}x`],
    ['powers', Array(5_000).fill('x').join('^')],
    ['conditionals', 'x<1?1:'.repeat(3_000)],
  ])('is refused if the expression has too many %s', (_, text) => {
    const start = performance.now()
    expect(() => expression(text)).toThrow(ExpressionError)
    expect(performance.now() - start).toBeLessThan(5_000)
  })

  test('is parsed in little time even at the maximum length', () => {
    const start = performance.now()
    const f = expression(Array(9_999).fill('x').join('*'))
    expect(f.value([1])).toBe(1)
    f.gradient([1], new Float64Array(1))
    expect(performance.now() - start).toBeLessThan(30_000)
  })

  test.each([[3], [null], [['x']]])('must be a string, not %j', (given) => {
    expect(() => expression(given as never)).toThrow(OptionError)
  })
})

const names = ['x', 'y', 'z']
const tree = treeOf({ names, literal: fc.integer({ min: 1, max: 9 }) })
/**
 * Three numbers that no simple formula relates to each other or to an integer. At a tie such as `x == 2`, the
 * derivative of the chosen branch differs from the derivatives nearby, and min and max have two derivatives.
 */
const point = fc
  .array(fc.double({ min: 0.5, max: 2, noNaN: true }), { minLength: 3, maxLength: 3 })
  .map(([x, y, z]) => [(x * Math.PI) / 3, (y * Math.E) / 3, z * Math.SQRT1_2])

/** Lists all three names in order, without changing the value. */
const withAll = (text: string) => `(0 < 1 ? ${text} : x + y + z)`

describe('random expressions', () => {
  test('have the same values as a direct evaluation', () => {
    fc.assert(
      fc.property(tree, point, (plain, x) => {
        const f = expression(`x*0 + y*0 + z*0 < 1 ? ${plain.text} : 0`)
        expect(f.value(x)).toBe(plain.at(x))
      }),
      { numRuns: 500 },
    )
  })

  test('have derivatives that agree with finite differences', () => {
    let compared = 0
    fc.assert(
      fc.property(tree, point, (plain, x) => {
        const f = expression(`${withAll(plain.text)} + 0*(x + y + z)`)
        const at = f.names.map((name) => x[names.indexOf(name)])
        const plus = (i: number, h: number) => at.map((xi, k) => (k === i ? xi + h : xi))
        const gradient = new Float64Array(at.length)
        f.gradient(at, gradient)
        for (const [i, g] of gradient.entries()) {
          const slope = (h: number) => (f.value(plus(i, h)) - f.value(plus(i, -h))) / (2 * h)
          const [coarse, fine] = [slope(1e-4), slope(1e-5)]
          const bend = (f.value(plus(i, 1e-5)) + f.value(plus(i, -1e-5)) - 2 * f.value(at)) / 1e-5
          // Excludes discontinuities, strong curvature, and poles that cancel, such as √(z − z).
          const scale = 1 + Math.abs(fine)
          const isSmooth =
            Math.abs(coarse - fine) < 1e-6 * scale && Math.abs(bend) < 1e-4 * scale && scale < 1e6
          if (!isSmooth || !Number.isFinite(g) || Math.abs(f.value(at)) > 1e6) continue
          compared++
          expect(Math.abs(g - fine)).toBeLessThan(1e-4 * (1 + Math.abs(fine)))
        }
      }),
      { numRuns: 500 },
    )
    expect(compared).toBeGreaterThan(500)
  })
})

test.each([
  ['x^2 + x*y', [1.5, 2]],
  ['min(x, y)*max(x, y)', [1.5, 2]],
  ['abs(x - y)', [1.5, 2]],
  ['pow(x, y)', [1.5, 2]],
  ['x/y - y/x', [1.5, 2]],
  ['sqrt(x*x + y*y)', [1.5, 2]],
  ['x < y ? sin(x)*y : cos(y)', [1.5, 2]],
  ['log(exp(x) + exp(y))', [1.5, 2]],
])('the gradient of %s agrees with central differences', (text, x) => {
  expect(checkGradient(expression(text), x)).toMatchObject({ ok: true })
})

test.each([
  ['x > 0 ? log(x) : 2*x', 0, 2],
  ['x > 0 ? log(x) : 2*x', -1, 2],
  ['x > 0 ? (x < 9 ? sqrt(x) : sqrt(9 - x)) : x', 4, 0.25],
  ['min(x, 1/(x - 2))', 2, 1],
  ['(x > 0 ? sqrt(x) : 0) + (x > 1 ? sqrt(x) : x)', 0, 1],
])('the branch that %s does not use at %d has no effect on the derivative', (text, x, slope) => {
  const out = new Float64Array(1)
  expression(text).gradient([x], out)
  expect(out[0]).toBe(slope)
})

const slopes = (text: string, ...x: number[]) => {
  const out = new Float64Array(x.length)
  expression(text).gradient(x, out)
  return [...out]
}

test.each([
  ['x^0', [0], [0]],
  ['x^0', [Number.NaN], [0]],
  ['pow(x, 0)*x', [0], [1]],
  ['x^0.5', [0], [Infinity]],
  ['x^y', [0, 0], [0, 0]],
  ['x^y', [0, 0.5], [Infinity, 0]],
  ['x^y', [0, 1], [1, 0]],
  ['x^y', [0, 2], [0, 0]],
  ['x^y', [2, 0], [0, functions.log(2)]],
  ['x^y', [Infinity, 0], [0, Infinity]],
  ['(x - 1)^(y - 1)', [1, 1], [0, 0]],
])('the derivatives of the expression %s at %j are %j', (text, x, wanted) => {
  expect(slopes(text, ...x)).toEqual(wanted)
})

describe('the data rows of an expression', () => {
  const t = [0, 1, 2, 3]
  const y = [1, 0.6, 0.3, 0.2]
  const f = expression('(a*exp(-b*t) + c - y)^2')

  test('are summed from first to last, and common subexpressions are computed once', () => {
    const fit = f.with({ y, t })
    expect(fit.parameters).toEqual(['a', 'b', 'c'])
    const [a, b, c] = [1, 0.5, 0.1]
    let sum = 0
    for (const [i, ti] of t.entries()) {
      const r = a * functions.exp(-b * ti) + c - y[i]
      sum += r * r
    }
    expect(fit.value([a, b, c])).toBe(sum)
    expect(checkGradient(fit, [a, b, c])).toMatchObject({ ok: true })
  })

  test('are rounded to float32 after each operation', () => {
    const h = Math.fround
    const sum = expression('a*t + b').with({ t: [0.1, 0.2, 0.3] })
    const [a, b] = Float32Array.of(1.1, 0.7)
    const rows = [0.1, 0.2, 0.3].map((ti) => h(h(a * h(ti)) + b))
    expect(sum.value(Float32Array.of(a, b))).toBe(h(h(rows[0] + rows[1]) + rows[2]))
  })

  test('are copied when the expression is created', () => {
    const column = Float64Array.from(t)
    const fit = f.with({ t: column, y })
    const before = fit.value([1, 1, 0])
    column.fill(7)
    expect(fit.value([1, 1, 0])).toBe(before)
  })

  test.each([
    [{ t, y: [1] }, /data: y: expected 4 rows/],
    [{ t, q: y }, /data: expected columns among a, b, t, c, y, got "q"/],
    [{ t: 'text' }, /data: t: expected an array, Float32Array or Float64Array of numbers/],
    [{ t: [1, '2'] }, /data: t: expected an array, Float32Array or Float64Array of numbers/],
    [null, /data: expected an object/],
  ])('are refused if invalid: %j', (data, message) => {
    expect(() => f.with(data as never)).toThrow(message)
  })
})

test.each(['typescript', 'wasm', 'native'] as const)(
  'the expression (a − b)·c is not compiled to the difference of two products on %s',
  (engine) => {
    const start = { a: [2], b: [3], c: [4], d: [5] }
    const valueAt = (text: string) =>
      minimizeManySync(expression(text), start, sgd({ lr: 1e-300 }), { maxIterations: 1, engine }).value[0]
    expect(valueAt('(a*b - c)*d')).toBe(10)
    expect(valueAt('d*(a*b - c)')).toBe(10)
    expect(valueAt('a*b - c*d')).toBe(-14)
    expect(valueAt('(a*b + c)*d')).toBe(50)
    expect(valueAt('a*b + c*d')).toBe(26)
  },
)

test('minimize returns the same result for an expression as for a function with a manual gradient', () => {
  const rule = adam({ lr: 1e-2 })
  const options = { maxIterations: 50_000 }
  const found = minimize(expression('(1 - x)^2 + 100*(y - x^2)^2'), [-1.5, 2], rule, options)
  const byHand = minimize(rosenbrock(), [-1.5, 2], rule, options)
  expect(found.reason).toBe('converged')
  expect(Math.abs(found.x[0] - 1)).toBeLessThan(1e-6)
  expect(Math.abs(found.iterations - byHand.iterations)).toBeLessThan(0.01 * byHand.iterations)
})

test("an expression refuses a point of the wrong length, and the error names the expression's parameters", () => {
  expect(() => expression('x + y').value([1])).toThrow(/x: expected 2 numbers: x, y, got "1 numbers"/)
})
