/** Profiles: how far a parameter may go, while all others follow, until χ² has risen to a limit. */

import { compile } from '../expressions/program.js'
import { Machine } from '../expressions/run.js'
import { groupBy } from '../ground/group-by.js'
import { type Column, numbersOf } from '../many/data.js'
import type { Call } from '../many/drive.js'
import { isBent, signsOf, surest, WALLS } from './elsewhere.js'
import { freedomOf, type Ingredients, type Profiled } from './found.js'
import { type End, Held, PASSED, type Side, walk } from './held.js'
import type { Iterations } from './iterations.js'
import { BOUNDED, ENDLESS, FAR, FLAT, HELD, LOWER, REACHED, UNSURE } from './ray.js'
import { follow, type RayEnds, type Rays } from './rays.js'
import {
  BOUND,
  FAILED,
  FOUND,
  fitReasons,
  LOWER_MINIMUM,
  NO_END,
  NO_FIT,
  NO_SLOPE,
  TOO_ALIKE,
} from './reasons.js'
import { isMet, squaresOf } from './statistics.js'
import { quantile } from './student.js'

/** Of fits that have not been looked at. */
export function noProfiles(names: readonly string[], level: number, count: number): Profiled {
  const ends = () => names.map(() => new Float64Array(count).fill(NaN))
  const reasons = () => names.map(() => new Uint8Array(count).fill(NO_FIT))
  return { names, level, low: ends(), high: ends(), lowReason: reasons(), highReason: reasons(), lower: [] }
}

/** What profiles are made from. */
export type Fitted = Pick<
  Ingredients,
  'compiled' | 'problem' | 'columns' | 'starts' | 'rows' | 'found' | 'isAbsolute'
>

/** Fits at a time: what is looked up and written down for them takes a few milliseconds of this thread. */
const FITS = 256

/** Squares below it have lost digits: 2⁻⁹⁵⁰. */
const TINY = 1.0507614211323843e-286

/** Why there is nothing from which χ² could rise to a limit, in words; undefined if there is. */
export function obstacle(of: Fitted, fit: number): string | undefined {
  const reason = fitReasons[of.found.reason[fit]]
  if (reason !== 'converged' && reason !== 'singular') return `the fit is '${reason}'`
  if (of.isAbsolute) return undefined
  if (freedomOf(of, fit) <= 0) return 'no degree of freedom is left'
  const y = numbersOf(of.columns.get(of.problem.y) as Column, fit)
  const squares = squaresOf(of, fit)
  const isNumber = squares < Infinity && (squares > TINY || y.every((x) => x === 0))
  if (!isNumber) return 'χ² is no number; multiply the data by a power of 10'
  return isMet(of.found.cost[fit], squares) ? 'the data are met, but for rounding' : undefined
}

/**
 * Profiles parameters of fits, or what is derived from them.
 *
 * @param place where a fit is in these columns
 */
export function* profile(
  of: Fitted,
  iterations: Iterations,
  fits: Uint32Array,
  to: Profiled,
  place: (fit: number) => number = (fit) => fit,
): Generator<Call, void> {
  for (let from = 0; from < fits.length; from += FITS) {
    yield* profileSome(of, iterations, fits.subarray(from, from + FITS), to, place)
    yield
  }
}

function* profileSome(
  of: Fitted,
  iterations: Iterations,
  fits: Uint32Array,
  to: Profiled,
  place: (fit: number) => number,
): Generator<Call, void> {
  const { free, derived } = of.problem
  const some = fits.filter((fit) => obstacle(of, fit) === undefined)
  for (const fit of fits) {
    for (const column of [...to.low, ...to.high]) column[place(fit)] = NaN
    for (const column of [...to.lowReason, ...to.highReason]) column[place(fit)] = NO_FIT
  }
  const places = [...to.names.keys()]
  const parameters = places.filter((k) => free.includes(to.names[k]))
  const others = places.filter((k) => derived.has(to.names[k]))
  if (parameters.length > 0) {
    yield* follow(of, iterations, some, [], ...raysOf(of, parameters, to, place))
    for (const k of parameters) yield* walkOn(of, iterations, some, to, k, place)
  }
  for (const k of others) yield* follow(of, iterations, some, [to.names[k]], ...raysOf(of, [k], to, place))
}

/** What is so small a part of what it was is 0. */
const AT_ZERO = 1e-5

/** An end of a parameter's profile of a fit, and where it stands. */
interface OwnEnd extends Side {
  readonly end: Float64Array
  readonly reason: Uint8Array
  readonly at: number
}

/**
 * Goes on to a parameter's ends that rays have not found; and looks again at those that have gone past 0, where they may
 * have leapt over a place at which others are infinite, or the model ends. Then all that are found are looked at from
 * elsewhere.
 */
