/** The memory of a run, which later runs of problems with the same parameters and constraints reuse. */

import type { MinimizationProblem } from '../minimize/method.js'
import type { ConstraintFunction } from './functions.js'
import { CombinedProgram } from './program.js'
import { SqpRun } from './run.js'
import { ScaledProgram } from './scaling.js'

export interface RunMemory {
  readonly program: CombinedProgram
  readonly scaled: ScaledProgram
  readonly run: SqpRun
}

const kept: RunMemory[] = []
/** The largest count of runs whose memory is kept, and the largest count of numbers in a matrix of a kept run. */
const [MAX_KEPT, MAX_KEPT_SIZE] = [4, 10_000]

/** Takes memory for one run. Memory that is in use is not among the kept memory. */
export function takeRunMemory(
  problem: MinimizationProblem,
  constraints: readonly ConstraintFunction[],
): RunMemory {
  const { length } = problem.start
  const at = kept.findIndex(({ program }) => program.fits(length, constraints))
  const memory = at < 0 ? createRunMemory(length, constraints) : kept[at]
  if (at >= 0) kept.splice(at, 1)
  memory.program.bind(problem, constraints)
  return memory
}

function createRunMemory(size: number, constraints: readonly ConstraintFunction[]): RunMemory {
  const program = new CombinedProgram(size, constraints)
  const scaled = new ScaledProgram(program)
  return { program, scaled, run: new SqpRun(scaled) }
}

/** Keeps the memory of a run that has ended. */
export function keepRunMemory(memory: RunMemory): void {
  const { program } = memory
  if (program.size * (program.size + program.count) > MAX_KEPT_SIZE) return
  program.unbind()
  if (kept.length === MAX_KEPT) kept.shift()
  kept.push(memory)
}
