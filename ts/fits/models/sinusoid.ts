import { OptionError } from '../../core/errors.js'
import { ROWS_PER_SLICE, runToEnd, type Slices, sortInSlices, visitInSlices } from '../../core/slices.js'
import { toBoundedArray } from '../../core/untrusted-input.js'
import { atan, cos, sin } from '../../functions/index.js'
import { customOption, optional } from '../../options/kinds.js'
import { readOptions } from '../../options/read.js'
import { defineByOrigin, type OriginOptions, originOptions, setSearch } from './define.js'
import { finiteRows, type SortedRows, sortedRows, TIE_TOLERANCE, zeros } from './linear-least-squares.js'
import { type FitModel, type Guess, type GuessAtOnce, guessParts, type StartSearch } from './model.js'
import { CandidateShapes, centerColumn, columnMean, type DrawnShapes } from './shapes.js'

type FrequencyBand = readonly [least: number, most: number]

const table = {
  ...originOptions,
  frequency: optional(
    customOption<FrequencyBand>((argument, given) => {
      const list: readonly unknown[] = (Array.isArray(given) && toBoundedArray(given, 2)) || []
      const [least, most] = list as FrequencyBand
      if (list.length === 2 && list.every(Number.isFinite) && least >= 0 && least < most) return [least, most]
      throw new OptionError(argument, '[min, max] with 0 ≤ min < max', given)
    }),
  ),
}

/** Options of `models.sinusoid`. */
export interface SinusoidOptions extends OriginOptions {
  /**
   * Range of the frequency, in periods per unit of x. The guess searches this range, and the fit uses the range as
   * bounds.
   */
  readonly frequency?: FrequencyBand
}

/**
 * Sinusoid amplitude·sin(2π·frequency·x + phase) + offset. The frequency is in periods per unit of x. The phase is in
 * radians, and its guess lies between −π and π. Without the option `frequency`, the guess tries frequencies up to
 * 1/(2·median spacing of x), and up to 2048 periods in the range of x. If another frequency fits equally or nearly as
 * well, the fit's `message` reports that frequency. An `origin` replaces x by x − origin. The origin 'auto' is the
 * middle of the x range.
 */
export function sinusoid(
  options: SinusoidOptions = {},
): FitModel<'amplitude' | 'frequency' | 'phase' | 'offset' | 'origin'> {
  const { frequency: band, ...rest } = readOptions('options', options, table)
  const model = defineByOrigin<'amplitude' | 'frequency' | 'phase' | 'offset'>(
    rest,
    0.5,
    (x) => `amplitude*sin(2*pi*frequency*${x} + phase) + offset`,
    makeGuess(band),
    band && { frequency: { min: band[0], max: band[1] } },
  )
  const guess = model.guess as GuessAtOnce
  setSearch(guess, guessParts(guess)?.search as () => StartSearch, ({ values }, x, y) =>
    contendersNear(values().frequency, x, y, band),
  )
  return model
}

const PI = 4 * atan(1)
/**
 * Number of candidate frequencies per 1/range. With this spacing, a fit from either of two neighboring candidates
 * converges to a frequency between the two.
 */
const OVERSAMPLING = 4
const MAX_FREQUENCIES = 8192
/** Maximum number of candidate frequencies if the user sets the range. */
const MAX_FREQUENCIES_IN_BAND = 1 << 17

/** Guess from the Lomb periodogram (1976) with a constant, by least squares. The values of x may have any spacing. */
function makeGuess(band: FrequencyBand | undefined): Guess<'amplitude' | 'frequency' | 'phase' | 'offset'> {
  const waves = createWaves()
  return function* (xs, ys) {
    const rows = sortedRows(xs, ys) ?? (yield* finiteRows(xs, ys))
    const drawn =
      waves.cached(rows.x) ?? waves.drawn({ ...rows, multiples: yield* frequencyMultiples(rows, band) })
    const mean = columnMean(rows.y)
    const rest = centerColumn(rows.y, mean)
    if (!drawn.multiply(rest)) yield* drawn.multiplyInSlices(rest)
    const { candidate, a, b, offset } = bestPair(drawn, rest)
    const frequency = candidate * drawn.grid.step
    // Converts a phase relative to the first x (x₀) to a phase relative to x = 0.
    const turns = frequency * rows.x[0]
    const shift = 2 * PI * (turns - Math.round(turns))
    const [c, s] = [cos(shift), sin(shift)]
    return {
      amplitude: Math.sqrt(a * a + b * b),
      frequency,
      phase: angle(a * c + b * s, b * c - a * s),
      offset: mean + offset,
    }
  }
}