function* walkOn(
  of: Fitted,
  iterations: Iterations,
  fits: Uint32Array,
  to: Profiled,
  k: number,
  place: (fit: number) => number,
): Generator<Call, void> {
  const { compiled, problem, columns, starts, found } = of
  const { free, min, max } = problem
  const i = free.indexOf(to.names[k])
  const above = fits.filter((fit) => mayWalk(of, fit))
  if (above.length === 0) return
  const limits = limitsOf(of, to.level)
  const ends = [
    { sign: -1, bound: min[i], end: to.low[k], reason: to.lowReason[k] },
    { sign: 1, bound: max[i], end: to.high[k], reason: to.highReason[k] },
  ].flatMap((side) =>
    Array.from(above, (fit): OwnEnd => {
      const at = place(fit)
      return {
        ...{ ...side, fit, at, from: found.free[i][fit], error: found.errors[i][fit] },
        ...{ least: found.cost[fit], limit: limits(fit), point: found.free.map((x) => x[fit]) },
        errors: found.errors.map((x) => x[fit]),
        passed: side.reason[at] === FAILED ? NaN : side.end[at],
      }
    }),
  )
  const hasPassed = [FOUND, NO_END]
  const open = ends.filter(({ end, reason, at, from }) => {
    const isPast = hasPassed.includes(reason[at]) && compiled.isBent(i) && !(end[at] / from > AT_ZERO)
    return reason[at] === FAILED || isPast
  })
  const holding = (most: number, signs?: readonly number[]) =>
    new Held(compiled, iterations, columns, starts, i, most, signs)
  const walked = new Map<OwnEnd, End>()
  const turned = new Set<OwnEnd>()
  if (open.length > 0) {
    const held = holding(WALLS[0])
    for (const [n, end] of (yield* walk(held, open)).entries()) {
      const [side, { point, isThrough }] = [open[n], end]
      if (settle(to, side, end)) walked.set(side, end)
      const signs = [side.point, point].map((x) => signsOf(compiled, i, x).join())
      if (isThrough && signs[0] !== signs[1]) turned.add(side)
    }
    held.leave()
  }
  // Others that have come back from the other infinity keep their signs no more: the end is that of the valley.
  const isDoubtful = (side: OwnEnd) => !turned.has(side) && (walked.has(side) || isUnsure(of, side))
  const doubtful = ends
    .filter((side) => side.reason[side.at] === FOUND && isDoubtful(side))
    .map((side) => ({ ...side, value: side.end[side.at], walked: walked.get(side) ?? null }))
  for (const some of groupBy(doubtful, ({ point }) => signsOf(compiled, i, point).join()).values()) {
    const signs = signsOf(compiled, i, some[0].point)
    const inside = (most: number) => holding(most, signs)
    for (const [n, end] of (yield* surest(inside, some)).entries()) {
      if (end !== null) settle(to, some[n], end)
    }
  }
}

/** With no more degrees of freedom, and an interval as wide as this part of the value, χ² often has other valleys. */
const [FEW, NEARLY_ALL] = [6, 0.7]

/** Whether a ray may have ended where others meet the data better from elsewhere. */
function isUnsure(of: Fitted, { fit, limit, least, point, errors }: OwnEnd): boolean {
  const freedom = freedomOf(of, fit)
  const t = Math.sqrt((limit - least) / (of.isAbsolute ? 1 : least / freedom))
  return (
    freedom <= FEW &&
    point.some((x, j) => isBent(of.compiled, j) && !(t * errors[j] < NEARLY_ALL * Math.abs(x)))
  )
}

/** Writes down what has been found; whether it says anything. */
function settle(
  to: Profiled,
  { end, reason, at }: OwnEnd,
  { why, at: value, point, chiSquared }: End,
): boolean {
  if (why === PASSED) return false
  reason[at] = why
  end[at] = why === LOWER_MINIMUM ? NaN : value
  if (why === LOWER_MINIMUM) meet(to, at, point, chiSquared)
  return true
}

/** Keeps the lowest point that is below a fit. */
function meet(to: Profiled, at: number, x: readonly number[], chiSquared: number): void {
  const known = to.lower[at]
  if (known === undefined || chiSquared < known.chiSquared) to.lower[at] = { x, chiSquared }
}

/** Whether a parameter has come so far that it may be taken for endless, by its errors. */
function isFar({ found }: Fitted, fit: number, i: number, x: number): boolean {
  return !(Math.abs(x - found.free[i][fit]) < ENDLESS_FROM * found.errors[i][fit])
}

/** Whether ends are searched for with the parameter held. */
function mayWalk({ compiled, problem: { free }, found }: Fitted, fit: number): boolean {
  const isAbove = () => free.every((name, j) => !compiled.scales.has(name) || found.free[j][fit] > 0)
  return !compiled.isDense && free.length > 1 && isAbove()
}

