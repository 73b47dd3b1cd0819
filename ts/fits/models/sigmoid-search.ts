/** Further starting points of sigmoid curves, and the limit curves that sigmoid curves approach. */

import type { Slices } from '../../core/slices.js'
import { exp, log, pow } from '../../functions/index.js'
import { constantCurves } from './constant-curves.js'
import { finiteRows, type SortedRows, sortedRows, TIE_TOLERANCE, zeros } from './linear-least-squares.js'
import type { GuessArguments, PlausibilityCheck, Remark, StartList, StartSearch } from './model.js'
import { type SearchOptions, startSearch } from './start-search.js'

/** The parameters of a sigmoid curve that determine its shape. */
export interface Transition {
  /** Names of the parameters for the center and for the steepness. */
  readonly center: string
  readonly slope: string
  /** Center in the unit of x, from the value of the parameter. */
  readonly toX?: (center: number) => number
  /** Value of the parameter for the center, from the center in the unit of x. */
  readonly fromX?: (x: number) => number
  /** Whether the curve is a function of x instead of log x. */
  readonly isLinear?: boolean
}

/** A sigmoid curve is nearly constant at arguments |t| above this limit: 1/(1 + e^t) = 0.01. */
const SATURATION = 4.6
/** Dose-response curves with a larger slope are implausible. */
const MAX_SLOPE = 10

/** The range of x in which the curve changes. */
function changingRange({ isLinear }: Transition, center: number, slope: number): readonly [number, number] {
  const width = SATURATION / Math.abs(slope)
  return isLinear ? [center - width, center + width] : [center * exp(-width), center * exp(width)]
}

/** A curve with the slope `MAX_SLOPE` changes between the center divided and multiplied by this factor. */
const NARROW_FACTOR = 1.58

/** Whether at least one x lies in the range in which the curve changes, and the slope is not too large. */
function isPlausible(transition: Transition, center: number, slope: number, x: ArrayLike<number>): boolean {
  if (transition.isLinear !== true) {
    if (!(Math.abs(slope) <= MAX_SLOPE)) return false
    // In nearly all fits a dose is close to the center, and no range needs to be computed.
    if (hasValueBetween(x, center / NARROW_FACTOR, center * NARROW_FACTOR)) return true
  }
  const [low, high] = changingRange(transition, center, slope)
  return hasValueBetween(x, low, high)
}

function hasValueBetween(x: ArrayLike<number>, low: number, high: number): boolean {
  for (let row = 0; row < x.length; row++) if (x[row] > low && x[row] < high) return true
  return false
}

function plausibilityCheck(transition: Transition): PlausibilityCheck {
  const { center, slope, toX = (x) => x } = transition
  return ({ free, solved, starts }) => {
    const column = (name: string) =>
      solved.free[free.findIndex((one) => one.name === name)] ?? starts.get(name)
    const [centers, slopes] = [column(center), column(slope)]
    // A parameter that an expression defines has no column.
    if (centers === undefined || slopes === undefined) return () => false
    return (fit, x) => !isPlausible(transition, toX(centers[fit]), slopes[fit], x)
  }
}

/** The difference of a curve at two neighboring x that makes the curve a step. */
const STEP_RATIO = 100

/** Describes the limit curve that a sigmoid curve without a proper minimum approaches. */
function describeLimit(transition: Transition): Remark {
  const { toX = (x: number) => x } = transition
  return (context, ...[xs]) => {
    const given = context.values()
    const [center, slope] = [toX(given[transition.center]), given[transition.slope]]
    const x = [...new Set(Array.from(xs))].filter((at) => Number.isFinite(at)).sort((a, b) => a - b)
    if (!(Number.isFinite(center) && Number.isFinite(slope)) || x.length < 2) return ''
    const [low, high] = changingRange(transition, center, slope)
    const inside = x.filter((at) => at > low && at < high)
    const last = x.length - 1
    if (inside.length > 1) return ''
    const between = (k: number) => `a step between ${x[k]} and ${x[k + 1]}`
    if (inside.length === 1) {
      const k = x.indexOf(inside[0])
      return k === 0 ? between(0) : k === last ? between(last - 1) : `a step at ${x[k]}`
    }
    const above = x.findIndex((at) => at > center)
    if (above > 0) return between(above - 1)
    // The center is outside the data: the curve is a power of x (an exponential if it is a function of x).
    const [near, next] = above === 0 ? [0, 1] : [last, last - 1]
    const ratio = transition.isLinear
      ? exp(Math.abs(slope * (x[near] - x[next])))
      : pow(Math.max(x[near] / x[next], x[next] / x[near]), Math.abs(slope))
    if (!(ratio < STEP_RATIO)) return between(Math.min(near, next))
    return transition.isLinear ? 'an exponential' : 'a power law'
  }
}

