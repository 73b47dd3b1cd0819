/**
 * Along a ray from a fit's point, as a program: how far some parameters can move in a direction, while all others are
 * where they meet the data best, until χ² has risen to a limit. What it reads is what it has left, as in
 * levenberg-marquardt.ts.
 *
 * The quadratic model of χ² says where the valley's floor reaches the limit (Venzon and Moolgavkar, 1988); the step
 * goes there, within what steps have been good for, with others damped as a fit's steps are. It is taken unless χ² is
 * above what the model had promised. So one evaluation moves along the valley, and back to its floor.
 */

import { Builder, differentiate } from '../expressions/differentiate.js'
import { compile, type Program } from '../expressions/program.js'
import { alongDerived, type Course, type Here, straightOn } from './course.js'
import { bounded, freedoms, slopesOf } from './levenberg-marquardt.js'
import { dot, inTriangle, product, solve } from './linear.js'
import type { Problem } from './problem.js'
import { normalEquations, sumsOf } from './squares.js'

/** Why a ray ends, as programs number it; 3 is that it has had enough iterations. */
export const [REACHED, BOUNDED, , NOT_FINITE, FLAT, LOWER, HELD, ENDLESS] = [1, 2, 3, 4, 5, 6, 7, 8] as const

/** Parts of the rise of χ² that may be missing, along the ray and down to the valley's floor, before the last step. */
const GAP = 1e-5
const DEPTH = 1e-7
/** χ² that is less than at the fit, by this part of the rise, is another valley's. */
const BELOW = 1e-4
/** A step is taken where χ² is above its promise by no more than this part of what is missing, or rounding. */
const [OFF, ROUNDING] = [0.5, 1e-13]
/** A promise is kept well by this part of what is missing, and λ falls by such a factor then. */
const [WELL, EASED] = [0.1, 0.1]
/** A step that is longer than this part of the way before may leap over something. */
const LEAP = 0.5
/** So often others may go on from a bad step before it is given up. */
const TRIES = 2
/** How steps may grow and shrink. */
const [LONGER, SHORTER, BACK] = [4, 0.25, 0.5]
/** A part of the length: 2⁻²⁰. */
const LEAST_STEP = 9.5367431640625e-7
/** λ after a step that was not taken, and of a matrix without a sound pivot, at least; what is none, and does as none. */
const DAMPED = 1e-3
const LIFTED = 1e-10
const NO_DAMPING = 1e-13
const UNDAMPED = 1e-6
/** A pivot, of a matrix whose diagonal is 1, that is mostly rounding. */
const LEAST_PIVOT = 1e-14
/** χ² does not rise by so little of what it would if others stayed, or by λ. */
const FLATNESS = 1e-14
/** What is left of a diagonal of the matrix where a parameter has faded; and of χ² by it, in parts of the rise. */
const FADED = 1e-8
const IDLE = 1e-10
/** Rays are followed so many times as far as a parabola would be. */
export const FAR = 1e7

const named = (name: string, count: number) => Array.from({ length: count }, (_, i) => `@${name}${i}`)

/** What a ray remembers, by name, and what each is at first; null for what it is given, in that order. */
export function rayState({ free, fixed }: Problem, isDerived: boolean) {
  const size = free.length
  const parts: readonly (readonly [readonly string[], number | null])[] = [
    [free, null],
    [fixed, null],
    // Where to: by parameter, 0 for those that go with the valley; 1 or -1 for what is derived.
    [isDerived ? ['@sign'] : named('direction', size), null],
    // How far it can go at most.
    [['@reach'], null],
    // χ² at the fit, and the limit.
    [['@least'], null],
    [['@limit'], null],
    [named('best', size), NaN],
    [['@cost'], Infinity],
    [named('gradient', size), 0],
    [named('matrix', inTriangle(size, 0)), 0],
    [['@length'], 0],
    [['@moved'], 0],
    [['@bound'], Infinity],
    [['@damping'], 0],
    [['@promised'], Infinity],
    [['@missing'], 0],
    [['@tries'], 0],
    [['@far'], Infinity],
    [named('scale', size), 0],
    // How far it had come when it had last come twice as far, and χ² then and before.
    [['@mark'], 0],
    [['@marked'], NaN],
    [['@earlier'], NaN],
    [isDerived ? named('slope', size) : [], 0],
  ]
  return {
    names: parts.flatMap(([names]) => names),
    starts: parts.flatMap(([names, start]) => names.map(() => start)),
  }
}

/**
 * An iteration: outputs are what it remembers, and why the ray ends, or 0.
 *
 * @param derived the node of what is to move instead of parameters
 */
