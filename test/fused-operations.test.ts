/** Fused operations of programs: each intermediate result is rounded, as in a sequence of separate operations. */

import { describe, expect, test } from 'vitest'
import { OPERATIONS } from '../dist/arena/manifest.js'
import { Graph } from '../dist/expressions/graph.js'
import { type Code, operations, toScalarOperation } from '../dist/expressions/operations.js'
import { parse } from '../dist/expressions/parse.js'
import { compile } from '../dist/expressions/program.js'
import { dtypes } from './helpers.js'

const numbers = [0, -0, 1, -3, 0.1, 1 / 3, -7e-5, 1e-45, 1e-310, 1e30, -1e200, Infinity, NaN]
/** The digits of an index select the numbers, so that all combinations occur. */
const draws = Array.from({ length: numbers.length ** 3 }, (_, k) =>
  [k, k / 13, k / 169, k / 7].map((at) => numbers[Math.floor(at) % numbers.length]),
)

describe.each(dtypes)('fused operations on %s', (dtype) => {
  const of = (code: Code) => toScalarOperation(code, dtype)
  const [add, subtract, multiply, divide] = (['add', 'subtract', 'multiply', 'divide'] as const).map(of)
  const over = (a: number, b: number) => (b === 0 ? 0 : divide(a, b))
  const sqrt = of('sqrt')
  const wanted: Partial<Record<Code, (a: number, b: number, c: number, d: number) => number>> = {
    blend: (a, b, c, d) => add(multiply(a, b), multiply(c, d)),
    blendSquare: (a, b, c, d) => add(multiply(a, b), multiply(c, multiply(d, d))),
    blendProduct: (a, b, c, d) => add(multiply(a, b), multiply(multiply(c, d), d)),
    multiplySubtractMultiply: (a, b, c, d) => subtract(multiply(a, b), multiply(c, d)),
    sqrtMultiplyAdd: (a, b, c) => add(multiply(sqrt(a), b), c),
    over,
    multiplyOver: (a, b, c) => over(multiply(a, b), c),
    multiplyOverFrom: (a, b, c, d) => subtract(d, over(multiply(a, b), c)),
    overMultiply: (a, b, c) => multiply(over(a, b), c),
    multiplyDivide: (a, b, c) => divide(multiply(a, b), c),
    multiplyDivideFrom: (a, b, c, d) => subtract(d, divide(multiply(a, b), c)),
    divideMultiply: (a, b, c) => multiply(divide(a, b), c),
    sqrtDivideAdd: (a, b, c) => add(divide(sqrt(a), b), c),
    divideSqrtAdd: (a, b, c) => add(sqrt(divide(a, b)), c),
    larger: (a, b) => (a > b ? a : b),
  }
  test.each(Object.entries(wanted))('equal sequences of separate operations: %s', (code, compute) => {
    const one = of(code as Code)
    for (const [a, b, c, d] of draws) {
      const rounded = [a, b, c, d].map((x) => (dtype === 'float32' ? Math.fround(x) : x)) as never[]
      expect(one(...rounded)).toBe(compute(...(rounded as unknown as [number, number, number, number])))
    }
  })
})

test('all fused operations are implemented in TypeScript and in Rust', () => {
  expect([...OPERATIONS].sort()).toEqual(Object.keys(operations).sort())
})

test.each([
  ['a*b + x*y', ['blend']],
  ['a*b - x*y', ['multiplySubtractMultiply']],
  ['a*b + x*x', ['blend']],
  // A product with another use is not fused.
  ['a*b + x*y + exp(x*y)', ['multiply', 'multiplyAdd', 'exp', 'add']],
  ['exp(a) + x*y', ['exp', 'multiplyAdd']],
  ['a*b + x/y', ['divide', 'multiplyAdd']],
])('the expression %s is compiled to fused operations', (text, codes) => {
  const graph = new Graph()
  const { root } = parse(text, graph)
  const { head, body, tail } = compile(graph, [root], ['a', 'b', 'x', 'y'], [])
  expect([...head, ...body, ...tail].map(([code]) => OPERATIONS[code])).toEqual(codes)
})
