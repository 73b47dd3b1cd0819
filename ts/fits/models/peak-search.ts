/** Guesses the positions of peaks and the baseline under them. */

import { ROWS_PER_SLICE, type Slices, sortInSlices, visitInSlices } from '../../core/slices.js'
import {
  column,
  copyOfArray,
  firstWhere,
  project,
  type SortedRows,
  selectBest,
  TIE_TOLERANCE,
  zeros,
} from './linear-least-squares.js'
import type { PeakForm, PeakPosition } from './peak-shapes.js'
import { polynomialColumns } from './polynomial.js'

interface FoundPeaks {
  /** Parameters of each peak, from left to right. */
  readonly peaks: readonly (readonly number[])[]
  /** Coefficients of the baseline, one per power of x. */
  readonly coefficients: readonly number[]
}

/**
 * Finds peaks one after the other, each at the largest remaining residual, for several levels of the baseline. If the
 * residuals exceed the noise, each peak is moved in turn. The least important peaks are also tried at other positions.
 *
 * @param terms number of baseline coefficients, up to 3
 */
export function* findPeaks(
  rows: SortedRows,
  forms: readonly PeakForm[],
  count: number,
  terms: number,
): Slices<FoundPeaks> {
  const { x, y } = rows
  const clear = count === 1 && terms === 0 ? isolatedPeak(rows, forms[0]) : null
  if (clear) return { peaks: [clear], coefficients: [] }
  const ground = terms === 0 ? null : yield* polynomialColumns(rows, terms - 1)
  const baseline = ground?.columns ?? []
  const candidates: PeakPosition[][] = []
  const noise = yield* estimateNoise(y)
  const about: SearchContext = { rows, forms, baseline, noise }
  for (const level of yield* noiseLevels(y, baseline)) candidates.push(yield* search(about, level, count))
  const { candidate, coefficients } = yield* selectBest(y, {
    candidates,
    count: count + baseline.slice(1).length,
    fill: (places, columns, from, to) => {
      for (const [k, power] of baseline.slice(1).entries()) columns[k].set(power.subarray(from, to), from)
      for (const [k, place] of places.entries())
        draw(place, x, columns[k + baseline.slice(1).length], from, to)
    },
    hasOffset: terms > 0,
  })
  const first: FittedPeaks = { positions: candidate, coefficients, residuals: 0 }
  const isCrowded = count > 1 || terms > 1
  const best = isCrowded ? yield* improvePeaks(about, first) : first
  const heights = best.coefficients.slice(terms)
  const inOrder = [...best.positions.entries()].sort(([, a], [, b]) => a.center - b.center)
  return {
    peaks: inOrder.map(([k, { form, center, sigma }]) => form.values(heights[k], center, sigma)),
    coefficients: ground?.inX(best.coefficients.slice(0, terms)) ?? [],
  }
}

/** Minimum height of the rows of an isolated peak, as a fraction of the highest row. */
const CLEAR_FRACTION = 0.3
/** Minimum number of high rows of an isolated peak. */
const MIN_CLEAR_ROWS = 4

/**
 * Parameters of an isolated peak, from a parabola through the transformed rows near the maximum. A fit that starts with
 * the parameters of the parabola converges in one or two steps. The result is null if the rows do not form a parabola,
 * for example at an edge, in noise, or with sparse rows.
 */
function isolatedPeak({ x, y }: SortedRows, { parabola, values }: PeakForm): readonly number[] | null {
  if (parabola === undefined || y.length > ROWS_PER_SLICE) return null
  let top = 0
  for (let row = 1; row < y.length; row++) if (Math.abs(y[row]) > Math.abs(y[top])) top = row
  let [first, last] = [top, top]
  while (first > 0 && y[first - 1] / y[top] > CLEAR_FRACTION) first--
  while (last < y.length - 1 && y[last + 1] / y[top] > CLEAR_FRACTION) last++
  if (last - first + 1 < MIN_CLEAR_ROWS) return null
  const width = x[last] - x[first]
  // Sums Σ w·uᵏ and Σ w·uᵏ·q of the parabola q = a + b·u + c·u².
  let [w0, w1, w2, w3, w4, q0, q1, q2] = [0, 0, 0, 0, 0, 0, 0, 0]
  for (let row = first; row <= last; row++) {
    const u = (x[row] - x[top]) / width
    const part = y[row] / y[top]
    const w = parabola.weight(part)
    const q = parabola.transform(part)
    const [wu, wuu] = [w * u, w * u * u]
    w0 += w
    w1 += wu
    w2 += wuu
    w3 += wuu * u
    w4 += wuu * u * u
    q0 += w * q
    q1 += wu * q
    q2 += wuu * q
  }
  const p = w2 - (w1 * w1) / w0
  const share = (w3 - (w1 * w2) / w0) / p
  const right = q1 - (w1 * q0) / w0
  const c = (q2 - (w2 * q0) / w0 - share * right) / (w4 - (w2 * w2) / w0 - share * share * p)
  const b = right / p - share * c
  const a = (q0 - b * w1 - c * w2) / w0
  const center = -b / (2 * c)
  const least = a + (b * center) / 2
  const [height, sigma] = [parabola.height(least), parabola.sigma(least, c)]
  const isClear =
    sigma > 0.1 && sigma < 1 && x[top] + width * center > x[first] && x[top] + width * center < x[last]
  return isClear ? values(height * y[top], x[top] + width * center, width * sigma) : null
}

