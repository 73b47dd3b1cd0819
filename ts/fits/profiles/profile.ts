/**
 * Profile likelihood: the distance that each parameter can move until χ², minimized over all other parameters, reaches
 * a threshold.
 *
 * Endpoints are found by three methods. The effect of each method was measured by leaving the method out:
 * - Traces (`trace.ts`) follow all profiles at once, in lanes. Without traces, profiles take 6 to 28 times as long.
 * - If a trace fails, `endpoint-search.ts` searches for the endpoint by fits with the parameter fixed. Traces alone
 * miss 30 of 9,000 endpoints.
 * - Refits from other starting points (`endpoint-verification.ts`) verify the endpoints of poor data. Without
 * verification, endpoints of dose-response data are wrong by up to 20%.
 */

import { groupBy } from '../../core/group-by.js'
import { compile } from '../../expressions/program.js'
import { ProgramRunner } from '../../expressions/run.js'
import { type DataColumn, numbersInRun } from '../../many/batch/data.js'
import type { EngineCall } from '../../many/engines/execute.js'
import {
  BOUND,
  FAILED,
  FLAT,
  FOUND,
  fitReasons,
  ILL_CONDITIONED,
  LOWER_MINIMUM,
  UNAVAILABLE,
  UNBOUNDED,
} from '../problem/reasons.js'
import { loadProfilePrograms } from '../programs/profile-programs.js'
import {
  ALL_AT_BOUNDS,
  BOUNDED,
  MAX_DISTANCE,
  NEEDS_QR,
  REACHED,
  TRACE_FLAT,
  TRACE_LOWER_MINIMUM,
  TRACE_UNBOUNDED,
} from '../programs/trace-program.js'
import { computeDegreesOfFreedom, type ProfileContext, type ProfiledEndpoints } from '../solve/fit-context.js'
import type { Iterations } from '../solve/iterations.js'
import { isExact, sumOfSquares } from '../uncertainty/statistics.js'
import { studentQuantile } from '../uncertainty/student-t.js'
import {
  BEYOND_BOUND,
  type Endpoint,
  type EndpointSearch,
  FixedParameterSolver,
  searchEndpoints,
} from './endpoint-search.js'
import {
  isNonlinear,
  SAFETY_START_COUNT,
  SCALE_LIMITS,
  START_COUNT,
  signConstraints,
  verifyEndpoints,
} from './endpoint-verification.js'
import { type ProfileTraces, type TraceEnds, type TraceRequest, traceProfiles } from './trace.js'

/** Columns for profiles that have not been computed. */
export function emptyProfiles(names: readonly string[], level: number, count: number): ProfiledEndpoints {
  const ends = () => names.map(() => new Float64Array(count).fill(NaN))
  const reasons = () => names.map(() => new Uint8Array(count).fill(UNAVAILABLE))
  return {
    names,
    level,
    low: ends(),
    high: ends(),
    lowReason: reasons(),
    highReason: reasons(),
    lowerMinimum: [],
  }
}

/** Number of fits per batch. With this number, the main thread works on one batch for a few milliseconds. */
const FITS = 256

/** Sums of squares below this limit have lost digits: 2⁻⁹⁵⁰. */
const MIN_SQUARE_ROOT = 1.0507614211323843e-286

/** Explanation why a fit has no profile, or undefined if the fit has a profile. */
export function unavailableBecause(context: ProfileContext, fit: number): string | undefined {
  const reason = fitReasons[context.solved.reason[fit]]
  if (reason !== 'converged' && reason !== 'singular') return `the fit is '${reason}'`
  if (context.isAbsolute) return undefined
  if (computeDegreesOfFreedom(context, fit) <= 0) return 'no degrees of freedom are left'
  const y = numbersInRun(context.columns.get(context.problem.y) as DataColumn, fit)
  const squares = sumOfSquares(context, fit)
  const isNumber = squares < Infinity && (squares > MIN_SQUARE_ROOT || y.every((x) => x === 0))
  if (!isNumber) return 'χ² overflows or underflows; multiply the data by a power of 10'
  return isExact(context.solved.cost[fit], squares) ? 'the fit is exact except for rounding' : undefined
}

