/**
 * One iteration of profile tracing, compiled to a program whose outputs are the inputs of the next iteration (see
 * levenberg-marquardt.ts). Starting at the fit, the trace moves the profiled parameters along a given direction and
 * re-optimizes all other parameters, until χ² reaches the threshold.
 *
 * A quadratic model of χ² predicts where the conditional minimum reaches the threshold (Venzon and Moolgavkar, 1988).
 * The step goes to the predicted position, limited by the current step bound, with Levenberg-Marquardt damping on the
 * other parameters. The step is accepted unless χ² clearly exceeds the prediction. One evaluation of χ² therefore
 * advances along the profile and also restores the conditional minimum.
 */

import { createRecord } from '../../core/untrusted-input.js'
import { type Builder, differentiate } from '../../expressions/differentiate.js'
import { defineLines, INFINITY } from '../../expressions/lines.js'
import { compile, type Program } from '../../expressions/program.js'
import type { Problem } from '../problem/problem.js'
import { slopeNodes } from './function-curve.js'
import { dot, triangleIndex, weightedSquares } from './ldlt.js'
import { clampToBounds, freeDirections, numberedNames } from './levenberg-marquardt.js'
import type { ConditionalMinimum, LocalModel, LocalModelSolver } from './local-model.js'
import {
  alongDerivedQuantity,
  alongParameters,
  compensation,
  type ProfileDirection,
} from './profile-direction.js'

// Reasons for which a trace ends.
export const REACHED = 1
export const BOUNDED = 2
/** Reason of a trace that has reached the limit of iterations. */
export const ITERATION_LIMIT = 3
export const NOT_FINITE = 4
export const TRACE_FLAT = 5
export const TRACE_LOWER_MINIMUM = 6
export const ALL_AT_BOUNDS = 7
export const TRACE_UNBOUNDED = 8
/** Reason of a trace that has lost digits and must be repeated with QR. */
export const NEEDS_QR = 9

/**
 * Allowed errors of the endpoint before the last step, as fractions of the rise of χ²: along the trace, and down to the
 * conditional minimum.
 */
const THRESHOLD_TOLERANCE = 1e-5
const DEPTH_TOLERANCE = 1e-7
/**
 * If χ² falls below χ² at the fit by this fraction of the rise to the threshold, the trace has reached another
 * minimum.
 */
const LOWER_MINIMUM_MARGIN = 1e-4
/**
 * A step is accepted if χ² exceeds its prediction by at most this fraction of the remaining gap to the threshold, or by
 * rounding error.
 */
const MAX_OFFSET = 0.5
/** Relative rounding error of χ². */
const ROUNDING = 1e-13
/** Relative rounding error of the values whose differences are residuals: 2·ε. */
const CANCELLATION_ERROR = 4.440892098500626e-16
/** If the rounding error may exceed this multiple of the rise to the threshold, χ² cannot determine an endpoint. */
const NOISE_FACTOR = 4
/**
 * A prediction is good if χ² differs from the prediction by at most this fraction of the remaining gap to the
 * threshold.
 */
const GOOD_AGREEMENT = 0.1
/** Factor by which a good prediction multiplies the damping λ. */
const DAMPING_RELIEF = 0.1
/** A step longer than this fraction of the previous distance may jump over a feature of χ². */
const JUMP_FRACTION = 0.5
/** Maximum number of retries of the nuisance parameters before a bad step is rejected. */
const MAX_TRIES = 2
/** After an accepted step, the next step is at most this many times as long as the accepted step. */
const STEP_GROWTH = 4
/** After a rejected step, the length of the next step is at most this fraction of the rejected step's length. */
const STEP_REDUCTION = 0.25
/**
 * If the direction reverses after an accepted step, the length of the next step is at most this fraction of the
 * accepted step's length.
 */
const BACKTRACK_FRACTION = 0.5
/** Shortest step, as a fraction of the distance from the fit: 2⁻²⁰. */
const MIN_STEP = 9.5367431640625e-7
/** Smallest damping λ after a rejected step. */
const INITIAL_DAMPING = 1e-3
/** Smallest damping λ for a matrix whose pivots are unreliable. */
const MIN_DAMPING = 1e-10
/**
 * A parameter has faded if its diagonal element is below this fraction of its maximum, and if the parameter contributes
 * less than `IDLE_RATIO` of the rise to χ².
 */
const FADED_RATIO = 1e-8
const IDLE_RATIO = 1e-10
/** Traces stop at this multiple of the distance that a parabola would predict. */
export const MAX_DISTANCE = 1e7

