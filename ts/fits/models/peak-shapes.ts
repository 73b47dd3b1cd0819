/** Shapes of peaks: their texts, and what guesses draw. */

import { erfc, erfcx } from '../../functions/erf.js'
import { faddeeva } from '../../functions/faddeeva.js'
import { exp, log } from '../../functions/index.js'
import type { FitParameter } from '../problem/parameters.js'

/** Where a peak is: its highest point, and the scale of its form. */
export interface PeakPosition {
  readonly center: number
  readonly sigma: number
  /** Of those of its shape. */
  readonly form: PeakForm
}

/** What a guess draws, of one width and height: a shape whose other parameters have been chosen. */
export interface PeakForm {
  /** 1 where u is 0, which is the highest point. */
  readonly valueAt: (u: number) => number
  /** How many sigma there are to half the height, on the side where that is nearer. */
  readonly halfWidth: number
  /** A peak's parameters, in the order of the shape's names. */
  readonly values: (height: number, center: number, sigma: number) => readonly number[]
  /** What makes a parabola of it, if something does. */
  readonly parabola?: ParabolaTransform
}

/** A function of y, which is in parts of the highest, by which a peak is a parabola that opens upwards. */
interface ParabolaTransform {
  readonly transform: (y: number) => number
  /** The square of its slope's reciprocal: what an error of y counts there. */
  readonly weight: (y: number) => number
  /** Of the parabola's least value, and its bend: half of the second derivative. */
  readonly height: (least: number) => number
  readonly sigma: (least: number, bend: number) => number
}

/** Caruana's (1986), with the weights of Guo (2011). */
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
  /** By u = (x − center)/sigma, and names of its parameters. */
  readonly text: (u: string, ...names: readonly string[]) => string
  readonly forms: readonly PeakForm[]
  readonly bounds: Readonly<Record<string, FitParameter>>
  /** What follows from its parameters, by names of these: the width at half the height, and of height and area the other one. */
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

/** An exponential with τ = ratio·σ behind a Gaussian; where it is highest, and how high, for σ = 1 and the area 1. */
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

/** To the right where gamma is above 0. */
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

/** A Gaussian of which each part is a Lorentzian, whose gamma is so many of its sigma. */
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
    // To .03 % (Olivero and Longbothum, 1977).
    derived: (area, _center, sigma, gamma) => ({
      fwhm: `1.0692*${gamma} + sqrt(0.8664*${gamma}^2 + 8*log(2)*${sigma}^2)`,
      height: `${area}*voigt(0, ${sigma}, ${gamma})`,
    }),
  },
  exponentialGaussian: {
    names: ['area', 'center', 'sigma', 'tau'],
    text: (u, area, _center, sigma, tau) => {
      const z = `((${sigma}/${tau} - ${u})/sqrt(2))`
      // Each of both is finite where the other one overflows.
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

/** A shape of peaks. */
export type PeakShape = keyof typeof shapes
/** What its parameters are called. */
export type PeakParameterNames<S extends PeakShape> = (typeof shapes)[S]['names'][number]
