/** Profiles of a parameter that groups share, or that one has for itself, while all others follow. */

import type { Call } from '../../many/drive.js'
import type { GivenOf } from '../../options/kinds.js'
import { fromStep } from '../logarithms.js'
import type { Parameter } from '../parameters.js'
import type { profileManyTable } from '../profiled.js'
import type { EndReason } from '../reasons.js'
import { CONVERGED, SINGULAR } from '../reasons.js'
import { isMet, squaresOf } from '../statistics.js'
import { quantile } from '../student.js'
import type { Arrow, Held, Point, Stop, Way } from './arrow.js'
import { type Ended, FREE } from './ending.js'

export interface SharedProfileOptions extends GivenOf<typeof profileManyTable> {}

/** A parameter's profile: an interval, and why it ends where it does. */
export interface SharedProfile {
  /** −∞ or ∞ where there is no end, NaN where none is known. */
  readonly low: number
  readonly high: number
  readonly lowReason: EndReason
  readonly highReason: EndReason
}

/** What is profiled: where it is, its step's standard error, and whether it may move. */
export interface Profiled {
  readonly held: Held
  readonly parameter: Parameter
  readonly error: number
  readonly state: number
}

interface End {
  readonly at: number
  readonly reason: EndReason
}

/** How often the distance is doubled before there is no end. */
const DOUBLINGS = 40
/** Solutions at most, once an end lies between two points, and how near these are to each other by errors. */
const [NARROWINGS, NEAR] = [60, 1e-9]
/** A χ² that is lower by this part is another minimum's. */
const LOWER = 1e-9
export const NEAR_BY: Way = { isNear: true, alternates: false }

export function* profileShared(
  arrow: Arrow,
  { stop, variance, freedom, reason }: Ended,
  { held, parameter, error, state }: Profiled,
  level: number,
  isAbsolute: boolean,
  most: number,
): Generator<Call, SharedProfile> {
  const nothing = (why: EndReason): SharedProfile => ({
    low: NaN,
    high: NaN,
    lowReason: why,
    highReason: why,
  })
  const isSomewhere = reason === CONVERGED || reason === SINGULAR
  if (!isSomewhere || !(variance > 0)) return nothing('no-fit')
  if (!isAbsolute && isMet(stop.cost, squaresOfAll(arrow))) return nothing('no-fit')
  if (state !== FREE || !(error > 0)) {
    const isHeld = state !== FREE && reason === CONVERGED
    if (!isHeld) return { low: -Infinity, high: Infinity, lowReason: 'flat', highReason: 'flat' }
  }
  const goal = quantile(level, isAbsolute ? Infinity : freedom) * Math.sqrt(variance)
  const center = read(stop.point, held)
  const [min, max] = limitsOf(arrow, held)
  const unit = error > 0 ? error : Math.max(Math.abs(center), 1) * 1e-3
  const value = fromStep(parameter)

  /** How high χ² is at a point, as a distance; the last solution there is where the next one starts. */
  function* side(sign: number): Generator<Call, End> {
    const bound = sign < 0 ? min : max
    let last: Stop = stop
    function* heightAt(x: number): Generator<Call, number | EndReason> {
      const there = yield* arrow.solve(write(last.point, held, x), most, held, NEAR_BY)
      if (there.reason !== CONVERGED) return 'failed'
      if (there.cost < stop.cost * (1 - LOWER)) return 'lower-minimum'
      last = there
      return Math.sqrt(Math.max(0, there.cost - stop.cost)) - goal
    }
    let [near, below] = [center, -goal]
    let far = center
    let above = -goal
    for (let k = 0, length = goal * (unit / Math.sqrt(variance)); above < 0; k++, length *= 2) {
      if (near === bound) return { at: bound, reason: 'bound' }
      if (k === DOUBLINGS) return { at: sign * Infinity, reason: 'endless' }
      const next = center + sign * length
      far = sign * (bound - next) < 0 ? bound : next
      const height = yield* heightAt(far)
      if (typeof height === 'string') return { at: NaN, reason: height }
      if (height < 0) [near, below] = [far, height]
      above = height
    }
    // The Illinois method (Dowell and Jarratt, 1971).
    for (let k = 0; k < NARROWINGS && Math.abs(far - near) > NEAR * unit; k++) {
      const x = near - (below * (far - near)) / (above - below)
      if (x === near || x === far) break
      const height = yield* heightAt(x)
      if (typeof height === 'string') return { at: NaN, reason: height }
      if (Math.abs(height) <= NEAR * goal) return { at: x, reason: 'found' }
      if (height < 0) {
        ;[near, below] = [x, height]
        above /= 2
      } else {
        ;[far, above] = [x, height]
        below /= 2
      }
    }
    return { at: far, reason: 'found' }
  }
  const low = yield* side(-1)
  const high = yield* side(1)
  const ends = { low: low.at, high: high.at }
  const finite = (x: number) => (Number.isFinite(x) ? value(x) : parameter.isLogarithmic && x < 0 ? 0 : x)
  return { low: finite(ends.low), high: finite(ends.high), lowReason: low.reason, highReason: high.reason }
}

/** Σw·y² of all groups. */
function squaresOfAll({ families }: Arrow): number {
  let sum = 0
  for (const { outputs, groups } of families) {
    for (const { compiled, columns } of outputs) {
      for (const group of groups) sum += squaresOf({ problem: compiled.problem, columns }, group)
    }
  }
  return sum
}

function read(point: Point, { shared, own }: Held): number {
  if (own !== null) return point.own[own.family][own.parameter][own.at]
  return point.shared[shared as number]
}

function write(point: Point, { shared: place, own: at }: Held, x: number): Point {
  const shared = point.shared.map((before, k) => (k === place ? x : before))
  if (at === null) return { ...point, shared }
  const own = point.own.map((columns, f) =>
    columns.map((column, i) =>
      f === at.family && i === at.parameter ? column.map((before, g) => (g === at.at ? x : before)) : column,
    ),
  )
  return { shared, own }
}

function limitsOf({ min, max, families }: Arrow, { shared, own }: Held): readonly [number, number] {
  if (own === null) return [min[shared as number], max[shared as number]]
  const { problem } = families[own.family]
  return [problem.min[own.parameter], problem.max[own.parameter]]
}
