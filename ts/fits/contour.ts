/** Contours: where χ² has risen to a limit, by two parameters, while all others follow. */

import { elementary } from '../functions/index.js'
import { OptionError } from '../ground/errors.js'
import { recordOf } from '../ground/given.js'
import type { Call } from '../many/drive.js'
import { type GivenOf, type ValuesOf, wholeTo } from '../options/kinds.js'
import { freedomOf, type Ingredients, type Lower, variance } from './found.js'
import { Iterations } from './iterations.js'
import { probability } from './level.js'
import { followed } from './linearise.js'
import { codeOf, obstacle, valuesOf } from './profile.js'
import { namesThatVary } from './profiled.js'
import { follow, type RayEnds } from './rays.js'
import { type EndReason, endReasons } from './reasons.js'

const { cos, sin, log, pow } = elementary('float64')

/** A direction that leads nowhere. */
const NOWHERE = Number.MIN_VALUE

export const contourTable = {
  /** The probability that both are inside, between 0 and 1; 0.95. */
  level: probability,
  /** How many points it has, from 4 to 4096; 64. */
  points: wholeTo(4, 4096, 64),
}

export interface ContourOptions extends GivenOf<typeof contourTable> {}

/** A contour: points around the fit, and why each is where it is. */
export interface Contour<Names extends string = string> {
  /** Of the two parameters: ±∞ where there is no end, NaN where none is known. */
  readonly points: Readonly<Record<Names, Float64Array>>
  readonly reasons: readonly EndReason[]
  /** What has to be known of the points, in words; empty if there is nothing. */
  readonly message: string
  /** A point of another valley where χ² is less than at the fit; null if none was met. */
  readonly lower: Readonly<{ values: Readonly<Record<string, number>>; chiSquared: number }> | null
}

/** Names of two parameters that vary, or of what follows from these. */
export function pairOf(
  a: unknown,
  b: unknown,
  { problem, parameters }: Ingredients,
): readonly [string, string] {
  const known = namesThatVary(problem)
  const what = known.length > problem.free.length ? ', or what follows from some' : ''
  const expected = (name: unknown) => {
    const own = parameters.find((parameter) => parameter.name === name)
    const why = own === undefined ? '' : own.expr === null ? `; ${name} is fixed` : `; ${name} does not vary`
    return `a parameter that varies${what}: ${known.join(', ')}${why}`
  }
  const isKnown = (name: unknown): name is string => known.includes(name as string)
  if (!isKnown(a)) throw new OptionError('a', expected(a), a)
  if (!isKnown(b) || a === b) throw new OptionError('b', a === b ? `another one than ${a}` : expected(b), b)
  return [a, b]
}

/**
 * Rays to all sides, which are evenly spread where the model is linear within the errors: the contour is an ellipse
 * there, and they go to where its angles are equal. Where something is derived, they are to where a sum of both has its
 * end, which is on the contour too: the line along which the sum is the same touches it there.
 */
export function* contour(
  of: Ingredients,
  fit: number,
  pair: readonly [string, string],
  { level, points: count }: ValuesOf<typeof contourTable>,
): Generator<Call, Contour> {
  const { problem } = of
  const places = pair.map((name) => problem.free.indexOf(name))
  const own = pair.map((name) => followed(of, name)(fit))
  const isStraight = !places.includes(-1)
  const reach = new Float64Array(count).fill(Infinity)
  const outwards = (isStraight ? straight : touching)(scalesOf(of, fit, own), count)
  const directions = isStraight ? problem.free.map(() => new Float64Array(count)) : outwards
  if (isStraight) {
    for (const [side, i] of places.entries()) {
      directions[i] = outwards[side]
      const [x, min, max] = [of.found.free[i][fit], problem.min[i], problem.max[i]]
      for (const [k, by] of outwards[side].entries()) {
        reach[k] = Math.min(reach[k], ((by > 0 ? max : min) - x) / by)
      }
    }
  }
  const limit = new Float64Array(count).fill(limitOf(of, fit, level))
  const points = pair.map(() => new Float64Array(count).fill(NaN))
  const values = pair.map((name) => valuesOf(of, name))
  const reasons = new Array<EndReason>(count).fill('no-fit')
  let lower: Lower | undefined
  const take = (_: Uint32Array, ends: RayEnds) => {
    for (let k = 0; k < count; k++) {
      const reason = endReasons[codeOf(of, fit, ends, k)] as EndReason
      reasons[k] = reason
      for (const side of pair.keys()) {
        const out = outwards[side][k]
        if (reason === 'found' || reason === 'bound') points[side][k] = values[side](fit, k, ends)
        if (reason === 'endless' || reason === 'flat') {
          points[side][k] = out === NOWHERE ? own[side][0] : Infinity * out
        }
      }
      if (reason === 'lower-minimum' && !(lower && lower.chiSquared <= ends.cost[k])) {
        lower = { x: ends.point.map((x) => x[k]), chiSquared: ends.cost[k] }
      }
    }
  }
  const why = obstacle(of, fit)
  const iterations = new Iterations(of.compiled, of.choice.runner.threads)
  if (why === undefined) {
    const make = () => ({ directions, reach, limit })
    yield* follow(of, iterations, Uint32Array.of(fit), isStraight ? [] : pair, count, make, take)
  }
  iterations.leave()
  const all = lower as Lower | undefined
  return {
    points: recordOf(pair, (_, side) => points[side]),
    reasons,
    message: describe(reasons, why),
    lower: all ? { values: recordOf(problem.free, (_, i) => all.x[i]), chiSquared: all.chiSquared } : null,
  }
}