/**
 * Computes the profiles of free parameters or derived quantities of fits.
 *
 * @param callbacks index of a fit in the columns of `to`, and the receiver of the count of completed fits
 */
export function* profileParameters(
  context: ProfileContext,
  iterations: Iterations,
  fits: Uint32Array,
  to: ProfiledEndpoints,
  { place, tell }: ProfileCallbacks = { place: (fit) => fit, tell: () => {} },
): Generator<EngineCall, void> {
  for (let from = 0; from < fits.length; from += FITS) {
    const some = fits.subarray(from, from + FITS)
    for (const fit of some) {
      for (const column of [...to.low, ...to.high]) column[place(fit)] = NaN
      for (const column of [...to.lowReason, ...to.highReason]) column[place(fit)] = UNAVAILABLE
    }
    const available = some.filter((fit) => unavailableBecause(context, fit) === undefined)
    yield* profileSome({ context, iterations, fits: available, to, place })
    tell(Math.min(from + FITS, fits.length))
    yield
  }
}

interface ProfileCallbacks {
  readonly place: (fit: number) => number
  readonly tell: (done: number) => void
}

/** Fits whose profiles are computed, and the columns for the results. */
interface ProfileTask {
  readonly context: ProfileContext
  readonly iterations: Iterations
  readonly fits: Uint32Array
  readonly to: ProfiledEndpoints
  readonly place: (fit: number) => number
}

function* profileSome(task: ProfileTask): Generator<EngineCall, void> {
  const { context, iterations, fits, to } = task
  const { free, derived } = context.problem
  const places = [...to.names.keys()]
  const parameters = places.filter((k) => free.includes(to.names[k]))
  if (parameters.length > 0) {
    yield* traceProfiles(context, iterations, fits, traceEndpoints(task, parameters, []))
    for (const k of parameters) yield* searchRemaining(task, k)
  }
  for (const k of places.filter((k) => derived.has(to.names[k])))
    yield* traceProfiles(context, iterations, fits, traceEndpoints(task, [k], [to.names[k]]))
}

/** Fraction of the estimate below which a value counts as 0. */
const ZERO_TOLERANCE = 1e-5

/** An endpoint of the profile of one fit, and the index of the endpoint in the columns. */
interface BoundEndpoint extends EndpointSearch {
  readonly end: Float64Array
  readonly reason: Uint8Array
  readonly at: number
}

/**
 * Searches for the endpoints of a parameter that tracing missed. The search also repeats traces that passed 0, because
 * such traces may have jumped over a point at which nuisance parameters are infinite or the model's domain ends. All
 * doubtful endpoints are then verified.
 */
function* searchRemaining(task: ProfileTask, k: number): Generator<EngineCall, void> {
  const { context, iterations, to } = task
  const i = context.problem.free.indexOf(to.names[k])
  const ends = collectEndpoints(task, k, i)
  if (ends.length === 0) return
  const holding = (most: number, signs?: readonly number[]) =>
    new FixedParameterSolver(context, iterations, i, most, signs)
  const { walked, turned } = yield* searchOpen(task, i, ends, holding)
  // If nuisance parameters returned from the opposite infinity, their signs have changed, and the endpoint is kept
  // without verification.
  const startCountOf = (side: BoundEndpoint) => {
    if (turned.has(side) || side.reason[side.at] !== FOUND) return 0
    return walked.has(side) ? START_COUNT : verificationStarts(context, i, side)
  }
  const doubtful = ends.flatMap((side) => {
    const startCount = startCountOf(side)
    const candidate = { ...side, startCount, value: side.end[side.at], endpoint: walked.get(side) ?? null }
    return startCount === 0 ? [] : [candidate]
  })
  const signsOf = ({ point }: BoundEndpoint) => signConstraints(context.compiled, i, point)
  const alike = groupBy(doubtful, (side) => [side.startCount, ...signsOf(side)].join())
  for (const some of alike.values()) {
    const inside = (most: number) => holding(most, signsOf(some[0]))
    for (const [n, end] of (yield* verifyEndpoints(inside, some, some[0].startCount)).entries()) {
      if (end !== null) recordEndpoint(to, some[n], end)
    }
  }
}

