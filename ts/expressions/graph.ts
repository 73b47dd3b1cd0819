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
  | CarriedNode
  | EndNode
  | OperationNode
  /** An operand of an instruction on matrices, the instruction, and an element of its result: see `matrices.ts`. */
  | { readonly kind: 'entry'; readonly operand: number }
  | MatrixNode
  | { readonly kind: 'element'; readonly operand: number; readonly at: number }

/** A value that is carried from row to row. */
export interface CarriedNode {
  readonly kind: 'carried'
  /** The value before the first row. A missing initial value is 0. */
  readonly initial: number | undefined
  /** Whether the value is the derivative of another carried value. */
  readonly isTangent: boolean
}

/** The final value of a carried value. The node `next` is the carried value after a row. */
export interface EndNode {
  readonly kind: 'end'
  readonly operand: number
  readonly next: number
}

interface OperationNode {
  readonly kind: 'operation'
  readonly operation: Operation
  readonly operands: readonly number[]
}

/** Derivatives of a node with respect to the leaves of a row: names, carried values, sums and final values. */
export interface RowSlopes {
  /** The derivative with respect to a name or a carried value; undefined if the derivative is 0. */
  readonly slopeAt: (leaf: number) => number | undefined
  /** The leaves that are not names. */
  readonly leaves: readonly number[]
  /** The product of the derivative with respect to a leaf and a factor; 0 if the leaf is not selected. */
  readonly multiply: (leaf: number, factor: number) => number
}

/** Reverse accumulation within a row, which adds nodes to a graph. */
export interface RowSweep {
  readonly builder: {
    readonly zero: number
    add(a: number, b: number): number
    sum(a: number): number
  }
  run(root: number, isByRow: (node: number) => boolean): RowSlopes
}

/** Adds the derivatives that pass through carried values, sums and final values. The result is the gradient. */
export type CarriedDerivatives = (
  graph: Graph,
  parameters: readonly string[],
  sweep: RowSweep,
  slopes: RowSlopes,
  isByRow: (node: number) => boolean,
) => number[]

/** Checks of a graph whose rows depend on other rows: see `recurrences.ts`. */
export interface LinkedRows {
  /** Returns the section of each node. @throws OptionError if the columns are not the columns of the graph */
  sections(columns: readonly string[]): Uint8Array
  /**
   * Returns the node of a model's value at a row.
   *
   * @param parameters nodes that may not depend on the row
   * @throws OptionError if the model has no value at each row
   */
  valueOf(model: number, columns: readonly string[], parameters: readonly number[]): number
  /** @throws OptionError always, because an argument does not suit linked rows */
  refuse(argument: string): never
}

/** Operations whose operands can be exchanged without changing a bit of the result. */
export const symmetric: ReadonlySet<Operation> = new Set(['add', 'multiply', 'equal'])

export class Graph {
  readonly nodes: Node[] = []
  /** Differentiates carried values; undefined if the graph needs no such derivatives. */
  followCarried: CarriedDerivatives | undefined
  /** Checks of a graph whose rows depend on other rows; undefined for other graphs. */
  linkedRows: LinkedRows | undefined
  /** Nodes of the final values, by carried value. */
  readonly ends = new Map<number, number>()
  /** Nodes of constants by value, and nodes of names and sums by text. */
  readonly #known = new Map<number | string, number>()
  /**
   * The last operation of each chain of operations with the same hash. The first node is not an operation, so 0 means
   * an empty chain. Maps would take most of the time of large graphs.
   */
  #chains = new Uint32Array(64)
  /** The operation before each operation of a chain; 0 for the first operation. */
  #before = new Uint32Array(64)

  constructor(followCarried?: CarriedDerivatives) {
    this.followCarried = followCarried
  }

  /** A constant. The constants −0 and 0 have distinct nodes. */
  constant(value: number): number {
    return this.node(Object.is(value, -0) ? '-0' : value, { kind: 'constant', value })
  }

  name(name: string): number {
    return this.node(`name ${name}`, { kind: 'name', name })
  }

  sum(operand: number): number {
    return this.node(`sum ${operand}`, { kind: 'sum', operand })
  }

  /**
   * A value that is carried from row to row; {@link end} defines how a row updates the value.
   *
   * @param initial value before the first row, which depends on neither columns nor sums; 0 if undefined
   */
  carried(initial?: number, isTangent = false): number {
    return this.nodes.push({ kind: 'carried', initial, isTangent }) - 1
  }

