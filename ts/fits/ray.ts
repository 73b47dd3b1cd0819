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
import { bounded, equations, freedoms, sumsOf } from './levenberg-marquardt.js'
import { dot, inTriangle, product, solve, triangle } from './linear.js'
import type { Problem } from './problem.js'

/** Why a ray ends, as programs number it; 3 is that it has had enough iterations. */
export const [REACHED, LIMITED, , NOT_FINITE, FLAT, LOWER, HELD] = [1, 2, 3, 4, 5, 6, 7] as const

/** Parts of the rise of χ² that may be missing, along the ray and down to the valley's floor, before the last step. */
const GAP = 1e-5
const DEPTH = 1e-7
/** χ² that is less than at the fit, by this part of the rise, is another valley's. */
const BELOW = 1e-4
/** A step is taken where χ² is above its promise by no more than this part of what is missing, or rounding. */
const OFF = 0.5
const ROUNDING = 1e-13
/** A step that is longer than this part of the way before may leap over something. */
const LEAP = 0.5
/** How steps may grow and shrink. */
const [LONGER, SHORTER, BACK] = [4, 0.25, 0.5]
/** A part of the length. */
const LEAST_STEP = 2 ** -20
/** λ after a step that was not taken, and of a matrix without a sound pivot, at least; what is none, and does as none. */
const DAMPED = 1e-3
const LIFTED = 1e-10
const NO_DAMPING = 1e-13
const UNDAMPED = 1e-6
/** A pivot, of a matrix whose diagonal is 1, that is mostly rounding. */
const LEAST_PIVOT = 1e-14
/** χ² does not rise by so little of what it would if others stayed, or by λ. */
const FLATNESS = 1e-14
/** Rays are followed so many times as far as a parabola would be. */
const FAR = 1e7

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
  const known = (of: string, nodes: readonly unknown[]) => named(of, nodes.length).map(name)
  const not = (is: number) => b.subtract(b.one, is)
  const isLess = (x: number, y: number) => b.operation('less', x, y)
  const least = (x: number, y: number) => b.operation('min', x, y)
  const most = (x: number, y: number) => b.operation('max', x, y)
  const times = (factor: number, x: number) => b.multiply(b.constant(factor), x)

  const [before, lengthBefore, moved, dampingBefore] = ['@cost', '@length', '@moved', '@damping'].map(name)
  const sums = sumsOf(problem, b, 'weight')
  const trace = free.map((_, i) => sums.matrix[inTriangle(i, i)]).reduce((sum, x) => b.add(sum, x))
  const areFinite = b.operation('equal', b.multiply(trace, b.zero), b.zero)
  const isFirst = b.operation('equal', before, b.constant(Infinity))
  const slack = b.add(times(OFF, name('@missing')), times(ROUNDING, before))
  const isKept = b.operation('lessOrEqual', sums.cost, b.add(name('@promised'), slack))
  // χ² falls behind a pole or a pass that a long step has leapt over.
  const leap = free.map((of, i) => b.subtract(name(of), name(`@best${i}`)))
  const hasLeapt = b.multiply(
    isLess(times(LEAP, lengthBefore), moved),
    isLess(dot(b, sums.gradient, leap), b.zero),
  )
  const isGood = b.multiply(isKept, not(hasLeapt))
  const isNumber = b.multiply(areFinite, isLess(sums.cost, b.constant(Infinity)))
  const isTaken = b.multiply(isNumber, b.select(isFirst, b.one, isGood))
  const newer = (now: readonly number[], then: readonly number[]) =>
    now.map((node, i) => b.select(isTaken, node, then[i]))
  const best = newer(free.map(name), known('best', free))
  const gradient = newer(sums.gradient, known('gradient', sums.gradient))
  const matrix = newer(sums.matrix, known('matrix', sums.matrix))
  const [cost, length] = newer([sums.cost, b.add(lengthBefore, moved)], [before, lengthBefore])
  const eased = times(0.1, dampingBefore)
  const damping = b.select(
    isTaken,
    b.select(moved, b.select(isLess(eased, b.constant(NO_DAMPING)), b.zero, eased), dampingBefore),
    most(times(10, dampingBefore), b.constant(DAMPED)),
  )

  const slopesThere = derived === undefined ? [] : differentiate(graph, derived, free, () => false).gradient
  const slopes = newer(slopesThere, known('slope', slopesThere))
  const here = { best, gradient, matrix }
  const isBelow = isLess(cost, name('@limit'))
  const course =
    derived === undefined
      ? straightOn(b, here, known('direction', free))
      : alongDerived(b, problem, here, slopes, name('@sign'), isBelow)
  const { direction } = course

  // Others follow the ray, and go down to the floor: a step of the ray by 1, and by 0.
  const moves = freedoms(b, problem, best, course.gradient).map((is, i) => b.select(direction[i], b.zero, is))
  const scale = free.map((_, i) => course.matrix[inTriangle(i, i)])
  const { scales, factors, right, leastPivot } = equations(b, { ...course, best, scale, moves }, damping)
  const isSound = isLess(b.constant(LEAST_PIVOT), leastPivot)
  const pulled = course.along.map((a, i) => b.multiply(b.multiply(b.negate(a), scales[i]), moves[i]))
  const [down, follow] = [solve(b, factors, right), solve(b, factors, pulled)]

  // χ² on the floor of the model, at a length t further on: floor + 2·slope·t + curvature·t².
  const depth = dot(b, right, down)
  const floor = b.subtract(cost, depth)
  const slope = b.subtract(dot(b, gradient, direction), dot(b, pulled, down))
  const straight = dot(b, direction, product(b, matrix, direction))
  const curvature = most(b.subtract(straight, dot(b, pulled, follow)), b.zero)
  const gap = b.subtract(name('@limit'), floor)
  const rise = b.subtract(name('@limit'), name('@least'))
  const square = b.add(b.multiply(slope, slope), b.multiply(curvature, gap))
  const root = b.operation('sqrt', most(square, b.zero))
  const denominator = b.add(slope, root)
  // Beyond a summit above the limit only the way back is known.
  const wanted = b.select(
    isLess(b.zero, denominator),
    b.divide(gap, denominator),
    b.select(isLess(b.zero, gap), b.constant(Infinity), b.constant(-Infinity)),
  )

  // Where no step was made, nothing is known of steps.
  const turns = isLess(b.multiply(wanted, moved), b.zero)
  const went = b.operation('abs', moved)
  const size = most(went, times(LEAST_STEP, length))
  const further = b.select(turns, times(BACK, size), times(LONGER, size))
  const bound = b.select(moved, b.select(isTaken, further, times(SHORTER, went)), name('@bound'))
  // No step has been tried yet.
  const begins = b.multiply(
    isSound,
    b.multiply(b.operation('equal', lengthBefore, b.zero), b.operation('equal', moved, b.zero)),
  )
  const reach = b.select(begins, least(name('@reach'), times(FAR, wanted)), name('@reach'))
  const cut = most(least(wanted, bound), b.negate(bound))
  const inside = most(least(cut, b.subtract(reach, length)), b.negate(length))
  const step = b.select(isSound, inside, b.zero)
  const goes = b.multiply(isSound, not(course.isHeld))
  const others = free.map((_, i) => b.multiply(scales[i], b.add(down[i], b.multiply(step, follow[i]))))
  const back = course.back(others)
  const trial = best.map((x, i) => {
    const to = b.select(direction[i], b.add(b.multiply(direction[i], step), back), others[i])
    return b.select(goes, bounded(b, problem, i, b.add(x, to)), x)
  })
  const taken = trial.map((x, i) => b.subtract(x, best[i]))
  const twice = dot(b, gradient, taken)
  const promised = b.add(b.add(cost, b.add(twice, twice)), dot(b, taken, product(b, matrix, taken)))
  const missing = b.add(depth, b.operation('abs', gap))

  const isNear = b.multiply(
    b.multiply(isSound, b.operation('equal', step, wanted)),
    b.multiply(
      b.operation('lessOrEqual', b.operation('abs', gap), times(GAP, rise)),
      b.operation('lessOrEqual', depth, times(DEPTH, rise)),
    ),
  )
  const isUndamped = b.operation('lessOrEqual', damping, b.constant(UNDAMPED))
  const flatness = b.multiply(b.add(b.constant(FLATNESS), times(4, damping)), straight)
  const isFlat = b.multiply(
    b.multiply(begins, b.operation('lessOrEqual', curvature, flatness)),
    b.operation('lessOrEqual', b.multiply(slope, slope), b.multiply(flatness, rise)),
  )
  const isAtEnd = b.multiply(b.operation('lessOrEqual', reach, length), isBelow)
  const isHeld = b.multiply(course.isHeld, isBelow)
  const isLower = isLess(cost, b.subtract(name('@least'), times(BELOW, rise)))
  const why: readonly (readonly [number, number])[] = [
    [b.operation('equal', cost, b.constant(Infinity)), NOT_FINITE],
    [isLower, LOWER],
    [isHeld, HELD],
    [isFlat, FLAT],
    [isAtEnd, LIMITED],
    [b.multiply(isNear, isUndamped), REACHED],
  ]
  const reason = why.reduceRight((otherwise, [is, code]) => b.select(is, b.constant(code), otherwise), b.zero)
  const outputs = [
    ...trial,
    ...fixed.map(name),
    ...(derived === undefined ? direction : [name('@sign')]),
    reach,
    name('@least'),
    name('@limit'),
    ...best,
    cost,
    ...gradient,
    ...matrix,
    length,
    step,
    bound,
    b.select(isSound, b.select(isNear, b.zero, damping), most(times(10, damping), b.constant(LIFTED))),
    promised,
    b.select(isSound, missing, b.zero),
    ...slopes,
    reason,
  ]
  return compile(graph, outputs, rayState(problem, derived !== undefined).names, columns)
}

