import { numbers, split } from './numbers.js'
import { type PerDtype, single, twice } from './twice.js'

const TWO_BY_PI = 0.6366197723675814
/**
 * π/2 as a sum of four numbers. The first three numbers have few bits, so their multiples up to 2²⁰ (float32: 2¹¹) are
 * exact.
 */
const PARTS: PerDtype<readonly number[]> = {
  float32: single(1.5705566, 0.00023967028, 1.5890691e-8, 2.563344e-12),
  float64: [1.5707963267341256, 6.077100506303966e-11, 2.0222662487111665e-21, 8.4784276603689e-32],
}
/** Largest multiples (2²⁰, or 2¹¹ in float32) times π/2, rounded down. */
const MEDIUM: PerDtype<number> = { float32: 3216, float64: 1647099 }

/** π/2 as a sum of two numbers. */
const HALF_PI = Math.PI / 2
const HALF_PI_LOW = 6.123233995736766e-17

/** Each digit has 24 bits. */
const BASE = 16777216
/** The first 50 digits of 2/π, after three zeros. */
const TWO_BY_PI_DIGITS = [
  0, 0, 0, 0xa2f983, 0x6e4e44, 0x1529fc, 0x2757d1, 0xf534dd, 0xc0db62, 0x95993c, 0x439041, 0xfe5163, 0xabdebb,
  0xc561b7, 0x246e3a, 0x424dd2, 0xe00649, 0x2eea09, 0xd1921c, 0xfe1deb, 0x1cb129, 0xa73ee8, 0x8235f5,
  0x2ebb44, 0x84e99c, 0x7026b4, 0x5f7e41, 0x3991d6, 0x398353, 0x39f49c, 0x845f8b, 0xbdf928, 0x3b1ff8,
  0x97ffde, 0x05980f, 0xef2f11, 0x8b5a0a, 0x6d1f6d, 0x367ecf, 0x27cb09, 0xb74f46, 0x3f669e, 0x5fea2d,
  0x7527ba, 0xc7ebe5, 0xf17b3d, 0x0739f7, 0x8a5292, 0xea6bfb, 0x5fb11f, 0x8d5d08, 0x560330, 0x46fc7b,
]

/** The high word of 1. */
const ONE = 0x3ff00000

const fraction = new Float64Array(1)
const factor = new Float64Array(4)
const product = new Float64Array(8)

const { productError, scale } = numbers.float64

/**
 * Number of quarter turns closest to x, modulo 4. The remainder |r| ≤ π/4 is written as a sum of two numbers: r[0],
 * correct to half an ulp, and r[1].
 */
export const quarterTurns = twice((f, dtype) => {
  const { nearest } = numbers[dtype]
  const [first, second, third, fourth] = PARTS[dtype]
  const medium = MEDIUM[dtype]
  const twoByPi = f(TWO_BY_PI)

  /** Computes x − k·π/2. All products except the last product are exact (Cody and Waite, 1980, ch. 8). */
  function subtractTurns(x: number, r: Float64Array): number {
    const k = nearest(f(x * twoByPi))
    const one = f(x - f(k * first))
    const two = f(one - f(k * second))
    const three = f(two - f(k * third))
    const lost = f(f(f(one - two) - f(k * second)) + f(f(two - three) - f(k * third)))
    const rest = f(lost - f(k * fourth))
    r[0] = f(three + rest)
    r[1] = f(rest - f(r[0] - three))
    return k
  }

  /** The remainder of an x of any size. It is a function of its own, so that the code for usual angles is short. */
  function turnsOfFar(x: number, r: Float64Array): number {
    const turns = multiplyByDigits(Math.abs(x), r)
    const sign = x > 0 ? 1 : -1
    const high = sign * r[0]
    const low = sign * r[1]
    r[0] = f(high)
    r[1] = f(high - r[0] + low)
    return sign * turns
  }

  return (x: number, r: Float64Array): number => {
    const size = Math.abs(x)
    // If x is infinite, `subtractTurns` returns the remainder NaN.
    return size > medium && size < Infinity ? turnsOfFar(x, r) : subtractTurns(x, r)
  }
})

/**
 * Computes x·2/π by long multiplication, and multiplies the fraction of x·2/π by π/2 (Payne and Hanek, 1983). The long
 * multiplication begins with the digits that matter modulo 4. The product keeps 144 bits of the fraction, because a
 * number can be as close as 2⁻⁶¹ to a multiple of π/2.
 */
function multiplyByDigits(x: number, r: Float64Array): number {
  // x = 2^(24·shift)·Σ factorₐ·BASEᵃ.
  const k = split(x, ONE, fraction)
  const shift = Math.floor((k - 52) / 24)
  let rest = scale(fraction[0], k - 24 * shift)
  for (let a = 0; a < 4; a++) {
    const upper = Math.floor(rest / BASE)
    factor[a] = rest - upper * BASE
    rest = upper
  }
  // product₀ + product₁/BASE + …
  let carry = 0
  for (let i = 7; i >= 0; i--) {
    let sum = carry
    for (let a = 0; a < 4; a++) sum += factor[a] * TWO_BY_PI_DIGITS[shift + 2 + i + a]
    carry = Math.floor(sum / BASE)
    product[i] = sum - carry * BASE
  }
  const isUpper = product[1] >= BASE / 2
  if (isUpper) product[1] -= BASE

  const first = (product[1] + product[2] / BASE) / BASE
  const second = (product[3] + product[4] / BASE) / (BASE * BASE) / BASE
  const third = (product[5] + product[6] / BASE) / (BASE * BASE) / (BASE * BASE) / BASE
  const high = first + second
  const low = second - (high - first) + third
  const angle = high * HALF_PI
  const tail = productError(high, HALF_PI, angle) + (high * HALF_PI_LOW + low * HALF_PI)
  r[0] = angle + tail
  r[1] = tail - (r[0] - angle)
  return isUpper ? product[0] + 1 : product[0]
}
