import { exps } from './exp.js'
import { numbers, powerOfTwo } from './numbers.js'
import { type PerDtype, single, twice } from './twice.js'

/** (tanh x/x − 1)/x² in powers of x², for |x| ≤ ⅝. */
const REST: PerDtype<readonly number[]> = {
  float32: single(-0.3333328, 0.13331431, -0.053738844, 0.020636441, -0.005702218),
  float64: [
    -0.3333333333333285, 0.13333333333261432, -0.05396825393098553, 0.02186948757009802,
    -0.008863220929377974, 0.0035919886202172256, -0.0014549562031012802, 0.000586308261061158,
    -0.00022854832869347264, 7.712717122152766e-5, -1.6064537856418258e-5,
  ],
}

/** Above this limit tanh x is 1. */
const ONE: PerDtype<number> = { float32: 10, float64: 20 }

/**
 * The hyperbolic tangent: a polynomial close to 0, otherwise 1 − 2/(e^(2·|x|) + 1), as in Cody and Waite (1980, ch.
 * 13).
 */
export const tanhs = twice((f, dtype) => {
  const { polynomial } = numbers[dtype]
  const { expInTwo } = exps[dtype]
  const rest = REST[dtype]
  const most = ONE[dtype]
  const parts = new Float64Array(2)

  function near(size: number): number {
    const z = f(size * size)
    return f(size + f(f(size * z) * polynomial(z, rest)))
  }

  function far(size: number): number {
    const bounded = size > most ? most : size
    const factor = powerOfTwo(expInTwo(f(bounded + bounded), 0, parts))
    const power = f(parts[0] * factor)
    const d = f(power + 1)
    const t = f(2 / d)
    // The rounding error of d makes t too large by `excess`, which follows from 1/d = t/2. The rounding error of 1 − t
    // is also added.
    const lost = f(f(1 - f(d - power)) + f(parts[1] * factor))
    const excess = f(f(t * t) * f(0.5 * lost))
    const difference = f(1 - t)
    return f(difference + f(f(f(1 - difference) - t) + excess))
  }

  return (x: number): number => {
    const size = Math.abs(x)
    const value = size > 0.625 ? far(size) : near(size)
    return x < 0 || Object.is(x, -0) ? -value : value
  }
})

/** The hyperbolic tangent. */
export const tanh = tanhs.float64
