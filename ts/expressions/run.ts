/** Runs programs in TypeScript. This code is the readable reference implementation of the engines. */

import { BLOCK_OF_RUNS, MAX_PIECES, MIN_BLOCKS, OPERATIONS } from '../arena/manifest.js'
import type { FloatArray } from '../core/numbers.js'
import { runToEnd, type Slices } from '../core/slices.js'
import { extensions } from '../extensions.js'
import { toScalarOperation } from './operations.js'
import type { Program } from './program.js'
import type { Instruction } from './steps.js'

/** Number of operations between two pauses. The operations take about a millisecond. */
export const OPERATIONS_OF_SLICE = 1 << 15

/**
 * Codes of the most frequent operations: their indices in `OPERATIONS`. A bundler writes these numbers into the code,
 * where comparisons with them take the least time.
 */
const ADD = 0
const SUBTRACT = 1
const MULTIPLY = 2
const MULTIPLY_ADD = 3
const MULTIPLY_FROM = 5
const MULTIPLY_MULTIPLY = 6
const DIFFERENCE = 16
const DIVIDE = 17
const SELECT = 37

type RoundedOperation = (a: number, b: number, c: number, d: number) => number

/** Implementations of the operations, indexed by their codes. */
const scalarOperations: { float32?: readonly RoundedOperation[]; float64?: readonly RoundedOperation[] } = {}

/** A program for one dtype, with the memory for its slots. */
export class ProgramRunner {
  readonly program: Program
  readonly slots: FloatArray
  readonly #scalars: readonly RoundedOperation[]

  constructor(program: Program, dtype: 'float32' | 'float64') {
    const { parameters, columns, constants } = program
    this.program = program
    this.slots = dtype === 'float32' ? new Float32Array(program.slots) : new Float64Array(program.slots)
    this.slots.set(constants, parameters.length + columns.length)
    scalarOperations[dtype] ??= OPERATIONS.map((code) => toScalarOperation(code, dtype))
    this.#scalars = scalarOperations[dtype]
  }

  /**
   * Runs the program over all rows of the data, either row by row or row-parallel. Columns are passed in the order of
   * the program. After the call, the slots contain the outputs.
   */
  run(x: ArrayLike<number>, data: readonly ArrayLike<number>[], rows: number, inLanes = false): void {
    if (inLanes) {
      runToEnd(this.#inLanes(x, data, rows))
      return
    }
    this.#begin(x)
    for (let row = 0; row < rows; row++) this.#visit(data, row)
    this.#execute('tail')
  }

  /**
   * Runs the program row by row, and returns the outputs at each row, one array per output. The outputs are values of
   * rows, which depend on neither sums nor final values.
   */
  evaluateRows(x: ArrayLike<number>, data: readonly ArrayLike<number>[], rows: number): Float64Array[] {
    const { outputs } = this.program
    const columns = outputs.map(() => new Float64Array(rows))
    this.#begin(x)
    for (let row = 0; row < rows; row++) {
      this.#visit(data, row)
      // The tail copies outputs that are inputs or constants.
      this.#execute('tail')
      for (let k = 0; k < outputs.length; k++) columns[k][row] = this.slots[outputs[k]]
    }
    return columns
  }

  /** Runs the program with pauses. */
  *runInSlices(
    x: ArrayLike<number>,
    data: readonly ArrayLike<number>[],
    rows: number,
    inLanes: boolean,
  ): Slices<void> {
    if (inLanes) yield* this.#inLanes(x, data, rows)
    else {
      const { program } = this
      this.#begin(x)
      const few = Math.ceil(OPERATIONS_OF_SLICE / (program.body.length + 1))
      for (let row = 0; row < rows; row++) {
        this.#visit(data, row)
        if (row % few === few - 1) yield
      }
      this.#execute('tail')
    }
  }

  /**
   * Runs the program row-parallel, with several rows at a time. The sums are added in the same order as in
   * crates/kernels/src/many/rows.rs.
   */
  *#inLanes(x: ArrayLike<number>, data: readonly ArrayLike<number>[], rows: number): Slices<void> {
    const { slots, program } = this
    const { sums } = program
    this.#begin(x)
    const make = (length: number) =>
      slots instanceof Float32Array ? new Float32Array(length) : new Float64Array(length)
    const totals = make(sums.length)
    const size = rowsOfPiece(rows)
    let spent = 0
    for (let begin = 0; begin < rows; begin += size) {
      const lanes = sums.map(() => make(BLOCK_OF_RUNS))
      const end = Math.min(rows, begin + size)
      const rest = (end - begin) % BLOCK_OF_RUNS
      for (let lane = 0; lane < BLOCK_OF_RUNS && begin + lane < end; lane++) {
        for (let k = 0; k < sums.length; k++) slots[sums[k]] = 0
        // The row of the incomplete block is processed first.
        if (lane < rest) this.#visit(data, end - rest + lane)
        for (let row = begin + lane; row < end - rest; row += BLOCK_OF_RUNS) this.#visit(data, row)
        for (let k = 0; k < sums.length; k++) lanes[k][lane] = slots[sums[k]]
        spent += program.body.length * Math.ceil((end - begin) / BLOCK_OF_RUNS)
        if (spent > OPERATIONS_OF_SLICE) {
          spent = 0
          yield
        }
      }
      for (let k = 0; k < sums.length; k++) totals[k] += sumByHalves(lanes[k])
    }
    for (let k = 0; k < sums.length; k++) slots[sums[k]] = totals[k]
    this.#execute('tail')
  }

