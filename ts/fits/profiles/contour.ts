/**
 * Contours: curves in the plane of two parameters, on which χ², minimized over all other parameters, equals a
 * threshold.
 */

import { OptionError } from '../../core/errors.js'
import { createRecord } from '../../core/untrusted-input.js'
import { elementary } from '../../functions/index.js'
import type { EngineCall } from '../../many/engines/execute.js'
import { type GivenOf, integerBetween, type ValuesOf } from '../../options/kinds.js'
import { probability } from '../problem/confidence-level.js'
import { type ProfileEndReason, profileEndReasons } from '../problem/reasons.js'
import {
  computeDegreesOfFreedom,
  type FitContext,
  getVariance,
  type LowerMinimumColumns,
} from '../solve/fit-context.js'
import { Iterations } from '../solve/iterations.js'
import { evaluateParameter } from '../uncertainty/estimates.js'
import { compileValues, endpointReason, unavailableBecause } from './profile.js'
import { toLowerMinimum, varyingNames } from './profile-result.js'
import { type TraceEnds, traceProfiles } from './trace.js'

const { cos, sin, log, pow } = elementary('float64')

/**
 * Smallest positive number, in place of a direction of 0. A trace in this direction does not move the parameter
 * noticeably.
 */
const UNKNOWN_POINT = Number.MIN_VALUE

export const contourTable = {
  /** Joint confidence level of both parameters, between 0 and 1. Default 0.95. */
  level: probability,
  /** Number of points, from 4 to 4096. Default 64. */
  points: integerBetween(4, 4096, 64),
}

/** Options of `contour`. */
export interface ContourOptions extends GivenOf<typeof contourTable> {}

/** A contour: points around the estimate, with the reason for the position of each point. */
export interface Contour<Names extends string = string> {
  /**
   * Coordinates of the points by parameter name. A coordinate is ±∞ if the region is unbounded, and NaN if the point is
   * unknown.
   */
  readonly points: Readonly<Record<Names, Float64Array>>
  /** Reason for the position of each point. */
  readonly reasons: readonly ProfileEndReason[]
  /** Warnings about the points, as a string that is empty without warnings. */
  readonly message: string
  /**
   * A point at which χ² is less than at the fit, with the values of all free parameters; null if the contour found no
   * lower point.
   */
  readonly lowerMinimum: Readonly<{ values: Readonly<Record<string, number>>; chiSquared: number }> | null
}

/** Validates the names of two free or derived parameters. */
export function readPair(
  a: unknown,
  b: unknown,
  { problem, parameters }: FitContext,
): readonly [string, string] {
  const known = varyingNames(problem)
  const what = known.length > problem.free.length ? ' or derived quantity' : ''
  const expected = (name: unknown) => {
    const own = parameters.find((parameter) => parameter.name === name)
    const why = own === undefined ? '' : own.expr === null ? `; ${name} is fixed` : `; ${name} does not vary`
    return `a free parameter${what}: ${known.join(', ')}${why}`
  }
  const isKnown = (name: unknown): name is string => known.includes(name as string)
  if (!isKnown(a)) throw new OptionError('a', expected(a), a)
  if (!isKnown(b) || a === b) throw new OptionError('b', a === b ? `a name other than ${a}` : expected(b), b)
  return [a, b]
}

/** Traces a contour around a fit. See {@link contourRays}. */
export function* traceContour(
  context: FitContext,
  fit: number,
  pair: readonly [string, string],
  { level, points: count }: ValuesOf<typeof contourTable>,
): Generator<EngineCall, Contour> {
  const own = pair.map((name) => evaluateParameter(context, name, fit))
  const { outwards, derived, ...rays } = contourRays(context, fit, pair, own, count)
  const threshold = new Float64Array(count).fill(contourThreshold(context, fit, level))
  const points = pair.map(() => new Float64Array(count).fill(NaN))
  const values = pair.map((name) => compileValues(context, name))
  const reasons = new Array<ProfileEndReason>(count).fill('unavailable')
  let lower: LowerMinimumColumns | undefined
  const takeEnds = (_: Uint32Array, ends: TraceEnds) => {
    for (let k = 0; k < count; k++) {
      const reason = profileEndReasons[endpointReason(context, fit, ends, k)] as ProfileEndReason
      reasons[k] = reason
      for (const side of pair.keys()) {
        const out = outwards[side][k]
        if (reason === 'found' || reason === 'bound') points[side][k] = values[side](fit, k, ends)
        if (reason === 'unbounded' || reason === 'flat') {
          points[side][k] = out === UNKNOWN_POINT ? own[side][0] : Infinity * out
        }
      }
      if (reason === 'lower-minimum' && !(lower && lower.chiSquared <= ends.cost[k])) {
        lower = { x: ends.point.map((x) => x[k]), chiSquared: ends.cost[k] }
      }
    }
  }
  const why = unavailableBecause(context, fit)
  const iterations = new Iterations(context.compiled, context.choice.runner.threads)
  if (why === undefined) {
    const request = { derived, each: count, makeTrace: () => ({ ...rays, threshold }), takeEnds }
    yield* traceProfiles(context, iterations, Uint32Array.of(fit), request)
  }
  iterations.release()
  return {
    points: createRecord(pair, (_, side) => points[side]),
    reasons,
    message: describeContour(reasons, why),
    lowerMinimum: toLowerMinimum(context.problem, lower),
  }
}

