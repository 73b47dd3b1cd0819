/** A fit problem: the model, the parameters and the columns as nodes of one expression graph. */

import { OptionError } from '../../core/errors.js'
import { Graph } from '../../expressions/graph.js'
import type { Operation } from '../../expressions/operations.js'
import { parse } from '../../expressions/parse.js'
import { log } from '../../functions/index.js'
import type { BoundFunctionModel } from './function-model.js'
import type { LossInputs } from './loss.js'
import type { Parameter } from './parameters.js'

/** A fit problem as graph nodes. Free parameters, per-fit constants and columns are names in the graph. */
export interface Problem extends LossInputs {
  /**
   * Source text of the model. Fixed parameters keep their names in the source text. The source text is empty for a
   * function model.
   */
  readonly text: string
  /**
   * The function model, or null. `values` maps the parameters of the function to graph nodes. `evaluatedExpressions`
   * contains the names for the value and the derivatives of the function.
   */
  readonly functionModel: BoundFunctionModel | null
  readonly values: ReadonlyMap<string, number>
  readonly evaluatedExpressions: readonly string[]
  /** Names of the free parameters, with their bounds in `min` and `max`. */
  readonly free: readonly string[]
  readonly min: readonly number[]
  readonly max: readonly number[]
  /** Whether the name of each free parameter denotes the logarithm of the parameter. */
  readonly isLogarithm: readonly boolean[]
  /** Names of the fixed parameters that have one value per fit. */
  readonly fixed: readonly string[]
  /** Graph nodes of the parameters that are defined by expressions. */
  readonly derived: ReadonlyMap<string, number>
  /** Names of the data columns: the model's columns, the response and the weights. */
  readonly columns: readonly string[]
}

/**
 * Maximum number of free parameters for compiled programs. With more parameters, programs would have thousands of
 * operations, so the fits are solved one at a time without compiled programs.
 */
export const MAX_COMPILED_PARAMETERS = 16
export const MAX_PARAMETERS = 256
/** Maximum number of free parameters for profiles, which need compiled programs. */
export const MAX_PROFILED_PARAMETERS = 32

/** @throws OptionError if the problem has too many free parameters for profiles */
export function checkProfiled(argument: string, { free }: Problem): void {
  if (free.length <= MAX_PROFILED_PARAMETERS) return
  throw new OptionError(
    argument,
    `a fit with at most ${MAX_PROFILED_PARAMETERS} free parameters`,
    `${free.length}`,
  )
}

/** Name of the value of a function model in the graph. Expressions of the user cannot contain this name. */
const VALUE = '@value'

/**
 * Builds the graph of a problem.
 *
 * @param model source text of an expression, or a function model
 * @param inLogarithms whether the names of positive free parameters denote the logarithms of the parameters, as in
 * compiled iterations
 */
