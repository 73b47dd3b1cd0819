/**
 * Ends of profiles that rays have not found: fits with the parameter held, further and further out. Each begins where the
 * last one has ended, so what others must do there, as to grow without limit, is found step by step.
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

/** What an end is to be found of. */
export interface EndpointSearch {
  readonly fit: number
  readonly sign: number
  /** Where the parameter is at the fit, its error there, and its bound on this side. */
  readonly begin: number
  readonly error: number
  readonly bound: number
  /** χ² at the fit and at the end, and where parameters that vary are at the fit. */
  readonly minimum: number
  readonly threshold: number
  readonly point: readonly number[]
  readonly errors: readonly number[]
  /** Where a ray has ended beyond 0, which is the end if nothing is special about 0; NaN to go on there. */
  readonly passed: number
  /** Where it goes on from, if not from the fit: below the limit. */
  readonly searchStart?: SearchStart
}

/** Where a fit with the parameter held has ended. */
export interface ConstrainedFit {
  readonly point: readonly number[]
  readonly chiSquared: number
}

export interface SearchStart extends ConstrainedFit {
  readonly value: number
}

export interface Endpoint {
  /** As `profileEndReasons` numbers it, or {@link BEYOND_BOUND}. */
  readonly reason: number
  readonly value: number
  readonly point: readonly number[]
  readonly chiSquared: number
  /** Where χ² leaps over the limit there, as it seems from before: a place a little further out. */
  readonly skippedValue?: number
  /** Whether others have gone through infinity, as the parameter went through 0. */
  readonly isThrough: boolean
}

/** Why a walk ends that has come past 0 and is not to go on. */
export const BEYOND_BOUND = 0
/** … and why at 0, beyond which χ² is above the limit, and has leapt there. */
const LEAPT = -1
/** Most fits of one search for an endpoint. */
const MAX_FITS = 80
const MAX_EVALUATIONS_PER_FIT = 200
/** An end is found where χ² is off from the limit by no more than this part of its rise. */
const THRESHOLD_TOLERANCE = 1e-9
/** χ² that is less than at the fit, by this part of the rise, is another valley's. */
export const LOWER_MINIMUM_MARGIN = 1e-4
/** Places that differ by this part are one: χ² leaps there. */
const MIN_BRACKET_RATIO = 1e-9
/** How much further out is a little, where it is looked at. */
const JUMP_TOLERANCE = 1e-2
/** Most points that are tried between one inside and one outside. */
const MAX_TRIES = 14
/** If χ² is still this far off then, the outer point is fitted again from a nearer one. */
const ROUGH_TOLERANCE = 1e-2
/** How often that is done. */
const MAX_RETURNS = 2
/** What a step does to χ² that is so small a part of the rise is nothing. */
const PLATEAU_TOLERANCE = 1e-6
/** Where a step changes χ² by less than this part of what the one before did, all that are to come may be summed up. */
const PLATEAU_RATIO = 0.8
/** Nothing counts as converged before this many standard errors, or factors of e. */
const MAX_LOG_STEP = 8
/** Nothing counts as close to 0 before this many factors of e. */
const MAX_STEPS_TO_ZERO = 11
/** Others that run have begun to after so many factors of e. */
const BEGUN = 4
/** How far a search goes on a logarithmic scale, in factors of e. */
const MAX_LOG_RATIO = 600
/** … and on a linear one, in standard errors. */
const MAX_STANDARD_ERRORS = 1e15
/** Another parameter runs to infinity as this one does to 0 if it grows by such a power of it at least. */
const MIN_RUN_FRACTION = 0.25

/** A place on a walk. */
interface SearchPosition {
  /** How far it is, as the walk counts. */
  readonly t: number
  readonly chiSquared: number
  readonly point: readonly number[]
}

/**
 * The walk to one end. It goes by the parameter's logarithm where that is above 0, and on the way to 0. Others that grow as
 * its reciprocal there, as those of a decay do where it becomes a line, come back from the other infinity beyond 0.
 */
class BracketingSearch {
  readonly side: EndpointSearch
  /** By parameter, whether it stays above 0, and whether this one does. */
  readonly #scales: readonly boolean[]
  readonly #isScale: boolean
  #byLogarithm: boolean
  /** What linear distances are counted from: where the parameter is at the fit, or 0 once others have run there. */
  #origin: number
  #running: readonly boolean[] = []
  /** χ² as far from 0 as the fit, or its error, on both sides, and just beyond 0. */
  #looks: number[] = []
  /** Whether the curves beyond 0 are the same by other names: it ends there, if it comes so far. */
  #isSame = false
  /** Places below the limit, each further than the one before. */
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

  /** Where the parameter is held next, and where others begin there. */
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

  /** Whether others run, and it is not known yet how the model goes on beyond 0. */
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

  /** By chords of √(χ² − least), of which every third is a half. */
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

  /** Takes what a fit has found. */
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

  /** Why the walk ends with a place, or null. */
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
    // Nothing is special about 0.
    this.#byLogarithm = false
    this.#positions = [{ ...place, t: Math.abs(value - begin) }]
    this.#step = this.last.t
    return Number.isNaN(passed) ? null : BEYOND_BOUND
  }

  /** How it goes on once others run, by what χ² is beyond 0. */
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
      // From nearer to 0 it may be no leap.
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

  /** Between two places: the end is close, or the one beyond was not seen well from afar. */
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

  /** Whether all steps to come, each twice as long, leave χ² below the limit. */
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

  /** Which others grow as this one goes to 0. */
  #runsAway(): boolean[] {
    const { t, point } = this.last
    const [first] = this.#positions
    const before = this.#positions.findLast((place) => place.t <= t / 2) ?? first
    const most = exp(MIN_RUN_FRACTION * (t - before.t))
    return point.map((x, i) => {
      return [first, before].every((place) => Math.abs(x) > most * Math.abs(place.point[i]))
    })
  }
}

/** Fits of a problem with one of its parameters held. */
export class FixedParameterSolver {
  readonly compiled: ModelPrograms
  readonly #fixed: ModelPrograms
  readonly #iterations: Iterations
  readonly #solver: Solver
  readonly #columns: ReadonlyMap<string, DataColumn>
  readonly #starts: ReadonlyMap<string, Float64Array>
  readonly parameter: number
  readonly maxIterations: number

  /**
   * @param parameter its place among those that vary
   * @param most what is above 0 is so large at most, and so small
   * @param signs those that others are to keep, 0 for any
   */
  constructor(
    { compiled, columns, starts }: Pick<ProfileContext, 'compiled' | 'columns' | 'starts'>,
    iterations: Iterations,
    parameter: number,
    most: number,
    signs: readonly number[] = [],
  ) {
    this.maxIterations = most
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

  /** The least χ² that others come to from some points, by run. */
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

  /** Gives memory back, which no engine may have any more. */
  release(): void {
    this.#iterations.release()
  }
}

/** Walks to ends of a parameter's profile. */
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