/**
 * The state of a trace: the names of its fields in order, and the initial values. If an initial value is null, the
 * caller supplies the value.
 *
 * @param derived count of derived quantities whose weighted sum is profiled instead of parameters
 */
export function traceState({ free, fixed }: Problem, derived: number) {
  const size = free.length
  const parts: readonly (readonly [readonly string[], number | null])[] = [
    [free, null],
    [fixed, null],
    // Component of the direction per parameter (0 for nuisance parameters), or the weight of each derived quantity.
    [derived > 0 ? numberedNames('share', derived) : numberedNames('direction', size), null],
    // Largest distance of the trace that bounds allow.
    [['@reach'], null],
    // χ² at the fit, and the threshold for χ².
    [['@least'], null],
    [['@limit'], null],
    [numberedNames('best', size), NaN],
    [['@cost'], Infinity],
    [numberedNames('right', size), 0],
    [numberedNames('matrix', triangleIndex(size, 0)), 0],
    [['@length'], 0],
    [['@moved'], 0],
    [['@bound'], Infinity],
    [['@damping'], 0],
    [['@promised'], Infinity],
    [['@missing'], 0],
    // Rounding error of χ².
    [['@noise'], 0],
    [['@tries'], 0],
    [['@far'], Infinity],
    [numberedNames('scale', size), 0],
    // Distance of the trace at the last doubling, χ² at the last doubling, and χ² at the previous doubling.
    [['@mark'], 0],
    [['@marked'], NaN],
    [['@earlier'], NaN],
    [derived > 0 ? numberedNames('slope', size) : [], 0],
  ]
  return {
    names: parts.flatMap(([names]) => names),
    starts: parts.flatMap(([names, start]) => names.map(() => start)),
  }
}

/** Rounding error of χ², which is large because residuals are differences and because terms of the model may cancel. */
const roundingNoise = defineLines(
  `
  residual = sqrt(cost)
  off = CANCELLATION_ERROR*sqrt(squares)
  noise = ROUNDING*cost + off*(2*residual + off)
`,
  { CANCELLATION_ERROR, ROUNDING },
)

/**
 * Whether the last step is accepted, or whether the nuisance parameters may first be re-optimized at the trial point.
 */
const judgement = defineLines(
  `
  isNumber = areFinite && newCost < INFINITY
  isFirst = cost == INFINITY
  most = max(promised + (MAX_OFFSET*missing + noise), cost)
  isTaken = isNumber && (isFirst ? 1 : newCost <= most)
  # Beyond a pole, linear parameters may still find a minimum.
  mayTry = tries < MAX_TRIES && (moved ? 1 : 0)
  isTrying = isNumber && !isTaken && mayTry
  isThere = isTaken + isTrying
`,
  { INFINITY, MAX_OFFSET, MAX_TRIES },
)

/** Updates the damping λ. λ falls if χ² agrees well with the prediction. Otherwise λ rises. */
const dampingUpdate = defineLines(
  `
  isGood = newCost <= promised + (GOOD_AGREEMENT*missing + noise)
  eased = DAMPING_RELIEF*damping
  lower = eased < noDamping ? 0 : eased
  afterStep = isGood ? lower : max(4*damping, INITIAL_DAMPING)
  afterMove = isTaken && moved ? afterStep : damping
  newDamping = isThere ? afterMove : max(10*damping, INITIAL_DAMPING)
`,
  { DAMPING_RELIEF, GOOD_AGREEMENT, INITIAL_DAMPING },
)

/** Whether the pivots are reliable with the damping λ, and whether they would be reliable with λ = 0. */
const soundness = defineLines(`
  pivot = max(leastPivot - damping, pivotTolerance)
  isLost = pivot <= pivotTolerance || curvature <= pivotTolerance*squares
  isSound = pivotTolerance < leastPivot
`)

/** Length of the step to the threshold, limited by the step bound and by the largest distance that bounds allow. */
const stride = defineLines(
  `
  gap = limit - (costHere - depth)
  root = sqrt(max(slope*slope + curvature*gap, 0))
  # Beyond a maximum above the threshold, only the way back is known.
  wanted = 0 < slope + root ? gap/(slope + root) : (0 < gap ? INFINITY : -INFINITY)

  # The first step has no bound from a previous one.
  went = abs(moved)
  size = max(went, MIN_STEP*lengthHere)
  isTurning = wanted*moved < 0
  further = isTurning ? BACKTRACK_FRACTION*size : STEP_GROWTH*size
  newBound = moved ? (isTaken ? further : STEP_REDUCTION*went) : bound
  cut = max(min(wanted, newBound), -newBound)
  inside = max(min(cut, reach - lengthHere), -lengthHere)
  step = isSound && !isTrying ? inside : 0
  begins = isSound && far == INFINITY
  newFar = begins ? MAX_DISTANCE*wanted : far
`,
  { BACKTRACK_FRACTION, INFINITY, MAX_DISTANCE, MIN_STEP, STEP_GROWTH, STEP_REDUCTION },
)

