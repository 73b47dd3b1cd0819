/** Model-based weights of groups that share parameters. */

import { pauseAfterNumbers, type Slices } from '../../core/slices.js'
import { ProgramRunner } from '../../expressions/run.js'
import { type DataColumn, numbersInRun } from '../../many/batch/data.js'
import { compileModel, FunctionCurve, modelColumns } from '../programs/function-curve.js'
import { isSettledWeight, WEIGHTS } from '../solve/model-weights.js'
import type { ArrowheadPoint, ArrowheadSolver } from './arrowhead-solver.js'
import { type GroupBatch, getIndex } from './group-batch.js'
import type { ParsedBatch } from './read.js'
import type { InvalidWeight, SharedStatistics } from './shared-statistics.js'

/** Whether the weights of at least one output depend on the model. */
export const hasModelWeights = (families: readonly ParsedBatch[]) =>
  families.some(({ hasModelWeights }) => hasModelWeights.some((weigh) => weigh !== null))

/** Writes the weights at the end point of a round of fits. The result is the first invalid weight, or null. */
export function* setWeights(
  read: readonly ParsedBatch[],
  families: readonly GroupBatch[],
  { shared, local }: ArrowheadPoint,
): Slices<InvalidWeight | null> {
  const isPauseDue = pauseAfterNumbers()
  for (const [f, { hasModelWeights, outputs, data, constants }] of read.entries()) {
    const { groups, active, sharedPlaces } = families[f]
    for (const [k, weigh] of hasModelWeights.entries()) {
      if (weigh === null) continue
      const { problem } = outputs[k].compiled
      const machine = new ProgramRunner(compileModel(problem), 'float64')
      const names = [problem.y, ...modelColumns(problem)]
      const weightsOf = (columns: ReadonlyMap<string, DataColumn>, group: number) =>
        numbersInRun(columns.get(WEIGHTS) as DataColumn, group)
      for (const [at, group] of groups.subarray(0, active).entries()) {
        const [y, ...columns] = names.map((name) => numbersInRun(data[k].get(name) as DataColumn, group))
        const point = [
          ...local[f].map((column) => column[at]),
          ...sharedPlaces.map((place) => shared[getIndex(place, at)]),
          ...problem.fixed.map((name) => constants.get(name)?.[group] as number),
        ]
        const [all, counted] = [data[k], outputs[k].columns].map((columns) => weightsOf(columns, group))
        const { functionModel } = problem
        const curve =
          functionModel &&
          new FunctionCurve(
            problem,
            functionModel,
            columns,
            point.slice(problem.free.length),
            y.length,
          ).value(point.slice(0, problem.free.length))
        let next = 0
        for (let row = 0; row < y.length; row++) {
          const numbers = columns.map((column) => column[row])
          if (Number.isNaN(y[row]) || numbers.some(Number.isNaN)) continue
          if (curve === null) machine.run([...point, ...numbers], [], 0)
          const value = weigh(curve?.[row] ?? machine.slots[machine.program.outputs[0]], numbers)
          if (!(value > 0 && value < Infinity)) return { group, value }
          all[row] = value
          counted[next++] = value
          if (isPauseDue(1)) yield
        }
      }
    }
  }
  return null
}

/** Whether a round of fits has changed no parameter noticeably, relative to the standard error of the parameter. */
export function areWeightsSettled(
  arrow: ArrowheadSolver,
  before: SharedStatistics,
  now: SharedStatistics,
  tolerance: number,
): boolean {
  const { covariance, values } = now
  const shared = values.shared.every((x, k) => {
    const factor = arrow.shared[k].isLogarithmic ? x : 1
    const variance = covariance[k * arrow.size + k] * factor * factor
    return isSettledWeight(before.values.shared[k], x, variance, tolerance)
  })
  const isOwn = (f: number, i: number, at: number) => {
    const error = now.localErrors[f][i][at]
    return isSettledWeight(before.values.local[f][i][at], values.local[f][i][at], error * error, tolerance)
  }
  return (
    shared &&
    values.local.every((values, f) =>
      values.every((own, i) => own.subarray(0, arrow.batches[f].active).every((_, at) => isOwn(f, i, at))),
    )
  )
}
