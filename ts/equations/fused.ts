/** Operations that do what several do, each result rounded: those whose results nobody else wants become one. */

import type { Graph } from '../expressions/graph.js'
import type { Code } from '../expressions/operations.js'
import { fusion } from '../expressions/program.js'

/** What computes a node: an operation, of these nodes. */
export interface Made {
  readonly code: Code
  readonly operands: readonly number[]
}

/** @param isAlone whether a node is an operand of one operation and nothing else, computed in the same place */
export function madeOf(graph: Graph, number: number, isAlone: (node: number) => boolean): Made {
  const node = graph.nodes[number]
  if (node.kind !== 'operation') throw new TypeError('not an operation')
  const inner = (k: number, code: Code): readonly number[] | undefined => {
    const node = graph.nodes[k]
    return node.kind === 'operation' && node.operation === code && isAlone(k) ? node.operands : undefined
  }
  const { operation, operands } = node
  const orders = isSymmetric(operation) ? [operands, [...operands].reverse()] : [operands]
  for (const [a, b] of orders) {
    const made = three(operation, a, b, inner)
    if (made !== undefined) return made
  }
  if (operation === 'select') {
    const [condition, yes, no] = operands
    const [less, more] = inner(condition, 'less') ?? []
    if (less === no && more === yes) return { code: 'larger', operands: [yes, no] }
  }
  for (const [position, k] of operands.entries()) {
    const own = graph.nodes[k]
    if (own.kind !== 'operation' || !isAlone(k) || operands.length !== 2) continue
    const code = fusion(own.operation, operation, position)
    if (code !== undefined) return { code, operands: [...own.operands, operands[1 - position]] }
  }
  return { code: operation, operands }
}

const isSymmetric = (code: Code): boolean => code === 'add' || code === 'multiply'

type Inner = (node: number, code: Code) => readonly number[] | undefined

/** Those of three operations and four operands, and those that no name of two gives. */
function three(code: Code, a: number, b: number, inner: Inner): Made | undefined {
  const first = inner(a, 'multiply')
  if (code === 'add' || code === 'subtract') {
    const second = inner(b, 'multiply')
    if (first !== undefined && second !== undefined) {
      if (code === 'subtract') return { code: 'multiplySubtractMultiply', operands: [...first, ...second] }
      for (const [c, product] of [second, [...second].reverse()]) {
        const factors = inner(product, 'multiply')
        if (factors === undefined) continue
        if (factors[0] === factors[1]) return { code: 'blendSquare', operands: [...first, c, factors[0]] }
        const other = factors.indexOf(c)
        if (other >= 0) return { code: 'blendProduct', operands: [...first, factors[1 - other], c] }
      }
      return { code: 'blend', operands: [...first, ...second] }
    }
  }
  if (code === 'add' && first !== undefined) {
    for (const [root, factor] of [first, [...first].reverse()]) {
      const of = inner(root, 'sqrt')
      if (of !== undefined) return { code: 'sqrtMultiplyAdd', operands: [...of, factor, b] }
    }
  }
  if (code === 'over' && first !== undefined) return { code: 'multiplyOver', operands: [...first, b] }
  const quotient = code === 'multiply' ? inner(a, 'over') : undefined
  return quotient && { code: 'overMultiply', operands: [...quotient, b] }
}