export function makeProblem(
  model: string | BoundFunctionModel,
  parameters: readonly Parameter[],
  data: Pick<Problem, 'columns' | 'y' | 'weight' | 'loss' | 'scale'>,
  inLogarithms: boolean,
): Problem {
  const graph = new Graph()
  const derived = new Map<string, number>()
  const resolve = parameterResolver(graph, parameters, derived, inLogarithms)
  const [text, called] = typeof model === 'string' ? [model, null] : ['', model]
  const parsed = called === null ? parse(text, graph, resolve).root : graph.name(VALUE)
  const given = called === null ? [] : parameters.filter(({ isDerived }) => !isDerived)
  const values = new Map(given.map(({ name }) => [name, resolve(name) ?? graph.name(name)]))
  for (const { name, expr } of parameters) if (expr !== null) resolve(name)
  const root = graph.linkedRows?.valueOf(parsed, data.columns, [...derived.values()]) ?? parsed
  const free = parameters.filter(({ isFixed }) => !isFixed)
  if (free.length === 0 || free.length > MAX_PARAMETERS) {
    throw new OptionError('start', `1 to ${MAX_PARAMETERS} free parameters`, `${free.length}`)
  }
  const fixed = parameters.filter(
    ({ isFixed, expr, start }) => isFixed && expr === null && typeof start !== 'number',
  )
  const slopes = free.map((_, i) => `@by${i}`)
  const isLogarithm = free.map(({ isLogarithmic }) => isLogarithmic && inLogarithms)
  const limits = (end: 'min' | 'max') =>
    free.map((parameter, i) => (isLogarithm[i] ? log(Math.max(parameter[end], 0)) : parameter[end]))
  const { columns, y, weight, loss, scale } = data
  // The object is written without spreads, because each spread would create another hidden class.
  return {
    text,
    graph,
    model: root,
    derived,
    columns,
    y,
    weight,
    loss,
    scale,
    functionModel: called,
    values,
    evaluatedExpressions: called === null ? [] : [VALUE, ...slopes],
    free: free.map(({ name }) => name),
    isLogarithm,
    min: limits('min'),
    max: limits('max'),
    fixed: fixed.map(({ name }) => name),
  }
}

/**
 * Resolver of parameter names to graph nodes. The resolver returns undefined for a name that stays a name in the graph.
 *
 * @param derived receives the nodes of the parameters that are defined by expressions
 */
function parameterResolver(
  graph: Graph,
  parameters: readonly Parameter[],
  derived: Map<string, number>,
  inLogarithms: boolean,
): (name: string) => number | undefined {
  const byName = new Map(parameters.map((parameter) => [parameter.name, parameter]))
  const open = new Set<string>()
  const resolve = (name: string): number | undefined => {
    const parameter = byName.get(name)
    if (parameter === undefined) return undefined
    const { expr, isFixed, isLogarithmic, start } = parameter
    if (isLogarithmic && inLogarithms) return graph.operation('exp', graph.name(name))
    if (expr === null) return isFixed && typeof start === 'number' ? graph.constant(start) : undefined
    const known = derived.get(name)
    if (known !== undefined) return known
    const argument = parameter.isDerived ? `derive: ${name}` : `start: ${name}: expr`
    if (open.has(name)) throw new OptionError(argument, 'no circular reference', expr)
    open.add(name)
    const { root, names } = parse(expr, graph, resolve)
    open.delete(name)
    const stranger = names.find((used) => !byName.has(used))
    if (stranger !== undefined) {
      throw new OptionError(argument, `parameters among ${[...byName.keys()].join(', ')}`, stranger)
    }
    derived.set(name, root)
    return root
  }
  return resolve
}

/** Operations whose argument must be positive. */
const logarithmFunctions: readonly Operation[] = ['log', 'log2', 'log10']

/**
 * Free parameters for which the model is undefined at 0 and below. Scale parameters are factors in the argument of a
 * logarithm, or in the base of a power with a variable exponent. An example is ec50 in (ec50/x)^slope.
 */
export function scaleParameters({ graph, model, free }: Problem): string[] {
  const scales = new Set<string>()
  /** Nodes whose value must be positive. */
  const positive = new Set<number>()
  // A set visits the members that are added during the loop.
  const reached = new Set([model])
  for (const number of reached) {
    const node = graph.nodes[number]
    if (node.kind === 'operation') {
      const { operation, operands } = node
      const isPower = operation === 'pow' && graph.constantAt(operands[1]) === undefined
      if (isPower || logarithmFunctions.includes(operation)) positive.add(operands[0])
    }
    for (const operand of graph.sourcesOf(number)) reached.add(operand)
  }
  for (const number of positive) {
    const node = graph.nodes[number]
    if (node.kind === 'name' && free.includes(node.name)) scales.add(node.name)
    if (node.kind !== 'operation' || !['multiply', 'divide'].includes(node.operation)) continue
    for (const operand of node.operands) positive.add(operand)
  }
  return [...scales]
}
