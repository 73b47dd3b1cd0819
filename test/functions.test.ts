/** Elementary functions: errors, special values and symmetries. The sources do not use Math's functions. */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { transform } from 'esbuild'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { cos, exp, log, pow, sin } from '../dist/functions/index.js'
import { home } from './children.js'
import { functionDigests } from './function-digests.js'

type Name = 'exp' | 'log' | 'sin' | 'cos' | 'pow'
/** Arguments, the correctly rounded value, and the difference to the exact value in ulp. */
type Row = readonly number[]
const functions: Record<Name, (...x: number[]) => number> = { exp, log, sin, cos, pow } as never
const names = Object.keys(functions) as Name[]
const table: Record<Name, Row[]> = JSON.parse(readFileSync(join(home, 'test/data/functions.json'), 'utf8'))

/** The errors that docs/numerics.md states. */
const within: Record<Name, number> = { exp: 0.91, log: 0.85, sin: 0.83, cos: 0.84, pow: 0.94 }

/** Digests of bits, which must not change unnoticed. */
const digests: Record<Name, string> = {
  exp: 'ba9a02aa-4475c966',
  log: '81d44675-41baaa07',
  sin: '3ba9bcbf-7472e5cc',
  cos: '9882c11b-12cfe03f',
  pow: '49ee61d1-79824688',
}

const float = new Float64Array(1)
const word = new BigInt64Array(float.buffer)

/** The number whose magnitude is `steps` ulp after the magnitude of x ≠ 0. */
function neighbor(x: number, steps: number): number {
  float[0] = x
  word[0] += BigInt(steps)
  return float[0]
}

/** An ulp at the exact value. Below a power of two, the ulp is half the ulp above. */
function ulp(rounded: number, excess: number): number {
  const isSmaller = rounded > 0 === excess < 0
  return Math.abs(rounded - neighbor(rounded, isSmaller ? -1 : 1))
}

const any = fc.double()
const finite = fc.double({ noNaN: true, noDefaultInfinity: true })
const settings = { seed: 1, numRuns: 5000 }

describe.each(names)('the mathematical function %s', (name) => {
  test('differs from the exact value by less than an ulp', () => {
    let worst = 0
    for (const row of table[name]) {
      const [rounded, excess] = row.slice(-2)
      const actual = functions[name](...row.slice(0, -2))
      const error = Math.abs((actual - rounded) / ulp(rounded, excess) - excess)
      expect(error, `${name}(${row.slice(0, -2)}) is ${actual}`).toBeLessThan(within[name])
      worst = Math.max(worst, error)
    }
    expect(table[name].length).toBeGreaterThan(300)
    // The table contains difficult arguments.
    expect(worst).toBeGreaterThan(within[name] - 0.02)
  })

  test('computes the same bits as in the previous version', () => {
    expect(functionDigests()[name]).toBe(digests[name])
  })
})

test.each([
  ['exp', NaN, NaN],
  ['exp', Infinity, Infinity],
  ['exp', -Infinity, 0],
  ['exp', 0, 1],
  ['exp', -0, 1],
  ['exp', 709.7827128933841, Infinity],
  ['exp', 1e308, Infinity],
  ['exp', -745.1332191019412, 0],
  ['exp', -1e308, 0],
  ['exp', 5e-324, 1],
  ['log', NaN, NaN],
  ['log', Infinity, Infinity],
  ['log', -Infinity, NaN],
  ['log', 0, -Infinity],
  ['log', -0, -Infinity],
  ['log', -5e-324, NaN],
  ['log', 1, 0],
  ['sin', NaN, NaN],
  ['sin', Infinity, NaN],
  ['sin', -Infinity, NaN],
  ['sin', 0, 0],
  ['sin', -0, -0],
  ['sin', 5e-324, 5e-324],
  ['cos', NaN, NaN],
  ['cos', Infinity, NaN],
  ['cos', -Infinity, NaN],
  ['cos', 0, 1],
  ['cos', -0, 1],
  // The float64 number nearest to a multiple of π/2.
  ['cos', 5.319372648326541e255, -4.687165924254628e-19],
] as const)('the value of the function %s at %s is %s', (name, x, value) => {
  expect(functions[name](x)).toBe(value)
})

