/**
 * Finds the profile endpoints that tracing missed. The profiled parameter is fixed at values farther and farther from
 * the estimate, and the other parameters are refitted at each value. Every fit is warm-started from the previous fit,
 * so that nuisance parameters that diverge along the profile are tracked step by step.
 */

import { exp, log } from '../../functions/index.js'
import { type DataColumn, groupByRows, pickRuns } from '../../many/batch/data.js'
import type { EngineCall } from '../../many/engines/execute.js'
import { BOUND, DOMAIN_LIMIT, FAILED, FOUND, LOWER_MINIMUM, UNBOUNDED } from '../problem/reasons.js'
import { loadProfilePrograms } from '../programs/profile-programs.js'
import type { ModelPrograms } from '../programs/program-cache.js'
import type { ProfileContext } from '../solve/fit-context.js'
import type { Iterations } from '../solve/iterations.js'
import { Solver, type SolverResult } from '../solve/solver.js'

/** Search for one endpoint of the profile of a fit. */
export interface EndpointSearch {
  readonly fit: number
  readonly sign: number
  /** Estimate of the profiled parameter, its standard error, and its bound in the direction of the search. */
  readonly begin: number
  readonly error: number
  readonly bound: number
  /** The minimum χ² of the fit, the threshold for χ², and the free parameters at the minimum. */
  readonly minimum: number
  readonly threshold: number
  readonly point: readonly number[]
  readonly errors: readonly number[]
  /**
   * Endpoint that a trace found beyond 0. The endpoint is valid unless χ² or nuisance parameters behave specially at 0.
   * If the endpoint is NaN, the search continues beyond 0.
   */
  readonly passed: number
  /** Point below the threshold at which the search resumes. By default the search starts at the fit. */
  readonly searchStart?: SearchStart
}

/** Solution of a fit with the profiled parameter fixed. */
export interface ConstrainedFit {
  readonly point: readonly number[]
  readonly chiSquared: number
}

export interface SearchStart extends ConstrainedFit {
  readonly value: number
}

export interface Endpoint {
  /** Index into `profileEndReasons`, or {@link BEYOND_BOUND}. */
  readonly reason: number
  readonly value: number
  readonly point: readonly number[]
  readonly chiSquared: number
  /** A value of the parameter slightly beyond the endpoint, if χ² seems to jump over the threshold at the endpoint. */
  readonly skippedValue?: number
  /** Whether nuisance parameters passed through infinity while the profiled parameter passed through 0. */
  readonly isThrough: boolean
}

/** Internal reason: the search passed 0, and the trace's endpoint beyond 0 remains valid. */
export const BEYOND_BOUND = 0
/** Internal reason: χ² jumps above the threshold at 0. */
const LEAPT = -1
/** Maximum number of fits in one search. */
const MAX_FITS = 80
const MAX_EVALUATIONS_PER_FIT = 200
/**
 * Tolerance of an endpoint: the accepted difference of χ² from the threshold, as a fraction of the rise from the
 * minimum to the threshold.
 */
const THRESHOLD_TOLERANCE = 1e-9
/**
 * Minimum amount by which a lower minimum is below the χ² of the fit, as a fraction of the rise of χ² to the
 * threshold.
 */
export const LOWER_MINIMUM_MARGIN = 1e-4
/** Relative width of a bracket below which χ² counts as jumping over the threshold. */
const MIN_BRACKET_RATIO = 1e-9
/** Relative distance from a jump of χ² to the point beyond the jump that verifies the jump. */
const JUMP_TOLERANCE = 1e-2
/** Maximum number of points that narrow a bracket before the outer point is refitted. */
const MAX_TRIES = 14
/**
 * If χ² still differs from the threshold by this fraction of the rise of χ² to the threshold, the outer point of the
 * bracket is refitted from a nearer point.
 */
const ROUGH_TOLERANCE = 1e-2
/** Maximum number of refits of the outer point of a bracket. */
const MAX_RETURNS = 2
/** A change of χ² below this fraction of the rise to the threshold counts as 0. */
const PLATEAU_TOLERANCE = 1e-6
/**
 * If each step changes χ² by less than this fraction of the previous change, all further changes are
 * extrapolated as a geometric series.
 */
