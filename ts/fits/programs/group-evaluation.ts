/**
 * A look at a point as a program: what a group's rows cost there, and its equations with own parameters eliminated, in
 * one pass. Where own parameters are, and the step that leads on, stays in the group's lane, so that little has to be
 * told of it.
 */

import { Builder } from '../../expressions/differentiate.js'
import { Graph } from '../../expressions/graph.js'
import { compile, type Program } from '../../expressions/program.js'
import type { Problem } from '../problem/problem.js'
import { type EliminationSize, eliminateLocals } from './elimination.js'
import { slopeNodes } from './function-curve.js'
import { dot, product, triangleIndex, weightedSquares } from './ldlt.js'
import { clampToBounds, findLinearParameters, freeDirections, numberedNames } from './levenberg-marquardt.js'
import { sumRows } from './normal-equations.js'

/** Column of a family with several values: which value a row belongs to. */
export const VALUE = '@value'
/** … the observation. */
export const RESPONSE = '@y'
/** … and its weight. */
export const WEIGHT = '@weight'

/** What is told of all groups before a look, beside shared parameters; names that no user's text can have. */
export const broadcastInputs = ['moves', 'accepted', 'fresh', 'first', 'damping', 'least'] as const

/** What a look needs to know. */
export interface EvaluationInput extends Readonly<Record<(typeof broadcastInputs)[number], number>> {
  /** By how much shared parameters are other than where the step began, in their places. */
  readonly delta: Float64Array
}

/** What a lane keeps, by name: how many numbers. */
const laneFields = ({ local, shared }: EliminationSize, isBounded: boolean) => ({
  /** Where a step began, and D there; where it has led, and D there. */
  base: local,
  scale: local,
  trial: local,
  raised: local,
  step: local,
  follow: local * shared,
  lower: (local * (local - 1)) / 2,
  inverse: local,
  // Sums over all groups are made of these.
  cost: 1,
  decrement: 1,
  length: 1,
  size: 1,
  gain: Number(isBounded),
  matrix: triangleIndex(shared, 0),
  right: shared,
  gradient: shared,
  diagonal: shared,
  /** Of all parameters, for what a step gains that a bound has cut. */
  slope: isBounded ? local + shared : 0,
  curvature: isBounded ? triangleIndex(local + shared, 0) : 0,
  /** Whether own parameters may move. */
  free: isBounded ? local : 0,
  /** 1 + the own parameter that is held where it is; 0 for none. */
  held: 1,
})

export type LaneField = keyof ReturnType<typeof laneFields>

export interface EvaluationProgram {
  readonly program: Program
  /** Places of what lanes keep among its parameters; of shared ones, by how much they moved, what is told, constants. */
  readonly fieldOffsets: Readonly<
    Record<LaneField | 'shared' | 'delta' | 'fixed' | (typeof broadcastInputs)[number], readonly number[]>
  >
}

export interface EvaluationOptions {
  /** Which parameters wait for the others at first. */
  readonly waits: readonly boolean[]
  /** Whether steps may be cut. */
  readonly isBounded: boolean
  readonly second: 'weight' | 'curvature'
}

/** @param problems by value; more than one have rows one behind the other */
export function compileEvaluation(
  problems: readonly Problem[],
  size: EliminationSize,
  { waits, isBounded, second }: EvaluationOptions,
): EvaluationProgram {
  const [{ free, min, max }] = problems
  const { local } = size
  const graph = new Graph()
  const b = new Builder(graph)
  const fields = laneFields(size, isBounded)
  const { names, places } = nameInputs(fields, size, problems[0])
  const read = (name: string) => places[name].map((at) => b.name(names[at]))
  const [first, damping, least, held] = ['first', 'damping', 'least', 'held'].flatMap(read)
  const { base, scale, trial, delta, fresh } = moveLocals(b, problems[0], local, read)
  const taken = trial.map((x, i) => b.subtract(x, base[i]))
  const { problem, slopes } = joinModels(graph, b, problems, [...trial, ...read('shared')])
  const { cost, gradient, matrix } = sumRows(b, problem, slopes, second)

  const diagonal = free.map((_, i) => matrix[triangleIndex(i, i)])
  const before = scale.map((d) => b.select(fresh, b.zero, d))
  const raised = before.map((d, i) => b.operation('max', d, diagonal[i]))
  const own = { ...problem, min: min.slice(0, local), max: max.slice(0, local) }
  const isFree = freeDirections(b, own, trial, gradient).map((is, i) => {
    const isHeld = b.operation('equal', held, b.constant(i + 1))
    const later = waits[i] ? b.multiply(is, b.subtract(b.one, first)) : is
    return b.multiply(later, b.subtract(b.one, isHeld))
  })
  const sums = { right: gradient, matrix, scale: raised, moves: isFree, damping, least }
  const left = eliminateLocals(b, size, sums)
  const none = [...gradient, ...diagonal].reduce((sum, node) => b.add(sum, b.multiply(node, b.zero)), b.zero)
  const along = [...taken, ...delta]
  const outputs: Readonly<Record<LaneField, readonly number[]>> = {
    base,
    scale,
    trial,
    raised,
    step: left.step,
    follow: left.follow.flat(),
    lower: left.lower,
    inverse: left.inverse,
    // No number where derivatives are none.
    cost: [b.add(cost, none)],
    decrement: [left.decrement],
    length: [weightedSquares(b, scale, taken)],
    size: [weightedSquares(b, raised, trial)],
    gain: isBounded ? [predictedGain(b, read('slope'), read('curvature'), along)] : [],
    matrix: left.matrix,
    right: left.right,
    gradient: gradient.slice(local),
    diagonal: diagonal.slice(local),
    slope: isBounded ? gradient : [],
    curvature: isBounded ? matrix : [],
    free: isBounded ? isFree : [],
    held: [held],
  }
  const results = (Object.keys(fields) as LaneField[]).flatMap((name) => outputs[name])
  const rest = names.slice(results.length).map((name) => b.name(name))
  const program = compile(graph, [...results, ...rest, b.zero], names, problem.columns)
  return { program, fieldOffsets: places as unknown as EvaluationProgram['fieldOffsets'] }
}