/** The response y minus each candidate for the baseline. */
function* noiseLevels(y: Float64Array, under: readonly Float64Array[]): Slices<readonly Float64Array[]> {
  if (under.length === 0) return [y]
  const levels: Float64Array[] = []
  if (under.length > 1) {
    for (const part of QUANTILES) levels.push(yield* baselineBelow(y, under, part))
    return levels
  }
  const inOrder = yield* sortInSlices(copyOfArray(y))
  const last = y.length - 1
  const low = Math.floor(last / 10)
  const middle = (inOrder[last >> 1] + inOrder[y.length >> 1]) / 2
  for (const level of [inOrder[low], middle, inOrder[last - low]])
    levels.push(yield* column(y.length, (row) => y[row] - level))
  return levels
}

/**
 * Weight of the rows above the baseline relative to the rows below the baseline, for three baselines. The baselines lie
 * below positive peaks, in the middle of the rows, and above negative peaks.
 */
const QUANTILES = [0.02, 0.5, 0.98]
const MAX_ROUNDS = 12

/** Baseline by asymmetric least squares (Newey and Powell, 1987). The result is y minus the baseline. */
function* baselineBelow(y: Float64Array, under: readonly Float64Array[], part: number): Slices<Float64Array> {
  const [above, below] = [Math.sqrt(part), Math.sqrt(1 - part)]
  let left = copyOfArray(y)
  yield* project(under.map(copyOfArray), left)
  for (let round = 0; round < MAX_ROUNDS && part !== 0.5; round++) {
    const weights = yield* column(y.length, (row) => (left[row] > 0 ? above : below))
    const weighted = (values: Float64Array) => column(y.length, (row) => weights[row] * values[row])
    const columns: Float64Array[] = []
    for (const power of under) columns.push(yield* weighted(power))
    const coefficients = yield* project(columns, yield* weighted(y))
    left = yield* column(y.length, (row) =>
      coefficients.reduce((sum, c, k) => sum - c * under[k][row], y[row]),
    )
  }
  return left
}

/** Writes a range of rows of a peak with height 1. */
function draw(
  { center, sigma, form }: PeakPosition,
  x: Float64Array,
  on: Float64Array,
  from: number,
  to: number,
) {
  for (let row = from; row < to; row++) on[row] = form.valueAt((x[row] - center) / sigma)
}

/** Data that stay constant during the search for peaks. */
interface SearchContext {
  readonly rows: SortedRows
  readonly forms: readonly PeakForm[]
  /** Columns of the powers of x in the baseline. */
  readonly baseline: readonly Float64Array[]
  /** Standard deviation of the noise. */
  readonly noise: number
}

function* search(about: SearchContext, level: Float64Array, count: number): Slices<PeakPosition[]> {
  const rest = copyOfArray(level)
  const drawn = zeros(count > 1 ? rest.length : 0)
  const found: PeakPosition[] = []
  for (;;) {
    const { place, height } = yield* findHighest(about, rest)
    found.push(place)
    if (found.length >= count) return found
    yield* visitInSlices(rest.length, (from, to) => {
      draw(place, about.rows.x, drawn, from, to)
      for (let row = from; row < to; row++) rest[row] -= height * drawn[row]
    })
  }
}

/** The peak at the largest absolute residual. */
function* findHighest({ rows: { x, range }, forms, noise }: SearchContext, rest: Float64Array) {
  let smooth = rest
  let top = yield* farthest(smooth)
  // A moving mean separates a peak from noise.
  for (
    let reach = 1;
    reach <= MAX_WIDTH && noise > MIN_CONTRAST * Math.abs(smooth[top]) * Math.sqrt(reach);
    reach *= 2
  ) {
    smooth = yield* column(rest.length, (row) => meanNear(rest, row, reach))
    top = yield* farthest(smooth)
  }
  const width = measureHalfWidth({ x, y: smooth, range }, top)
  const places = forms.map((form) => ({ center: x[top], sigma: width / form.halfWidth, form }))
  return yield* refine(x, rest, places, WIDTHS, CENTER_SHIFT)
}