  #begin(x: ArrayLike<number>): void {
    const { slots, program } = this
    for (let i = 0; i < program.parameters.length; i++) slots[i] = x[i]
    // The head writes the initial values of carried values, which are among the sums.
    for (const sum of program.sums) slots[sum] = 0
    this.#execute('head')
  }

  #visit(data: readonly ArrayLike<number>[], row: number): void {
    const { slots, program } = this
    const first = program.parameters.length
    for (let k = 0; k < data.length; k++) slots[first + k] = data[k][row]
    this.#execute('body')
  }

  #execute(section: 'head' | 'body' | 'tail'): void {
    const { loops, head, body } = this.program
    const instructions = this.program[section]
    if (loops.length === 0) {
      this.#straight(instructions, 0, instructions.length)
      return
    }
    const first = section === 'head' ? 0 : head.length + (section === 'body' ? 0 : body.length)
    this.#repeat(instructions, first, { from: 0, to: instructions.length, loop: 0 })
  }

  /**
   * Runs some instructions of a section that starts at instruction `first` of the program, and repeats the loops among
   * them. Returns the index of the first loop behind these instructions.
   */
  #repeat(
    instructions: readonly Instruction[],
    first: number,
    { from, to, loop }: { readonly from: number; readonly to: number; readonly loop: number },
  ): number {
    const { loops } = this.program
    let at = from
    let next = loop
    while (next < loops.length && loops[next].start < first + to) {
      const { start, end, again, most } = loops[next++]
      if (start < first + at) continue
      this.#straight(instructions, at, start - first)
      const inner = { from: start - first, to: end - first, loop: next }
      for (let passes = 0; passes < most; passes++) {
        next = this.#repeat(instructions, first, inner)
        if (this.slots[again] === 0) break
      }
      at = end - first
    }
    this.#straight(instructions, at, to)
    return next
  }

  #straight(instructions: readonly Instruction[], from: number, to: number): void {
    const slots = this.slots
    const scalars = this.#scalars
    const isDouble = slots instanceof Float64Array
    // Elements are read by index, because destructuring an instruction would take longer than executing it.
    for (let k = from; k < to; k++) {
      const one = instructions[k]
      const operation = one[0]
      const a = slots[one[2]]
      const b = slots[one[3]]
      // Calls of functions allocate memory for numbers. The most frequent operations therefore need no call. Storing a
      // result in `slots` rounds the result to the dtype. In float32, a fused operation rounds its inner results too.
      if (operation === MULTIPLY) slots[one[1]] = a * b
      else if (operation === SELECT) slots[one[1]] = a !== 0 ? b : slots[one[4]]
      else if (operation === ADD) slots[one[1]] = a + b
      else if (operation === SUBTRACT) slots[one[1]] = a - b
      else if (operation === DIVIDE) slots[one[1]] = a / b
      else if (isDouble && operation === MULTIPLY_ADD) slots[one[1]] = a * b + slots[one[4]]
      else if (isDouble && operation === MULTIPLY_FROM) slots[one[1]] = slots[one[4]] - a * b
      else if (isDouble && operation === MULTIPLY_MULTIPLY) slots[one[1]] = a * b * slots[one[4]]
      else if (isDouble && operation === DIFFERENCE) slots[one[1]] = a * b - slots[one[4]] * slots[one[5]]
      else if (operation < scalars.length)
        slots[one[1]] = scalars[operation](a, b, slots[one[4]], slots[one[5]])
      else extensions.matrices?.run(slots, one)
    }
  }
}

/**
 * Whether execution is row-parallel. Row-parallel execution requires enough rows, and rows that do not depend on
 * earlier rows. The order of sums depends on whether execution is row-parallel.
 */
export function isRowParallel({ carries }: Program, rows: number): boolean {
  return rows >= BLOCK_OF_RUNS && !carries
}

/**
 * Count of rows per partial sum in a row-parallel run. The count of rows per partial sum depends only on the total
 * count of rows.
 */
export function rowsOfPiece(rows: number): number {
  const blocks = Math.ceil(rows / BLOCK_OF_RUNS)
  return BLOCK_OF_RUNS * Math.max(MIN_BLOCKS, Math.ceil(blocks / MAX_PIECES))
}

/** Sums lanes: the second half is added to the first half until one lane is left. */
function sumByHalves(lanes: FloatArray): number {
  for (let half = lanes.length / 2; half >= 1; half /= 2) {
    for (let k = 0; k < half; k++) lanes[k] += lanes[half + k]
  }
  return lanes[0]
}
