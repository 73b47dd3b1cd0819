/**
 * All kinds of programs. A program is plain data that fast-check can shrink and that can be sent to another process.
 */

import fc from 'fast-check'
import { type FitsProgram, fitsProgram, type RunsProgram, runsProgram } from './calls.js'
import { type ModelProgram, modelProgram } from './models.js'

export type Program = ModelProgram | RunsProgram | FitsProgram

export const program: fc.Arbitrary<Program> = fc.oneof(
  { weight: 2, arbitrary: modelProgram as fc.Arbitrary<Program> },
  { weight: 2, arbitrary: runsProgram },
  { weight: 1, arbitrary: fitsProgram },
)
