/** What programs of all kinds are made of: steps that compute nodes of a graph, and the slots where their results go. */

import { OPERATIONS } from '../arena/manifest.js'
import { type Graph, symmetric } from './graph.js'
import { type Code, type ReductionTree, shapes } from './operations.js'

/** What is done with slots: operation, where to, and four operands, of which as many count as it has. */
export type Instruction = readonly [code: number, to: number, a: number, b: number, c: number, d: number]

/** When a node is computed: 0 before the rows of data, 1 at each, 2 after them. */
export type Section = 0 | 1 | 2

export interface ProgramStep {
  /** The node that it computes. */
  readonly number: number
  readonly code: Code
  readonly operands: readonly number[]
  readonly section: Section
}

/** How often each node is used, by `wanted` and what these are made of; 0 for all else. */
export function findUses(graph: Graph, wanted: readonly number[]): number[] {
  const uses = graph.nodes.map(() => 0)
  for (const node of wanted) uses[node]++
  for (let node = uses.length - 1; node >= 0; node--) {
    if (uses[node] > 0) for (const operand of graph.operandsOf(node)) uses[operand]++
  }
  return uses
}

/**
 * Steps that are a shape, with inner ones whose results nobody else needs in that section, become one, so that all of
 * them read and write as little as can be; in the order of their nodes, as steps are given.
 */
export function fused(
  steps: readonly ProgramStep[],
  uses: readonly number[],
  wanted: readonly number[],
): ProgramStep[] {
  const own: (ProgramStep | undefined)[] = new Array(uses.length)
  const best: (ProgramStep | undefined)[] = new Array(uses.length)
  const costs: number[] = new Array(uses.length)
  for (const step of steps) own[step.number] = step
  for (const step of steps) {
    const { number, section } = step
    const innerAt = (node: number) => {
      const inner = own[node]
      // A sum is an operand of the step that adds to it.
      return node !== number && uses[node] === 1 && inner?.section === section ? inner : undefined
    }
    let least = Infinity
    const consider = (code: Code, operands: readonly number[]) => {
      let cost = OWN_COST + operands.length
      for (const node of operands) if (innerAt(node) !== undefined) cost += costs[node]
      if (cost >= least) return
      least = cost
      best[number] = { number, code, operands, section }
    }
    consider(step.code, step.operands)
    for (const [code, shape] of listShapes.get(step.code) ?? []) {
      const operands = collectOperands(shape, step, innerAt, [])
      if (operands !== undefined) consider(code, operands)
    }
    costs[number] = least
  }
  const needed = new Set(wanted)
  const found: ProgramStep[] = []
  for (let k = steps.length - 1; k >= 0; k--) {
    const step = best[steps[k].number] as ProgramStep
    if (!needed.has(step.number)) continue
    for (const operand of step.operands) needed.add(operand)
    found.push(step)
  }
  return found.reverse()
}

/** What a step takes beside the reading of an operand: to write its result, and to begin. */
const OWN_COST = 2

/** Shapes by the operation that comes last. */
const listShapes = new Map<Code, typeof shapes>(
  shapes.map(([, [last]]) => [last, shapes.filter(([, shape]) => shape[0] === last)]),
)

/** The nodes that a shape's numbers stand for; undefined where a step is not of that shape. */
function collectOperands(
  shape: ReductionTree,
  step: ProgramStep | undefined,
  innerAt: (node: number) => ProgramStep | undefined,
  found: readonly number[],
): readonly number[] | undefined {
  const [code] = shape
  if (step?.code !== code) return undefined
  const { operands } = step
  const straight = matchOperands(shape, operands, innerAt, found)
  if (straight !== undefined || !symmetric.has(code)) return straight
  return matchOperands(shape, [operands[1], operands[0]], innerAt, found)
}

function matchOperands(
  shape: ReductionTree,
  nodes: readonly number[],
  innerAt: (node: number) => ProgramStep | undefined,
  found: readonly number[],
): readonly number[] | undefined {
  let all = found
  for (let k = 1; k < shape.length; k++) {
    const [part, node] = [shape[k], nodes[k - 1]]
    if (typeof part !== 'number') {
      const more = collectOperands(part as ReductionTree, innerAt(node), innerAt, all)
      if (more === undefined) return undefined
      all = more
    } else if (all[part] === undefined) {
      const more = all.slice()
      more[part] = node
      all = more
    } else if (all[part] !== node) {
      return undefined
    }
  }
  return all
}

/** At which step each node is used for the last time; never, for what is `kept` to the end. */
export function lastUses(order: readonly ProgramStep[], kept: readonly number[]): Map<number, number> {
  const lastUse = new Map<number, number>()
  const sections = new Map(order.map(({ number, section }) => [number, section]))
  const endOfBody = order.findLastIndex(({ section }) => section === 1)
  for (const [step, { operands, section }] of order.entries()) {
    for (const operand of operands) {
      // The next row needs it again.
      const isKept = sections.get(operand) === 0 && section === 1
      lastUse.set(operand, isKept ? endOfBody : step)
    }
  }
  for (const node of kept) lastUse.delete(node)
  return lastUse
}

/** Numbers of slots, from a first one on, that are used again once they are free. */
export class Slots {
  count: number
  readonly #first: number
  readonly #free: number[] = []

  constructor(first: number) {
    this.#first = first
    this.count = first
  }

  take(): number {
    return this.#free.pop() ?? this.count++
  }

  free(slot: number): void {
    if (slot >= this.#first) this.#free.push(slot)
  }
}

/** Steps as instructions: each result goes where `places` has its node already, or else to a slot that is free. */
export function placeSteps(
  order: readonly ProgramStep[],
  lastUse: ReadonlyMap<number, number>,
  places: Map<number, number>,
  slots: Slots,
): Instruction[] {
  return order.map(({ number, code, operands }, step) => {
    const from = operands.map((operand) => places.get(operand) as number)
    // What ends here may be where the result goes: an element is read before it is written.
    for (const operand of new Set(operands)) {
      if (lastUse.get(operand) === step) slots.free(places.get(operand) as number)
    }
    const to = places.get(number) ?? slots.take()
    places.set(number, to)
    return instruction(code, to, from)
  })
}

/** Engines know operations by their places in the manifest. */
const numbers = new Map<string, number>(OPERATIONS.map((code, number) => [code, number]))

export function instruction(code: Code, to: number, operands: readonly number[]): Instruction {
  const [a, b = 0, c = 0, d = 0] = operands
  return [numbers.get(code) as number, to, a, b, c, d]
}
