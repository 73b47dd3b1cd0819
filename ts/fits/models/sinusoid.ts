import { atan, cos, sin } from '../../functions/index.js'
import { OptionError } from '../../ground/errors.js'
import { listOf } from '../../ground/given.js'
import { atOnce, inSlices, type Slices, sorted } from '../../ground/slices.js'
import { optional, readBy } from '../../options/kinds.js'
import { readOptions } from '../../options/read.js'
import { defineByOrigin, type OriginOptions, withOrigin } from './define.js'
import { type FitModel, type GuessAtOnce, remarks } from './model.js'
import { bestOf, column, copied, finiteRows, type Rows, type Search, zeros } from './rows.js'

type Band = readonly [least: number, most: number]

const table = {
  ...withOrigin,
  frequency: optional(
    readBy<Band>((argument, given) => {
      const list: readonly unknown[] = (Array.isArray(given) && listOf(given, 2)) || []
      const [least, most] = list as Band
      if (list.length === 2 && list.every(Number.isFinite) && least >= 0 && least < most) return [least, most]
      throw new OptionError(argument, '[least, most], with 0 ≤ least < most', given)
    }),
  ),
}

export interface SinusoidOptions extends OriginOptions {
  /** The least frequency and the most, in periods by unit of x: where it is looked for, and its bounds. */
  readonly frequency?: Band
}

/**
 * amplitude·sin(2π·frequency·x + phase) + offset: the frequency in periods by unit of x, the phase, between −π and π
 * where it is guessed, in radians. Unless its range is given, frequencies are guessed up to half of one by the usual step of
 * x, and to 2048 periods in all. The fit's `message` says where another frequency is as good or nearly so. With an `origin`,
 * in the middle unless it is given, x − origin stands for x.
 */
export function sinusoid(
  options: SinusoidOptions = {},
): FitModel<'amplitude' | 'frequency' | 'phase' | 'offset' | 'origin'> {
  const { frequency: band, ...rest } = readOptions('options', options, table)
  const model = defineByOrigin<'amplitude' | 'frequency' | 'phase' | 'offset'>(
    rest,
    0.5,
    (x) => `amplitude*sin(2*pi*frequency*${x} + phase) + offset`,
    (x, y) => guess(x, y, band),
    band && { frequency: { min: band[0], max: band[1] } },
  )
  remarks.set(model.guess as GuessAtOnce, (values, x, y) => rivalsOf(values().frequency, x, y, band))
  return model
}

const PI = 4 * atan(1)
/** Frequencies by 1/range: a sinusoid between two of them is in the reach of both. */
const OVERSAMPLING = 4
const MOST_FREQUENCIES = 8192
/** Where the range is given. */
const MOST_IN_BAND = 1 << 17

/** The periodogram of Lomb (1976) with a constant, by least squares: x may be spaced as it likes. */
function* guess(xs: ArrayLike<number>, ys: ArrayLike<number>, band: Band | undefined) {
  const rows = yield* finiteRows(xs, ys)
  const { x, y, range } = rows
  const step = 1 / (OVERSAMPLING * range)
  const { candidate, coefficients } = yield* bestOf(y, yield* waves(rows, yield* multiples(rows, band), step))
  const frequency = candidate * step
  const [offset, a, b] = coefficients
  // sin(ω·(x − x₀) + φ₀): back to x = 0.
  const turns = frequency * x[0]
  const shift = 2 * PI * (turns - Math.round(turns))
  const [c, s] = [cos(shift), sin(shift)]
  return {
    amplitude: Math.sqrt(a * a + b * b),
    frequency,
    phase: angle(a * c + b * s, b * c - a * s),
    offset,
  }
}

/** Of the step between frequencies: the first of them, and how many there are. */
function* multiples({ x, range }: Rows, band: Band | undefined): Slices<readonly [number, number]> {
  const step = 1 / (OVERSAMPLING * range)
  if (band !== undefined) {
    const first = Math.max(1, Math.ceil(band[0] / step))
    return [first, Math.min(MOST_IN_BAND, Math.max(1, Math.floor(band[1] / step) - first + 1))]
  }
  const usual = (yield* usualGap(x)) ?? range
  return [1, Math.min(MOST_FREQUENCIES, Math.max(1, Math.round(1 / (2 * usual * step))))]
}

/** Sines and cosines of ω·(x − x₀), for multiples of a frequency: each a turn further than the one before. */
function* waves(
  { x }: Rows,
  [first, count]: readonly [number, number],
  step: number,
): Slices<Search<number>> {
  const angles = yield* column(x.length, (row) => 2 * PI * step * (x[row] - x[0]))
  const turnSines = yield* column(x.length, (row) => sin(angles[row]))
  const turnCosines = yield* column(x.length, (row) => cos(angles[row]))
  const sines = first === 1 ? copied(turnSines) : yield* column(x.length, (row) => sin(first * angles[row]))
  const cosines =
    first === 1 ? copied(turnCosines) : yield* column(x.length, (row) => cos(first * angles[row]))
  return {
    candidates: Array.from({ length: count }, (_, k) => first + k),
    count: 2,
    fill: (_, [sinesNow, cosinesNow], from, to) => {
      for (let row = from; row < to; row++) {
        const [s, c] = [sines[row], cosines[row]]
        sinesNow[row] = s
        cosinesNow[row] = c
        sines[row] = s * turnCosines[row] + c * turnSines[row]
        cosines[row] = c * turnCosines[row] - s * turnSines[row]
      }
    },
    hasOffset: true,
  }
}

