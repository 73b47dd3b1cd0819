/**
 * Elementary and special functions of numbers and of arrays. Numbers are computed in float64. Arrays are computed in
 * their dtype, with the same bits as in expressions. Stated errors are the largest observed errors, in units in the
 * last place (ulp) of float64. Functions without a stated error for float32 are computed in float64 and then rounded to
 * float32.
 */

import type { FloatArray } from '../core/numbers.js'
import { acos as acosNumber, asin as asinNumber, atan2 as atan2Number } from '../functions/angles.js'
import { atan as atanNumber, atans } from '../functions/atan.js'
import { cbrt as cbrtNumber } from '../functions/cbrt.js'
import {
  erfc as erfcNumber,
  erfcx as erfcxNumber,
  erf as erfNumber,
  normcdf as normcdfNumber,
  norminv as norminvNumber,
  normpdf as normpdfNumber,
} from '../functions/erf.js'
import { exp as expNumber, exps } from '../functions/exp.js'
import { voigt as voigtNumber } from '../functions/faddeeva.js'
import {
  digamma as digammaNumber,
  gamma as gammaNumber,
  lgamma as lgammaNumber,
  trigamma as trigammaNumber,
} from '../functions/gamma.js'
import { cosh as coshNumber, expm1 as expm1Number, sinh as sinhNumber } from '../functions/hyperbolic.js'
import { log as logNumber, logs } from '../functions/log.js'
import { log1p as log1pNumber, log2 as log2Number, log10 as log10Number } from '../functions/logarithms.js'
import { pow as powNumber, pows } from '../functions/pow.js'
import { tanh as tanhNumber, tanhs } from '../functions/tanh.js'
import {
  cos as cosNumber,
  sin as sinNumber,
  tan as tanNumber,
  trigonometric,
} from '../functions/trigonometric.js'
import { applyToArrays } from './arrays.js'

/**
 * A function of a number, or of each element of an array. `out` receives the values of an array, and may be the
 * argument itself. By default, the values are written to a new array. All arrays must have the same dtype and length.
 *
 * @throws ArgumentError if an argument is neither a number nor a Float32Array or Float64Array, or if the dtype or
 * length of `out` is wrong
 * @throws MemoryError if a new array cannot be allocated
 */
export interface UnaryFunction {
  (x: Float64Array, out?: Float64Array): Float64Array
  (x: Float32Array, out?: Float32Array): Float32Array
  (x: FloatArray, out?: FloatArray): FloatArray
  // TypeScript uses the last overload for `numbers.map(exp)`.
  (x: number): number
}

/**
 * A function of two numbers, or of the elements of arrays. A number in a call with arrays is rounded to the arrays'
 * dtype and used for each element. For `out` and errors, see {@link UnaryFunction}.
 */
export interface BinaryFunction {
  (x: number, y: number): number
  (x: Float64Array | number, y: Float64Array | number, out?: Float64Array): Float64Array
  (x: Float32Array | number, y: Float32Array | number, out?: Float32Array): Float32Array
  (x: FloatArray | number, y: FloatArray | number, out?: FloatArray): FloatArray
}

/** A function of three numbers, or of the elements of arrays; see {@link BinaryFunction}. */
export interface TernaryFunction {
  (x: number, y: number, z: number): number
  (
    x: Float64Array | number,
    y: Float64Array | number,
    z: Float64Array | number,
    out?: Float64Array,
  ): Float64Array
  (
    x: Float32Array | number,
    y: Float32Array | number,
    z: Float32Array | number,
    out?: Float32Array,
  ): Float32Array
  (x: FloatArray | number, y: FloatArray | number, z: FloatArray | number, out?: FloatArray): FloatArray
}

// Each function is an arrow function instead of the result of a call, so that bundles omit unused functions. If all
// arguments are numbers, an `out` that is not an object is ignored, because `Array.prototype.map` passes an index.

/** eˣ, to 0.91 ulp, or to 0.93 ulp in float32. */
export const exp = ((x: unknown, out?: unknown) =>
  typeof x === 'number' && typeof out !== 'object'
    ? expNumber(x)
    : applyToArrays('exp', (dtype) => exps[dtype].exp, ['x'], [x], out)) as UnaryFunction

/** eˣ − 1, accurate for tiny x, to 1 ulp. */
export const expm1 = ((x: unknown, out?: unknown) =>
  typeof x === 'number' && typeof out !== 'object'
    ? expm1Number(x)
    : applyToArrays('expm1', () => expm1Number, ['x'], [x], out)) as UnaryFunction

/** The natural logarithm, to 0.85 ulp; −∞ at ±0, NaN for negative x. */
export const log = ((x: unknown, out?: unknown) =>
  typeof x === 'number' && typeof out !== 'object'
    ? logNumber(x)
    : applyToArrays('log', (dtype) => logs[dtype], ['x'], [x], out)) as UnaryFunction

