/** Searches the x at which a fitted curve reaches a response, and the set of x whose prediction band covers it. */

/** A fitted curve at one x. */
export interface CurvePoint {
  readonly f: number
  /** Variance of the curve, and variance of one new response of weight 1 at this x. */
  readonly variance: number
  readonly scatter: number
}

export type Curve = (x: number) => CurvePoint

/** A response to invert: the mean, and the factor of the scatter of one response in the variance of the mean. */
export interface MeasuredMean {
  readonly y: number
  readonly scatterFactor: number
}

/** Number of pieces between two neighboring x of the data, and the maximum number of x. */
const PIECES = 16
const MAX_POSITIONS = 256
/** Number of doublings of a step beyond the range before an interval counts as unbounded. */
const MAX_DOUBLINGS = 64
/** Maximum number of halvings of a bracket, which end earlier if no float lies between the ends. */
const MAX_HALVINGS = 200

/** Positions of the search: the distinct x of the data within the range, with further positions between them. */
export function gridOf(data: Float64Array, [low, high]: readonly [number, number]): Float64Array {
  const inside = data.filter((x) => x > low && x < high).sort()
  const all = [low, ...new Set(inside), high]
  const stride = Math.ceil(all.length / MAX_POSITIONS)
  const few = all.filter((_, k) => k % stride === 0 || k === all.length - 1)
  const grid: number[] = []
  for (let k = 0; k + 1 < few.length; k++) {
    const [from, to] = [few[k], few[k + 1]]
    // Between positive x, square roots of products give positions that are even on a logarithmic scale.
    const pieces = from > 0 ? splitEvenly(from, to, geometricMean) : splitEvenly(from, to, mean)
    for (const x of pieces) if (x > (grid.at(-1) ?? -Infinity)) grid.push(x)
  }
  if (high > (grid.at(-1) ?? -Infinity)) grid.push(high)
  return Float64Array.from(grid)
}

const mean = (a: number, b: number) => a / 2 + b / 2
const geometricMean = (a: number, b: number) => Math.sqrt(a) * Math.sqrt(b)

/** The first `PIECES` positions of an interval that is halved repeatedly. */
function splitEvenly(from: number, to: number, middle: (a: number, b: number) => number): number[] {
  let ends = [from, to]
  for (let pieces = 1; pieces < PIECES; pieces *= 2)
    ends = ends.flatMap((x, k) => (k === 0 ? [x] : [middle(ends[k - 1], x), x]))
  return ends.slice(0, -1)
}

/** The x in a bracket at which a condition that holds at `from` stops to hold on the way to `to`. */
function bisect(holds: (x: number) => boolean, from: number, to: number): number {
  let [inside, outside] = [from, to]
  for (let k = 0; k < MAX_HALVINGS; k++) {
    const middle = mean(inside, outside)
    if (middle === inside || middle === outside) break
    if (holds(middle)) inside = middle
    else outside = middle
  }
  return inside
}

/** All x of the grid's range at which the curve reaches y. */
export function findCrossings(
  curve: Curve,
  grid: Float64Array,
  values: Float64Array,
  y: number,
): readonly number[] {
  const found: number[] = []
  for (let k = 0; k < grid.length; k++) {
    if (values[k] === y) found.push(grid[k])
    else if (k > 0 && values[k - 1] !== y && values[k] > y !== values[k - 1] > y) {
      const isAbove = values[k - 1] > y
      const isNumber = !Number.isNaN(values[k]) && !Number.isNaN(values[k - 1])
      if (isNumber) found.push(bisect((x) => curve(x).f > y === isAbove, grid[k - 1], grid[k]))
    }
  }
  return found
}

/**
 * The x around a position whose prediction band covers the mean: |y − f(x)| ≤ t·√(variance of the curve + variance of
 * the mean). For a straight line this set is Fieller's interval.
 *
 * @returns NaN if the band does not cover the mean at the position, and an infinite end if the set is unbounded
 */
export function invertBand(
  curve: Curve,
  grid: Float64Array,
  { y, scatterFactor }: MeasuredMean,
  t: number,
  start: number,
): readonly [low: number, high: number] {
  const covers = (x: number) => {
    const { f, variance, scatter } = curve(x)
    const off = y - f
    return off * off <= t * t * (variance + scatter * scatterFactor)
  }
  if (!covers(start)) return [NaN, NaN]
  const isDefined = (x: number) => Number.isFinite(curve(x).f)
  const walk = (positions: readonly number[]): number => {
    let last = start
    for (const x of positions) {
      if (!isDefined(x)) return bisect((x) => isDefined(x) && covers(x), last, x)
      if (!covers(x)) return bisect(covers, last, x)
      last = x
    }
    return positions.length === 0 ? start : NaN
  }
  const [from, to] = [grid[0], grid[grid.length - 1]]
  const below = Array.from(grid.filter((x) => x < start)).reverse()
  const above = Array.from(grid.filter((x) => x > start))
  const low = walk([...below, ...positionsBelow(from, to, curve)])
  const high = walk([...above, ...doublings(to, to - from)])
  return [Number.isNaN(low) ? limitBelow(from, curve, to) : low, Number.isNaN(high) ? Infinity : high]
}

/** A number, and the results of applying a function repeatedly. */
function repeatedly(count: number, first: number, next: (x: number) => number): number[] {
  const list = [first]
  while (list.length < count) list.push(next(list[list.length - 1]))
  return list
}

/** Positions beyond an end, at distances that double. */
const doublings = (from: number, span: number): number[] =>
  repeatedly(MAX_DOUBLINGS, span / 8, (step) => 2 * step)
    .map((step) => from + step)
    .filter(Number.isFinite)

/** Positions below the range. Below a positive end they approach 0 before they become negative. */
function positionsBelow(from: number, to: number, curve: Curve): number[] {
  const toZero =
    from > 0 ? repeatedly(10, 2, (divisor) => divisor * divisor).map((divisor) => from / divisor) : []
  const atZero = from > 0 ? [...toZero, 0] : []
  if (from >= 0 && endsAtZero(curve, to)) return atZero
  return [...atZero, ...doublings(-Math.min(from, 0), to - from).map((x) => -x)]
}

/** Whether the curve has the same value at all x below 0, as a dose-response curve does, or no value. */
function endsAtZero(curve: Curve, scale: number): boolean {
  const [zero, ...below] = [0, -scale, -scale / 1024].map((x) => curve(x).f)
  return below.every((f) => f === zero || !Number.isFinite(f))
}

const limitBelow = (from: number, curve: Curve, to: number) =>
  from >= 0 && endsAtZero(curve, to) ? 0 : -Infinity
