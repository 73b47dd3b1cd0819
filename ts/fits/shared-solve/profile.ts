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
import { type ArrowheadStop, descend, type SolveMode, WARM_START } from './arrowhead-descent.js'
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

export interface SharedEndpoint {
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

/** Number of steps before steps bisect a bracket. */
const FIRST_BISECTION = 6
/** Longest extrapolation of a profile, as a multiple of the distance between the last two points. */
const MAX_EXTRAPOLATION = 1
/** Fits along a profile start so near to their minimum that the first steps need hardly any damping. */
const PROFILE_DAMPING = 1e-6
/** Fits along a profile end if the next step would lower χ² by at most this fraction of the rise to the threshold. */
const GAIN_TOLERANCE = 1e-10

/** Confidence level and error scale of a profile, and the limit of evaluations per profile point. */
export interface SharedProfileLimits {
  readonly level: number
  readonly isAbsolute: boolean
  readonly maxIterations: number
}

/** An interval whose endpoints must be searched for. */
export interface ProfileSearch {
  readonly profiled: ProfiledParameter
  readonly stop: ArrowheadStop
  readonly maxIterations: number
  /** Value of the parameter at the fit. All values are internal. */
  readonly center: number
  /** The standard error of the parameter, or a substitute if the standard error is unknown. */
  readonly unit: number
  /** √(rise of χ²) at the endpoints. */
  readonly goal: number
  /** Distance from the estimate to the endpoint if the model were linear. */
  readonly length: number
  readonly bounds: readonly [min: number, max: number]
}

/**
 * Prepares the profiles of parameters. The result contains a finished interval for each parameter that has no profile.
 */
export function prepareProfiles(
  arrow: ArrowheadSolver,
  statistics: SharedStatistics,
  parameters: readonly ProfiledParameter[],
  { level, isAbsolute, maxIterations }: SharedProfileLimits,
): (ProfileSearch | SharedProfile)[] {
  const { stop, variance, degreesOfFreedom, reason } = statistics
  const nothing = (low: number, why: ProfileEndReason): SharedProfile => ({
    low,
    high: -low,
    lowReason: why,
    highReason: why,
  })
  const isSomewhere = (reason === CONVERGED || reason === SINGULAR) && variance > 0
  const isUsable = isSomewhere && (isAbsolute || !isExact(stop.cost, totalSquares(arrow)))
  const goal = isUsable
    ? studentQuantile(level, isAbsolute ? Infinity : degreesOfFreedom) * Math.sqrt(variance)
    : NaN
  return parameters.map((profiled) => {
    if (!isUsable) return nothing(NaN, 'unavailable')
    const { fixed, error, state } = profiled
    const isHeld = state !== FREE && reason === CONVERGED
    if ((state !== FREE || !(error > 0)) && !isHeld) return nothing(-Infinity, 'flat')
    const center = readValue(stop.point, fixed)
    const unit = error > 0 ? error : Math.max(Math.abs(center), 1) * 1e-3
    const length = goal * (unit / Math.sqrt(variance))
    return {
      profiled,
      stop,
      maxIterations,
      center,
      unit,
      goal,
      length,
      bounds: parameterBounds(arrow, fixed),
    }
  })
}

/** The interval between two endpoints, in external values. */
export function toProfile(
  { parameter }: ProfiledParameter,
  low: SharedEndpoint,
  high: SharedEndpoint,
): SharedProfile {
  const value = fromInternalInterval(parameter)
  const finite = (x: number) => (Number.isFinite(x) ? value(x) : parameter.isLogarithmic && x < 0 ? 0 : x)
  return { low: finite(low.value), high: finite(high.value), lowReason: low.reason, highReason: high.reason }
}

/** A point of a profile: the value of the profiled parameter, and all parameters after the fit. */
interface ProfilePoint {
  readonly x: number
  readonly point: ArrowheadPoint
}

/** Fits along one side of a profile, with the profiled parameter fixed. */
class ProfileWalk {
  readonly #arrow: ArrowheadSolver
  readonly #search: ProfileSearch
  readonly #mode: SolveMode
  /** The last two points of the profile. */
  #before: ProfilePoint | null = null
  #last: ProfilePoint

  constructor(arrow: ArrowheadSolver, search: ProfileSearch) {
    this.#arrow = arrow
    this.#search = search
    this.#mode = { ...WARM_START, damping: PROFILE_DAMPING, gain: GAIN_TOLERANCE * search.goal * search.goal }
    this.#last = { x: search.center, point: search.stop.point }
  }

