/**
 * Steps that compute the nodes of a graph, and slots for their results. All kinds of programs are built from these
 * steps.
 */

import { OPERATIONS } from '../arena/manifest.js'
import { type Graph, symmetric } from './graph.js'
import { type Code, type ReductionTree, shapes } from './operations.js'

/**
 * An instruction: operation code, result slot, and four operand slots; each operation reads only as many slots as it
 * needs.
 */
export type Instruction = readonly [code: number, to: number, a: number, b: number, c: number, d: number]

/** The time at which a node is computed: 0 before the rows of data, 1 at each row, 2 after the rows. */
export type Section = 0 | 1 | 2

export interface ProgramStep {
  /** Index of the node that the step computes. */
  readonly number: number
  /** An operation, or the instruction of a step that is not an operation. */
  readonly code: Code | Instruction
  readonly operands: readonly number[]
  readonly section: Section
}

/** Counts how often wanted nodes and the operands of used nodes refer to each node; the count is 0 for unused nodes. */
export function findUses(graph: Graph, wanted: readonly number[]): number[] {
  const uses = graph.nodes.map(() => 0)
  for (const node of wanted) uses[node]++
  for (let node = uses.length - 1; node >= 0; node--) {
    if (uses[node] > 0) for (const operand of graph.operandsOf(node)) uses[operand]++
  }
  return uses
}

/**
 * Fuses steps to match the tree of a fused operation, if no other step of the section needs the inner results. The
 * choice of fused operations minimizes the reads and writes. Steps stay in the order of their nodes.
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
      // A sum is an operand of the step that adds to the sum. A sum is therefore not an inner step.
      return node !== number && uses[node] === 1 && inner?.section === section ? inner : undefined
    }
    let least = Infinity
    const consider = (code: ProgramStep['code'], operands: readonly number[]) => {
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

/** Cost of a step without reading its operands: one write and the start of the operation. */
const OWN_COST = 2

/** Operation trees by their outermost operation. */
const listShapes = new Map<ProgramStep['code'], typeof shapes>(
  shapes.map(([, [last]]) => [last, shapes.filter(([, shape]) => shape[0] === last)]),
)

/** The nodes of the operand indices of a tree; undefined if a step does not match the tree. */
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

/** The last step that uses each node. Nodes that are `kept` until the end have no entry. */
export function lastUses(order: readonly ProgramStep[], kept: readonly number[]): Map<number, number> {
  const lastUse = new Map<number, number>()
  const sections = new Map(order.map(({ number, section }) => [number, section]))
  const endOfBody = order.findLastIndex(({ section }) => section === 1)
  for (const [step, { operands, section }] of order.entries()) {
    for (const operand of operands) {
      // The next row reads the node again.
      const isKept = sections.get(operand) === 0 && section === 1
      lastUse.set(operand, isKept ? endOfBody : step)
    }
  }
  for (const node of kept) lastUse.delete(node)
  return lastUse
}

/** Allocates slots, and reuses slots that have become free. */
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

/**
 * Converts steps to instructions. The result of a step goes to the slot that `places` lists for the step's node, or to
 * a free slot.
 */
export function placeSteps(
  order: readonly ProgramStep[],
  lastUse: ReadonlyMap<number, number>,
  places: Map<number, number>,
  slots: Slots,
): Instruction[] {
  return order.map(({ number, code, operands }, step) => {
    const from = operands.map((operand) => places.get(operand) as number)
    // The result may use the slot of an operand that is not needed later, because elements are read before they are
    // written.
    for (const operand of new Set(operands)) {
      if (lastUse.get(operand) === step) slots.free(places.get(operand) as number)
    }
    const to = places.get(number) ?? slots.take()
    places.set(number, to)
    return instruction(code, to, from)
  })
}

/** Codes of the operations, which are their positions in the manifest. */
const numbers = new Map<string, number>(OPERATIONS.map((code, number) => [code, number]))

export function instruction(code: Code | Instruction, to: number, operands: readonly number[]): Instruction {
  if (typeof code !== 'string') return code
  const [a, b = 0, c = 0, d = 0] = operands
  return [numbers.get(code) as number, to, a, b, c, d]
}
