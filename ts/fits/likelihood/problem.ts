/** −2 log L of the rows as one expression graph: the model, its distribution, weights and censoring. */

import { OptionError } from '../../core/errors.js'
import { Builder } from '../../expressions/differentiate.js'
import { Expression } from '../../expressions/expression.js'
import type { Graph } from '../../expressions/graph.js'
import { defineLines, INFINITY, type NamedNodes } from '../../expressions/lines.js'
import { namesIn, parse } from '../../expressions/parse.js'
import { compile, type Program } from '../../expressions/program.js'
import type { BoundFunctionModel } from '../problem/function-model.js'
import type { Parameter } from '../problem/parameters.js'
import { makeProblem, type Problem } from '../problem/problem.js'
import type { LikelihoodFamily } from './families.js'

/** Name of the prediction in the expressions of a distribution. */
const PREDICTION = 'f'
/** Name of the internal column of the factor of log σ. Users' columns cannot have the name. */
export const FACTOR = '@factor'

/** A distribution with its options. */
export interface Likelihood {
  readonly family: LikelihoodFamily
  /** Expressions of f, columns and parameters, by the names of the options. */
  readonly texts: Readonly<Record<string, string>>
  /** Names of the columns that mark censored rows. */
  readonly below: string | undefined
  readonly above: string | undefined
  /** Whether log σ counts (n − p)/n times, for p parameters of the model. */
  readonly isRestricted: boolean
}

/** Names that the expressions of a distribution use, except for the prediction. */
export function namesOfDistribution({ texts, below, above }: Likelihood): string[] {
  const used = Object.entries(texts).flatMap(([option, text]) => {
    try {
      return namesIn(text)
    } catch (error) {
      throw new OptionError(option, 'a valid expression', text, `: ${(error as Error).message}`)
    }
  })
  const marks = [below, above].filter((name) => name !== undefined)
  return [...new Set([...used.filter((name) => name !== PREDICTION), ...marks])]
}

/** Names in the expression of an option. */
export const namesOfOption = ({ texts }: Pick<Likelihood, 'texts'>, option: string): readonly string[] =>
  texts[option] === undefined ? [] : namesIn(texts[option])

/** The programs of a likelihood, for one choice of parameters and columns. */
export interface LikelihoodProblem extends Likelihood {
  /** The problem with external parameters for predictions; `inSteps` contains the internal parameters. */
  readonly problem: Problem
  readonly inSteps: Problem
  /** −2 log L as an objective of the internal parameters, if the model is an expression. */
  readonly objective: Expression
  /** Node of a row's part of −2 log L in the graph of `inSteps`. */
  readonly cost: number
  /** Names of the columns of the objective, in order. */
  readonly columns: readonly string[]
  /** Names of the parameters of the model. Only the distribution uses the other parameters. */
  readonly ofModel: readonly string[]
  /** Outputs of a row: see {@link rowOutputs}. */
  readonly rows: Program
  /** A program with few outputs of a row: the prediction, and σ if the distribution has it. */
  readonly scatter: () => Program
  /**
   * A program for external values of the free parameters, whose output is 0 if every row has a finite likelihood, and a
   * prediction and options in their domains.
   *
   * @param columns the names in `columns` in the order of the data
   */
  readonly screen: (columns: readonly string[]) => Program
}

/** Names of the outputs of a row, followed by the options of the distribution. */
export const rowOutputs = ['f', 'cost', 'deviance', 'mean', 'variance'] as const

interface ProblemInputs {
  /** The text of an expression, or a model that computes all rows together. */
  readonly model: string | BoundFunctionModel
  readonly ofModel: readonly string[]
  readonly parameters: readonly Parameter[]
  readonly columns: readonly string[]
  readonly y: string
  readonly weight: string | null
}

