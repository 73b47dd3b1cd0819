/**
 * Verifies the endpoints of profile-likelihood intervals. A trace follows one local minimum over the nuisance
 * parameters. If χ² has several minima, another minimum may already lie below the threshold at the endpoint. Doubtful
 * endpoints are therefore refitted from several starting points, and the search resumes from any refit whose χ² lies
 * below the threshold.
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

/** Number of sampled starting points per doubtful endpoint, and per endpoint that is verified for safety. */
export const START_COUNT = 24
export const SAFETY_START_COUNT = 6
/** Maximum number of rounds of verification, because each new endpoint is verified again. */
const MAX_ROUNDS = 4
/** Starting points of positive parameters differ from the estimate at most by a factor of e to this power. */
const WIDE_FACTOR = 8
/**
 * Starting points of nonlinear parameters of any sign differ from the estimate at most by a factor of e to this power.
 */
const NARROW_FACTOR = 4
/**
 * χ² counts as below the threshold if the difference exceeds this fraction of the rise from the minimum to the
 * threshold.
 */
const RELATIVE_TOLERANCE = 1e-6
/** For searches with larger scale limits, χ² must be below the threshold by this fraction of the rise. */
const MIN_IMPROVEMENT = 3e-6
/**
 * Upper limits of positive parameters, whose reciprocals are the lower limits. A larger limit is used only if the fit
 * reaches the previous limit.
 */
export const SCALE_LIMITS = [1e60, 1e90, 1e135, 1e200, 1e300] as const
/**
 * If a linear parameter is this many times as large as at the fit, the terms of the model with the parameter have lost
 * all digits.
 */
const LARGE_VALUE = 1e11
const FAILED_ENDPOINT: Endpoint = { reason: FAILED, value: NaN, chiSquared: NaN, point: [], isThrough: false }

/** An endpoint of a profile that must be verified. */
export interface EndpointCandidate extends EndpointSearch {
  readonly value: number
  /** The endpoint that a search found, or null. */
  readonly endpoint: Endpoint | null
}

/**
 * Verifies endpoints of profiles. If the χ² of a refit at an endpoint lies below the threshold, the search resumes from
 * the refit.
 *
 * @param makeSolver creates a solver with the profiled parameter fixed and with a scale limit for positive
 * parameters
 * @param startCount number of sampled starting points per endpoint, at most {@link START_COUNT}
 * @returns the new endpoint of each candidate, or null if the candidate remains
 */
export function* verifyEndpoints(
  makeSolver: (most: number) => FixedParameterSolver,
  endpoints: readonly EndpointCandidate[],
  startCount: number,
): Generator<EngineCall, (Endpoint | null)[]> {
  const ends = endpoints.map(({ endpoint }) => endpoint)
  const now = endpoints.map(({ value, endpoint }) => endpoint?.skippedValue ?? value)
  const held = makeSolver(SCALE_LIMITS[0])
  const fan = startOffsets(held, startCount)
  const isTrusted = startCount === SAFETY_START_COUNT
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
      // The endpoint of a trace is trusted unless a refit is lower. Refits may miss a nuisance parameter of either sign.
      if (round === 0 && isTrusted && status !== 'lower') continue
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

/**
 * Repeats searches that stopped at a scale limit with larger limits, until χ² no longer changes or the last
 * limit is reached.
 */
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
 * Classifies an endpoint by fits with the parameter fixed at the endpoint.
 *
 * @param end the endpoint that a search found, or null
 */
function classifyEndpoint(
  solver: FixedParameterSolver,
  side: EndpointSearch,
  end: Endpoint | null,
  stops: readonly ConstrainedFit[],
): EndpointVerdict {
  const { threshold } = side
  const slack = RELATIVE_TOLERANCE * thresholdRise(side)
  // If χ² is very steep, the search may have ended slightly below the threshold.
  const below = Math.min(threshold, end?.chiSquared ?? threshold) - slack
  const lower = stops.filter(({ chiSquared }) => chiSquared < below)
  // Beyond a jump, any χ² below the threshold shows that only the branch of the search has ended. A jump at 0 separates
  // values of opposite sign.
  const limit = end?.skippedValue === undefined || end.value === 0 ? below : threshold - slack
  const sound = stops.filter(
    ({ chiSquared, point }) => chiSquared < limit && !isDominatedByNoise(solver, side, point),
  )
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

/**
 * Verdict on an endpoint: valid ('found'), below the threshold ('lower'), wrong ('failed'), not reached by any fit
 * ('unseen'), or limited by the scale of a positive parameter ('wall').
 */
interface EndpointVerdict {
  readonly status: 'found' | 'lower' | 'failed' | 'unseen' | 'wall'
  readonly stop: ConstrainedFit
}

const lowestFit = (stops: readonly ConstrainedFit[]) =>
  stops.reduce((best, stop) => (stop.chiSquared < best.chiSquared ? stop : best))

/** Whether a linear parameter is so large that the terms of the model with the parameter have no digits left. */
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

/** Whether a positive parameter is at its scale limit. */
function isAtScaleLimit(
  { compiled, parameter, scaleLimit }: FixedParameterSolver,
  there: readonly number[],
): boolean {
  const { free } = compiled.problem
  const { scales } = loadProfilePrograms(compiled)
  return there.some(
    (x, j) => j !== parameter && scales.has(free[j]) && (x > scaleLimit / 2 || x < 2 / scaleLimit),
  )
}

/**
 * Signs that nonlinear nuisance parameters must keep, because parameters of the opposite sign may describe the same
 * curves again.
 */
export function signConstraints(compiled: ModelPrograms, i: number, point: readonly number[]): number[] {
  const { free } = compiled.problem
  const { scales } = loadProfilePrograms(compiled)
  const isOf = (j: number) => j !== i && isNonlinear(compiled, j) && !scales.has(free[j])
  return point.map((x, j) => (isOf(j) ? Math.sign(x) : 0))
}

/** Whether the model is nonlinear in a parameter. */
export const isNonlinear = (compiled: ModelPrograms, j: number) =>
  !compiled.isPartlyLinear || loadProfilePrograms(compiled).isNonlinear(j)

/** Function that returns the sampled starting points around the point of a fit. */
function startOffsets(
  { compiled, parameter }: FixedParameterSolver,
  count: number,
): (point: readonly number[]) => number[][] {
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
    Array.from({ length: count }, (_, k) =>
      point.map((x, j) => (bent.includes(j) ? x * exp(factors[free[j]][k]) : x)),
    )
}
