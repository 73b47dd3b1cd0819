/**
 * Compiles the evaluation of one group at a trial point. A single pass over the rows computes the cost and the normal
 * equations, and eliminates the local parameters. The local parameters and their next step stay in the group's lane
 * between calls. Therefore the caller sends only the shared parameters and a few scalars.
 */

import { Builder, differentiate } from '../../expressions/differentiate.js'
import { Graph } from '../../expressions/graph.js'
import { compile, type Program } from '../../expressions/program.js'
import type { Problem } from '../problem/problem.js'
import { type EliminationSize, eliminateLocals } from './elimination.js'
import { slopeNodes } from './function-curve.js'
import { dot, product, triangle, triangleIndex, weightedSquares } from './ldlt.js'
import {
  clampToBounds,
  findNonlinearParameters,
  freeDirections,
  numberedNames,
} from './levenberg-marquardt.js'
import { sumRows } from './normal-equations.js'

/** Column with the index of the output to which a row belongs, for models with several outputs. */
export const VALUE = '@value'
/** Column with the observations of models with several outputs. */
export const RESPONSE = '@y'
/** Column with the weights of models with several outputs. */
export const WEIGHT = '@weight'

/**
 * Scalars that are sent to all groups before an evaluation, in addition to the shared parameters. Expressions of the
 * user cannot contain the names of these scalars.
 */
export const broadcastInputs = ['moves', 'accepted', 'fresh', 'first', 'damping', 'least'] as const

/** Inputs of one evaluation of all groups. */
export interface EvaluationInput extends Readonly<Record<(typeof broadcastInputs)[number], number>> {
  /** Difference of each shared parameter from its value at the start of the step. */
  readonly delta: Float64Array
}

/** Fields that a lane keeps, with the count of numbers in each field. */
const laneFields = ({ local, shared }: EliminationSize, isBounded: boolean) => ({
  /**
   * Local parameters and damping scales D, at the start of the step (`base`, `scale`) and at the trial point (`trial`,
   * `raised`).
   */
  base: local,
  scale: local,
  trial: local,
  raised: local,
  step: local,
  follow: local * shared,
  lower: (local * (local - 1)) / 2,
  inverse: local,
  // The fields from `cost` to `diagonal` are summed over all groups.
  cost: 1,
  decrement: 1,
  length: 1,
  size: 1,
  gain: Number(isBounded),
  matrix: triangleIndex(shared, 0),
  right: shared,
  gradient: shared,
  diagonal: shared,
  /** Gradient and matrix of all parameters, for the predicted gain of a step that ends early at a bound. */
  slope: isBounded ? local + shared : 0,
  curvature: isBounded ? triangleIndex(local + shared, 0) : 0,
  /** Whether each local parameter may move. */
  free: isBounded ? local : 0,
  /**
   * The index of the fixed local parameter plus 1, 0 if all parameters are free, or the count of local parameters plus 1
   * if all local parameters are fixed.
   */
  held: 1,
})

export type LaneField = keyof ReturnType<typeof laneFields>

export interface EvaluationProgram {
  readonly program: Program
  /**
   * Input positions of each lane field, of the shared parameters and their change, of the broadcast scalars, of the
   * constants, and of the penalty.
   */
  readonly fieldOffsets: Readonly<
    Record<
      LaneField | 'shared' | 'delta' | 'fixed' | 'penalty' | (typeof broadcastInputs)[number],
      readonly number[]
    >
  >
}

export interface EvaluationOptions {
  /**
   * Whether each parameter stays fixed in the first step, because the model is nonlinear in the parameter and linear in
   * other parameters.
   */
  readonly waits: readonly boolean[]
  /** Whether a step can end early at a bound. */
  readonly isBounded: boolean
  readonly second: 'weight' | 'curvature'
  /** Name of the derived quantity that a penalty can hold near a target, for profiles of the quantity. */
  readonly penalized: string | undefined
}

