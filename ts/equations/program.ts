/** The programs of a step: what each of its stages computes, in numbered slots. */

import type { Code } from '../expressions/operations.js'
import { EquationError } from './error.js'
import { type Made, madeOf } from './fused.js'
import {
  FIRST_CONSTANT,
  FIRST_STATE,
  FIRST_VALUE,
  GRADIENT,
  type Instruction,
  MAX_COMPUTED,
  MAX_INSTRUCTIONS,
  MAX_SLOTS,
  MAX_SUMS,
  MAX_VALUES,
  operationNamed,
  THETA,
} from './layout.js'
import { BY_TENSOR, ELEMENT, type Step, type Sum } from './read.js'

/** What a stage runs. */
export interface Stage {
  readonly instructions: readonly Instruction[]
  /** What it sums: where that is, and which sums these are; the last stage has none. */
  readonly sums: readonly { readonly slot: number; readonly sum: Sum }[]
  /** The nodes whose numbers by tensor it uses, in the order of their slots. */
  readonly values: readonly number[]
}

export interface Programs {
  readonly stages: readonly Stage[]
  /** The nodes of its constants, in the order of their slots. */
  readonly constants: readonly number[]
}

/** @throws EquationError where there is no room for all of it */
export function programsOf(name: string, step: Step): Programs {
  const { theta, states, sums, levels } = step
  const finals = [theta, ...states].map(({ final }) => final)
  const scalars = step.scalars.map(({ final }) => final)
  const last = Math.max(...[...finals, ...scalars].map((node) => levels[node]))
  const constants: number[] = []
  const fail = (expected: string, received: number) => {
    throw new EquationError(`equations ${name}`, expected, `${received}`)
  }
  const stages: Stage[] = []
  // Where numbers by tensor are wanted before any sum is, a stage without one makes room for them.
  for (let level = 0; level < last; level++) {
    const taken = sums.filter(({ of }) => levels[of] === level)
    if (taken.length > MAX_SUMS) fail(`at most ${MAX_SUMS} sums in a stage`, taken.length)
    stages.push(stageOf(step, taken, constants, fail))
  }
  stages.push(stageOf(step, null, constants, fail))
  // What is computed comes behind the constants, of which there are as many in all stages.
  const slotOf = (slot: number) =>
    slot < COMPUTED ? slot : slot - COMPUTED + FIRST_CONSTANT + constants.length
  if (FIRST_CONSTANT + constants.length + MAX_COMPUTED > MAX_SLOTS)
    fail(
      `at most ${MAX_SLOTS - FIRST_CONSTANT - MAX_COMPUTED} numbers that are the same for all`,
      constants.length,
    )
  const placed = stages.map(({ instructions, sums, values }) => ({
    values,
    instructions: instructions.map(({ operation, to, from }) => ({
      operation,
      to: slotOf(to),
      from: from.map(slotOf),
    })),
    sums: sums.map(({ slot, sum }) => ({ sum, slot: slotOf(slot) })),
  }))
  return { stages: placed, constants }
}

/** What is computed is counted from here on, until all constants are known. */
const COMPUTED = MAX_SLOTS
/** The place of what is read or written after all instructions. */
const END = Number.POSITIVE_INFINITY

type Fail = (expected: string, received: number) => void

