import { polynomial } from './doubles.js'
import { quarterTurns } from './quarter-turns.js'

/** (sin r/r − 1)/r² and (cos r − 1 + r²/2)/r⁴ by powers of r², where |r| ≤ π/4. */
const SIN = [
  -0.16666666666666632, 0.008333333333322418, -0.0001984126982981198, 2.755731369360487e-6,
  -2.5050758413136127e-8, 1.5896814699884636e-10,
]
const COS = [
  0.041666666666666644, -0.0013888888888882061, 2.4801587294420176e-5, -2.755731576477891e-7,
  2.087591266164037e-9, -1.1369298653885801e-11,
]

/** x less a multiple of π/2, as a sum of two. */
const r = new Float64Array(2)

/** The sine of any finite x in radians, to 0.79 ulp. */
export function sin(x: number): number {
  // For −0, which the reduction does not keep.
  return x === 0 ? x : sinOfTurns(quarterTurns(x, r))
}

/** The cosine of any finite x in radians, to 0.81 ulp. */
export function cos(x: number): number {
  return sinOfTurns(quarterTurns(x, r) + 1)
}

/** sin(r + turns·π/2). */
function sinOfTurns(turns: number): number {
  const size = turns & 1 ? cosOfR(r[0], r[1]) : sinOfR(r[0], r[1])
  return turns & 2 ? -size : size
}

function sinOfR(high: number, low: number): number {
  const z = high * high
  return high + (high * z * polynomial(z, SIN) + low * (1 - 0.5 * z))
}

/** 1 − z/2 leads; what its rounding takes is given back. */
function cosOfR(high: number, low: number): number {
  const z = high * high
  const half = 0.5 * z
  const sum = 1 - half
  return sum + (1 - sum - half + (z * z * polynomial(z, COS) - high * low))
}