export function ray(problem: Problem, derived?: number): Program {
  const { graph, free, fixed, columns } = problem
  const b = new Builder(graph)
  const name = (of: string) => graph.name(of)
  const known = (of: string, count: number) => named(of, count).map(name)
  const size = free.length

  const { matrix, gradient, cost } = sumsOf(b, problem, slopesOf(problem), 'weight')
  const slopes = derived === undefined ? [] : differentiate(graph, derived, free, () => false).gradient
  const trial = [free.map(name), gradient, matrix, [cost], slopes]
  const before = [
    ...[known('best', size), known('gradient', size), known('matrix', matrix.length)],
    ...[[name('@cost')], known('slope', slopes.length)],
  ]
  const { isTaken, isTrying, isThere } = judge(b, problem, { matrix, cost })
  const select = (is: number, now: readonly number[], then: readonly number[]) =>
    now.map((node, i) => b.select(is, node, then[i]))
  const kept = trial.map((nodes, k) => select(isTaken, nodes, before[k]))
  const there = trial.map((nodes, k) => select(isThere, nodes, before[k]))
  const here = { best: there[0], gradient: there[1], matrix: there[2] }
  const [[costHere], slopesHere] = [there[3], there[4]]
  const length = b.select(isThere, b.add(name('@length'), name('@moved')), name('@length'))
  const largest = free.map((_, i) => b.operation('max', here.matrix[inTriangle(i, i)], name(`@scale${i}`)))

  const damping = dampingAfter(b, problem, cost, isTaken, isThere)
  const isBelow = b.operation('less', costHere, name('@limit'))
  const course =
    derived === undefined
      ? straightOn(b, here, known('direction', size))
      : alongDerived(b, problem, here, slopesHere, name('@sign'), isBelow)
  const used = b.select(isTrying, b.zero, damping)
  const model = floorOf(b, problem, here, course, largest, costHere, used)
  const stride = strideOf(b, problem, model, { isTaken, isTrying, length })
  const next = trialOf(b, problem, here, course, model, stride.step)
  const promised = promiseOf(b, here, costHere, next)

  const end = { damping, isBelow, length, cost: costHere, isHeld: course.isHeld }
  const { reason, isNear } = endOf(b, problem, model, stride, end)
  const { isSound } = model
  const [mark, marked, earlier] = ['@mark', '@marked', '@earlier'].map(name)
  const isTwice = b.operation('less', b.add(mark, mark), b.multiply(isTaken, length))
  const marks = select(isTwice, [length, costHere, marked], [mark, marked, earlier])
  const missing = b.add(model.depth, b.operation('abs', model.gap))
  const lifted = b.operation('max', b.multiply(b.constant(10), damping), b.constant(LIFTED))
  // χ² falls behind a pole or a pass that a long step has leapt over: it goes back, and is shorter.
  const isLong = b.operation('less', b.multiply(b.constant(LEAP), name('@length')), name('@moved'))
  const isDown = b.multiply(isSound, b.operation('less', model.slope, b.zero))
  const isBack = b.multiply(isTaken, b.multiply(isLong, isDown))
  const stays = b.operation('max', isTrying, isBack)
  // While others try, what is known of the step remains.
  const unless = (of: string, now: number) => b.select(stays, name(of), now)
  const shorter = b.multiply(b.constant(SHORTER), name('@moved'))
  const outputs = [
    ...[...select(isBack, before[0], next), ...fixed.map(name)],
    ...(derived === undefined ? course.direction : [name('@sign')]),
    ...['@reach', '@least', '@limit'].map(name),
    ...[0, 3, 1, 2].flatMap((k) => select(isBack, before[k], kept[k])),
    unless('@length', length),
    b.select(isBack, b.zero, unless('@moved', stride.step)),
    b.select(isBack, shorter, unless('@bound', stride.bound)),
    b.select(isSound, b.select(isNear, b.zero, damping), lifted),
    unless('@promised', promised),
    unless('@missing', b.select(isSound, missing, b.zero)),
    b.select(isTrying, b.add(name('@tries'), b.one), b.zero),
    ...[stride.far, ...largest, ...marks, ...select(isBack, before[4], kept[4])],
    b.select(stays, b.zero, reason),
  ]
  return compile(graph, outputs, rayState(problem, derived !== undefined).names, columns)
}

