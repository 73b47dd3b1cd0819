/** The programs of a step: what each of its stages computes, in numbered slots. */

import { symmetric } from '../expressions/graph.js'
import * as steps from '../expressions/steps.js'
import { EquationError } from './error.js'
import * as layout from './layout.js'
import { BY_TENSOR, COMMON, ELEMENT, type Kept, type Step, type Sum } from './read.js'

/** What a stage runs. */
export interface Stage {
  readonly instructions: readonly steps.Instruction[]
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
  const { theta, states, scalars, sums, levels } = step
  const most = (most: number, what: string, count: number) => {
    if (count > most) throw new EquationError(`equations ${name}`, `at most ${most} ${what}`, `${count}`)
  }
  const last = Math.max(...[theta, ...states, ...scalars].map(({ final }) => levels[final]))
  // Where numbers by tensor are wanted before any sum is, a stage without one makes room for them.
  const taken = Array.from({ length: last }, (_, level) => sums.filter(({ of }) => levels[of] === level))
  for (const sums of taken) most(layout.MAX_SUMS, 'sums in a stage', sums.length)
  const orders = [...taken.map((sums) => orderOf(step, sums, [])), orderOf(step, [], [theta, ...states])]
  const constants = [...new Set(orders.flatMap(({ leaves }) => leaves[COMMON]))]
  const room = layout.MAX_SLOTS - layout.FIRST_CONSTANT - layout.MAX_COMPUTED
  most(room, 'numbers that are the same for all', constants.length)
  const stages = orders.map((order) => {
    const values = order.leaves[BY_TENSOR]
    most(layout.MAX_VALUES, 'numbers by tensor in a stage', values.length)
    const slots = new steps.Slots(layout.FIRST_CONSTANT + constants.length)
    const stage = { ...stageOf(step, order, constants, slots), values }
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
interface Order {
  readonly sums: readonly Sum[]
  readonly changed: readonly Kept[]
  readonly order: readonly steps.Step[]
  /** What it needs that is not by element, by sort. */
  readonly leaves: readonly (readonly number[])[]
}

function orderOf({ graph, sorts }: Step, sums: readonly Sum[], kept: readonly Kept[]): Order {
  const changed = kept.filter(({ leaf, final }) => leaf !== final)
  const wanted = [...sums.map(({ of }) => of), ...changed.map(({ final }) => final)]
  const uses = steps.usesOf(graph, wanted)
  const all = graph.nodes.flatMap((node, number): steps.Step[] => {
    if (uses[number] === 0 || sorts[number] !== ELEMENT || node.kind !== 'operation') return []
    const { operation: code, operands } = node
    // Where one number for all elements comes first, kernels load it once.
    const isTurned = symmetric.has(code) && sorts[operands[1]] < ELEMENT
    return [{ number, code, operands: isTurned ? operands.toReversed() : operands, section: 0 }]
  })
  const order = inPairs(steps.fused(all, uses, wanted), wanted)
  const read = [...new Set([...order.flatMap(({ operands }) => operands), ...wanted])]
  const leaves = [COMMON, BY_TENSOR].map((sort) => read.filter((node) => sorts[node] === sort))
  return { sums, changed, order, leaves }
}

/** In an order in which what a step takes comes just before it, the longest way first: kernels do some with the next. */
function inPairs(order: readonly steps.Step[], wanted: readonly number[]): steps.Step[] {
  const left = new Map(order.map((step) => [step.number, step]))
  const depths = new Map<number, number>()
  const depthOf = (node: number) => depths.get(node) ?? 0
  for (const { number, operands } of order) depths.set(number, 1 + Math.max(...operands.map(depthOf)))
  const found: steps.Step[] = []
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

function stageOf(
  { theta, states, leaves: names }: Step,
  { sums, changed, order, leaves }: Order,
  constants: readonly number[],
  slots: steps.Slots,
) {
  const places = new Map<number, number>([
    [theta.leaf, layout.THETA],
    [names.get('g') as number, layout.GRADIENT],
    ...states.map(({ leaf }, k) => [leaf, layout.FIRST_STATE + k] as const),
    ...leaves[BY_TENSOR].map((node, k) => [node, layout.FIRST_VALUE + k] as const),
    ...constants.map((node, k) => [node, layout.FIRST_CONSTANT + k] as const),
  ])
  const place = (node: number) => places.get(node) as number
  const lastUse = steps.lastUses(
    order,
    sums.map(({ of }) => of),
  )
  // What is computed goes to its place at once, where nobody reads what is there any more; of several the first.
  const left: Kept[] = []
  for (const target of changed) {
    const { leaf, final } = target
    const at = order.findIndex(({ number }) => number === final)
    const isCopied = changed.some(({ final }) => final === leaf)
    const isFree = !isCopied && (lastUse.get(leaf) ?? -1) <= at
    if (at >= 0 && !places.has(final) && isFree) places.set(final, place(leaf))
    else left.push(target)
  }
  for (const { final } of left) lastUse.delete(final)

  const instructions = steps.placed(order, lastUse, places, slots)
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
  return { instructions, sums: sums.map((sum) => ({ sum, slot: place(sum.of) })) }
}
