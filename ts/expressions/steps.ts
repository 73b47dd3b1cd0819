/**
 * Steps that compute the nodes of a graph, and slots for their results. All kinds of programs are built from these
 * steps.
 */

import { OPERATIONS } from '../arena/manifest.js'
import { type Graph, symmetric } from './graph.js'
import { type Code, operations, type ReductionTree, shapes } from './operations.js'

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

/**
 * Counts how often wanted nodes and the operands of used nodes refer to each node. The count is 0 for unused nodes. If a
 * carried value is used, its final value counts as used too, because the next row reads the carried value.
 */
export function findUses(graph: Graph, wanted: readonly number[]): Int32Array {
  const uses = new Int32Array(graph.nodes.length)
  const open: number[] = []
  const use = (nodes: readonly number[]) => {
    for (let k = 0; k < nodes.length; k++) if (uses[nodes[k]]++ === 0) open.push(nodes[k])
  }
  use(wanted)
  for (let node = open.pop(); node !== undefined; node = open.pop()) use(graph.sourcesOf(node))
  return uses
}

/**
 * Fuses steps to match the tree of a fused operation, if no other step of the section needs the inner results. The
 * choice of fused operations minimizes the reads and writes. Steps stay in the order of their nodes.
 */
export function fused(
  steps: readonly ProgramStep[],
  uses: ArrayLike<number>,
  wanted: readonly number[],
): ProgramStep[] {
  const inner: InnerSteps = new Array(uses.length)
  const costs = new Float64Array(uses.length)
  const best: ProgramStep[] = []
  for (let k = 0; k < steps.length; k++) {
    const step = steps[k]
    best.push(findCheapest(step, inner, costs))
    // A sum is an operand of the step that adds to the sum. A sum is therefore never an inner step.
    if (uses[step.number] === 1) inner[step.number] = step
  }
  const isNeeded = new Uint8Array(uses.length)
  for (const node of wanted) isNeeded[node] = 1
  const found: ProgramStep[] = []
  for (let k = best.length - 1; k >= 0; k--) {
    const step = best[k]
    if (isNeeded[step.number] === 0) continue
    for (let j = 0; j < step.operands.length; j++) isNeeded[step.operands[j]] = 1
    found.push(step)
  }
  return found.reverse()
}

/** Steps whose results have one use, by node. A fused operation can compute the result. */
type InnerSteps = (ProgramStep | undefined)[]

/** Cost of a step without reading its operands: one write and the start of the operation. */
const OWN_COST = 2

/** The step itself, or the cheapest fused operation that computes the same result. */
function findCheapest(step: ProgramStep, inner: InnerSteps, costs: Float64Array): ProgramStep {
  const { number, operands, section } = step
  let cheapest = step
  let least = costOf(operands, operands.length, section, inner, costs)
  // Each tree has an inner operation.
  if (least > OWN_COST + operands.length) {
    const some = shapesByLast.get(step.code) ?? []
    for (let k = 0; k < some.length; k++) {
      const code = some[k][0]
      const found = [-1, -1, -1, -1]
      if (!matches(some[k][1], step, inner, found)) continue
      const count = operations[code][0]
      const cost = costOf(found, count, section, inner, costs)
      if (cost >= least) continue
      least = cost
      cheapest = { number, code, operands: found.slice(0, count), section }
    }
  }
  costs[number] = least
  return cheapest
}

/** Cost of a step with the first `count` of the operands. */
function costOf(
  operands: readonly number[],
  count: number,
  section: Section,
  inner: InnerSteps,
  costs: Float64Array,
): number {
  let cost = OWN_COST + count
  for (let k = 0; k < count; k++) if (inner[operands[k]]?.section === section) cost += costs[operands[k]]
  return cost
}

/** Operation trees by their outermost operation. */
const shapesByLast = new Map<ProgramStep['code'], typeof shapes>(
  shapes.map(([, [last]]) => [last, shapes.filter(([, shape]) => shape[0] === last)]),
)

/** Whether a step matches a tree. The nodes of the operand indices are written to `found`. */
function matches(shape: ReductionTree, step: ProgramStep, inner: InnerSteps, found: number[]): boolean {
  return (
    matchesOperands(shape, step, false, inner, found) ||
    (symmetric.has(shape[0]) && matchesOperands(shape, step, true, inner, found))
  )
}

function matchesOperands(
  shape: ReductionTree,
  { operands, section }: ProgramStep,
  isReversed: boolean,
  inner: InnerSteps,
  found: number[],
): boolean {
  // Most trees are rejected here, without a copy.
  for (let k = 1; k < shape.length; k++) {
    const part = shape[k]
    if (typeof part === 'number') continue
    const step = inner[operands[isReversed ? 2 - k : k - 1]]
    if (step?.section !== section || step.code !== part[0]) return false
  }
  const before = found.slice()
  for (let k = 1; k < shape.length; k++) {
    const part = shape[k]
    const node = operands[isReversed ? 2 - k : k - 1]
    if (typeof part === 'number' && found[part] < 0) found[part] = node
    if (
      typeof part === 'number'
        ? found[part] === node
        : matches(part as ReductionTree, inner[node] as ProgramStep, inner, found)
    )
      continue
    for (let k = 0; k < before.length; k++) found[k] = before[k]
    return false
  }
  return true
}

/**
 * The last step that uses each node of a graph with `count` nodes; −1 for unused nodes and for nodes that are `kept`
 * until the end.
 */
export function lastUses(order: readonly ProgramStep[], kept: readonly number[], count: number): Int32Array {
  const lastUse = new Int32Array(count).fill(-1)
  const isBeforeRows = new Uint8Array(count)
  const endOfBody = order.map(({ section }) => section).lastIndexOf(1)
  for (let step = 0; step < order.length; step++) {
    const { number, operands, section, code } = order[step]
    // Copies are initial values of carried values. Each row replaces a carried value.
    if (section === 0 && code !== 'copy') isBeforeRows[number] = 1
    for (let k = 0; k < operands.length; k++) {
      const operand = operands[k]
      // The next row reads the node again.
      lastUse[operand] = section === 1 && isBeforeRows[operand] === 1 ? endOfBody : step
    }
  }
  for (const node of kept) lastUse[node] = -1
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
  lastUse: ArrayLike<number>,
  places: (number | undefined)[],
  slots: Slots,
): Instruction[] {
  const instructions: Instruction[] = []
  for (let step = 0; step < order.length; step++) {
    const { number, code, operands } = order[step]
    const from = [0, 0, 0, 0]
    // The result may use the slot of an operand that is not needed later, because elements are read before they are
    // written.
    for (let k = 0; k < operands.length; k++) {
      const operand = operands[k]
      from[k] = places[operand] as number
      if (lastUse[operand] === step && operands.indexOf(operand) === k) slots.free(from[k])
    }
    const to = places[number] ?? slots.take()
    places[number] = to
    instructions.push(instruction(code, to, from))
  }
  return instructions
}

/** Codes of the operations, which are their positions in the manifest. */
const numbers = new Map<string, number>(OPERATIONS.map((code, number) => [code, number]))

export function instruction(code: Code | Instruction, to: number, operands: readonly number[]): Instruction {
  if (typeof code !== 'string') return code
  return [numbers.get(code) as number, to, operands[0], operands[1] ?? 0, operands[2] ?? 0, operands[3] ?? 0]
}