/** Whether the step that was tried is taken, or others may go on from there first. */
function judge(
  b: Builder,
  { graph, free }: Problem,
  { matrix, cost }: { readonly matrix: readonly number[]; readonly cost: number },
) {
  const name = (of: string) => graph.name(of)
  const not = (is: number) => b.subtract(b.one, is)
  const [before, moved, tries] = [name('@cost'), name('@moved'), name('@tries')]
  const trace = free.map((_, i) => matrix[inTriangle(i, i)]).reduce((sum, x) => b.add(sum, x))
  const areFinite = b.operation('equal', b.multiply(trace, b.zero), b.zero)
  const isNumber = b.multiply(areFinite, b.operation('less', cost, b.constant(Infinity)))
  const isFirst = b.operation('equal', before, b.constant(Infinity))
  const rounding = b.multiply(b.constant(ROUNDING), before)
  const slack = b.add(b.multiply(b.constant(OFF), name('@missing')), rounding)
  const most = b.operation('max', b.add(name('@promised'), slack), before)
  const isKept = b.operation('lessOrEqual', cost, most)
  const isTaken = b.multiply(isNumber, b.select(isFirst, b.one, isKept))
  // Where it is bad, others may find the floor yet, as behind a pole that they are linear in.
  const isLeft = b.operation('less', tries, b.constant(TRIES))
  const mayTry = b.multiply(isLeft, b.select(moved, b.one, b.zero))
  const isTrying = b.multiply(b.multiply(isNumber, not(isTaken)), mayTry)
  return { isTaken, isTrying, isThere: b.add(isTaken, isTrying) }
}

/** λ falls where a promise was kept well, and rises where it hardly was, or not. */
function dampingAfter(b: Builder, { graph }: Problem, cost: number, isTaken: number, isThere: number) {
  const name = (of: string) => graph.name(of)
  const before = name('@damping')
  const atLeast = (x: number) => b.operation('max', x, b.constant(DAMPED))
  const limit = b.add(name('@promised'), b.multiply(b.constant(WELL), name('@missing')))
  const eased = b.multiply(b.constant(EASED), before)
  const lower = b.select(b.operation('less', eased, b.constant(NO_DAMPING)), b.zero, eased)
  const isWell = b.operation('lessOrEqual', cost, limit)
  const afterStep = b.select(isWell, lower, atLeast(b.multiply(b.constant(4), before)))
  const there = b.select(b.multiply(isTaken, name('@moved')), afterStep, before)
  return b.select(isThere, there, atLeast(b.multiply(b.constant(10), before)))
}

/**
 * The floor of the valley, as the quadratic model has it: χ² there is floor + 2·slope·t + curvature·t² at a length t
 * further on. Others go down to it, and follow it by each unit of length.
 */
function floorOf(
  b: Builder,
  problem: Problem,
  here: Here,
  course: Course,
  largest: readonly number[],
  cost: number,
  damping: number,
) {
  const { best, gradient, matrix } = here
  const { direction } = course
  const [least, limit] = ['@least', '@limit'].map((of) => problem.graph.name(of))
  const rise = b.subtract(limit, least)
  const moves = freedoms(b, problem, best, course.gradient).map((is, i) => {
    // What has run so far that nothing depends on it any more stays.
    const effect = matrix[inTriangle(i, i)]
    const isFaded = b.operation('lessOrEqual', effect, b.multiply(b.constant(FADED), largest[i]))
    const square = b.multiply(effect, b.multiply(best[i], best[i]))
    const isIdle = b.operation('lessOrEqual', square, b.multiply(b.constant(IDLE), rise))
    const stays = b.multiply(isFaded, isIdle)
    return b.select(direction[i], b.zero, b.multiply(is, b.subtract(b.one, stays)))
  })
  const scale = best.map((_, i) => course.matrix[inTriangle(i, i)])
  const system = normalEquations(b, { ...course, scale, moves }, damping)
  const { scales, factors, right, leastPivot } = system
  const pulled = course.along.map((a, i) => b.multiply(b.multiply(b.negate(a), scales[i]), moves[i]))
  const [down, follow] = [solve(b, factors, right), solve(b, factors, pulled)]
  const depth = dot(b, right, down)
  const straight = dot(b, direction, product(b, matrix, direction))
  return {
    ...{ scales, down, follow, depth, straight, leastPivot, rise },
    isSound: b.operation('less', b.constant(LEAST_PIVOT), leastPivot),
    slope: b.subtract(dot(b, gradient, direction), dot(b, pulled, down)),
    curvature: b.operation('max', b.subtract(straight, dot(b, pulled, follow)), b.zero),
    gap: b.subtract(limit, b.subtract(cost, depth)),
  }
}

type Floor = ReturnType<typeof floorOf>

interface Progress {
  readonly isTaken: number
  readonly isTrying: number
  readonly length: number
}

