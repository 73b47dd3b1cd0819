/** Weights that are made of the model, as 1/f² is. */

import { OptionError } from '../../core/errors.js'
import { Graph } from '../../expressions/graph.js'
import { parse } from '../../expressions/parse.js'
import { compile } from '../../expressions/program.js'
import { ProgramRunner } from '../../expressions/run.js'
import type { FitValues } from '../problem/options.js'
import type { Problem } from '../problem/problem.js'
import { modelColumns } from '../programs/function-curve.js'

/** The model's value in a text of weights. */
const MODEL_VALUE = 'f'
/** A column that no user's text can have. */
export const WEIGHTS = '@weights'
/** Rounds at most; they are fewer than ten where numbers are within a third of the model. */
export const MAX_ROUNDS = 100
/** Of a parameter, what is no change but rounding. */
const WEIGHT_TOLERANCE = 1e-13

/** The text by which weights are made, if that is what these options want. */
export function weightExpression({
  sigma,
  weights,
}: Pick<FitValues, 'sigma' | 'weights'>): string | undefined {
  return [sigma, weights].find((given) => typeof given === 'string')
}

/** A weight: of the model's value, and a row of its columns. */
export type WeightFunction = (f: number, row: ArrayLike<number>) => number

/** @throws OptionError where the text has other names than f and columns; ExpressionError where it is none */
export function compileWeights(problem: Problem, text: string, option: 'sigma' | 'weights'): WeightFunction {
  if (problem.loss === 'poisson') throw new OptionError(option, 'none by the model, of counts', text)
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

/** Whether a round has moved a parameter no more than a step beside its standard error would. */
export function isSettledWeight(before: number, now: number, variance: number, tolerance: number): boolean {
  // Of what no error is known, the change is beside the parameter.
  const limit = Number.isNaN(variance)
    ? Math.sqrt(tolerance) * Math.abs(now)
    : Math.sqrt(tolerance * variance)
  return Math.abs(now - before) <= Math.max(limit, WEIGHT_TOLERANCE * Math.abs(now))
}
