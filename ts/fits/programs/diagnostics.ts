/** What is said of fits that have stopped, as a program. */

import { Builder } from '../../expressions/differentiate.js'
import { defineLines, INFINITY } from '../../expressions/lines.js'
import { compile, type Program } from '../../expressions/program.js'
import type { Problem } from '../problem/problem.js'
import { CONVERGED, NOT_FINITE, SINGULAR, STALLED } from '../problem/reasons.js'
import { dot, triangle, triangleIndex } from './ldlt.js'
import { clampToBounds, freeDirections, numberedNames } from './levenberg-marquardt.js'
import type { StepEquations } from './step-equations.js'

/**
 * Where the next step would be larger than this part of a standard error, and than the tolerance allows, a fit has
 * not converged …
 */
export const OFFSET_TOLERANCE = 1e-3
/** … unless the data are met so well that it is less than this part of the parameters, or than the tolerance. */
export const EXACT_FIT_RATIO = 1e-9
/** What the last step leaves of a cost is none, if it is less than this part: but for rounding, data are met exactly. */
const MIN_RELATIVE_GRADIENT = 1e-9
/** Of a diagonal of JᵀWJ that has been larger so many times, nothing is left but what a step has not quite reached. */
export const FADED_RATIO = 1e-12

/** How much the last step may still gain, where the parameters have a length. */
const gainLimit = defineLines(
  `
  # Squares that are too large for a number say nothing.
  least = exact*squaredLength
  limit = max(offset*cost, least)
  isInRange = limit < INFINITY
`,
  { INFINITY },
)

/** The verdict on the point, and what the last step leaves of the cost. */
const conclusion = defineLines(
  `
  isSound = pivotTolerance < leastPivot
  isOff = limit < reduction
  # A step that is not so short would have to be looked at: it may lead away.
  isClose = isSound && reduction <= max(2*tolerance*cost, least)
  rest = cost - reduction
  isLeft = MIN_RELATIVE_GRADIENT*cost < rest
  lowered = isClose ? (isLeft ? rest : 0) : cost
  left = isInRange ? lowered : NOT_A_NUMBER

  # Without a degree of freedom it is NaN, and not ∞ where some rounding is left.
  scaled = freedom ? left/freedom : NOT_A_NUMBER
  atPoint = isOff ? STALLED : CONVERGED
  ifSound = isSound ? (isVague ? SINGULAR : atPoint) : whenBelowMin
  verdict = isInRange ? ifSound : NOT_FINITE
`,
  { CONVERGED, MIN_RELATIVE_GRADIENT, NOT_A_NUMBER: NaN, NOT_FINITE, SINGULAR, STALLED },
)

/**
 * The names of what {@link compileDiagnostics} reads: the best point, cost, gradient, matrix, and degrees of freedom where all
 * vary; where it looks closer, also the largest diagonal of the matrix so far, and where parameters started; units.
 */
function diagnosticNames({ free }: Problem, algebra: StepEquations, isCloser: boolean): readonly string[] {
  const size = free.length
  return [
    ...numberedNames('best', size),
    '@cost',
    ...numberedNames('right', size),
    ...numberedNames('matrix', triangleIndex(size, 0)),
    '@freedom',
    ...(isCloser ? [...numberedNames('scale', size), ...numberedNames('start', size)] : []),
    ...algebra.units(size),
  ]
}

/**
 * What is said of a fit that has stopped. Its outputs are the point and the cost, the covariance's lower triangle,
 * a verdict on the point, which parameters a bound holds (as bits), and 1, as it does not go on. A closer look also tells
 * of which parameters the data say nothing (as bits), and whether squares may have been lost as too small.
 *
 * Where a fit has converged, the step without λ that is left is taken, and the cost lowered by what it gains: it is
 * so short that no evaluation could tell the difference. What a bound holds counts as fixed there.
 */
