/** Weights that depend on the model, such as 1/f². */

import { OptionError } from '../../core/errors.js'
import { Graph } from '../../expressions/graph.js'
import { parse } from '../../expressions/parse.js'
import { compile } from '../../expressions/program.js'
import { ProgramRunner } from '../../expressions/run.js'
import type { FitValues } from '../problem/options.js'
import type { Problem } from '../problem/problem.js'
import { modelColumns } from '../programs/function-curve.js'

/** Name of the model value in an expression for weights. */
const MODEL_VALUE = 'f'
/** Name of the internal column of weights. Expressions of the user cannot contain the name. */
export const WEIGHTS = '@weights'
/**
 * Maximum number of rounds of reweighting. Fewer than ten rounds suffice if the data differ from the model by less
 * than a third.
 */
export const MAX_ROUNDS = 100
/** A relative change of a parameter below this value is rounding error. */
const WEIGHT_TOLERANCE = 1e-13

/** The expression for weights in the options `sigma` and `weights`, if one of the options is a string. */
export function weightExpression({
  sigma,
  weights,
}: Pick<FitValues, 'sigma' | 'weights'>): string | undefined {
  return [sigma, weights].find((given) => typeof given === 'string')
}

/** Function that computes a weight from the model value and the values of the columns in a row. */
export type WeightFunction = (f: number, row: ArrayLike<number>) => number

/**
 * @throws OptionError if the expression uses names other than f and columns; ExpressionError if the expression is
 * invalid
 */
export function compileWeights(problem: Problem, text: string, option: 'sigma' | 'weights'): WeightFunction {
  if (problem.loss === 'poisson') throw new OptionError(option, 'no expression for counts', text)
  const graph = new Graph()
  const columns = modelColumns(problem)
  const { root, names } = parse(text, graph)
  graph.linkedRows?.refuse(option)
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

/** Whether a round of reweighting moved a parameter by at most the tolerance, relative to its standard error. */
export function isSettledWeight(before: number, now: number, variance: number, tolerance: number): boolean {
  // If the standard error is unknown, the change is compared with the parameter itself.
  const limit = Number.isNaN(variance)
    ? Math.sqrt(tolerance) * Math.abs(now)
    : Math.sqrt(tolerance * variance)
  return Math.abs(now - before) <= Math.max(limit, WEIGHT_TOLERANCE * Math.abs(now))
}