  /**
   * Signed distance of a point from the threshold, as a difference of √(rise of χ²); or the reason if the distance is
   * unknown.
   */
  *heightAt(x: number): Generator<EngineCall, number | ProfileEndReason> {
    const { stop, goal } = this.#search
    const predicted = this.#predict(x)
    let there = yield* this.#fit(predicted ?? this.#last.point, x)
    if (predicted !== null && there.reason !== CONVERGED) there = yield* this.#fit(this.#last.point, x)
    if (there.reason !== CONVERGED) return 'failed'
    if (there.cost < stop.cost * (1 - LOWER_MINIMUM_MARGIN)) return 'lower-minimum'
    this.#before = this.#last
    this.#last = { x, point: there.point }
    return Math.sqrt(Math.max(0, there.cost - stop.cost)) - goal
  }

  #fit(point: ArrowheadPoint, x: number): Generator<EngineCall, ArrowheadStop> {
    const { maxIterations, profiled } = this.#search
    const { fixed } = profiled
    return descend(this.#arrow, writeValue(point, fixed, x), maxIterations, fixed, this.#mode)
  }

  /** The point on the line through the last two points, or null if the line would be extrapolated too far. */
  #predict(x: number): ArrowheadPoint | null {
    if (this.#before === null) return null
    const [a, b] = [this.#before, this.#last]
    const share = (x - b.x) / (b.x - a.x)
    return Math.abs(share) <= MAX_EXTRAPOLATION ? extrapolate(this.#arrow, a.point, b.point, share) : null
  }
}

/** b + share·(b − a), within the bounds. */
function extrapolate(
  { min, max, batches }: ArrowheadSolver,
  a: ArrowheadPoint,
  b: ArrowheadPoint,
  share: number,
): ArrowheadPoint {
  const move = (from: Float64Array, to: Float64Array, limits: (k: number) => readonly [number, number]) =>
    to.map((x, k) => {
      const [low, high] = limits(k)
      return Math.min(Math.max(x + share * (x - from[k]), low), high)
    })
  return {
    shared: move(a.shared, b.shared, (k) => [min[k], max[k]]),
    local: b.local.map((columns, f) => {
      const { problem } = batches[f]
      return columns.map((column, i) => move(a.local[f][i], column, () => [problem.min[i], problem.max[i]]))
    }),
  }
}

/**
 * Searches for one endpoint: moves away from the estimate until χ² exceeds the threshold, and then narrows the bracket.
 *
 * @param sign −1 for the lower endpoint, 1 for the upper endpoint
 */
export function* searchEndpoint(
  arrow: ArrowheadSolver,
  search: ProfileSearch,
  sign: -1 | 1,
): Generator<EngineCall, SharedEndpoint> {
  const { center, goal, length, bounds } = search
  const bound = bounds[sign < 0 ? 0 : 1]
  const walk = new ProfileWalk(arrow, search)
  let near: BracketEnd = { x: center, height: -goal }
  let far = near
  for (let k = 0, distance = length; far.height < 0; k++, distance *= 2) {
    if (near.x === bound) return { value: bound, reason: 'bound' }
    if (k === MAX_DOUBLINGS) return { value: sign * Infinity, reason: 'unbounded' }
    const next = center + sign * distance
    const x = sign * (bound - next) < 0 ? bound : next
    const height = yield* walk.heightAt(x)
    if (typeof height === 'string') return { value: NaN, reason: height }
    far = { x, height }
    if (height < 0) near = far
  }
  return yield* narrow(walk, search, near, far)
}

/** An end of a bracket, and the height of the profile above the threshold. */
interface BracketEnd {
  readonly x: number
  readonly height: number
}

/**
 * Finds the root of the height in a bracket by a regula falsi that bends the chord if the same end moves twice
 * (Anderson and Björck, 1973). Every third step bisects a bracket that a jump of χ² keeps wide.
 */
function* narrow(
  walk: ProfileWalk,
  { unit, goal }: ProfileSearch,
  near: BracketEnd,
  far: BracketEnd,
): Generator<EngineCall, SharedEndpoint> {
  // Heights of the ends that the chord uses.
  let [below, above] = [near.height, far.height]
  let side = 0
  for (let k = 1; k <= MAX_NARROWINGS && Math.abs(far.x - near.x) > BRACKET_TOLERANCE * unit; k++) {
    const chord = near.x - (below * (far.x - near.x)) / (above - below)
    const x = k > FIRST_BISECTION && k % 3 === 0 ? near.x + (far.x - near.x) / 2 : chord
    if (x === near.x || x === far.x) break
    const height = yield* walk.heightAt(x)
    if (typeof height === 'string') return { value: NaN, reason: height }
    if (Math.abs(height) <= BRACKET_TOLERANCE * goal) return { value: x, reason: 'found' }
    const bend = (before: number) => (height / before < 1 ? 1 - height / before : 0.5)
    if (height < 0) {
      above = side < 0 ? above * bend(below) : far.height
      near = { x, height }
      below = height
      side = -1
    } else {
      below = side > 0 ? below * bend(above) : near.height
      far = { x, height }
      above = height
      side = 1
    }
  }
  return { value: far.x, reason: 'found' }
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
