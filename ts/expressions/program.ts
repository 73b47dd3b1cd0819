/** Compiles a graph to a sequence of instructions on numbered slots, which an engine runs for many points at once. */

import { extensions } from '../extensions.js'
import type { Graph } from './graph.js'
import {
  findUses,
  fused,
  type Instruction,
  instruction,
  lastUses,
  type ProgramStep,
  placeSteps,
  type Section,
  Slots,
} from './steps.js'

/**
 * A compiled program. The slots of a program are numbered in this order: parameters, data columns, constants, and
 * computed values. The section `head` runs once before the rows, `body` runs for each row and adds to the sums, and
 * `tail` runs after the rows.
 */
export interface Program {
  readonly parameters: readonly string[]
  readonly columns: readonly string[]
  readonly constants: readonly number[]
  /** Count of the program's slots. */
  readonly slots: number
  readonly head: readonly Instruction[]
  readonly body: readonly Instruction[]
  readonly tail: readonly Instruction[]
  /** Slots of the sums, whose initial value is 0. */
  readonly sums: readonly number[]
  /** Slots of the program's outputs. All outputs are computed values, and no output is in the slot of a parameter. */
  readonly outputs: readonly number[]
  /** Whether rows depend on earlier rows through carried values, in addition to sums, or contain matrices. */
  readonly carries: boolean
  /** Count of elements in the workspace of matrices. */
  readonly tile: number
}

/** Compiles the given output nodes. */
export function compile(
  graph: Graph,
  outputs: readonly number[],
  parameters: readonly string[],
  columns: readonly string[],
): Program {
  const { nodes } = graph
  const sections = makeSections(graph, columns)
  const uses = findUses(graph, outputs)

  const { places, constants } = placeInputs(graph, [...parameters, ...columns])
  const slots = new Slots(parameters.length + columns.length + constants.length)
  const steps = listSteps(graph, sections, uses)
  const matrices = extensions.matrices?.place(graph, { uses, sections, places, slots, steps })
  const some = fused(steps, uses, outputs)
  const order = [0, 1, 2].flatMap((node) => some.filter(({ section }) => section === node))

  const sums = nodes.flatMap(({ kind }, number) =>
    uses[number] > 0 && (kind === 'sum' || kind === 'carried') ? [number] : [],
  )
  // Slots of matrices have no other use.
  const lastUse = lastUses(order, [...outputs, ...places.keys()])
  for (const sum of sums) places.set(sum, slots.take())
  // The next row of data reads the carried value from the slot of this node.
  for (const [number, node] of nodes.entries()) {
    if (node.kind !== 'end' || uses[number] === 0) continue
    places.set(number, places.get(node.operand) as number)
    const isOver = (step: number) => order[step].number === node.next && order[step].section === 1
    const end = lastUse.get(node.operand)
    lastUse.delete(node.operand)
    // If nothing reads the carried value afterwards, the next value may overwrite the carried value at once.
    if (end === undefined || !isOver(end) || places.has(node.next)) continue
    places.set(node.next, places.get(node.operand) as number)
    lastUse.delete(node.next)
  }
  const instructions: [Instruction[], Instruction[], Instruction[]] = [[], [], []]
  for (const [step, one] of placeSteps(order, lastUse, places, slots).entries()) {
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
    tile: 0,
    ...matrices,
  }
}

/**
 * Slots of the names, followed by the slots of the constants. All constants of the graph get a slot, so that all
 * programs of the graph share one layout.
 */
function placeInputs({ nodes }: Graph, inputs: readonly string[]) {
  const constants: number[] = []
  const places = new Map<number, number>()
  const names = new Map(inputs.map((name, at) => [name, at]))
  for (const [number, node] of nodes.entries()) {
    if (node.kind === 'name') places.set(number, names.get(node.name) as number)
    else if (node.kind === 'constant') places.set(number, inputs.length + constants.push(node.value) - 1)
  }
  return { places, constants }
}

/** One step for each computed node that is used. */
function listSteps({ nodes }: Graph, sections: readonly Section[], uses: ArrayLike<number>): ProgramStep[] {
  const steps: ProgramStep[] = []
  for (const [number, node] of nodes.entries()) {
    if (uses[number] === 0) continue
    if (node.kind === 'operation')
      steps.push({ number, code: node.operation, operands: node.operands, section: sections[number] })
    if (node.kind === 'sum') steps.push({ number, code: 'add', operands: [node.operand, number], section: 1 })
    if (node.kind === 'end') steps.push({ number, code: 'copy', operands: [node.next], section: 1 })
  }
  return steps
}

function makeSections(graph: Graph, columns: readonly string[]): Section[] {
  const names = new Set(columns)
  const sections: Section[] = []
  for (const [number, node] of graph.nodes.entries()) {
    let section: Section = 0
    if (node.kind === 'sum' || node.kind === 'end') section = 2
    else if (node.kind === 'carried' || (node.kind === 'name' && names.has(node.name))) section = 1
    else
      for (const operand of graph.operandsOf(number))
        if (sections[operand] > section) section = sections[operand]
    sections.push(section)
  }
  return sections
}
