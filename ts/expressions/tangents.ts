/**
 * Derivatives of carried values with respect to the parameters (forward mode). Each derivative is a carried value, which
 * is called a tangent: t' = Σ ∂update/∂carried · t + ∂update/∂parameter.
 */

import { OptionError } from '../core/errors.js'
import type { CarriedDerivatives, CarriedNode, EndNode, Graph, RowSlopes, RowSweep } from './graph.js'

/** Maximum count of parameters. Each carried value has one tangent per parameter. */
const MAX_PARAMETERS = 64

/**
 * Derivatives through carried values, sums over rows, and final values.
 *
 * @throws OptionError for second derivatives, and for more than 64 parameters
 */
export const followCarried: CarriedDerivatives = (graph, parameters, sweep, slopes, isByRow) => {
  const { builder } = sweep
  const tangents = new Tangents(graph, parameters, sweep)
  const gradientOf = ({ slopeAt, leaves, multiply }: RowSlopes): Slope[] => {
    const gradient = parameters.map((name) => slopeAt(graph.name(name)))
    const add = (i: number, term: number) => {
      const before = gradient[i]
      gradient[i] = before === undefined ? term : builder.add(before, term)
    }
    for (const leaf of leaves) {
      const node = graph.nodes[leaf]
      if (node.kind === 'sum') {
        const isRow = isByRow(node.operand)
        for (const [i, slope] of gradientOf(sweep.run(node.operand, isByRow)).entries())
          if (slope !== undefined) add(i, multiply(leaf, isRow ? slope : builder.sum(slope)))
        continue
      }
      const isEnd = node.kind === 'end'
      for (const [i, tangent] of tangents.find(isEnd ? node.operand : leaf).entries()) {
        if (tangent === undefined) continue
        const term = multiply(leaf, isEnd ? (graph.ends.get(tangent) as number) : tangent)
        add(i, isByRow(leaf) ? builder.sum(term) : term)
      }
    }
    return gradient
  }
  return gradientOf(slopes).map((slope) => (slope === undefined ? builder.zero : copyCarried(graph, slope)))
}

/**
 * A node with the value of the given node before the row updates carried values. An output of a program can be the copy
 * of a carried value, but not the carried value.
 */
export function copyCarried(graph: Graph, node: number): number {
  return graph.nodes[node].kind === 'carried'
    ? graph.operation('select', graph.constant(1), node, node)
    : node
}

/** A node; undefined if the derivative is always 0. */
type Slope = number | undefined

/** Derivatives within a row are not summed over the rows. */
const isConstant = () => false

class Tangents {
  readonly #graph: Graph
  readonly #parameters: readonly string[]
  readonly #sweep: RowSweep
  readonly #found = new Map<number, Slope[]>()

  constructor(graph: Graph, parameters: readonly string[], sweep: RowSweep) {
    this.#graph = graph
    this.#parameters = parameters
    this.#sweep = sweep
  }

  /** The tangents of a carried value, one per parameter. */
  find(carried: number): readonly Slope[] {
    if (!this.#found.has(carried)) this.#create(carried)
    return this.#found.get(carried) as Slope[]
  }

  #create(first: number): void {
    const graph = this.#graph
    const updates = new Map<number, RowSlopes>()
    const initials = new Map<number, Slope[]>()
    const names = this.#parameters.map((name) => graph.name(name))
    const reached = new Set([first])
    for (const number of reached) {
      if (this.#found.has(number)) continue
      const { initial, isTangent } = graph.nodes[number] as CarriedNode
      if (isTangent) throw new OptionError('expression', 'no second derivative of a carried value', 'one')
      const slopes = initial === undefined ? undefined : this.#sweep.run(initial, isConstant)
      initials.set(
        number,
        names.map((name) => slopes?.slopeAt(name)),
      )
      const end = graph.ends.get(number)
      const update = this.#sweep.run(
        end === undefined ? number : (graph.nodes[end] as EndNode).next,
        isConstant,
      )
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
        (this.#found.get(number) as Slope[])[i] = graph.carried(initials.get(number)?.[i], true)
      for (const number of moving) this.#update(number, names[i], i, updates.get(number) as RowSlopes)
    }
  }

  /** The carried values that depend on a parameter. */
  #findMoving(
    name: number,
    i: number,
    updates: ReadonlyMap<number, RowSlopes>,
    initials: ReadonlyMap<number, Slope[]>,
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
      next = next === undefined ? term : this.#sweep.builder.add(next, term)
    }
    this.#graph.end(this.#found.get(number)?.[i] as number, next ?? this.#graph.constant(0))
  }
}
