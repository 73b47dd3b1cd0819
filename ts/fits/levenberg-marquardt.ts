/**
 * Levenberg-Marquardt as a program: an iteration is a straight line of operations, which engines run for many fits
 * at once. What it reads is what it has left: see {@link State}.
 *
 * With r the residuals and J their derivatives, δ solves (JᵀWJ + λ·D)·δ = −JᵀWr (Marquardt, 1963), where D is the
 * largest diagonal of JᵀWJ so far (Moré, 1978). λ follows the ratio of what a step has gained to what was predicted
 * (Nielsen, 1999). At a bound that it would leave, a parameter is held.
 */

import { Builder, differentiate } from '../expressions/differentiate.js'
import type { Graph } from '../expressions/graph.js'
import { compile, type Program } from '../expressions/program.js'
import type { FloatArray } from '../ground/numbers.js'
import { dot, factorize, inTriangle, invert, product, solve, triangle } from './linear.js'
import { termsOf } from './loss.js'
import type { Problem } from './problem.js'

/** Why a fit stops, as programs number it. */
export const [CONVERGED, STALLED, NOT_FINITE, SINGULAR] = [1, 2, 4, 5] as const

/** λ at first, and at least. */
const FIRST_DAMPING = 1e-3
const UNDAMPED = 1e-14
/** λ where some parameters wait: what hardly differs from others does not move much then. */
const ALONE = 0.1
/** A λ that is so small beside the least pivot hardly changes a step. */
const SLIGHT = 0.01
/** A step without λ that has failed is followed by one with so much at least. */
const DAMPED_AGAIN = 1e-6
/** So often a small step with λ is followed by one without it. */
const CONFIRMATIONS = 4

/** What a fit remembers from iteration to iteration, by name; in order these are the program's parameters. */
export interface State {
  readonly names: readonly string[]
  /** What each is at first; null for what the user gives: where parameters start, and what is fixed. */
  readonly starts: readonly (number | null)[]
  /** Where in it are the best point, Σ of costs there, half its gradient, JᵀWJ, and its largest diagonal so far. */
  readonly best: readonly number[]
  readonly cost: number
  readonly gradient: readonly number[]
  readonly matrix: readonly number[]
  readonly scale: readonly number[]
}

/** Names that no user's text can have. */
const named = (name: string, count: number) => Array.from({ length: count }, (_, i) => `@${name}${i}`)

export function stateOf({ free, fixed }: Problem): State {
  const size = free.length
  const parts: readonly (readonly [readonly string[], number | null])[] = [
    [free, null],
    [fixed, null],
    [named('best', size), NaN],
    [['@cost'], Infinity],
    [named('gradient', size), 0],
    [named('matrix', inTriangle(size, 0)), 0],
    [named('scale', size), 0],
    [['@damping'], FIRST_DAMPING],
    [['@growth'], 2],
    [['@predicted'], 0],
    [['@confirmations'], 0],
  ]
  const names = parts.flatMap(([names]) => names)
  const places = (part: number) => parts[part][0].map((name) => names.indexOf(name))
  return {
    names,
    starts: parts.flatMap(([names, start]) => names.map(() => start)),
    best: places(2),
    cost: places(3)[0],
    gradient: places(4),
    matrix: places(5),
    scale: places(6),
  }
}

/**
 * An iteration: outputs are the state that follows, and why the fit stops, or 0.
 *
 * @param second what stands for second derivatives: that of steps, or that of errors
 */
