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
   * Runs the program over all rows of the data. Columns are passed in the order of the program. After the call, the
   * slots contain the outputs.
   */
  run(x: ArrayLike<number>, data: readonly ArrayLike<number>[], rows: number): void {
    const { slots, program } = this
    this.#begin(x)
    for (const sum of program.sums) slots[sum] = 0
    for (let row = 0; row < rows; row++) this.#visit(data, row)
    this.#execute(program.tail)
  }

  /** Runs the program with pauses, either row by row or row-parallel. */
  *runInSlices(
    x: ArrayLike<number>,
    data: readonly ArrayLike<number>[],
    rows: number,
    inLanes: boolean,
  ): Slices<void> {
    if (inLanes) yield* this.#inLanes(x, data, rows)
    else {
      const { slots, program } = this
      this.#begin(x)
      for (const sum of program.sums) slots[sum] = 0
      const few = Math.ceil(OPERATIONS_OF_SLICE / (program.body.length + 1))
      for (let row = 0; row < rows; row++) {
        this.#visit(data, row)
        if (row % few === few - 1) yield
      }
      this.#execute(program.tail)
    }
  }

  /**
   * Runs the program row-parallel, with several rows at a time. The sums are added in the same order as in
   * crates/kernels/src/many/rows.rs.
   */
  runInLanes(x: ArrayLike<number>, data: readonly ArrayLike<number>[], rows: number): void {
    runToEnd(this.#inLanes(x, data, rows))
  }

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
      const visit = (row: number, lane: number) => {
        for (let k = 0; k < sums.length; k++) slots[sums[k]] = lanes[k][lane]
        this.#visit(data, row)
        for (let k = 0; k < sums.length; k++) lanes[k][lane] = slots[sums[k]]
      }
      const end = Math.min(rows, begin + size)
      // The rows of the incomplete block are processed first.
      const rest = (end - begin) % BLOCK_OF_RUNS
      for (let lane = 0; lane < rest; lane++) visit(end - rest + lane, lane)
      for (let row = begin; row < end - rest; row++) {
        const lane = (row - begin) % BLOCK_OF_RUNS
        visit(row, lane)
        spent += program.body.length
        if (lane === BLOCK_OF_RUNS - 1 && spent > OPERATIONS_OF_SLICE) {
          spent = 0
          yield
        }
      }
      for (let k = 0; k < sums.length; k++) totals[k] += sumByHalves(lanes[k])
    }
    for (let k = 0; k < sums.length; k++) slots[sums[k]] = totals[k]
    this.#execute(program.tail)
  }

  #begin(x: ArrayLike<number>): void {
    const { slots, program } = this
    for (let i = 0; i < program.parameters.length; i++) slots[i] = x[i]
    this.#execute(program.head)
  }

  #visit(data: readonly ArrayLike<number>[], row: number): void {
    const { slots, program } = this
    const first = program.parameters.length
    for (let k = 0; k < data.length; k++) slots[first + k] = data[k][row]
    this.#execute(program.body)
  }

  #execute(instructions: readonly Instruction[]): void {
    const slots = this.slots
    const scalars = this.#scalars
    // Elements are read by index, because destructuring an instruction would take longer than executing it.
    for (let k = 0; k < instructions.length; k++) {
      const one = instructions[k]
      if (one[0] < scalars.length)
        slots[one[1]] = scalars[one[0]](slots[one[2]], slots[one[3]], slots[one[4]], slots[one[5]])
      else extensions.matrices?.run(slots, one)
    }
  }
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
