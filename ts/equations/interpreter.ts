/**
 * The kernels of custom rules in TypeScript. These kernels interpret the program in the row of coefficients;
 * crates/kernels/src/programs/equations.rs is the Rust counterpart.
 */

import type { Arena } from '../arena/arena.js'
import { tensorEndingAfter } from '../arena/find.js'
import { type Kernel, kernel, type Loop, type LoopFactories, type Row } from '../arena/kernel.js'
import {
  BLOCK,
  CLIPPED_PER_TENSOR,
  GRADIENTS,
  OPERATIONS,
  PARAMETERS,
  PARTIALS,
  PARTS,
  PIPELINE,
  SCALES,
  TENSOR_BLOCK,
} from '../arena/manifest.js'
import { type MatrixStage, matrixStages } from '../arena/matrices.js'
import type { Dtype, FloatArray } from '../core/numbers.js'
import { checkStackWithin } from '../core/stack-depth.js'
import { sumColumn } from '../core/sums.js'
import type { SegmentJob } from '../engines/typescript/jobs.js'
import { makePass, type SegmentPass } from '../engines/typescript/pipeline.js'
import { toScalarOperation } from '../expressions/operations.js'
import type { Instruction } from '../expressions/steps.js'
import * as layout from './layout.js'

type ScalarOperation = (a: number, b: number, c: number, d: number) => number
const scalarOperations: { [D in Dtype]?: readonly ScalarOperation[] } = {}

/** Interprets a program in a row, element by element. */
class RowProgram {
  readonly slots: FloatArray
  /** The slots to sum, each with a kind of sum. */
  readonly sums: readonly (readonly [slot: number, kind: number])[]
  readonly #operations: readonly ScalarOperation[]
  readonly #instructions: readonly Instruction[]

  /** @param place position in the row that contains the program's offset @param values the tensor's own numbers */
  constructor(dtype: Dtype, row: Float64Array, place: number, values: readonly number[]) {
    scalarOperations[dtype] ??= OPERATIONS.map((code) => toScalarOperation(code, dtype) as ScalarOperation)
    this.#operations = scalarOperations[dtype]
    const part = (start: number, count: number) => Array.from(row.subarray(start, start + count))
    const start = PIPELINE + row[place]
    this.#instructions = part(start + 1, row[start]).map(layout.decode)
    const end = start + 1 + row[start]
    this.sums =
      place === layout.ROW_POSITIONS.update
        ? []
        : part(end + 1, row[end]).map((n) => [n >> 2, n & 3] as const)
    const Slots = dtype === 'float32' ? Float32Array : Float64Array
    this.slots = new Slots(layout.MAX_SLOTS)
    this.slots.set(values, layout.FIRST_VALUE)
    const constants = part(
      PIPELINE + row[layout.ROW_POSITIONS.constants],
      row[layout.ROW_POSITIONS.constantCount],
    )
    this.slots.set(constants, layout.FIRST_CONSTANT)
  }

  /** Runs the program for element `i`. */
  run(i: number, theta: FloatArray, g: FloatArray, states: readonly FloatArray[]): void {
    const slots = this.slots
    slots[layout.THETA] = theta[i]
    slots[layout.GRADIENT] = g[i]
    for (let k = 0; k < states.length; k++) slots[layout.FIRST_STATE + k] = states[k][i]
    for (const [operation, to, a, b, c, d] of this.#instructions) {
      slots[to] = this.#operations[operation](slots[a], slots[b], slots[c], slots[d])
    }
  }
}

const readCoefficients = (row: unknown): Float64Array => (row as Row).coefficients

/** The last stage of a rule: writes the program's results to parameters and state. */
const update =
  (dtype: Dtype): Loop =>
  (theta, g, state, row, from, to, tensor) => {
    const machine = new RowProgram(
      dtype,
      readCoefficients(row),
      layout.ROW_POSITIONS.update,
      Object.values(tensor),
    )
    checkStackWithin()
    const { slots } = machine
    const states = Object.values(state)
    for (let i = from; i < to; i++) {
      machine.run(i, theta, g, states)
      theta[i] = slots[layout.THETA]
      for (let k = 0; k < states.length; k++) states[k][i] = slots[layout.FIRST_STATE + k]
    }
  }