export function iteration(
  problem: Problem,
  state: State,
  tolerance: number,
  second: 'weight' | 'curvature' = 'weight',
): Program {
  const { graph, free, fixed, columns } = problem
  const b = new Builder(graph)
  const name = (of: string) => graph.name(of)
  const known = (of: string, nodes: readonly unknown[]) => named(of, nodes.length).map(name)

  const sums = sumsOf(problem, b, second)
  const before = name('@cost')
  // Where the derivatives are not finite, no step leads on.
  const trace = free.map((_, i) => sums.matrix[inTriangle(i, i)]).reduce((sum, x) => b.add(sum, x))
  const areFinite = b.operation('equal', b.multiply(trace, b.zero), b.zero)
  const isBetter = b.select(areFinite, b.operation('less', sums.cost, before), b.zero)
  const newer = (now: readonly number[], then: readonly number[]) =>
    now.map((node, i) => b.select(isBetter, node, then[i]))

  const [cost] = newer([sums.cost], [before])
  const best = newer(free.map(name), known('best', free))
  const gradient = newer(sums.gradient, known('gradient', sums.gradient))
  const matrix = newer(sums.matrix, known('matrix', sums.matrix))
  const scale = free.map((_, i) => b.operation('max', matrix[inTriangle(i, i)], name(`@scale${i}`)))

  const gain = b.divide(b.subtract(before, sums.cost), name('@predicted'))
  const isFirst = b.operation('equal', before, b.constant(Infinity))
  const { damping, growth } = dampingAfter(b, name, isBetter, isFirst, gain)
  // What the model is linear in finds its scale first: else the first step may lead the rest to nowhere.
  const waits = waiting(graph, sums.slopes, free)
  const later = b.subtract(b.one, isFirst)
  const moves = freedoms(b, problem, best, gradient).map((is, i) => (waits[i] ? b.multiply(is, later) : is))
  const step = stepFrom(
    b,
    problem,
    { best, gradient, matrix, scale, moves },
    waits.includes(true) ? b.select(isFirst, b.constant(ALONE), damping) : damping,
  )

  // Small beside what is left, or beside the parameters.
  const sizeOf = (x: readonly number[]) => weightedSquares(b, scale, x)
  const isSmall = b.select(
    waits.includes(true) ? b.multiply(step.isSound, later) : step.isSound,
    b.operation(
      'max',
      b.operation('lessOrEqual', step.reduction, b.multiply(b.constant(tolerance), cost)),
      b.operation(
        'lessOrEqual',
        sizeOf(step.delta),
        b.multiply(b.constant(tolerance * tolerance), sizeOf(best)),
      ),
    ),
    b.zero,
  )
  // With damping any step becomes small: only one almost without it tells.
  const isUndamped = b.operation('lessOrEqual', damping, b.multiply(b.constant(SLIGHT), step.leastPivot))
  const confirmations = name('@confirmations')
  const isTired = b.operation('lessOrEqual', b.constant(CONFIRMATIONS), confirmations)
  const wantsUndamped = b.multiply(isSmall, b.subtract(b.one, isUndamped))
  const whenSmall = b.select(
    isUndamped,
    b.constant(CONVERGED),
    b.select(isTired, b.constant(STALLED), b.zero),
  )
  const reason = b.select(
    b.operation('equal', cost, b.constant(Infinity)),
    b.constant(NOT_FINITE),
    b.select(isSmall, whenSmall, b.zero),
  )
  const outputs = [
    ...step.trial,
    ...fixed.map(name),
    ...best,
    cost,
    ...gradient,
    ...matrix,
    ...scale,
    b.select(wantsUndamped, b.zero, damping),
    growth,
    step.predicted,
    b.add(confirmations, wantsUndamped),
    reason,
  ]
  return compile(graph, outputs, state.names, columns)
}

/** Sums over the rows at the trial point: costs, half their gradient, JᵀWJ. */
export function sumsOf(problem: Problem, b: Builder, second: 'weight' | 'curvature') {
  const { graph, model, free } = problem
  const { gradient: slopes } = differentiate(graph, model, free, () => false)
  const { cost, slope, [second]: factor } = termsOf(problem)
  const weighted = slopes.map((node) => b.multiply(factor, node))
  return {
    slopes,
    cost: b.sum(cost),
    gradient: slopes.map((node) => b.sum(b.multiply(slope, node))),
    matrix: triangle(free.length, (i, j) => b.sum(b.multiply(weighted[i], slopes[j]))),
  }
}

/** Which parameters wait for the others: those that the model is not linear in, if there are both. */
function waiting(graph: Graph, slopes: readonly number[], free: readonly string[]): boolean[] {
  const uses = slopes.map((slope) => namesIn(graph, slope))
  const linear: number[] = []
  for (const i of free.keys()) {
    const joined = [...linear, i]
    if (joined.every((j) => joined.every((k) => !uses[j].has(free[k])))) linear.push(i)
  }
  return free.map((_, i) => linear.length > 0 && !linear.includes(i))
}