/** Both endpoints of a parameter's profile, for each fit that can be searched. */
function collectEndpoints({ context, fits, to, place }: ProfileTask, k: number, i: number): BoundEndpoint[] {
  const { problem, solved } = context
  const limits = thresholds(context, to.level)
  const above = fits.filter((fit) => canSearch(context, fit))
  return [
    { sign: -1, bound: problem.min[i], end: to.low[k], reason: to.lowReason[k] },
    { sign: 1, bound: problem.max[i], end: to.high[k], reason: to.highReason[k] },
  ].flatMap((side) =>
    Array.from(above, (fit): BoundEndpoint => {
      const at = place(fit)
      return {
        ...side,
        fit,
        at,
        begin: solved.free[i][fit],
        error: solved.errors[i][fit],
        minimum: solved.cost[fit],
        threshold: limits(fit),
        point: solved.free.map((x) => x[fit]),
        errors: solved.errors.map((x) => x[fit]),
        passed: side.reason[at] === FAILED ? NaN : side.end[at],
      }
    }),
  )
}

/**
 * Searches for the endpoints that tracing missed, and for the endpoints that lie beyond 0.
 *
 * @returns the endpoints found, and the endpoints on whose search nuisance parameters returned from the opposite
 * infinity
 */
function* searchOpen(
  { context: { compiled }, to }: ProfileTask,
  i: number,
  ends: readonly BoundEndpoint[],
  holding: (most: number) => FixedParameterSolver,
) {
  const walked = new Map<BoundEndpoint, Endpoint>()
  const turned = new Set<BoundEndpoint>()
  const hasPassed = [FOUND, UNBOUNDED]
  const open = ends.filter(({ end, reason, at, begin }) => {
    const isPast =
      hasPassed.includes(reason[at]) &&
      loadProfilePrograms(compiled).isNonlinear(i) &&
      !(end[at] / begin > ZERO_TOLERANCE)
    return reason[at] === FAILED || isPast
  })
  if (open.length === 0) return { walked, turned }
  const held = holding(SCALE_LIMITS[0])
  for (const [n, end] of (yield* searchEndpoints(held, open)).entries()) {
    const [side, { point, isThrough }] = [open[n], end]
    if (recordEndpoint(to, side, end)) walked.set(side, end)
    const signs = [side.point, point].map((x) => signConstraints(compiled, i, x).join())
    if (isThrough && signs[0] !== signs[1]) turned.add(side)
  }
  held.release()
  return { walked, turned }
}

/**
 * Endpoints are verified if the fit has at most this many degrees of freedom: from all starting points, or from a few.
 */
const MAX_DEGREES = 6
const MAX_SAFETY_DEGREES = 20
/**
 * Half width of the Wald interval (t·error) of a nonlinear parameter, relative to the parameter's value, at and above
 * which χ² often has several minima.
 */
const MAX_RELATIVE_HALF_WIDTH = 0.5
/** The same half width of a nuisance parameter, at and above which χ² sometimes has several minima. */
const MIN_RELATIVE_HALF_WIDTH = 0.2

/**
 * Number of starting points for the verification of the endpoint of a trace, because χ² may have another minimum below
 * the threshold at the endpoint. The number is 0 for endpoints that need no verification.
 */
function verificationStarts(
  context: ProfileContext,
  i: number,
  { fit, threshold, minimum, point, errors }: BoundEndpoint,
): number {
  const freedom = computeDegreesOfFreedom(context, fit)
  const t = Math.sqrt((threshold - minimum) / (context.isAbsolute ? 1 : minimum / freedom))
  const wide = (width: number) =>
    point.flatMap((x, j) =>
      isNonlinear(context.compiled, j) && !(t * errors[j] < width * Math.abs(x)) ? [j] : [],
    )
  if (freedom <= MAX_DEGREES && wide(MAX_RELATIVE_HALF_WIDTH).length > 0) return START_COUNT
  const isNuisance = (j: number) => j !== i
  return freedom <= MAX_SAFETY_DEGREES && wide(MIN_RELATIVE_HALF_WIDTH).some(isNuisance)
    ? SAFETY_START_COUNT
    : 0
}

