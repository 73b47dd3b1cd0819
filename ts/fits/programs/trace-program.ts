/**
 * Along a ray from a fit's point, as a program: how far some parameters can move in a direction, while all others are
 * where they meet the data best, until χ² has risen to a limit. What it reads is what it has left, as in
 * levenberg-marquardt.ts.
 *
 * The quadratic model of χ² says where the valley's floor reaches the limit (Venzon and Moolgavkar, 1988); the step
 * goes there, within what steps have been good for, with others damped as a fit's steps are. It is taken unless χ² is
 * above what the model had promised. So one evaluation moves along the valley, and back to its floor.
 */

import { type Builder, differentiate } from '../../expressions/differentiate.js'
import { compile, type Program } from '../../expressions/program.js'
import type { Problem } from '../problem/problem.js'
import { slopeNodes } from './function-curve.js'
import { dot, triangleIndex } from './ldlt.js'
import { clampToBounds, freeDirections, numberedNames } from './levenberg-marquardt.js'
import type { ConditionalMinimum, LocalModel, LocalModelSolver } from './local-model.js'
import {
  alongDerivedQuantity,
  alongParameters,
  compensation,
  type ProfileDirection,
} from './profile-direction.js'

/** Why a ray ends, as programs number it; 3 is that it has had enough iterations, 9 that digits are lost. */
export const [
  REACHED,
  BOUNDED,
  ITERATION_LIMIT,
  NOT_FINITE,
  TRACE_FLAT,
  TRACE_LOWER_MINIMUM,
  ALL_AT_BOUNDS,
  TRACE_UNBOUNDED,
  NEEDS_QR,
] = [1, 2, 3, 4, 5, 6, 7, 8, 9] as const

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

/**
 * An iteration: outputs are what it remembers, and why the ray ends, or 0.
 *
 * @param derived nodes of what is to move instead of parameters: the sum of its shares
 */
export function traceStep(problem: Problem, sight: LocalModelSolver, derived: readonly number[]): Program {
  const { graph, free, fixed, columns, evaluatedExpressions } = problem
  const { algebra } = sight
  const b = sight.builder(graph)
  const name = (name: string) => graph.name(name)
  const known = (stem: string, count: number) => numberedNames(stem, count).map(name)
  const size = free.length

  const sums = algebra.sums(b, problem, slopeNodes(problem), 'weight')
  const { matrix, right, cost } = sums
  const shares = known('share', derived.length)
  const isDerived = derived.length > 0
  const slopes = isDerived ? differentiate(graph, dot(b, shares, derived), free, () => false).gradient : []
  const trial = [free.map(name), right, matrix, [cost], slopes]
  const before = [
    ...[known('best', size), known('right', size), known('matrix', matrix.length)],
    ...[[name('@cost')], known('slope', slopes.length)],
  ]
  const select = (is: number, now: readonly number[], then: readonly number[]) =>
    now.map((node, i) => b.select(is, node, then[i]))
  const { isTaken, isTrying, isThere } = judgeStep(b, problem, sums.areFinite, cost)
  const kept = trial.map((nodes, k) => select(isTaken, nodes, before[k]))
  const there = trial.map((nodes, k) => select(isThere, nodes, before[k]))
  const here = { right: there[1], matrix: there[2] }
  const [best, [costHere], slopesHere] = [there[0], there[3], there[4]]
  const length = b.select(isThere, b.add(name('@length'), name('@moved')), name('@length'))
  const diagonal = algebra.diagonal(b, here)
  const largest = diagonal.map((d, i) => b.operation('max', d, name(`@scale${i}`)))
  const noise = estimateNoise(b, costHere, diagonal, best)

  const damping = dampingAfter(b, problem, sight, cost, isTaken, isThere)
  const isBelow = b.operation('less', costHere, name('@limit'))
  const course = isDerived
    ? alongDerivedQuantity(b, problem, best, diagonal, slopesHere, isBelow)
    : alongParameters(b, known('direction', size))
  const used = b.select(isTrying, b.zero, damping)
  const valley = sight.localModel(b, here, course)
  const moves = followingParameters(b, problem, { best, diagonal, largest, course, valley })
  const floor = valley.conditionalMinimum(moves, used)
  const sound = checkSoundness(b, sight, { floor, course, diagonal, damping: used })
  const gap = b.subtract(name('@limit'), b.subtract(costHere, floor.depth))
  const stride = strideLength(b, problem, floor, gap, { isTaken, isTrying, isSound: sound.is, length })
  const next = trialPoint(b, problem, best, course, floor, sound.is, stride.step)
  const taken = next.map((x, i) => b.subtract(x, best[i]))
  const promised = b.subtract(costHere, algebra.gain(b, here, taken))

  const end = { damping, isBelow, length, cost: costHere, isHeld: course.isFixed, noise, sound, gap }
  const { reason, isNear } = traceEnding(b, problem, sight, floor, valley.unconstrained, stride, end)
  const [mark, marked, earlier] = ['@mark', '@marked', '@earlier'].map(name)
  const isTwice = b.operation('less', b.add(mark, mark), b.multiply(isTaken, length))
  const marks = select(isTwice, [length, costHere, marked], [mark, marked, earlier])
  const missing = b.add(floor.depth, b.operation('abs', gap))
  const lifted = b.operation('max', b.multiply(b.constant(10), damping), b.constant(MIN_DAMPING))
  // χ² falls behind a pole or a pass that a long step has leapt over: it goes back, and is shorter.
  const isLong = b.operation('less', b.multiply(b.constant(JUMP_FRACTION), name('@length')), name('@moved'))
  const isDown = b.multiply(sound.is, b.operation('less', floor.slope, b.zero))
  const isBack = b.multiply(isTaken, b.multiply(isLong, isDown))
  const stays = b.operation('max', isTrying, isBack)
  // While others try, what is known of the step remains.
  const unless = (field: string, now: number) => b.select(stays, name(field), now)
  const shorter = b.multiply(b.constant(STEP_REDUCTION), name('@moved'))
  const outputs = [
    ...[...select(isBack, before[0], next), ...fixed.map(name)],
    ...(isDerived ? shares : course.direction),
    ...['@reach', '@least', '@limit'].map(name),
    ...[0, 3, 1, 2].flatMap((k) => select(isBack, before[k], kept[k])),
    unless('@length', length),
    b.select(isBack, b.zero, unless('@moved', stride.step)),
    b.select(isBack, shorter, unless('@bound', stride.bound)),
    b.select(sound.is, b.select(isNear, b.zero, damping), lifted),
    unless('@promised', promised),
    unless('@missing', b.select(sound.is, missing, b.zero)),
    unless('@noise', noise),
    b.select(isTrying, b.add(name('@tries'), b.one), b.zero),
    ...[stride.far, ...largest, ...marks, ...select(isBack, before[4], kept[4])],
    b.select(stays, b.zero, reason),
  ]
  return compile(graph, outputs, traceState(problem, derived.length).names, [
    ...columns,
    ...evaluatedExpressions,
  ])
}

