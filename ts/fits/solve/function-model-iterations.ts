/**
 * Iterates programs that read the values of a model function, one run at a time. The model function is called before
 * each iteration.
 */

import type { FloatArray } from '../../core/numbers.js'
import type { Slices } from '../../core/slices.js'
import type { Program } from '../../expressions/program.js'
import { ProgramRunner } from '../../expressions/run.js'
import type { BatchResults } from '../../many/batch/batch.js'
import { type DataColumn, numbersInRun } from '../../many/batch/data.js'
import type { BoundFunctionModel } from '../problem/function-model.js'
import type { Problem } from '../problem/problem.js'
import { FunctionCurve, modelColumns } from '../programs/function-curve.js'
import { dot } from './householder-qr.js'

/** End points of the iterated runs. */
export type IterationResults = Pick<BatchResults, 'x' | 'iterations' | 'reason'>

/** Starting points of the runs, and the fits whose data the runs use. */
export interface IterationStart {
  readonly runs: Uint32Array
  readonly data: readonly DataColumn[]
  readonly x: readonly (FloatArray | number)[]
  readonly maxUpdates: number
}

/**
 * Iterates a program for a model function, like `Iterations.run`. The state of the program begins with the free
 * parameters, followed by the fixed parameters.
 */
export function* iterateFunctionModel(
  problem: Problem,
  functionModel: BoundFunctionModel,
  program: Program,
  { runs, data, x, maxUpdates }: IterationStart,
): Slices<IterationResults> {
  const { free, fixed, columns, y, min, max } = problem
  const machine = new ProgramRunner(program, 'float64')
  const ends = x.map(() => new Float64Array(runs.length))
  const [iterations, reason] = [new Float64Array(runs.length), new Uint32Array(runs.length)]
  for (let run = 0; run < runs.length; run++) {
    const state = Float64Array.from(x, (column) => (typeof column === 'number' ? column : column[run]))
    const rows = new Map(columns.map((name, k) => [name, numbersInRun(data[k], runs[run])]))
    const rest = Array.from(state.subarray(free.length, free.length + fixed.length))
    const compute = (name: string) => rows.get(name) as Float64Array
    const curve = new FunctionCurve(
      problem,
      functionModel,
      modelColumns(problem).map(compute),
      rest,
      compute(y).length,
    )
    const sizes = new Float64Array(free.length)
    while (reason[run] === 0 && iterations[run] < maxUpdates) {
      const point = state.slice(0, free.length)
      const f = yield* curve.evaluate(point)
      yield
      const slopes = yield* curve.slopes({ x: point, f, min, max, sizes })
      const off = f.map((value, row) => value - compute(y)[row])
      for (const [i, slope] of slopes.entries()) {
        const size = Math.sqrt(dot(off, off) / dot(slope, slope))
        sizes[i] = size < Infinity ? size : 0
      }
      machine.run(state, [...rows.values(), f, ...slopes], f.length)
      for (let k = 0; k < state.length; k++) state[k] = machine.slots[program.outputs[k]]
      reason[run] = machine.slots[program.outputs[state.length]]
      iterations[run]++
    }
    for (const [k, end] of ends.entries()) end[run] = state[k]
  }
  return { x: ends, iterations, reason }
}