/** Stores an endpoint. The result is false if the trace's endpoint remains valid. */
function recordEndpoint(
  to: ProfiledEndpoints,
  { end, reason, at }: BoundEndpoint,
  { reason: why, value, point, chiSquared }: Endpoint,
): boolean {
  if (why === BEYOND_BOUND) return false
  reason[at] = why
  end[at] = why === LOWER_MINIMUM ? NaN : value
  if (why === LOWER_MINIMUM) recordLowerMinimum(to, at, point, chiSquared)
  return true
}

/** Stores a lower minimum if the minimum is the lowest one found so far. */
function recordLowerMinimum(
  to: ProfiledEndpoints,
  at: number,
  x: readonly number[],
  chiSquared: number,
): void {
  const known = to.lowerMinimum[at]
  if (known === undefined || chiSquared < known.chiSquared) to.lowerMinimum[at] = { x, chiSquared }
}

/**
 * Whether the distance of a value from the estimate, in standard errors, is so large that the interval may be
 * unbounded.
 */
function isFarFromFit({ solved }: ProfileContext, fit: number, i: number, x: number): boolean {
  return !(Math.abs(x - solved.free[i][fit]) < MIN_UNBOUNDED_DISTANCE * solved.errors[i][fit])
}

/** Whether the profiles of a fit can be searched with the parameter fixed. */
function canSearch({ compiled, problem: { free }, solved }: ProfileContext, fit: number): boolean {
  const { scales } = loadProfilePrograms(compiled)
  const isAbove = () => free.every((name, j) => !scales.has(name) || solved.free[j][fit] > 0)
  return !compiled.isDense && free.length > 1 && isAbove()
}

/** Two traces for each profiled name, and the columns that receive the ends of the traces. */
function traceEndpoints(
  { context, to, place }: ProfileTask,
  places: readonly number[],
  derived: readonly string[],
): TraceRequest {
  const { problem, solved } = context
  const limits = thresholds(context, to.level)
  const each = 2 * places.length
  const sides = places.flatMap((k) => {
    const i = problem.free.indexOf(to.names[k])
    const [min, max] = [problem.min[i], problem.max[i]]
    const side = { i, value: compileValues(context, to.names[k]) }
    return [
      { ...side, sign: -1, bound: min ?? -Infinity, end: to.low[k], reason: to.lowReason[k] },
      { ...side, sign: 1, bound: max ?? Infinity, end: to.high[k], reason: to.highReason[k] },
    ]
  })
  // Derived quantities have no bounds of their own.
  const distance = ({ i, sign, bound }: { i: number; sign: number; bound: number }, fit: number) =>
    i < 0 ? Infinity : sign * (bound - solved.free[i][fit])
  const makeTrace = (fits: Uint32Array): ProfileTraces => {
    const count = fits.length * each
    const rays = {
      directions: (sides[0].i < 0 ? ['share'] : problem.free).map(() => new Float64Array(count)),
      reach: new Float64Array(count),
      threshold: new Float64Array(count),
    }
    for (let ray = 0; ray < count; ray++) {
      const [fit, side] = [fits[Math.floor(ray / each)], sides[ray % each]]
      rays.directions[Math.max(0, side.i)][ray] = side.sign
      rays.reach[ray] = distance(side, fit)
      rays.threshold[ray] = limits(fit)
    }
    return rays
  }
  const takeEnds = (fits: Uint32Array, ends: TraceEnds) => {
    for (let ray = 0; ray < fits.length * each; ray++) {
      const [fit, side] = [fits[Math.floor(ray / each)], sides[ray % each]]
      const at = place(fit)
      const isNear =
        side.i >= 0 && canSearch(context, fit) && !isFarFromFit(context, fit, side.i, ends.point[side.i][ray])
      const seen = endpointReason(context, fit, ends, ray)
      const reason = seen === UNBOUNDED && isNear ? FAILED : seen
      if (reason === FOUND || reason === BOUND) {
        side.end[at] = ends.reason[ray] === BOUNDED ? side.bound : side.value(fit, ray, ends)
      }
      if (reason === UNBOUNDED || reason === FLAT) side.end[at] = side.sign * Infinity
      side.reason[at] = reason
      if (reason === LOWER_MINIMUM)
        recordLowerMinimum(
          to,
          at,
          ends.point.map((x) => x[ray]),
          ends.cost[ray],
        )
    }
  }
  return { derived, each, makeTrace, takeEnds }
}

