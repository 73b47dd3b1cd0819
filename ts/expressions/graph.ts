/** An expression as a graph in which equal subexpressions are one node; operands come before what uses them. */

import { type Operation, toScalarOperation } from './operations.js'

export type Node =
  | { readonly kind: 'constant'; readonly value: number }
  | { readonly kind: 'name'; readonly name: string }
  /** The sum over the rows of the data. */
  | { readonly kind: 'sum'; readonly operand: number }
  /** What the rows before have left, 0 at the first one; and what all rows have, where `next` is what a row leaves. */
  | { readonly kind: 'carried'; readonly index: number }
  | { readonly kind: 'end'; readonly operand: number; readonly next: number }
  | { readonly kind: 'operation'; readonly operation: Operation; readonly operands: readonly number[] }

/** Whose operands may change places without a change of bits. */
export const symmetric: ReadonlySet<Operation> = new Set(['add', 'multiply', 'equal'])

export class Graph {
  readonly nodes: Node[] = []
  readonly #numbers = new Map<string, number>()

  /** As it is written; −0 is not 0. */
  constant(value: number): number {
    return this.#number(`${Object.is(value, -0) ? '-0' : value}`, { kind: 'constant', value })
  }

  name(name: string): number {
    return this.#number(`name ${name}`, { kind: 'name', name })
  }

  sum(operand: number): number {
    return this.#number(`sum ${operand}`, { kind: 'sum', operand })
  }

  /** Something new that is carried from row to row; {@link end} says how. */
  carried(): number {
    const index = this.nodes.length
    return this.#number(`carried ${index}`, { kind: 'carried', index })
  }

  /** What is left after all rows. It is made after all nodes that use what is carried. */
  end(operand: number, next: number): number {
    return this.#number(`end ${operand} ${next}`, { kind: 'end', operand, next })
  }

  /** A node for an operation; a constant where all operands are, computed in float64. */
  operation(operation: Operation, ...operands: number[]): number {
    if (operands.every((number) => this.nodes[number].kind === 'constant')) {
      const values = operands.map((number) => this.constantAt(number) as number)
      return this.constant(toScalarOperation(operation, 'float64')(...values))
    }
    const [a, b] = operands
    // Only what has the same bits.
    if (operation === 'add' && a === b) return this.operation('multiply', this.constant(2), a)
    if (operation === 'subtract' && this.#negated(a) === b)
      return this.operation('multiply', this.constant(-2), b)
    if (a > b && symmetric.has(operation)) operands.reverse()
    return this.#number(`${operation} ${operands}`, { kind: 'operation', operation, operands })
  }

  /** A constant's value; undefined for other nodes. */
  constantAt(number: number): number | undefined {
    const node = this.nodes[number]
    return node.kind === 'constant' ? node.value : undefined
  }

  /** The numbers of the nodes that a node is made of. */
  operandsOf(number: number): readonly number[] {
    const node = this.nodes[number]
    if (node.kind === 'operation') return node.operands
    if (node.kind === 'end') return [node.next]
    return node.kind === 'sum' ? [node.operand] : []
  }

  /** What a node is the negative of. */
  #negated(number: number): number | undefined {
    const node = this.nodes[number]
    return node.kind === 'operation' && node.operation === 'negate' ? node.operands[0] : undefined
  }

  #number(key: string, node: Node): number {
    const known = this.#numbers.get(key)
    if (known !== undefined) return known
    this.#numbers.set(key, this.nodes.length)
    return this.nodes.push(node) - 1
  }
}