/** The names of parameters, those of lanes first, and by field where these are. */
function nameInputs(fields: ReturnType<typeof laneFields>, { shared }: EliminationSize, { fixed }: Problem) {
  const names: string[] = []
  const places: Record<string, number[]> = {}
  const put = (stem: string, list: readonly string[]) => {
    places[stem] = list.map((name) => names.push(name) - 1)
  }
  for (const [name, length] of Object.entries({ ...fields, shared, delta: shared }))
    put(name, numberedNames(name, length))
  for (const name of broadcastInputs) put(name, numberedNames(name, 1))
  put('fixed', fixed)
  return { names, places }
}

/** Where a step of own parameters begins, and where it leads. */
function moveLocals(b: Builder, problem: Problem, local: number, read: (name: string) => number[]) {
  const [moves, accepted, fresh] = ['moves', 'accepted', 'fresh'].flatMap(read)
  const accept = (now: string, then: string) => {
    const before = read(then)
    return read(now).map((node, i) => b.select(accepted, node, before[i]))
  }
  const base = accept('trial', 'base')
  const scale = accept('raised', 'scale')
  const [step, follow, delta] = [read('step'), read('follow'), read('delta')]
  const trial = base.map((x, i) => {
    const along = delta.map((d, k) => b.multiply(follow[k * local + i], d))
    const to = along.reduce((sum, more) => b.subtract(sum, more), b.add(x, step[i]))
    return b.select(moves, clampToBounds(b, problem, i, to), x)
  })
  return { base, scale, trial, delta, fresh }
}

/** The models of values as one, and its derivatives by each parameter: in a row those of its value. */
function joinModels(graph: Graph, b: Builder, problems: readonly Problem[], point: readonly number[]) {
  const [{ free }] = problems
  const nodeOf = (name: string) => point[free.indexOf(name)] ?? b.name(name)
  const ofValues = problems.map((problem) =>
    copyNodes(problem.graph, [problem.model, ...slopeNodes(problem)], graph, nodeOf),
  )
  // What others would be there may be no number.
  const ofRow = (nodes: readonly number[]) =>
    nodes.reduce((rest, node, k) => b.select(b.operation('equal', b.name(VALUE), b.constant(k)), node, rest))
  const isMany = problems.length > 1
  const y = isMany ? RESPONSE : problems[0].y
  const weight = isMany ? WEIGHT : problems[0].weight
  const columns = isMany
    ? [...new Set(problems.flatMap((one) => problemColumns(one))), RESPONSE, WEIGHT, VALUE]
    : problems[0].columns
  const [model, ...slopes] = ofValues[0].map((_, i) => ofRow(ofValues.map((nodes) => nodes[i])))
  return { problem: { ...problems[0], graph, y, weight, columns, model }, slopes }
}

export const hasBounds = ({ min, max }: Problem) => [...min, ...max].some(Number.isFinite)

/** Columns of a model, without what it is to meet. */
export const problemColumns = ({ columns, y, weight }: Problem) =>
  columns.filter((name) => name !== y && name !== weight)

/** Which parameters wait for those that the model is linear in, in all of its values. */
export function linearParameters(problems: readonly Problem[]): boolean[] {
  const lists = problems.map((problem) =>
    findLinearParameters(problem.graph, slopeNodes(problem), problem.free),
  )
  return lists[0].map((_, i) => lists.some((list) => list[i]))
}

/** What a step lowers the cost by, if the model is linear. */
function predictedGain(
  b: Builder,
  right: readonly number[],
  matrix: readonly number[],
  taken: readonly number[],
): number {
  const slope = dot(b, right, taken)
  return b.negate(b.add(b.add(slope, slope), dot(b, taken, product(b, matrix, taken))))
}

/** Nodes of one graph in another, in which names may be something else. */
function copyNodes(
  from: Graph,
  roots: readonly number[],
  to: Graph,
  nodeOf: (name: string) => number,
): number[] {
  const known = new Map<number, number>()
  const isNeeded = new Uint8Array(from.nodes.length)
  for (const root of roots) isNeeded[root] = 1
  for (let number = from.nodes.length - 1; number >= 0; number--) {
    if (isNeeded[number] === 1) for (const operand of from.operandsOf(number)) isNeeded[operand] = 1
  }
  for (const [number, node] of from.nodes.entries()) {
    if (isNeeded[number] === 0) continue
    if (node.kind === 'constant') known.set(number, to.constant(node.value))
    if (node.kind === 'name') known.set(number, nodeOf(node.name))
    if (node.kind === 'operation') {
      const operands = node.operands.map((operand) => known.get(operand) as number)
      known.set(number, to.operation(node.operation, ...operands))
    }
  }
  return roots.map((root) => known.get(root) as number)
}
