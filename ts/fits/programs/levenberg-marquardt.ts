/**
 * Levenberg-Marquardt as a program: an iteration is a straight line of operations, which engines run for many fits
 * at once. What it reads is what it has left: see {@link IterationState}.
 *
 * With r the residuals and J their derivatives, δ solves (JᵀWJ + λ·D)·δ = −JᵀWr (Marquardt, 1963), where D is the
 * largest diagonal of JᵀWJ so far (Moré, 1978). λ follows the ratio of what a step has gained to what was predicted
 * (Nielsen, 1999). At a bound that it would leave, a parameter is held.
 */

import { Builder } from '../../expressions/differentiate.js'
import type { Graph } from '../../expressions/graph.js'
import { compile, type Program } from '../../expressions/program.js'
import type { Problem } from '../problem/problem.js'
import { CONVERGED, NOT_FINITE, STALLED } from '../problem/reasons.js'
import { slopeNodes } from './function-curve.js'
import { dot, triangleIndex } from './ldlt.js'
import type { RowSums, StepEquations } from './step-equations.js'

/** λ at first; where it is 0, a fit starts near its end, and nothing waits. */
const FIRST_DAMPING = 1e-3
/** λ where some parameters wait: what hardly differs from others does not move much then. */
const ISOLATION_RATIO = 0.1
/** A λ that is so small beside the least pivot hardly changes a step. */
const NEGLIGIBLE_DAMPING = 0.01
/** So often a small step with λ is followed by one without it. */
const MIN_CONFIRMATIONS = 4
/**
 * What the step after the last one would still gain is at most this part of what the last one may. (The last one is
 * taken without another look: see `summary`.)
 */
const REST_TOLERANCE = 1e-6
const MIN_REST_TOLERANCE = 1e-17
/** A gain that is so small a part of the cost is lost in its rounding. */
const NEGLIGIBLE_STEP = 1e-15
/** A cost that is larger by no more than this part may be less, but for rounding. */
const ROUNDING_ERROR = 1e-13

/** What a fit remembers from iteration to iteration, by name; in order these are the program's parameters. */
export interface IterationState {
  readonly names: readonly string[]
  /** What each is at first; null for where parameters start, what is fixed, and units. */
  readonly starts: readonly (number | null)[]
  /** Where in it are the best point, Σ of costs there, the sums of steps, and the largest diagonal so far. */
  readonly best: readonly number[]
  readonly cost: number
  readonly right: readonly number[]
  readonly matrix: readonly number[]
  readonly scale: readonly number[]
  readonly damping: number
}

/** Names that no user's text can have. */
export const numberedNames = (name: string, count: number) =>
  Array.from({ length: count }, (_, i) => `@${name}${i}`)

export function iterationState({ free, fixed }: Problem, algebra: StepEquations): IterationState {
  const size = free.length
  const parts: readonly (readonly [readonly string[], number | null])[] = [
    [free, null],
    [[...fixed, ...algebra.units(size)], null],
    [numberedNames('best', size), NaN],
    [['@cost'], Infinity],
    [numberedNames('right', size), 0],
    [numberedNames('matrix', triangleIndex(size, 0)), 0],
    [numberedNames('scale', size), 0],
    [['@damping'], FIRST_DAMPING],
    [['@growth'], 2],
    [['@predicted'], 0],
    [['@confirmations'], 0],
    [['@turn'], 0],
  ]
  const names = parts.flatMap(([names]) => names)
  const places = (part: number) => parts[part][0].map((name) => names.indexOf(name))
  return {
    names,
    starts: parts.flatMap(([names, start]) => names.map(() => start)),
    best: places(2),
    cost: places(3)[0],
    right: places(4),
    matrix: places(5),
    scale: places(6),
    damping: places(7)[0],
  }
}

/** How a step is made. */
export interface IterationMode {
  readonly algebra: StepEquations
  /** What stands for second derivatives: that of steps, or that of errors. */
  readonly second: 'weight' | 'curvature'
  /**
   * Whether parameters that the model is linear in are solved for after each step, by another evaluation (variable
   * projection; Ruhe and Wedin, 1980). It leads out of valleys in which they change by orders of magnitude.
   */
  readonly alternates: boolean
}

