/**
 * Derivatives of carried values with respect to the parameters (forward mode). Each derivative is a carried value, which
 * is called a tangent: t' = Σ ∂update/∂carried · t + ∂update/∂parameter.
 */

import { OptionError } from '../core/errors.js'
import type { CarriedNode, EndNode, Graph } from './graph.js'

/** Maximum count of parameters. Each carried value has one tangent per parameter. */
const MAX_PARAMETERS = 64

/** Derivatives of a node with respect to the leaves of a row, by leaf. */
export interface RowSlopes {
  /** The derivative with respect to a name or a carried value; undefined if the derivative is 0. */
  readonly slopeAt: (leaf: number) => number | undefined
  /** The carried values on which the node depends, and the sums and final values. */
  readonly leaves: readonly number[]
  /** The product of the derivative with respect to a leaf and a factor; 0 if the leaf is not selected. */
  readonly multiply: (leaf: number, factor: number) => number
}

type Tangent = number | undefined

export class Tangents {
  readonly #graph: Graph
  readonly #parameters: readonly string[]
  readonly #add: (a: number, b: number) => number
  readonly #slopesOf: (node: number) => RowSlopes
  readonly #found = new Map<number, Tangent[]>()

  constructor(
    graph: Graph,
    parameters: readonly string[],
    add: (a: number, b: number) => number,
    slopesOf: (node: number) => RowSlopes,
  ) {
    this.#graph = graph
    this.#parameters = parameters
    this.#add = add
    this.#slopesOf = slopesOf
  }

  /**
   * The tangents of a carried value, one per parameter. A tangent that is always 0 is undefined.
   *
   * @throws OptionError if the derivatives are second derivatives, or if there are too many parameters
   */
  of(carried: number): readonly Tangent[] {
    if (!this.#found.has(carried)) this.#create(carried)
    return this.#found.get(carried) as Tangent[]
  }

  #create(first: number): void {
    const graph = this.#graph
    const updates = new Map<number, RowSlopes>()
    const initials = new Map<number, Tangent[]>()
    const names = this.#parameters.map((name) => graph.name(name))
    const reached = new Set([first])
    for (const number of reached) {
      if (this.#found.has(number)) continue
      const { initial, isTangent } = graph.nodes[number] as CarriedNode
      if (isTangent) throw new OptionError('expression', 'no second derivative of a carried value', 'one')
      const slopes = initial === undefined ? undefined : this.#slopesOf(initial)
      initials.set(
        number,
        names.map((name) => slopes?.slopeAt(name)),
      )
      const end = graph.ends.get(number)
      const update = this.#slopesOf(end === undefined ? number : (graph.nodes[end] as EndNode).next)
      updates.set(number, update)
      for (const leaf of update.leaves) reached.add(leaf)
    }
    for (const number of updates.keys()) this.#found.set(number, [])
    for (let i = 0; i < names.length; i++) {
      const moving = this.#findMoving(names[i], i, updates, initials)
      if (moving.size > 0 && names.length > MAX_PARAMETERS) {
        const expected = `at most ${MAX_PARAMETERS} parameters if values are carried from row to row`
        throw new OptionError('expression', expected, names.length)
      }
      for (const number of moving)
        (this.#found.get(number) as Tangent[])[i] = graph.carried(initials.get(number)?.[i], true)
      for (const number of moving) this.#update(number, names[i], i, updates.get(number) as RowSlopes)
    }
  }

  /** The carried values that depend on a parameter. */
  #findMoving(
    name: number,
    i: number,
    updates: ReadonlyMap<number, RowSlopes>,
    initials: ReadonlyMap<number, Tangent[]>,
  ): Set<number> {
    const moving = new Set<number>()
    const isMoving = (leaf: number) => moving.has(leaf) || this.#found.get(leaf)?.[i] !== undefined
    for (let count = -1; count < moving.size; ) {
      count = moving.size
      for (const [number, { slopeAt, leaves }] of updates) {
        const isDirect = initials.get(number)?.[i] !== undefined || slopeAt(name) !== undefined
        if (isDirect || leaves.some(isMoving)) moving.add(number)
      }
    }
    return moving
  }

  /** Defines how a row updates a tangent. */
  #update(number: number, name: number, i: number, { slopeAt, leaves, multiply }: RowSlopes): void {
    let next = slopeAt(name)
    for (const leaf of leaves) {
      const tangent = this.#found.get(leaf)?.[i]
      if (tangent === undefined) continue
      const term = multiply(leaf, tangent)
      next = next === undefined ? term : this.#add(next, term)
    }
    this.#graph.end(this.#found.get(number)?.[i] as number, next ?? this.#graph.constant(0))
  }
}
