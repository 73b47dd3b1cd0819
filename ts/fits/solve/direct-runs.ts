/** Runs a program without data in TypeScript. For a few runs, an engine call would take longer. */

import { memoizeBy } from '../../core/memoization.js'
import type { FloatArray } from '../../core/numbers.js'
import type { Program } from '../../expressions/program.js'
import { ProgramRunner } from '../../expressions/run.js'

/** Maximum number of runs for which a program without data runs directly. */
export const MAX_DIRECT_RUNS = 2

const runnerOf = memoizeBy((program: Program) => new ProgramRunner(program, 'float64'))

/** Runs a program once per run, and returns the first outputs as columns. The columns `x` are the inputs. */
export function runDirectly(
  program: Program,
  x: readonly FloatArray[],
  runs: number,
  outputs: number,
): Float64Array[] {
  const machine = runnerOf(program)
  const found: Float64Array[] = []
  for (let k = 0; k < outputs; k++) found.push(new Float64Array(runs))
  for (let run = 0; run < runs; run++) {
    machine.run(
      x.map((column) => column[run]),
      [],
      0,
    )
    for (let k = 0; k < outputs; k++) found[k][run] = machine.slots[program.outputs[k]]
  }
  return found
}
