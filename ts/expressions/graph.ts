/**
 * An expression, represented as a graph. Equal subexpressions share one node, and the operands of a node precede the
 * node.
 */

import type { MatrixNode } from './matrix-operations.js'
import { type Operation, toScalarOperation } from './operations.js'

export type Node =
  | { readonly kind: 'constant'; readonly value: number }
  | { readonly kind: 'name'; readonly name: string }
  /** The sum of a value over the rows of the data. */
  | { readonly kind: 'sum'; readonly operand: number }
  /**
   * A value that is carried from row to row, starting with 0, and the final value. `next` is the node of the carried
   * value after a row.
   */
  | { readonly kind: 'carried'; readonly index: number }
  | { readonly kind: 'end'; readonly operand: number; readonly next: number }
  | { readonly kind: 'operation'; readonly operation: Operation; readonly operands: readonly number[] }
  /** An operand of an instruction on matrices, the instruction, and an element of its result: see `matrices.ts`. */
  | { readonly kind: 'entry'; readonly operand: number }
  | MatrixNode
  | { readonly kind: 'element'; readonly operand: number; readonly at: number }

/** Operations whose operands can be exchanged without changing a bit of the result. */
export const symmetric: ReadonlySet<Operation> = new Set(['add', 'multiply', 'equal'])

export class Graph {
  readonly nodes: Node[] = []
  readonly #numbers = new Map<string, number>()

  /** A constant. The constants −0 and 0 have distinct nodes. */
  constant(value: number): number {
    return this.node(`${Object.is(value, -0) ? '-0' : value}`, { kind: 'constant', value })
  }

  name(name: string): number {
    return this.node(`name ${name}`, { kind: 'name', name })
  }

  sum(operand: number): number {
    return this.node(`sum ${operand}`, { kind: 'sum', operand })
  }

  /** A value that is carried from row to row; {@link end} defines how a row updates the value. */
  carried(): number {
    const index = this.nodes.length
    return this.node(`carried ${index}`, { kind: 'carried', index })
  }

  /**
   * The value that a carried value has after all rows. The node of the final value must be created after all nodes that
   * use the carried value.
   */
  end(operand: number, next: number): number {
    return this.node(`end ${operand} ${next}`, { kind: 'end', operand, next })
  }

  /**
   * Creates a node for an operation. If all operands are constants, the result is also a constant, computed in float64.
   */
  operation(operation: Operation, ...operands: number[]): number {
    if (operands.every((number) => this.nodes[number].kind === 'constant')) {
      const values = operands.map((number) => this.constantAt(number) as number)
      return this.constant(toScalarOperation(operation, 'float64')(...values))
    }
    const [a, b] = operands
    // Only bit-identical simplifications are allowed.
    if (operation === 'add' && a === b) return this.operation('multiply', this.constant(2), a)
    if (operation === 'subtract' && this.#negated(a) === b)
      return this.operation('multiply', this.constant(-2), b)
    if (a > b && symmetric.has(operation)) operands.reverse()
    return this.node(`${operation} ${operands}`, { kind: 'operation', operation, operands })
  }

  /** The value of a constant; undefined for other nodes. */
  constantAt(number: number): number | undefined {
    const node = this.nodes[number]
    return node.kind === 'constant' ? node.value : undefined
  }

  /** Indices of the operands of a node. */
  operandsOf(number: number): readonly number[] {
    const node = this.nodes[number]
    if ('operands' in node) return node.operands
    if (node.kind === 'end') return [node.next]
    return 'operand' in node ? [node.operand] : []
  }

  /** The operand of a negation; undefined for other nodes. */
  #negated(number: number): number | undefined {
    const node = this.nodes[number]
    return node.kind === 'operation' && node.operation === 'negate' ? node.operands[0] : undefined
  }

  /** The node of a key, which is created if it is unknown. */
  node(key: string, node: Node): number {
    const known = this.#numbers.get(key)
    if (known !== undefined) return known
    this.#numbers.set(key, this.nodes.length)
    return this.nodes.push(node) - 1
  }
}