/** Positions of starting centers, and products of starting slopes and the range, as fractions of the range of x. */
const POSITIONS = [0.125, 0.375, 0.625, 0.875]
const STEEPNESS_GRID = [10, 40]
/** Positions of the centers of starting curves with known plateaus. */
const PLATEAU_POSITIONS = [0.25, 0.5, 0.75]
/** Positions and steepness of starting curves whose center lies outside the data. */
const OUTER_POSITIONS = [-1, 2]
const OUTER_STEEPNESS = 5
/** Product of the slope of a step and the distance of neighboring x. */
const STEP_STEEPNESS = 30
/** Number of steps among the starting curves: the steps with the smallest sums of squares. */
const STEPS = 3

/** Starting curves that are a power of x: steepness, and product of the slope and the distance of the center. */
const POWER_STEEPNESS_GRID = [0.5, 1, 2, 4, 8, 16]
const POWER_DISTANCE = 12

/** A starting point, and its sum of squared residuals. */
interface Candidate {
  readonly start: Readonly<Record<string, number>>
  readonly cost: number
}

/** Fits the remaining parameters of a curve with the given center and slope. */
type CandidateFit = (center: number, slope: number) => Candidate

/** Starting curves: a grid of centers and slopes, curves with a center outside the data, and the best steps. */
function curveStarts(x: readonly number[], isLinear: boolean, fitCurve: CandidateFit): StartList {
  if (x.length < 2) return []
  const at = isLinear ? x : x.map(log)
  const [low, range] = [at[0], at[at.length - 1] - at[0]]
  const curve = (position: number, slope: number) => fitCurve(isLinear ? position : exp(position), slope)
  const place = (position: number) => low + position * range
  const inner = POSITIONS.flatMap((position) =>
    STEEPNESS_GRID.map((steepness) => curve(place(position), steepness / range)),
  )
  const outer = OUTER_POSITIONS.map((position) => curve(place(position), OUTER_STEEPNESS / range))
  const steps = at.slice(1).flatMap((here, k) => {
    const gap = here - at[k]
    return [at[k] + gap / 2, here].map((position) => curve(position, STEP_STEEPNESS / gap))
  })
  const best = steps.sort((a, b) => a.cost - b.cost).slice(0, STEPS)
  // Far from its center, the curve is a power of x, or an exponential if it is a function of x.
  const powers = [-1, 1].flatMap((side) => {
    const end = side < 0 ? low : low + range
    const some = POWER_STEEPNESS_GRID.map((steepness) => {
      const slope = steepness / range
      return curve(end + (side * POWER_DISTANCE) / slope, slope)
    })
    return some.sort((a, b) => a.cost - b.cost).slice(0, 1)
  })
  return [...inner, ...outer, ...best, ...powers].map(({ start }) => start)
}

/** Sums of a curve c and y, for linear least squares. */
function computeSums(y: Float64Array, shape: Float64Array) {
  let [c, cc, sum, cy, yy] = [0, 0, 0, 0, 0]
  for (let row = 0; row < y.length; row++) {
    c += shape[row]
    cc += shape[row] * shape[row]
    sum += y[row]
    cy += shape[row] * y[row]
    yy += y[row] * y[row]
  }
  return { c, cc, sum, cy, yy }
}

/** Fraction of the range between both plateaus at a dose. */
const doseShape = (x: number, center: number, slope: number) =>
  x > 0 ? 1 / (1 + pow(center / x, slope)) : slope > 0 ? 0 : 1

/** Starting points of dose-response curves with two plateaus. */
export function* doseStarts(...[xs, ys]: GuessArguments): Slices<StartList> {
  const { x, y } = sortedRows(xs, ys) ?? (yield* finiteRows(xs, ys))
  const shape = zeros(x.length)
  const doses = distinctDoses(x)
  const list = curveStarts(doses, false, (ec50, slope) => {
    for (let row = 0; row < x.length; row++) shape[row] = doseShape(x[row], ec50, slope)
    const { c, cc, sum, cy, yy } = computeSums(y, shape)
    const determinant = y.length * cc - c * c
    const factor = determinant > TIE_TOLERANCE * y.length * cc ? (y.length * cy - c * sum) / determinant : 0
    const offset = (sum - factor * c) / y.length
    const cost = yy - offset * sum - factor * cy
    // A falling curve has a negative slope, as in the guess.
    const start =
      factor < 0
        ? { bottom: offset + factor, top: offset, ec50, slope: -slope }
        : { bottom: offset, top: offset + factor, ec50, slope }
    return { start, cost }
  })
  return [...list, ...plateauStarts(doses, y)]
}

