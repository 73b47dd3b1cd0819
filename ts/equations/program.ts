/** The programs of a step: what each of its stages computes, in numbered slots. */

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

/** What a stage runs. */
export interface EquationStage {
  readonly instructions: readonly steps.Instruction[]
  /** What it sums: where that is, and which sums these are; the last stage has none. */
  readonly sums: readonly { readonly slot: number; readonly sum: StepSum }[]
  /** The nodes whose numbers by tensor it uses, in the order of their slots. */
  readonly values: readonly number[]
}

export interface StagePrograms {
  readonly stages: readonly EquationStage[]
  /** The nodes of its constants, in the order of their slots. */
  readonly constants: readonly number[]
}

/** @throws EquationError where there is no room for all of it */
export function compileStages(name: string, step: RuleStep): StagePrograms {
  const { theta, states, scalars, sums, levels } = step
  const most = (most: number, what: string, count: number) => {
    if (count > most) throw new EquationError(`equations ${name}`, `at most ${most} ${what}`, `${count}`)
  }
  const last = Math.max(...[theta, ...states, ...scalars].map(({ final }) => levels[final]))
  // Where numbers by tensor are wanted before any sum is, a stage without one makes room for them.
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
  most(room, 'numbers that are the same for all', constants.length)
  const stages = orders.map((order) => {
    const values = order.leaves[PER_TENSOR]
    most(layout.MAX_VALUES, 'numbers by tensor in a stage', values.length)
    const slots = new steps.Slots(layout.FIRST_CONSTANT + constants.length)
    const stage = { ...makeStage(step, order, constants, slots), values }
    most(layout.MAX_INSTRUCTIONS, 'operations in a stage', stage.instructions.length)
    most(
      layout.MAX_COMPUTED,
      'numbers an element at once',
      slots.count - layout.FIRST_CONSTANT - constants.length,
    )
    return stage
  })
  return { stages, constants }
}

/** What a stage takes or writes, and in which order it computes that. */
interface StageOrder {
  readonly sums: readonly StepSum[]
  readonly changed: readonly PersistentVariable[]
  readonly order: readonly steps.ProgramStep[]
  /** What it needs that is not by element, by sort. */
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
    // Where one number for all elements comes first, kernels load it once.
    const isTurned = symmetric.has(code) && sorts[operands[1]] < PER_ELEMENT
    return [{ number, code, operands: isTurned ? operands.toReversed() : operands, section: 0 }]
  })
  const order = orderByCriticalPath(steps.fused(all, uses, wanted), wanted)
  const read = [...new Set([...order.flatMap(({ operands }) => operands), ...wanted])]
  const leaves = [COMMON_VALUE, PER_TENSOR].map((sort) => read.filter((node) => sorts[node] === sort))
  return { sums, changed, order, leaves }
}

/** In an order in which what a step takes comes just before it, the longest way first: kernels do some with the next. */
function orderByCriticalPath(
  order: readonly steps.ProgramStep[],
  wanted: readonly number[],
): steps.ProgramStep[] {
  const left = new Map(order.map((step) => [step.number, step]))
  const depths = new Map<number, number>()
  const depthOf = (node: number) => depths.get(node) ?? 0
  for (const { number, operands } of order) depths.set(number, 1 + Math.max(...operands.map(depthOf)))
  const found: steps.ProgramStep[] = []
  const ahead = wanted.toReversed().sort((a, b) => depthOf(a) - depthOf(b))
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
  { theta, states, leaves: names }: RuleStep,
  { sums, changed, order, leaves }: StageOrder,
  constants: readonly number[],
  slots: steps.Slots,
) {
  const places = new Map<number, number>([
    [theta.leaf, layout.THETA],
    [names.get('g') as number, layout.GRADIENT],
    ...states.map(({ leaf }, k) => [leaf, layout.FIRST_STATE + k] as const),
    ...leaves[PER_TENSOR].map((node, k) => [node, layout.FIRST_VALUE + k] as const),
    ...constants.map((node, k) => [node, layout.FIRST_CONSTANT + k] as const),
  ])
  const place = (node: number) => places.get(node) as number
  const lastUse = steps.lastUses(
    order,
    sums.map(({ operand }) => operand),
  )
  // What is computed goes to its place at once, where nobody reads what is there any more; of several the first.
  const left: PersistentVariable[] = []
  for (const target of changed) {
    const { leaf, final } = target
    const at = order.findIndex(({ number }) => number === final)
    const isCopied = changed.some(({ final }) => final === leaf)
    const isFree = !isCopied && (lastUse.get(leaf) ?? -1) <= at
    if (at >= 0 && !places.has(final) && isFree) places.set(final, place(leaf))
    else left.push(target)
  }
  for (const { final } of left) lastUse.delete(final)

  const instructions = steps.placeSteps(order, lastUse, places, slots)
  const copy = (node: number, to: number) => instructions.push(steps.instruction('copy', to, [place(node)]))
  // What is written over while somebody still wants it is put aside first.
  const to = left.map(({ leaf }) => place(leaf))
  for (const node of new Set(left.map(({ final }) => final))) {
    if (!left.some(({ leaf }) => leaf === node)) continue
    const aside = slots.take()
    copy(node, aside)
    places.set(node, aside)
  }
  for (const [k, { final }] of left.entries()) copy(final, to[k])
  return { instructions, sums: sums.map((sum) => ({ sum, slot: place(sum.operand) })) }
}
