/** Peak shapes: their expressions, bounds and derived quantities, and the curves that guesses use. */

import { erfc, erfcx } from '../../functions/erf.js'
import { faddeeva } from '../../functions/faddeeva.js'
import { exp, log } from '../../functions/index.js'
import type { FitParameter } from '../problem/parameters.js'

/** Position of a peak: its maximum, its width scale, and its form. */
export interface PeakPosition {
  readonly center: number
  readonly sigma: number
  /** Index of a form among the forms of the peak shape. */
  readonly form: PeakForm
}

/** A peak of height 1 and width scale 1, for guesses. All other parameters of the peak shape have fixed values. */
export interface PeakForm {
  /** Value of the peak at u = (x − center)/sigma. The maximum of the peak is 1, at u = 0. */
  readonly valueAt: (u: number) => number
  /** Distance from the maximum to the nearer point of half the maximum, in units of sigma. */
  readonly halfWidth: number
  /** Parameters of a peak, in the order of the parameter names of the peak shape. */
  readonly values: (height: number, center: number, sigma: number) => readonly number[]
  /** Transformation of y that turns the peak into a parabola, if such a transformation exists. */
  readonly parabola?: ParabolaTransform
}

/**
 * A transformation that turns a peak into an upward parabola. The transformation applies to y divided by the maximum
 * of the peak.
 */
interface ParabolaTransform {
  readonly transform: (y: number) => number
  /** Weight of a transformed row: the inverse square of the transformation's slope. */
  readonly weight: (y: number) => number
  /** Height and sigma of the peak, from the parabola's minimum and half the parabola's second derivative (`bend`). */
  readonly height: (least: number) => number
  readonly sigma: (least: number, bend: number) => number
}

/** Caruana's logarithmic transformation (1986), with Guo's weights (2011). */
const logarithmicParabola: ParabolaTransform = {
  transform: (y) => -log(y),
  weight: (y) => y * y,
  height: (least) => exp(-least),
  sigma: (_, bend) => Math.sqrt(0.5 / bend),
}

const reciprocalParabola: ParabolaTransform = {
  transform: (y) => 1 / y,
  weight: (y) => y * y * (y * y),
  height: (least) => 1 / least,
  sigma: (least, bend) => Math.sqrt(least / bend),
}

export interface PeakShapeDefinition {
  readonly names: readonly string[]
  /** Expression of the peak, from u = (x − center)/sigma and the parameter names. */
  readonly text: (u: string, ...names: readonly string[]) => string
  readonly forms: readonly PeakForm[]
  readonly bounds: Readonly<Record<string, FitParameter>>
  /**
   * Derived quantities as expressions of the parameter names: the full width at half maximum, the mean, and
   * the area or height, whichever is not a parameter.
   */
  readonly derived: (...names: readonly string[]) => Readonly<Record<string, string>>
}

const LOG_2 = log(2)
const gauss = (u: number) => exp((-u * u) / 2)
const lorentz = (u: number) => 1 / (1 + u * u)

const symmetricShape = (
  valueAt: PeakForm['valueAt'],
  halfWidth: number,
  ...others: readonly number[]
): PeakForm => ({
  valueAt,
  halfWidth,
  values: (height, center, sigma) => [height, center, sigma, ...others],
})

const ROOT_HALF = Math.SQRT1_2
const ROOT_2_PI = 2.5066282746310002

/**
 * A Gaussian convolved with an exponential of τ = ratio·σ. For σ = 1 and area 1, the maximum of the peak has the
 * position `mode` and the height `height`.
 */
function exponentialTail(ratio: number, mode: number, height: number, halfWidth: number): PeakForm {
  const k = 1 / ratio
  return {
    valueAt(v) {
      const u = v + mode
      const z = (k - u) * ROOT_HALF
      return (z > 0 ? gauss(u) * erfcx(z) : exp(k * (k / 2 - u)) * erfc(z)) * (k / (2 * height))
    },
    halfWidth,
    values: (most, top, sigma) => [(most / height) * sigma, top - mode * sigma, sigma, ratio * sigma],
  }
}

/** A skew normal peak, which is skewed to the right if gamma > 0. */
function skewNormal(gamma: number, mode: number, height: number, halfWidth: number): PeakForm {
  return {
    valueAt(v) {
      const u = v + mode
      return (gauss(u) * erfc(-gamma * u * ROOT_HALF)) / (ROOT_2_PI * height)
    },
    halfWidth,
    values: (most, top, sigma) => [(most / height) * sigma, top - mode * sigma, sigma, gamma],
  }
}

/** A Voigt peak: a Gaussian convolved with a Lorentzian of half width gamma = ratio·sigma. */
function broadenedShape(ratio: number, halfWidth: number): PeakForm {
  const y = ratio * ROOT_HALF
  const height = faddeeva(0, y)
  return {
    valueAt: (u) => faddeeva(u * ROOT_HALF, y) / height,
    halfWidth,
    values: (most, center, sigma) => [(most / height) * ROOT_2_PI * sigma, center, sigma, ratio * sigma],
  }
}