/** What rounding may do to χ²: residuals are differences, and what parameters do may cancel in the model. */
function estimateNoise(
  b: Builder,
  cost: number,
  diagonal: readonly number[],
  best: readonly number[],
): number {
  const squares = dot(
    b,
    diagonal,
    best.map((x) => b.multiply(x, x)),
  )
  const [residual, lost] = [cost, squares].map((square) => b.operation('sqrt', square))
  const off = b.multiply(b.constant(CANCELLATION_ERROR), lost)
  const canceled = b.multiply(off, b.add(b.add(residual, residual), off))
  return b.add(b.multiply(b.constant(ROUNDING), cost), canceled)
}

/** Whether the step that was tried is taken, or others may go on from there first. */
function judgeStep(b: Builder, { graph }: Problem, areFinite: number, cost: number) {
  const name = (name: string) => graph.name(name)
  const not = (is: number) => b.subtract(b.one, is)
  const [before, moved, tries] = [name('@cost'), name('@moved'), name('@tries')]
  const isNumber = b.multiply(areFinite, b.operation('less', cost, b.constant(Infinity)))
  const isFirst = b.operation('equal', before, b.constant(Infinity))
  const slack = b.add(b.multiply(b.constant(MAX_OFFSET), name('@missing')), name('@noise'))
  const most = b.operation('max', b.add(name('@promised'), slack), before)
  const isKept = b.operation('lessOrEqual', cost, most)
  const isTaken = b.multiply(isNumber, b.select(isFirst, b.one, isKept))
  // Where it is bad, others may find the floor yet, as behind a pole that they are linear in.
  const isLeft = b.operation('less', tries, b.constant(MAX_TRIES))
  const mayTry = b.multiply(isLeft, b.select(moved, b.one, b.zero))
  const isTrying = b.multiply(b.multiply(isNumber, not(isTaken)), mayTry)
  return { isTaken, isTrying, isThere: b.add(isTaken, isTrying) }
}