/** log(1 + x), accurate for tiny x, to 1 ulp. */
export const log1p = ((x: unknown, out?: unknown) =>
  typeof x === 'number' && typeof out !== 'object'
    ? log1pNumber(x)
    : applyToArrays('log1p', () => log1pNumber, ['x'], [x], out)) as UnaryFunction

/** The logarithm in base 2, to 1 ulp; exact for powers of 2. */
export const log2 = ((x: unknown, out?: unknown) =>
  typeof x === 'number' && typeof out !== 'object'
    ? log2Number(x)
    : applyToArrays('log2', () => log2Number, ['x'], [x], out)) as UnaryFunction

/** The logarithm in base 10, to 1 ulp; exact for powers of 10. */
export const log10 = ((x: unknown, out?: unknown) =>
  typeof x === 'number' && typeof out !== 'object'
    ? log10Number(x)
    : applyToArrays('log10', () => log10Number, ['x'], [x], out)) as UnaryFunction

/**
 * xʸ, to 0.94 ulp. Special values follow C99, annex F: `pow(1, NaN)` and `pow(-1, Infinity)` are 1, while `Math.pow`
 * returns NaN.
 */
export const pow = ((x: unknown, y: unknown, out?: unknown) =>
  typeof x === 'number' && typeof y === 'number' && typeof out !== 'object'
    ? powNumber(x, y)
    : applyToArrays('pow', (dtype) => pows[dtype].pow, ['x', 'y'], [x, y], out)) as BinaryFunction

/** ∛x, including negative x, to 1 ulp. */
export const cbrt = ((x: unknown, out?: unknown) =>
  typeof x === 'number' && typeof out !== 'object'
    ? cbrtNumber(x)
    : applyToArrays('cbrt', () => cbrtNumber, ['x'], [x], out)) as UnaryFunction

/** The sine of any finite x in radians, to 0.83 ulp. */
export const sin = ((x: unknown, out?: unknown) =>
  typeof x === 'number' && typeof out !== 'object'
    ? sinNumber(x)
    : applyToArrays('sin', (dtype) => trigonometric[dtype].sin, ['x'], [x], out)) as UnaryFunction

/** The cosine of any finite x in radians, to 0.84 ulp. */
export const cos = ((x: unknown, out?: unknown) =>
  typeof x === 'number' && typeof out !== 'object'
    ? cosNumber(x)
    : applyToArrays('cos', (dtype) => trigonometric[dtype].cos, ['x'], [x], out)) as UnaryFunction

/** The tangent of any finite x in radians, to 1 ulp. */
export const tan = ((x: unknown, out?: unknown) =>
  typeof x === 'number' && typeof out !== 'object'
    ? tanNumber(x)
    : applyToArrays('tan', (dtype) => trigonometric[dtype].tan, ['x'], [x], out)) as UnaryFunction

/** The arcsine in radians, to 1 ulp; NaN beyond ±1. */
export const asin = ((x: unknown, out?: unknown) =>
  typeof x === 'number' && typeof out !== 'object'
    ? asinNumber(x)
    : applyToArrays('asin', () => asinNumber, ['x'], [x], out)) as UnaryFunction

/** The arccosine in radians, to 1 ulp; NaN beyond ±1. */
export const acos = ((x: unknown, out?: unknown) =>
  typeof x === 'number' && typeof out !== 'object'
    ? acosNumber(x)
    : applyToArrays('acos', () => acosNumber, ['x'], [x], out)) as UnaryFunction

/** The arctangent in radians, to 1 ulp. */
export const atan = ((x: unknown, out?: unknown) =>
  typeof x === 'number' && typeof out !== 'object'
    ? atanNumber(x)
    : applyToArrays('atan', (dtype) => atans[dtype].atan, ['x'], [x], out)) as UnaryFunction

/** The angle of the point (x, y) in radians, from −π to π, to 1 ulp. The first argument is y. */
export const atan2 = ((y: unknown, x: unknown, out?: unknown) =>
  typeof y === 'number' && typeof x === 'number' && typeof out !== 'object'
    ? atan2Number(y, x)
    : applyToArrays('atan2', () => atan2Number, ['y', 'x'], [y, x], out)) as BinaryFunction

/** The hyperbolic sine, to 1 ulp. */
export const sinh = ((x: unknown, out?: unknown) =>
  typeof x === 'number' && typeof out !== 'object'
    ? sinhNumber(x)
    : applyToArrays('sinh', () => sinhNumber, ['x'], [x], out)) as UnaryFunction

/** The hyperbolic cosine, to 1 ulp. */
export const cosh = ((x: unknown, out?: unknown) =>
  typeof x === 'number' && typeof out !== 'object'
    ? coshNumber(x)
    : applyToArrays('cosh', () => coshNumber, ['x'], [x], out)) as UnaryFunction

