import { atan, cos, sin } from '../../functions/index.js'
import { define } from './define.js'
import type { FitModel, ModelOptions } from './model.js'
import { bestOf, finiteRows, type Rows } from './rows.js'

/**
 * amplitude·sin(2π·frequency·x + phase) + offset: the frequency in periods by unit of x, the phase, between −π and π
 * where it is guessed, in radians. Frequencies are guessed up to half of one by the usual step of x, and to 2048
 * periods in all.
 */
export function sinusoid(
  options: ModelOptions = {},
): FitModel<'amplitude' | 'frequency' | 'phase' | 'offset'> {
  return define(
    options,
    (x) => `amplitude*sin(2*pi*frequency*${x} + phase) + offset`,
    (x, y) => guess(finiteRows(x, y)),
  )
}

const PI = 4 * atan(1)
/** Frequencies by 1/range: a sinusoid between two of them is in the reach of both. */
const OVERSAMPLING = 4
const MOST_FREQUENCIES = 8192

/** The periodogram of Lomb (1976) with a constant, by least squares: x may be spaced as it likes. */
function guess(rows: Rows) {
  const { x, y, range } = rows
  const step = 1 / (OVERSAMPLING * range)
  const { candidate, coefficients } = bestOf(y, {
    candidates: waves(rows, step),
    count: 2,
    fill: (wave, [sines, cosines]) => {
      sines.set(wave.sines)
      cosines.set(wave.cosines)
    },
    hasOffset: true,
  })
  const frequency = candidate.times * step
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
function* waves({ x, range }: Rows, step: number) {
  const angles = x.map((at) => 2 * PI * step * (at - x[0]))
  const [turnSines, turnCosines] = [angles.map(sin), angles.map(cos)]
  const [sines, cosines] = [turnSines.slice(), turnCosines.slice()]
  const gaps = x
    .map((at, row) => at - x[row - 1])
    .filter((gap) => gap > 0)
    .sort()
  const usual = gaps[gaps.length >> 1] ?? range
  const count = Math.min(MOST_FREQUENCIES, Math.max(1, Math.round(1 / (2 * usual * step))))
  for (let times = 1; times <= count; times++) {
    yield { times, sines, cosines }
    for (let row = 0; row < x.length; row++) {
      const [s, c] = [sines[row], cosines[row]]
      sines[row] = s * turnCosines[row] + c * turnSines[row]
      cosines[row] = c * turnCosines[row] - s * turnSines[row]
    }
  }
}

/** The angle of a point from the direction of its first coordinate, from −π to π. */
function angle(x: number, y: number): number {
  if (x === 0) return y === 0 ? 0 : y < 0 ? -PI / 2 : PI / 2
  const half = atan(y / x)
  return x > 0 ? half : y < 0 ? half - PI : half + PI
}
