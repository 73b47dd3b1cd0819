/** A graph as a straight line of instructions on numbered slots, which an engine runs for many points at once. */

import type { Graph } from './graph.js'
import {
  fused,
  type Instruction,
  instruction,
  lastUses,
  placed,
  type Section,
  Slots,
  type Step,
  usesOf,
} from './steps.js'

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

/** The program of some nodes. */
export function compile(
  graph: Graph,
  outputs: readonly number[],
  parameters: readonly string[],
  columns: readonly string[],
): Program {
  const { nodes } = graph
  const sections = sectionsOf(graph, columns)
  const uses = usesOf(graph, outputs)

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
  const order = fused(steps, uses, outputs).sort((a, b) => a.section - b.section || a.number - b.number)

  const sums = nodes.flatMap(({ kind }, number) =>
    uses[number] > 0 && (kind === 'sum' || kind === 'carried') ? [number] : [],
  )
  const slots = new Slots(parameters.length + columns.length + constants.length)
  const lastUse = lastUses(order, outputs)
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
  for (const [step, one] of placed(order, lastUse, places, slots).entries()) {
    const { code, section } = order[step]
    if (code !== 'copy' || one[1] !== one[2]) instructions[section].push(one)
  }
  const place = (number: number) => places.get(number) as number
  const computed = (number: number): number => {
    const { kind } = nodes[number]
    if (kind === 'operation' || kind === 'sum' || kind === 'end') return place(number)
    const to = slots.take()
    instructions[2].push(instruction('copy', to, [place(number)]))
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