/** A stage that takes some sums, or the last one, which writes the parameters and the state. */
function stageOf(step: Step, taken: readonly Sum[] | null, constants: number[], fail: Fail): Stage {
  const { sorts, theta, states, leaves } = step
  const values: number[] = []
  const slots = new Map<number, number>([
    [theta.leaf, THETA],
    [leaves.get('g') as number, GRADIENT],
    ...states.map(({ leaf }, k) => [leaf, FIRST_STATE + k] as const),
  ])
  const targets = taken !== null ? [] : [theta, ...states].map(({ leaf, final }) => ({ leaf, final }))
  const wanted = taken?.map(({ of }) => of) ?? targets.map(({ final }) => final)
  const made = makeAll(step, wanted)
  const order = [...made.keys()].sort((a, b) => a - b)

  // When each is read for the last time.
  const lastUse = new Map<number, number>()
  order.forEach((node, at) => {
    for (const operand of (made.get(node) as Made).operands) lastUse.set(operand, at)
  })
  if (taken !== null) for (const node of wanted) lastUse.set(node, END)
  const changed = targets.filter(({ leaf, final }) => leaf !== final)
  // What is computed goes to its place at once, where nobody reads what is there any more; of several the first.
  const direct = new Map<number, number>()
  const left: typeof changed = []
  const isCopied = new Set(changed.filter(({ final }) => !made.has(final)).map(({ final }) => final))
  for (const target of changed) {
    const { leaf, final } = target
    const isFree = !isCopied.has(leaf) && (lastUse.get(leaf) ?? -1) <= order.indexOf(final)
    if (made.has(final) && !direct.has(final) && isFree) direct.set(final, slots.get(leaf) as number)
    else left.push(target)
  }
  for (const { final } of left) lastUse.set(final, END)

  const slotOf = (node: number): number => {
    const known = slots.get(node)
    if (known !== undefined) return known
    const list = sorts[node] === BY_TENSOR ? values : constants
    const at = list.indexOf(node)
    const number = at >= 0 ? at : list.push(node) - 1
    return number + (list === values ? FIRST_VALUE : FIRST_CONSTANT)
  }
  const room = new Room()
  const instructions: Instruction[] = []
  const write = (code: Code, to: number, operands: readonly number[]) => {
    const from = operands.map(slotOf)
    instructions.push({ operation: operationNamed(code), to, from: [...from, 0, 0, 0].slice(0, 4) })
  }
  order.forEach((node, at) => {
    const { code, operands } = made.get(node) as Made
    for (const operand of new Set(operands)) {
      if (lastUse.get(operand) === at && made.has(operand) && !direct.has(operand))
        room.free(slots.get(operand) as number)
    }
    const to = direct.get(node) ?? room.take()
    write(code, to, operands)
    slots.set(node, to)
  })
  // What is written over while somebody still wants it is put aside first.
  const places = left.map(({ leaf }) => slots.get(leaf) as number)
  const written = new Set(left.map(({ leaf }) => leaf))
  for (const node of new Set(left.map(({ final }) => final))) {
    if (!written.has(node)) continue
    const to = room.take()
    write('copy', to, [node])
    slots.set(node, to)
  }
  for (const [k, { final }] of left.entries()) write('copy', places[k], [final])
  const sums = (taken ?? []).map((sum) => ({ sum, slot: slotOf(sum.of) }))
  if (values.length > MAX_VALUES) fail(`at most ${MAX_VALUES} numbers by tensor in a stage`, values.length)
  if (instructions.length > MAX_INSTRUCTIONS)
    fail(`at most ${MAX_INSTRUCTIONS} operations in a stage`, instructions.length)
  if (room.count > MAX_COMPUTED) fail(`at most ${MAX_COMPUTED} numbers an element at once`, room.count)
  return { instructions, sums, values }
}

/** What computes each node that is wanted, of those that are by element. */
function makeAll({ graph, sorts }: Step, wanted: readonly number[]): Map<number, Made> {
  const isComputed = (node: number) => sorts[node] === ELEMENT && graph.nodes[node].kind === 'operation'
  const uses = graph.nodes.map(() => 0)
  for (const node of wanted) uses[node] += 2
  for (let node = graph.nodes.length - 1; node >= 0; node--) {
    if (uses[node] === 0 || !isComputed(node)) continue
    for (const operand of graph.operandsOf(node)) uses[operand]++
  }
  const isAlone = (node: number) => uses[node] === 1 && isComputed(node)
  const made = new Map<number, Made>()
  // What comes later is made of what comes earlier.
  const needed = new Set(wanted)
  for (let node = graph.nodes.length - 1; node >= 0; node--) {
    if (!needed.has(node) || !isComputed(node)) continue
    const found = madeOf(graph, node, isAlone)
    made.set(node, found)
    for (const operand of found.operands) needed.add(operand)
  }
  return made
}

/** Slots of what is computed, used again once they are free. */
class Room {
  count = 0
  readonly #free: number[] = []

  take(): number {
    return this.#free.pop() ?? COMPUTED + this.count++
  }

  free(slot: number): void {
    this.#free.push(slot)
  }
}