/** An iteration: outputs are the state that follows, and why the fit stops, or 0. */
export function compileIteration(
  problem: Problem,
  state: IterationState,
  tolerance: number,
  { algebra, second, alternates }: IterationMode,
): Program {
  const { graph, free, fixed, columns } = problem
  const b = new Builder(graph)
  const name = (name: string) => graph.name(name)
  const known = (stem: string, nodes: readonly unknown[]) => numberedNames(stem, nodes.length).map(name)

  const slopes = slopeNodes(problem)
  const sums = algebra.sums(b, problem, slopes, second)
  const before = name('@cost')
  // Where the derivatives are not finite, no step leads on.
  const { areFinite } = sums
  const isFirst = b.operation('equal', before, b.constant(Infinity))
  // What the model is linear in finds its scale first: else the first step may lead the rest to nowhere.
  const waits = findLinearParameters(graph, slopes, free)
  const isPartly = waits.includes(true)
  // A point that a step has led to, of which only what is linear is not yet where it belongs, is not compared.
  const isTurn = alternates && isPartly ? b.multiply(areFinite, name('@turn')) : null
  const unlessTurn = (node: number, ifTurn: number) =>
    isTurn === null ? node : b.select(isTurn, ifTurn, node)
  // Behind a step that was small enough comes another one, for the last digits: costs do not tell of these.
  const isAgain = alternates ? b.zero : name('@turn')
  const limit = alternates
    ? before
    : b.multiply(before, b.select(isAgain, b.constant(1 + ROUNDING_ERROR), b.one))
  const isLess = b.select(areFinite, b.operation('less', sums.cost, limit), b.zero)
  const isBetter = unlessTurn(isLess, b.zero)
  const newer = (now: readonly number[], then: readonly number[]) =>
    now.map((node, i) => b.select(isBetter, node, then[i]))

  const [cost] = newer([sums.cost], [before])
  const best = newer(free.map(name), known('best', free))
  const right = newer(sums.right, known('right', sums.right))
  const matrix = newer(sums.matrix, known('matrix', sums.matrix))
  const atBest = algebra.diagonal(b, { right, matrix })
  const largest = atBest.map((d, i) => b.operation('max', d, name(`@scale${i}`)))

  const gain = b.divide(b.subtract(before, sums.cost), name('@predicted'))
  const next = dampingAfter(b, algebra, name, isBetter, isFirst, gain)
  const isKept = isTurn ?? b.multiply(isAgain, isBetter)
  const damping = b.select(isKept, name('@damping'), next.damping)
  const growth = b.select(isKept, name('@growth'), next.growth)

  const isAfar = b.select(name('@damping'), isFirst, b.zero)
  const areAlone = isTurn === null ? isAfar : b.operation('max', isAfar, isTurn)
  const later = b.subtract(b.one, areAlone)
  // From where the next step goes.
  const from = (there: readonly number[], here: readonly number[]) =>
    there.map((node, i) => unlessTurn(node, here[i]))
  const at = from(best, free.map(name))
  const ofStep = { right: from(right, sums.right), matrix: from(matrix, sums.matrix) }
  // D may not outlast what made it large where the linear ones, and with them all others, change by orders of magnitude.
  const scale = isTurn !== null ? algebra.diagonal(b, ofStep) : largest
  const moves = freeDirections(b, problem, at, algebra.gradient(b, ofStep)).map((is, i) =>
    waits[i] ? b.multiply(is, later) : is,
  )
  const ofFirst = isPartly ? b.select(isAfar, b.constant(ISOLATION_RATIO), damping) : damping
  const step = computeStep(
    b,
    problem,
    algebra,
    { at, ...ofStep, scale, moves },
    unlessTurn(ofFirst, b.constant(algebra.minPivot)),
  )

  // Small beside what is left, or beside the parameters.
  const sizeOf = (x: readonly number[]) => weightedSquares(b, scale, algebra.inUnits(b, x))
  const isShort = b.operation(
    'lessOrEqual',
    sizeOf(step.delta),
    b.multiply(b.constant(tolerance * tolerance), sizeOf(best)),
  )
  const gainsAtMost = (gain: number, part: number) =>
    b.operation('lessOrEqual', gain, b.multiply(b.constant(part), cost))
  const isSmall = b.select(
    isPartly ? b.multiply(step.isSound, later) : step.isSound,
    b.operation('max', gainsAtMost(step.reduction, tolerance), isShort),
    b.zero,
  )
  // By how much steps become smaller, as far as that is known.
  const ratio = b.divide(step.reduction, name('@predicted'))
  const isSmaller = b.multiply(isBetter, b.operation('less', step.reduction, name('@predicted')))
  const rest = b.multiply(step.reduction, b.select(isSmaller, ratio, b.one))
  const isLast = [
    gainsAtMost(rest, Math.max(REST_TOLERANCE * tolerance, MIN_REST_TOLERANCE)),
    gainsAtMost(step.reduction, NEGLIGIBLE_STEP),
  ].reduce((any, is) => b.operation('max', any, is), isShort)
  // With damping any step becomes small: only one almost without it tells.
  const isUndamped = b.operation(
    'lessOrEqual',
    damping,
    b.multiply(b.constant(NEGLIGIBLE_DAMPING), step.leastPivot),
  )
  const confirmations = name('@confirmations')
  const isTired = b.operation('lessOrEqual', b.constant(MIN_CONFIRMATIONS), confirmations)
  const wantsUndamped = b.multiply(isSmall, b.subtract(b.one, isUndamped))
  const isEnough = b.multiply(isUndamped, isLast)
  const whenSmall = b.select(
    isUndamped,
    b.select(alternates ? isLast : b.multiply(isLast, isAgain), b.constant(CONVERGED), b.zero),
    b.select(isTired, b.constant(STALLED), b.zero),
  )
  const isLost = b.operation('less', step.leastPivot, b.constant(algebra.singularPivot))
  const reason = b.select(
    b.operation('equal', cost, b.constant(Infinity)),
    b.constant(NOT_FINITE),
    b.select(isLost, b.constant(STALLED), b.select(isSmall, whenSmall, b.zero)),
  )
  const outputs = [
    ...step.trial,
    ...[...fixed, ...algebra.units(free.length)].map(name),
    ...best,
    cost,
    ...right,
    ...matrix,
    ...largest,
    b.select(wantsUndamped, b.zero, damping),
    growth,
    unlessTurn(step.predicted, name('@predicted')),
    b.add(confirmations, wantsUndamped),
    isTurn !== null ? later : alternates ? b.zero : b.multiply(isSmall, isEnough),
    reason,
  ]
  return compile(graph, outputs, state.names, columns)
}

