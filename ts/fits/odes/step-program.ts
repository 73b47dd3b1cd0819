/**
 * One step of the explicit method as a program, which engines run for a block of integrations, one integration per
 * lane. The files `explicit.ts` and `flow.ts` compute the same operations in the same order, and therefore the same
 * bits.
 */

import { Builder } from '../../expressions/differentiate.js'
import { Graph } from '../../expressions/graph.js'
import { defineLines } from '../../expressions/lines.js'
import type { Operation } from '../../expressions/operations.js'
import { compile, type Program } from '../../expressions/program.js'
import { EPSILON, MAX_FACTOR, MIN_FACTOR, MIN_SPACINGS, SAFETY } from './control.js'
import { DENSE, ERRORS, NODES, STAGES, STIFFNESS_LIMIT } from './explicit.js'
import type { Jet } from './jet.js'

/** Numbers of a lane. */
const scalars = ['t', 'h', 'before', 'isRetry', 'isAccepted', 'isStiff', 'step', 'end', 'isActive'] as const
/** Vectors with a number per component of z. */
const vectors = ['z', 'rates', 'lastZ', 'lastRates', 'dense', 'force'] as const

/** A compiled step, and the positions of its numbers in the state of a lane. */
export interface StepProgram {
  readonly program: Program
  readonly scalars: Readonly<Record<(typeof scalars)[number], number>>
  /** Position of the first component of each vector. */
  readonly vectors: Readonly<Record<(typeof vectors)[number], number>>
  /** Position of the first parameter. Inputs follow the parameters. */
  readonly parameters: number
  readonly length: number
}

/** The step size after a step with an error norm. The function `takeSteps` has the same conditions and factors. */
const control = defineLines(
  `
  isAccepted = isActive && norm <= 1 && overflow == 0
  shrinking = norm < INFINITE ? max(MIN_FACTOR, SAFETY*norm^(-0.2)) : MIN_FACTOR
  growing = norm == 0 ? MAX_FACTOR : SAFETY*norm^(-0.17)*before^0.04
  limited = min(isRetry ? 1 : MAX_FACTOR, max(MIN_FACTOR, growing))
  nextH = isActive ? step*(isAccepted ? limited : shrinking) : h
  nextBefore = isAccepted ? max(norm, 1e-4) : before
  nextT = isAccepted ? isLast ? end : t + step : t
  nextRetry = isAccepted ? 0 : 1
`,
  { MIN_FACTOR, MAX_FACTOR, SAFETY, INFINITE: Infinity },
)

const lastStep = defineLines(
  `
  there = t + h
  least = MIN_STEP*max(max(abs(there), abs(end)), 1e-300)
  isLast = there >= end || end - there <= least
  step = isLast ? end - t : h
`,
  { MIN_STEP: MIN_SPACINGS * EPSILON },
)

/**
 * Compiles a step. The result is null if the rates contain operations that programs of steps do not support.
 *
 * @param jet the rates and their derivatives as functions of the time, the states, and the further names
 * @param names all names of the rates: the time, the states, and further names
 * @param hasForce whether infusions add constant rates
 */
export function compileStep(
  jet: Jet,
  names: readonly string[],
  [n, m]: readonly [number, number],
  { rtol, atol }: { readonly rtol: number; readonly atol: ArrayLike<number> },
  hasForce: boolean,
): StepProgram | null {
  if (jet.graph.nodes.some(({ kind }) => kind !== 'constant' && kind !== 'name' && kind !== 'operation'))
    return null
  const length = n * (1 + m)
  const others = names.slice(1 + n)
  const g = new Graph()
  const op = (operation: Operation, ...operands: number[]) => g.operation(operation, ...operands)
  const fields = [
    ...scalars.map((name) => `@${name}`),
    ...vectors.flatMap((name) =>
      name === 'force' && !hasForce ? [] : Array.from({ length }, (_, i) => `@${name}${i}`),
    ),
    ...others.map((_, k) => `@p${k}`),
  ]
  const at = Object.fromEntries(scalars.map((name) => [name, g.name(`@${name}`)]))
  const vector = (name: (typeof vectors)[number]) =>
    Array.from({ length }, (_, i) => (name === 'force' && !hasForce ? g.constant(0) : g.name(`@${name}${i}`)))
  const [z, force, first] = [vector('z'), vector('force'), vector('rates')]
  const parameters = others.map((_, k) => g.name(`@p${k}`))
  const b = new Builder(g)
  const { t } = at
  const { isLast, step: h } = lastStep(b, at)

  const k = [first]
  const combine = (factors: readonly number[], count: number) => {
    const used = Array.from({ length: count }, (_, j) => j).filter((j) => count <= 5 || j !== 1)
    const scaled = used.map((j) => op('multiply', g.constant(factors[j]), h))
    return z.map((_, i) =>
      used.map((j, at) => op('multiply', scaled[at], k[j][i])).reduce((sum, term) => op('add', sum, term)),
    )
  }
  const evaluate = writeRates(jet, g, { n, length, force })
  let next = z
  for (let stage = 1; stage < NODES.length; stage++) {
    next = combine(STAGES[stage], stage).map((part, i) => op('add', part, z[i]))
    const time = op('add', t, op('multiply', g.constant(NODES[stage]), h))
    k.push(evaluate(next, [time, ...next.slice(0, n), ...parameters]))
  }
  const norm = errorNorm(op, g, [combine(ERRORS, 7), z, next], n, { rtol, atol })
  const overflow = next
    .map((x) => op('multiply', x, g.constant(0)))
    .reduce((sum, x) => op('add', sum, x), g.constant(0))
  const { isAccepted, nextH, nextBefore, nextT, nextRetry } = control(b, {
    ...at,
    isLast,
    step: h,
    norm,
    overflow,
  })
  const select = (yes: readonly number[], no: readonly number[]) =>
    yes.map((x, i) => b.select(isAccepted, x, no[i]))
  const outputs = [
    ...[
      nextT,
      nextH,
      nextBefore,
      nextRetry,
      isAccepted,
      isStiff(op, g, h, k, [z, next], n),
      h,
      at.end,
      at.isActive,
    ],
    ...select(next, z),
    ...select(k[6], first),
    ...z,
    ...first,
    ...combine(DENSE, 7),
    ...(hasForce ? force : []),
    ...parameters,
  ]
  const program = compile(g, [...outputs, g.constant(0)], fields, [])
  const position = (name: string) => fields.indexOf(`@${name}`)
  return {
    program,
    scalars: Object.fromEntries(scalars.map((name) => [name, position(name)])) as StepProgram['scalars'],
    vectors: Object.fromEntries(
      vectors.map((name) => [name, position(`${name}0`)]),
    ) as StepProgram['vectors'],
    parameters: fields.length - others.length,
    length,
  }
}

