import { numbers, powerOfTwo, split } from './numbers.js'

/** The high word of √½. */
const SQRT_HALF = 0x3fe6a09e
/** Coefficients of ∛v with a relative error below 1/240, for √½/2 ≤ v < 4·√½. */
const START = [0.462375, 0.824363, -0.384512, 0.111827, -0.0130433]

const { nearest, polynomial, upperHalf } = numbers.float64
const fraction = new Float64Array(1)

/**
 * The cube root of x = 8ᵍ·v. A polynomial gives the first approximation of ∛v. Each of two steps (Halley, 1694) triples
 * the correct digits of the approximation. Before the second step, the approximation is rounded to half its bits, so
 * that its square is exact.
 */
export function cbrt(x: number): number {
  const size = Math.abs(x)
  if (!(size > 0 && size < Infinity)) return x
  const k = split(size, SQRT_HALF, fraction)
  const third = nearest(k * (1 / 3))
  const v = fraction[0] * powerOfTwo(k - 3 * third)
  const start = polynomial(v, START)
  const cube = start * start * start
  const root = upperHalf(start * ((cube + 2 * v) / (2 * cube + v)))
  const ratio = v / (root * root)
  const value = (root + root * ((ratio - root) / (root + root + ratio))) * powerOfTwo(third)
  return x < 0 ? -value : value
}
