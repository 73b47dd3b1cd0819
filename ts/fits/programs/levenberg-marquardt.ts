/**
 * The Levenberg-Marquardt algorithm, compiled to a program. One iteration is a sequence of operations without branches,
 * which engines run for many fits at once. The outputs of one iteration are the inputs of the next iteration: see
 * {@link IterationState}.
 *
 * Let r be the residuals and J their derivatives. The step δ solves (JᵀWJ + λ·D)·δ = −JᵀWr (Marquardt, 1963), where D
 * is the largest diagonal of JᵀWJ so far (Moré, 1978). λ depends on the ratio of the actual gain to the predicted gain
 * (Nielsen, 1999). A parameter that would cross a bound is held at the bound.
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

/** Initial damping λ of a cold start. In a warm start λ begins at 0, and all parameters move in the first step. */
const FIRST_DAMPING = 1e-3
/**
 * Damping λ while the nonlinear parameters stay fixed. The damping limits the movement of nearly collinear linear
 * parameters.
 */
const ISOLATION_RATIO = 0.1
/** A damping λ below this fraction of the least pivot hardly changes a step. */
const NEGLIGIBLE_DAMPING = 0.01
/**
 * Maximum number of undamped steps that confirm small damped steps. If a small step still needs damping after this
 * number of confirmations, the fit has stalled.
 */
const MIN_CONFIRMATIONS = 4
/**
 * Limit for the predicted gain that remains after the last step, as a fraction of the tolerance. The last step is taken
 * without another evaluation: see {@link FitPrograms.summary}.
 */
const REST_TOLERANCE = 1e-6
const MIN_REST_TOLERANCE = 1e-17
/** A gain below this fraction of the cost is smaller than the rounding error of the cost. */
const NEGLIGIBLE_STEP = 1e-15
/** Relative increase of the cost that may be a rounding error. */
const ROUNDING_ERROR = 1e-13

/** State of a fit between iterations. The names are the program's inputs, in the order of the array. */
export interface IterationState {
  readonly names: readonly string[]
  /**
   * Initial value of each input, or null for starting values, fixed parameters and units, which the caller supplies.
   */
  readonly starts: readonly (number | null)[]
  /**
   * Positions in the state of the best point, its cost, the diagonal of its matrix, the largest diagonal so far, and λ.
   */
  readonly best: readonly number[]
  readonly cost: number
  readonly diagonal: readonly number[]
  readonly scale: readonly number[]
  readonly damping: number
  /** Positions of the inputs of the diagnostics: the best point, its cost, gradient and matrix. */
  readonly diagnosed: readonly number[]
}

/** Input names that expressions of the user cannot contain. */
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
    diagonal: free.map((_, i) => places(5)[triangleIndex(i, i)]),
    scale: places(6),
    damping: places(7)[0],
    diagnosed: [2, 3, 4, 5].flatMap(places),
  }
}

/** Options of a Levenberg-Marquardt step. */
export interface IterationMode {
  readonly algebra: StepEquations
  /** Kind of second derivatives of the loss: 'weight' for steps, or 'curvature' for standard errors. */
  readonly second: 'weight' | 'curvature'
  /**
   * Whether another evaluation solves for the linear parameters after each step (variable projection; Ruhe and Wedin,
   * 1980). Variable projection helps if the linear parameters change by orders of magnitude along a curved valley of
   * the cost.
   */
  readonly alternates: boolean
}

/** Whether the trial point of the last step is better than the best point so far. */
const acceptance = defineLines(
  `
  isFirst = before == INFINITY
  # Rounding may raise the cost of a confirming step.
  limit = isConfirming ? before*(1 + ROUNDING_ERROR) : before
  isLess = areFinite ? cost < limit : 0
  isBetter = isTurn ? 0 : isLess
`,
  { INFINITY, ROUNDING_ERROR },
)

/** Damping λ and its growth factor, from the ratio of the actual gain to the predicted gain (Nielsen, 1999). */
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