export function makeLikelihood(likelihood: Likelihood, inputs: ProblemInputs): LikelihoodProblem {
  const { model, parameters, columns, ofModel } = inputs
  const make = (inLogarithms: boolean) => {
    const data = { ...inputs, loss: 'squared', scale: 1 } as const
    const problem = makeProblem(model, parameters, data, inLogarithms)
    problem.graph.linkedRows?.refuse('model')
    return { problem, nodes: rowNodes(likelihood, problem, parameters, inLogarithms) }
  }
  const plain = make(false)
  const { problem: inSteps, nodes } = make(true)
  // Fixed parameters that differ between fits are constant columns.
  const all = [...columns, ...inSteps.fixed, ...(likelihood.isRestricted ? [FACTOR] : [])]
  const names = [...inSteps.free, ...all]
  const toParsed = (graph: Graph, root: number) => ({ graph, root, names })
  const objective = new Expression(
    `−2 log L of ${plain.problem.text}`,
    toParsed(inSteps.graph, nodes.weighted),
    () => {
      const again = make(true)
      return toParsed(again.problem.graph, again.nodes.weighted)
    },
  )
  const { graph } = plain.problem
  const { named } = plain.nodes
  const compileRows = (names: readonly string[]) =>
    compile(
      graph,
      names.map((name) => named[name]),
      inputNames,
      rowColumns,
    )
  const inputNames = [...plain.problem.free, ...plain.problem.fixed]
  const ownColumns = all.filter((name) => !plain.problem.fixed.includes(name))
  const rowColumns = [...ownColumns, ...plain.problem.evaluatedExpressions.slice(0, 1)]
  return {
    ...likelihood,
    problem: plain.problem,
    inSteps,
    objective,
    cost: nodes.weighted,
    columns: all,
    ofModel,
    rows: compileRows([...rowOutputs, ...Object.keys(likelihood.texts)]),
    scatter: () => compileRows(['f', ...Object.keys(likelihood.texts).filter((name) => name === 'sigma')]),
    screen: (ordered) =>
      compile(graph, [graph.sum(isInvalid(graph, likelihood.family, named))], plain.problem.free, ordered),
  }
}

const validity = defineLines('isValid = abs(f) < INFINITY && abs(cost) < INFINITY && low < f && f < high', {
  INFINITY,
})
const positivity = defineLines('isPositive = 0 < option && option < INFINITY', { INFINITY })

/** Node that is 1 in rows that cannot start a fit, or that have a prediction at a limit of its domain. */
function isInvalid(graph: Graph, { prediction, positive }: LikelihoodFamily, named: NamedNodes): number {
  const b = new Builder(graph)
  const { f, cost } = named
  const limits = { low: b.constant(prediction.low), high: b.constant(prediction.high) }
  const isValid = positive.reduce(
    (all, name) => b.multiply(all, positivity(b, { option: named[name] }).isPositive),
    validity(b, { f, cost, ...limits }).isValid,
  )
  return b.subtract(b.one, isValid)
}

/** Nodes of a row: the outputs by name, and the weighted cost, which respects censoring. */
function rowNodes(
  likelihood: Likelihood,
  problem: Problem,
  parameters: readonly Parameter[],
  inLogarithms: boolean,
) {
  const { family, texts, below, above, isRestricted } = likelihood
  const { graph, model, y: response, weight } = problem
  const b = new Builder(graph)
  const resolve = nameResolver(problem, parameters, inLogarithms)
  const options = Object.fromEntries(
    Object.entries(texts).map(([option, text]) => {
      const { root } = parse(text, graph, resolve)
      graph.linkedRows?.refuse(option)
      return [option, root]
    }),
  )
  const y = b.name(response)
  const factor = isRestricted ? b.name(FACTOR) : b.one
  const inputs = { ...options, y, f: model, factor }
  const lines = family.lines(b, inputs)
  let { cost } = lines
  for (const [column, side] of [
    [above, 'above'],
    [below, 'below'],
  ] as const) {
    if (column === undefined) continue
    cost = b.select(b.name(column), family.censored(b, inputs, side), cost)
  }
  const named: Readonly<Record<string, number>> = { ...lines, ...options, f: model, cost }
  return { named, weighted: weight === null ? cost : b.multiply(b.name(weight), cost) }
}

/** Resolver of names in the expressions of a distribution. */
function nameResolver(
  { graph, model, derived }: Problem,
  parameters: readonly Parameter[],
  inLogarithms: boolean,
): (name: string) => number | undefined {
  const byName = new Map(parameters.map((parameter) => [parameter.name, parameter]))
  return (name) => {
    if (name === PREDICTION) return model
    const parameter = byName.get(name)
    if (parameter === undefined) return undefined
    const { expr, isFixed, isLogarithmic, start } = parameter
    if (isLogarithmic && inLogarithms) return graph.operation('exp', graph.name(name))
    if (expr !== null) return derived.get(name)
    return isFixed && typeof start === 'number' ? graph.constant(start) : undefined
  }
}
