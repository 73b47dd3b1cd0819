/**
 * Whether an end of a profile is the end: others may meet the data better there than those do that have been followed
 * from the fit, as where χ² has several valleys. So they are fitted from elsewhere, too.
 */

import { exp } from '../../functions/index.js'
import type { EngineCall } from '../../many/engines/execute.js'
import { sobolStarts } from '../../random/starts.js'
import { FAILED, FOUND, LOWER_MINIMUM } from '../problem/reasons.js'
import { loadProfilePrograms } from '../programs/profile-programs.js'
import type { ModelPrograms } from '../programs/program-cache.js'
import {
  type ConstrainedFit,
  type Endpoint,
  type EndpointSearch,
  type FixedParameterSolver,
  LOWER_MINIMUM_MARGIN,
  type SearchStart,
  searchEndpoints,
} from './endpoint-search.js'

/** Starting points from which an endpoint is verified. */
const START_COUNT = 24
/** Most rounds, as a better endpoint is verified again. */
const MAX_ROUNDS = 4
/** Positive parameters start within this power of e of the fitted value. */
const WIDE_FACTOR = 8
/** The same for other parameters in which the model is not linear. */
const NARROW_FACTOR = 4
/** χ² that is below the limit by less than this part of the rise is as good as there. */
const RELATIVE_TOLERANCE = 1e-6
/** … or this part, where others would go on, were there larger numbers. */
const MIN_IMPROVEMENT = 3e-6
/** What is above 0 is so large at most, and so small, where another parameter is held; and where that is not enough. */
export const SCALE_LIMITS = [1e60, 1e90, 1e135, 1e200, 1e300] as const
/** What is so many times as large as at the fit is too large. */
const LARGE_VALUE = 1e11
const FAILED_ENDPOINT: Endpoint = { reason: FAILED, value: NaN, chiSquared: NaN, point: [], isThrough: false }

/** An end that may be none. */
export interface EndpointCandidate extends EndpointSearch {
  readonly value: number
  /** How a walk has found it, if one has. */
  readonly endpoint: Endpoint | null
}

/**
 * Goes on from ends where others meet the data better from elsewhere, until they do so nowhere.
 *
 * @param makeSolver makes fits with the parameter held, and with numbers that are so large at most
 * @returns null for those that remain
 */
export function* verifyEndpoints(
  makeSolver: (most: number) => FixedParameterSolver,
  endpoints: readonly EndpointCandidate[],
): Generator<EngineCall, (Endpoint | null)[]> {
  const ends = endpoints.map(({ endpoint }) => endpoint)
  const now = endpoints.map(({ value, endpoint }) => endpoint?.skippedValue ?? value)
  const held = makeSolver(SCALE_LIMITS[0])
  const fan = startOffsets(held)
  const atWall = new Map<number, SearchStart>()
  let open = [...endpoints.keys()]
  for (let round = 0; open.length > 0; round++) {
    const looks = open.map((n) => [
      ...[endpoints[n].point, ends[n]?.point ?? endpoints[n].point],
      ...fan(endpoints[n].point),
    ])
    const each = looks[0].length
    const runs = open.flatMap((n) => Array.from({ length: each }, () => n))
    const stops = yield* held.solve(
      Uint32Array.from(runs, (n) => endpoints[n].fit),
      Float64Array.from(runs, (n) => now[n]),
      looks.flat(),
    )
    const further: { n: number; begun: ConstrainedFit | null }[] = []
    for (const [k, n] of open.entries()) {
      const { status, stop } = classifyEndpoint(
        held,
        endpoints[n],
        ends[n],
        stops.slice(k * each, (k + 1) * each),
      )
      if (status === 'wall') atWall.set(n, { ...stop, value: now[n] })
      if (status === 'failed' || (round === MAX_ROUNDS && status !== 'found')) ends[n] = FAILED_ENDPOINT
      else if (status === 'lower' || status === 'unseen')
        further.push({ n, begun: status === 'lower' ? stop : null })
    }
    const walks = further.map(({ n, begun }) => ({
      ...endpoints[n],
      passed: NaN,
      ...(begun && { searchStart: { ...begun, value: now[n] } }),
    }))
    for (const [k, end] of (yield* searchEndpoints(held, walks)).entries()) {
      const { n, begun } = further[k]
      const isOther =
        begun !== null &&
        begun.chiSquared < endpoints[n].minimum - LOWER_MINIMUM_MARGIN * thresholdRise(endpoints[n])
      ends[n] = isOther ? { ...end, reason: LOWER_MINIMUM, value: NaN, ...begun } : end
      now[n] = end.skippedValue ?? end.value
    }
    open = further.map(({ n }) => n).filter((n) => ends[n]?.reason === FOUND)
  }
  held.release()
  yield* searchWithinScaleLimits(makeSolver, endpoints, atWall, ends)
  return ends
}

