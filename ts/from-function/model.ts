/** Reads a function as a model: the text of its expression, and its names. */

import type { Pattern } from 'acorn'
import { OptionError } from '../core/errors.js'
import { isRecord, ownProperties } from '../core/untrusted-input.js'
import { Graph } from '../expressions/graph.js'
import { functions, NAME, constants as reserved } from '../expressions/names.js'
import type { ExpressionGraph } from '../expressions/parse.js'
import { readConstants } from './constants.js'
import { Context } from './context.js'
import { evaluate } from './expressions.js'
import { findUsed, limitOperations } from './limits.js'
import { makeGlobals, specialFunction } from './natives.js'
import { bind, declareParameters } from './patterns.js'
import { print } from './print.js'
import { readSource } from './source.js'
import { call, execute, runBody } from './statements.js'
import { type CarriedState, Inputs, LateNumber, type Place, Scope, type Value, ValueCell } from './values.js'

const WORD = new RegExp(`^${NAME}$`, 'u')

/** The text of a function, and the graph that the text describes. */
export interface ParsedFunction {
  readonly text: () => string
  /** The graph of a text without carried states. */
  readonly parsed: ExpressionGraph | undefined
}

export function readModel(fn: unknown, options: unknown): ParsedFunction {
  const source = readSource(fn)
  const context = new Context(source, { evaluate, execute, call })
  const names = new InputNames(context)
  const tools = readTools(context, options)
  const root = readBody(context, [names.inputs(0), names.inputs(1), tools])
  checkStateNames(context, names)
  limitOperations(context, root as number, names.parameters)
  return describeModel(context, root as number, names)
}

function checkStateNames(context: Context, { parameters, columns }: InputNames): void {
  const clash = context.states.find(({ name }) => parameters.includes(name) || columns.includes(name))
  if (clash !== undefined)
    context.fail(
      context.source.node,
      `${clash.name} is the name of a state of scan`,
      'rename the parameter or column',
    )
}

/** The result of the function, which is a node. */
function readBody(context: Context, inputs: readonly Inputs[]): Value {
  const { node } = context.source
  try {
    return context.call(node, true, () => {
      const globals = new Scope()
      for (const [name, value] of makeGlobals(context))
        globals.cells.set(name, new ValueCell(value, undefined, true))
      const scope = new Scope(globals)
      declareParameters(context, node, scope)
      for (const [i, pattern] of node.params.entries()) checkParameter(context, pattern, i)
      node.params.forEach((pattern, i) => {
        bind({ context, scope, isDeclaration: true }, pattern, inputs[i])
      })
      runBody(context, node.body, scope)
      const { isDone } = context.frame.levels[0]
      if (!isDone) context.fail(node.body, 'a path without return', 'return a number on every path')
    })
  } catch (error) {
    // The stack can be smaller than usual.
    if (!(error instanceof RangeError)) throw error
    return context.fail(node, 'nesting too deep', 'use loops, and names for parts of the function')
  }
}

/** The text of a graph, and a graph that contains only what the text contains. */
function describeModel(
  { algebra, hints, states }: Context,
  root: number,
  { parameters, columns }: InputNames,
): ParsedFunction {
  const { graph } = algebra
  const all = [...parameters, ...columns]
  const write = () => {
    const printed = print(graph, root, all, hints, usedStates(graph, root, states))
    const isInOrder =
      printed.names.length === all.length &&
      printed.names.filter((name) => parameters.includes(name)).join() === parameters.join()
    const list = `${all.join(', ')}${all.length === 1 ? ',' : ''}\n`
    return isInOrder ? printed : { text: list + printed.text, names: all }
  }
  if (states.length > 0) return { text: () => write().text, parsed: undefined }
  // Only the order of columns depends on the text. Writing the text takes a quarter of the time of long functions.
  const written = columns.length > 0 ? write() : undefined
  return {
    text: () => (written ?? write()).text,
    parsed: { ...copyUsed(graph, root), names: written?.names ?? all },
  }
}

