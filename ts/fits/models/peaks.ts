/** Peak models, with or without a baseline. */

import { finite, type GivenOf, integerBetween, keyOption } from '../../options/kinds.js'
import { readOption, readOptions } from '../../options/read.js'
import type { FitParameter } from '../problem/parameters.js'
import { MAX_PARAMETERS } from '../problem/problem.js'
import { commonOptions, define } from './define.js'
import { finiteRows, sortedRows } from './linear-least-squares.js'
import type { FitModel, ModelOptions } from './model.js'
import { findPeaks } from './peak-search.js'
import { type PeakParameterNames, type PeakShape, type PeakShapeDefinition, shapes } from './peak-shapes.js'
import { horner } from './polynomial.js'

/**
 * A peak model. `derived` contains expressions for the option `derive`: `fwhm`, `height`, `area` or `mean`.
 */
type PeakModel<Names extends string> = FitModel<Names> & {
  readonly derived: Readonly<Record<string, string>>
}

/**
 * Gaussian peak height·e^(−((x − center)/sigma)²/2). The parameter sigma is the standard deviation, in the unit of x.
 * The area of the Gaussian peak is height·sigma·√(2π). The sign of sigma has no effect.
 */
export function gaussian(options: ModelOptions = {}): PeakModel<PeakParameterNames<'gaussian'>> {
  return singlePeak(options, 'gaussian')
}

/**
 * Lorentzian peak height/(1 + ((x − center)/sigma)²). The parameter sigma is the half width at half maximum, in the
 * unit of x. The area of the Lorentzian peak is height·sigma·π. The sign of sigma has no effect.
 */
export function lorentzian(options: ModelOptions = {}): PeakModel<PeakParameterNames<'lorentzian'>> {
  return singlePeak(options, 'lorentzian')
}

/**
 * Pseudo-Voigt peak height·(fraction·L + (1 − fraction)·G), with a Lorentzian L and a Gaussian G of equal center,
 * height and full width at half maximum. The full width at half maximum is 2·sigma, in the unit of x. The parameter
 * fraction is between 0 and 1.
 */
export function pseudoVoigt(options: ModelOptions = {}): PeakModel<PeakParameterNames<'pseudoVoigt'>> {
  return singlePeak(options, 'pseudoVoigt')
}

/**
 * Voigt profile: a Gaussian of `area`, `center` and `sigma`, convolved with a Lorentzian of half width `gamma` at half
 * maximum. Both sigma > 0 and gamma ≥ 0 are in the unit of x. In lmfit, gamma equals sigma unless gamma is set.
 */
export function voigt(options: ModelOptions = {}): PeakModel<PeakParameterNames<'voigt'>> {
  return singlePeak(options, 'voigt')
}

/**
 * Exponentially modified Gaussian of chromatography: a Gaussian of `area`, `center` and `sigma`, convolved with an
 * exponential decay of mean tau. Both sigma and tau are positive and in the unit of x. The mean of the peak is center +
 * tau, and the variance is sigma² + tau². lmfit's gamma is 1/tau.
 */
export function exponentialGaussian(
  options: ModelOptions = {},
): PeakModel<PeakParameterNames<'exponentialGaussian'>> {
  return singlePeak(options, 'exponentialGaussian')
}

/**
 * Skew normal distribution times `area`: area/(sigma·√(2π))·e^(−u²/2)·(1 + erf(gamma·u/√2)), with u = (x −
 * center)/sigma. The peak is skewed to the right if gamma > 0, and is a Gaussian if gamma = 0. The width
 * sigma is positive and in the unit of x.
 */
export function skewedGaussian(options: ModelOptions = {}): PeakModel<PeakParameterNames<'skewedGaussian'>> {
  return singlePeak(options, 'skewedGaussian')
}

/** Parameter names of each baseline, in ascending powers of x. */
const baselines = {
  none: [],
  constant: ['offset'],
  line: ['offset', 'slope'],
  quadratic: ['offset', 'slope', 'curvature'],
} as const

/** Type of baseline under the peaks. */
export type PeakBaseline = keyof typeof baselines

