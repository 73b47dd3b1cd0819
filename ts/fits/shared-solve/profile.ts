/**
 * Profile likelihood of a shared parameter, or of a local parameter of one group, with all other parameters
 * re-optimized.
 */

import type { EngineCall } from '../../many/engines/execute.js'
import type { GivenOf } from '../../options/kinds.js'
import type { Parameter } from '../problem/parameters.js'
import type { ProfileEndReason } from '../problem/reasons.js'
import { CONVERGED, SINGULAR } from '../problem/reasons.js'
import type { profileManyTable } from '../profiles/profile-result.js'
import { fromInternalInterval } from '../programs/internal-parameters.js'
import { isExact, sumOfSquares } from '../uncertainty/statistics.js'
import { studentQuantile } from '../uncertainty/student-t.js'
import { type ArrowheadStop, descend, WARM_START } from './arrowhead-descent.js'
import type { ArrowheadPoint, ArrowheadSolver, FixedParameters } from './arrowhead-solver.js'
import { FREE, type SharedStatistics } from './shared-statistics.js'

export interface SharedProfileOptions extends GivenOf<typeof profileManyTable> {}

/** Profile interval of a parameter, and the reason for the position of each endpoint. */
export interface SharedProfile {
  /** Lower endpoint. An endpoint is ±∞ if the interval is unbounded, and NaN if the endpoint is unknown. */
  readonly low: number
  readonly high: number
  readonly lowReason: ProfileEndReason
  readonly highReason: ProfileEndReason
}

/**
 * The profiled parameter: its location among the parameters, the standard error of its internal value, and its state.
 */
export interface ProfiledParameter {
  readonly fixed: FixedParameters
  readonly parameter: Parameter
  readonly error: number
  readonly state: number
}

interface SharedEndpoint {
  readonly value: number
  readonly reason: ProfileEndReason
}

/** Maximum number of doublings of the distance before the interval counts as unbounded. */
const MAX_DOUBLINGS = 40
/** Maximum number of fits after an endpoint has been bracketed. */
const MAX_NARROWINGS = 60
/** A bracket is narrow enough if its width is at most this fraction of the standard error. */
const BRACKET_TOLERANCE = 1e-9
/** If χ² falls below χ² at the fit by this fraction, the profile has reached another minimum. */
const LOWER_MINIMUM_MARGIN = 1e-9

/** Confidence level and error scale of a profile, and the limit of evaluations per profile point. */
export interface SharedProfileLimits {
  readonly level: number
  readonly isAbsolute: boolean
  readonly maxIterations: number
}

export function* profileShared(
  arrow: ArrowheadSolver,
  statistics: SharedStatistics,
  profiled: ProfiledParameter,
  { level, isAbsolute, maxIterations }: SharedProfileLimits,
): Generator<EngineCall, SharedProfile> {
  const { stop, variance, degreesOfFreedom, reason } = statistics
  const { fixed, parameter, error, state } = profiled
  const nothing = (low: number, why: ProfileEndReason): SharedProfile => ({
    low,
    high: -low,
    lowReason: why,
    highReason: why,
  })
  const isSomewhere = reason === CONVERGED || reason === SINGULAR
  if (!isSomewhere || !(variance > 0)) return nothing(NaN, 'unavailable')
  if (!isAbsolute && isExact(stop.cost, totalSquares(arrow))) return nothing(NaN, 'unavailable')
  const isHeld = state !== FREE && reason === CONVERGED
  if ((state !== FREE || !(error > 0)) && !isHeld) return nothing(-Infinity, 'flat')
  const center = readValue(stop.point, fixed)
  const unit = error > 0 ? error : Math.max(Math.abs(center), 1) * 1e-3
  const goal = studentQuantile(level, isAbsolute ? Infinity : degreesOfFreedom) * Math.sqrt(variance)
  const about = { center, unit, goal, length: goal * (unit / Math.sqrt(variance)) }
  const [min, max] = parameterBounds(arrow, fixed)
  const low = yield* findEnd(-1, { ...about, bound: min }, heights(arrow, stop, fixed, goal, maxIterations))
  const high = yield* findEnd(1, { ...about, bound: max }, heights(arrow, stop, fixed, goal, maxIterations))
  const value = fromInternalInterval(parameter)
  const finite = (x: number) => (Number.isFinite(x) ? value(x) : parameter.isLogarithmic && x < 0 ? 0 : x)
  return { low: finite(low.value), high: finite(high.value), lowReason: low.reason, highReason: high.reason }
}