  /**
   * The value that a carried value has after all rows.
   *
   * @param next value after a row, which may depend on all carried values before the row
   */
  end(operand: number, next: number): number {
    // If a value becomes another carried value, the value is copied before a row updates the other value.
    const isShift = next !== operand && this.nodes[next].kind === 'carried'
    const copy = isShift ? this.operation('select', this.constant(1), next, next) : next
    const end = this.node(`end ${operand}`, { kind: 'end', operand, next: copy })
    this.ends.set(operand, end)
    return end
  }

  /**
   * Creates a node for an operation. If all operands are constants, the result is also a constant, computed in float64.
   */
  operation(operation: Operation, ...operands: number[]): number {
    let constants = 0
    while (constants < operands.length && this.nodes[operands[constants]].kind === 'constant') constants++
    if (constants === operands.length) {
      const values = operands.map((number) => this.constantAt(number) as number)
      return this.constant(toScalarOperation(operation, 'float64')(...values))
    }
    const a = operands[0]
    const b = operands[1]
    // Only bit-identical simplifications are allowed.
    if (operation === 'add' && a === b) return this.operation('multiply', this.constant(2), a)
    if (operation === 'subtract' && this.negated(a) === b)
      return this.operation('multiply', this.constant(-2), b)
    if (a > b && symmetric.has(operation)) operands.reverse()
    const { length } = this.nodes
    if (length >= this.#chains.length) this.#rehash(4 * length)
    const chain = this.#chainOf(operands)
    for (let number = this.#chains[chain]; number > 0; number = this.#before[number]) {
      const node = this.nodes[number] as OperationNode
      if (node.operation === operation && areEqual(node.operands, operands)) return number
    }
    this.nodes.push({ kind: 'operation', operation, operands })
    this.#before[length] = this.#chains[chain]
    this.#chains[chain] = length
    return length
  }

  #chainOf(operands: readonly number[]): number {
    let hash = 0
    for (let k = 0; k < operands.length; k++) hash = Math.imul(hash ^ operands[k], 0x9e3779b1)
    return (hash >>> 8) % this.#chains.length
  }

  /** Distributes the operations over more chains. */
  #rehash(count: number): void {
    this.#chains = new Uint32Array(count)
    this.#before = new Uint32Array(count)
    for (let number = 0; number < this.nodes.length; number++) {
      const node = this.nodes[number]
      if (node.kind !== 'operation') continue
      const chain = this.#chainOf(node.operands)
      this.#before[number] = this.#chains[chain]
      this.#chains[chain] = number
    }
  }

  /** The value of a constant; undefined for other nodes. */
  constantAt(number: number): number | undefined {
    const node = this.nodes[number]
    return node.kind === 'constant' ? node.value : undefined
  }

  /** Indices of the operands of a node. */
  operandsOf(number: number): readonly number[] {
    const node = this.nodes[number]
    if (node.kind === 'operation' || node.kind === 'matrix') return node.operands
    if (node.kind === 'end') return [node.operand, node.next]
    if (node.kind === 'carried') return node.initial === undefined ? [] : [node.initial]
    return 'operand' in node ? [node.operand] : []
  }

  /** Indices of the operands of a node, and of the value that a row carries to the next row. */
  sourcesOf(number: number): readonly number[] {
    const end = this.ends.size > 0 ? this.ends.get(number) : undefined
    return end === undefined ? this.operandsOf(number) : [...this.operandsOf(number), end]
  }

  /** The operand of a negation; undefined for other nodes. */
  negated(number: number): number | undefined {
    const node = this.nodes[number]
    return node.kind === 'operation' && node.operation === 'negate' ? node.operands[0] : undefined
  }

  /** The node of a key, which is created if it is unknown. */
  node(key: number | string, node: Node): number {
    const known = this.#known.get(key)
    if (known !== undefined) return known
    this.#known.set(key, this.nodes.length)
    return this.nodes.push(node) - 1
  }
}

function areEqual(a: readonly number[], b: readonly number[]): boolean {
  if (a.length !== b.length) return false
  for (let k = 0; k < a.length; k++) if (a[k] !== b[k]) return false
  return true
}
