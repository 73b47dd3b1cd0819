/** The limit on the operations of a function and its derivatives. */

import { differentiate, findDependents } from '../expressions/differentiate.js'
import type { Graph } from '../expressions/graph.js'
import { type Context, MAX_OPERATIONS } from './context.js'

/** Whether each node is a root, or an operand of a used node. */
export function findUsed(graph: Graph, roots: readonly number[]): Uint8Array {
  const isUsed = new Uint8Array(graph.nodes.length)
  for (const root of roots) isUsed[root] = 1
  for (let number = isUsed.length - 1; number >= 0; number--) {
    if (isUsed[number] === 0) continue
    const operands = graph.operandsOf(number)
    for (let k = 0; k < operands.length; k++) isUsed[operands[k]] = 1
  }
  return isUsed
}

/** Limits on the operations of a derivative with respect to an operand. */
const slopeCosts: Readonly<Record<string, number>> = {
  add: 0,
  subtract: 1,
  negate: 1,
  multiply: 1,
  divide: 3,
  sqrt: 2,
  exp: 1,
  log: 1,
  sin: 2,
  cos: 3,
}
/** The derivative of `voigt` with respect to its second operand has the most operations. */
const MAX_SLOPE_COST = 24

/** Limit on the operations that conditions add: a condition, its negation, its union with others, and a choice. */
const GUARD_COST = 4

/** Operations that select one of their operands, so that derivatives need conditions. */
const choices: readonly string[] = ['select', 'min', 'max']

/**
 * An upper limit of the count of operations of nodes and their derivatives, found without the derivatives.
 *
 * @param inputs names whose derivatives are counted
 */
export function countAtMost(graph: Graph, roots: readonly number[], inputs: readonly string[]): number {
  const isUsed = findUsed(graph, roots)
  const moves = findDependents(graph, inputs)
  const hasSlope = new Uint8Array(isUsed.length)
  const hasChoices = graph.nodes.some(
    (node, number) => isUsed[number] === 1 && node.kind === 'operation' && choices.includes(node.operation),
  )
  const guards = hasChoices ? GUARD_COST : 0
  let most = 0
  for (let number = 0; number < isUsed.length; number++) {
    const node = graph.nodes[number]
    if (isUsed[number] === 0 || node.kind !== 'operation') continue
    most++
    for (let k = 0; k < node.operands.length; k++) {
      const operand = node.operands[k]
      if (!moves[operand]) continue
      // Derivatives of further uses are added to the derivative of the first use.
      most += (slopeCosts[node.operation] ?? MAX_SLOPE_COST) + hasSlope[operand] + guards
      hasSlope[operand] = 1
    }
  }
  return most
}

/** @throws FunctionError if the value and its derivatives have too many operations */
export function limitOperations(context: Context, root: number, parameters: readonly string[]): void {
  const { graph } = context.algebra
  const ends = context.states.flatMap(({ initial, next }) => [initial ?? next, next])
  const states = context.states.flatMap(({ name }) => [name, `${name}[t-1]`])
  let count = countAtMost(graph, [root, ...ends], [...parameters, ...states])
  if (count > MAX_OPERATIONS && states.length === 0) {
    const { gradient } = differentiate(graph, root, parameters, () => false)
    const isUsed = findUsed(graph, [root, ...gradient])
    count = graph.nodes.filter(({ kind }, number) => isUsed[number] === 1 && kind === 'operation').length
  }
  if (count > MAX_OPERATIONS)
    context.fail(
      context.source.node,
      `too many operations: ${count}`,
      `fromFunction reads functions with up to ${MAX_OPERATIONS}, including the derivatives`,
    )
}