/**
 * Finds the wave a·sin + b·cos + offset that reduces Σ y² most, by normal equations. Among equally good waves, the wave
 * with the lowest frequency is chosen.
 */
function bestPair(
  { grid: { first, count, crosses }, squares, sums, products }: DrawnShapes<WaveGrid>,
  y: Float64Array,
) {
  const n = y.length
  let margin = 0
  for (let row = 0; row < n; row++) margin += TIE_TOLERANCE * y[row] * y[row]
  const best = { candidate: first, a: 0, b: 0, offset: 0 }
  let most = -Infinity
  for (let k = 0; k < count; k++) {
    const [i, j] = [2 * k, 2 * k + 1]
    const [s, c] = [sums[i], sums[j]]
    const p = squares[i] - (s * s) / n
    // A column that is linearly dependent on the previous columns contributes nothing.
    const isSine = p > TIE_TOLERANCE * squares[i]
    const share = isSine ? (crosses[k] - (s * c) / n) / p : 0
    const q = squares[j] - (c * c) / n - share * share * p
    const own = products[j] - share * products[i]
    const b = q > TIE_TOLERANCE * squares[j] ? own / q : 0
    const gain = (isSine ? (products[i] * products[i]) / p : 0) + own * b
    if (!(gain > most + margin) && k > 0) continue
    most = gain
    const a = isSine ? products[i] / p - share * b : 0
    best.candidate = first + k
    best.a = a
    best.b = b
    best.offset = -(a * s + b * c) / n
  }
  return best
}

/** First multiple of the frequency step, and the number of candidate frequencies. */
function* frequencyMultiples(
  { x, range }: SortedRows,
  band: FrequencyBand | undefined,
): Slices<readonly [number, number]> {
  const step = 1 / (OVERSAMPLING * range)
  if (band !== undefined) {
    const first = Math.max(1, Math.ceil(band[0] / step))
    return [first, Math.min(MAX_FREQUENCIES_IN_BAND, Math.max(1, Math.floor(band[1] / step) - first + 1))]
  }
  const usual = (yield* medianGap(x)) ?? range
  return [1, Math.min(MAX_FREQUENCIES, Math.max(1, Math.round(1 / (2 * usual * step))))]
}

/** Candidate frequencies as multiples of a step. Each candidate frequency has its sum Σ sin·cos over the rows. */
interface WaveGrid {
  readonly step: number
  readonly first: number
  readonly count: number
  readonly crosses: Float64Array
}

/**
 * Alternating columns of sin and cos of ω·(x − x₀) for the candidate frequencies ω. Each pair of columns is computed
 * from the previous pair by a rotation.
 */
function createWaves() {
  type WaveRows = Omit<SortedRows, 'y'> & { readonly multiples: readonly [number, number] }
  return new CandidateShapes<WaveGrid, WaveRows>(({ x, range, multiples: [first, count] }) => {
    const step = 1 / (OVERSAMPLING * range)
    const make = () => zeros(Math.min(x.length, ROWS_PER_SLICE))
    const [sines, cosines, turnSines, turnCosines] = [make(), make(), make(), make()]
    const crosses = zeros(count)
    return {
      grid: { step, first, count, crosses },
      count: 2 * count,
      more: 0,
      drawCandidate(k, on, at, from, to) {
        const length = to - from
        for (let row = 0; k === 0 && row < length; row++) {
          const angle = 2 * PI * step * (x[from + row] - x[0])
          turnSines[row] = sin(angle)
          turnCosines[row] = cos(angle)
          sines[row] = first === 1 ? turnSines[row] : sin(first * angle)
          cosines[row] = first === 1 ? turnCosines[row] : cos(first * angle)
        }
        if (k % 2 === 0) {
          for (let row = 0; row < length; row++) on[at + row] = sines[row]
          return
        }
        let cross = crosses[k >> 1]
        for (let row = 0; row < length; row++) {
          const s = sines[row]
          const c = cosines[row]
          on[at + row] = c
          cross += s * c
          sines[row] = s * turnCosines[row] + c * turnSines[row]
          cosines[row] = c * turnCosines[row] - s * turnSines[row]
        }
        crosses[k >> 1] = cross
      },
    }
  }, true)
}

/**
 * Another frequency fits nearly as well if its χ² exceeds the minimum by at most this multiple of χ²/ν (three standard
 * errors).
 */
const CLOSE_RATIO = 9
/** Maximum number of competing frequencies that are refined. */
const MAX_CONTENDERS = 3
/** Number of steps above and below a competing frequency in its refinement. */
const MAX_POSITIONS = 16