/** Goes on where others would do so, were there larger numbers: with these, until they change nothing, or are the last. */
function* searchWithinScaleLimits(
  makeSolver: (most: number) => FixedParameterSolver,
  sides: readonly EndpointCandidate[],
  atWall: ReadonlyMap<number, SearchStart>,
  ends: (Endpoint | null)[],
): Generator<EngineCall, void> {
  let walled = [...atWall]
  for (const most of SCALE_LIMITS.slice(1)) {
    if (walled.length === 0) return
    const held = makeSolver(most)
    const stops = yield* held.solve(
      Uint32Array.from(walled, ([n]) => sides[n].fit),
      Float64Array.from(walled, ([, { value }]) => value),
      walled.map(([, { point }]) => point),
    )
    const further = walled.flatMap(([n, { value }], k): [number, SearchStart][] => {
      const isLower = stops[k].chiSquared < sides[n].threshold - MIN_IMPROVEMENT * thresholdRise(sides[n])
      return isLower ? [[n, { ...stops[k], value }]] : []
    })
    walled = []
    const walked = yield* searchEndpoints(
      held,
      further.map(([n, begun]) => ({ ...sides[n], passed: NaN, searchStart: begun })),
    )
    for (const [k, end] of walked.entries()) {
      const [n] = further[k]
      ends[n] = isDominatedByNoise(held, sides[n], end.point) ? FAILED_ENDPOINT : end
      if (end.reason === FOUND && isAtScaleLimit(held, end.point))
        walled.push([n, { ...end, value: end.value }])
    }
    held.release()
  }
}

const thresholdRise = ({ threshold, minimum }: EndpointSearch) => threshold - minimum

/**
 * Whether an end is one, by fits with the parameter held there; or from where it goes on.
 *
 * @param end as a walk has found it, if one has
 */
function classifyEndpoint(
  solver: FixedParameterSolver,
  side: EndpointSearch,
  end: Endpoint | null,
  stops: readonly ConstrainedFit[],
): EndpointVerdict {
  const { threshold } = side
  const slack = RELATIVE_TOLERANCE * thresholdRise(side)
  // What is very steep has been left a little below the limit.
  const below = Math.min(threshold, end?.chiSquared ?? threshold) - slack
  const lower = stops.filter(({ chiSquared }) => chiSquared < below)
  const sound = lower.filter(({ point }) => !isDominatedByNoise(solver, side, point))
  if (sound.length > 0) return { status: 'lower', stop: lowestFit(sound) }
  if (lower.length === 0 && end?.skippedValue !== undefined)
    return { status: isAtScaleLimit(solver, end.point) ? 'wall' : 'found', stop: end }
  const there = stops.filter(({ chiSquared }) => chiSquared <= threshold + slack)
  const stop = lowestFit(stops)
  if (lower.length > 0 || there.length === 0)
    return { status: lower.length === 0 && end === null ? 'unseen' : 'failed', stop }
  return there.some(({ point }) => !isAtScaleLimit(solver, point))
    ? { status: 'found', stop }
    : { status: 'wall', stop }
}

/** What is to be said of an end: it is one, goes on from a place, is nothing, was not met, or others would go on. */
interface EndpointVerdict {
  readonly status: 'found' | 'lower' | 'failed' | 'unseen' | 'wall'
  readonly stop: ConstrainedFit
}

const lowestFit = (stops: readonly ConstrainedFit[]) =>
  stops.reduce((best, stop) => (stop.chiSquared < best.chiSquared ? stop : best))

/** Whether what the model is linear in is so large that its terms have no digits left. */
function isDominatedByNoise(
  { compiled, parameter }: FixedParameterSolver,
  { point, errors }: EndpointSearch,
  there: readonly number[],
): boolean {
  return there.some((x, j) => {
    return (
      j !== parameter &&
      !isNonlinear(compiled, j) &&
      Math.abs(x) > LARGE_VALUE * (Math.abs(point[j]) + errors[j])
    )
  })
}

/** Whether others would go on, were there larger numbers. */
function isAtScaleLimit(
  { compiled, parameter, maxIterations }: FixedParameterSolver,
  there: readonly number[],
): boolean {
  const { free } = compiled.problem
  const { scales } = loadProfilePrograms(compiled)
  return there.some(
    (x, j) => j !== parameter && scales.has(free[j]) && (x > maxIterations / 2 || x < 2 / maxIterations),
  )
}

/** Signs of others that the model is not linear in: beyond 0 they may be the same curves by other names. */
export function signConstraints(compiled: ModelPrograms, i: number, point: readonly number[]): number[] {
  const { free } = compiled.problem
  const { scales } = loadProfilePrograms(compiled)
  const isOf = (j: number) => j !== i && isNonlinear(compiled, j) && !scales.has(free[j])
  return point.map((x, j) => (isOf(j) ? Math.sign(x) : 0))
}

/** Whether the model is not linear in a parameter. */
export const isNonlinear = (compiled: ModelPrograms, j: number) =>
  !compiled.isPartlyLinear || loadProfilePrograms(compiled).isNonlinear(j)

/** Points about that of a fit. */
function startOffsets({
  compiled,
  parameter,
}: FixedParameterSolver): (point: readonly number[]) => number[][] {
  const { free } = compiled.problem
  const { scales } = loadProfilePrograms(compiled)
  const bent = free.map((_, j) => j).filter((j) => j !== parameter && isNonlinear(compiled, j))
  if (bent.length === 0) return () => []
  const box = Object.fromEntries(
    bent.map((j) => {
      const width = scales.has(free[j]) ? WIDE_FACTOR : NARROW_FACTOR
      return [free[j], [-width, width] as const]
    }),
  )
  const factors = sobolStarts(box, START_COUNT)
  return (point) =>
    Array.from({ length: START_COUNT }, (_, k) =>
      point.map((x, j) => (bent.includes(j) ? x * exp(factors[free[j]][k]) : x)),
    )
}
