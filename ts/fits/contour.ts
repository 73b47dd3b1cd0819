/** Contours: where χ² has risen to a limit, by two parameters, while all others follow. */

import { elementary } from '../functions/index.js'
import { OptionError } from '../ground/errors.js'
import { recordOf } from '../ground/given.js'
import { type GivenOf, type ValuesOf, wholeTo } from '../options/kinds.js'
import type { Call } from './drive.js'
import { freedomOf, type Ingredients, type Lower } from './found.js'
import { Iterations } from './iterations.js'
import { probability } from './level.js'
import { covarianceOf } from './linearise.js'
import { codeOf, type EndReason, endReasons, obstacle } from './profile.js'
import { follow, type RayEnds } from './rays.js'

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

/** Places of two parameters that vary. */
export function pairOf(a: unknown, b: unknown, free: readonly string[]): readonly [number, number] {
  const [i, j] = [a, b].map((name) => free.indexOf(name as string))
  const expected = `a parameter that varies: ${free.join(', ')}`
  if (i < 0) throw new OptionError('a', expected, a)
  if (j < 0 || i === j) throw new OptionError('b', i === j ? `another one than ${a}` : expected, b)
  return [i, j]
}

/**
 * Rays to all sides, which are evenly spread where the model is linear within the errors: the contour is an ellipse
 * there, and they go to where its angles are equal.
 */
export function* contour(
  of: Ingredients,
  fit: number,
  pair: readonly [number, number],
  { level, points: count }: ValuesOf<typeof contourTable>,
): Generator<Call, Contour> {
  const { free, min, max } = of.problem
  const center = pair.map((i) => of.found.free[i][fit])
  const directions = free.map(() => new Float64Array(count))
  const reach = new Float64Array(count).fill(Infinity)
  const [[a, b], [first, second, across]] = [pair, scalesOf(of, fit, pair)]
  for (let k = 0; k < count; k++) {
    const angle = (2 * Math.PI * k) / count
    // None may be 0: it would follow the other one.
    directions[a][k] = first * cos(angle) || NOWHERE
    directions[b][k] = across * cos(angle) + second * sin(angle) || NOWHERE
    for (const [side, i] of pair.entries()) {
      const by = directions[i][k]
      reach[k] = Math.min(reach[k], ((by > 0 ? max[i] : min[i]) - center[side]) / by)
    }
  }
  const limit = new Float64Array(count).fill(limitOf(of, fit, level))
  const points = pair.map(() => new Float64Array(count).fill(NaN))
  const reasons = new Array<EndReason>(count).fill('no-fit')
  let lower: Lower | undefined
  const take = (_: Uint32Array, ends: RayEnds) => {
    for (let k = 0; k < count; k++) {
      const reason = endReasons[codeOf(of, fit, ends, k)] as EndReason
      reasons[k] = reason
      for (const [side, i] of pair.entries()) {
        if (reason === 'found' || reason === 'bound') points[side][k] = ends.point[i][k]
        if (reason === 'endless' || reason === 'flat') {
          points[side][k] = directions[i][k] === NOWHERE ? center[side] : Infinity * directions[i][k]
        }
      }
      if (reason === 'lower-minimum' && !(lower && lower.chiSquared <= ends.cost[k])) {
        lower = { x: ends.point.map((x) => x[k]), chiSquared: ends.cost[k] }
      }
    }
  }
  const why = obstacle(of, fit)
  const iterations = new Iterations(of.choice.runner, of.compiled)
  if (why === undefined) {
    const make = () => ({ directions, reach, limit })
    yield* follow(of, iterations, Uint32Array.of(fit), undefined, count, make, take)
  }
  iterations.leave()
  const all = lower as Lower | undefined
  return {
    points: recordOf([free[a], free[b]], (_, side) => points[side]),
    reasons,
    message: describe(reasons, why),
    lower: all ? { values: recordOf(free, (_, i) => all.x[i]), chiSquared: all.chiSquared } : null,
  }
}

/** The lower triangle of a root of the covariance: by rows (first), (across, second). */
function scalesOf(of: Ingredients, fit: number, [a, b]: readonly [number, number]): readonly number[] {
  const [aa, ab, bb] = [covarianceOf(of, fit, a, a), covarianceOf(of, fit, a, b), covarianceOf(of, fit, b, b)]
  const first = Math.sqrt(aa)
  const across = ab / first
  const second = Math.sqrt(bb - across * across)
  if (first > 0 && second > 0) return [first, second, across]
  // Without errors: as far as they are large.
  const [x, y] = [a, b].map((i) => Math.abs(of.found.free[i][fit]) || 1)
  return [aa > 0 ? first : x, bb > 0 ? Math.sqrt(bb) : y, 0]
}

/** By F(2, n), or Δχ² of two degrees of freedom where σ is known: both have a formula. */
function limitOf(of: Ingredients, fit: number, level: number): number {
  const cost = of.found.cost[fit]
  return of.isAbsolute ? cost - 2 * log(1 - level) : cost * pow(1 - level, -2 / freedomOf(of, fit))
}

const words: Readonly<Record<Exclude<EndReason, 'found'>, string>> = {
  bound: 'at a bound, with χ² below the limit up to there',
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
