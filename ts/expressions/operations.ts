/** The operations of expressions and programs, with their operand counts and implementations. */

import { type Dtype, type Round, rounding, signum } from '../core/numbers.js'
import { elementary } from '../functions/index.js'

type Elementary = ReturnType<typeof elementary>

/** Operand count and implementation of each operation; the function f rounds to the dtype. */
type Operations<More extends readonly unknown[] = []> = Record<
  string,
  readonly [number, (f: Round, functions: Elementary) => (...operands: number[]) => number, ...More]
>

const over = (f: Round, a: number, b: number) => (b === 0 ? 0 : f(a / b))

/** Operations that expressions can contain. */
const expressionOperations = {
  add: [2, (f) => (a, b) => f(a + b)],
  subtract: [2, (f) => (a, b) => f(a - b)],
  multiply: [2, (f) => (a, b) => f(a * b)],
  divide: [2, (f) => (a, b) => f(a / b)],
  /** Division in the equations of rules, where x/0 is 0. */
  over: [2, (f) => (a, b) => over(f, a, b)],
  negate: [1, () => (a) => -a],
  abs: [1, () => (a) => Math.abs(a)],
  sqrt: [1, (f) => (a) => f(Math.sqrt(a))],
  /** The second operand if both operands are equal; NaN if either operand is NaN. */
  min: [2, () => (a, b) => (a < b || Number.isNaN(a) ? a : b)],
  max: [2, () => (a, b) => (a > b || Number.isNaN(a) ? a : b)],
  /** The value of a condition is 1 if the condition is true, otherwise 0. Comparisons with NaN are 0 (false). */
  less: [2, () => (a, b) => (a < b ? 1 : 0)],
  lessOrEqual: [2, () => (a, b) => (a <= b ? 1 : 0)],
  equal: [2, () => (a, b) => (a === b ? 1 : 0)],
  /** Returns b if a is not 0, otherwise c. */
  select: [3, () => (a, b, c) => (a !== 0 ? b : c)],
  /** Returns 1 or −1; zeros and NaN are returned unchanged. */
  sign: [1, () => signum],
  floor: [1, () => Math.floor],
  exp: [1, (_, { exp }) => exp],
  log: [1, (_, { log }) => log],
  sin: [1, (_, { sin }) => sin],
  cos: [1, (_, { cos }) => cos],
  tan: [1, (_, { tan }) => tan],
  tanh: [1, (_, { tanh }) => tanh],
  atan: [1, (_, { atan }) => atan],
  pow: [2, (_, { pow }) => pow],
  expm1: [1, (_, { expm1 }) => expm1],
  log1p: [1, (_, { log1p }) => log1p],
  log2: [1, (_, { log2 }) => log2],
  log10: [1, (_, { log10 }) => log10],
  sinh: [1, (_, { sinh }) => sinh],
  cosh: [1, (_, { cosh }) => cosh],
  cbrt: [1, (_, { cbrt }) => cbrt],
  asin: [1, (_, { asin }) => asin],
  acos: [1, (_, { acos }) => acos],
  atan2: [2, (_, { atan2 }) => atan2],
  erf: [1, (_, { erf }) => erf],
  erfc: [1, (_, { erfc }) => erfc],
  erfcx: [1, (_, { erfcx }) => erfcx],
  normpdf: [1, (_, { normpdf }) => normpdf],
  normcdf: [1, (_, { normcdf }) => normcdf],
  norminv: [1, (_, { norminv }) => norminv],
  gamma: [1, (_, { gamma }) => gamma],
  lgamma: [1, (_, { lgamma }) => lgamma],
  digamma: [1, (_, { digamma }) => digamma],
  trigamma: [1, (_, { trigamma }) => trigamma],
  /** Derivatives of `erf` and `trigamma`. The two operations occur only in derivatives. */
  erfSlope: [1, (_, { erfSlope }) => erfSlope],
  tetragamma: [1, (_, { tetragamma }) => tetragamma],
  voigt: [3, (_, { voigt }) => voigt],
  /** Parts of the derivatives of `voigt`. */
  faddeevaByX: [2, (_, { faddeevaByX }) => faddeevaByX],
  faddeevaByY: [2, (_, { faddeevaByY }) => faddeevaByY],
} as const satisfies Operations

/**
 * Operations that only programs contain: copies, and fused operations, which round each intermediate result. If the
 * name of an operation contains `From`, the result is subtracted from the last operand. Each fused operation is given
 * as a tree whose numbers are operand indices.
 */