/** The states on which the root depends. A state that no row reads has no initial value. */
function usedStates(graph: Graph, root: number, states: readonly CarriedState[]): CarriedState[] {
  const before = ({ name }: CarriedState) => graph.name(`${name}[t-1]`)
  const used = new Set<CarriedState>()
  let isUsed = findUsed(graph, [root])
  for (
    let count = -1;
    count < used.size;
    isUsed = findUsed(graph, [root, ...[...used].map(({ next }) => next)])
  ) {
    count = used.size
    for (const state of states)
      if (isUsed[graph.name(state.name)] === 1 || isUsed[before(state)] === 1) used.add(state)
  }
  return states
    .filter((state) => used.has(state))
    .map((state) => (isUsed[before(state)] === 1 ? state : { ...state, initial: undefined }))
}

/** A copy of a graph without the nodes that the root does not use. The operations keep their order. */
function copyUsed(graph: Graph, root: number): { graph: Graph; root: number } {
  const isUsed = findUsed(graph, [root])
  const copy = new Graph()
  const copies: number[] = []
  for (let number = 0; number <= root; number++) {
    if (isUsed[number] === 0) continue
    const node = graph.nodes[number]
    if (node.kind === 'constant') copies[number] = copy.constant(node.value)
    else if (node.kind === 'name') copies[number] = copy.name(node.name)
    else if (node.kind === 'operation')
      copies[number] = copy.operation(node.operation, ...node.operands.map((operand) => copies[operand]))
  }
  return { graph: copy, root: copies[root] }
}

function checkParameter(context: Context, pattern: Pattern, index: number): void {
  if (pattern.type === 'RestElement')
    context.fail(pattern, 'a rest parameter (...)', 'name the parameters, the columns and the constants')
  if (pattern.type === 'AssignmentPattern')
    context.fail(pattern.right, 'a default in the parameters', 'pass the value in constants')
  if (index > 2) context.fail(pattern, 'a fourth argument', 'use (parameters, columns, constants)')
}

/** Names of parameters and columns, in the order in which the function names them. */
class InputNames {
  readonly parameters: string[] = []
  readonly columns: string[] = []
  readonly #context: Context

  constructor(context: Context) {
    this.#context = context
  }

  /** The first or the second argument of the function. */
  inputs(argument: 0 | 1): Inputs {
    const roles = [this.parameters, this.columns]
    const [own, other] = [roles[argument], roles[1 - argument]]
    return new Inputs((name, at) => {
      this.#check(name, at)
      if (other.includes(name))
        this.#context.fail(at, `${name} is the name of a parameter and of a column`, 'rename one of them')
      if (!own.includes(name)) own.push(name)
      return new LateNumber(() => this.#context.algebra.graph.name(name))
    })
  }

  #check(name: string, at: Place): void {
    const isReserved = (functions as readonly string[]).includes(name) || Object.hasOwn(reserved, name)
    if (isReserved || name === '__proto__')
      this.#context.fail(
        at,
        `${name} is a name that is not allowed`,
        'expressions reserve the name; rename it',
      )
    if (!WORD.test(name))
      this.#context.fail(at, `${name} is a name that is not allowed`, 'use letters, digits and _')
  }
}

/** The third argument: constants, and the functions of expressions. */
function readTools(context: Context, options: unknown): Inputs {
  if (options !== undefined && !isRecord(options)) throw new OptionError('options', 'an object', options)
  const { constants: given, ...rest } = options === undefined ? {} : ownProperties(options)
  const [unknown] = Object.keys(rest)
  if (unknown !== undefined) throw new OptionError('options', 'constants', unknown)
  const constants = readConstants(context.algebra, given)
  return new Inputs((name, at): Value => {
    if (constants.has(name)) return constants.get(name)
    const special = specialFunction(context, name)
    return special ?? context.fail(at, `${name} is not visible to fromFunction`, 'pass it in constants')
  })
}