/** Stores the gradient after the pipeline, so that later stages can read the gradient. */
const keepGradient: Loop = (_theta, g, _state, _row, from, to, _tensor, direction) => {
  if (g !== direction) direction.set(g.subarray(from, to), from)
}

const passes = new WeakMap<Arena, SegmentPass>()

/** A stage that computes sums; parameters and state stay unchanged. */
function makeSumStage(arena: Arena, array: number, states: number, program: number): MatrixStage {
  const { dtype, lengths, offsets, words } = arena
  const pass = passes.get(arena) ?? makePass(arena)
  passes.set(arena, pass)
  const [theta, g] = [arena.elements(PARAMETERS), arena.elements(GRADIENTS)]
  const state = Array.from({ length: states }, (_, k) => arena.elements(array + k))
  const values = Array.from({ length: layout.MAX_VALUES }, (_, k) => arena.numbers(array + states + k))
  const partials = arena.numbers(PARTIALS)
  const scales = arena.numbers(SCALES)
  const computed = [0, 1].map(() => g.slice(0, BLOCK))

  const sumBlock = (machine: RowProgram, low: number, high: number, block: number) => {
    const { slots, sums } = machine
    for (let i = low; i < high; i++) {
      machine.run(i, theta, g, state)
      for (let k = 0; k < sums.length; k++) computed[k][i - low] = slots[sums[k][0]]
    }
    sums.forEach(([, kind], k) => {
      partials[block * PARTS + k] = combineSums(kind, computed[k].subarray(0, high - low))
    })
  }

  return (segment, from, to) => {
    const clips = (segment.flags & CLIPPED_PER_TENSOR) !== 0
    const job = { ...segment, loop: keepGradient, state: {} } as SegmentJob
    const row = readCoefficients(segment.row)
    for (let i = tensorEndingAfter(arena, from); i < lengths.length && offsets[i] < to; i++) {
      const machine = new RowProgram(
        dtype,
        row,
        layout.ROW_POSITIONS.sums[program],
        values.map((all) => all[i]),
      )
      const first = words[arena.tensorAt(i) + TENSOR_BLOCK]
      const end = offsets[i] + lengths[i]
      for (let block = first, low = offsets[i]; low < end; block++, low += BLOCK) {
        if (low < from || low >= to) continue
        const high = Math.min(low + BLOCK, end)
        pass(job, low, high, {}, clips ? scales[i] : 1)
        sumBlock(machine, low, high, block)
      }
      const blocks = Math.ceil(lengths[i] / BLOCK)
      // The totals are correct once all blocks have been summed.
      machine.sums.forEach(([, kind], k) => {
        let total = 0
        for (let b = first; b < first + blocks; b++) {
          const part = partials[b * PARTS + k]
          total = kind === layout.MAX_ABS ? maxOrNaN(total, part) : total + part
        }
        if (end <= to) values[k][i] = total
      })
    }
  }
}

/** The maximum of two numbers; NaN if one number is NaN. */
export const maxOrNaN = (a: number, b: number): number => (b > a || Number.isNaN(b) ? b : a)

function combineSums(kind: number, numbers: FloatArray): number {
  if (kind !== layout.MAX_ABS) return sumColumn(kind === layout.SQUARES ? 'gradients' : 'values', numbers)
  let largest = 0
  for (const x of numbers) largest = maxOrNaN(largest, Math.abs(x))
  return largest
}

/** Registers the interpreting kernels, one set per number of state arrays. */
export function registerKernels(): void {
  for (let states = 0; states <= layout.MAX_STATES; states++) {
    const state = Array.from({ length: states }, (_, k) => `${k}`)
    const tensor = Array.from({ length: layout.MAX_VALUES }, (_, k) => `${k}`)
    const describe = (kind: number, tensor: readonly string[]): Kernel => ({
      number: layout.kernelNumber(kind, states),
      name: '',
      source: 0,
      state,
      row: {},
      tensor,
      sums: [],
    })
    const loops: LoopFactories<Loop> = { float32: () => update('float32'), float64: () => update('float64') }
    kernel(describe(layout.UPDATE, []), loops)
    kernel(describe(layout.UPDATE_PER_TENSOR, tensor), loops)
    for (const [program, kind] of [layout.SUMS, layout.SECOND_SUMS].entries()) {
      const description = kernel(describe(kind, []), loops)
      matrixStages.set(description.number, (arena, array) => makeSumStage(arena, array, states, program))
    }
  }
}
