/**
 * Along a ray from a fit's point, as a program: how far some parameters can move in a direction, while all others are
 * where they meet the data best, until χ² has risen to a limit. What it reads is what it has left, as in
 * levenberg-marquardt.ts.
 *
 * The quadratic model of χ² says where the valley's floor reaches the limit (Venzon and Moolgavkar, 1988); the step
 * goes there, within what steps have been good for, with others damped as a fit's steps are. It is taken unless χ² is
 * above what the model had promised. So one evaluation moves along the valley, and back to its floor.
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

// Why a trace ends.
export const REACHED = 1
export const BOUNDED = 2
/** It has had enough iterations. */
export const ITERATION_LIMIT = 3
export const NOT_FINITE = 4
export const TRACE_FLAT = 5
export const TRACE_LOWER_MINIMUM = 6
export const ALL_AT_BOUNDS = 7
export const TRACE_UNBOUNDED = 8
/** Digits are lost: the trace has to be repeated by rotations. */
export const NEEDS_QR = 9

/** Parts of the rise of χ² that may be missing, along the ray and down to the valley's floor, before the last step. */
const THRESHOLD_TOLERANCE = 1e-5
const DEPTH_TOLERANCE = 1e-7
/** χ² that is less than at the fit, by this part of the rise, is another valley's. */
const LOWER_MINIMUM_MARGIN = 1e-4
/** A step is taken where χ² is above its promise by no more than this part of what is missing, or rounding. */
const MAX_OFFSET = 0.5
/** Relative rounding error of χ². */
const ROUNDING = 1e-13
/** Relative rounding error of the values whose differences are residuals: 2·ε. */
const CANCELLATION_ERROR = 4.440892098500626e-16
/** Where it may be so many times the rise, χ² tells no end. */
const NOISE_FACTOR = 4
/** The prediction was good if χ² misses it by no more than this fraction of the remaining distance. */
const GOOD_AGREEMENT = 0.1
/** λ is multiplied by this factor then. */
const DAMPING_RELIEF = 0.1
/** A step that is longer than this part of the way before may leap over something. */
const JUMP_FRACTION = 0.5
/** So often others may go on from a bad step before it is given up. */
const MAX_TRIES = 2
/** The next step is this many times as long as an accepted one … */
const STEP_GROWTH = 4
/** … or this fraction of a rejected one … */
const STEP_REDUCTION = 0.25
/** … or this fraction of an accepted one where the curve turns. */
const BACKTRACK_FRACTION = 0.5
/** A part of the length: 2⁻²⁰. */
const MIN_STEP = 9.5367431640625e-7
/** λ after a rejected step, at least. */
const INITIAL_DAMPING = 1e-3
/** λ for a matrix without a sound pivot, at least. */
const MIN_DAMPING = 1e-10
/** What is left of a diagonal of the matrix where a parameter has faded; and of χ² by it, in parts of the rise. */
const FADED_RATIO = 1e-8
const IDLE_RATIO = 1e-10
/** Rays are followed so many times as far as a parabola would be. */
export const MAX_DISTANCE = 1e7

/**
 * What a ray remembers, by name, and what each is at first; null for what it is given, in that order.
 *
 * @param derived of how many a sum is to move instead of parameters
 */
