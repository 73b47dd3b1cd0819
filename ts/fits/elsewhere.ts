/**
 * Whether an end of a profile is the end: others may meet the data better there than those do that have been followed
 * from the fit, as where χ² has several valleys. So they are fitted from elsewhere, too.
 */

import { exp } from '../functions/index.js'
import type { Call } from '../many/drive.js'
import { sobolStarts } from '../many/starts.js'
import type { Compiled } from './compiled.js'
import { BELOW, type Begun, type End, type Held, type Side, type Stop, walk } from './held.js'
import { FAILED, FOUND, LOWER_MINIMUM } from './reasons.js'

/** So many points an end is looked at from, and so often, as the next one may be no better. */
const [POINTS, ROUNDS] = [24, 4]
/** What is above 0 begins within such a power of e of where it is at the fit, and others that the model is not linear in. */
const [WIDE, NARROW] = [8, 4]
/** χ² that is below the limit by less than this part of the rise is as good as there. */
const CLOSE = 1e-6
/** … or this part, where others would go on, were there larger numbers. */
const SLIGHT = 3e-6
/** What is above 0 is so large at most, and so small, where another parameter is held; and where that is not enough. */
export const WALLS = [1e60, 1e90, 1e135, 1e200, 1e300] as const
/** What is so many times as large as at the fit is too large. */
const LARGE = 1e11
const FAILURE: End = { why: FAILED, at: NaN, chiSquared: NaN, point: [], isThrough: false }

/** An end that may be none. */
export interface Doubtful extends Side {
  readonly value: number
  /** How a walk has found it, if one has. */
  readonly walked: End | null
}

/**
 * Goes on from ends where others meet the data better from elsewhere, until they do so nowhere.
 *
 * @param holding makes fits with the parameter held, and with numbers that are so large at most
 * @returns null for those that remain
 */
export function* surest(
  holding: (most: number) => Held,
  sides: readonly Doubtful[],
): Generator<Call, (End | null)[]> {
  const ends = sides.map(({ walked }) => walked)
  const now = sides.map(({ value, walked }) => walked?.behind ?? value)
  const held = holding(WALLS[0])
  const fan = fanOf(held)
  const atWall = new Map<number, Begun>()
  let open = [...sides.keys()]
  for (let round = 0; open.length > 0; round++) {
    const looks = open.map((n) => [
      ...[sides[n].point, ends[n]?.point ?? sides[n].point],
      ...fan(sides[n].point),
    ])
    const each = looks[0].length
    const runs = open.flatMap((n) => Array.from({ length: each }, () => n))
    const stops = yield* held.solve(
      Uint32Array.from(runs, (n) => sides[n].fit),
      Float64Array.from(runs, (n) => now[n]),
      looks.flat(),
    )
    const further: { n: number; begun: Stop | null }[] = []
    for (const [k, n] of open.entries()) {
      const { is, stop } = judged(held, sides[n], ends[n], stops.slice(k * each, (k + 1) * each))
      if (is === 'wall') atWall.set(n, { ...stop, value: now[n] })
      if (is === 'failed' || (round === ROUNDS && is !== 'found')) ends[n] = FAILURE
      else if (is === 'lower' || is === 'unseen') further.push({ n, begun: is === 'lower' ? stop : null })
    }
    const walks = further.map(({ n, begun }) => ({
      ...{ ...sides[n], passed: NaN },
      ...(begun && { begun: { ...begun, value: now[n] } }),
    }))
    for (const [k, end] of (yield* walk(held, walks)).entries()) {
      const { n, begun } = further[k]
      const isOther = begun !== null && begun.chiSquared < sides[n].least - BELOW * riseOf(sides[n])
      ends[n] = isOther ? { ...end, why: LOWER_MINIMUM, at: NaN, ...begun } : end
      now[n] = end.behind ?? end.at
    }
    open = further.map(({ n }) => n).filter((n) => ends[n]?.why === FOUND)
  }
  held.leave()
  yield* widen(holding, sides, atWall, ends)
  return ends
}

