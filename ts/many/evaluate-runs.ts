/** Evaluates a program once per run on an engine, with the same bits as in TypeScript. */

import type { FloatArray } from '../core/numbers.js'
import type { Program } from '../expressions/program.js'
import type { Instruction } from '../expressions/steps.js'
import type { Batch } from './batch/batch.js'
import { areContiguous, type DataColumn, groupByRows, pickRuns } from './batch/data.js'
import { runsPerBatch } from './batch/layout.js'
import type { EngineCall } from './engines/execute.js'
import { iterateBatch, prepareBatch } from './engines/program-batch.js'

/** Maximum number of bytes of the parameters and outputs of all runs in a batch. */
const MAX_STATE_BYTES = 1 << 26

/**
 * A program that is iterated once: further parameters take the outputs. The other outputs are never read, so they may be
 * any computed values.
 */
export function withResults(program: Program): Program {
  const { parameters, outputs, slots, sums, head, body, tail, loops } = program
  const first = parameters.length
  const move = (slot: number) => (slot < first ? slot : slot + outputs.length)
  const moveAll = (instructions: readonly Instruction[]) =>
    instructions.map(
      ([operation, ...operands]) => [operation, ...operands.map(move)] as unknown as Instruction,
    )
  const moved = outputs.map(move)
  return {
    ...program,
    parameters: [...parameters, ...outputs.map((_, i) => `@output${i}`)],
    slots: slots + outputs.length,
    head: moveAll(head),
    body: moveAll(body),
    tail: moveAll(tail),
    loops: loops.map((loop) => ({ ...loop, again: move(loop.again) })),
    sums: sums.map(move),
    outputs: [...parameters.map(() => moved[0]), ...moved, moved[0]],
  }
}

/** Runs of a program that is evaluated once per run. */
export class RunEvaluation {
  readonly #program: Program
  readonly #inputs: number
  readonly #data: readonly DataColumn[]
  readonly #threads: number
  #last: Batch | undefined

  /** @param data columns in the order of the program, shared ones first */
  constructor(program: Program, data: readonly DataColumn[], threads: number) {
    this.#program = withResults(program)
    this.#inputs = program.parameters.length
    this.#data = data
    this.#threads = threads
  }

  /**
   * Evaluates the program at one point per run, and passes the outputs on as columns of some of the points.
   *
   * @param runs index of each point's run, in ascending order
   * @param x columns of the points
   */
  *evaluate(
    runs: Uint32Array,
    x: readonly Float64Array[],
    take: (points: Uint32Array, outputs: readonly FloatArray[]) => void,
  ): Generator<EngineCall> {
    const placeOf = new Map(Array.from(runs, (run, k) => [run, k]))
    const bytes = 8 * this.#program.parameters.length
    const most = Math.floor(MAX_STATE_BYTES / bytes)
    for (const group of groupByRows(this.#data, runs)) {
      const size = runsPerBatch(this.#data, group[0], 8, most)
      for (let from = 0; from < group.length; from += size) {
        const part = group.subarray(from, from + size)
        const points =
          part.length === runs.length ? part.map((_, k) => k) : part.map((run) => placeOf.get(run) as number)
        const outputs = this.#program.parameters.slice(this.#inputs).map(() => 0)
        const together = areContiguous(points)
        const state = [...x.map((column) => pickRuns(column, points, together)), ...outputs]
        const all = {
          runs: part,
          data: this.#data,
          x: state,
          maxUpdates: 1,
          updatesPerCall: 1,
          threads: this.#threads,
        }
        const batch = prepareBatch(this.#program, all, this.#last)
        this.#last = batch
        yield* iterateBatch(batch, all)
        take(points, batch.results().x.slice(this.#inputs))
      }
    }
  }
}