const peaksTable = {
  /** Number of peaks, at least 1. The model can have at most 256 parameters. Default 2. */
  count: finite(2),
  /** Shape of the peaks. Default 'gaussian'. */
  shape: keyOption<PeakShape, 'gaussian'>(shapes, 'gaussian'),
  /** Baseline under the peaks: 'none', 'constant', 'line' or 'quadratic'. Default 'constant'. */
  baseline: keyOption<PeakBaseline, 'constant'>(baselines, 'constant'),
}

const table = { ...commonOptions, ...peaksTable }

// Editors do not show comments on fields from a spread. The interface therefore extends the table without the
// spread.
/** Options of `models.peaks`. */
export interface PeaksOptions extends ModelOptions, GivenOf<typeof peaksTable> {}

type NumberedParameter = `${PeakParameterNames<PeakShape>}${number}`
type BaselineNames = (typeof baselines)['quadratic'][number]

/**
 * Sum of peaks of one shape on a baseline. The parameters are height1, center1, sigma1 (and fraction1), height2, …;
 * some shapes have area1 instead of height1. The baseline is offset + slope·x + curvature·x², cut off after its degree.
 * Guesses number the peaks from left to right.
 */
export function peaks(options: PeaksOptions = {}): PeakModel<NumberedParameter | BaselineNames> {
  const { count, shape, baseline, ...rest } = readOptions('options', options, table)
  const { names, forms }: PeakShapeDefinition = shapes[shape]
  const under: readonly string[] = baselines[baseline]
  readOption('count', integerBetween(1, Math.floor((MAX_PARAMETERS - under.length) / names.length)), count)
  const suffixes = Array.from({ length: count }, (_, k) => `${k + 1}`)
  const model = define<NumberedParameter | BaselineNames>(
    rest,
    (x) => [...suffixes.map((suffix) => peakText(shape, x, suffix)), ...horner(under, x)].join(' + '),
    function* (x, y) {
      const { peaks, coefficients } = yield* findPeaks(
        sortedRows(x, y) ?? (yield* finiteRows(x, y)),
        forms,
        count,
        under.length,
      )
      return Object.fromEntries([
        ...peaks.flatMap((values, k) => names.map((name, i) => [name + suffixes[k], values[i]] as const)),
        ...under.map((name, k) => [name, coefficients[k]] as const),
      ]) as Record<NumberedParameter | BaselineNames, number>
    },
    Object.assign({}, ...suffixes.map((suffix) => peakBounds(shape, suffix))),
  )
  return {
    ...model,
    derived: Object.assign({}, ...suffixes.map((suffix) => derivedPeakQuantities(shape, suffix))),
  }
}

function singlePeak<S extends PeakShape>(options: ModelOptions, shape: S): PeakModel<PeakParameterNames<S>> {
  const { names, forms }: PeakShapeDefinition = shapes[shape]
  const model = define<PeakParameterNames<S>>(
    options,
    (x) => peakText(shape, x, ''),
    function* (x, y) {
      const { peaks } = yield* findPeaks(sortedRows(x, y) ?? (yield* finiteRows(x, y)), forms, 1, 0)
      return Object.fromEntries(names.map((name, i) => [name, peaks[0][i]])) as Record<
        PeakParameterNames<S>,
        number
      >
    },
    peakBounds(shape, ''),
  )
  return { ...model, derived: derivedPeakQuantities(shape, '') }
}

function peakText(shape: PeakShape, x: string, suffix: string): string {
  const { names, text }: PeakShapeDefinition = shapes[shape]
  return text(`((${x} - center${suffix})/sigma${suffix})`, ...names.map((name) => name + suffix))
}

function peakBounds(shape: PeakShape, suffix: string): Readonly<Record<string, FitParameter>> {
  return Object.fromEntries(
    Object.entries(shapes[shape].bounds).map(([name, bounds]) => [name + suffix, bounds]),
  )
}

function derivedPeakQuantities(shape: PeakShape, suffix: string): Readonly<Record<string, string>> {
  const { names, derived }: PeakShapeDefinition = shapes[shape]
  const texts = derived(...names.map((name) => name + suffix))
  return Object.fromEntries(Object.entries(texts).map(([name, text]) => [name + suffix, text]))
}