/** Goes on where others would do so, were there larger numbers: with these, until they change nothing, or are the last. */
function* widen(
  holding: (most: number) => Held,
  sides: readonly Doubtful[],
  atWall: ReadonlyMap<number, Begun>,
  ends: (End | null)[],
): Generator<Call, void> {
  let walled = [...atWall]
  for (const most of WALLS.slice(1)) {
    if (walled.length === 0) return
    const held = holding(most)
    const stops = yield* held.solve(
      Uint32Array.from(walled, ([n]) => sides[n].fit),
      Float64Array.from(walled, ([, { value }]) => value),
      walled.map(([, { point }]) => point),
    )
    const further = walled.flatMap(([n, { value }], k): [number, Begun][] => {
      const isLower = stops[k].chiSquared < sides[n].limit - SLIGHT * riseOf(sides[n])
      return isLower ? [[n, { ...stops[k], value }]] : []
    })
    walled = []
    const walked = yield* walk(
      held,
      further.map(([n, begun]) => ({ ...sides[n], passed: NaN, begun })),
    )
    for (const [k, end] of walked.entries()) {
      const [n] = further[k]
      ends[n] = isNoisy(held, sides[n], end.point) ? FAILURE : end
      if (end.why === FOUND && isAtWall(held, end.point)) walled.push([n, { ...end, value: end.at }])
    }
    held.leave()
  }
}

const riseOf = ({ limit, least }: Side) => limit - least

/**
 * Whether an end is one, by fits with the parameter held there; or from where it goes on.
 *
 * @param end as a walk has found it, if one has
 */
function judged(held: Held, side: Side, end: End | null, stops: readonly Stop[]): Verdict {
  const { limit } = side
  const slack = CLOSE * riseOf(side)
  // What is very steep has been left a little below the limit.
  const below = Math.min(limit, end?.chiSquared ?? limit) - slack
  const lower = stops.filter(({ chiSquared }) => chiSquared < below)
  const sound = lower.filter(({ point }) => !isNoisy(held, side, point))
  if (sound.length > 0) return { is: 'lower', stop: lowest(sound) }
  if (lower.length === 0 && end?.behind !== undefined)
    return { is: isAtWall(held, end.point) ? 'wall' : 'found', stop: end }
  const there = stops.filter(({ chiSquared }) => chiSquared <= limit + slack)
  const stop = lowest(stops)
  if (lower.length > 0 || there.length === 0)
    return { is: lower.length === 0 && end === null ? 'unseen' : 'failed', stop }
  return there.some(({ point }) => !isAtWall(held, point)) ? { is: 'found', stop } : { is: 'wall', stop }
}

/** What is to be said of an end: it is one, goes on from a place, is nothing, was not met, or others would go on. */
interface Verdict {
  readonly is: 'found' | 'lower' | 'failed' | 'unseen' | 'wall'
  readonly stop: Stop
}

const lowest = (stops: readonly Stop[]) =>
  stops.reduce((best, stop) => (stop.chiSquared < best.chiSquared ? stop : best))

/** Whether what the model is linear in is so large that its terms have no digits left. */
function isNoisy({ compiled, i }: Held, { point, errors }: Side, there: readonly number[]): boolean {
  return there.some((x, j) => {
    return j !== i && !isBent(compiled, j) && Math.abs(x) > LARGE * (Math.abs(point[j]) + errors[j])
  })
}

/** Whether others would go on, were there larger numbers. */
function isAtWall({ compiled, i, most }: Held, there: readonly number[]): boolean {
  const { free } = compiled.problem
  return there.some((x, j) => j !== i && compiled.scales.has(free[j]) && (x > most / 2 || x < 2 / most))
}

/** Signs of others that the model is not linear in: beyond 0 they may be the same curves by other names. */
export function signsOf(compiled: Compiled, i: number, point: readonly number[]): number[] {
  const { free } = compiled.problem
  const isOf = (j: number) => j !== i && isBent(compiled, j) && !compiled.scales.has(free[j])
  return point.map((x, j) => (isOf(j) ? Math.sign(x) : 0))
}

/** Whether the model is not linear in a parameter. */
export const isBent = (compiled: Compiled, j: number) => !compiled.isPartlyLinear || compiled.isBent(j)

/** Points about that of a fit. */
function fanOf({ compiled, i }: Held): (point: readonly number[]) => number[][] {
  const { free } = compiled.problem
  const bent = free.map((_, j) => j).filter((j) => j !== i && isBent(compiled, j))
  if (bent.length === 0) return () => []
  const box = Object.fromEntries(
    bent.map((j) => {
      const width = compiled.scales.has(free[j]) ? WIDE : NARROW
      return [free[j], [-width, width] as const]
    }),
  )
  const factors = sobolStarts(box, POINTS)
  return (point) =>
    Array.from({ length: POINTS }, (_, k) =>
      point.map((x, j) => (bent.includes(j) ? x * exp(factors[free[j]][k]) : x)),
    )
}