function namesIn(graph: Graph, root: number, seen = new Set<number>()): Set<string> {
  if (seen.has(root)) return new Set()
  seen.add(root)
  const node = graph.nodes[root]
  if (node.kind === 'name') return new Set([node.name])
  return new Set(graph.operandsOf(root).flatMap((operand) => [...namesIn(graph, operand, seen)]))
}

/** λ and the factor by which it grows, from what a step has gained to what was predicted. */
function dampingAfter(
  b: Builder,
  name: (of: string) => number,
  isBetter: number,
  isFirst: number,
  gain: number,
) {
  const [damping, growth] = [name('@damping'), name('@growth')]
  const off = b.subtract(b.add(gain, gain), b.one)
  const factor = b.subtract(b.one, b.multiply(b.multiply(off, off), off))
  const shrunk = b.multiply(damping, b.operation('max', b.constant(1 / 3), factor))
  const grown = b.operation('max', b.multiply(damping, growth), b.constant(DAMPED_AGAIN))
  const next = b.select(isFirst, damping, b.select(isBetter, shrunk, grown))
  return {
    damping: b.operation('max', b.select(damping, next, b.zero), b.constant(UNDAMPED)),
    growth: b.select(b.multiply(damping, b.subtract(b.one, isBetter)), b.add(growth, growth), b.constant(2)),
  }
}

interface Point {
  readonly best: readonly number[]
  readonly gradient: readonly number[]
  readonly matrix: readonly number[]
  readonly scale: readonly number[]
  /** 1 for each parameter that may move, 0 for others. */
  readonly moves: readonly number[]
}

/** Where to go from the best point. */
function stepFrom(b: Builder, problem: Problem, point: Point, damping: number) {
  const { best, gradient, matrix } = point
  const { scales, factors, right, leastPivot } = equations(b, point, damping)
  const isSound = b.operation('less', b.zero, leastPivot)
  const u = solve(b, factors, right)
  const delta = u.map((x, i) => b.multiply(scales[i], x))
  const reduction = dot(
    b,
    u,
    u.map((x, i) => b.add(right[i], b.multiply(damping, x))),
  )
  const trial = best.map((x, i) => b.select(isSound, bounded(b, problem, i, b.add(x, delta[i])), x))
  const isBounded = [...problem.min, ...problem.max].some(Number.isFinite)
  const taken = trial.map((x, i) => b.subtract(x, best[i]))
  const along = b.add(dot(b, gradient, taken), dot(b, gradient, taken))
  const predicted = isBounded ? b.negate(b.add(along, dot(b, taken, product(b, matrix, taken)))) : reduction
  return { delta, reduction, trial, predicted, isSound, leastPivot }
}

export function bounded(b: Builder, { min, max }: Problem, i: number, x: number): number {
  const above = min[i] === -Infinity ? x : b.operation('max', x, b.constant(min[i]))
  return max[i] === Infinity ? above : b.operation('min', above, b.constant(max[i]))
}

/** JᵀWJ + λ·D, scaled so that D is 1, in factors; and the right side. What may not move is left out. */
export function equations(b: Builder, { gradient, matrix, scale, moves }: Point, damping: number) {
  const size = gradient.length
  const scales = scale.map((d) => b.select(d, b.divide(b.one, b.operation('sqrt', d)), b.one))
  const scaled = triangle(size, (i, j) => {
    const inside = b.multiply(
      b.multiply(matrix[inTriangle(i, j)], b.multiply(scales[i], scales[j])),
      b.multiply(moves[i], moves[j]),
    )
    return i === j ? b.select(moves[i], b.add(inside, damping), b.one) : inside
  })
  const factors = factorize(b, scaled, size)
  const leastPivot = factors.diagonal.reduce((least, pivot) => b.operation('min', least, pivot))
  const right = gradient.map((g, i) => b.multiply(b.multiply(b.negate(g), scales[i]), moves[i]))
  return { scales, factors, right, leastPivot }
}

