/** Programs in TypeScript: the readable reference of what engines do with them. */

import { OPERATIONS } from '../arena/manifest.js'
import type { FloatArray } from '../ground/numbers.js'
import { scalarOf } from './operations.js'
import type { Instruction, Program } from './program.js'

type Scalar = (a: number, b: number, c: number) => number

/** A program for numbers of one dtype, and the slots that it runs on. */
export class Machine {
  readonly program: Program
  readonly slots: FloatArray
  readonly #scalars: readonly Scalar[]

  constructor(program: Program, dtype: 'float32' | 'float64') {
    const { parameters, columns, constants } = program
    this.program = program
    this.slots = dtype === 'float32' ? new Float32Array(program.slots) : new Float64Array(program.slots)
    this.slots.set(constants, parameters.length + columns.length)
    this.#scalars = OPERATIONS.map((code) => scalarOf(code, dtype))
  }

  /** Runs over all rows of the data, whose columns come in the program's order; the slots have the outputs. */
  run(x: ArrayLike<number>, data: readonly ArrayLike<number>[], rows: number): void {
    const { slots, program } = this
    const first = program.parameters.length
    for (let i = 0; i < first; i++) slots[i] = x[i]
    for (const sum of program.sums) slots[sum] = 0
    this.#execute(program.head)
    for (let row = 0; row < rows; row++) {
      for (let k = 0; k < data.length; k++) slots[first + k] = data[k][row]
      this.#execute(program.body)
    }
    this.#execute(program.tail)
  }

  #execute(instructions: readonly Instruction[]): void {
    const { slots } = this
    for (const [code, to, a, b, c] of instructions) {
      slots[to] = this.#scalars[code](slots[a], slots[b], slots[c])
    }
  }
}