/** Noise whose standard deviation is below this fraction of a peak's height needs no smoothing. */
const MIN_CONTRAST = 0.07
/** Maximum number of rows before and after a row in its moving mean. */
const MAX_WIDTH = 4

function meanNear(y: Float64Array, row: number, reach: number): number {
  const [from, to] = [Math.max(0, row - reach), Math.min(y.length - 1, row + reach)]
  let sum = 0
  for (let k = from; k <= to; k++) sum += y[k]
  return sum / (to - from + 1)
}

function* farthest(y: Float64Array): Slices<number> {
  let top = 0
  yield* visitInSlices(y.length, (from, to) => {
    for (let row = from; row < to; row++) if (Math.abs(y[row]) > Math.abs(y[top])) top = row
  })
  return top
}

const WIDTHS = [1, 0.7, 1.4, 2]
const CENTER_SHIFT = 0.4

/**
 * Finds the best-fitting peak with a similar center and width, from the rows around the peak. The search is needed
 * because noise can make the first estimate of the width too small.
 */
function* refine(
  x: Float64Array,
  y: Float64Array,
  positions: readonly PeakPosition[],
  widths: readonly number[],
  shift: number,
) {
  const [{ center, sigma, form }] = positions
  const reach = 2.5 * form.halfWidth * sigma
  const from = firstWhere(x, (at) => at >= center - reach)
  const to = firstWhere(x, (at) => at > center + reach)
  const candidates: PeakPosition[] = []
  for (const { center, sigma, form } of positions) {
    for (const width of widths) {
      for (const by of [0, -shift, shift])
        candidates.push({ center: center + by * sigma, sigma: width * sigma, form })
    }
  }
  return yield* bestPosition(x, y, from, to, candidates)
}

/**
 * The position at which a peak reduces Σ y² over a range of rows most, and the height of the peak. Among equally good
 * positions, the first one is chosen.
 */
function* bestPosition(
  x: Float64Array,
  y: Float64Array,
  from: number,
  to: number,
  places: readonly PeakPosition[],
) {
  let margin = 0
  for (let row = from; row < to; row++) margin += y[row] * y[row]
  margin *= TIE_TOLERANCE
  const best = { place: places[0], height: 0 }
  let most = -Infinity
  let visited = 0
  for (const place of places) {
    const { center, sigma, form } = place
    let [square, product] = [0, 0]
    for (let first = from; first < to; first += ROWS_PER_SLICE) {
      if (visited > ROWS_PER_SLICE) {
        yield
        visited = 0
      }
      const end = Math.min(first + ROWS_PER_SLICE, to)
      for (let row = first; row < end; row++) {
        const c = form.valueAt((x[row] - center) / sigma)
        square += c * c
        product += c * y[row]
      }
      visited += end - first
    }
    const gain = square > 0 ? (product * product) / square : 0
    if (most !== -Infinity && !(gain > most + margin)) continue
    best.place = place
    best.height = square > 0 ? product / square : 0
    most = gain
  }
  return best
}

/**
 * Distance from a maximum to the nearer point of half the maximum. The farther point is not used, because another peak
 * may lie in between.
 */
function measureHalfWidth({ x, y, range }: SortedRows, top: number): number {
  const half = y[top] / 2
  const isAbove = (row: number) => (half < 0 ? y[row] < half : y[row] > half)
  const distances = [-1, 1].map((step) => {
    let row = top
    while (isAbove(row) && row + step >= 0 && row + step < y.length) row += step
    if (isAbove(row) || row === top) return Infinity
    const part = (half - y[row]) / (y[row - step] - y[row])
    return Math.abs(x[row] + part * (x[row - step] - x[row]) - x[top])
  })
  const least = Math.min(...distances.filter((distance) => distance > 0))
  return least < Infinity ? least : range / 2
}

/** Peaks with their least-squares coefficients. The baseline's coefficients precede the heights of the peaks. */
interface FittedPeaks {
  readonly positions: readonly PeakPosition[]
  readonly coefficients: readonly number[]
  /** Sum of squared residuals of the peaks and the baseline. */
  readonly residuals: number
}

interface PeakSolution extends FittedPeaks {
  readonly columns: readonly Float64Array[]
  readonly rest: Float64Array
}

function* solve(
  { x, y }: SortedRows,
  baseline: readonly Float64Array[],
  positions: readonly PeakPosition[],
): Slices<PeakSolution> {
  const columns = [...baseline]
  for (const place of positions) {
    const on = zeros(x.length)
    yield* visitInSlices(x.length, (from, to) => draw(place, x, on, from, to))
    columns.push(on)
  }
  const rest = copyOfArray(y)
  const coefficients = yield* project(columns.map(copyOfArray), rest)
  return { positions, coefficients, residuals: squares(rest), columns, rest }
}

const squares = (rest: Float64Array) => rest.reduce((sum, r) => sum + r * r, 0)

