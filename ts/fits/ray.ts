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
export const [REACHED, BOUNDED, , NOT_FINITE, FLAT, LOWER, HELD, ENDLESS] = [1, 2, 3, 4, 5, 6, 7, 8] as const

/** Parts of the rise of χ² that may be missing, along the ray and down to the valley's floor, before the last step. */
const GAP = 1e-5
const DEPTH = 1e-7
/** χ² that is less than at the fit, by this part of the rise, is another valley's. */
const BELOW = 1e-4
/** A step is taken where χ² is above its promise by no more than this part of what is missing, or rounding. */
const OFF = 0.5
const WELL = 0.1
const EASED = 0.1
const ROUNDING = 1e-13
/** A step that is longer than this part of the way before may leap over something. */
const LEAP = 0.5
/** So often others may go on from a bad step before it is given up. */
const TRIES = 2
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
/** What is left of a diagonal of the matrix where a parameter has faded; and of χ² by it, in parts of the rise. */
const FADED = 1e-8
const IDLE = 1e-10
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
    [['@tries'], 0],
    [['@far'], Infinity],
    [named('scale', size), 0],
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
  const isKept = b.operation('lessOrEqual', sums.cost, most(b.add(name('@promised'), slack), before))
  // χ² falls behind a pole or a pass that a long step has leapt over.
  const leap = free.map((of, i) => b.subtract(name(of), name(`@best${i}`)))
  const hasLeapt = b.multiply(
    isLess(times(LEAP, lengthBefore), moved),
    isLess(dot(b, sums.gradient, leap), b.zero),
  )
  const isGood = b.multiply(isKept, not(hasLeapt))
  const isNumber = b.multiply(areFinite, isLess(sums.cost, b.constant(Infinity)))
  const isTaken = b.multiply(isNumber, b.select(isFirst, b.one, isGood))
  // Where it is bad, others may find the floor yet, as behind a pole that they are linear in.
  const tries = name('@tries')
  const mayTry = b.multiply(isLess(tries, b.constant(TRIES)), b.select(moved, b.one, b.zero))
  const isTrying = b.multiply(b.multiply(isNumber, not(isTaken)), b.multiply(mayTry, not(hasLeapt)))
  const isThere = b.add(isTaken, isTrying)
  const select = (is: number, now: readonly number[], then: readonly number[]) =>
    now.map((node, i) => b.select(is, node, then[i]))
  const there = [free.map(name), sums.gradient, sums.matrix, [sums.cost]] as const
  const then = [
    known('best', free),
    known('gradient', sums.gradient),
    known('matrix', sums.matrix),
    [before],
  ] as const
  const kept = there.map((nodes, k) => select(isTaken, nodes, then[k]))
  const [best, gradient, matrix, [cost]] = there.map((nodes, k) => select(isThere, nodes, then[k]))
  const [length] = select(isThere, [b.add(lengthBefore, moved)], [lengthBefore])
  // λ falls where a promise was kept well, and rises where it hardly was; another try does without.
  const eased = times(EASED, dampingBefore)
  const isWell = b.operation(
    'lessOrEqual',
    sums.cost,
    b.add(name('@promised'), times(WELL, name('@missing'))),
  )
  const lower = b.select(isLess(eased, b.constant(NO_DAMPING)), b.zero, eased)
  const afterStep = b.select(isWell, lower, most(times(4, dampingBefore), b.constant(DAMPED)))
  const damping = b.select(
    isThere,
    b.select(b.multiply(isTaken, moved), afterStep, dampingBefore),
    most(times(10, dampingBefore), b.constant(DAMPED)),
  )
  const slopesThere = derived === undefined ? [] : differentiate(graph, derived, free, () => false).gradient
  const slopesThen = known('slope', slopesThere)
  const slopes = select(isThere, slopesThere, slopesThen)
  const here = { best, gradient, matrix }
  const isBelow = isLess(cost, name('@limit'))
  const course =
    derived === undefined
      ? straightOn(b, here, known('direction', free))
      : alongDerived(b, problem, here, slopes, name('@sign'), isBelow)
  const { direction } = course

  // Others follow the ray, and go down to the floor: a step of the ray by 1, and by 0.
  const largest = free.map((_, i) => most(matrix[inTriangle(i, i)], name(`@scale${i}`)))
  const rise = b.subtract(name('@limit'), name('@least'))
  const moves = freedoms(b, problem, best, course.gradient).map((is, i) => {
    // What has run so far that nothing depends on it any more stays.
    const effect = matrix[inTriangle(i, i)]
    const isFaded = b.operation('lessOrEqual', effect, times(FADED, largest[i]))
    const isIdle = b.operation(
      'lessOrEqual',
      b.multiply(effect, b.multiply(best[i], best[i])),
      times(IDLE, rise),
    )
    return b.select(direction[i], b.zero, b.multiply(is, not(b.multiply(isFaded, isIdle))))
  })
  const scale = free.map((_, i) => course.matrix[inTriangle(i, i)])
  const { scales, factors, right, leastPivot } = equations(
    b,
    { ...course, best, scale, moves },
    b.select(isTrying, b.zero, damping),
  )
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
  const begins = b.multiply(isSound, b.operation('equal', name('@far'), b.constant(Infinity)))
  const far = b.select(begins, times(FAR, wanted), name('@far'))
  const cut = most(least(wanted, bound), b.negate(bound))
  const inside = most(least(cut, b.subtract(name('@reach'), length)), b.negate(length))
  const step = b.select(b.multiply(isSound, not(isTrying)), inside, b.zero)
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
  // With λ the floor is nearer than it seems, by what λ is beside the least pivot.
  const pivot = most(b.subtract(leastPivot, damping), b.constant(LEAST_PIVOT))
  const deepest = b.divide(b.multiply(depth, leastPivot), pivot)
  const isUndamped = most(
    b.operation('lessOrEqual', damping, b.constant(UNDAMPED)),
    b.operation('lessOrEqual', deepest, times(DEPTH, rise)),
  )
  const flatness = b.multiply(b.add(b.constant(FLATNESS), times(4, damping)), straight)
  const isFlat = b.multiply(
    b.multiply(begins, b.operation('lessOrEqual', curvature, flatness)),
    b.operation('lessOrEqual', b.multiply(slope, slope), b.multiply(flatness, rise)),
  )
  const isAtEnd = b.multiply(b.operation('lessOrEqual', name('@reach'), length), isBelow)
  // Where the model hardly changes any more, it is as good as there.
  const isBeyond = b.operation('lessOrEqual', far, most(length, wanted))
  const isFar = b.multiply(isBeyond, b.multiply(isBelow, isSound))
  const isHeld = b.multiply(course.isHeld, isBelow)
  const isLower = isLess(cost, b.subtract(name('@least'), times(BELOW, rise)))
  const why: readonly (readonly [number, number])[] = [
    [b.operation('equal', cost, b.constant(Infinity)), NOT_FINITE],
    [isLower, LOWER],
    [isHeld, HELD],
    [isFlat, FLAT],
    [isAtEnd, BOUNDED],
    [isFar, ENDLESS],
    [b.multiply(isNear, isUndamped), REACHED],
  ]
  const reason = why.reduceRight((otherwise, [is, code]) => b.select(is, b.constant(code), otherwise), b.zero)
  const outputs = [
    ...trial,
    ...fixed.map(name),
    ...(derived === undefined ? direction : [name('@sign')]),
    name('@reach'),
    name('@least'),
    name('@limit'),
    ...kept[0],
    ...kept[3],
    ...kept[1],
    ...kept[2],
    b.select(isTrying, lengthBefore, length),
    b.select(isTrying, moved, step),
    b.select(isTrying, name('@bound'), bound),
    b.select(isSound, b.select(isNear, b.zero, damping), most(times(10, damping), b.constant(LIFTED))),
    b.select(isTrying, name('@promised'), promised),
    b.select(isTrying, name('@missing'), b.select(isSound, missing, b.zero)),
    b.select(isTrying, b.add(tries, b.one), b.zero),
    far,
    ...largest,
    ...select(isTaken, slopesThere, slopesThen),
    b.select(isTrying, b.zero, reason),
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
