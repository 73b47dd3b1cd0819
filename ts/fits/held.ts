/**
 * Ends of profiles that rays have not found: fits with the parameter held, further and further out. Each begins where the
 * last one has ended, so what others must do there, as to grow without limit, is found step by step.
 */

import { exp, log } from '../functions/index.js'
import { byRows, type Column } from '../many/data.js'
import type { Compiled } from './compiled.js'
import type { Call } from './drive.js'
import type { Iterations } from './iterations.js'
import { BOUND, EDGE, FAILED, FOUND, LOWER_MINIMUM, NO_END } from './reasons.js'
import { type Solved, Solver } from './solver.js'

/** What an end is to be found of. */
export interface Side {
  readonly fit: number
  readonly sign: number
  /** Where the parameter is at the fit, its error there, and its bound on this side. */
  readonly from: number
  readonly error: number
  readonly bound: number
  /** χ² at the fit and at the end, and where parameters that vary are at the fit. */
  readonly least: number
  readonly limit: number
  readonly point: readonly number[]
  /** Whether it goes on beyond 0, where nothing is special about it. */
  readonly mayPass: boolean
}

export interface End {
  /** As `endReasons` numbers it, or {@link PASSED}. */
  readonly why: number
  readonly at: number
  readonly point: readonly number[]
  readonly chiSquared: number
}

/** Why a walk ends that has come past 0 and is not to go on. */
export const PASSED = 0
/** Fits a walk may have, and evaluations each of these. */
const [MOST_FITS, EVALUATIONS] = [60, 200]
/** An end is found where χ² is off from the limit by no more than this part of its rise. */
const CLOSE = 1e-9
/** χ² that is less than at the fit, by this part of the rise, is another valley's. */
const BELOW = 1e-4
/** Places that differ by this part are one, and an end if χ² there is off by no more than this part of its rise. */
const [NARROW, OFF] = [1e-9, 1e-3]
/** After so many places in between, one beyond the limit is tried again from nearer, where χ² is still as far off. */
const [TRIES, ROUGH] = [14, 1e-2]
/** What a step does to χ² that is so small a part of the rise is nothing. */
const STILL = 1e-6
/** Where a step changes χ² by less than this part of what the one before did, all that are to come may be summed up. */
const FALLING = 0.8
/** Nothing is at rest, nor close to 0, before it has come so many errors, or factors of e, far. */
const [FAR, NEAR_ZERO] = [8, 11]
/** By logarithms there are numbers up to here; and else to so many errors. */
const [MOST_LOG, MOST_ERRORS] = [600, 1e15]
/** Another parameter runs to infinity as this one does to 0 if it grows by such a power of it at least. */
const RUNS = 0.25

/** A place on a walk. */
interface Place {
  /** How far it is, as the walk counts. */
  readonly t: number
  readonly chiSquared: number
  readonly point: readonly number[]
}

/** The walk to one end. It goes by the parameter's logarithm where that is above 0, and on the way to 0. */
class Walk {
  readonly side: Side
  readonly #isScale: boolean
  #byLogarithm: boolean
  /** Places below the limit, each further than the one before. */
  #places: Place[]
  #beyond: Place | null = null
  #step: number
  #tries = 0
  end: End | null = null