export function traceState({ free, fixed }: Problem, derived: number) {
  const size = free.length
  const parts: readonly (readonly [readonly string[], number | null])[] = [
    [free, null],
    [fixed, null],
    // Where to: by parameter, 0 for those that go with the valley; or how much of each that is derived is to grow.
    [derived > 0 ? numberedNames('share', derived) : numberedNames('direction', size), null],
    // How far it can go at most.
    [['@reach'], null],
    // χ² at the fit, and the limit.
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
    // What rounding may do to χ².
    [['@noise'], 0],
    [['@tries'], 0],
    [['@far'], Infinity],
    [numberedNames('scale', size), 0],
    // How far it had come when it had last come twice as far, and χ² then and before.
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

/** What rounding may do to χ²: residuals are differences, and terms of the model may cancel. */
const roundingNoise = defineLines(
  `
  residual = sqrt(cost)
  off = CANCELLATION_ERROR*sqrt(squares)
  noise = ROUNDING*cost + off*(2*residual + off)
`,
  { CANCELLATION_ERROR, ROUNDING },
)

/** Whether the last step is taken, or the other parameters may first go on from where it has led. */
const judgement = defineLines(
  `
  isNumber = areFinite && newCost < INFINITY
  isFirst = cost == INFINITY
  most = max(promised + (MAX_OFFSET*missing + noise), cost)
  isTaken = isNumber && (isFirst ? 1 : newCost <= most)
  # Behind a pole in which they are linear, others may find the floor yet.
  mayTry = tries < MAX_TRIES && (moved ? 1 : 0)
  isTrying = isNumber && !isTaken && mayTry
  isThere = isTaken + isTrying
`,
  { INFINITY, MAX_OFFSET, MAX_TRIES },
)

/** λ falls if χ² is as promised, and rises if it hardly is, or is not. */
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

/** Whether pivots tell anything, with λ, and whether they would without it. */
const soundness = defineLines(`
  pivot = max(leastPivot - damping, pivotTolerance)
  isLost = pivot <= pivotTolerance || curvature <= pivotTolerance*squares
  isSound = pivotTolerance < leastPivot
`)

/** How far to go: to the limit, but not further than steps have been good for, nor than the reach. */
const stride = defineLines(
  `
  gap = limit - (costHere - depth)
  root = sqrt(max(slope*slope + curvature*gap, 0))
  # Beyond a summit above the limit only the way back is known.
  wanted = 0 < slope + root ? gap/(slope + root) : (0 < gap ? INFINITY : -INFINITY)

  # Without a last step nothing is known of steps.
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

/** Why the trace ends here, or 0; and whether it would, if λ were small. */
const ending = defineLines(
  `
  rise = limit - least
  depthTolerance = max(DEPTH_TOLERANCE*rise, newNoise)
  isAtLimit = abs(gap) <= max(THRESHOLD_TOLERANCE*rise, newNoise)
  isNear = isSound && step == wanted && (isAtLimit && depth <= depthTolerance)

  # With λ the floor is nearer than it seems, by what λ is beside the least pivot.
  slight = pivot <= pivotTolerance ? MIN_DAMPING : undamped
  isUndamped = newDamping <= slight || depth*leastPivot/pivot <= depthTolerance
  isNoisy = begins && NOISE_FACTOR*rise <= newNoise
  # χ² rises by so little of what it would if others stayed, or by λ.
  little = (pivotTolerance + 4*newDamping)*unconstrained
  isFlat = begins && curvature <= little && slope*slope <= little*rise
  # Where the model hardly changes any more, the trace is as good as there.
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

/** What the next iteration remembers of the step. */
const memory = defineLines(
  `
  # χ² falls behind a pole or a pass that a long step has leapt over: the trace goes back, and steps are shorter.
  isLong = JUMP_FRACTION*length < moved
  isBack = isTaken && (isLong && (isSound && slope < 0))
  # While others try, what is known of the step remains.
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

/** The state of a trace that lines use, without the sign in front of their names in the program. */
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
 * An iteration: outputs are what it remembers, and why the ray ends, or 0.
 *
 * @param derived nodes of what is to move instead of parameters: the sum of its shares
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

/** What parts of an iteration are made of. */
interface TraceBuilder {
  readonly b: Builder
  readonly problem: Problem
  readonly sight: LocalModelSolver
  /** The state, by name. */
  readonly last: Readonly<Record<(typeof STATE)[number], number>>
  readonly derived: readonly number[]
}

const stateNodes = ({ problem: { graph } }: TraceBuilder, stem: string, count: number) =>
  numberedNames(stem, count).map((name) => graph.name(name))

const selectAll = (b: Builder, is: number, now: readonly number[], then: readonly number[]) =>
  now.map((node, i) => b.select(is, node, then[i]))

/** A point and what is known there: itself, the sums of steps, χ², and derivatives of what is derived. */
type TracePlace = readonly [
  point: readonly number[],
  right: readonly number[],
  matrix: readonly number[],
  cost: readonly number[],
  slopes: readonly number[],
]

/** Where the last step has led, and whether that is taken. */
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

/** Where the floor is and the limit, as far as the quadratic model tells, and the step that leads there. */
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

/** What the next iteration remembers, in the order of {@link traceState}, and why the ray ends. */
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

/** 1 for each parameter that goes with the valley, 0 for others. */
function followingParameters(
  b: Builder,
  problem: Problem,
  { best, diagonal, largest, course, valley }: TracePoint,
) {
  const { graph } = problem
  const rise = b.subtract(graph.name('@limit'), graph.name('@least'))
  return freeDirections(b, problem, best, valley.gradient).map((is, i) => {
    // What has run so far that nothing depends on it any more stays.
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

/** The point that is tried next. */
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