/** Of a root of the covariance, its lower triangle: first, across and second. */
type Scales = readonly [first: number, across: number, second: number]

/** To where angles of the ellipse are equal. None may be 0: it would follow the other one. */
function straight([first, across, second]: Scales, count: number): Float64Array[] {
  return around(count, (x, y) => [first * x || NOWHERE, across * x + second * y || NOWHERE])
}

/** Shares of a sum that has its end there. */
function touching([first, across, second]: Scales, count: number): Float64Array[] {
  return around(count, (x, y) => [(x - (across / second) * y) / first, y / second])
}

function around(count: number, of: (x: number, y: number) => readonly [number, number]): Float64Array[] {
  const all = Array.from({ length: count }, (_, k) => {
    const angle = (2 * Math.PI * k) / count
    return of(cos(angle), sin(angle))
  })
  return [0, 1].map((side) => Float64Array.from(all, (both) => both[side]))
}

/** @param own what both are, and their derivatives */
function scalesOf({ found }: Ingredients, fit: number, own: readonly (readonly number[])[]): Scales {
  const [a, b] = own.map(([, ...slopes]) => slopes)
  const [aa, ab, bb] = [variance(found, fit, a), variance(found, fit, a, b), variance(found, fit, b)]
  const first = Math.sqrt(aa)
  const across = ab / first
  const second = Math.sqrt(bb - across * across)
  if (first > 0 && second > 0) return [first, across, second]
  // Without errors: as far as they are large.
  const [x, y] = own.map(([value]) => Math.abs(value) || 1)
  return [aa > 0 ? first : x, 0, bb > 0 ? Math.sqrt(bb) : y]
}

/** By F(2, n), or Δχ² of two degrees of freedom where σ is known: both have a formula. */
function limitOf(of: Ingredients, fit: number, level: number): number {
  const cost = of.found.cost[fit]
  return of.isAbsolute ? cost - 2 * log(1 - level) : cost * pow(1 - level, -2 / freedomOf(of, fit))
}

const words: Readonly<Record<Exclude<EndReason, 'found'>, string>> = {
  bound: 'at a bound, with χ² below the limit up to there',
  edge: 'where the model ends, with χ² below the limit up to there',
  endless: 'nowhere, as χ² stays below the limit however far they are',
  flat: 'nowhere, as others make up for them',
  'ill-conditioned': 'not known, as derivatives are too alike',
  'lower-minimum': 'not known, as there is a lower minimum on the way',
  failed: 'not found',
  'no-fit': 'not looked for',
}

function describe(reasons: readonly EndReason[], why: string | undefined): string {
  if (why !== undefined) return `no contour: ${why}`
  const said = endReasons.flatMap((reason) => {
    const many = reasons.filter((other) => other === reason).length
    return many === 0 || reason === null || reason === 'found' ? [] : [`${many} are ${words[reason]}`]
  })
  return said.length === 0 ? '' : `of ${reasons.length} points ${said.join('; ')}`
}
