/** A model with its parameters and columns, as nodes of one graph. */

import { OptionError } from '../../core/errors.js'
import { Graph } from '../../expressions/graph.js'
import type { Operation } from '../../expressions/operations.js'
import { parse } from '../../expressions/parse.js'
import { log } from '../../functions/index.js'
import type { BoundFunctionModel } from './function-model.js'
import type { LossInputs } from './loss.js'
import type { Parameter } from './parameters.js'

/** What is fitted: nodes of a graph, in which parameters and columns are names. */
export interface Problem extends LossInputs {
  /** The model's, in which what is fixed has its name; empty of a function. */
  readonly text: string
  /** The function, if the model is one: the nodes of what it is called with, by name, and names of its value and derivatives. */
  readonly functionModel: BoundFunctionModel | null
  readonly values: ReadonlyMap<string, number>
  readonly evaluatedExpressions: readonly string[]
  /** Parameters that vary, and what each may be. */
  readonly free: readonly string[]
  readonly min: readonly number[]
  readonly max: readonly number[]
  /** Whether it is a logarithm that varies. */
  readonly isLogarithm: readonly boolean[]
  /** Names that have a number for each fit, and keep it. */
  readonly fixed: readonly string[]
  /** Parameters that follow from others: their nodes. */
  readonly derived: ReadonlyMap<string, number>
  /** Columns of data: those of the model, the one that it is to meet, and weights. */
  readonly columns: readonly string[]
}

/** More would make programs of thousands of operations: such fits are done one by one. */
export const MAX_COMPILED_PARAMETERS = 16
export const MAX_PARAMETERS = 256
/** With more of them there are no profiles: these are programs. */
export const MAX_PROFILED_PARAMETERS = 32

/** @throws OptionError where there are too many */
export function checkProfiled(argument: string, { free }: Problem): void {
  if (free.length <= MAX_PROFILED_PARAMETERS) return
  throw new OptionError(
    argument,
    `a fit with at most ${MAX_PROFILED_PARAMETERS} parameters that vary`,
    `${free.length}`,
  )
}

/** A name that no user's text can have. */
const VALUE = '@value'

/**
 * @param model a text, or a function
 * @param inLogarithms whether names of positive parameters that vary stand for their logarithms, as they do for steps; for
 * all else they stand for themselves
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
  const root = called === null ? parse(text, graph, resolve).root : graph.name(VALUE)
  const given = called === null ? [] : parameters.filter(({ isDerived }) => !isDerived)
  const values = new Map(given.map(({ name }) => [name, resolve(name) ?? graph.name(name)]))
  for (const { name, expr } of parameters) if (expr !== null) resolve(name)
  const free = parameters.filter(({ isFixed }) => !isFixed)
  if (free.length === 0 || free.length > MAX_PARAMETERS) {
    throw new OptionError('start', `1 to ${MAX_PARAMETERS} parameters that vary`, `${free.length}`)
  }
  const fixed = parameters.filter(
    ({ isFixed, expr, start }) => isFixed && expr === null && typeof start !== 'number',
  )
  const slopes = free.map((_, i) => `@by${i}`)
  const isLogarithm = free.map(({ isLogarithmic }) => isLogarithmic && inLogarithms)
  const limits = (end: 'min' | 'max') =>
    free.map((parameter, i) => (isLogarithm[i] ? log(Math.max(parameter[end], 0)) : parameter[end]))
  const { columns, y, weight, loss, scale } = data
  // Without spreads, of which each would make a hidden class of its own.
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
 * Nodes of parameters by name, undefined for those that stand for themselves.
 *
 * @param derived gets the nodes of those that follow from others
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
    if (open.has(name)) throw new OptionError(argument, 'no circle', expr)
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

/** Operations that want what is above 0. */
const logarithmFunctions: readonly Operation[] = ['log', 'log2', 'log10']

/**
 * Parameters that vary and that a model can only have above 0: factors of what has a logarithm, or a power that is no
 * number, as ec50 in (ec50/x)^slope.
 */
export function scaleParameters({ graph, model, free }: Problem): string[] {
  const scales = new Set<string>()
  const factors = (number: number) => {
    const node = graph.nodes[number]
    if (node.kind === 'name' && free.includes(node.name)) scales.add(node.name)
    if (node.kind !== 'operation' || !['multiply', 'divide'].includes(node.operation)) return
    for (const operand of node.operands) factors(operand)
  }
  const seen = new Set<number>()
  const open = [model]
  for (let number = open.pop(); number !== undefined; number = open.pop()) {
    if (seen.has(number)) continue
    seen.add(number)
    const node = graph.nodes[number]
    if (node.kind === 'operation') {
      const { operation, operands } = node
      const isPower = operation === 'pow' && graph.constantAt(operands[1]) === undefined
      if (isPower || logarithmFunctions.includes(operation)) factors(operands[0])
    }
    open.push(...graph.operandsOf(number))
  }
  return [...scales]
}