/** Returns a function that adds the rates of states and sensitivities at a point to a graph, as `Flow.all` does. */
function writeRates(
  jet: Jet,
  g: Graph,
  { n, length, force }: { readonly n: number; readonly length: number; readonly force: readonly number[] },
) {
  const { graph, roots, slopes, rows, columns, inputs } = jet
  const isUsed = new Uint8Array(graph.nodes.length)
  for (const node of [...roots, ...slopes]) isUsed[node] = 1
  for (let node = graph.nodes.length - 1; node >= 0; node--)
    if (isUsed[node]) for (const operand of graph.operandsOf(node)) isUsed[operand] = 1
  const position = new Map(inputs.map((name, k) => [name, k]))
  return (z: readonly number[], numbers: readonly number[]): number[] => {
    const copies: number[] = []
    for (let number = 0; number < isUsed.length; number++) {
      if (isUsed[number] === 0) continue
      const node = graph.nodes[number]
      if (node.kind === 'constant') copies[number] = g.constant(node.value)
      else if (node.kind === 'name') copies[number] = numbers[position.get(node.name) as number]
      else if (node.kind === 'operation')
        copies[number] = g.operation(node.operation, ...node.operands.map((operand) => copies[operand]))
    }
    const rates = [...force]
    const add = (i: number, node: number) => {
      rates[i] = g.operation('add', rates[i], node)
    }
    for (let i = 0; i < n; i++) add(i, copies[roots[i]])
    for (let entry = 0; entry < slopes.length; entry++) {
      const [slope, row, column] = [copies[slopes[entry]], rows[entry], columns[entry]]
      if (column >= n) add(n * (1 + column - n) + row, slope)
      else
        for (let at = n; at < length; at += n) add(at + row, g.operation('multiply', slope, z[at + column]))
    }
    return rates
  }
}

type AddOperation = (operation: Operation, ...operands: number[]) => number

/** The norm of `StepControl.norm` without sensitivities. */
function errorNorm(
  op: AddOperation,
  g: Graph,
  [error, z, next]: readonly (readonly number[])[],
  n: number,
  { rtol, atol }: { readonly rtol: number; readonly atol: ArrayLike<number> },
): number {
  let sum = g.constant(0)
  for (let i = 0; i < n; i++) {
    const size = op('max', op('abs', z[i]), op('abs', next[i]))
    const part = op(
      'divide',
      error[i],
      op('add', g.constant(atol[i]), op('multiply', g.constant(rtol), size)),
    )
    sum = op('add', sum, op('multiply', part, part))
  }
  return op('sqrt', op('divide', sum, g.constant(n)))
}

/** The condition of `isStiffStep`. */
function isStiff(
  op: AddOperation,
  g: Graph,
  h: number,
  k: readonly (readonly number[])[],
  [z, next]: readonly (readonly number[])[],
  n: number,
): number {
  let [above, below] = [g.constant(0), g.constant(0)]
  for (let i = 0; i < n; i++) {
    let stage = z[i]
    for (let j = 0; j < 5; j++)
      stage = op('add', stage, op('multiply', op('multiply', h, g.constant(STAGES[5][j])), k[j][i]))
    const [rise, run] = [op('subtract', k[6][i], k[5][i]), op('subtract', next[i], stage)]
    above = op('add', above, op('multiply', rise, rise))
    below = op('add', below, op('multiply', run, run))
  }
  const size = op('multiply', h, op('sqrt', op('divide', above, below)))
  return op('multiply', op('less', g.constant(0), below), op('less', g.constant(STIFFNESS_LIMIT), size))
}