/** The reason why the trace ends at the current point (or 0), and whether the trace would end if λ were small. */
const ending = defineLines(
  `
  rise = limit - least
  depthTolerance = max(DEPTH_TOLERANCE*rise, newNoise)
  isAtLimit = abs(gap) <= max(THRESHOLD_TOLERANCE*rise, newNoise)
  isNear = isSound && step == wanted && (isAtLimit && depth <= depthTolerance)

  # λ makes the depth look smaller, by at most leastPivot/pivot.
  slight = pivot <= pivotTolerance ? MIN_DAMPING : undamped
  isUndamped = newDamping <= slight || depth*leastPivot/pivot <= depthTolerance
  isNoisy = begins && NOISE_FACTOR*rise <= newNoise
  # Flat: the curvature is rounding error or an effect of λ.
  little = (pivotTolerance + 4*newDamping)*unconstrained
  isFlat = begins && curvature <= little && slope*slope <= little*rise
  # Far out the model hardly changes: the trace counts as unbounded.
  isBeyond = newFar <= max(lengthHere, wanted)

  reason = costHere == INFINITY ? NOT_FINITE
    : costHere < least - LOWER_MINIMUM_MARGIN*rise - newNoise ? TRACE_LOWER_MINIMUM
    : isFixed && isBelow ? ALL_AT_BOUNDS
    : isUnsure ? NEEDS_QR
    : isFlat ? TRACE_FLAT
    : isNoisy ? NEEDS_QR
    : reach <= lengthHere && isBelow ? BOUNDED
    : isBeyond && isBelow && isSound ? TRACE_UNBOUNDED
    : isNear && isUndamped ? REACHED : 0
`,
  {
    ALL_AT_BOUNDS,
    BOUNDED,
    DEPTH_TOLERANCE,
    INFINITY,
    LOWER_MINIMUM_MARGIN,
    MIN_DAMPING,
    NEEDS_QR,
    NOISE_FACTOR,
    NOT_FINITE,
    REACHED,
    THRESHOLD_TOLERANCE,
    TRACE_FLAT,
    TRACE_LOWER_MINIMUM,
    TRACE_UNBOUNDED,
  },
)

/** Fields of a trace's state that are kept for the next iteration. */
const memory = defineLines(
  `
  # A long step has crossed a pole or pass if χ² falls beyond it: return and take shorter steps.
  isLong = JUMP_FRACTION*length < moved
  isBack = isTaken && (isLong && (isSound && slope < 0))
  # While the others are retried, the step's state remains.
  stays = isTrying || isBack
  newLength = stays ? length : lengthHere
  newMoved = isBack ? 0 : stays ? moved : step
  keptBound = isBack ? STEP_REDUCTION*moved : stays ? bound : newBound
  lifted = max(10*newDamping, MIN_DAMPING)
  keptDamping = isSound ? (isNear ? 0 : newDamping) : lifted
  newPromised = stays ? promised : promise
  newMissing = stays ? missing : (isSound ? depth + abs(gap) : 0)
  keptNoise = stays ? noise : newNoise
  newTries = isTrying ? tries + 1 : 0
  newReason = stays ? 0 : reason
  isTwice = 2*mark < isTaken*lengthHere
`,
  { JUMP_FRACTION, MIN_DAMPING, STEP_REDUCTION },
)

/**
 * Fields of a trace's state that the `defineLines` texts use. In the program, the names of the fields begin with `@`.
 */
const STATE = [
  'bound',
  'cost',
  'damping',
  'far',
  'least',
  'length',
  'limit',
  'mark',
  'missing',
  'moved',
  'noise',
  'promised',
  'reach',
  'tries',
] as const

/**
 * Compiles one iteration. The outputs of the program are the next state, and the reason why the trace ends, or 0 if the
 * trace continues.
 *
 * @param derived nodes of the derived quantities whose weighted sum is profiled instead of parameters
 */