const PLATEAU_RATIO = 0.8
/** Minimum distance from the estimate to a plateau of χ², in standard errors or factors of e. */
const MAX_LOG_STEP = 8
/** A parameter counts as close to 0 if it is smaller than the estimate by this number of factors of e. */
const MAX_STEPS_TO_ZERO = 11
/** The search looks for diverging nuisance parameters beyond this distance from the estimate, in factors of e. */
const BEGUN = 4
/** Maximum distance of a search on a logarithmic scale, in factors of e. */
const MAX_LOG_RATIO = 600
/** Maximum distance of a search on a linear scale, in standard errors. */
const MAX_STANDARD_ERRORS = 1e15
/**
 * A nuisance parameter counts as diverging if it grows at least like this power of the reciprocal of the profiled
 * parameter.
 */
const MIN_RUN_FRACTION = 0.25

/** A position of the profiled parameter during a search. */
interface SearchPosition {
  /** Distance from the estimate on the scale of the search. */
  readonly t: number
  readonly chiSquared: number
  readonly point: readonly number[]
}

/**
 * Brackets one endpoint. The search steps in the logarithm of the profiled parameter if the parameter is positive or
 * approaches 0. Nuisance parameters may grow like the reciprocal of the profiled parameter, as in a decay that becomes
 * a line. Beyond 0, the diverging nuisance parameters return from the opposite infinity.
 */
class BracketingSearch {
  readonly side: EndpointSearch
  /** Whether each free parameter must be positive, and whether the profiled parameter must be positive. */
  readonly #scales: readonly boolean[]
  readonly #isScale: boolean
  #byLogarithm: boolean
  /** Origin of linear distances: the estimate, or 0 if nuisance parameters diverged at 0. */
  #origin: number
  #running: readonly boolean[] = []
  /**
   * Values of χ² at three points: the estimate's distance from 0 (or a standard error) on both sides of 0, and a point
   * just beyond 0.
   */
  #looks: number[] = []
  /** Whether the curves beyond 0 equal the curves before 0. If so, the search ends at 0. */
  #isSame = false
  /** Positions at which χ² is below the threshold, in ascending distance from the estimate. */
  #positions: SearchPosition[]
  #beyond: SearchPosition | null = null
  #step: number
  #tries = 0
  #returns = 0
  #isJump = false
  end: Endpoint | null = null

  constructor(side: EndpointSearch, scales: readonly boolean[], i: number) {
    const { begin, sign, error, minimum, point, searchStart } = side
    const isScale = scales[i]
    this.side = side
    this.#scales = scales
    this.#isScale = isScale
    this.#origin = begin
    this.#byLogarithm = isScale || begin * sign < 0
    this.#positions = [{ t: 0, chiSquared: minimum, point }]
    const unit = this.#byLogarithm ? Math.abs(begin) : 1
    const step = error / unit
    this.#step = step > 0 && step < Infinity ? step : Math.abs(begin) / unit || 1
    if (this.#byLogarithm) this.#step = Math.min(this.#step, 1)
    if (searchStart !== undefined) this.#start(searchStart, side)
  }

  #start({ value, ...stop }: SearchStart, { begin }: EndpointSearch): void {
    this.#byLogarithm &&= value * begin > 0
    const t = this.#byLogarithm ? Math.abs(log(value / begin)) : Math.abs(value - begin)
    this.#positions = [{ ...stop, t }]
    this.#step = Math.max(this.#step, t / 4)
  }

  get last(): SearchPosition {
    return this.#positions[this.#positions.length - 1]
  }

  /** Next value of the profiled parameter, and the starting point of all other parameters. */
  get next(): { readonly value: number; readonly point: readonly number[] } {
    const { begin, point } = this.side
    const isFar = this.#isLooking && this.#looks.length < 2
    const base = isFar
      ? { value: begin, point }
      : { value: this.valueAt(this.last.t), point: this.last.point }
    const value = this.#isLooking ? this.#look : this.valueAt(this.#ahead)
    const isRunning = (i: number) => this.#running[i] && !this.#scales[i]
    return { value, point: base.point.map((x, i) => (isRunning(i) ? x * (base.value / value) : x)) }
  }

  get #ahead(): number {
    const { t } = this.last
    const next = this.#beyond === null ? t + this.#step : this.#between(this.#beyond)
    const { begin, bound, sign } = this.side
    if (this.#byLogarithm && !this.#isScale && bound * begin <= 0) return Math.min(next, MAX_STEPS_TO_ZERO)
    const most = this.#byLogarithm ? Math.abs(log(Math.max(bound / begin, 0))) : sign * (bound - this.#origin)
    return Math.min(next, most)
  }

