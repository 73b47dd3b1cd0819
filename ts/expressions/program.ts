/** A graph as a straight line of instructions on numbered slots, which an engine runs for many points at once. */

import { OPERATIONS } from '../arena/manifest.js'
import type { Graph } from './graph.js'
import { type Code, operations } from './operations.js'

/** What is done with slots: operation, where to, and four operands, of which as many count as it has. */
export type Instruction = readonly [code: number, to: number, a: number, b: number, c: number, d: number]

/**
 * Slots are numbered: parameters, columns of data, constants, and then what is computed. Before the rows the
 * `head` runs, then for each row the `body`, which adds to sums, and then the `tail`.
 */
export interface Program {
  readonly parameters: readonly string[]
  readonly columns: readonly string[]
  readonly constants: readonly number[]
  /** How many slots there are. */
  readonly slots: number
  readonly head: readonly Instruction[]
  readonly body: readonly Instruction[]
  readonly tail: readonly Instruction[]
  /** Slots of sums, which are 0 at first. */
  readonly sums: readonly number[]
  /** The slots of what was wanted: all are computed, none is a parameter's. */
  readonly outputs: readonly number[]
  /** Whether a row needs more of those before than their sums. */
  readonly carries: boolean
}

/** When a node is computed: 0 in the head, 1 in the body, 2 in the tail. */
type Section = 0 | 1 | 2

interface Step {
  /** The node that it computes. */
  readonly number: number
  readonly code: Code
  readonly operands: readonly number[]
  readonly section: Section
}

/** The program of some nodes. */
export function compile(
  graph: Graph,
  outputs: readonly number[],
  parameters: readonly string[],
  columns: readonly string[],
): Program {
  const { nodes } = graph
  const sections = sectionsOf(graph, columns)
  // How often each is used; 0 for what is not wanted.
  const uses = nodes.map(() => 0)
  for (const number of outputs) uses[number]++
  for (let number = nodes.length - 1; number >= 0; number--) {
    if (uses[number] > 0) for (const operand of graph.operandsOf(number)) uses[operand]++
  }

  // All that the graph has, so that its programs have the same.
  const constants: number[] = []
  const places = new Map<number, number>()
  for (const [number, node] of nodes.entries()) {
    if (node.kind === 'name') {
      const at = parameters.indexOf(node.name)
      places.set(number, at >= 0 ? at : parameters.length + columns.indexOf(node.name))
    } else if (node.kind === 'constant') {
      places.set(number, parameters.length + columns.length + constants.push(node.value) - 1)
    }
  }

  const steps: Step[] = []
  for (const [number, node] of nodes.entries()) {
    if (uses[number] === 0) continue
    if (node.kind === 'operation')
      steps.push({ ...node, number, code: node.operation, section: sections[number] })
    if (node.kind === 'sum') steps.push({ number, code: 'add', operands: [node.of, number], section: 1 })
    if (node.kind === 'end') steps.push({ number, code: 'copy', operands: [node.next], section: 1 })
  }
  const order = fused(steps, uses).sort((a, b) => a.section - b.section || a.number - b.number)

  const sums = nodes.flatMap(({ kind }, number) =>
    uses[number] > 0 && (kind === 'sum' || kind === 'carried') ? [number] : [],
  )
  const slots = new Slots(parameters.length + columns.length + constants.length)
  const lastUse = lastUses(order, sections, outputs)
  for (const sum of sums) places.set(sum, slots.take())
  // The next row needs it where it is.
  for (const [number, node] of nodes.entries()) {
    if (node.kind !== 'end' || uses[number] === 0) continue
    places.set(number, places.get(node.of) as number)
    const isOver = (step: number) => order[step].number === node.next && order[step].section === 1
    const end = lastUse.get(node.of)
    lastUse.delete(node.of)
    // What takes its place does so at once, if nothing else looks at it afterwards.
    if (end === undefined || !isOver(end) || places.has(node.next)) continue
    places.set(node.next, places.get(node.of) as number)
    lastUse.delete(node.next)
  }
  const instructions: [Instruction[], Instruction[], Instruction[]] = [[], [], []]
  for (const [step, { number, code, operands, section }] of order.entries()) {
    const [a, b = 0, c = 0, d = 0] = operands.map((operand) => places.get(operand) as number)
    // What ends here may be where the result goes: an element is read before it is written.
    for (const operand of new Set(operands)) {
      if (lastUse.get(operand) === step) slots.free(places.get(operand) as number)
    }
    const to = places.get(number) ?? slots.take()
    places.set(number, to)
    if (code === 'copy' && to === a) continue
    instructions[section].push([OPERATIONS.indexOf(code), to, a, b, c, d])
  }
  const place = (number: number) => places.get(number) as number
  const computed = (number: number): number => {
    const { kind } = nodes[number]
    if (kind === 'operation' || kind === 'sum' || kind === 'end') return place(number)
    const to = slots.take()
    instructions[2].push([OPERATIONS.indexOf('copy'), to, place(number), 0, 0, 0])
    return to
  }
  const results = outputs.map(computed)
  const [head, body, tail] = instructions
  return {
    parameters,
    columns,
    constants,
    slots: slots.count,
    head,
    body,
    tail,
    sums: sums.map(place),
    outputs: results,
    carries: nodes.some(({ kind }, number) => kind === 'carried' && uses[number] > 0),
  }
}

