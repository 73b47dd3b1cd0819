/**
 * Computes values again shortly before they are used, instead of keeping them for a long time. The gradient of a long
 * integration reads the values of the integration in reverse order. In lanes, these values exceed the cache. The same
 * operations on the same operands give the same bits.
 *
 * The instructions are divided into segments. Values that pass from one segment to the next one are kept (checkpoints).
 * Before a late use of another value, the value is computed again from checkpoints (Griewank and Walther, 2008, chapter
 * 12).
 */

import { OPERATIONS } from '../arena/manifest.js'
import { operations } from '../expressions/operations.js'
import type { Program } from '../expressions/program.js'
import { type Instruction, instruction, Slots } from '../expressions/steps.js'

declare module '../extensions.js' {
  interface Extensions {
    shortenLifetimes: typeof shortenLifetimes
  }
}

/** Count of slots from which values are computed again. Fewer slots fit the cache. */
const MIN_SLOTS = 1 << 10
/** A use is late if more segments are between the use and the previous one. */
const MAX_SEGMENTS = 2
/** Maximum increase of the count of instructions. */
const MAX_GROWTH = 0.5

/** Returns the program with fewer slots and more instructions. Short programs, and programs with rows, are unchanged. */
export function shortenLifetimes(program: Program): Program {
  const { slots, body, tail, loops, sums } = program
  const isPlain = body.length + tail.length + loops.length + sums.length === 0
  const isKnown = ([code]: Instruction) => code < OPERATIONS.length
  if (slots < MIN_SLOTS || !isPlain || !program.head.every(isKnown)) return program
  return new Recomputation(program).run() ?? program
}

/** A value that an instruction computes. */
interface LongValue {
  readonly code: number
  /** Values, or slots of inputs as negative numbers −1 − slot. */
  readonly operands: readonly number[]
}

class Recomputation {
  readonly #program: Program
  readonly #values: LongValue[] = []
  readonly #outputs: readonly number[]
  readonly #segment: number
  /** Values that are never computed again. */
  readonly #isKept: Uint8Array
  /** The last instruction that has computed or used each value, and the step that has computed the value last. */
  readonly #touched: Int32Array
  readonly #current: Int32Array
  /** The new steps, whose operands are steps. */
  readonly #steps: LongValue[] = []

  constructor(program: Program) {
    const { head, outputs, slots } = program
    this.#program = program
    const values = new Int32Array(slots)
    for (let slot = 0; slot < slots; slot++) values[slot] = -1 - slot
    for (const one of head) {
      const [code, to, ...from] = one
      const operands = from.slice(0, operations[OPERATIONS[code]][0]).map((slot) => values[slot])
      values[to] = this.#values.push({ code, operands }) - 1
    }
    this.#outputs = outputs.map((slot) => values[slot])
    const { length } = head
    this.#segment = Math.ceil(2 * Math.sqrt(length))
    this.#isKept = new Uint8Array(length)
    this.#touched = new Int32Array(length)
    this.#current = new Int32Array(length)
    for (const value of this.#outputs) this.#isKept[value] = 1
    this.#keepCheckpoints()
  }

  #isLate(value: number, at: number): boolean {
    return at - this.#touched[value] > MAX_SEGMENTS * this.#segment
  }

  /** Keeps the values that a segment passes to a later segment without a long pause. */
  #keepCheckpoints(): void {
    const touched = this.#touched
    const segmentOf = (at: number) => Math.floor(at / this.#segment)
    for (const [at, { operands }] of this.#values.entries()) {
      for (const value of operands) {
        if (value < 0) continue
        if (segmentOf(touched[value]) < segmentOf(at) && !this.#isLate(value, at)) this.#isKept[value] = 1
        touched[value] = at
      }
      touched[at] = at
    }
    touched.fill(0)
  }

  /** The new program; undefined if it would be too long. */
  run(): Program | undefined {
    const { length } = this.#values
    for (let at = 0; at < length; at++) {
      this.#compute(at, at)
      if (this.#steps.length > (1 + MAX_GROWTH) * length) return
    }
    return this.#place()
  }

  #compute(value: number, at: number): void {
    const { code, operands } = this.#values[value]
    const from = operands.map((operand) => this.#stepOf(operand, at))
    this.#touched[value] = at
    this.#current[value] = this.#steps.push({ code, operands: from }) - 1
  }

  /** The step that has computed a value for an instruction. */
  #stepOf(value: number, at: number): number {
    if (value < 0) return value
    if (this.#isKept[value] === 0 && this.#isLate(value, at)) this.#compute(value, at)
    this.#touched[value] = at
    return this.#current[value]
  }

  /** Assigns slots to the steps. */
  #place(): Program {
    const { parameters, columns, constants } = this.#program
    const lastUse = new Int32Array(this.#steps.length)
    for (const [step, { operands }] of this.#steps.entries())
      for (const operand of operands) if (operand >= 0) lastUse[operand] = step
    const outputs = this.#outputs.map((value) => this.#current[value])
    for (const step of outputs) lastUse[step] = -1
    const slots = new Slots(parameters.length + columns.length + constants.length)
    const places = new Int32Array(this.#steps.length)
    const head = this.#steps.map(({ code, operands }, step) => {
      const from = operands.map((operand) => (operand < 0 ? -1 - operand : places[operand]))
      // The result may replace an operand that is not needed later.
      for (const [k, operand] of operands.entries())
        if (lastUse[operand] === step && operands.indexOf(operand) === k) slots.free(from[k])
      places[step] = slots.take()
      return instruction(OPERATIONS[code], places[step], from)
    })
    return { ...this.#program, head, slots: slots.count, outputs: outputs.map((step) => places[step]) }
  }
}
