/** Where peaks are, and what is under them. */

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
  /** The parameters of each peak, from left to right. */
  readonly peaks: readonly (readonly number[])[]
  /** Of the ground, by powers of x. */
  readonly coefficients: readonly number[]
}

/**
 * Peaks one after the other, each where most is left, for several levels that the ground may have. Where more is left
 * than noise, they are moved in turn, and those that matter least are tried elsewhere.
 *
 * @param terms how many coefficients the ground has, up to 3
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

/** A row stands out from this fraction of the highest row on. */
const CLEAR_FRACTION = 0.3
/** How many rows have to. */
const MIN_CLEAR_ROWS = 4

/**
 * The parameters of a peak that stands alone, by the parabola that rows about the highest one make: a step or two from where its
 * fit ends. Null where they make none, as beside noise, at an edge, or between rows that are far apart.
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
  // Σ w·uᵏ, and Σ w·uᵏ·q: the parabola is q = a + b·u + c·u².
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

/** What y is beside the ground, for each ground that may be. */
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

/** What rows above a ground count beside those below it: it is under peaks, among them, or above those that go down. */
const QUANTILES = [0.02, 0.5, 0.98]
const MAX_ROUNDS = 12

/** By asymmetric least squares (Newey and Powell, 1987). */
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

/** Some rows of a peak of the height 1. */
function draw(
  { center, sigma, form }: PeakPosition,
  x: Float64Array,
  on: Float64Array,
  from: number,
  to: number,
) {
  for (let row = from; row < to; row++) on[row] = form.valueAt((x[row] - center) / sigma)
}

/** What does not change while peaks are looked for. */
interface SearchContext {
  readonly rows: SortedRows
  readonly forms: readonly PeakForm[]
  /** Columns of the ground. */
  readonly baseline: readonly Float64Array[]
  /** Its standard deviation. */
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

/** The peak that is farthest from 0. */
function* findHighest({ rows: { x, range }, forms, noise }: SearchContext, rest: Float64Array) {
  let smooth = rest
  let top = yield* farthest(smooth)
  // A mean of some rows tells a peak from noise.
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

/** Noise is small enough beside a peak once it is below this fraction of it. */
const MIN_CONTRAST = 0.07
/** Rows on each side in a moving mean, at most. */
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

/** A peak like one that noise may have made narrow: the best one by the rows about it. */
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

/** The place whose peak lowers Σ y² of some rows most; of those that do so equally well the first one. */
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

/** From a peak to where it has half the height, on the side where that is nearer: the other may have another peak. */
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

/** Peaks with the coefficients that suit them best, those of the ground first. */
interface FittedPeaks {
  readonly positions: readonly PeakPosition[]
  readonly coefficients: readonly number[]
  /** The sum of squares that is left. */
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

/** By what widths change when peaks are moved in turn: by this much, then half of it. */
const INITIAL_STEP = 0.25
/** The residual is noise if it is at most this many times what noise leaves … */
const MIN_GAIN = 1.5
/** … or at most this fraction of what there was before. */
const SMALL_GAIN = 0.01
const MIN_STEP = 0.04
/** A place that leaves more than this part is no better one. */
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
    // Those that matter least.
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

/** Each peak in turn where what the others leave wants it, as long as that makes less be left. */
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

/** The standard deviation of noise, by second differences, of which the middle one is that of noise alone. */
function* estimateNoise(y: Float64Array): Slices<number> {
  if (y.length < 3) return 0
  const differences = yield* column(y.length - 2, (row) => Math.abs(y[row] - 2 * y[row + 1] + y[row + 2]))
  const inOrder = yield* sortInSlices(differences)
  // Of normal noise: 0.6745·√6 standard deviations.
  return inOrder[inOrder.length >> 1] / 1.6522
}

/** Peaks by how much more would be left without them, the least first. */
function rankByArea({ columns, coefficients, positions }: PeakSolution, terms: number): number[] {
  const inverse = inverseGram(columns)
  const worth = positions.map((_, k) => {
    const c = coefficients[terms + k]
    return (c * c) / inverse[terms + k]
  })
  return [...worth.keys()].sort((a, b) => worth[a] - worth[b])
}

/** The diagonal of the inverse of products of columns; infinite for one that others make up. */
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