/** Starting points whose plateaus are the second smallest and the second largest y, which are less often outliers. */
function plateauStarts(doses: readonly number[], y: Float64Array): StartList {
  if (doses.length < 2) return []
  const sorted = y.slice().sort()
  const [bottom, top] = [sorted[1], sorted[sorted.length - 2]]
  const range = log(doses[doses.length - 1] / doses[0])
  return PLATEAU_POSITIONS.flatMap((position) => {
    const ec50 = doses[0] * exp(position * range)
    const slope = STEEPNESS_GRID[0] / range
    return [slope, -slope].map((signed) => ({ bottom, top, ec50, slope: signed }))
  })
}

const distinctDoses = (x: Float64Array) => [...new Set(x)].filter((dose) => dose > 0)

/** Starting points of curves between 0 and one plateau, which can rise or fall. */
function onePlateau(
  { x, y }: SortedRows,
  isLinear: boolean,
  shapeAt: (x: number, center: number, slope: number) => number,
  name: (factor: number, center: number, slope: number) => Readonly<Record<string, number>>,
): StartList {
  const shape = zeros(x.length)
  return curveStarts(isLinear ? [...new Set(x)] : distinctDoses(x), isLinear, (center, slope) => {
    const [a, b] = [slope, -slope].map((signed) => {
      for (let row = 0; row < x.length; row++) shape[row] = shapeAt(x[row], center, signed)
      const { cc, cy, yy } = computeSums(y, shape)
      const factor = cc > 0 ? cy / cc : 0
      return { start: name(factor, center, signed), cost: yy - factor * cy }
    })
    return b.cost < a.cost ? b : a
  })
}

/** Starting points of the Hill equation. */
export function* hillStarts(...[xs, ys]: GuessArguments): Slices<StartList> {
  const rows = sortedRows(xs, ys) ?? (yield* finiteRows(xs, ys))
  return onePlateau(rows, false, doseShape, (vmax, k, n) => ({ vmax, k, n }))
}

/** Starting points of logistic growth. */
export function* logisticStarts(...[xs, ys]: GuessArguments): Slices<StartList> {
  const rows = sortedRows(xs, ys) ?? (yield* finiteRows(xs, ys))
  return onePlateau(
    rows,
    true,
    (x, center, rate) => 1 / (1 + exp(rate * (center - x))),
    (amplitude, center, rate) => ({ amplitude, center, rate }),
  )
}

/** Steps of the slope in each round of refinement, as fractions, and number of steps in both directions. */
const SLOPE_STEPS = [0.12, 0.02, 0.0033]
const SLOPE_STEP_COUNT = 6
/** Product of the slope and the distance of the center: the curve differs from a power of x by e^−16. */
const REFINED_DISTANCE = 16

/**
 * Starting points for a dose-response curve that is a power of x, because its center lies outside the data. Fits follow
 * the valley of such curves slowly. The starting curves have other slopes and a center far away.
 */
export function refinePower(
  values: Readonly<Record<string, number>>,
  round: number,
  ...[xs]: GuessArguments
): StartList {
  const { bottom, top, slope, ec50 = pow(10, values.logEC50), asymmetry } = values
  const doses = Array.from(xs).filter((x) => x > 0)
  const [low, high] = [doses.reduce((a, b) => Math.min(a, b)), doses.reduce((a, b) => Math.max(a, b))]
  if (!(ec50 > high || ec50 < low) || !Number.isFinite(top - bottom)) return []
  const isAbove = ec50 > high
  const end = isAbove ? high : low
  const distance = Math.abs(slope * log(ec50 / end))
  // The plateau on the side of the data stays, and the difference at the last dose stays.
  const change = (top - bottom) * exp(Math.min(REFINED_DISTANCE - distance, 600))
  const staysBottom = slope > 0 === isAbove
  const step = SLOPE_STEPS[round]
  return Array.from({ length: 2 * SLOPE_STEP_COUNT + 1 }, (_, k) => {
    const other = slope * (1 + step * (k - SLOPE_STEP_COUNT))
    const away = REFINED_DISTANCE / Math.abs(other)
    return {
      bottom: staysBottom ? bottom : top - change,
      top: staysBottom ? bottom + change : top,
      ec50: end * exp(isAbove ? away : -away),
      slope: other,
      asymmetry,
    }
  })
}

/** The search of a sigmoid model. */
export const sigmoidSearch = (
  transition: Transition,
  starts: StartSearch['starts'],
  refine?: SearchOptions['refine'],
): StartSearch =>
  startSearch({
    starts,
    positions: () => (transition.isLinear ? [transition.center] : []),
    describe: describeLimit(transition),
    isImplausible: plausibilityCheck(transition),
    constantStarts: (x) => {
      const { center, slope, isLinear = false, fromX = (at: number) => at } = transition
      const name = (at: number, signed: number) => ({ [center]: fromX(at), [slope]: signed, asymmetry: 1 })
      return constantCurves(x, isLinear, name)
    },
    ...(refine && { refine }),
  })