/**
 * Signed distance of a point from the threshold, as a difference of √(rise of χ²); or the reason if the distance is
 * unknown.
 */
type Heights = (x: number) => Generator<EngineCall, number | ProfileEndReason>

/** Distances from the threshold along a profile. Each fit along the profile is warm-started from the previous fit. */
function heights(
  arrow: ArrowheadSolver,
  stop: ArrowheadStop,
  fixed: FixedParameters,
  goal: number,
  maxIterations: number,
): Heights {
  let last = stop
  return function* (x) {
    const there = yield* descend(arrow, writeValue(last.point, fixed, x), maxIterations, fixed, WARM_START)
    if (there.reason !== CONVERGED) return 'failed'
    if (there.cost < stop.cost * (1 - LOWER_MINIMUM_MARGIN)) return 'lower-minimum'
    last = there
    return Math.sqrt(Math.max(0, there.cost - stop.cost)) - goal
  }
}

interface SearchRange {
  readonly center: number
  /** The standard error of the parameter, or a substitute if the standard error is unknown. */
  readonly unit: number
  readonly goal: number
  /** Distance from the estimate to the endpoint if the model were linear. */
  readonly length: number
  readonly bound: number
}

/** Moves away from the estimate until χ² exceeds the threshold, and then narrows the bracket. */
function* findEnd(
  sign: number,
  { center, unit, goal, length, bound }: SearchRange,
  heightAt: Heights,
): Generator<EngineCall, SharedEndpoint> {
  let [near, below] = [center, -goal]
  let [far, above] = [center, -goal]
  for (let k = 0, distance = length; above < 0; k++, distance *= 2) {
    if (near === bound) return { value: bound, reason: 'bound' }
    if (k === MAX_DOUBLINGS) return { value: sign * Infinity, reason: 'unbounded' }
    const next = center + sign * distance
    far = sign * (bound - next) < 0 ? bound : next
    const height = yield* heightAt(far)
    if (typeof height === 'string') return { value: NaN, reason: height }
    if (height < 0) [near, below] = [far, height]
    above = height
  }
  // Root finding by the Illinois method (Dowell and Jarratt, 1971).
  for (let k = 0; k < MAX_NARROWINGS && Math.abs(far - near) > BRACKET_TOLERANCE * unit; k++) {
    const x = near - (below * (far - near)) / (above - below)
    if (x === near || x === far) break
    const height = yield* heightAt(x)
    if (typeof height === 'string') return { value: NaN, reason: height }
    if (Math.abs(height) <= BRACKET_TOLERANCE * goal) return { value: x, reason: 'found' }
    if (height < 0) {
      ;[near, below] = [x, height]
      above /= 2
    } else {
      ;[far, above] = [x, height]
      below /= 2
    }
  }
  return { value: far, reason: 'found' }
}

/** Sum Σ w·y² over all rows of all groups. */
function totalSquares({ batches }: ArrowheadSolver): number {
  let sum = 0
  for (const { outputs, groups } of batches) {
    for (const { compiled, columns } of outputs) {
      for (const group of groups) sum += sumOfSquares({ problem: compiled.problem, columns }, group)
    }
  }
  return sum
}

function readValue(point: ArrowheadPoint, { shared, local }: FixedParameters): number {
  if (local !== null) return point.local[local.batch][local.parameter][local.index]
  return point.shared[shared as number]
}

function writeValue(
  point: ArrowheadPoint,
  { shared: place, local: at }: FixedParameters,
  x: number,
): ArrowheadPoint {
  const shared = point.shared.map((before, k) => (k === place ? x : before))
  if (at === null) return { ...point, shared }
  const local = point.local.map((columns, f) =>
    columns.map((column, i) =>
      f === at.batch && i === at.parameter
        ? column.map((before, g) => (g === at.index ? x : before))
        : column,
    ),
  )
  return { shared, local }
}

function parameterBounds(
  { min, max, batches }: ArrowheadSolver,
  { shared, local }: FixedParameters,
): readonly [number, number] {
  if (local === null) return [min[shared as number], max[shared as number]]
  const { problem } = batches[local.batch]
  return [problem.min[local.parameter], problem.max[local.parameter]]
}