export function compileDiagnostics(
  problem: Problem,
  algebra: StepEquations,
  isAbsolute: boolean,
  tolerance: number,
  isCloser: boolean,
): Program {
  const { graph, free } = problem
  const size = free.length
  const b = new Builder(graph)
  const read = (stem: string, count: number) => numberedNames(stem, count).map((name) => graph.name(name))
  const best = read('best', size)
  const sums = { right: read('right', size), matrix: read('matrix', triangleIndex(size, 0)) }
  const scale = algebra.diagonal(b, sums)
  const [cost, freedom] = [graph.name('@cost'), graph.name('@freedom')]

  // As squares of products: there are larger numbers than have a square.
  const inUnits = algebra.inUnits(b, best)
  const lengths = scale.map((d, i) => b.multiply(b.operation('sqrt', d), inUnits[i]))
  const squaredLength = dot(b, lengths, lengths)
  const exact = b.constant(Math.max(EXACT_FIT_RATIO * EXACT_FIT_RATIO, 4 * tolerance * tolerance))
  const offset = b.constant(Math.max(OFFSET_TOLERANCE * OFFSET_TOLERANCE, 2 * tolerance))
  const limits = gainLimit(b, { cost, squaredLength, exact, offset })

  const inside = freeDirections(b, problem, best, algebra.gradient(b, sums))
  const held = inside.map((is) => b.subtract(b.one, is))
  const starts = algebra.inUnits(b, read('start', size))
  const ends = { best: inUnits, scale, largest: read('scale', size), starts }
  const vague = isCloser
    ? findFadingParameters(b, ends, limits.least).map((is, i) => b.multiply(is, inside[i]))
    : []
  const moves = isCloser ? inside.map((is, i) => b.subtract(is, vague[i])) : inside
  const { delta, reduction, leastPivot, covariance } = algebra.equations(b, { ...sums, scale, moves }, b.zero)
  const { isSound, isClose, left, scaled, verdict } = conclusion(b, {
    ...limits,
    cost,
    reduction,
    leastPivot,
    pivotTolerance: b.constant(algebra.leastPivot),
    tolerance: b.constant(tolerance),
    freedom: held.reduce((sum, is) => b.add(sum, is), freedom),
    isVague: vague.reduce((any, is) => b.operation('max', any, is), b.zero),
    whenBelowMin: b.constant(algebra.whenBelowMin),
  })
  const polished = best.map((x, i) => b.select(isClose, clampToBounds(b, problem, i, b.add(x, delta[i])), x))
  const ifInRange = (x: number) => b.select(limits.isInRange, x, b.constant(NaN))
  const { all, errors } = covariance(isAbsolute ? null : scaled)
  const ifKnown = (node: number, i: number, j = i) =>
    b.select(b.multiply(isSound, b.multiply(moves[i], moves[j])), node, b.constant(NaN))
  const outputs = [
    ...[...polished.map(ifInRange), algebra.cost(b, left)],
    ...triangle(size, (i, j) => ifKnown(all[triangleIndex(i, j)], i, j)),
    ...[verdict, packBits(b, held)],
    ...(isCloser ? [packBits(b, vague), ...errors.map((error, i) => ifKnown(error, i)), reduction] : []),
  ]
  // As many as there are names: what goes in and what comes out of an iteration has the same places.
  const names = diagnosticNames(problem, algebra, isCloser)
  const unused = names.slice(outputs.length).map(() => b.zero)
  return compile(graph, [...outputs, ...unused, b.one], names, [])
}

interface DiagnosticPoint {
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
function findFadingParameters(
  b: Builder,
  { best, scale, largest, starts }: DiagnosticPoint,
  least: number,
): number[] {
  return best.map((x, i) => {
    const size = b.operation('max', b.operation('abs', x), b.operation('abs', starts[i]))
    const length = b.multiply(b.operation('sqrt', scale[i]), size)
    const isIdle = b.operation('lessOrEqual', b.multiply(length, length), least)
    const isFaded = b.operation('lessOrEqual', scale[i], b.multiply(b.constant(FADED_RATIO), largest[i]))
    return b.multiply(isIdle, isFaded)
  })
}

/** Conditions as the bits of a number. */
function packBits(b: Builder, conditions: readonly number[]): number {
  return conditions.map((is, i) => b.multiply(b.constant(1 << i), is)).reduce((sum, bit) => b.add(sum, bit))
}
