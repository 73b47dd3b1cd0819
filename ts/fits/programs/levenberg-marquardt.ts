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
import { defineLines, INFINITY } from '../../expressions/lines.js'
import { compile, type Program } from '../../expressions/program.js'
import type { Problem } from '../problem/problem.js'
import { CONVERGED, NOT_FINITE, STALLED } from '../problem/reasons.js'
import { slopeNodes } from './function-curve.js'
import { triangleIndex, weightedSquares } from './ldlt.js'
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

/** Whether the point to which the last step has led is better than the best so far. */
const acceptance = defineLines(
  `
  isFirst = before == INFINITY
  # A confirming step may not lower the cost, but for rounding.
  limit = isConfirming ? before*(1 + ROUNDING_ERROR) : before
  isLess = areFinite ? cost < limit : 0
  isBetter = isTurn ? 0 : isLess
`,
  { INFINITY, ROUNDING_ERROR },
)

/** λ and the factor by which it grows, from the ratio of the gain to its prediction (Nielsen, 1999). */
const dampingUpdate = defineLines(`
  gain = (before - cost)/predicted
  miss = 2*gain - 1
  shrunk = damping*max(1/3, 1 - miss*miss*miss)
  grown = max(damping*growth, retryDamping)
  next = isFirst ? damping : isBetter ? shrunk : grown
  nextDamping = max(damping ? next : 0, minPivot)
  nextGrowth = damping && !isBetter ? 2*growth : 2
  newDamping = isKept ? damping : nextDamping
  newGrowth = isKept ? growth : nextGrowth
`)

/** Why the fit stops, or 0. */
const convergence = defineLines(
  `
  # The step is small beside the parameters, or its gain beside the cost.
  isShort = stepSize <= tolerance*tolerance*bestSize
  isSmall = isReliable ? max(reduction <= tolerance*cost, isShort) : 0

  # What steps after this one would still gain, if each is smaller by the same factor.
  isSmaller = isBetter && reduction < predicted
  rest = reduction*(isSmaller ? reduction/predicted : 1)
  isLast = isShort || rest <= restTolerance*cost || reduction <= NEGLIGIBLE_STEP*cost

  # With damping any step becomes small: only one almost without it tells.
  isUndamped = damping <= NEGLIGIBLE_DAMPING*leastPivot
  isTired = MIN_CONFIRMATIONS <= confirmations
  wantsUndamped = isSmall && !isUndamped
  isDone = isLast && isConfirmed
  whenSmall = isUndamped ? (isDone ? CONVERGED : 0) : (isTired ? STALLED : 0)
  isSingular = leastPivot < singularPivot
  reason = cost == INFINITY ? NOT_FINITE : isSingular ? STALLED : isSmall ? whenSmall : 0
`,
  { CONVERGED, INFINITY, MIN_CONFIRMATIONS, NEGLIGIBLE_DAMPING, NEGLIGIBLE_STEP, NOT_FINITE, STALLED },
)

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
  const before = name('@cost')
  const predicted = name('@predicted')
  const lastDamping = name('@damping')
  const confirmations = name('@confirmations')

  const slopes = slopeNodes(problem)
  const sums = algebra.sums(b, problem, slopes, second)
  // What the model is linear in finds its scale first: else the first step may lead the rest to nowhere.
  const waits = findLinearParameters(graph, slopes, free)
  const isPartly = waits.includes(true)
  // At a turn only linear parameters are still out of place, so that costs are not compared.
  const hasTurns = alternates && isPartly
  const isTurn = hasTurns ? b.multiply(sums.areFinite, name('@turn')) : b.zero
  // A small step is followed by another one, for the last digits, which costs do not show.
  const isConfirming = alternates ? b.zero : name('@turn')
  const { isFirst, isBetter } = acceptance(b, {
    before,
    cost: sums.cost,
    areFinite: sums.areFinite,
    isTurn,
    isConfirming,
  })

  const newer = (now: readonly number[], then: readonly number[]) =>
    now.map((node, i) => b.select(isBetter, node, then[i]))
  const [cost] = newer([sums.cost], [before])
  const best = newer(free.map(name), known('best', free))
  const right = newer(sums.right, known('right', sums.right))
  const matrix = newer(sums.matrix, known('matrix', sums.matrix))
  const atBest = algebra.diagonal(b, { right, matrix })
  const largest = atBest.map((d, i) => b.operation('max', d, name(`@scale${i}`)))
  const { newDamping: damping, newGrowth: growth } = dampingUpdate(b, {
    before,
    cost: sums.cost,
    predicted,
    damping: lastDamping,
    growth: name('@growth'),
    isFirst,
    isBetter,
    isKept: hasTurns ? isTurn : b.multiply(isConfirming, isBetter),
    minPivot: b.constant(algebra.minPivot),
    retryDamping: b.constant(algebra.retryDamping),
  })

  const isAfar = b.select(lastDamping, isFirst, b.zero)
  const later = b.subtract(b.one, hasTurns ? b.operation('max', isAfar, isTurn) : isAfar)
  // From where the next step goes.
  const from = (there: readonly number[], here: readonly number[]) =>
    there.map((node, i) => b.select(isTurn, here[i], node))
  const at = from(best, free.map(name))
  const ofStep = { right: from(right, sums.right), matrix: from(matrix, sums.matrix) }
  // D may not outlast what made it large where the linear ones, and with them all others, change by orders of magnitude.
  const scale = hasTurns ? algebra.diagonal(b, ofStep) : largest
  const moves = freeDirections(b, problem, at, algebra.gradient(b, ofStep)).map((is, i) =>
    waits[i] ? b.multiply(is, later) : is,
  )
  const ofFirst = isPartly ? b.select(isAfar, b.constant(ISOLATION_RATIO), damping) : damping
  const stepDamping = b.select(isTurn, b.constant(algebra.minPivot), ofFirst)
  const step = computeStep(b, problem, algebra, { at, ...ofStep, scale, moves }, stepDamping)

  const sizeOf = (x: readonly number[]) => weightedSquares(b, scale, algebra.inUnits(b, x))
  const { isSmall, isUndamped, isLast, wantsUndamped, reason } = convergence(b, {
    cost,
    predicted,
    damping,
    confirmations,
    isBetter,
    stepSize: sizeOf(step.delta),
    bestSize: sizeOf(best),
    reduction: step.reduction,
    leastPivot: step.leastPivot,
    isReliable: isPartly ? b.multiply(step.isSound, later) : step.isSound,
    isConfirmed: alternates ? b.one : isConfirming,
    tolerance: b.constant(tolerance),
    restTolerance: b.constant(Math.max(REST_TOLERANCE * tolerance, MIN_REST_TOLERANCE)),
    singularPivot: b.constant(algebra.singularPivot),
  })
  const isEnough = b.multiply(isUndamped, isLast)
  const turn = hasTurns ? later : alternates ? b.zero : b.multiply(isSmall, isEnough)
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
    b.select(isTurn, predicted, step.predicted),
    b.add(confirmations, wantsUndamped),
    turn,
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