export function traceStep(problem: Problem, sight: LocalModelSolver, derived: readonly number[]): Program {
  const { graph, columns, evaluatedExpressions } = problem
  const b = sight.builder(graph)
  const last = createRecord(STATE, (field) => graph.name(`@${field}`))
  const trace: TraceBuilder = { b, problem, sight, last, derived }
  const trial = judgeTrial(trace)
  const plan = planStep(trace, trial)
  const known = { ...last, ...trial.lines, ...plan.lines }
  const end = ending(b, known)
  const remembered = memory(b, { ...known, ...end })
  const outputs = traceOutputs(trace, trial, plan, { ...known, ...remembered })
  return compile(graph, outputs, traceState(problem, derived.length).names, [
    ...columns,
    ...evaluatedExpressions,
  ])
}

/** Inputs that all parts of an iteration share. */
interface TraceBuilder {
  readonly b: Builder
  readonly problem: Problem
  readonly sight: LocalModelSolver
  /** Nodes of the trace's state, by name. */
  readonly last: Readonly<Record<(typeof STATE)[number], number>>
  readonly derived: readonly number[]
}

const stateNodes = ({ problem: { graph } }: TraceBuilder, stem: string, count: number) =>
  numberedNames(stem, count).map((name) => graph.name(name))

const selectAll = (b: Builder, is: number, now: readonly number[], then: readonly number[]) =>
  now.map((node, i) => b.select(is, node, then[i]))

/** A point, the row sums and χ² at the point, and the derivatives of the derived quantities at the point. */
type TracePlace = readonly [
  point: readonly number[],
  right: readonly number[],
  matrix: readonly number[],
  cost: readonly number[],
  slopes: readonly number[],
]

/** Evaluates the trial point of the last step, and decides whether to accept it. */
function judgeTrial(trace: TraceBuilder) {
  const { b, problem, sight, last, derived } = trace
  const { graph, free } = problem
  const sums = sight.algebra.sums(b, problem, slopeNodes(problem), 'weight')
  const shares = stateNodes(trace, 'share', derived.length)
  const slopes =
    derived.length > 0 ? differentiate(graph, dot(b, shares, derived), free, () => false).gradient : []
  const point = free.map((name) => graph.name(name))
  const trial: TracePlace = [point, sums.right, sums.matrix, [sums.cost], slopes]
  const before: TracePlace = [
    stateNodes(trace, 'best', free.length),
    stateNodes(trace, 'right', free.length),
    stateNodes(trace, 'matrix', sums.matrix.length),
    [last.cost],
    stateNodes(trace, 'slope', slopes.length),
  ]
  const judged = judgement(b, { ...last, areFinite: sums.areFinite, newCost: sums.cost })
  const kept = trial.map((nodes, k) => selectAll(b, judged.isTaken, nodes, before[k]))
  const [best, right, matrix, [costHere], slopesHere] = trial.map((nodes, k) =>
    selectAll(b, judged.isThere, nodes, before[k]),
  )
  const lengthHere = b.select(judged.isThere, b.add(last.length, last.moved), last.length)
  const lines: Readonly<Record<string, number>> = { ...judged, newCost: sums.cost, costHere, lengthHere }
  return { shares, before, kept, best, here: { right, matrix }, slopesHere, lines }
}

/**
 * Predicts the conditional minimum and the position of the threshold by the quadratic model, and plans the step to the
 * predicted position.
 */
function planStep(
  trace: TraceBuilder,
  { best, here, slopesHere, lines: judged }: ReturnType<typeof judgeTrial>,
) {
  const { b, problem, sight, last, derived } = trace
  const { algebra } = sight
  const diagonal = algebra.diagonal(b, here)
  const largest = diagonal.map((d, i) => b.operation('max', d, problem.graph.name(`@scale${i}`)))
  const { costHere, isTrying } = judged
  const { noise: newNoise } = roundingNoise(b, {
    cost: costHere,
    squares: weightedSquares(b, diagonal, best),
  })
  const { newDamping } = dampingUpdate(b, { ...last, ...judged, noDamping: b.constant(sight.noDamping) })
  const isBelow = b.operation('less', costHere, last.limit)
  const course =
    derived.length > 0
      ? alongDerivedQuantity(b, problem, { best, scale: diagonal, slopes: slopesHere }, isBelow)
      : alongParameters(b, stateNodes(trace, 'direction', best.length))
  const damping = b.select(isTrying, b.zero, newDamping)
  const valley = sight.localModel(b, here, course)
  const moves = followingParameters(b, problem, { best, diagonal, largest, course, valley })
  const floor = valley.conditionalMinimum(moves, damping)
  const { depth, slope, curvature, leastPivot } = floor
  const pivotTolerance = b.constant(sight.leastPivot)
  const squares = weightedSquares(b, diagonal, course.direction)
  const sound = soundness(b, { leastPivot, curvature, damping, squares, pivotTolerance })
  const length = stride(b, { ...last, ...judged, ...sound, depth, slope, curvature })
  const next = trialPoint(b, problem, { best, course, floor, isSound: sound.isSound, step: length.step })
  const taken = next.map((x, i) => b.subtract(x, best[i]))
  const promise = b.subtract(costHere, algebra.gain(b, here, taken))
  const lines: Readonly<Record<string, number>> = {
    ...{ ...sound, ...length, newNoise, newDamping, isBelow, promise },
    ...{ depth, slope, curvature, leastPivot, pivotTolerance },
    isFixed: course.isFixed,
    isUnsure: sight.mayDoubt ? sound.isLost : b.zero,
    unconstrained: valley.unconstrained,
    undamped: b.constant(sight.undamped),
  }
  return { direction: course.direction, largest, next, lines }
}