/** Two rays for each of some names, how many these are for a fit, and where their ends go. */
function raysOf(of: Fitted, places: readonly number[], to: Profiled, place: (fit: number) => number) {
  const { problem, found } = of
  const limits = limitsOf(of, to.level)
  const each = 2 * places.length
  const sides = places.flatMap((k) => {
    const i = problem.free.indexOf(to.names[k])
    const [min, max] = [problem.min[i], problem.max[i]]
    const side = { i, value: valuesOf(of, to.names[k]) }
    return [
      { ...side, sign: -1, bound: min ?? -Infinity, end: to.low[k], reason: to.lowReason[k] },
      { ...side, sign: 1, bound: max ?? Infinity, end: to.high[k], reason: to.highReason[k] },
    ]
  })
  // What is derived has no bound of its own.
  const distance = ({ i, sign, bound }: { i: number; sign: number; bound: number }, fit: number) =>
    i < 0 ? Infinity : sign * (bound - found.free[i][fit])
  const make = (fits: Uint32Array): Rays => {
    const count = fits.length * each
    const rays = {
      directions: (sides[0].i < 0 ? ['share'] : problem.free).map(() => new Float64Array(count)),
      ...{ reach: new Float64Array(count), limit: new Float64Array(count) },
    }
    for (let ray = 0; ray < count; ray++) {
      const [fit, side] = [fits[Math.floor(ray / each)], sides[ray % each]]
      rays.directions[Math.max(0, side.i)][ray] = side.sign
      rays.reach[ray] = distance(side, fit)
      rays.limit[ray] = limits(fit)
    }
    return rays
  }
  const take = (fits: Uint32Array, ends: RayEnds) => {
    for (let ray = 0; ray < fits.length * each; ray++) {
      const [fit, side] = [fits[Math.floor(ray / each)], sides[ray % each]]
      const at = place(fit)
      const isNear = side.i >= 0 && mayWalk(of, fit) && !isFar(of, fit, side.i, ends.point[side.i][ray])
      const seen = codeOf(of, fit, ends, ray)
      const reason = seen === NO_END && isNear ? FAILED : seen
      if (reason === FOUND || reason === BOUND) {
        side.end[at] = ends.reason[ray] === BOUNDED ? side.bound : side.value(fit, ray, ends)
      }
      if (reason === NO_END || reason === NO_SLOPE) side.end[at] = side.sign * Infinity
      side.reason[at] = reason
      if (reason === LOWER_MINIMUM)
        meet(
          to,
          at,
          ends.point.map((x) => x[ray]),
          ends.cost[ray],
        )
    }
  }
  return [each, make, take] as const
}

/** What a parameter that varies, or is derived, is where rays have ended. */
export function valuesOf({ problem, starts }: Fitted, name: string) {
  const { graph, free, fixed, derived } = problem
  const node = derived.get(name)
  if (node === undefined)
    return (_: number, ray: number, { point }: RayEnds) => point[free.indexOf(name)][ray]
  const machine = new Machine(compile(graph, [node], [...free, ...fixed], []), 'float64')
  return (fit: number, ray: number, { point }: RayEnds): number => {
    const rest = fixed.map((name) => starts.get(name)?.[fit] ?? NaN)
    machine.run([...point.map((x) => x[ray]), ...rest], [], 0)
    return machine.slots[machine.program.outputs[0]]
  }
}

/** Nothing is endless that has come no more errors far. */
const ENDLESS_FROM = 1e3
/** So many times as far as a parabola would be, χ² may have come to rest … */
const SETTLED = 8
/** … where twice as far has brought it no nearer to the limit than this part. */
const AT_REST = 1 / 64

/**
 * Why a ray of a fit has ended, as a number of `endReasons`. What the fit determines is not flat, but so like others that
 * no digit tells them apart.
 */
export function codeOf({ found }: Fitted, fit: number, ends: RayEnds, ray: number): number {
  switch (ends.reason[ray]) {
    case REACHED:
      return FOUND
    case BOUNDED:
    case HELD:
      return BOUND
    case ENDLESS:
      return NO_END
    case FLAT:
      return fitReasons[found.reason[fit]] === 'converged' ? TOO_ALIKE : NO_SLOPE
    case UNSURE:
      return TOO_ALIKE
    case LOWER:
      return LOWER_MINIMUM
    default:
      return hasSettled(ends, ray) ? NO_END : FAILED
  }
}

/** Whether χ² has come to rest below the limit, where no numbers lead on. */
function hasSettled({ cost, earlier, limit, length, far }: RayEnds, ray: number): boolean {
  const isFar = length[ray] >= (SETTLED / FAR) * far[ray]
  const gap = limit[ray] - cost[ray]
  return isFar && gap > 0 && cost[ray] - earlier[ray] <= AT_REST * gap
}

/** χ² at which a parameter's profile ends, by fit: by F(1, n) = t², or by Δχ² where σ is known. */
function limitsOf(of: Fitted, level: number): (fit: number) => number {
  const quantiles = new Map<number, number>()
  const squareOf = (freedom: number) => {
    const t = quantiles.get(freedom) ?? quantile(level, freedom)
    quantiles.set(freedom, t)
    return t * t
  }
  return (fit) => {
    const cost = of.found.cost[fit]
    if (of.isAbsolute) return cost + squareOf(Infinity)
    const freedom = freedomOf(of, fit)
    return cost * (1 + squareOf(freedom) / freedom)
  }
}
