import { numbers } from './numbers.js'
import { type PerDtype, single, twice } from './twice.js'

/** (atan u/u − 1)/u² in powers of u², for |u| ≤ 7/16. */
const REST: PerDtype<readonly number[]> = {
  float32: single(-0.33333302, 0.19997692, -0.14228854, 0.10486302, -0.058094807),
  float64: [
    -0.33333333333332904, 0.19999999999869214, -0.1428571427187128, 0.1111111037814154, -0.0909088645375923,
    0.07691865735859672, -0.06660969987496353, 0.05832918911343315, -0.04974329342942204,
    0.036475271394654264, -0.016232157721469593,
  ],
}

/** The arctangents of 0, ½, 1, 1½ and ∞ as sums of two numbers. */
const BASES: PerDtype<readonly number[]> = {
  float32: single(0, 0.4636476, 0.7853982, 0.98279375, 1.5707964),
  float64: [0, 0.4636476090008061, Math.PI / 4, 0.982793723247329, Math.PI / 2],
}
const LOW_BASES: PerDtype<readonly number[]> = {
  float32: single(0, 5.0121587e-9, -2.1855694e-8, -2.5131424e-8, -4.371139e-8),
  float64: [0, 2.2698777452961687e-17, 3.061616997868383e-17, 1.3903311031230998e-17, 6.123233995736766e-17],
}

export const atans = twice((f, dtype) => {
  const { polynomial } = numbers[dtype]
  const [coefficients, bases, lowBases] = [REST[dtype], BASES[dtype], LOW_BASES[dtype]]

  /** Index of the base c that is close to a number; `bases` holds the arctangents of all c. */
  const nearestTo = (size: number): number =>
    size > 2.4375 ? 4 : size > 1.1875 ? 3 : size > 0.6875 ? 2 : size > 0.4375 ? 1 : 0

  /** Remainder of atan c + atan u, after subtracting the base and u. */
  function restOf(u: number, at: number): number {
    const z = f(u * u)
    return f(f(f(u * z) * polynomial(z, coefficients)) + lowBases[at])
  }

  /**
   * The arctangent as atan c + atan u, where c is the closest base and u = (|x| − c)/(1 + c·|x|). If c is ∞, u is
   * −1/|x|. The method is taken from fdlibm (Sun, 1993).
   */
  function atan(x: number): number {
    const size = Math.abs(x)
    const at = nearestTo(size)
    const c = at / 2
    const u = at === 4 ? f(-1 / size) : f(f(size - c) / f(1 + f(c * size)))
    const value = f(bases[at] + f(u + restOf(u, at)))
    return x < 0 || Object.is(x, -0) ? -value : value
  }

  return { atan, bases, nearestTo, restOf }
})

/** The arctangent. */
export const atan = atans.float64.atan
