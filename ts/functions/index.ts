/**
 * Elementary functions with bit-identical results in every JavaScript engine. `Math` does not guarantee bit-identical
 * results. The functions are composed of + − × ÷ √, comparisons and operations on the bits of numbers. The functions
 * exported by name compute in float64. crates/kernels/src/functions implements the same functions in Rust, with the
 * same order of operations. Stated errors are the largest observed errors, as described in docs/numerics.md. The
 * constants come from scripts/coefficients.py.
 */

import type { Dtype } from '../core/numbers.js'
import { acos, asin, atan2 } from './angles.js'
import { atans } from './atan.js'
import { cbrt } from './cbrt.js'
import { erf, erfc, erfcx, erfSlope, normcdf, norminv, normpdf } from './erf.js'
import { exps } from './exp.js'
import { faddeevaByX, faddeevaByY, voigt } from './faddeeva.js'
import { digamma, gamma, lgamma, tetragamma, trigamma } from './gamma.js'
import { cosh, expm1, sinh } from './hyperbolic.js'
import { logs } from './log.js'
import { log1p, log2, log10 } from './logarithms.js'
import { pows } from './pow.js'
import { tanhs } from './tanh.js'
import { trigonometric } from './trigonometric.js'

export { atan } from './atan.js'
export { exp } from './exp.js'
export { log } from './log.js'
export { pow } from './pow.js'
export { tanh } from './tanh.js'
export { cos, sin, tan } from './trigonometric.js'

/** Functions that are computed in float64 for both dtypes. For float32 the result is rounded once. */
const float64Functions = {
  expm1,
  log1p,
  log2,
  log10,
  sinh,
  cosh,
  cbrt,
  asin,
  acos,
  atan2,
  erf,
  erfc,
  erfcx,
  erfSlope,
  normpdf,
  normcdf,
  norminv,
  gamma,
  lgamma,
  digamma,
  trigamma,
  tetragamma,
  voigt,
  faddeevaByX,
  faddeevaByY,
}

/** The elementary functions for a dtype. The arguments of these functions must have this dtype. */
export const elementary = (dtype: Dtype) => ({
  sin: trigonometric[dtype].sin,
  cos: trigonometric[dtype].cos,
  tan: trigonometric[dtype].tan,
  exp: exps[dtype].exp,
  log: logs[dtype],
  pow: pows[dtype].pow,
  tanh: tanhs[dtype],
  atan: atans[dtype].atan,
  ...(dtype === 'float64' ? float64Functions : rounded(float64Functions)),
})

type Functions = Readonly<Record<string, (x: number, y: number, z: number) => number>>

function rounded<F extends Functions>(functions: F): F {
  const all = Object.entries(functions).map(([name, compute]) => [
    name,
    (x: number, y: number, z: number) => Math.fround(compute(x, y, z)),
  ])
  return Object.fromEntries(all)
}
