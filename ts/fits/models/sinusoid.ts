import { atan, cos, sin } from '../../functions/index.js'
import { inSlices, type Slices, sorted } from '../../ground/slices.js'
import { define } from './define.js'
import type { Data, FitModel, ModelOptions } from './model.js'
import { bestOf, column, copied, finiteRows, type Rows, type Search, zeros } from './rows.js'

/**
 * amplitude·sin(2π·frequency·x + phase) + offset: the frequency in periods by unit of x, the phase, between −π and π
 * where it is guessed, in radians. Frequencies are guessed up to half of one by the usual step of x, and to 2048
 * periods in all.
 */
export function sinusoid(
  options: ModelOptions = {},
): FitModel<'amplitude' | 'frequency' | 'phase' | 'offset'> {
  return define(options, (x) => `amplitude*sin(2*pi*frequency*${x} + phase) + offset`, guess)
}

const PI = 4 * atan(1)
/** Frequencies by 1/range: a sinusoid between two of them is in the reach of both. */
const OVERSAMPLING = 4
const MOST_FREQUENCIES = 8192

/** The periodogram of Lomb (1976) with a constant, by least squares: x may be spaced as it likes. */
function* guess(...[xs, ys]: Data) {
  const rows = yield* finiteRows(xs, ys)
  const { x, y, range } = rows
  const step = 1 / (OVERSAMPLING * range)
  const { candidate, coefficients } = yield* bestOf(y, yield* waves(rows, step))
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

/** Sines and cosines of ω·(x − x₀), for multiples of a frequency: each a turn further than the one before. */
function* waves({ x, range }: Rows, step: number): Slices<Search<number>> {
  const angles = yield* column(x.length, (row) => 2 * PI * step * (x[row] - x[0]))
  const turnSines = yield* column(x.length, (row) => sin(angles[row]))
  const turnCosines = yield* column(x.length, (row) => cos(angles[row]))
  const [sines, cosines] = [copied(turnSines), copied(turnCosines)]
  const usual = (yield* usualGap(x)) ?? range
  const count = Math.min(MOST_FREQUENCIES, Math.max(1, Math.round(1 / (2 * usual * step))))
  return {
    candidates: Array.from({ length: count }, (_, k) => k + 1),
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