/** Δχ² by χ²/ν within which another frequency is nearly as good: three standard errors. */
const NEARLY = 9
/** The highest of the other frequencies that are looked at closer, and at how many places. */
const [RIVALS, PLACES] = [3, 16]

/** What has to be known of other frequencies; empty if nothing. */
function rivalsOf(
  found: number,
  xs: ArrayLike<number>,
  ys: ArrayLike<number>,
  band: Band | undefined,
): string {
  const rows = atOnce(finiteRows(xs, ys))
  const { x, y, range } = rows
  if (x.length < 5) return ''
  const step = 1 / (OVERSAMPLING * range)
  const [first, count] = atOnce(multiples(rows, band))
  const mean = y.reduce((sum, value) => sum + value, 0) / y.length
  const centred = y.map((value) => value - mean)
  const total = centred.reduce((sum, value) => sum + value * value, 0)
  const left = (frequency: number) => total - gainOf(frequency, x, centred)
  const gains = Array.from({ length: count }, (_, k) => gainOf((first + k) * step, x, centred))
  const others = gains.flatMap((gain, k) => {
    const frequency = (first + k) * step
    const isTop = gain >= (gains[k - 1] ?? 0) && gain >= (gains[k + 1] ?? 0)
    return isTop && Math.abs(frequency - Math.abs(found)) > 1 / range ? [{ gain, frequency }] : []
  })
  others.sort((a, b) => b.gain - a.gain)
  const [lowest, highest] = band ?? [0, Infinity]
  const closer = others.slice(0, RIVALS).flatMap(({ frequency }) =>
    Array.from({ length: 2 * PLACES + 1 }, (_, k) => frequency + (k / PLACES - 1) * step)
      .filter((at) => at > 0 && at >= lowest && at <= highest)
      .map((at) => ({ frequency: at, left: left(at) })),
  )
  const rival = closer.reduce((best, one) => (one.left < best.left ? one : best), {
    ...{ frequency: NaN, left: Infinity },
  })
  const own = Math.max(left(Math.abs(found)), 0)
  const slack = NEARLY * (own / (x.length - 4)) + 1e-9 * total
  const said = (frequency: number) => Number(frequency.toPrecision(4))
  const words: string[] = []
  if (rival.left < own - slack) words.push(`the frequency ${said(rival.frequency)} is better`)
  else if (rival.left <= own + slack)
    words.push(`the frequency ${said(rival.frequency)} is as good or nearly so`)
  if (Math.abs(found) * range < 1) words.push('the data have less than one period')
  const end = (first + count - 1) * step
  if (Math.abs(found) > end + step)
    words.push(`the frequency is above ${said(end)}, up to which others were tried`)
  else if (band === undefined && Math.abs(found) > end - step)
    words.push(`the frequency is at the end of those that were tried, ${said(end)}`)
  return words.join('; ')
}

/** By how much a wave of a frequency makes Σ (y − ȳ)² less. */
function gainOf(frequency: number, x: Float64Array, centred: Float64Array): number {
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
    sy += a * centred[row]
    cy += b * centred[row]
  }
  const n = x.length
  const [p, q, r] = [ss - (s * s) / n, cc - (c * c) / n, sc - (s * c) / n]
  const determinant = p * q - r * r
  // Where one of both says nothing new, the other one alone.
  if (determinant > 1e-12 * p * q) return (sy * sy * q - 2 * sy * cy * r + cy * cy * p) / determinant
  return p > q ? (sy * sy) / p : q > 0 ? (cy * cy) / q : 0
}

/** The middle one of those between numbers that are not the same. */
function* usualGap(x: Float64Array): Slices<number | undefined> {
  const gaps = zeros(x.length)
  let count = 0
  yield* inSlices(x.length, (from, to) => {
    for (let row = from; row < to; row++) if (x[row] > x[row - 1]) gaps[count++] = x[row] - x[row - 1]
  })
  const inOrder = yield* sorted(gaps.subarray(0, count), (a, b) => a - b)
  return inOrder[count >> 1]
}

/** The angle of a point from the direction of its first coordinate, from −π to π. */
function angle(x: number, y: number): number {
  if (x === 0) return y === 0 ? 0 : y < 0 ? -PI / 2 : PI / 2
  const half = atan(y / x)
  return x > 0 ? half : y < 0 ? half - PI : half + PI
}