/** How far to go: to the limit, as far as steps have been good for and there is a way. */
function strideOf(b: Builder, { graph }: Problem, floor: Floor, { isTaken, isTrying, length }: Progress) {
  const name = (of: string) => graph.name(of)
  const { isSound, slope, curvature, gap } = floor
  const isLess = (x: number, y: number) => b.operation('less', x, y)
  const times = (factor: number, x: number) => b.multiply(b.constant(factor), x)
  const [least, most] = (['min', 'max'] as const).map((of) => (x: number, y: number) => b.operation(of, x, y))
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
  const size = most(went, times(LEAST_STEP, length))
  const turns = isLess(b.multiply(wanted, moved), b.zero)
  const further = b.select(turns, times(BACK, size), times(LONGER, size))
  const bound = b.select(moved, b.select(isTaken, further, times(SHORTER, went)), name('@bound'))
  const cut = most(least(wanted, bound), b.negate(bound))
  const inside = most(least(cut, b.subtract(name('@reach'), length)), b.negate(length))
  const begins = b.multiply(isSound, b.operation('equal', name('@far'), b.constant(Infinity)))
  return {
    ...{ wanted, bound, begins },
    far: b.select(begins, times(FAR, wanted), name('@far')),
    step: b.select(b.multiply(isSound, b.subtract(b.one, isTrying)), inside, b.zero),
  }
}

/** The point that is tried next. */
function trialOf(b: Builder, problem: Problem, { best }: Here, course: Course, floor: Floor, step: number) {
  const { direction, isHeld } = course
  const { scales, down, follow, isSound } = floor
  const goes = b.multiply(isSound, b.subtract(b.one, isHeld))
  const others = best.map((_, i) => b.multiply(scales[i], b.add(down[i], b.multiply(step, follow[i]))))
  const back = course.back(others)
  return best.map((x, i) => {
    const to = b.select(direction[i], b.add(b.multiply(direction[i], step), back), others[i])
    return b.select(goes, bounded(b, problem, i, b.add(x, to)), x)
  })
}

/** χ² there, by the model. */
function promiseOf(b: Builder, { best, gradient, matrix }: Here, cost: number, next: readonly number[]) {
  const taken = next.map((x, i) => b.subtract(x, best[i]))
  const twice = dot(b, gradient, taken)
  return b.add(b.add(cost, b.add(twice, twice)), dot(b, taken, product(b, matrix, taken)))
}

interface Ending {
  readonly damping: number
  readonly isBelow: number
  readonly length: number
  readonly cost: number
  readonly isHeld: number
}

/** Why the ray ends here, or 0; and whether it would, if λ were small. */
function endOf(
  b: Builder,
  { graph }: Problem,
  floor: Floor,
  { wanted, step, begins, far }: ReturnType<typeof strideOf>,
  { damping, isBelow, length, cost, isHeld }: Ending,
) {
  const name = (of: string) => graph.name(of)
  const { isSound, gap, depth, rise, slope, curvature, straight, leastPivot } = floor
  const within = (x: number, part: number) =>
    b.operation('lessOrEqual', x, b.multiply(b.constant(part), rise))
  const isNear = b.multiply(
    b.multiply(isSound, b.operation('equal', step, wanted)),
    b.multiply(within(b.operation('abs', gap), GAP), within(depth, DEPTH)),
  )
  // With λ the floor is nearer than it seems, by what λ is beside the least pivot.
  const pivot = b.operation('max', b.subtract(leastPivot, damping), b.constant(LEAST_PIVOT))
  const isUndamped = b.operation(
    'max',
    b.operation('lessOrEqual', damping, b.constant(UNDAMPED)),
    within(b.divide(b.multiply(depth, leastPivot), pivot), DEPTH),
  )
  const flatness = b.add(b.constant(FLATNESS), b.multiply(b.constant(4), damping))
  const little = b.multiply(flatness, straight)
  const isFlat = b.multiply(
    b.multiply(begins, b.operation('lessOrEqual', curvature, little)),
    b.operation('lessOrEqual', b.multiply(slope, slope), b.multiply(little, rise)),
  )
  // Where the model hardly changes any more, it is as good as there.
  const isBeyond = b.operation('lessOrEqual', far, b.operation('max', length, wanted))
  const lowest = b.subtract(name('@least'), b.multiply(b.constant(BELOW), rise))
  const why: readonly (readonly [number, number])[] = [
    [b.operation('equal', cost, b.constant(Infinity)), NOT_FINITE],
    [b.operation('less', cost, lowest), LOWER],
    [b.multiply(isHeld, isBelow), HELD],
    [isFlat, FLAT],
    [b.multiply(b.operation('lessOrEqual', name('@reach'), length), isBelow), BOUNDED],
    [b.multiply(isBeyond, b.multiply(isBelow, isSound)), ENDLESS],
    [b.multiply(isNear, isUndamped), REACHED],
  ]
  const reason = why.reduceRight((otherwise, [is, code]) => b.select(is, b.constant(code), otherwise), b.zero)
  return { reason, isNear }
}