function sectionsOf(graph: Graph, columns: readonly string[]): Section[] {
  const sections: Section[] = []
  for (const [number, node] of graph.nodes.entries()) {
    const isColumn = node.kind === 'name' && columns.includes(node.name)
    const operands = graph.operandsOf(number).map((operand) => sections[operand])
    const isAfter = node.kind === 'sum' || node.kind === 'end'
    sections.push(
      isAfter ? 2 : isColumn || node.kind === 'carried' ? 1 : (Math.max(0, ...operands) as Section),
    )
  }
  return sections
}

/**
 * Two operations whose first result is only the second's operand become one, where there is such an operation; and three,
 * where a sum or a difference is of two products.
 */
function fused(steps: readonly Step[], uses: readonly number[]): Step[] {
  const left = new Map(steps.map((step) => [step.number, step]))
  for (const { number, code, operands, section } of steps) {
    // A sum is an operand of the step that adds to it.
    const innerOf = (operand: number) =>
      operand !== number && uses[operand] === 1 && left.get(operand)?.section === section
        ? left.get(operand)
        : undefined
    for (const [position, operand] of operands.entries()) {
      const inner = innerOf(operand)
      const both = inner && fusion(inner.code, code, position)
      if (inner === undefined || both === undefined) continue
      const other = operands[1 - position]
      const product = innerOf(other)
      const all = product?.code === 'multiply' ? ofTwoProducts[both] : undefined
      left.delete(operand)
      if (all !== undefined) left.delete(other)
      const rest = all === undefined ? [other] : (product as Step).operands
      left.set(number, { number, code: all ?? both, operands: [...inner.operands, ...rest], section })
      break
    }
  }
  return [...left.values()]
}

const ofTwoProducts: { readonly [both in Code]?: Code } = {
  multiplyAdd: 'blend',
  multiplySubtract: 'multiplySubtractMultiply',
}

/** The operation that does `inner`, and with its result and another operand `outer`. */
export function fusion(inner: Code, outer: Code, position: number): Code | undefined {
  if (outer === 'over' && position === 1) return undefined
  const name =
    outer === 'subtract' && position === 1
      ? `${inner}From`
      : `${inner}${outer.charAt(0).toUpperCase()}${outer.slice(1)}`
  // (a·b − c)·d would have the name of a·b − c·d.
  return name in operations && name !== ofTwoProducts.multiplySubtract ? (name as Code) : undefined
}

/** At which step each node is used for the last time; never, for what lives to the end. */
function lastUses(
  order: readonly Step[],
  sections: readonly Section[],
  outputs: readonly number[],
): Map<number, number> {
  const lastUse = new Map<number, number>()
  const endOfBody = order.findLastIndex(({ section }) => section === 1)
  for (const [step, { operands, section }] of order.entries()) {
    for (const operand of operands) {
      // The next row needs it again.
      const isKept = sections[operand] === 0 && section === 1
      lastUse.set(operand, isKept ? endOfBody : step)
    }
  }
  for (const number of outputs) lastUse.delete(number)
  return lastUse
}

/** Numbers of slots, from a first one on, that are used again once they are free. */
class Slots {
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