  /** Whether nuisance parameters diverge, and the model's behavior beyond 0 is still unknown. */
  get #isLooking(): boolean {
    return this.#byLogarithm && this.#running.includes(true)
  }

  get #look(): number {
    const { sign, bound } = this.side
    const near = -this.valueAt(this.last.t)
    const beyond = sign > 0 ? Math.min(near, bound) : Math.max(near, bound)
    return [-sign * this.#far, sign * this.#far, beyond][this.#looks.length]
  }

  get #far(): number {
    const { begin, error } = this.side
    return error < Infinity ? Math.max(Math.abs(begin), error) : Math.abs(begin)
  }

  valueAt(t: number): number {
    const { begin, sign, bound } = this.side
    if (!this.#byLogarithm) {
      const value = this.#origin + sign * t
      return sign > 0 ? Math.min(value, bound) : Math.max(value, bound)
    }
    const value = begin * exp(this.#isScale ? sign * t : -t)
    return sign > 0 ? Math.min(value, bound) : Math.max(value, bound)
  }

  /** Position inside the bracket, by the chord of √(χ² − minimum). Every third step bisects. */
  #between(beyond: SearchPosition): number {
    const { t, chiSquared } = this.last
    const middle = t + (beyond.t - t) / 2
    if (this.#returns === MAX_RETURNS || this.#tries % 3 === 2 || !(beyond.chiSquared < Infinity))
      return middle
    const { minimum, threshold } = this.side
    const [low, high, to] = [chiSquared, beyond.chiSquared, threshold].map((x) =>
      Math.sqrt(Math.max(x - minimum, 0)),
    )
    const chord = t + ((beyond.t - t) * (to - low)) / (high - low)
    return chord > t && chord < beyond.t ? chord : middle
  }

  /** Processes the fit at the next position. */
  addPosition(stop: ConstrainedFit): void {
    const { bound, sign } = this.side
    const place = { ...stop, t: this.#ahead }
    const why = this.#isLooking ? this.#looked(stop) : this.#checkPlateau(place)
    if (why === null) return
    const isThrough = this.#origin === 0
    if (why === LEAPT) {
      const skippedValue = -this.valueAt(this.last.t)
      this.end = { reason: FOUND, value: 0, ...this.last, skippedValue, isThrough }
      return
    }
    const beyond = why === FOUND && this.#isJump ? this.#beyond : null
    const ends = new Map([
      [FOUND, this.valueAt((beyond ?? place).t)],
      [BOUND, bound],
      [DOMAIN_LIMIT, 0],
      [UNBOUNDED, sign * Infinity],
    ])
    const isBound = why === DOMAIN_LIMIT && bound === 0
    const end =
      beyond === null ? stop : { ...this.last, skippedValue: this.valueAt(beyond.t * (1 + JUMP_TOLERANCE)) }
    this.end = { reason: isBound ? BOUND : why, value: ends.get(why) ?? NaN, ...end, isThrough }
  }

  /** Reason why the search ends at a position, or null if the search continues. */
  #checkPlateau(place: SearchPosition): number | null {
    const { minimum, threshold, bound, sign, error, begin, passed } = this.side
    const rise = threshold - minimum
    const { t, chiSquared } = place
    const value = this.valueAt(t)
    if (Math.abs(chiSquared - threshold) <= THRESHOLD_TOLERANCE * rise) return FOUND
    if (chiSquared < minimum - LOWER_MINIMUM_MARGIN * rise) return LOWER_MINIMUM
    const isInside = chiSquared < threshold
    const isBeforeZero = this.last.t < 0
    if (isInside) this.#positions.push(place)
    else this.#beyond = place
    if (isInside && value === bound) return BOUND
    if (this.#beyond !== null) return this.#nextInside(this.#beyond, rise)
    if (isBeforeZero && sign * passed > sign * value) return BEYOND_BOUND
    this.#step = t
    const isAtRest = this.#isAtRest(rise)
    if (this.#isScale) return !isAtRest && t < MAX_LOG_RATIO ? null : sign > 0 ? UNBOUNDED : DOMAIN_LIMIT
    if (!this.#byLogarithm) return isAtRest || t > MAX_STANDARD_ERRORS * error ? UNBOUNDED : null
    const running = t < BEGUN ? [] : this.#runsAway()
    const isRunning = running.includes(true)
    const isNear = t >= MAX_STEPS_TO_ZERO
    const hasSeen = this.#looks.length > 0
    if (isRunning && isNear && (this.#isSame || bound === 0)) return DOMAIN_LIMIT
    if (isRunning && bound !== 0 && (isNear || !hasSeen)) {
      this.#running = running
      if (!hasSeen && this.#far === Math.abs(begin)) this.#looks = [minimum]
      return null
    }
    if (!isNear) return null
    // χ² and the nuisance parameters are regular at 0.
    this.#byLogarithm = false
    this.#positions = [{ ...place, t: Math.abs(value - begin) }]
    this.#step = this.last.t
    return Number.isNaN(passed) ? null : BEYOND_BOUND
  }

  /** Decides by the values of χ² beyond 0 how the search continues after nuisance parameters diverged. */
  #looked({ chiSquared, point }: ConstrainedFit): number | null {
    const { minimum, threshold } = this.side
    if (this.#looks.length < 2) {
      this.#looks.push(chiSquared)
      return null
    }
    const rise = threshold - minimum
    const [one, other] = this.#looks
    this.#isSame = Math.abs(other - one) <= PLATEAU_TOLERANCE * rise
    const hasLeapt = chiSquared > threshold && chiSquared - this.last.chiSquared > ROUGH_TOLERANCE * rise
    if (this.#isSame || hasLeapt) {
      // The search continues, because the jump of χ² may vanish closer to 0.
      this.#running = []
      if (this.last.t < MAX_STEPS_TO_ZERO) return null
      return this.#isSame || chiSquared === Infinity ? DOMAIN_LIMIT : LEAPT
    }
    const near = Math.abs(this.valueAt(this.last.t))
    this.#byLogarithm = false
    this.#origin = 0
    this.#positions = [{ ...this.last, t: -near }]
    this.#step = 2 * near
    return this.#checkPlateau({ t: this.#ahead, chiSquared, point })
  }

  /**
   * Narrows the bracket. The method detects a jump of χ² over the threshold, and refits an outer point that was fitted
   * from too far away.
   */
  #nextInside(beyond: SearchPosition, rise: number): number | null {
    this.#tries++
    const width = beyond.t - this.last.t
    const gap = this.side.threshold - this.last.chiSquared
    if (width <= MIN_BRACKET_RATIO * beyond.t) {
      this.#isJump = beyond.chiSquared < Infinity
      return this.#isJump ? FOUND : FAILED
    }
    if (this.#tries >= MAX_TRIES && gap > ROUGH_TOLERANCE * rise && this.#returns < MAX_RETURNS) {
      this.#tries = 0
      this.#returns++
      this.#beyond = null
      this.#step = width
    }
    return null
  }

  /** Whether χ² would stay below the threshold in all further steps, each twice as long as the previous step. */
  #isAtRest(rise: number): boolean {
    const places = this.#positions.slice(-4)
    if (places.length < 4 || !(this.last.t > MAX_LOG_STEP * this.#unit)) return false
    const [a, b, c] = places.slice(1).map(({ chiSquared }, k) => Math.abs(chiSquared - places[k].chiSquared))
    const gap = this.side.threshold - this.last.chiSquared
    const [earlier, later] = [b / a, c / b]
    const isFalling = earlier < PLATEAU_RATIO && later < PLATEAU_RATIO && (c * later) / (1 - later) < gap / 2
    return isFalling || Math.max(b, c) <= PLATEAU_TOLERANCE * rise
  }

  get #unit(): number {
    const { error, begin } = this.side
    const unit = this.#byLogarithm ? Math.min(error / Math.abs(begin), 1) : error
    return unit > 0 && unit < Infinity ? unit : 0
  }

  /** Whether each parameter grows as the profiled parameter goes to 0. */
  #runsAway(): boolean[] {
    const { t, point } = this.last
    const [first] = this.#positions
    const before = this.#positions.filter((place) => place.t <= t / 2).at(-1) ?? first
    const most = exp(MIN_RUN_FRACTION * (t - before.t))
    return point.map((x, i) => {
      return [first, before].every((place) => Math.abs(x) > most * Math.abs(place.point[i]))
    })
  }
}

/** Solves fits in which one parameter is fixed. */
export class FixedParameterSolver {
  readonly compiled: ModelPrograms
  readonly #fixed: ModelPrograms
  readonly #iterations: Iterations
  readonly #solver: Solver
  readonly #columns: ReadonlyMap<string, DataColumn>
  readonly #starts: ReadonlyMap<string, Float64Array>
  readonly parameter: number
  /** Upper limit of positive parameters, whose reciprocal is the lower limit. */
  readonly scaleLimit: number

  /**
   * @param parameter index of the fixed parameter among the free parameters
   * @param most upper limit of positive parameters, whose reciprocal is the lower limit
   * @param signs signs that the other parameters must keep, or 0 for any sign
   */
  constructor(
    { compiled, columns, starts }: Pick<ProfileContext, 'compiled' | 'columns' | 'starts'>,
    iterations: Iterations,
    parameter: number,
    most: number,
    signs: readonly number[] = [],
  ) {
    this.scaleLimit = most
    this.compiled = compiled
    this.#fixed = loadProfilePrograms(compiled).withFixedParameter(
      compiled.problem.free[parameter],
      most,
      signs,
    )
    this.#iterations = iterations.forPrograms(this.#fixed)
    this.#solver = new Solver(this.#fixed, this.#iterations)
    this.#columns = columns
    this.#starts = starts
    this.parameter = parameter
  }

  /** Minimizes χ² over all parameters that are not fixed. Each run starts at its own starting point. */
  *solve(
    fits: Uint32Array,
    values: Float64Array,
    from: readonly (readonly number[])[],
  ): Generator<EngineCall, ConstrainedFit[]> {
    const stops: ConstrainedFit[] = []
    if (fits.length === 0) return stops
    const data = [...this.#columns.values()]
    const runsOf = new Map<number, number[]>()
    for (const [run, fit] of fits.entries()) {
      const known = runsOf.get(fit)
      if (known === undefined) runsOf.set(fit, [run])
      else known.push(run)
    }
    for (const some of groupByRows(data, Uint32Array.from(runsOf.keys()))) {
      const runs = Uint32Array.from([...some].flatMap((fit) => runsOf.get(fit) as number[]))
      const found = yield* this.#solve(
        pickRuns(fits, runs),
        pickRuns(values, runs),
        Array.from(runs, (run) => from[run]),
      )
      for (const [k, stop] of found.entries()) stops[runs[k]] = stop
      yield
    }
    return stops
  }

  *#solve(
    runs: Uint32Array,
    values: Float64Array,
    from: readonly (readonly number[])[],
  ): Generator<EngineCall, ConstrainedFit[]> {
    const { parameter } = this
    const { problem } = this.compiled
    const { scales } = loadProfilePrograms(this.compiled)
    const { free, fixed } = this.#fixed.problem
    const places = free.map((name) => problem.free.indexOf(name))
    const isLog = free.map((name) => scales.has(name))
    const name = problem.free[parameter]
    const solved: SolverResult = yield* this.#solver.solve(
      {
        runs,
        data: [...this.#columns.values()],
        degreesOfFreedom: new Float64Array(runs.length).fill(1),
        starts: places.map((at, j) => Float64Array.from(from, (x) => (isLog[j] ? log(x[at]) : x[at]))),
        fixed: fixed.map((other) => {
          if (other === name) return values
          return Float64Array.from(runs, (fit) => this.#starts.get(other)?.[fit] ?? NaN)
        }),
      },
      MAX_EVALUATIONS_PER_FIT,
      true,
      false,
    )
    return from.map((_, run) => {
      const point: number[] = []
      point[parameter] = values[run]
      for (const [j, at] of places.entries()) {
        const { [run]: x } = solved.free[j]
        point[at] = isLog[j] ? exp(x) : x
      }
      const { [run]: cost } = solved.cost
      return { point, chiSquared: Number.isNaN(cost) ? Infinity : cost }
    })
  }

  /** Frees the memory of the engine. The caller ensures that no computation still uses the memory. */
  release(): void {
    this.#iterations.release()
  }
}

/** Searches for endpoints of a parameter's profile. */
export function* searchEndpoints(
  solver: FixedParameterSolver,
  sides: readonly EndpointSearch[],
): Generator<EngineCall, Endpoint[]> {
  const { compiled, parameter } = solver
  const programs = loadProfilePrograms(compiled)
  const scales = compiled.problem.free.map((name) => programs.scales.has(name))
  const walks = sides.map((side) => new BracketingSearch(side, scales, parameter))
  for (let round = 0; round < MAX_FITS; round++) {
    const open = walks.filter(({ end }) => end === null)
    if (open.length === 0) break
    const next = open.map((one) => one.next)
    const stops = yield* solver.solve(
      Uint32Array.from(open, ({ side }) => side.fit),
      Float64Array.from(next, ({ value }) => value),
      next.map(({ point }) => point),
    )
    for (const [k, one] of open.entries()) one.addPosition(stops[k])
  }
  return walks.map(({ end, last }) => end ?? { reason: FAILED, value: NaN, isThrough: false, ...last })
}