/** Relative change of the widths in the first round of moves. Each further round halves the relative change. */
const INITIAL_STEP = 0.25
/** Residuals count as noise if the sum of their squares is at most this multiple of the estimate for pure noise. */
const MIN_GAIN = 1.5
/**
 * Residuals also count as noise if the sum of their squares is at most this fraction of the same sum without peaks.
 */
const SMALL_GAIN = 0.01
const MIN_STEP = 0.04
/**
 * A peak is moved to another position only if the move reduces the sum of squared residuals to less than this
 * fraction.
 */
const IMPROVEMENT_RATIO = 0.99

function* improvePeaks(about: SearchContext, first: FittedPeaks): Slices<FittedPeaks> {
  const { rows, baseline, noise } = about
  const rest = copyOfArray(rows.y)
  yield* project(baseline.map(copyOfArray), rest)
  const enough = Math.max(MIN_GAIN * rest.length * noise * noise, SMALL_GAIN * squares(rest))
  const settle = function* (places: readonly PeakPosition[]) {
    return yield* movePeaks(rows, baseline, yield* solve(rows, baseline, places), enough)
  }
  let best = yield* settle(first.positions)
  for (let isBetter = true; isBetter && best.residuals > enough; ) {
    isBetter = false
    // The two least important peaks.
    for (const k of rankByArea(best, baseline.length).slice(0, 2)) {
      const others = best.positions.filter((_, j) => j !== k)
      const { place } = yield* findHighest(about, (yield* solve(rows, baseline, others)).rest)
      const next = yield* settle([...others, place])
      isBetter = next.residuals < best.residuals * IMPROVEMENT_RATIO
      if (!isBetter) continue
      best = next
      break
    }
  }
  return best
}

/**
 * Moves each peak in turn to fit the residuals of the fit without the peak. A round of moves is kept only if the sum of
 * squared residuals decreases.
 */
function* movePeaks(
  rows: SortedRows,
  under: readonly Float64Array[],
  from: PeakSolution,
  enough: number,
): Slices<PeakSolution> {
  let best = from
  for (let step = INITIAL_STEP; step > MIN_STEP && best.residuals > enough; step /= 2) {
    const rest = copyOfArray(best.rest)
    const places = best.positions.slice()
    for (const [k, place] of places.entries()) {
      const before = best.columns[under.length + k]
      const height = best.coefficients[under.length + k]
      for (let row = 0; row < rest.length; row++) rest[row] += height * before[row]
      const to = yield* refine(rows.x, rest, [place], [1, 1 / (1 + step), 1 + step], step)
      const drawn = zeros(rest.length)
      draw(to.place, rows.x, drawn, 0, rest.length)
      for (let row = 0; row < rest.length; row++) rest[row] -= to.height * drawn[row]
      places[k] = to.place
    }
    const next = yield* solve(rows, under, places)
    if (!(next.residuals < best.residuals)) continue
    best = next
  }
  return best
}

/** Standard deviation of the noise, from the median of the absolute second differences. */
function* estimateNoise(y: Float64Array): Slices<number> {
  if (y.length < 3) return 0
  const differences = yield* column(y.length - 2, (row) => Math.abs(y[row] - 2 * y[row + 1] + y[row + 2]))
  const inOrder = yield* sortInSlices(differences)
  // The median is 0.6745·√6 standard deviations for normal noise.
  return inOrder[inOrder.length >> 1] / 1.6522
}

/** Indices of the peaks in ascending order of the increase in residuals that their removal causes. */
function rankByArea({ columns, coefficients, positions }: PeakSolution, terms: number): number[] {
  const inverse = inverseGram(columns)
  const worth = positions.map((_, k) => {
    const c = coefficients[terms + k]
    return (c * c) / inverse[terms + k]
  })
  return [...worth.keys()].sort((a, b) => worth[a] - worth[b])
}

/**
 * Diagonal of the inverse Gram matrix of the columns. The diagonal element of a linearly dependent column is infinite.
 */
function inverseGram(columns: readonly Float64Array[]): number[] {
  const n = columns.length
  const a = columns.map((one) => columns.map((other) => one.reduce((sum, x, row) => sum + x * other[row], 0)))
  const inverse = a.map((_, i) => a.map((_, j) => (i === j ? 1 : 0)))
  for (let k = 0; k < n; k++) {
    const pivot = a[k][k]
    for (let i = 0; i < n; i++) {
      if (i === k) continue
      const by = a[i][k] / pivot
      for (let j = 0; j < n; j++) {
        a[i][j] -= by * a[k][j]
        inverse[i][j] -= by * inverse[k][j]
      }
    }
    for (let j = 0; j < n; j++) {
      a[k][j] /= pivot
      inverse[k][j] /= pivot
    }
  }
  return inverse.map((row, i) => row[i])
}