/** The hyperbolic tangent, to 1 ulp. */
export const tanh = ((x: unknown, out?: unknown) =>
  typeof x === 'number' && typeof out !== 'object'
    ? tanhNumber(x)
    : applyToArrays('tanh', (dtype) => tanhs[dtype], ['x'], [x], out)) as UnaryFunction

/** The error function 2/√π·∫₀ˣ e^(−t²) dt, to 1 ulp. */
export const erf = ((x: unknown, out?: unknown) =>
  typeof x === 'number' && typeof out !== 'object'
    ? erfNumber(x)
    : applyToArrays('erf', () => erfNumber, ['x'], [x], out)) as UnaryFunction

/** 1 − erf x, accurate for large x, to 1 ulp. */
export const erfc = ((x: unknown, out?: unknown) =>
  typeof x === 'number' && typeof out !== 'object'
    ? erfcNumber(x)
    : applyToArrays('erfc', () => erfcNumber, ['x'], [x], out)) as UnaryFunction

/** e^(x²)·erfc x, to 2 ulp. The product does not underflow if `erfc` underflows. */
export const erfcx = ((x: unknown, out?: unknown) =>
  typeof x === 'number' && typeof out !== 'object'
    ? erfcxNumber(x)
    : applyToArrays('erfcx', () => erfcxNumber, ['x'], [x], out)) as UnaryFunction

/** The density of the standard normal distribution, to 1 ulp. */
export const normpdf = ((x: unknown, out?: unknown) =>
  typeof x === 'number' && typeof out !== 'object'
    ? normpdfNumber(x)
    : applyToArrays('normpdf', () => normpdfNumber, ['x'], [x], out)) as UnaryFunction

/** The distribution function of the standard normal distribution, to 2 ulp. */
export const normcdf = ((x: unknown, out?: unknown) =>
  typeof x === 'number' && typeof out !== 'object'
    ? normcdfNumber(x)
    : applyToArrays('normcdf', () => normcdfNumber, ['x'], [x], out)) as UnaryFunction

/** The quantile of the standard normal distribution, to 2 ulp; ∓∞ at 0 and 1, NaN outside [0, 1]. */
export const norminv = ((p: unknown, out?: unknown) =>
  typeof p === 'number' && typeof out !== 'object'
    ? norminvNumber(p)
    : applyToArrays('norminv', () => norminvNumber, ['p'], [p], out)) as UnaryFunction

/** Γ(x), to 2 ulp; ±∞ at ±0, NaN at negative integers. */
export const gamma = ((x: unknown, out?: unknown) =>
  typeof x === 'number' && typeof out !== 'object'
    ? gammaNumber(x)
    : applyToArrays('gamma', () => gammaNumber, ['x'], [x], out)) as UnaryFunction

/**
 * log|Γ(x)|; ∞ at 0 and negative integers. The error is at most 2 ulp for x > 0, and at most 4·max(1, |value|) ulp of 1
 * for x < 0.
 */
export const lgamma = ((x: unknown, out?: unknown) =>
  typeof x === 'number' && typeof out !== 'object'
    ? lgammaNumber(x)
    : applyToArrays('lgamma', () => lgammaNumber, ['x'], [x], out)) as UnaryFunction

/**
 * ψ(x), the derivative of `lgamma`; ∓∞ at ±0, NaN at negative integers. The error is at most 2 ulp. For x < 0, and near
 * the zero 1.4616…, the error is at most 4·max(1, |value|) ulp of 1.
 */
export const digamma = ((x: unknown, out?: unknown) =>
  typeof x === 'number' && typeof out !== 'object'
    ? digammaNumber(x)
    : applyToArrays('digamma', () => digammaNumber, ['x'], [x], out)) as UnaryFunction

/** ψ′(x), to 2 ulp; ∞ at 0 and negative integers. */
export const trigamma = ((x: unknown, out?: unknown) =>
  typeof x === 'number' && typeof out !== 'object'
    ? trigammaNumber(x)
    : applyToArrays('trigamma', () => trigammaNumber, ['x'], [x], out)) as UnaryFunction

/**
 * The Voigt profile of area 1: the convolution of a Gaussian (standard deviation sigma > 0) and a Lorentzian (half
 * width at half maximum gamma ≥ 0); NaN if gamma is negative. The error is at most 4 ulp, or 10 ulp for |x| > 2·sigma.
 * If gamma is below sigma/100, the error in a Gaussian tail is at most 10 + 2·(x/sigma)² ulp.
 */
export const voigt = ((x: unknown, sigma: unknown, gamma: unknown, out?: unknown) =>
  typeof x === 'number' && typeof sigma === 'number' && typeof gamma === 'number' && typeof out !== 'object'
    ? voigtNumber(x, sigma, gamma)
    : applyToArrays(
        'voigt',
        () => voigtNumber,
        ['x', 'sigma', 'gamma'],
        [x, sigma, gamma],
        out,
      )) as TernaryFunction