/** C99, F.9.4.4. */
test.each([
  [0, -1, Infinity],
  [-0, -3, -Infinity],
  [0, -2, Infinity],
  [-0, -2, Infinity],
  [-0, -0.5, Infinity],
  [-0, -1e300, Infinity],
  [-0, -Infinity, Infinity],
  [0, 3, 0],
  [-0, 3, -0],
  [-0, 9007199254740991, -0],
  [-0, 9007199254740992, 0],
  [-0, 0.5, 0],
  [-0, Infinity, 0],
  [-1, Infinity, 1],
  [-1, -Infinity, 1],
  [1, NaN, 1],
  [1, Infinity, 1],
  [NaN, 0, 1],
  [NaN, -0, 1],
  [0, 0, 1],
  [Infinity, 0, 1],
  [NaN, 1, NaN],
  [2, NaN, NaN],
  [-2, 0.5, NaN],
  [-5e-324, -1.5, NaN],
  [0.5, -Infinity, Infinity],
  [-0.5, -Infinity, Infinity],
  [2, -Infinity, 0],
  [-2, -Infinity, 0],
  [0.5, Infinity, 0],
  [-0.5, Infinity, 0],
  [2, Infinity, Infinity],
  [-2, Infinity, Infinity],
  [-Infinity, -3, -0],
  [-Infinity, -2, 0],
  [-Infinity, -0.5, 0],
  [-Infinity, 3, -Infinity],
  [-Infinity, 2, Infinity],
  [-Infinity, 0.5, Infinity],
  [Infinity, -0.5, 0],
  [Infinity, 0.5, Infinity],
  [-Infinity, -Infinity, 0],
  // The arguments are slightly or far out of range.
  [2, 1024, Infinity],
  [-2, 1025, -Infinity],
  [2, -1075, 0],
  [-2, -1075, -0],
  [5e-324, -1e308, Infinity],
  [1.7976931348623157e308, 1e308, Infinity],
  [0.9999999999999999, 1e308, 0],
  [1.0000000000000002, 1e308, Infinity],
  [-0.9999999999999999, -1e308, Infinity],
])('the value of pow(%s, %s) is %s', (x, y, value) => {
  expect(pow(x, y)).toBe(value)
})

test('the function pow is exact if the power is representable', () => {
  for (let x = 2; x < 100; x++) {
    let exact = x
    for (let y = 1; exact <= Number.MAX_SAFE_INTEGER; y++, exact *= x) {
      expect(pow(x, y)).toBe(exact)
      expect(pow(-x, y)).toBe(y % 2 === 0 ? exact : -exact)
      if (y === 2) expect(pow(exact, 0.5)).toBe(x)
    }
  }
  for (let y = -1074; y < 1024; y++) expect(pow(2, y)).toBe(2 ** y)
  fc.assert(
    fc.property(any, (x) => Object.is(pow(x, 1), x)),
    settings,
  )
})

test('the sine is odd, the cosine is even, and the sum of both squares is 1 up to rounding', () => {
  fc.assert(
    fc.property(finite, (x) => {
      expect(sin(-x)).toBe(-sin(x))
      expect(cos(-x)).toBe(cos(x))
      expect(Math.abs(sin(x) * sin(x) + cos(x) * cos(x) - 1)).toBeLessThan(1e-15)
      expect(Math.max(Math.abs(sin(x)), Math.abs(cos(x)))).toBeLessThanOrEqual(1)
    }),
    settings,
  )
})

test('the functions exp, log and pow are monotonic, even between neighboring floating-point numbers', () => {
  const rises = (f: (x: number) => number) => (x: number, steps: number) => {
    const [low, high] = [x, neighbor(x, steps)].sort((a, b) => a - b)
    expect(f(low), `${low}, ${high}`).toBeLessThanOrEqual(f(high))
  }
  const steps = fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 2 ** 31 - 1 }))
  const inRange = fc.double({ min: -746, max: 710, noNaN: true }).filter((x) => x !== 0)
  const positive = fc.double({ min: 5e-324, max: 1e308, noNaN: true })
  const small = fc.double({ min: 0.01, max: 4, noNaN: true })
  fc.assert(fc.property(inRange, steps, rises(exp)), settings)
  fc.assert(fc.property(positive, steps, rises(log)), settings)
  fc.assert(
    fc.property(small, steps, fc.double({ min: 0, max: 20, noNaN: true }), (x, k, y) =>
      rises((base) => pow(base, y))(x, k),
    ),
    settings,
  )
})

/** Functions that every engine must round by IEEE 754, and exact functions. */
const exact = [
  'PI',
  'LOG10E',
  'LOG2E',
  'SQRT1_2',
  'SQRT2',
  'abs',
  'ceil',
  'clz32',
  'floor',
  'fround',
  'imul',
  'max',
  'min',
  'round',
  'sign',
  'sqrt',
  'trunc',
]

test('only plots use Math functions that differ between JavaScript engines', async () => {
  const files = readdirSync(join(home, 'ts'), { recursive: true, encoding: 'utf8' })
  const pictures = [join('command-line', 'plot'), 'plots']
  const sources = files.filter(
    (file) => file.endsWith('.ts') && !pictures.some((folder) => file.startsWith(folder)),
  )
  expect(sources).toContain(join('functions', 'exp.ts'))
  const found = await Promise.all(sources.map(async (file) => [file, await inexact(file)]))
  expect(found.filter(([, names]) => names.length > 0)).toEqual([])
})

/**
 * The further functions of `Math` that a file uses. Powers by ** count, because esbuild replaces `**` by `Math.pow`
 * here.
 */
async function inexact(file: string): Promise<string[]> {
  const source = readFileSync(join(home, 'ts', file), 'utf8')
  // The expression removes comments.
  const { code } = await transform(source, { loader: 'ts', supported: { 'exponent-operator': false } })
  // The name as a word in a message is no use of the object, and `Math[name]` reads constants.
  const program = file.startsWith('from-function') ? code.replaceAll(/(["'`]).*?\1|Math\[name\]/g, '') : code
  return [...program.matchAll(/\bMath\b(?:\.(\w+))?/g)]
    .map(([, name = 'Math']) => name)
    .filter((name) => !exact.includes(name))
}