/** Function that computes a free or derived parameter at the end of a trace. */
export function compileValues({ problem, starts }: ProfileContext, name: string) {
  const { graph, free, fixed, derived } = problem
  const node = derived.get(name)
  if (node === undefined)
    return (_: number, ray: number, { point }: TraceEnds) => point[free.indexOf(name)][ray]
  const machine = new ProgramRunner(compile(graph, [node], [...free, ...fixed], []), 'float64')
  return (fit: number, ray: number, { point }: TraceEnds): number => {
    const rest = fixed.map((name) => starts.get(name)?.[fit] ?? NaN)
    machine.run([...point.map((x) => x[ray]), ...rest], [], 0)
    return machine.slots[machine.program.outputs[0]]
  }
}

/** A trace counts as unbounded only if its distance is at least this number of standard errors. */
const MIN_UNBOUNDED_DISTANCE = 1e3
/** Minimum distance for a plateau of χ², as a multiple of the distance that a parabola predicts. */
const SETTLED_RATIO = 8
/** On a plateau of χ², doubling the distance closes at most this fraction of the gap to the threshold. */
const PLATEAU_RATIO = 1 / 64

/**
 * Reason why a trace ended, as an index into `profileEndReasons`. If a converged fit has a flat profile, the parameter
 * is ill-conditioned rather than unidentifiable. The derivatives of the model with respect to an ill-conditioned
 * parameter are nearly collinear with the derivatives with respect to other parameters.
 */
export function endpointReason(
  { solved }: ProfileContext,
  fit: number,
  ends: TraceEnds,
  ray: number,
): number {
  switch (ends.reason[ray]) {
    case REACHED:
      return FOUND
    case BOUNDED:
    case ALL_AT_BOUNDS:
      return BOUND
    case TRACE_UNBOUNDED:
      return UNBOUNDED
    case TRACE_FLAT:
      return fitReasons[solved.reason[fit]] === 'converged' ? ILL_CONDITIONED : FLAT
    case NEEDS_QR:
      return ILL_CONDITIONED
    case TRACE_LOWER_MINIMUM:
      return LOWER_MINIMUM
    default:
      return hasSettled(ends, ray) ? UNBOUNDED : FAILED
  }
}

/** Whether χ² has reached a plateau below the threshold. */
function hasSettled({ cost, earlier, threshold, length, far }: TraceEnds, ray: number): boolean {
  const isFar = length[ray] >= (SETTLED_RATIO / MAX_DISTANCE) * far[ray]
  const gap = threshold[ray] - cost[ray]
  return isFar && gap > 0 && cost[ray] - earlier[ray] <= PLATEAU_RATIO * gap
}

/**
 * Threshold of χ² for each fit. The threshold is χ²·(1 + F/n) with the quantile F(1, n) = t², or χ² plus a quantile of
 * χ²(1) if σ is known.
 */
function thresholds(context: ProfileContext, level: number): (fit: number) => number {
  const quantiles = new Map<number, number>()
  const squareOf = (freedom: number) => {
    const t = quantiles.get(freedom) ?? studentQuantile(level, freedom)
    quantiles.set(freedom, t)
    return t * t
  }
  return (fit) => {
    const cost = context.solved.cost[fit]
    if (context.isAbsolute) return cost + squareOf(Infinity)
    const freedom = computeDegreesOfFreedom(context, fit)
    return cost * (1 + squareOf(freedom) / freedom)
  }
}
