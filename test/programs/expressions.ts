/** Random expressions: the strings of the expressions, and their values by a simple evaluation. */

import fc from 'fast-check'
import * as functions from '../../dist/functions/index.js'
import { anyLiteral } from './numbers.js'

/** An expression tree with a string, and with a value that independent code computes. */
export interface Plain {
  readonly text: string
  /** Whether the tree contains no names. */
  readonly isConstant: boolean
  at(x: readonly number[]): number
}

type Computed = readonly [name: string, compute: (...operands: number[]) => number]

const one = (...names: (keyof ReturnType<typeof functions.elementary>)[]): Computed[] =>
  names.map((name) => [name, functions.elementary('float64')[name] as Computed[1]])

const signs: readonly Computed[] = [
  ['+', (a, b) => a + b],
  ['-', (a, b) => a - b],
  ['*', (a, b) => a * b],
  ['/', (a, b) => a / b],
]
const unary: readonly Computed[] = [
  ['-', (a) => -a],
  ['sqrt', Math.sqrt],
  ['abs', Math.abs],
  ['exp', functions.exp],
  ['log', functions.log],
  ['sin', functions.sin],
  ['cos', functions.cos],
  ['tan', functions.tan],
  ['tanh', functions.tanh],
  ['atan', functions.atan],
  ['floor', Math.floor],
  ['sign', Math.sign],
  ...one('expm1', 'log1p', 'log2', 'log10', 'sinh', 'cosh', 'cbrt', 'asin', 'acos'),
  ...one('erf', 'erfc', 'erfcx', 'normpdf', 'normcdf', 'norminv', 'gamma', 'lgamma', 'digamma', 'trigamma'),
]
const binary: readonly Computed[] = [
  ['min', (a, b) => (a < b || Number.isNaN(a) ? a : b)],
  ['max', (a, b) => (a > b || Number.isNaN(a) ? a : b)],
  ['atan2', functions.elementary('float64').atan2],
]
const conditions: readonly (readonly [string, (a: number, b: number) => boolean])[] = [
  ['<', (a, b) => a < b],
  ['<=', (a, b) => a <= b],
  ['==', (a, b) => a === b],
  ['!=', (a, b) => a !== b],
]

/** Small integer powers are products. */
const power = (x: number, n: number) =>
  Number.isInteger(n) && Math.abs(n) <= 64 ? wholePower(x, n) : functions.pow(x, n)

const wholePowers = fc.constantFrom(-2, -1, 0, 1, 2, 3, 7)

/** Repeated squaring that starts with the lowest digit, which defines integer powers. */
function wholePower(x: number, n: number): number {
  let product = 1
  let square = x
  for (let rest = Math.abs(n); rest > 0; rest >>= 1) {
    if (rest & 1) product *= square
    square *= square
  }
  return n < 0 ? 1 / product : product
}

export interface TreeOptions {
  readonly names: readonly string[]
  readonly literal?: fc.Arbitrary<number>
  readonly maxDepth?: number
}

/** Trees of all operators and functions with the given names. */
export function treeOf({ names, literal = anyLiteral, maxDepth = 5 }: TreeOptions): fc.Arbitrary<Plain> {
  const leaf: fc.Arbitrary<Plain> = fc.oneof(
    {
      weight: 3,
      arbitrary: fc
        .nat(names.length - 1)
        .map((i) => ({ text: names[i], isConstant: false, at: (x: readonly number[]) => x[i] })),
    },
    { weight: 1, arbitrary: literal.map((n) => ({ text: `${n}`, isConstant: true, at: () => n })) },
  )
  const { tree } = fc.letrec<{ tree: Plain }>((tie) => {
    const inner = tie('tree')
    const called = ([name, compute]: Computed, operands: readonly Plain[]): Plain => ({
      text: `${name}(${operands.map(({ text }) => text).join(', ')})`,
      isConstant: operands.every(({ isConstant }) => isConstant),
      at: (x) => compute(...operands.map((operand) => operand.at(x))),
    })
    return {
      tree: fc.oneof(
        { maxDepth },
        leaf,
        fc.tuple(fc.constantFrom(...signs), inner, inner).map(([[sign, compute], a, b]) => ({
          text: `(${a.text} ${sign} ${b.text})`,
          isConstant: a.isConstant && b.isConstant,
          at: (x: readonly number[]) => compute(a.at(x), b.at(x)),
        })),
        fc.tuple(fc.constantFrom(...unary), inner).map(([of, a]) => called(of, [a])),
        fc.tuple(fc.constantFrom(...unary), inner).map(([of, a]) => called(of, [a])),
        fc.tuple(fc.constantFrom(...binary), inner, inner).map(([of, a, b]) => called(of, [a, b])),
        fc.tuple(inner, inner).map(([a, b]) => called(['pow', b.isConstant ? power : functions.pow], [a, b])),
        fc.tuple(inner, wholePowers).map(([a, n]) => ({
          text: `(${a.text})^${n}`,
          isConstant: a.isConstant,
          at: (x: readonly number[]) => wholePower(a.at(x), n),
        })),
        fc.tuple(fc.constantFrom(...conditions), inner, inner).map(([[sign, holds], a, b]) => ({
          text: `(${a.text} ${sign} ${b.text} ? ${b.text} : ${a.text})`,
          isConstant: a.isConstant && b.isConstant,
          at: (x: readonly number[]) => (holds(a.at(x), b.at(x)) ? b.at(x) : a.at(x)),
        })),
      ),
    }
  })
  return tree
}