/** λ falls where a promise was kept well, and rises where it hardly was, or not. */
function dampingAfter(
  b: Builder,
  { graph }: Problem,
  { noDamping }: LocalModelSolver,
  cost: number,
  isTaken: number,
  isThere: number,
) {
  const name = (name: string) => graph.name(name)
  const before = name('@damping')
  const atLeast = (x: number) => b.operation('max', x, b.constant(INITIAL_DAMPING))
  const slack = b.add(b.multiply(b.constant(GOOD_AGREEMENT), name('@missing')), name('@noise'))
  const limit = b.add(name('@promised'), slack)
  const eased = b.multiply(b.constant(DAMPING_RELIEF), before)
  const lower = b.select(b.operation('less', eased, b.constant(noDamping)), b.zero, eased)
  const isWell = b.operation('lessOrEqual', cost, limit)
  const afterStep = b.select(isWell, lower, atLeast(b.multiply(b.constant(4), before)))
  const there = b.select(b.multiply(isTaken, name('@moved')), afterStep, before)
  return b.select(isThere, there, atLeast(b.multiply(b.constant(10), before)))
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
  const rise = thresholdGap(b, problem)
  return freeDirections(b, problem, best, valley.gradient).map((is, i) => {
    // What has run so far that nothing depends on it any more stays.
    const isFaded = b.operation('lessOrEqual', diagonal[i], b.multiply(b.constant(FADED_RATIO), largest[i]))
    const square = b.multiply(diagonal[i], b.multiply(best[i], best[i]))
    const isIdle = b.operation('lessOrEqual', square, b.multiply(b.constant(IDLE_RATIO), rise))
    const stays = b.multiply(isFaded, isIdle)
    return b.select(course.direction[i], b.zero, b.multiply(is, b.subtract(b.one, stays)))
  })
}

function thresholdGap(b: Builder, { graph }: Problem): number {
  return b.subtract(graph.name('@limit'), graph.name('@least'))
}

interface TraceObservation {
  readonly floor: ConditionalMinimum
  readonly course: ProfileDirection
  readonly diagonal: readonly number[]
  readonly damping: number
}

/** Whether pivots tell anything, with λ, and whether they would without it; and whether another sight is wanted. */
function checkSoundness(
  b: Builder,
  sight: LocalModelSolver,
  { floor, course, diagonal, damping }: TraceObservation,
) {
  const least = b.constant(sight.leastPivot)
  const pivot = b.operation('max', b.subtract(floor.leastPivot, damping), least)
  const squares = course.direction.map((x) => b.multiply(x, x))
  const own = b.multiply(least, dot(b, diagonal, squares))
  const isLost = b.operation(
    'max',
    b.operation('lessOrEqual', pivot, least),
    b.operation('lessOrEqual', floor.curvature, own),
  )
  const is = b.operation('less', least, floor.leastPivot)
  return { is, pivot, isUnsure: sight.mayDoubt ? isLost : b.zero }
}

type Soundness = ReturnType<typeof checkSoundness>

interface TraceProgress {
  readonly isTaken: number
  readonly isSound: number
  readonly isTrying: number
  readonly length: number
}

/** How far to go: to the limit, as far as steps have been good for and there is a way. */
function strideLength(
  b: Builder,
  { graph }: Problem,
  floor: ConditionalMinimum,
  gap: number,
  progress: TraceProgress,
) {
  const name = (name: string) => graph.name(name)
  const { slope, curvature } = floor
  const { isTaken, isTrying, isSound, length } = progress
  const isLess = (x: number, y: number) => b.operation('less', x, y)
  const times = (factor: number, x: number) => b.multiply(b.constant(factor), x)
  const [least, most] = (['min', 'max'] as const).map(
    (name) => (x: number, y: number) => b.operation(name, x, y),
  )
  const square = b.add(b.multiply(slope, slope), b.multiply(curvature, gap))
  const denominator = b.add(slope, b.operation('sqrt', most(square, b.zero)))
  // Beyond a summit above the limit only the way back is known.
  const wanted = b.select(
    isLess(b.zero, denominator),
    b.divide(gap, denominator),
    b.select(isLess(b.zero, gap), b.constant(Infinity), b.constant(-Infinity)),
  )
  // Where no step was made, nothing is known of steps.
  const moved = name('@moved')
  const went = b.operation('abs', moved)
  const size = most(went, times(MIN_STEP, length))
  const turns = isLess(b.multiply(wanted, moved), b.zero)
  const further = b.select(turns, times(BACKTRACK_FRACTION, size), times(STEP_GROWTH, size))
  const bound = b.select(moved, b.select(isTaken, further, times(STEP_REDUCTION, went)), name('@bound'))
  const cut = most(least(wanted, bound), b.negate(bound))
  const inside = most(least(cut, b.subtract(name('@reach'), length)), b.negate(length))
  const begins = b.multiply(isSound, b.operation('equal', name('@far'), b.constant(Infinity)))
  return {
    wanted,
    bound,
    begins,
    far: b.select(begins, times(MAX_DISTANCE, wanted), name('@far')),
    step: b.select(b.multiply(isSound, b.subtract(b.one, isTrying)), inside, b.zero),
  }
}

