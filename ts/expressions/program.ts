/** A graph as a straight line of instructions on numbered slots, which an engine runs for many points at once. */

import { OPERATIONS } from '../manifest.js'
import type { Graph } from './graph.js'
import type { Operation } from './operations.js'

/** What is done with slots: operation, where to, and three operands, of which as many count as it has. */
export type Instruction = readonly [code: number, to: number, a: number, b: number, c: number]

/**
 * Slots are numbered: parameters, columns of data, constants, and then what is computed. Before the rows the
 * `head` runs, then for each row the `body`, after which what is summed is added up, and then the `tail`.
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
  /** Slots that are 0 at first, and to which another one is added after each row. */
  readonly sums: readonly (readonly [to: number, from: number])[]
  /** The slots of what was wanted: all are computed, none is a parameter's. */
  readonly outputs: readonly number[]
}

/** When a node is computed: 0 in the head, 1 in the body, 2 in the tail. */
type Section = 0 | 1 | 2

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

  /** Products that become part of the only sum that uses them. */
  const fused = new Set<number>()
  const isFusible = (number: number, user: number): boolean => {
    const node = nodes[number]
    const isProduct = node.kind === 'operation' && node.operation === 'multiply'
    return isProduct && uses[number] === 1 && sections[number] === sections[user]
  }
  const steps = nodes.flatMap((node, number) => {
    if (uses[number] === 0 || node.kind !== 'operation') return []
    const { operation, operands } = node
    const product = operation === 'add' ? operands.find((operand) => isFusible(operand, number)) : undefined
    if (product === undefined) return [{ number, code: operation, operands }]
    fused.add(product)
    const rest = operands[0] === product ? operands[1] : operands[0]
    return [{ number, code: 'multiplyAdd' as Operation, operands: [...graph.operandsOf(product), rest] }]
  })
  const order = steps
    .filter(({ number }) => !fused.has(number))
    .sort((a, b) => sections[a.number] - sections[b.number] || a.number - b.number)

  const sums = nodes.flatMap((node, number) =>
    uses[number] > 0 && node.kind === 'sum' ? [[number, node.of]] : [],
  )
  const slots = new Slots(parameters.length + columns.length + constants.length)
  const lastUse = lastUses(order, sections, sums, outputs)
  for (const [sum] of sums) places.set(sum, slots.take())
  const instructions: [Instruction[], Instruction[], Instruction[]] = [[], [], []]
  for (const [step, { number, code, operands }] of order.entries()) {
    const [a, b = 0, c = 0] = operands.map((operand) => places.get(operand) as number)
    // What ends here may be where the result goes: an element is read before it is written.
    for (const operand of new Set(operands)) {
      if (lastUse.get(operand) === step) slots.free(places.get(operand) as number)
    }
    const to = slots.take()
    places.set(number, to)
    instructions[sections[number]].push([OPERATIONS.indexOf(code), to, a, b, c])
  }
  const place = (number: number) => places.get(number) as number
  const computed = (number: number): number => {
    const { kind } = nodes[number]
    if (kind === 'operation' || kind === 'sum') return place(number)
    const to = slots.take()
    instructions[2].push([OPERATIONS.indexOf('copy'), to, place(number), 0, 0])
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
    sums: sums.map(([sum, of]) => [place(sum), place(of)]),
    outputs: results,
  }
}

function sectionsOf(graph: Graph, columns: readonly string[]): Section[] {
  const sections: Section[] = []
  for (const [number, node] of graph.nodes.entries()) {
    const isColumn = node.kind === 'name' && columns.includes(node.name)
    const operands = graph.operandsOf(number).map((operand) => sections[operand])
    sections.push(node.kind === 'sum' ? 2 : isColumn ? 1 : (Math.max(0, ...operands) as Section))
  }
  return sections
}

/** At which step each node is used for the last time; never, for what lives to the end. */
function lastUses(
  order: readonly { number: number; operands: readonly number[] }[],
  sections: readonly Section[],
  sums: readonly (readonly number[])[],
  outputs: readonly number[],
): Map<number, number> {
  const lastUse = new Map<number, number>()
  const endOfBody = order.findLastIndex(({ number }) => sections[number] === 1)
  for (const [step, { number, operands }] of order.entries()) {
    for (const operand of operands) {
      // The next row needs it again.
      const isKept = sections[operand] === 0 && sections[number] === 1
      lastUse.set(operand, isKept ? endOfBody : step)
    }
  }
  // Sums are taken after a whole row.
  for (const number of [...outputs, ...sums.flat()]) lastUse.delete(number)
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
