/** Weights that depend on the model, such as 1/f². */

import { OptionError } from '../../core/errors.js'
import { Graph } from '../../expressions/graph.js'
import { parse } from '../../expressions/parse.js'
import { compile } from '../../expressions/program.js'
import { ProgramRunner } from '../../expressions/run.js'
import type { FitValues } from '../problem/options.js'
import type { Problem } from '../problem/problem.js'
import { modelColumns } from '../programs/function-curve.js'

/** Name of the model's value in an expression for weights. */
const MODEL_VALUE = 'f'
/** A column name that users' expressions cannot contain. */
export const WEIGHTS = '@weights'
/** Most rounds. Fewer than ten rounds suffice if the data are within a third of the model. */
export const MAX_ROUNDS = 100
/** A relative change of a parameter below this value is rounding error. */
const WEIGHT_TOLERANCE = 1e-13

/** The expression for weights in the options `sigma` and `weights`, if either is a string. */
export function weightExpression({
  sigma,
  weights,
}: Pick<FitValues, 'sigma' | 'weights'>): string | undefined {
  return [sigma, weights].find((given) => typeof given === 'string')
}

/** Computes a weight from the model's value and a row of its columns. */
export type WeightFunction = (f: number, row: ArrayLike<number>) => number

/** @throws OptionError if the expression uses names other than f and columns; ExpressionError if it is invalid */
export function compileWeights(problem: Problem, text: string, option: 'sigma' | 'weights'): WeightFunction {
  if (problem.loss === 'poisson') throw new OptionError(option, 'no expression for counts', text)
  const graph = new Graph()
  const columns = modelColumns(problem)
  const { root, names } = parse(text, graph)
  const stranger = names.find((name) => name !== MODEL_VALUE && !columns.includes(name))
  if (stranger !== undefined) {
    throw new OptionError(option, `an expression of ${[MODEL_VALUE, ...columns].join(', ')}`, stranger)
  }
  const machine = new ProgramRunner(compile(graph, [root], [MODEL_VALUE, ...columns], []), 'float64')
  return (f, row) => {
    machine.run([f, ...Array.from(row)], [], 0)
    const value = machine.slots[machine.program.outputs[0]]
    return option === 'weights' ? value : value > 0 ? 1 / (value * value) : NaN
  }
}

/** Whether a round moved a parameter by no more than the tolerance, relative to its standard error. */
export function isSettledWeight(before: number, now: number, variance: number, tolerance: number): boolean {
  // Without a standard error, the change is compared with the parameter itself.
  const limit = Number.isNaN(variance)
    ? Math.sqrt(tolerance) * Math.abs(now)
    : Math.sqrt(tolerance * variance)
  return Math.abs(now - before) <= Math.max(limit, WEIGHT_TOLERANCE * Math.abs(now))
}