/** The reason why the fit stops, or 0 if the fit continues. */
const convergence = defineLines(
  `
  # A short step relative to the parameters, or a small gain relative to cost.
  isShort = stepSize <= tolerance*tolerance*bestSize
  isSmall = isReliable ? max(reduction <= tolerance*cost, isShort) : 0

  # Gain of all later steps, if each shrinks by the same factor.
  isSmaller = isBetter && reduction < predicted
  rest = reduction*(isSmaller ? reduction/predicted : 1)
  isLast = isShort || rest <= restTolerance*cost || reduction <= NEGLIGIBLE_STEP*cost

  # Damping makes any step small, so only nearly undamped ones count.
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

/** The nodes that all parts of an iteration read: the inputs, and the sums at the trial point of the last step. */
function readTrial(problem: Problem, { algebra, second, alternates }: IterationMode) {
  const { graph, free } = problem
  const b = new Builder(graph)
  const name = (name: string) => graph.name(name)
  const inputs = {
    before: name('@cost'),
    predicted: name('@predicted'),
    lastDamping: name('@damping'),
    confirmations: name('@confirmations'),
  }
  const slopes = slopeNodes(problem)
  const sums = algebra.sums(b, problem, slopes, second)
  // The linear parameters move first. Otherwise the first step may move the nonlinear parameters far away from their
  // starting values.
  const waits = findNonlinearParameters(graph, slopes, free)
  const isPartly = waits.includes(true)
  // In iterations that only solve for the linear parameters, the program does not compare costs.
  const hasTurns = alternates && isPartly
  const isTurn = hasTurns ? b.multiply(sums.areFinite, name('@turn')) : b.zero
  // A second step follows a small step and finds the last digits of the parameters, which the costs cannot show.
  const isConfirming = alternates ? b.zero : name('@turn')
  const { cost, areFinite } = sums
  const { isFirst, isBetter } = acceptance(b, {
    before: inputs.before,
    cost,
    areFinite,
    isTurn,
    isConfirming,
  })
  return {
    b,
    problem,
    algebra,
    name,
    ...inputs,
    isFirst,
    isBetter,
    sums,
    waits,
    isPartly,
    hasTurns,
    isTurn,
    isConfirming,
  }
}

type TrialNodes = ReturnType<typeof readTrial>

/** The best point so far, with its cost, its sums and its largest diagonal, and the damping of the next step. */
function keepBest(trial: TrialNodes) {
  const { b, problem, algebra, name, sums, before, isFirst, isBetter, isConfirming } = trial
  const { free } = problem
  const known = (stem: string, nodes: readonly unknown[]) => numberedNames(stem, nodes.length).map(name)
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
    predicted: trial.predicted,
    damping: trial.lastDamping,
    growth: name('@growth'),
    isFirst,
    isBetter,
    isKept: trial.hasTurns ? trial.isTurn : b.multiply(isConfirming, isBetter),
    minPivot: b.constant(algebra.minPivot),
    retryDamping: b.constant(algebra.retryDamping),
  })
  return { cost, best, right, matrix, largest, damping, growth }
}

type BestNodes = ReturnType<typeof keepBest>

/** The next step, from the best point, or from the trial point if the iteration solves for the linear parameters. */
function nextStep(trial: TrialNodes, { best, right, matrix, largest, damping }: BestNodes) {
  const { b, problem, algebra, name, sums, hasTurns, isTurn, isPartly, waits, isFirst } = trial
  const isAfar = b.select(trial.lastDamping, isFirst, b.zero)
  const later = b.subtract(b.one, hasTurns ? b.operation('max', isAfar, isTurn) : isAfar)
  // Selects the values at the starting point of the next step.
  const from = (there: readonly number[], here: readonly number[]) =>
    there.map((node, i) => b.select(isTurn, here[i], node))
  const at = from(best, problem.free.map(name))
  const ofStep = { right: from(right, sums.right), matrix: from(matrix, sums.matrix) }
  // If linear parameters change by orders of magnitude, an old maximum of the diagonal would damp all other parameters
  // too much.
  const scale = hasTurns ? algebra.diagonal(b, ofStep) : largest
  const moves = freeDirections(b, problem, at, algebra.gradient(b, ofStep)).map((is, i) =>
    waits[i] ? b.multiply(is, later) : is,
  )
  const ofFirst = isPartly ? b.select(isAfar, b.constant(ISOLATION_RATIO), damping) : damping
  const stepDamping = b.select(isTurn, b.constant(algebra.minPivot), ofFirst)
  const step = computeStep(b, problem, algebra, { at, ...ofStep, scale, moves }, stepDamping)
  return { ...step, later, scale }
}

/** Whether the fit ends, and whether the next step confirms this step. */
function testConvergence(
  trial: TrialNodes,
  { cost, best, damping }: BestNodes,
  step: ReturnType<typeof nextStep>,
  tolerance: number,
  alternates: boolean,
) {
  const { b, algebra, isBetter, isConfirming, predicted, confirmations, isPartly } = trial
  const sizeOf = (x: readonly number[]) => weightedSquares(b, step.scale, algebra.inUnits(b, x))
  return convergence(b, {
    cost,
    predicted,
    damping,
    confirmations,
    isBetter,
    stepSize: sizeOf(step.delta),
    bestSize: sizeOf(best),
    reduction: step.reduction,
    leastPivot: step.leastPivot,
    isReliable: isPartly ? b.multiply(step.isSound, step.later) : step.isSound,
    isConfirmed: alternates ? b.one : isConfirming,
    tolerance: b.constant(tolerance),
    restTolerance: b.constant(Math.max(REST_TOLERANCE * tolerance, MIN_REST_TOLERANCE)),
    singularPivot: b.constant(algebra.singularPivot),
  })
}

/**
 * Compiles one iteration. The outputs are the next state, and the reason why the fit stops, or 0 if the fit continues.
 */
export function compileIteration(
  problem: Problem,
  state: IterationState,
  tolerance: number,
  mode: IterationMode,
): Program {
  const { graph, free, fixed, columns } = problem
  const { algebra, alternates } = mode
  const trial = readTrial(problem, mode)
  const kept = keepBest(trial)
  const step = nextStep(trial, kept)
  const end = testConvergence(trial, kept, step, tolerance, alternates)
  const { b, name, hasTurns, isTurn, predicted, confirmations } = trial
  const isEnough = b.multiply(end.isUndamped, end.isLast)
  const turn = hasTurns ? step.later : alternates ? b.zero : b.multiply(end.isSmall, isEnough)
  const outputs = [
    ...step.trial,
    ...[...fixed, ...algebra.units(free.length)].map(name),
    ...kept.best,
    kept.cost,
    ...kept.right,
    ...kept.matrix,
    ...kept.largest,
    b.select(end.wantsUndamped, b.zero, kept.damping),
    kept.growth,
    b.select(isTurn, predicted, step.predicted),
    b.add(confirmations, end.wantsUndamped),
    turn,
    end.reason,
  ]
  return compile(graph, outputs, state.names, columns)
}

/**
 * Whether each parameter stays fixed in the first step: true for nonlinear parameters if the model is linear in other
 * parameters.
 */
export function findNonlinearParameters(
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

function collectNames(graph: Graph, root: number): Set<string> {
  const names = new Set<string>()
  // A loop, because the depth of a graph is unbounded. A set visits the members that are added during the loop.
  const reached = new Set([root])
  for (const number of reached) {
    const node = graph.nodes[number]
    if (node.kind === 'name') names.add(node.name)
    for (const operand of graph.sourcesOf(number)) reached.add(operand)
  }
  return names
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

/** Clamps a parameter to its bounds. */
export function clampToBounds(b: Builder, { min, max }: Problem, i: number, x: number): number {
  const above = min[i] === -Infinity ? x : b.operation('max', x, b.constant(min[i]))
  return max[i] === Infinity ? above : b.operation('min', above, b.constant(max[i]))
}

/**
 * The number 1 for each parameter that may move, and 0 for a parameter at a bound if its step would cross the bound.
 */
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