/** The state of the next iteration, in the order of {@link traceState}, and the reason why the trace ends. */
function traceOutputs(
  { b, problem: { graph, fixed }, last }: TraceBuilder,
  { shares, before, kept }: ReturnType<typeof judgeTrial>,
  { direction, largest, next }: ReturnType<typeof planStep>,
  lines: Readonly<Record<string, number>>,
): number[] {
  const { isBack, isTwice, lengthHere, costHere } = lines
  const [marked, earlier] = ['@marked', '@earlier'].map((name) => graph.name(name))
  const marks = selectAll(b, isTwice, [lengthHere, costHere, marked], [last.mark, marked, earlier])
  const goBack = (k: number) => selectAll(b, isBack, before[k], kept[k])
  return [
    ...[...selectAll(b, isBack, before[0], next), ...fixed.map((name) => graph.name(name))],
    ...(shares.length > 0 ? shares : direction),
    ...[last.reach, last.least, last.limit],
    ...[0, 3, 1, 2].flatMap(goBack),
    lines.newLength,
    lines.newMoved,
    lines.keptBound,
    lines.keptDamping,
    lines.newPromised,
    lines.newMissing,
    lines.keptNoise,
    lines.newTries,
    ...[lines.newFar, ...largest, ...marks, ...goBack(4)],
    lines.newReason,
  ]
}

interface TracePoint {
  readonly best: readonly number[]
  readonly diagonal: readonly number[]
  readonly largest: readonly number[]
  readonly course: ProfileDirection
  readonly valley: LocalModel
}

/**
 * The number 1 for each nuisance parameter that moves along with the profile, and 0 for each parameter that stays
 * fixed.
 */
function followingParameters(
  b: Builder,
  problem: Problem,
  { best, diagonal, largest, course, valley }: TracePoint,
) {
  const { graph } = problem
  const rise = b.subtract(graph.name('@limit'), graph.name('@least'))
  return freeDirections(b, problem, best, valley.gradient).map((is, i) => {
    // A parameter stays fixed after moving so far that the model no longer depends on the parameter.
    const isFaded = b.operation('lessOrEqual', diagonal[i], b.multiply(b.constant(FADED_RATIO), largest[i]))
    const square = b.multiply(diagonal[i], b.multiply(best[i], best[i]))
    const isIdle = b.operation('lessOrEqual', square, b.multiply(b.constant(IDLE_RATIO), rise))
    const stays = b.multiply(isFaded, isIdle)
    return b.select(course.direction[i], b.zero, b.multiply(is, b.subtract(b.one, stays)))
  })
}

interface TrialStep {
  readonly best: readonly number[]
  readonly course: ProfileDirection
  readonly floor: ConditionalMinimum
  readonly isSound: number
  readonly step: number
}

/** The next trial point of a trace. */
function trialPoint(b: Builder, problem: Problem, { best, course, floor, isSound, step }: TrialStep) {
  const { toMinimum, alongProfile } = floor
  const { direction, isFixed } = course
  const goes = b.multiply(isSound, b.subtract(b.one, isFixed))
  const others = best.map((_, i) => b.add(toMinimum[i], b.multiply(step, alongProfile[i])))
  const back = compensation(b, course, others)
  return best.map((x, i) => {
    const to = b.select(direction[i], b.add(b.multiply(direction[i], step), back), others[i])
    return b.select(goes, clampToBounds(b, problem, i, b.add(x, to)), x)
  })
}
