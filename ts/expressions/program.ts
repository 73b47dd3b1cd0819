/** Compiles a graph to a sequence of instructions on numbered slots, which an engine runs for many points at once. */

import { extensions } from '../extensions.js'
import type { EndNode, Graph } from './graph.js'
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
  /**
   * Sections that repeat. Loops are in the order of their first instructions, and an outer loop precedes its inner
   * loops.
   */
  readonly loops: readonly ProgramLoop[]
  /** Whether rows depend on earlier rows through carried values, in addition to sums, or contain matrices. */
  readonly carries: boolean
  /** Count of elements in the workspace of matrices. */
  readonly tile: number
}

/**
 * Instructions that repeat until the slot `again` is 0 in all lanes, or until they have run `most` times. The
 * instructions are counted over head, body and tail.
 */
export interface ProgramLoop {
  readonly start: number
  readonly end: number
  readonly again: number
  readonly most: number
}

/**
 * Orders the steps by section. Carried values are updated at the end of the body, because all steps of a row read the
 * values before the row.
 */
function orderByPhase({ nodes }: Graph, steps: readonly ProgramStep[]): ProgramStep[] {
  const phase = ({ number, section }: ProgramStep) =>
    section === 0 ? 0 : nodes[number].kind === 'end' ? 2 : 2 * section - 1
  // Lists for the phases take less time than a sort of many steps.
  const phases: ProgramStep[][] = [[], [], [], []]
  for (let k = 0; k < steps.length; k++) phases[phase(steps[k])].push(steps[k])
  return phases[0].concat(...phases.slice(1))
}

/**
 * Compiles the given output nodes.
 *
 * @param count count of the first nodes, which contain all operands of the outputs, and whose constants get slots
 */
export function compile(
  graph: Graph,
  outputs: readonly number[],
  parameters: readonly string[],
  columns: readonly string[],
  count = graph.nodes.length,
): Program {
  const { nodes } = graph
  const sections = makeSections(graph, columns)
  const uses = findUses(graph, outputs)

  const { places, constants } = placeInputs(graph, count, [...parameters, ...columns])
  const isUsed = (number: number) => uses[number] > 0
  const endNodes = [...graph.ends.values()].filter(isUsed)
  const slots = new Slots(parameters.length + columns.length + constants.length)
  const steps = listSteps(graph, sections, uses)
  const matrices = extensions.matrices?.place(graph, { uses, sections, places, slots, steps })
  const order = orderByPhase(graph, fused(steps, uses, [...outputs, ...endNodes]))

  const [sums, carried]: [number[], number[]] = [[], []]
  for (let number = 0; number < nodes.length; number++) {
    if (uses[number] === 0) continue
    const { kind } = nodes[number]
    if (kind === 'sum' || kind === 'carried') sums.push(number)
    if (kind === 'carried') carried.push(number)
  }
  // Slots of matrices have no other use.
  const lastUse = lastUses(order, [...outputs, ...(matrices?.kept ?? [])], nodes.length)
  for (const sum of sums) places[sum] = slots.take()
  for (const number of carried) if (!graph.ends.has(number)) lastUse[number] = -1
  placeNextValues(graph, endNodes, order, places, lastUse)
  const instructions: [Instruction[], Instruction[], Instruction[]] = [[], [], []]
  const placed = placeSteps(order, lastUse, places, slots)
  for (let step = 0; step < order.length; step++) {
    const { code, section } = order[step]
    const one = placed[step]
    if (code !== 'copy' || one[1] !== one[2]) instructions[section].push(one)
  }
  const place = (number: number) => places[number] as number
  const results = outputs.map((number) => {
    const { kind } = nodes[number]
    if (kind === 'operation' || kind === 'sum' || kind === 'end') return place(number)
    const to = slots.take()
    instructions[2].push(instruction('copy', to, [place(number)]))
    return to
  })
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
    loops: [],
    carries: carried.length > 0 || matrices?.isByRow === true,
    tile: matrices?.tile ?? 0,
  }
}

/**
 * Places the next value of each carried value in the slot of the carried value, from which the next row of data reads
 * it.
 */
function placeNextValues(
  { nodes }: Graph,
  endNodes: readonly number[],
  order: readonly ProgramStep[],
  places: (number | undefined)[],
  lastUse: Int32Array,
): void {
  for (const number of endNodes) {
    const { operand, next } = nodes[number] as EndNode
    places[number] = places[operand]
    const end = lastUse[operand]
    lastUse[operand] = -1
    // If nothing reads the carried value afterwards, the next value may overwrite the carried value at once.
    if (order[end]?.number !== next || order[end].section !== 1 || places[next] !== undefined) continue
    places[next] = places[operand]
    lastUse[next] = -1
  }
}

/**
 * Slots of the names, followed by the slots of the constants. All constants of the first `count` nodes get a slot, so
 * that programs with one count share one layout.
 */
function placeInputs({ nodes }: Graph, count: number, inputs: readonly string[]) {
  const constants: number[] = []
  const places: (number | undefined)[] = new Array(nodes.length)
  const names = new Map(inputs.map((name, at) => [name, at]))
  for (let number = 0; number < count; number++) {
    const node = nodes[number]
    if (node.kind === 'name') places[number] = names.get(node.name)
    else if (node.kind === 'constant') places[number] = inputs.length + constants.push(node.value) - 1
  }
  return { places, constants }
}

/** One step for each computed node that is used. */
function listSteps({ nodes }: Graph, sections: Uint8Array, uses: ArrayLike<number>): ProgramStep[] {
  const steps: ProgramStep[] = []
  for (let number = 0; number < nodes.length; number++) {
    if (uses[number] === 0) continue
    const node = nodes[number]
    if (node.kind === 'operation')
      steps.push({
        number,
        code: node.operation,
        operands: node.operands,
        section: sections[number] as Section,
      })
    if (node.kind === 'sum') steps.push({ number, code: 'add', operands: [node.operand, number], section: 1 })
    if (node.kind === 'carried' && node.initial !== undefined)
      steps.push({ number, code: 'copy', operands: [node.initial], section: 0 })
    if (node.kind === 'end') steps.push({ number, code: 'copy', operands: [node.next], section: 1 })
  }
  return steps
}

/** The section of each node: 0 before the rows, 1 in each row, 2 after the rows. */
export function makeSections(
  graph: Graph,
  columns: readonly string[],
  refuse = (kind: string) => new TypeError(`${kind}: an operand is computed too late`),
): Uint8Array {
  const names = new Set(columns)
  const sections = new Uint8Array(graph.nodes.length)
  for (let number = 0; number < graph.nodes.length; number++) {
    const node = graph.nodes[number]
    let section: Section = node.kind === 'name' && names.has(node.name) ? 1 : 0
    const operands = graph.operandsOf(number)
    for (let k = 0; k < operands.length; k++)
      if (sections[operands[k]] > section) section = sections[operands[k]] as Section
    const isCarried = node.kind === 'carried'
    if (isCarried || node.kind === 'sum' || node.kind === 'end') {
      if (section > (isCarried ? 0 : 1)) throw refuse(node.kind)
      section = isCarried ? 1 : 2
    }
    sections[number] = section
  }
  return sections
}
