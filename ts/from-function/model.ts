/** Reads a function as a model: the text of its expression, and its names. */

import type { Pattern } from 'acorn'
import { OptionError } from '../core/errors.js'
import { isRecord, ownProperties } from '../core/untrusted-input.js'
import { differentiate } from '../expressions/differentiate.js'
import { functions, NAME, constants as reserved } from '../expressions/names.js'
import { type ParsedExpression, parse } from '../expressions/parse.js'
import { readConstants } from './constants.js'
import { Context, MAX_OPERATIONS } from './context.js'
import { evaluate } from './expressions.js'
import { makeGlobals, specialFunction } from './natives.js'
import { bind, declareParameters } from './patterns.js'
import { print } from './print.js'
import { readSource } from './source.js'
import { call, execute, runBody } from './statements.js'
import { Cell, Inputs, Late, type Place, Scope, type Value } from './values.js'

const WORD = new RegExp(`^${NAME}$`, 'u')
/** Count of operations below which the derivatives are within the limit. */
const FEW_OPERATIONS = MAX_OPERATIONS / 12

/** The text of a function, and the parsed text. */
export function readModel(fn: unknown, options: unknown): { text: string; parsed: ParsedExpression } {
  const source = readSource(fn)
  const context = new Context(source, { evaluate, execute, call })
  const names = new InputNames(context)
  const tools = readTools(context, options)
  const { node } = source
  const root = context.call(node, true, () => {
    const globals = new Scope()
    for (const [name, value] of makeGlobals(context))
      globals.cells.set(name, new Cell(value, undefined, true))
    const scope = new Scope(globals)
    declareParameters(context, node, scope)
    const inputs = [names.inputs(0), names.inputs(1), tools]
    node.params.forEach((pattern, i) => {
      checkParameter(context, pattern, i)
      bind({ context, scope, isDeclaration: true }, pattern, inputs[i])
    })
    runBody(context, node.body, scope)
    const { isDone } = context.frame.levels[0]
    if (!isDone) context.fail(node.body, 'a path without return', 'return a number on every path')
  })
  const { graph } = context.algebra
  const all = [...names.parameters, ...names.columns]
  const printed = print(graph, root as number, all, context.hints)
  let text = printed
  let parsed = parse(text)
  const found = parsed.names.filter((name) => names.parameters.includes(name))
  if (found.join() !== names.parameters.join() || parsed.names.length < all.length) {
    text = `${all.join(', ')}${all.length === 1 ? ',' : ''}\n${printed}`
    parsed = parse(text)
  }
  limitOperations(context, root as number, names.parameters)
  return { text, parsed }
}

/** @throws FunctionError if the value and its derivatives have too many operations */
function limitOperations(context: Context, root: number, parameters: readonly string[]): void {
  const { graph } = context.algebra
  if (root < FEW_OPERATIONS) return
  const { gradient } = differentiate(graph, root, parameters, () => false)
  const isUsed = new Uint8Array(graph.nodes.length)
  for (const node of [root, ...gradient]) isUsed[node] = 1
  let count = 0
  for (let number = graph.nodes.length - 1; number >= 0; number--) {
    if (isUsed[number] === 0 || graph.nodes[number].kind !== 'operation') continue
    count++
    for (const operand of graph.operandsOf(number)) isUsed[operand] = 1
  }
  if (count > MAX_OPERATIONS)
    context.fail(
      context.source.node,
      `too many operations: ${count}`,
      `fromFunction reads functions with up to ${MAX_OPERATIONS}, including the derivatives`,
    )
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
      return new Late(() => this.#context.algebra.graph.name(name))
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
