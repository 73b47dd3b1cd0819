/**
 * Runs programs without rows of data at one point after another. The instructions lie in one array of integers, and
 * the arithmetic operations need no calls, because an integration runs the same short program thousands of times.
 */

import { OPERATIONS } from '../../arena/manifest.js'
import { toScalarOperation } from '../../expressions/operations.js'
import type { Program } from '../../expressions/program.js'
import { ProgramRunner } from '../../expressions/run.js'

/** Operations in the order of the cases below. All other operations are calls. */
const cases = [
  'add',
  'subtract',
  'multiply',
  'multiplyAdd',
  'multiplySubtract',
  'multiplyFrom',
  'multiplyMultiply',
  'addAdd',
  'addSubtract',
  'addMultiply',
  'subtractAdd',
  'subtractSubtract',
  'subtractMultiply',
  'blend',
  'multiplySubtractMultiply',
  'divide',
  'multiplyDivide',
  'divideMultiply',
  'negate',
  'select',
] as const satisfies readonly (typeof OPERATIONS)[number][]
/** Numbers per instruction: the case, the operation code, the result and four operands. */
const WIDTH = 7

type FlatOperation = (a: number, b: number, c: number, d: number) => number
let scalars: readonly FlatOperation[] = []

export class FlatProgram {
  readonly slots: Float64Array
  readonly #code: Int32Array
  readonly #sums: readonly number[]
  /** Runs programs with loops or matrices. */
  readonly #runner: ProgramRunner | undefined

  constructor(program: Program) {
    const { head, tail, loops, sums } = program
    const runner = new ProgramRunner(program, 'float64')
    this.slots = runner.slots as Float64Array
    const all = [...head, ...tail]
    const isPlain = loops.length === 0 && all.every(([code]) => code < OPERATIONS.length)
    this.#runner = isPlain ? undefined : runner
    this.#sums = sums
    this.#code = Int32Array.from(
      isPlain ? all.flatMap((one) => [(cases as readonly string[]).indexOf(OPERATIONS[one[0]]), ...one]) : [],
    )
    if (scalars.length === 0) scalars = OPERATIONS.map((code) => toScalarOperation(code, 'float64'))
  }

  run(x: ArrayLike<number>): void {
    const { slots } = this
    if (this.#runner !== undefined) {
      this.#runner.run(x, [], 0)
      return
    }
    for (let i = 0; i < x.length; i++) slots[i] = x[i]
    for (const sum of this.#sums) slots[sum] = 0
    execute(this.#code, slots)
  }
}

function execute(code: Int32Array, s: Float64Array): void {
  for (let k = 0; k < code.length; k += WIDTH) {
    const to = code[k + 2]
    const a = s[code[k + 3]]
    const b = s[code[k + 4]]
    // Most operations have two operands. Reading an operand takes as long as the operation.
    switch (code[k]) {
      case 0:
        s[to] = a + b
        break
      case 1:
        s[to] = a - b
        break
      case 2:
        s[to] = a * b
        break
      case 3:
        s[to] = a * b + s[code[k + 5]]
        break
      case 4:
        s[to] = a * b - s[code[k + 5]]
        break
      case 5:
        s[to] = s[code[k + 5]] - a * b
        break
      case 6:
        s[to] = a * b * s[code[k + 5]]
        break
      case 7:
        s[to] = a + b + s[code[k + 5]]
        break
      case 8:
        s[to] = a + b - s[code[k + 5]]
        break
      case 9:
        s[to] = (a + b) * s[code[k + 5]]
        break
      case 10:
        s[to] = a - b + s[code[k + 5]]
        break
      case 11:
        s[to] = a - b - s[code[k + 5]]
        break
      case 12:
        s[to] = (a - b) * s[code[k + 5]]
        break
      case 13:
        s[to] = a * b + s[code[k + 5]] * s[code[k + 6]]
        break
      case 14:
        s[to] = a * b - s[code[k + 5]] * s[code[k + 6]]
        break
      case 15:
        s[to] = a / b
        break
      case 16:
        s[to] = (a * b) / s[code[k + 5]]
        break
      case 17:
        s[to] = (a / b) * s[code[k + 5]]
        break
      case 18:
        s[to] = -a
        break
      case 19:
        s[to] = a !== 0 ? b : s[code[k + 5]]
        break
      default:
        s[to] = scalars[code[k + 1]](a, b, s[code[k + 5]], s[code[k + 6]])
    }
  }
}
