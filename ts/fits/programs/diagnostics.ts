/** Compiles the diagnostics of stopped fits to a program. */

import { Builder } from '../../expressions/differentiate.js'
import { defineLines, INFINITY } from '../../expressions/lines.js'
import { compile, type Program } from '../../expressions/program.js'
import type { Problem } from '../problem/problem.js'
import { CONVERGED, NOT_FINITE, SINGULAR, STALLED } from '../problem/reasons.js'
import { dot, triangle, triangleIndex } from './ldlt.js'
import { clampToBounds, freeDirections, numberedNames } from './levenberg-marquardt.js'
import type { StepEquations } from './step-equations.js'

/**
 * A fit has not converged if the next step would be longer than this fraction of a standard error, and also longer than
 * the tolerance allows.
 */
export const OFFSET_TOLERANCE = 1e-3
/**
 * For data that the model fits almost exactly, a fit has also converged if the next step is shorter than this fraction
 * of the parameters, or shorter than the tolerance.
 */
export const EXACT_FIT_RATIO = 1e-9
/**
 * If the last step reduces the cost to less than this fraction, the cost counts as 0, because the model fits the data
 * exactly except for rounding.
 */
const MIN_RELATIVE_GRADIENT = 1e-9
/**
 * A diagonal element of JᵀWJ counts as faded if the element is below this fraction of its largest value in the fit. A
 * faded element is above 0 only because the last step was incomplete.
 */
export const FADED_RATIO = 1e-12

/**
 * Upper limit for the predicted gain of the last step, relative to the cost and to the length of the parameter vector.
 */
const gainLimit = defineLines(
  `
  # Overflowing squares carry no information.
  least = exact*squaredLength
  limit = max(offset*cost, least)
  isInRange = limit < INFINITY
`,
  { INFINITY },
)

/** The reason why the fit ended, and the cost after the last step of the fit. */
const conclusion = defineLines(
  `
  isSound = pivotTolerance < leastPivot
  isOff = limit < reduction
  # A longer step would need an evaluation, because it may diverge.
  isClose = isSound && reduction <= max(2*tolerance*cost, least)
  rest = cost - reduction
  isLeft = MIN_RELATIVE_GRADIENT*cost < rest
  lowered = isClose ? (isLeft ? rest : 0) : cost
  left = isInRange ? lowered : NOT_A_NUMBER

  # NaN if no degrees of freedom are left, even if rounding leaves a residual.
  scaled = freedom ? left/freedom : NOT_A_NUMBER
  atPoint = isOff ? STALLED : CONVERGED
  ifSound = isSound ? (isVague ? SINGULAR : atPoint) : whenBelowMin
  verdict = isInRange ? ifSound : NOT_FINITE
`,
  { CONVERGED, MIN_RELATIVE_GRADIENT, NOT_A_NUMBER: NaN, NOT_FINITE, SINGULAR, STALLED },
)

/**
 * Input names of {@link compileDiagnostics}, in order: the best point, its cost, gradient and matrix, and the degrees
 * of freedom if all parameters are free. The refined check also reads the largest diagonal of the matrix so far and the
 * starting values. The scaling units are the last inputs of the program.
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
 * Compiles the diagnostics of a stopped fit. The outputs are the point, the cost, the lower triangle of the covariance,
 * the reason, a bit per parameter at a bound, and 1 to end the program. The refined check also returns a bit per
 * unidentifiable parameter, the standard errors, and the remaining predicted gain.
 *
 * If a fit has converged, the remaining undamped step is taken, and the cost is lowered by the step's predicted gain.
 * The remaining step is so short that an evaluation of the cost could not show the difference. Parameters at a bound
 * count as fixed.
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

  // The code squares products instead of multiplying squares, because the squares of large numbers overflow.
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
  // The outputs are padded, because an iteration has as many outputs as inputs, plus the reason.
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
 * Whether the model no longer depends on a parameter, although the model depended on the parameter earlier in the fit.
 * An example is b in a·exp(−b·t) + c after a has become 0. A parameter counts as unidentifiable if a change by its own
 * value, or by its starting value, changes the cost by at most `least`.
 *
 * @param least smallest change of the cost that counts
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

/** Packs conditions into the bits of one number. */
function packBits(b: Builder, conditions: readonly number[]): number {
  return conditions.map((is, i) => b.multiply(b.constant(1 << i), is)).reduce((sum, bit) => b.add(sum, bit))
}
