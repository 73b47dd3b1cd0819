/**
 * How a row of coefficients carries a program, behind those of the pipeline; crates/kernels/src/programs/equations.rs
 * reads it. All numbers are whole but the constants.
 */

import * as manifest from '../arena/manifest.js'
import { type Code, operations } from '../expressions/operations.js'
import type { Instruction } from '../expressions/steps.js'

export const MAX_STATES = 6
/** Sums that a stage takes at most, and numbers by tensor that one may use. */
export const MAX_SUMS = 2
export const MAX_VALUES = 4

/** Kinds of kernels: a last stage without and with numbers by tensor, and the stages before it. */
export const UPDATE = 0
export const UPDATE_PER_TENSOR = 1
export const SUMS = 2
export const SECOND_SUMS = 3

export const kernelNumber = (kind: number, states: number): number =>
  manifest.EQUATIONS + kind * (MAX_STATES + 1) + states

/** Where a row says where programs begin (0 for none), constants and how many these are, and which states are flushed. */
const rowSlot = (place: number): number => manifest.PIPELINE + place
export const ROW_POSITIONS = {
  update: rowSlot(manifest.EQUATION_UPDATE),
  sums: [rowSlot(manifest.EQUATION_SUMS), rowSlot(manifest.EQUATION_SECOND_SUMS)],
  constants: rowSlot(manifest.EQUATION_CONSTANTS),
  constantCount: rowSlot(manifest.EQUATION_COUNT),
  flushed: rowSlot(manifest.EQUATION_FLUSHES),
} as const
export const HEADER_LENGTH = manifest.EQUATION

/** Slots: what they stand for. Constants follow, and then what is computed. */
export const THETA = 0
export const GRADIENT = 1
export const FIRST_STATE = 2
export const FIRST_VALUE = FIRST_STATE + MAX_STATES
export const FIRST_CONSTANT = FIRST_VALUE + MAX_VALUES
export const MAX_SLOTS = manifest.EQUATION_SLOTS
export const MAX_COMPUTED = manifest.EQUATION_TEMPORARIES
export const MAX_INSTRUCTIONS = manifest.EQUATION_INSTRUCTIONS

/** What is summed: the numbers, their squares, or the largest size. */
export const VALUES = 0
export const SQUARES = 1
export const MAX_ABS = 2

const SHIFT = 256

/** An instruction as one number: its numbers are a byte each from the lowest on. */
export const encode = (instruction: Instruction): number =>
  instruction.reduceRight((number, byte) => number * SHIFT + byte, 0)

export function decode(number: number): Instruction {
  const bytes: number[] = []
  for (let rest = number; bytes.length < 6; rest = Math.floor(rest / SHIFT)) bytes.push(rest % SHIFT)
  return bytes as unknown as Instruction
}

/** How many operands an operation has. */
export const operandCount = (code: Code): number => operations[code][0]
