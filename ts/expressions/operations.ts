/** What expressions are made of: each operation's operands, and what it computes. */

import { elementary } from '../functions/index.js'
import { type Round, rounding } from '../rules/kernel.js'

type Elementary = ReturnType<typeof elementary>

/** How many operands each has, and what it computes; f rounds to the dtype. The order numbers them for the engines. */
export const operations = {
  add: [2, (f) => (a, b) => f(a + b)],
  subtract: [2, (f) => (a, b) => f(a - b)],
  multiply: [2, (f) => (a, b) => f(a * b)],
  divide: [2, (f) => (a, b) => f(a / b)],
  negate: [1, () => (a) => -a],
  abs: [1, () => (a) => Math.abs(a)],
  sqrt: [1, (f) => (a) => f(Math.sqrt(a))],
  /** The second where they are equal; NaN where one is. */
  min: [2, () => (a, b) => (a < b || Number.isNaN(a) ? a : b)],
  max: [2, () => (a, b) => (a > b || Number.isNaN(a) ? a : b)],
  /** Conditions are 1 or 0; with a NaN only `equal` and these are 0. */
  less: [2, () => (a, b) => (a < b ? 1 : 0)],
  lessOrEqual: [2, () => (a, b) => (a <= b ? 1 : 0)],
  equal: [2, () => (a, b) => (a === b ? 1 : 0)],
  /** b where a is not 0, else c. */
  select: [3, () => (a, b, c) => (a !== 0 ? b : c)],
  /** a·b + c, rounded twice: only programs have it. */
  multiplyAdd: [3, (f) => (a, b, c) => f(f(a * b) + c)],
  /** What is wanted and not computed. */
  copy: [1, () => (a) => a],
  exp: [1, (_, { exp }) => exp],
  log: [1, (_, { log }) => log],
  sin: [1, (_, { sin }) => sin],
  cos: [1, (_, { cos }) => cos],
  tan: [1, (_, { tan }) => tan],
  tanh: [1, (_, { tanh }) => tanh],
  atan: [1, (_, { atan }) => atan],
  pow: [2, (_, { pow }) => pow],
} as const satisfies Record<
  string,
  readonly [number, (f: Round, of: Elementary) => (...operands: number[]) => number]
>

export type Operation = keyof typeof operations

type Dtype = 'float32' | 'float64'
const elementaries = { float32: elementary('float32'), float64: elementary('float64') }

/** What an operation computes, each result rounded to the dtype. */
export function scalarOf(operation: Operation, dtype: Dtype): (...operands: number[]) => number {
  const [, make] = operations[operation]
  return make(rounding[dtype], elementaries[dtype]) as (...operands: number[]) => number
}
