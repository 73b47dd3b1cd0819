/** Programs of a step: the operations of each stage, in numbered slots. */

import { EquationError } from '../core/errors.js'
import { symmetric } from '../expressions/graph.js'
import * as steps from '../expressions/steps.js'
import * as layout from './layout.js'
import {
  COMMON_VALUE,
  PER_ELEMENT,
  PER_TENSOR,
  type PersistentVariable,
  type RuleStep,
  type StepSum,
} from './read.js'

/** The program of one stage. */
export interface EquationStage {
  readonly instructions: readonly steps.Instruction[]
  /** The sums of the stage, each with the slot of the operand; empty for the last stage. */
  readonly sums: readonly { readonly slot: number; readonly sum: StepSum }[]
  /** Nodes of the per-tensor numbers in use, in slot order. */
  readonly values: readonly number[]
}

export interface StagePrograms {
  readonly stages: readonly EquationStage[]
  /** Nodes of the constants, in slot order. */
  readonly constants: readonly number[]
}

/** @throws EquationError if the step exceeds a limit */
export function compileStages(name: string, step: RuleStep): StagePrograms {
  const { theta, states, scalars, sums, levels } = step
  const most = (most: number, what: string, count: number) => {
    if (count > most) throw new EquationError(`equations ${name}`, `at most ${most} ${what}`, `${count}`)
  }
  const last = Math.max(...[theta, ...states, ...scalars].map(({ final }) => levels[final]))
  // If per-tensor numbers are needed before any sum, a stage without sums provides them.
  const taken = Array.from({ length: last }, (_, level) =>
    sums.filter(({ operand }) => levels[operand] === level),
  )
  for (const sums of taken) most(layout.MAX_SUMS, 'sums in a stage', sums.length)
  const orders = [
    ...taken.map((sums) => orderStages(step, sums, [])),
    orderStages(step, [], [theta, ...states]),
  ]
  const constants = [...new Set(orders.flatMap(({ leaves }) => leaves[COMMON_VALUE]))]
  const room = layout.MAX_SLOTS - layout.FIRST_CONSTANT - layout.MAX_COMPUTED
  most(room, 'numbers that are the same for all elements', constants.length)
  const stages = orders.map((order) => {
    const values = order.leaves[PER_TENSOR]
    most(layout.MAX_VALUES, 'numbers per tensor in a stage', values.length)
    const slots = new steps.Slots(layout.FIRST_CONSTANT + constants.length)
    const stage = { ...makeStage(step, order, constants, slots), values }
    most(layout.MAX_INSTRUCTIONS, 'operations in a stage', stage.instructions.length)
    most(
      layout.MAX_COMPUTED,
      'temporary numbers per element',
      slots.count - layout.FIRST_CONSTANT - constants.length,
    )
    return stage
  })
  return { stages, constants }
}

/** The inputs and outputs of a stage, and the order of its operations. */
interface StageOrder {
  readonly sums: readonly StepSum[]
  readonly changed: readonly PersistentVariable[]
  readonly order: readonly steps.ProgramStep[]
  /** Inputs that are not per element, grouped by sort of node. */
  readonly leaves: readonly (readonly number[])[]
}

function orderStages(
  { graph, sorts }: RuleStep,
  sums: readonly StepSum[],
  kept: readonly PersistentVariable[],
): StageOrder {
  const changed = kept.filter(({ leaf, final }) => leaf !== final)
  const wanted = [...sums.map(({ operand }) => operand), ...changed.map(({ final }) => final)]
  const uses = steps.findUses(graph, wanted)
  const all = graph.nodes.flatMap((node, number): steps.ProgramStep[] => {
    if (uses[number] === 0 || sorts[number] !== PER_ELEMENT || node.kind !== 'operation') return []
    const { operation: code, operands } = node
    // Makes a number that all elements share the first operand, so that kernels load the number once.
    const isTurned = symmetric.has(code) && sorts[operands[1]] < PER_ELEMENT
    return [{ number, code, operands: isTurned ? [...operands].reverse() : operands, section: 0 }]
  })
  const order = orderByCriticalPath(steps.fused(all, uses, wanted), wanted)
  const read = [...new Set([...order.flatMap(({ operands }) => operands), ...wanted])]
  const leaves = [COMMON_VALUE, PER_TENSOR].map((sort) => read.filter((node) => sorts[node] === sort))
  return { sums, changed, order, leaves }
}

/**
 * Orders operations by the longest path. An operand directly precedes its use, because kernels fuse consecutive
 * operations.
 */
function orderByCriticalPath(
  order: readonly steps.ProgramStep[],
  wanted: readonly number[],
): steps.ProgramStep[] {
  const left = new Map(order.map((step) => [step.number, step]))
  const depths = new Map<number, number>()
  const depthOf = (node: number) => depths.get(node) ?? 0
  for (const { number, operands } of order) depths.set(number, 1 + Math.max(...operands.map(depthOf)))
  const found: steps.ProgramStep[] = []
  const ahead = [...wanted].reverse().sort((a, b) => depthOf(a) - depthOf(b))
  while (ahead.length > 0) {
    const step = left.get(ahead.at(-1) as number)
    const missing = step?.operands.filter((operand) => left.has(operand)) ?? []
    if (missing.length > 0) {
      ahead.push(missing.reduce((a, b) => (depthOf(b) > depthOf(a) ? b : a)))
      continue
    }
    ahead.pop()
    if (step === undefined) continue
    left.delete(step.number)
    found.push(step)
  }
  return found
}

function makeStage(
  { theta, states, leaves: names, graph }: RuleStep,
  { sums, changed, order, leaves }: StageOrder,
  constants: readonly number[],
  slots: steps.Slots,
) {
  const places: number[] = []
  places[theta.leaf] = layout.THETA
  places[names.get('g') as number] = layout.GRADIENT
  for (const [k, { leaf }] of states.entries()) places[leaf] = layout.FIRST_STATE + k
  for (const [k, node] of leaves[PER_TENSOR].entries()) places[node] = layout.FIRST_VALUE + k
  for (const [k, node] of constants.entries()) places[node] = layout.FIRST_CONSTANT + k
  const place = (node: number) => places[node]
  const lastUse = steps.lastUses(
    order,
    sums.map(({ operand }) => operand),
    graph.nodes.length,
  )
  // Writes a result directly to its destination if nothing reads the old value afterwards. If a result has several
  // destinations, it is written directly to the first destination.
  const left: PersistentVariable[] = []
  for (const target of changed) {
    const { leaf, final } = target
    const at = order.findIndex(({ number }) => number === final)
    const isCopied = changed.some(({ final }) => final === leaf)
    const isFree = !isCopied && lastUse[leaf] <= at
    if (at >= 0 && places[final] === undefined && isFree) places[final] = place(leaf)
    else left.push(target)
  }
  for (const { final } of left) lastUse[final] = -1

  const instructions = steps.placeSteps(order, lastUse, places, slots)
  const copy = (node: number, to: number) => instructions.push(steps.instruction('copy', to, [place(node)]))
  // Copies values that are still needed before the values are overwritten.
  const to = left.map(({ leaf }) => place(leaf))
  for (const node of new Set(left.map(({ final }) => final))) {
    if (!left.some(({ leaf }) => leaf === node)) continue
    const aside = slots.take()
    copy(node, aside)
    places[node] = aside
  }
  for (const [k, { final }] of left.entries()) copy(final, to[k])
  return { instructions, sums: sums.map((sum) => ({ sum, slot: place(sum.operand) })) }
}