  constructor(side: Side, isScale: boolean) {
    const { from, sign, error, least, point } = side
    this.side = side
    this.#isScale = isScale
    this.#byLogarithm = isScale || from * sign < 0
    this.#places = [{ t: 0, chiSquared: least, point }]
    const unit = this.#byLogarithm ? Math.abs(from) : 1
    const step = error / unit
    this.#step = step > 0 && step < Infinity ? step : Math.abs(from) / unit || 1
    if (this.#byLogarithm) this.#step = Math.min(this.#step, 1)
  }

  get last(): Place {
    return this.#places[this.#places.length - 1]
  }

  /** The next place to try. */
  get t(): number {
    const { t } = this.last
    const next = this.#beyond === null ? t + this.#step : this.#between(this.#beyond)
    const { from, bound, sign } = this.side
    if (this.#byLogarithm && !this.#isScale && bound * from <= 0) return Math.min(next, NEAR_ZERO)
    const most = this.#byLogarithm ? Math.abs(log(Math.max(bound / from, 0))) : sign * (bound - from)
    return Math.min(next, most)
  }

  valueAt(t: number): number {
    const { from, sign, bound } = this.side
    if (!this.#byLogarithm) return sign > 0 ? Math.min(from + t, bound) : Math.max(from - t, bound)
    const value = from * exp(this.#isScale ? sign * t : -t)
    return sign > 0 ? Math.min(value, bound) : Math.max(value, bound)
  }

  /** By chords of √(χ² − least), of which every third is a half. */
  #between(beyond: Place): number {
    const { t, chiSquared } = this.last
    const middle = t + (beyond.t - t) / 2
    if (this.#tries % 3 === 2 || !(beyond.chiSquared < Infinity)) return middle
    const { least, limit } = this.side
    const [low, high, to] = [chiSquared, beyond.chiSquared, limit].map((x) =>
      Math.sqrt(Math.max(x - least, 0)),
    )
    const chord = t + ((beyond.t - t) * (to - low)) / (high - low)
    return chord > t && chord < beyond.t ? chord : middle
  }

  /** Takes what a fit has found. */
  take(place: Place): void {
    const { bound, sign } = this.side
    const value = this.valueAt(place.t)
    const why = this.#seen(place, value)
    if (why === null) return
    const ends = new Map([
      [FOUND, value],
      [BOUND, bound],
      [EDGE, 0],
      [NO_END, sign * Infinity],
    ])
    const isBound = why === EDGE && bound === 0
    this.end = { why: isBound ? BOUND : why, at: ends.get(why) ?? NaN, ...place }
  }

  /** Why the walk ends with a place, or null. */
  #seen(place: Place, value: number): number | null {
    const { least, limit, bound, sign, error, from, mayPass } = this.side
    const rise = limit - least
    const { t, chiSquared } = place
    if (Math.abs(chiSquared - limit) <= CLOSE * rise) return FOUND
    if (chiSquared < least - BELOW * rise) return LOWER_MINIMUM
    const isInside = chiSquared < limit
    if (isInside) this.#places.push(place)
    else this.#beyond = place
    if (isInside && value === bound) return BOUND
    if (this.#beyond !== null) return this.#nearer(this.#beyond, rise)
    this.#step = t
    const isAtRest = this.#isAtRest(rise)
    if (this.#isScale) return !isAtRest && t < MOST_LOG ? null : sign > 0 ? NO_END : EDGE
    if (!this.#byLogarithm) return isAtRest || t > MOST_ERRORS * error ? NO_END : null
    if (t < NEAR_ZERO) return null
    if (this.#runs()) return EDGE
    // Nothing is special about 0.
    this.#byLogarithm = false
    this.#places = [{ ...place, t: Math.abs(value - from) }]
    this.#step = this.last.t
    return mayPass ? null : PASSED
  }

  /** Between two places: the end is close, or the one beyond was not seen well from afar. */
  #nearer(beyond: Place, rise: number): number | null {
    this.#tries++
    const width = beyond.t - this.last.t
    const gap = this.side.limit - this.last.chiSquared
    if (width <= NARROW * beyond.t) return gap <= OFF * rise ? FOUND : FAILED
    if (this.#tries >= TRIES && gap > ROUGH * rise) {
      this.#tries = 0
      this.#beyond = null
      this.#step = width
    }
    return null
  }

  /** Whether all steps to come, each twice as long, leave χ² below the limit. */
  #isAtRest(rise: number): boolean {
    const places = this.#places.slice(-4)
    if (places.length < 4 || !(this.last.t > FAR * this.#unit)) return false
    const [a, b, c] = places.slice(1).map(({ chiSquared }, k) => Math.abs(chiSquared - places[k].chiSquared))
    const gap = this.side.limit - this.last.chiSquared
    const [earlier, later] = [b / a, c / b]
    const isFalling = earlier < FALLING && later < FALLING && (c * later) / (1 - later) < gap / 2
    return isFalling || Math.max(b, c) <= STILL * rise
  }

  get #unit(): number {
    const { error, from } = this.side
    const unit = this.#byLogarithm ? Math.min(error / Math.abs(from), 1) : error
    return unit > 0 && unit < Infinity ? unit : 0
  }

  /** Whether another parameter grows as this one goes to 0. */
  #runs(): boolean {
    const { t, point } = this.last
    const [first] = this.#places
    const before = this.#places.findLast((place) => place.t <= t / 2) ?? first
    const most = exp(RUNS * (t - before.t))
    return point.some((x, i) => {
      return [first, before].every((place) => Math.abs(x) > most * Math.abs(place.point[i]))
    })
  }
}

/**
 * Walks to ends of a parameter's profile.
 *
 * @param i its place among those that vary
 * @param starts what is fixed, by fit
 */
export function* walk(
  compiled: Compiled,
  iterations: Iterations,
  columns: ReadonlyMap<string, Column>,
  starts: ReadonlyMap<string, Float64Array>,
  i: number,
  sides: readonly Side[],
): Generator<Call, End[]> {
  const { free } = compiled.problem
  const name = free[i]
  const { scales } = compiled
  const held = compiled.holding(name)
  const own = iterations.of(held)
  const solver = new Solver(held, own)
  const data = [...columns.values()]
  const isLog = free.map((other) => scales.has(other))
  const toStep = (x: number, j: number) => (isLog[j] ? log(x) : x)
  const places = held.problem.free.map((other) => free.indexOf(other))
  const walks = sides.map((side) => new Walk(side, isLog[i]))
  const byFit = new Map<number, Walk[]>()
  for (const one of walks) byFit.set(one.side.fit, [...(byFit.get(one.side.fit) ?? []), one])
  for (let round = 0; round < MOST_FITS; round++) {
    const open = [...byFit.keys()].filter((fit) => byFit.get(fit)?.some(({ end }) => end === null))
    if (open.length === 0) break
    for (const fits of byRows(data, Uint32Array.from(open))) {
      const some = [...fits].flatMap((fit) => byFit.get(fit) as Walk[]).filter(({ end }) => end === null)
      const runs = Uint32Array.from(some, ({ side }) => side.fit)
      const t = some.map((one) => one.t)
      const values = Float64Array.from(some, (one, k) => one.valueAt(t[k]))
      const solved: Solved = yield* solver.solve(
        {
          ...{ runs, data, freedom: new Float64Array(runs.length).fill(1) },
          starts: places.map((j) => Float64Array.from(some, ({ last }) => toStep(last.point[j], j))),
          fixed: held.problem.fixed.map((other) => {
            if (other === name) return values
            return Float64Array.from(runs, (fit) => starts.get(other)?.[fit] ?? NaN)
          }),
        },
        EVALUATIONS,
        true,
        false,
      )
      for (const [k, one] of some.entries()) {
        const point = free.map((_, j) => {
          if (j === i) return values[k]
          const x = solved.free[places.indexOf(j)][k]
          return isLog[j] ? exp(x) : x
        })
        const { [k]: cost } = solved.cost
        one.take({ t: t[k], point, chiSquared: Number.isNaN(cost) ? Infinity : cost })
      }
      yield
    }
  }
  own.leave()
  return walks.map(({ end, last }) => end ?? { why: FAILED, at: NaN, ...last })
}