/** Warnings about competing frequencies, as a string that is empty if no frequency competes. */
function contendersNear(
  found: number,
  xs: ArrayLike<number>,
  ys: ArrayLike<number>,
  band: FrequencyBand | undefined,
): string {
  const rows = runToEnd(finiteRows(xs, ys))
  const { x, y, range } = rows
  if (x.length < 5) return ''
  const step = 1 / (OVERSAMPLING * range)
  const [first, count] = runToEnd(frequencyMultiples(rows, band))
  const mean = y.reduce((sum, value) => sum + value, 0) / y.length
  const centered = y.map((value) => value - mean)
  const total = centered.reduce((sum, value) => sum + value * value, 0)
  const left = (frequency: number) => total - computeGain(frequency, x, centered)
  const gains = Array.from({ length: count }, (_, k) => computeGain((first + k) * step, x, centered))
  const others = gains.flatMap((gain, k) => {
    const frequency = (first + k) * step
    const isTop = gain >= (gains[k - 1] ?? 0) && gain >= (gains[k + 1] ?? 0)
    return isTop && Math.abs(frequency - Math.abs(found)) > 1 / range ? [{ gain, frequency }] : []
  })
  others.sort((a, b) => b.gain - a.gain)
  const [lowest, highest] = band ?? [0, Infinity]
  const closer = others.slice(0, MAX_CONTENDERS).flatMap(({ frequency }) =>
    Array.from({ length: 2 * MAX_POSITIONS + 1 }, (_, k) => frequency + (k / MAX_POSITIONS - 1) * step)
      .filter((at) => at > 0 && at >= lowest && at <= highest)
      .map((at) => ({ frequency: at, left: left(at) })),
  )
  const rival = closer.reduce((best, one) => (one.left < best.left ? one : best), {
    frequency: NaN,
    left: Infinity,
  })
  const own = Math.max(left(Math.abs(found)), 0)
  const slack = CLOSE_RATIO * (own / (x.length - 4)) + 1e-9 * total
  const said = (frequency: number) => Number(frequency.toPrecision(4))
  const words: string[] = []
  if (rival.left < own - slack) words.push(`the frequency ${said(rival.frequency)} fits better`)
  else if (rival.left <= own + slack)
    words.push(`the frequency ${said(rival.frequency)} fits as well or nearly so`)
  if (Math.abs(found) * range < 1) words.push('the data cover less than one period')
  const end = (first + count - 1) * step
  if (Math.abs(found) > end + step) words.push(`the frequency is above ${said(end)}, the highest candidate`)
  else if (band === undefined && Math.abs(found) > end - step)
    words.push(`the frequency is at the highest candidate, ${said(end)}`)
  return words.join('; ')
}

/** Reduction of Σ (y − ȳ)² by the best wave with a given frequency. */
function computeGain(frequency: number, x: Float64Array, centered: Float64Array): number {
  let [s, c, ss, cc, sc, sy, cy] = [0, 0, 0, 0, 0, 0, 0]
  for (let row = 0; row < x.length; row++) {
    const turns = frequency * (x[row] - x[0])
    const phase = 2 * PI * (turns - Math.round(turns))
    const [a, b] = [sin(phase), cos(phase)]
    s += a
    c += b
    ss += a * a
    cc += b * b
    sc += a * b
    sy += a * centered[row]
    cy += b * centered[row]
  }
  const n = x.length
  const [p, q, r] = [ss - (s * s) / n, cc - (c * c) / n, sc - (s * c) / n]
  const determinant = p * q - r * r
  // If the columns of sin and cos are linearly dependent, only the larger column is used.
  if (determinant > 1e-12 * p * q) return (sy * sy * q - 2 * sy * cy * r + cy * cy * p) / determinant
  return p > q ? (sy * sy) / p : q > 0 ? (cy * cy) / q : 0
}

/** Median gap between distinct values of x. */
function* medianGap(x: Float64Array): Slices<number | undefined> {
  const gaps = zeros(x.length)
  let count = 0
  yield* visitInSlices(x.length, (from, to) => {
    for (let row = from; row < to; row++) if (x[row] > x[row - 1]) gaps[count++] = x[row] - x[row - 1]
  })
  const inOrder = yield* sortInSlices(gaps.subarray(0, count))
  return inOrder[count >> 1]
}

/** Angle of a point (x, y), from −π to π. */
function angle(x: number, y: number): number {
  if (x === 0) return y === 0 ? 0 : y < 0 ? -PI / 2 : PI / 2
  const half = atan(y / x)
  return x > 0 ? half : y < 0 ? half - PI : half + PI
}
