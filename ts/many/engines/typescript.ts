/**
 * Advances a batch in TypeScript, run by run, as a readable reference for crates/kernels/src/many. Batches of rules are
 * in typescript-rules.ts.
 */

import { MAX_ITERATIONS } from '../../arena/manifest.js'
import type { Slices } from '../../core/slices.js'
import type { Program } from '../../expressions/program.js'
import { OPERATIONS_OF_SLICE, ProgramRunner } from '../../expressions/run.js'
import type { Batch } from '../batch/batch.js'

export function advanceInTypeScript(batch: Batch): Slices<void> {
  return (batch.shape.advance ?? iterate)(batch)
}

/** A counter of the operations in the current slice. */
export class Spending {
  #spent = 0

  /** Adds operations. The method returns whether the slice is complete. */
  isDue(operations: number): boolean {
    this.#spent += operations
    if (this.#spent < OPERATIONS_OF_SLICE) return false
    this.#spent = 0
    return true
  }
}

/** Number of operations that an update adds to the operations of the program. */
const OTHERS = 64

export const countOperations = ({ head, body, tail }: Program, rows: number) =>
  OTHERS + head.length + tail.length + body.length * rows

/**
 * Runs a program repeatedly. The outputs of the program become the next parameters, and the last output decides whether
 * the run stops.
 */
function* iterate(batch: Batch): Slices<void> {
  const { shape, done, updates, isByRun, isByRows } = batch
  const { gradient, dtype, rows, maxUpdates } = shape
  const machine = new ProgramRunner(gradient, dtype)
  const { outputs } = gradient
  const count = outputs.length - 1
  const theta = dtype === 'float32' ? new Float32Array(count) : new Float64Array(count)
  const results = batch.results()
  const operations = countOperations(gradient, rows)
  const isLong = operations > OPERATIONS_OF_SLICE
  const spending = new Spending()
  for (const cohort of batch.cohorts()) {
    let data = cohort.data(0)
    for (let lane = cohort.live - 1; lane >= 0; lane--) {
      const began = cohort.read(lane, theta, [])
      if (isByRun) data = cohort.data(lane)
      let reason = 0
      let t = done
      for (const last = done + updates; t < last && reason === 0; t++) {
        if (isLong) yield* machine.runInSlices(theta, data, rows, isByRows)
        else machine.run(theta, data, rows, isByRows)
        if (spending.isDue(operations)) yield
        for (let p = 0; p < count; p++) theta[p] = machine.slots[outputs[p]]
        reason = machine.slots[outputs[count]]
      }
      if (reason === 0 && t >= maxUpdates) reason = MAX_ITERATIONS
      if (reason === 0) {
        cohort.write(lane, theta, [], began)
        continue
      }
      const run = cohort.runs[lane]
      for (const [p, column] of results.x.entries()) column[run] = theta[p]
      results.iterations[run] = t
      results.reason[run] = reason
      cohort.remove(lane)
    }
  }
}