/** The point that is tried next. */
function trialPoint(
  b: Builder,
  problem: Problem,
  best: readonly number[],
  course: ProfileDirection,
  { toMinimum, alongProfile }: ConditionalMinimum,
  isSound: number,
  step: number,
) {
  const { direction, isFixed } = course
  const goes = b.multiply(isSound, b.subtract(b.one, isFixed))
  const others = best.map((_, i) => b.add(toMinimum[i], b.multiply(step, alongProfile[i])))
  const back = compensation(b, course, others)
  return best.map((x, i) => {
    const to = b.select(direction[i], b.add(b.multiply(direction[i], step), back), others[i])
    return b.select(goes, clampToBounds(b, problem, i, b.add(x, to)), x)
  })
}

interface EndingInputs {
  readonly damping: number
  readonly isBelow: number
  readonly length: number
  readonly cost: number
  readonly isHeld: number
  readonly noise: number
  readonly sound: Soundness
  readonly gap: number
}

/** Why the ray ends here, or 0; and whether it would, if λ were small. */
function traceEnding(
  b: Builder,
  problem: Problem,
  sight: LocalModelSolver,
  floor: ConditionalMinimum,
  straight: number,
  { wanted, step, begins, far }: ReturnType<typeof strideLength>,
  { damping, isBelow, length, cost, isHeld, noise, sound, gap }: EndingInputs,
) {
  const name = (name: string) => problem.graph.name(name)
  const { depth, slope, curvature, leastPivot } = floor
  const rise = thresholdGap(b, problem)
  const isAtMost = (x: number, y: number) => b.operation('lessOrEqual', x, y)
  const part = (node: number) => b.multiply(b.constant(node), rise)
  const within = (x: number, node: number) => isAtMost(x, b.operation('max', part(node), noise))
  const isAt = within(b.operation('abs', gap), THRESHOLD_TOLERANCE)
  const isDown = within(depth, DEPTH_TOLERANCE)
  const isNear = b.multiply(
    b.multiply(sound.is, b.operation('equal', step, wanted)),
    b.multiply(isAt, isDown),
  )
  // With λ the floor is nearer than it seems, by what λ is beside the least pivot, if that is more than nothing.
  const isNothing = isAtMost(sound.pivot, b.constant(sight.leastPivot))
  const slight = b.select(isNothing, b.constant(MIN_DAMPING), b.constant(sight.undamped))
  const isUndamped = b.operation(
    'max',
    isAtMost(damping, slight),
    within(b.divide(b.multiply(depth, leastPivot), sound.pivot), DEPTH_TOLERANCE),
  )
  // χ² does not rise by so little of what it would if others stayed, or by λ.
  const isNoisy = b.multiply(begins, isAtMost(part(NOISE_FACTOR), noise))
  const flatness = b.add(b.constant(sight.leastPivot), b.multiply(b.constant(4), damping))
  const little = b.multiply(flatness, straight)
  const isFlat = b.multiply(
    b.multiply(begins, isAtMost(curvature, little)),
    isAtMost(b.multiply(slope, slope), b.multiply(little, rise)),
  )
  // Where the model hardly changes any more, it is as good as there.
  const isBeyond = isAtMost(far, b.operation('max', length, wanted))
  const lowest = b.subtract(b.subtract(name('@least'), part(LOWER_MINIMUM_MARGIN)), noise)
  const why: readonly (readonly [number, number])[] = [
    [b.operation('equal', cost, b.constant(Infinity)), NOT_FINITE],
    [b.operation('less', cost, lowest), TRACE_LOWER_MINIMUM],
    [b.multiply(isHeld, isBelow), ALL_AT_BOUNDS],
    [sound.isUnsure, NEEDS_QR],
    [isFlat, TRACE_FLAT],
    [isNoisy, NEEDS_QR],
    [b.multiply(isAtMost(name('@reach'), length), isBelow), BOUNDED],
    [b.multiply(isBeyond, b.multiply(isBelow, sound.is)), TRACE_UNBOUNDED],
    [b.multiply(isNear, isUndamped), REACHED],
  ]
  const reason = why.reduceRight((otherwise, [is, code]) => b.select(is, b.constant(code), otherwise), b.zero)
  return { reason, isNear }
}