export const shapes = {
  gaussian: {
    names: ['height', 'center', 'sigma'],
    text: (u, height) => `${height}*exp(-${u}^2/2)`,
    // √(2·log 2)
    forms: [{ ...symmetricShape(gauss, 1.1774100225154747), parabola: logarithmicParabola }],
    bounds: {},
    derived: (height, _center, sigma) => ({
      fwhm: `2*sqrt(2*log(2))*abs(${sigma})`,
      area: `${height}*abs(${sigma})*sqrt(2*pi)`,
    }),
  },
  lorentzian: {
    names: ['height', 'center', 'sigma'],
    text: (u, height) => `${height}/(1 + ${u}^2)`,
    forms: [{ ...symmetricShape(lorentz, 1), parabola: reciprocalParabola }],
    bounds: {},
    derived: (height, _center, sigma) => ({ fwhm: `2*abs(${sigma})`, area: `${height}*abs(${sigma})*pi` }),
  },
  pseudoVoigt: {
    names: ['height', 'center', 'sigma', 'fraction'],
    text: (u, height, _center, _sigma, fraction) =>
      `${height}*(${fraction}/(1 + ${u}^2) + (1 - ${fraction})*exp(-log(2)*${u}^2))`,
    forms: [symmetricShape((u) => (lorentz(u) + exp(-LOG_2 * u * u)) / 2, 1, 0.5)],
    bounds: { fraction: { min: 0, max: 1 } },
    derived: (height, _center, sigma, fraction) => ({
      fwhm: `2*abs(${sigma})`,
      area: `${height}*abs(${sigma})*(${fraction}*pi + (1 - ${fraction})*sqrt(pi/log(2)))`,
    }),
  },
  voigt: {
    names: ['area', 'center', 'sigma', 'gamma'],
    text: (u, area, _center, sigma, gamma) => `${area}/${sigma}*voigt(${u}, 1, ${gamma}/${sigma})`,
    forms: [broadenedShape(1, 1.80057), broadenedShape(0.2, 1.28774), broadenedShape(4, 4.34196)],
    bounds: { sigma: { positive: true }, gamma: { min: 0 } },
    // The approximation of the Voigt width is accurate to 0.03% (Olivero and Longbothum, 1977).
    derived: (area, _center, sigma, gamma) => ({
      fwhm: `1.0692*${gamma} + sqrt(0.8664*${gamma}^2 + 8*log(2)*${sigma}^2)`,
      height: `${area}*voigt(0, ${sigma}, ${gamma})`,
    }),
  },
  exponentialGaussian: {
    names: ['area', 'center', 'sigma', 'tau'],
    text: (u, area, _center, sigma, tau) => {
      const z = `((${sigma}/${tau} - ${u})/sqrt(2))`
      // Each of the two forms of the expression is finite when the other form overflows.
      return (
        `${area}/(2*${tau})*(${z} > 0 ? exp(-${u}^2/2)*erfcx(max(${z}, 0)) : ` +
        `exp(min(${sigma}/${tau}*(${sigma}/(2*${tau}) - ${u}), 0))*erfc(${z}))`
      )
    },
    forms: [
      exponentialTail(1, 0.697369, 0.312828, 1.34633),
      exponentialTail(0.3, 0.279334, 0.383678, 1.21342),
      exponentialTail(3, 1.21538, 0.190612, 1.59335),
    ],
    bounds: { sigma: { positive: true }, tau: { positive: true } },
    derived: (_area, center, _sigma, tau) => ({ mean: `${center} + ${tau}` }),
  },
  skewedGaussian: {
    names: ['area', 'center', 'sigma', 'gamma'],
    text: (u, area, _center, sigma, gamma) =>
      `${area}/(${sigma}*sqrt(2*pi))*exp(-${u}^2/2)*erfc(-${gamma}*${u}/sqrt(2))`,
    forms: [
      skewNormal(1.5, 0.542516, 0.545526, 0.794251),
      skewNormal(-1.5, -0.542516, 0.545526, 0.794251),
      skewNormal(4, 0.416973, 0.696584, 0.456704),
      skewNormal(-4, -0.416973, 0.696584, 0.456704),
    ],
    bounds: { sigma: { positive: true } },
    derived: (_area, center, sigma, gamma) => ({
      mean: `${center} + ${sigma}*${gamma}*sqrt(2/(pi*(1 + ${gamma}^2)))`,
    }),
  },
} as const satisfies Record<string, PeakShapeDefinition>

/** Name of a peak shape. */
export type PeakShape = keyof typeof shapes
/** Parameter names of a peak shape. */
export type PeakParameterNames<S extends PeakShape> = (typeof shapes)[S]['names'][number]
