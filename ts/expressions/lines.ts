/** Programs written as named lines, so that the algebra in the code reads like the algebra in the paper. */

import { ExpressionError } from '../core/errors.js'
import type { Builder } from './differentiate.js'
import { Graph, type Node } from './graph.js'
import { callable, type Language, parse } from './parse.js'

/** The lines use the language of expressions, but numbers also serve as conditions: 0 is false. */
const language: Language = {
  calls: callable,
  areNumbersConditions: true,
  error: (text, at, expected, received) => new ExpressionError(text, at, expected, received),
}

/** The name of infinity in lines. */
export const INFINITY = Infinity

/** Nodes by the names of their lines. */
export type NamedNodes = Readonly<Record<string, number>>

/**
 * Defines lines such as `gain = (before - cost)/predicted`. A line may use the names of earlier lines, constants, and
 * names that the caller supplies. Text that does not begin with a name and `=` continues the previous line. The
 * character `#` begins a comment.
 *
 * @returns a function that adds the lines to a program; its argument contains nodes by name, and its result contains
 * the nodes of the lines
 */
export function defineLines(
  text: string,
  constants: Readonly<Record<string, number>> = {},
): (b: Builder, names: NamedNodes) => NamedNodes {
  // The text is parsed only once, on first use.
  let template: LineTemplate | undefined
  return (b, names) => {
    template ??= parseLines(text, constants)
    return writeLines(b, template, names)
  }
}

export type DefineLines = typeof defineLines

interface LineTemplate {
  readonly nodes: readonly Node[]
  /** Returns the node of each line. */
  readonly lines: ReadonlyMap<string, number>
}

const ASSIGNMENT = /^\s*(\w+) = /gm

function parseLines(text: string, constants: Readonly<Record<string, number>>): LineTemplate {
  const graph = new Graph()
  const lines = new Map<string, number>()
  const resolve = (name: string) =>
    lines.get(name) ?? (Object.hasOwn(constants, name) ? graph.constant(constants[name]) : undefined)
  const [, ...parts] = text.replaceAll(/#.*/g, '').split(ASSIGNMENT)
  for (let k = 0; k < parts.length; k += 2) {
    lines.set(parts[k], parse(parts[k + 1], graph, resolve, language).root)
  }
  return { nodes: graph.nodes, lines }
}

function writeLines(b: Builder, { nodes, lines }: LineTemplate, names: NamedNodes): NamedNodes {
  const written: number[] = []
  for (const node of nodes) written.push(writeNode(b, node, written, names))
  return Object.fromEntries(Array.from(lines, ([name, node]) => [name, written[node]]))
}

function writeNode(b: Builder, node: Node, written: readonly number[], names: NamedNodes): number {
  if (node.kind === 'constant') return b.constant(node.value)
  if (node.kind === 'name') {
    if (Object.hasOwn(names, node.name)) return names[node.name]
    throw new TypeError(`a line uses ${node.name}, which is not defined`)
  }
  if (node.kind !== 'operation') throw new TypeError(`a line has a ${node.kind}`)
  const operands = node.operands.map((operand) => written[operand])
  const [x, y, z] = operands
  // The builder simplifies operations whose operands are constants.
  switch (node.operation) {
    case 'add':
      return b.add(x, y)
    case 'subtract':
      return b.subtract(x, y)
    case 'multiply':
      return b.multiply(x, y)
    case 'divide':
      return b.divide(x, y)
    case 'negate':
      return b.negate(x)
    case 'select':
      return b.select(x, y, z)
    default:
      return b.operation(node.operation, ...operands)
  }
}