/** Which parameters wait for the others: those that the model is not linear in, if there are both. */
export function findLinearParameters(
  graph: Graph,
  slopes: readonly number[],
  free: readonly string[],
): boolean[] {
  const uses = slopes.map((slope) => collectNames(graph, slope))
  const linear: number[] = []
  for (const i of free.keys()) {
    const joined = [...linear, i]
    if (joined.every((j) => joined.every((k) => !uses[j].has(free[k])))) linear.push(i)
  }
  return free.map((_, i) => linear.length > 0 && !linear.includes(i))
}

function collectNames(graph: Graph, root: number, seen = new Set<number>()): Set<string> {
  if (seen.has(root)) return new Set()
  seen.add(root)
  const node = graph.nodes[root]
  if (node.kind === 'name') return new Set([node.name])
  return new Set(graph.operandsOf(root).flatMap((operand) => [...collectNames(graph, operand, seen)]))
}

/** λ and the factor by which it grows, from what a step has gained to what was predicted. */
function dampingAfter(
  b: Builder,
  { minPivot, retryDamping }: StepEquations,
  name: (name: string) => number,
  isBetter: number,
  isFirst: number,
  gain: number,
) {
  const [damping, growth] = [name('@damping'), name('@growth')]
  const off = b.subtract(b.add(gain, gain), b.one)
  const factor = b.subtract(b.one, b.multiply(b.multiply(off, off), off))
  const shrunk = b.multiply(damping, b.operation('max', b.constant(1 / 3), factor))
  const grown = b.operation('max', b.multiply(damping, growth), b.constant(retryDamping))
  const next = b.select(isFirst, damping, b.select(isBetter, shrunk, grown))
  return {
    damping: b.operation('max', b.select(damping, next, b.zero), b.constant(minPivot)),
    growth: b.select(b.multiply(damping, b.subtract(b.one, isBetter)), b.add(growth, growth), b.constant(2)),
  }
}

interface StepOrigin extends RowSums {
  readonly at: readonly number[]
  readonly scale: readonly number[]
  readonly moves: readonly number[]
}

function computeStep(
  b: Builder,
  problem: Problem,
  algebra: StepEquations,
  from: StepOrigin,
  damping: number,
) {
  const { at } = from
  const { delta, reduction, leastPivot } = algebra.equations(b, from, damping)
  const isSound = b.operation('less', b.zero, leastPivot)
  const trial = at.map((x, i) => b.select(isSound, clampToBounds(b, problem, i, b.add(x, delta[i])), x))
  const isBounded = [...problem.min, ...problem.max].some(Number.isFinite)
  const taken = trial.map((x, i) => b.subtract(x, at[i]))
  const predicted = isBounded ? algebra.gain(b, from, taken) : reduction
  return { delta, reduction, trial, predicted, isSound, leastPivot }
}

/** Moved to where a parameter may be. */
export function clampToBounds(b: Builder, { min, max }: Problem, i: number, x: number): number {
  const above = min[i] === -Infinity ? x : b.operation('max', x, b.constant(min[i]))
  return max[i] === Infinity ? above : b.operation('min', above, b.constant(max[i]))
}

/** 1, or 0 where a parameter is at a bound that it would leave. */
export function freeDirections(
  b: Builder,
  { min, max }: Problem,
  x: readonly number[],
  gradient: readonly number[],
) {
  return x.map((at, i) => {
    const atMin = b.multiply(
      b.operation('lessOrEqual', at, b.constant(min[i])),
      b.operation('less', b.zero, gradient[i]),
    )
    const atMax = b.multiply(
      b.operation('lessOrEqual', b.constant(max[i]), at),
      b.operation('less', gradient[i], b.zero),
    )
    const sides = [...(min[i] === -Infinity ? [] : [atMin]), ...(max[i] === Infinity ? [] : [atMax])]
    return sides.reduce((free, side) => b.subtract(free, side), b.one)
  })
}

/** Σ D·x². */
function weightedSquares(b: Builder, scale: readonly number[], x: readonly number[]): number {
  return dot(
    b,
    scale,
    x.map((number) => b.multiply(number, number)),
  )
}
