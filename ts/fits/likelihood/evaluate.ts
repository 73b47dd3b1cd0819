/** −2 log L of one fit with its derivatives, in TypeScript. */

import { memoizeBy } from '../../core/memoization.js'
import { runToEnd } from '../../core/slices.js'
import { isRowParallel, ProgramRunner } from '../../expressions/run.js'
import { evaluateModelRows, ModelEvaluator } from './model-evaluator.js'
import type { SecondOrderEvaluation } from './newton.js'
import type { LikelihoodProblem } from './problem.js'

const machineOf = memoizeBy(
  ({ objective, columns }: LikelihoodProblem) =>
    new ProgramRunner(objective.programs(columns).together(true), 'float64'),
)

/**
 * @param rows columns of the objective
 * @param around point near which the Hessian must be exact, if the model is not an expression
 */
export function createEvaluator(
  likelihood: LikelihoodProblem,
  rows: readonly Float64Array[],
  around?: Float64Array,
): (x: Float64Array) => SecondOrderEvaluation {
  if (likelihood.problem.functionModel !== null) {
    const evaluator = new ModelEvaluator(likelihood, rows)
    if (around !== undefined) runToEnd(evaluator.observe(around))
    return (x) => evaluator.evaluate(x)
  }
  const machine = machineOf(likelihood)
  const { slots, program } = machine
  const count = likelihood.inSteps.free.length
  const inLanes = isRowParallel(program, rows[0].length)
  return (x) => {
    machine.run(x, rows, rows[0].length, inLanes)
    const out = (from: number, length: number) =>
      Float64Array.from({ length }, (_, k) => slots[program.outputs[from + k]])
    return {
      value: slots[program.outputs[0]],
      gradient: out(1, count),
      hessian: out(1 + count, program.outputs.length - 1 - count),
    }
  }
}

const rowMachines = memoizeBy(({ rows }: LikelihoodProblem) => new ProgramRunner(rows, 'float64'))

/**
 * Outputs of each row: `rowOutputs`, followed by the options of the distribution.
 *
 * @param point external values of the free parameters and of the parameters that are fixed per fit
 * @param f values of a model that is not an expression; by default its values in the given rows of the fit
 */
export function evaluateRows(
  likelihood: LikelihoodProblem,
  point: ArrayLike<number>,
  rows: readonly Float64Array[],
  f?: Float64Array,
): Float64Array[] {
  const own = ownRows(likelihood, rows)
  if (likelihood.problem.functionModel !== null) own.push(f ?? evaluateModelRows(likelihood, point, rows))
  return rowMachines(likelihood).evaluateRows(point, own, rows[0].length)
}

/** The rows without the columns of parameters that are fixed per fit. */
const ownRows = ({ columns, problem }: LikelihoodProblem, rows: readonly Float64Array[]) =>
  rows.filter((_, k) => !problem.fixed.includes(columns[k]))

const scatterMachines = memoizeBy(({ scatter }: LikelihoodProblem) => new ProgramRunner(scatter(), 'float64'))

/** Predictions of an expression in each row, and σ if the distribution has it. */
export const evaluateScatter = (
  likelihood: LikelihoodProblem,
  point: ArrayLike<number>,
  rows: readonly Float64Array[],
): Float64Array[] =>
  scatterMachines(likelihood).evaluateRows(point, ownRows(likelihood, rows), rows[0].length)
