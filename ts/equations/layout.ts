/**
 * Encoding of a program in a row of coefficients, after the pipeline's coefficients;
 * crates/kernels/src/programs/equations.rs decodes it. All numbers except the constants are integers.
 */

import * as manifest from '../arena/manifest.js'
import { type Code, operations } from '../expressions/operations.js'
import type { Instruction } from '../expressions/steps.js'

export const MAX_STATES = 6
/** Maximum number of sums in a stage, and maximum number of per-tensor numbers in a stage. */
export const MAX_SUMS = 2
export const MAX_VALUES = 4

/** Kinds of kernels: the last stage without and with per-tensor numbers, and the stages that sum. */
export const UPDATE = 0
export const UPDATE_PER_TENSOR = 1
export const SUMS = 2
export const SECOND_SUMS = 3

export const kernelNumber = (kind: number, states: number): number =>
  manifest.EQUATIONS + kind * (MAX_STATES + 1) + states

/**
 * Positions of four entries in the row: the programs' offsets (0 if absent), the constants' offset, the constants'
 * count, and the mask of flushed states.
 */
const rowSlot = (place: number): number => manifest.PIPELINE + place
export const ROW_POSITIONS = {
  update: rowSlot(manifest.EQUATION_UPDATE),
  sums: [rowSlot(manifest.EQUATION_SUMS), rowSlot(manifest.EQUATION_SECOND_SUMS)],
  constants: rowSlot(manifest.EQUATION_CONSTANTS),
  constantCount: rowSlot(manifest.EQUATION_COUNT),
  flushed: rowSlot(manifest.EQUATION_FLUSHES),
} as const
export const HEADER_LENGTH = manifest.EQUATION

/** Slots of the inputs. The slots of the constants follow the inputs. The temporary slots come last. */
export const THETA = 0
export const GRADIENT = 1
export const FIRST_STATE = 2
export const FIRST_VALUE = FIRST_STATE + MAX_STATES
export const FIRST_CONSTANT = FIRST_VALUE + MAX_VALUES
export const MAX_SLOTS = manifest.EQUATION_SLOTS
export const MAX_COMPUTED = manifest.EQUATION_TEMPORARIES
export const MAX_INSTRUCTIONS = manifest.EQUATION_INSTRUCTIONS

/** Kinds of sums: sum of values, sum of squares, or largest absolute value. */
export const VALUES = 0
export const SQUARES = 1
export const MAX_ABS = 2

const SHIFT = 256

/** Encodes an instruction as one number, with one byte per field from the lowest byte on. */
export const encode = (instruction: Instruction): number =>
  instruction.reduceRight((number, byte) => number * SHIFT + byte, 0)

export function decode(number: number): Instruction {
  const bytes: number[] = []
  for (let rest = number; bytes.length < 6; rest = Math.floor(rest / SHIFT)) bytes.push(rest % SHIFT)
  return bytes as unknown as Instruction
}

/** Number of operands of an operation. */
export const operandCount = (code: Code): number => operations[code][0]