/** A point, half the gradient of χ² and its matrix there. */
interface Here {
  readonly best: readonly number[]
  readonly gradient: readonly number[]
  readonly matrix: readonly number[]
}

/** How a ray goes on from a point. */
interface Course extends Omit<Here, 'best'> {
  /** What parameters do that do not follow, by a step of 1: 0 for others. */
  readonly direction: readonly number[]
  /** How the gradient by others changes with such a step. */
  readonly along: readonly number[]
  /** Whether bounds hold all that could move. */
  readonly isHeld: number
  /** What those that do not follow make up for, where others move. */
  back(others: readonly number[]): number
}

/** Some parameters move by themselves. */
function straightOn(b: Builder, { gradient, matrix }: Here, direction: readonly number[]): Course {
  const along = product(b, matrix, direction)
  return { gradient, matrix, direction, along, isHeld: b.zero, back: () => b.zero }
}

/**
 * What is derived moves by the parameter that moves it most, in units of what χ² allows; and that one makes up for what
 * others do to it, so that gradient and matrix are those along its level.
 *
 * @param slopes its derivatives
 * @param goesOut whether it is to go on: then nothing moves it that a bound holds
 */
function alongDerived(
  b: Builder,
  { min, max }: Problem,
  { best, gradient, matrix }: Here,
  slopes: readonly number[],
  sign: number,
  goesOut: number,
): Course {
  const size = best.length
  const scores = slopes.map((slope, i) => {
    const out = b.multiply(sign, slope)
    const atMax = b.multiply(
      b.operation('lessOrEqual', b.constant(max[i]), best[i]),
      b.operation('less', b.zero, out),
    )
    const atMin = b.multiply(
      b.operation('lessOrEqual', best[i], b.constant(min[i])),
      b.operation('less', out, b.zero),
    )
    const square = b.divide(b.multiply(slope, slope), matrix[inTriangle(i, i)])
    return b.select(
      b.multiply(slope, b.subtract(b.one, b.multiply(goesOut, b.operation('max', atMax, atMin)))),
      square,
      b.zero,
    )
  })
  const top = scores.reduce((most, score) => b.operation('max', most, score))
  const first: number[] = []
  for (const score of scores) {
    const isTaken = first.reduce((any, is) => b.operation('max', any, is), b.zero)
    first.push(b.multiply(b.operation('equal', score, top), b.subtract(b.one, isTaken)))
  }
  const isHeld = b.operation('equal', top, b.zero)
  const ofFirst = (nodes: readonly number[]) => dot(b, first, nodes)
  const slope = ofFirst(slopes)
  const direction = first.map((is) => b.select(is, b.divide(sign, slope), b.zero))
  const ratios = slopes.map((other, i) => b.select(first[i], b.zero, b.divide(other, slope)))
  const row = product(b, matrix, first)
  const own = ofFirst(row)
  const along = product(b, matrix, direction)
  return {
    ...{ direction, isHeld },
    gradient: gradient.map((g, i) => b.subtract(g, b.multiply(ratios[i], ofFirst(gradient)))),
    along: along.map((a, i) => b.subtract(a, b.multiply(ratios[i], ofFirst(along)))),
    matrix: triangle(size, (i, j) => {
      const crossed = b.add(b.multiply(ratios[i], row[j]), b.multiply(ratios[j], row[i]))
      const inside = b.subtract(matrix[inTriangle(i, j)], crossed)
      return b.add(inside, b.multiply(b.multiply(ratios[i], ratios[j]), own))
    }),
    back: (others) => b.negate(dot(b, ratios, others)),
  }
}