/** @param problems one problem per output of the model; the rows of several outputs are concatenated */
export function compileEvaluation(
  problems: readonly Problem[],
  size: EliminationSize,
  { waits, isBounded, second, penalized }: EvaluationOptions,
): EvaluationProgram {
  const [{ min, max }] = problems
  const { local } = size
  const graph = new Graph()
  const b = new Builder(graph)
  const fields = laneFields(size, isBounded)
  const { names, places } = nameInputs(fields, size, problems[0], penalized !== undefined)
  const read = (name: string) => places[name].map((at) => b.name(names[at]))
  const [first, damping, least, held] = ['first', 'damping', 'least', 'held'].flatMap(read)
  const { base, scale, trial, delta, fresh } = moveLocals(b, problems[0], local, read)
  const taken = trial.map((x, i) => b.subtract(x, base[i]))
  const point = [...trial, ...read('shared')]
  const { problem, slopes } = joinModels(graph, b, problems, point)
  const sumsOfRows = sumRows(b, problem, slopes, second)
  const { cost, gradient, matrix } =
    penalized === undefined
      ? sumsOfRows
      : addPenalty(b, sumsOfRows, copyQuantity(graph, problems[0], point, penalized), read('penalty'))

  const diagonal = problems[0].free.map((_, i) => matrix[triangleIndex(i, i)])
  const before = scale.map((d) => b.select(fresh, b.zero, d))
  const raised = before.map((d, i) => b.operation('max', d, diagonal[i]))
  const own = { ...problem, min: min.slice(0, local), max: max.slice(0, local) }
  const free = freeDirections(b, own, trial, gradient)
  const isFree = withoutHeld(b, free, { held, first, waits, local })
  const sums = { right: gradient, matrix, scale: raised, moves: isFree, damping, least }
  const left = eliminateLocals(b, size, sums)
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
    cost: [finiteCost(b, cost, [...gradient, ...diagonal])],
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

/** The cost, or NaN if a derivative is NaN or infinite. */
const finiteCost = (b: Builder, cost: number, derivatives: readonly number[]): number =>
  b.add(
    cost,
    derivatives.reduce((sum, node) => b.add(sum, b.multiply(node, b.zero)), b.zero),
  )

/** Removes the directions that a lane holds, and the directions that wait during the first step. */
function withoutHeld(
  b: Builder,
  free: readonly number[],
  {
    held,
    first,
    waits,
    local,
  }: Pick<EvaluationOptions, 'waits'> & Record<'held' | 'first' | 'local', number>,
): number[] {
  const isFrozen = b.operation('equal', held, b.constant(local + 1))
  return free.map((is, i) => {
    const isHeld = b.operation('max', isFrozen, b.operation('equal', held, b.constant(i + 1)))
    const later = waits[i] ? b.multiply(is, b.subtract(b.one, first)) : is
    return b.multiply(later, b.subtract(b.one, isHeld))
  })
}

/** Names of all inputs, lane fields first, and their positions per field. */
function nameInputs(
  fields: ReturnType<typeof laneFields>,
  { shared }: EliminationSize,
  { fixed }: Problem,
  isPenalized: boolean,
) {
  const names: string[] = []
  const places: Record<string, number[]> = {}
  const put = (stem: string, list: readonly string[]) => {
    places[stem] = list.map((name) => names.push(name) - 1)
  }
  for (const [name, length] of Object.entries({ ...fields, shared, delta: shared }))
    put(name, numberedNames(name, length))
  for (const name of broadcastInputs) put(name, numberedNames(name, 1))
  put('fixed', fixed)
  // The target of the penalty, and the weight of the squared distance from the target.
  put('penalty', numberedNames('penalty', isPenalized ? 2 : 0))
  return { names, places }
}

/** Starting point of the local parameters' step, and the trial point of the step. */
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

/**
 * Merges the outputs of a model into one model with its derivatives. In each row, the merged model equals the output
 * to which the row belongs.
 */
function joinModels(graph: Graph, b: Builder, problems: readonly Problem[], point: readonly number[]) {
  const [{ free }] = problems
  const nodeOf = (name: string) => point[free.indexOf(name)] ?? b.name(name)
  const ofValues = problems.map((problem) =>
    copyNodes(problem.graph, [problem.model, ...slopeNodes(problem)], graph, nodeOf),
  )
  // A selection replaces multiplication by 0, because all other outputs may be NaN in the row.
  const ofRow = (nodes: readonly number[]) =>
    nodes.reduce((rest, node, k) => b.select(b.operation('equal', b.name(VALUE), b.constant(k)), node, rest))
  const isMany = problems.length > 1
  const y = isMany ? RESPONSE : problems[0].y
  const weight = isMany ? WEIGHT : problems[0].weight
  const columns = isMany
    ? [...new Set(problems.flatMap((one) => problemColumns(one))), RESPONSE, WEIGHT, VALUE]
    : // The values and derivatives of a function model are columns.
      [...problems[0].columns, ...problems[0].evaluatedExpressions]
  const [model, ...slopes] = ofValues[0].map((_, i) => ofRow(ofValues.map((nodes) => nodes[i])))
  return { problem: { ...problems[0], graph, y, weight, columns, model }, slopes }
}

/** The nodes of a derived quantity and of its derivatives. */
function copyQuantity(
  graph: Graph,
  problem: Problem,
  point: readonly number[],
  name: string,
): readonly number[] {
  const { free, derived } = problem
  const node = derived.get(name) as number
  const slopes = differentiate(problem.graph, node, free, () => false).gradient
  const nodeOf = (other: string) => point[free.indexOf(other)] ?? graph.name(other)
  return copyNodes(problem.graph, [node, ...slopes], graph, nodeOf)
}

/** Adds the penalty w·(q − v)² of a quantity q to the cost, half of its gradient, and w·∇q·∇qᵀ. */
function addPenalty(
  b: Builder,
  { cost, gradient, matrix }: ReturnType<typeof sumRows>,
  [quantity, ...slopes]: readonly number[],
  [target, weight]: readonly number[],
): ReturnType<typeof sumRows> {
  // Without a weight, the quantity of a group may be NaN.
  const isHeld = b.operation('less', b.zero, weight)
  const distance = b.select(isHeld, b.subtract(quantity, target), b.zero)
  const weighted = slopes.map((slope) => b.select(isHeld, b.multiply(weight, slope), b.zero))
  return {
    cost: b.add(cost, b.multiply(weight, b.multiply(distance, distance))),
    gradient: gradient.map((node, i) => b.add(node, b.multiply(weighted[i], distance))),
    matrix: triangle(slopes.length, (i, j) =>
      b.add(matrix[triangleIndex(i, j)], b.select(isHeld, b.multiply(weighted[i], slopes[j]), b.zero)),
    ),
  }
}

export const hasBounds = ({ min, max }: Problem) => [...min, ...max].some(Number.isFinite)

/** Columns of a model, without its response and weights. */
export const problemColumns = ({ columns, y, weight }: Problem) =>
  columns.filter((name) => name !== y && name !== weight)

/**
 * Whether each parameter stays fixed in the first step, because at least one output is nonlinear in the parameter and
 * linear in other parameters.
 */
export function nonlinearParameters(problems: readonly Problem[]): boolean[] {
  const lists = problems.map((problem) =>
    findNonlinearParameters(problem.graph, slopeNodes(problem), problem.free),
  )
  return lists[0].map((_, i) => lists.some((list) => list[i]))
}

/** Predicted gain of a step, for a linear model. */
function predictedGain(
  b: Builder,
  right: readonly number[],
  matrix: readonly number[],
  taken: readonly number[],
): number {
  const slope = dot(b, right, taken)
  return b.negate(b.add(b.add(slope, slope), dot(b, taken, product(b, matrix, taken))))
}

/** Copies nodes to another graph, in which other nodes may replace names. */
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