/**
 * Directions of the traces. For a model that is linear within the standard errors, the contour is an ellipse, and the
 * points are evenly spaced in the angle of the ellipse. For derived quantities, each trace maximizes a weighted sum of
 * the two quantities. The trace ends at a point of the contour at which the line of constant sum is tangent to the
 * contour.
 *
 * @param own values of the two parameters, followed by their derivatives
 */
function contourRays(
  context: FitContext,
  fit: number,
  pair: readonly [string, string],
  own: readonly (readonly number[])[],
  count: number,
) {
  const { free, min, max } = context.problem
  const places = pair.map((name) => free.indexOf(name))
  const scales = contourScales(context, fit, own)
  const reach = new Float64Array(count).fill(Infinity)
  if (places.includes(-1)) {
    const outwards = tangentDirections(scales, count)
    return { outwards, directions: outwards, reach, derived: pair }
  }
  const outwards = straightDirections(scales, count)
  const directions: Float64Array[] = free.map(() => new Float64Array(count))
  for (const [side, i] of places.entries()) {
    directions[i] = outwards[side]
    const x = context.solved.free[i][fit]
    for (const [k, by] of outwards[side].entries()) {
      reach[k] = Math.min(reach[k], ((by > 0 ? max[i] : min[i]) - x) / by)
    }
  }
  return { outwards, directions, reach, derived: [] }
}

/** Lower triangle of the Cholesky factor of both parameters' covariance. */
type ContourScales = readonly [first: number, across: number, second: number]

/**
 * Directions at equal angles of the ellipse. No component of a direction may be 0, because the trace would otherwise
 * optimize the parameter of that component.
 */
function straightDirections([first, across, second]: ContourScales, count: number): Float64Array[] {
  return circleDirections(count, (x, y) => [
    first * x || UNKNOWN_POINT,
    across * x + second * y || UNKNOWN_POINT,
  ])
}

/** Weights of the sum that each trace maximizes. */
function tangentDirections([first, across, second]: ContourScales, count: number): Float64Array[] {
  return circleDirections(count, (x, y) => [(x - (across / second) * y) / first, y / second])
}

function circleDirections(
  count: number,
  compute: (x: number, y: number) => readonly [number, number],
): Float64Array[] {
  const all = Array.from({ length: count }, (_, k) => {
    const angle = (2 * Math.PI * k) / count
    return compute(cos(angle), sin(angle))
  })
  return [0, 1].map((side) => Float64Array.from(all, (both) => both[side]))
}

/** @param own values of the two parameters, followed by their derivatives */
function contourScales(
  { solved }: FitContext,
  fit: number,
  own: readonly (readonly number[])[],
): ContourScales {
  const [a, b] = own.map(([, ...slopes]) => slopes)
  const [aa, ab, bb] = [
    getVariance(solved, fit, a),
    getVariance(solved, fit, a, b),
    getVariance(solved, fit, b),
  ]
  const first = Math.sqrt(aa)
  const across = ab / first
  const second = Math.sqrt(bb - across * across)
  if (first > 0 && second > 0) return [first, across, second]
  // Without standard errors, the scale is the magnitude of the estimates.
  const [x, y] = own.map(([value]) => Math.abs(value) || 1)
  return [aa > 0 ? first : x, 0, bb > 0 ? Math.sqrt(bb) : y]
}

/** Threshold of χ², from a quantile of F(2, n), or of χ²(2) if σ is known. Both quantiles have a closed form. */
function contourThreshold(context: FitContext, fit: number, level: number): number {
  const cost = context.solved.cost[fit]
  return context.isAbsolute
    ? cost - 2 * log(1 - level)
    : cost * pow(1 - level, -2 / computeDegreesOfFreedom(context, fit))
}

const reasonTexts: Readonly<Record<Exclude<ProfileEndReason, 'found'>, string>> = {
  bound: 'at a bound, with χ² below the threshold',
  'domain-limit': 'at the limit of the model, with χ² below the threshold',
  unbounded: 'at infinity: χ² stays below the threshold',
  flat: 'at infinity: other parameters compensate',
  'ill-conditioned': 'unknown: derivatives are too similar',
  'lower-minimum': 'unknown: χ² has a lower minimum on the way',
  failed: 'not found',
  unavailable: 'not computed',
}

function describeContour(reasons: readonly ProfileEndReason[], why: string | undefined): string {
  if (why !== undefined) return `no contour: ${why}`
  const said = profileEndReasons.flatMap((reason) => {
    const many = reasons.filter((other) => other === reason).length
    return many === 0 || reason === null || reason === 'found' ? [] : [`${many} are ${reasonTexts[reason]}`]
  })
  return said.length === 0 ? '' : `of ${reasons.length} points ${said.join('; ')}`
}
