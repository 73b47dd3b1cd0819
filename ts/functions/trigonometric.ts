import { numbers } from './numbers.js'
import { quarterTurns } from './quarter-turns.js'
import { type PerDtype, single, twice } from './twice.js'

/** (sin r/r − 1)/r² and (cos r − 1 + r²/2)/r⁴ in powers of r², for |r| ≤ π/4. */
const SIN: PerDtype<readonly number[]> = {
  float32: single(-0.16666655, 0.008332177, -0.0001951719),
  float64: [
    -0.16666666666666632, 0.008333333333322418, -0.0001984126982981198, 2.755731369360487e-6,
    -2.5050758413136127e-8, 1.5896814699884636e-10,
  ],
}
const COS: PerDtype<readonly number[]> = {
  float32: single(0.041666657, -0.0013887731, 2.4477102e-5),
  float64: [
    0.041666666666666644, -0.0013888888888882061, 2.4801587294420176e-5, -2.755731576477891e-7,
    2.087591266164037e-9, -1.1369298653885801e-11,
  ],
}

/**
 * The remainder r of x modulo π/2, the sine of r, and the cosine of r, each as a sum of two numbers. (Engines would pass
 * arguments on the heap.)
 */
const r = new Float64Array(2)
const s = new Float64Array(2)
const c = new Float64Array(2)
const both = [s, c] as const

export const trigonometric = twice((f, dtype) => {
  const { polynomial, productError } = numbers[dtype]
  const turnsOf = quarterTurns[dtype]
  const [sines, cosines] = [SIN[dtype], COS[dtype]]

  /** The sine of any finite x in radians. */
  function sin(x: number): number {
    // −0 is returned directly, because the reduction loses the sign of −0.
    return x === 0 ? x : sinOfTurns(turnsOf(x, r))
  }

  /** The cosine of any finite x in radians. */
  function cos(x: number): number {
    return sinOfTurns(turnsOf(x, r) + 1)
  }

  /**
   * The tangent of any finite x in radians. The sine and the cosine of r, and the quotient of both, are sums of two
   * numbers.
   */
  function tan(x: number): number {
    if (x === 0) return x
    const turns = turnsOf(x, r)
    ofRInTwo()
    // sin/cos, or −cos/sin.
    const n = turns & 1 ? c : s
    const d = turns & 1 ? s : c
    const inverse = f(1 / d[0])
    const q = f(n[0] * inverse)
    const product = f(q * d[0])
    const whole = f(f(n[0] - product) - productError(q, d[0], product))
    const missing = f(f(whole + n[1]) - f(q * d[1]))
    const size = f(q + f(missing * inverse))
    return turns & 1 ? -size : size
  }

  /** sin(r + turns·π/2). */
  function sinOfTurns(turns: number): number {
    let size: number
    if (turns & 1) {
      cosOfR()
      size = f(c[0] + c[1])
    } else {
      sinOfR()
      size = f(s[0] + s[1])
    }
    return turns & 2 ? -size : size
  }

  /** The sine of r. */
  function sinOfR(): void {
    const high = r[0]
    const z = f(high * high)
    s[0] = high
    s[1] = f(f(f(high * z) * polynomial(z, sines)) + f(r[1] * f(1 - f(0.5 * z))))
  }

  /** The cosine of r. The leading term of the cosine is 1 − z/2, whose rounding error is added to the other terms. */
  function cosOfR(): void {
    const high = r[0]
    const z = f(high * high)
    const half = f(0.5 * z)
    c[0] = f(1 - half)
    c[1] = f(f(f(1 - c[0]) - half) + f(f(f(z * z) * polynomial(z, cosines)) - f(high * r[1])))
  }

  /** The sine and the cosine of r, normalized. */
  function ofRInTwo(): void {
    sinOfR()
    cosOfR()
    const zLow = productError(r[0], r[0], f(r[0] * r[0]))
    c[1] = f(c[1] - f(0.5 * zLow))
    normalize(s)
    normalize(c)
  }

  /** The sine and the cosine of high + low, as sums of two numbers. */
  function inTwo(high: number, low: number): readonly [sin: Float64Array, cos: Float64Array] {
    r[0] = high
    r[1] = low
    ofRInTwo()
    return both
  }

  /** Normalizes a sum of two numbers, so that the first number is the rounded sum. */
  function normalize(pair: Float64Array): void {
    const sum = f(pair[0] + pair[1])
    pair[1] = f(pair[1] - f(sum - pair[0]))
    pair[0] = sum
  }

  return { sin, cos, tan, inTwo }
})

/** The sine of any finite x in radians, to 0.83 ulp. */
export const sin = trigonometric.float64.sin

/** The cosine of any finite x in radians, to 0.84 ulp. */
export const cos = trigonometric.float64.cos

/** The tangent of any finite x in radians. */
export const tan = trigonometric.float64.tan