const programOperations = {
  blendSquare: [
    4,
    (f) => (a, b, c, d) => f(f(a * b) + f(c * f(d * d))),
    ['add', ['multiply', 0, 1], ['multiply', 2, ['multiply', 3, 3]]],
  ],
  blendProduct: [
    4,
    (f) => (a, b, c, d) => f(f(a * b) + f(f(c * d) * d)),
    ['add', ['multiply', 0, 1], ['multiply', 3, ['multiply', 3, 2]]],
  ],
  blend: [4, (f) => (a, b, c, d) => f(f(a * b) + f(c * d)), ['add', ['multiply', 0, 1], ['multiply', 2, 3]]],
  multiplySubtractMultiply: [
    4,
    (f) => (a, b, c, d) => f(f(a * b) - f(c * d)),
    ['subtract', ['multiply', 0, 1], ['multiply', 2, 3]],
  ],
  sqrtMultiplyAdd: [
    3,
    (f) => (a, b, c) => f(f(f(Math.sqrt(a)) * b) + c),
    ['add', ['multiply', ['sqrt', 0], 1], 2],
  ],
  multiplyOver: [3, (f) => (a, b, c) => over(f, f(a * b), c), ['over', ['multiply', 0, 1], 2]],
  multiplyOverFrom: [
    4,
    (f) => (a, b, c, d) => f(d - over(f, f(a * b), c)),
    ['subtract', 3, ['over', ['multiply', 0, 1], 2]],
  ],
  overMultiply: [3, (f) => (a, b, c) => f(over(f, a, b) * c), ['multiply', ['over', 0, 1], 2]],
  multiplyDivide: [3, (f) => (a, b, c) => f(f(a * b) / c), ['divide', ['multiply', 0, 1], 2]],
  multiplyDivideFrom: [
    4,
    (f) => (a, b, c, d) => f(d - f(f(a * b) / c)),
    ['subtract', 3, ['divide', ['multiply', 0, 1], 2]],
  ],
  divideMultiply: [3, (f) => (a, b, c) => f(f(a / b) * c), ['multiply', ['divide', 0, 1], 2]],
  sqrtDivideAdd: [
    3,
    (f) => (a, b, c) => f(f(f(Math.sqrt(a)) / b) + c),
    ['add', ['divide', ['sqrt', 0], 1], 2],
  ],
  divideSqrtAdd: [
    3,
    (f) => (a, b, c) => f(f(Math.sqrt(f(a / b))) + c),
    ['add', ['sqrt', ['divide', 0, 1]], 2],
  ],
  multiplyAdd: [3, (f) => (a, b, c) => f(f(a * b) + c), ['add', ['multiply', 0, 1], 2]],
  multiplySubtract: [3, (f) => (a, b, c) => f(f(a * b) - c), ['subtract', ['multiply', 0, 1], 2]],
  multiplyFrom: [3, (f) => (a, b, c) => f(c - f(a * b)), ['subtract', 2, ['multiply', 0, 1]]],
  multiplyMultiply: [3, (f) => (a, b, c) => f(f(a * b) * c), ['multiply', ['multiply', 0, 1], 2]],
  addAdd: [3, (f) => (a, b, c) => f(f(a + b) + c), ['add', ['add', 0, 1], 2]],
  addSubtract: [3, (f) => (a, b, c) => f(f(a + b) - c), ['subtract', ['add', 0, 1], 2]],
  addMultiply: [3, (f) => (a, b, c) => f(f(a + b) * c), ['multiply', ['add', 0, 1], 2]],
  subtractAdd: [3, (f) => (a, b, c) => f(f(a - b) + c), ['add', ['subtract', 0, 1], 2]],
  subtractSubtract: [3, (f) => (a, b, c) => f(f(a - b) - c), ['subtract', ['subtract', 0, 1], 2]],
  subtractMultiply: [3, (f) => (a, b, c) => f(f(a - b) * c), ['multiply', ['subtract', 0, 1], 2]],
  /** Returns the second operand if either operand is NaN. */
  larger: [2, () => (a, b) => (a > b ? a : b), ['select', ['less', 1, 0], 0, 1]],
  copy: [1, () => (a) => a],
} as const satisfies Operations<[ReductionTree?]>

/** A tree of operations. The leaves of the tree are operand indices. */
export type ReductionTree = readonly [Operation, ...(ReductionTree | number)[]]

export const operations = { ...expressionOperations, ...programOperations }

/** The fused operations with their trees. */
export const shapes: readonly (readonly [Code, ReductionTree])[] = Object.entries(programOperations).flatMap(
  ([code, [, , shape]]) => (shape === undefined ? [] : [[code as Code, shape]]),
)

export type Operation = keyof typeof expressionOperations
export type Code = keyof typeof operations

const elementaries = { float32: elementary('float32'), float64: elementary('float64') }

/** The implementation of an operation, with each result rounded to the dtype. */
export function toScalarOperation(operation: Code, dtype: Dtype): (...operands: number[]) => number {
  const [, make] = operations[operation]
  return make(rounding[dtype], elementaries[dtype]) as (...operands: number[]) => number
}