/** 1, or 0 where a parameter is at a bound that it would leave. */
export function freedoms(
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

/** A pivot, of a matrix whose diagonal is 1, that is mostly rounding. */
const LEAST_PIVOT = 1e-13
/**
 * Where the next step would be larger than this part of a standard error, and than the tolerance allows, a fit has
 * not converged …
 */
const OFFSET = 1e-3
/** … unless the data are met so well that it is less than this part of the parameters, or than the tolerance. */
const EXACT = 1e-9
/** Of a diagonal of JᵀWJ that has been larger so many times, nothing is left but what a step has not quite reached. */
const FADED = 1e-12

/** 2⁻¹⁰¹⁰. Sums of squares below it may have lost digits, as these are near the least numbers that there are. */
const TINY = 9.113902524445497e-305

/**
 * The names of what {@link summary} reads: the best point, cost, gradient, matrix, and degrees of freedom where all
 * vary; where it looks closer, also the largest diagonal of the matrix so far, and where parameters started.
 */
function summaryNames({ free }: Problem, isCloser: boolean): readonly string[] {
  const size = free.length
  return [
    ...named('best', size),
    '@cost',
    ...named('gradient', size),
    ...named('matrix', inTriangle(size, 0)),
    '@freedom',
    ...(isCloser ? [...named('scale', size), ...named('start', size)] : []),
  ]
}

/** At which runs the summary is to look closer; at the others, which are nearly all, it would find nothing. */
export function doubtful(
  size: number,
  point: readonly FloatArray[],
  largest: readonly FloatArray[],
  runs: number,
): Uint32Array {
  const some = new Set<number>()
  const cost = point[size]
  for (let run = 0; run < runs; run++) if (cost[run] < TINY) some.add(run)
  for (const [i, most] of largest.entries()) {
    const diagonal = point[2 * size + 1 + inTriangle(i, i)]
    for (let run = 0; run < runs; run++) {
      if (diagonal[run] < TINY || diagonal[run] <= FADED * most[run]) some.add(run)
    }
  }
  return Uint32Array.from(some)
}

/**
 * What is said of a fit that has stopped. Its outputs are the point and the cost, the covariance's lower triangle,
 * a verdict on the point, which parameters a bound holds (as bits), and 1, as it does not go on. A closer look also tells
 * of which parameters the data say nothing (as bits), and whether squares may have been lost as too small.
 *
 * Where a fit has converged, the step without λ that is left is taken, and the cost lowered by what it gains: it is
 * so short that no evaluation could tell the difference. What a bound holds counts as fixed there.
 */
export function summary(
  problem: Problem,
  isAbsolute: boolean,
  tolerance: number,
  isCloser: boolean,
): Program {
  const { graph, free } = problem
  const size = free.length
  const b = new Builder(graph)
  const known = (of: string, count: number) => named(of, count).map((name) => graph.name(name))
  const [best, gradient] = [known('best', size), known('gradient', size)]
  const matrix = known('matrix', inTriangle(size, 0))
  const scale = free.map((_, i) => matrix[inTriangle(i, i)])
  const [cost, freedom] = [graph.name('@cost'), graph.name('@freedom')]

  const exact = b.constant(Math.max(EXACT * EXACT, 4 * tolerance * tolerance))
  // As squares of products: there are larger numbers than have a square.
  const lengths = scale.map((d, i) => b.multiply(b.operation('sqrt', d), best[i]))
  const least = b.multiply(exact, dot(b, lengths, lengths))
  const limit = b.operation(
    'max',
    b.multiply(b.constant(Math.max(OFFSET * OFFSET, 2 * tolerance)), cost),
    least,
  )
  // Squares that are too large for a number say nothing.
  const isInRange = b.operation('less', limit, b.constant(Infinity))

  const inside = freedoms(b, problem, best, gradient)
  const held = inside.map((is) => b.subtract(b.one, is))
  const ends = { best, scale, largest: known('scale', size), starts: known('start', size) }
  const vague = isCloser ? fading(b, ends, least).map((is, i) => b.multiply(is, inside[i])) : []
  const moves = isCloser ? inside.map((is, i) => b.subtract(is, vague[i])) : inside
  const point = { best, gradient, matrix, scale, moves }
  const { scales, factors, right, leastPivot } = equations(b, point, b.zero)
  const isSound = b.operation('less', b.constant(LEAST_PIVOT), leastPivot)

  const u = solve(b, factors, right)
  const offset = dot(b, right, u)
  const isOff = b.operation('less', limit, offset)
  const isClose = b.multiply(isSound, b.subtract(b.one, isOff))
  const polished = best.map((x, i) =>
    b.select(isClose, bounded(b, problem, i, b.add(x, b.multiply(scales[i], u[i]))), x),
  )
  const lowered = b.select(isClose, b.operation('max', b.subtract(cost, offset), b.zero), cost)
  const ifInRange = (x: number) => b.select(isInRange, x, b.constant(NaN))
  const rest = ifInRange(lowered)

  // Without a degree of freedom it is NaN, and not ∞ where some rounding is left.
  const left = held.reduce((sum, is) => b.add(sum, is), freedom)
  const scaled = b.select(left, b.divide(rest, left), b.constant(NaN))
  const variance = isAbsolute ? b.one : scaled
  const inverse = invert(b, factors, size)
  const covariance = triangle(size, (i, j) => {
    const known = b.multiply(
      b.multiply(inverse[inTriangle(i, j)], b.multiply(scales[i], scales[j])),
      variance,
    )
    return b.select(b.multiply(isSound, b.multiply(moves[i], moves[j])), known, b.constant(NaN))
  })
  const isSingular = vague.reduce((any, is) => b.operation('max', any, is), b.subtract(b.one, isSound))
  const atPoint = b.select(isOff, b.constant(STALLED), b.constant(CONVERGED))
  const verdict = b.select(
    isInRange,
    b.select(isSingular, b.constant(SINGULAR), atPoint),
    b.constant(NOT_FINITE),
  )
  const isTiny = scale
    .map((d, i) => b.multiply(inside[i], b.operation('less', d, b.constant(TINY))))
    .reduce((any, is) => b.operation('max', any, is), b.operation('less', cost, b.constant(TINY)))
  const outputs = [
    ...[...polished.map(ifInRange), rest, ...covariance],
    ...[verdict, bits(b, held)],
    ...(isCloser ? [bits(b, vague), isTiny] : []),
  ]
  // As many as there are names: what goes in and what comes out of an iteration has the same places.
  const names = summaryNames(problem, isCloser)
  const unused = Array.from({ length: names.length - outputs.length }, () => b.zero)
  return compile(graph, [...outputs, ...unused, b.one], names, [])
}

interface Ends {
  readonly best: readonly number[]
  readonly scale: readonly number[]
  readonly largest: readonly number[]
  readonly starts: readonly number[]
}

/**
 * Whether the model no longer depends on a parameter, as on b in a·exp(−b·t) + c where a is 0: to move it by itself, or
 * by where it started, makes no difference, though it has made one on the way.
 *
 * @param least what makes a difference
 */
function fading(b: Builder, { best, scale, largest, starts }: Ends, least: number): number[] {
  return best.map((x, i) => {
    const size = b.operation('max', b.operation('abs', x), b.operation('abs', starts[i]))
    const length = b.multiply(b.operation('sqrt', scale[i]), size)
    const isIdle = b.operation('lessOrEqual', b.multiply(length, length), least)
    const isFaded = b.operation('lessOrEqual', scale[i], b.multiply(b.constant(FADED), largest[i]))
    return b.multiply(isIdle, isFaded)
  })
}

/** Conditions as the bits of a number. */
function bits(b: Builder, conditions: readonly number[]): number {
  return conditions.map((is, i) => b.multiply(b.constant(1 << i), is)).reduce((sum, bit) => b.add(sum, bit))
}

/** Σ D·x². */
function weightedSquares(b: Builder, scale: readonly number[], x: readonly number[]): number {
  return dot(
    b,
    scale,
    x.map((number) => b.multiply(number, number)),
  )
}
