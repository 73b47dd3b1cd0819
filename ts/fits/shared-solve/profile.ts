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
import {
  type ArrowheadPoint,
  type ArrowheadSolver,
  type FixedParameters,
  NO_FIXED,
} from './arrowhead-solver.js'
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

/**
 * Second derivative of the penalty that holds a quantity near a value, as a multiple of the second derivative of χ².
 */
const PENALTY_RATIO = 100

/** Confidence level and error scale of a profile, and the limit of evaluations per profile point. */
export interface SharedProfileLimits {
  readonly level: number
  readonly isAbsolute: boolean
  readonly maxIterations: number
}

/** A derived quantity of one group: its value at the fit and its standard error, and its value at any point. */
export interface ProfiledQuantity {
  readonly name: string
  readonly batch: number
  readonly index: number
  readonly value: number
  readonly error: number
  readonly compute: (point: ArrowheadPoint) => number
}

/** An interval whose endpoints must be searched for. */
export interface ProfileSearch {
  readonly profiled: ProfiledParameter | ProfiledQuantity
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
  parameters: readonly (ProfiledParameter | ProfiledQuantity)[],
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
    const { error } = profiled
    const isQuantity = 'compute' in profiled
    const isHeld = !isQuantity && profiled.state !== FREE && reason === CONVERGED
    const isFree = error > 0 && (isQuantity || profiled.state === FREE)
    if (!isFree && !isHeld) return nothing(-Infinity, 'flat')
    const center = isQuantity ? profiled.value : readValue(stop.point, profiled.fixed)
    const unit = error > 0 ? error : Math.max(Math.abs(center), 1) * 1e-3
    const length = goal * (unit / Math.sqrt(variance))
    const bounds = isQuantity ? ([-Infinity, Infinity] as const) : parameterBounds(arrow, profiled.fixed)
    return { profiled, stop, maxIterations, center, unit, goal, length, bounds }
  })
}

/** The interval between two endpoints, in external values. */
export function toProfile(
  profiled: ProfiledParameter | ProfiledQuantity,
  low: SharedEndpoint,
  high: SharedEndpoint,
): SharedProfile {
  const reasons = { lowReason: low.reason, highReason: high.reason }
  if ('compute' in profiled) return { low: low.value, high: high.value, ...reasons }
  const { parameter } = profiled
  const value = fromInternalInterval(parameter)
  const finite = (x: number) => (Number.isFinite(x) ? value(x) : parameter.isLogarithmic && x < 0 ? 0 : x)
  return { low: finite(low.value), high: finite(high.value), ...reasons }
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
   * Fits with the profiled parameter fixed. The height is the signed distance from the threshold, as a difference of
   * √(rise of χ²); the result is a reason if the height is unknown.
   */
  *heightAt(x: number): Generator<EngineCall, BracketEnd | ProfileEndReason> {
    const { stop, goal } = this.#search
    const predicted = this.#predict(x)
    let there = yield* this.#fit(predicted ?? this.#last.point, x)
    if (predicted !== null && there.reason !== CONVERGED) there = yield* this.#fit(this.#last.point, x)
    if (there.reason !== CONVERGED) return 'failed'
    const { cost, value } = this.#readFit(there, x)
    if (cost < stop.cost * (1 - LOWER_MINIMUM_MARGIN)) return 'lower-minimum'
    this.#before = this.#last
    this.#last = { x, point: there.point }
    return { x, value, height: Math.sqrt(Math.max(0, cost - stop.cost)) - goal }
  }

  #fit(point: ArrowheadPoint, x: number): Generator<EngineCall, ArrowheadStop> {
    const { maxIterations, profiled } = this.#search
    if ('compute' in profiled) {
      this.#setPenalty(profiled, x)
      return descend(this.#arrow, point, maxIterations, NO_FIXED, this.#mode)
    }
    const { fixed } = profiled
    return descend(this.#arrow, writeValue(point, fixed, x), maxIterations, fixed, this.#mode)
  }

  /** Holds a quantity near x by a penalty, and releases the quantities of all other groups. */
  #setPenalty({ batch, index }: ProfiledQuantity, x: number): void {
    for (const [f, family] of this.#arrow.batches.entries()) {
      if (!family.isPenalized) continue
      const [targets, weights] = [x, this.#weight].map((number) => {
        const column = new Float64Array(family.groups.length)
        if (f === batch) column[index] = number
        return column
      })
      family.setPenalty(targets, weights)
    }
  }

  /** Weight of the penalty, as a multiple of the second derivative of χ² with respect to a quantity. */
  get #weight(): number {
    const { goal, length } = this.#search
    return PENALTY_RATIO * (goal / length) * (goal / length)
  }

  /**
   * The value of the parameter after a fit, and χ² without the penalty. A quantity ends near x. Its χ² is the smallest
   * χ² for the value at which it ends, because the penalty depends on this value only.
   */
  #readFit({ cost, point }: ArrowheadStop, x: number): { readonly cost: number; readonly value: number } {
    const { profiled } = this.#search
    if (!('compute' in profiled)) return { cost, value: x }
    const value = profiled.compute(point)
    return { cost: cost - this.#weight * (value - x) * (value - x), value }
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
  let near: BracketEnd = { x: center, value: center, height: -goal }
  let far = near
  for (let k = 0, distance = length; far.height < 0; k++, distance *= 2) {
    if (near.x === bound) return { value: bound, reason: 'bound' }
    if (k === MAX_DOUBLINGS) return { value: sign * Infinity, reason: 'unbounded' }
    const next = center + sign * distance
    const there = yield* walk.heightAt(sign * (bound - next) < 0 ? bound : next)
    if (typeof there === 'string') return { value: NaN, reason: there }
    far = there
    if (there.height < 0) near = there
  }
  return yield* narrow(walk, search, near, far)
}

/** An end of a bracket. */
interface BracketEnd {
  /** Value of the parameter, or the target of a quantity. */
  readonly x: number
  /** Value of the parameter or quantity after the fit. */
  readonly value: number
  /** Height of the profile above the threshold. */
  readonly height: number
}

/**
 * Finds the root of the height in a bracket by false position, and bends the chord if the same end moves twice
 * (BIT 13:253, 1973). Every third step bisects a bracket that a jump of χ² keeps wide.
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
    const there = yield* walk.heightAt(x)
    if (typeof there === 'string') return { value: NaN, reason: there }
    const { height } = there
    if (Math.abs(height) <= BRACKET_TOLERANCE * goal) return { value: there.value, reason: 'found' }
    const bend = (before: number) => (height / before < 1 ? 1 - height / before : 0.5)
    if (height < 0) {
      above = side < 0 ? above * bend(below) : far.height
      ;[near, below, side] = [there, height, -1]
    } else {
      below = side > 0 ? below * bend(above) : near.height
      ;[far, above, side] = [there, height, 1]
    }
  }
  return { value: far.value, reason: 'found' }
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
