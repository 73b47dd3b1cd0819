/** What expressions are made of: each operation's operands, and what it computes. */

import { cos, exp, log, pow, sin } from '../functions/index.js'
import type { Round } from '../rules/kernel.js'

/** Operands and a scalar of each; f rounds to the dtype. The order numbers them for the engines. */
export const operations = {
  add: [2, (f) => (a, b) => f(a + b)],
  subtract: [2, (f) => (a, b) => f(a - b)],
  multiply: [2, (f) => (a, b) => f(a * b)],
  divide: [2, (f) => (a, b) => f(a / b)],
  negate: [1, () => (a) => -a],
  abs: [1, () => (a) => Math.abs(a)],
  sqrt: [1, (f) => (a) => f(Math.sqrt(a))],
  exp: [1, (f) => (a) => f(exp(a))],
  log: [1, (f) => (a) => f(log(a))],
  sin: [1, (f) => (a) => f(sin(a))],
  cos: [1, (f) => (a) => f(cos(a))],
  pow: [2, (f) => (a, b) => f(pow(a, b))],
  /** The second where they are equal; NaN where one is. */
  min: [2, () => (a, b) => (a < b || Number.isNaN(a) ? a : b)],
  max: [2, () => (a, b) => (a > b || Number.isNaN(a) ? a : b)],
  /** Conditions are 1 or 0; with a NaN only `equal` and these are 0. */
  less: [2, () => (a, b) => (a < b ? 1 : 0)],
  lessOrEqual: [2, () => (a, b) => (a <= b ? 1 : 0)],
  equal: [2, () => (a, b) => (a === b ? 1 : 0)],
  /** b where a is not 0, else c. */
  select: [3, () => (a, b, c) => (a !== 0 ? b : c)],
} as const satisfies Record<string, readonly [number, (f: Round) => (...operands: number[]) => number]>

export type Operation = keyof typeof operations
