/** Peaks, with something under them or without it. */

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

/** A model of peaks, and what follows from their parameters, as texts for the option `derive`: `fwhm`, `height` or `area`. */
type PeakModel<Names extends string> = FitModel<Names> & {
  readonly derived: Readonly<Record<string, string>>
}

/**
 * height·e^(−((x − center)/sigma)²/2): sigma is the standard deviation, in units of x, and the area
 * height·sigma·√(2π). The sign of sigma means nothing.
 */
export function gaussian(options: ModelOptions = {}): PeakModel<PeakParameterNames<'gaussian'>> {
  return singlePeak(options, 'gaussian')
}

/**
 * height/(1 + ((x − center)/sigma)²): sigma is half the width at half the height, in units of x, and the area
 * height·sigma·π. The sign of sigma means nothing.
 */
export function lorentzian(options: ModelOptions = {}): PeakModel<PeakParameterNames<'lorentzian'>> {
  return singlePeak(options, 'lorentzian')
}

/**
 * height·(fraction·L + (1 − fraction)·G): a Lorentzian and a Gaussian of the same center, height and width at half
 * the height, which is 2·sigma, in units of x. The fraction is from 0 to 1.
 */
export function pseudoVoigt(options: ModelOptions = {}): PeakModel<PeakParameterNames<'pseudoVoigt'>> {
  return singlePeak(options, 'pseudoVoigt')
}

/**
 * The Voigt profile of spectroscopy: a Gaussian of `area`, `center` and `sigma`, of which each part is a Lorentzian with gamma as
 * half its width at half the height. sigma is above 0 and gamma not below it, both in units of x. lmfit's gamma is sigma, where
 * it is not given.
 */
export function voigt(options: ModelOptions = {}): PeakModel<PeakParameterNames<'voigt'>> {
  return singlePeak(options, 'voigt')
}

/**
 * The exponentially modified Gaussian of chromatography: a Gaussian of `area`, `center` and `sigma`, whose parts come
 * later, by tau on average. sigma and tau are in units of x and above 0; the mean is center + tau, the variance
 * sigma² + tau². lmfit's gamma is 1/tau.
 */
export function exponentialGaussian(
  options: ModelOptions = {},
): PeakModel<PeakParameterNames<'exponentialGaussian'>> {
  return singlePeak(options, 'exponentialGaussian')
}

/**
 * The skew normal distribution times `area`: area/(sigma·√(2π))·e^(−u²/2)·(1 + erf(gamma·u/√2)), u = (x − center)/sigma. It
 * leans to the right where gamma is above 0, and is a Gaussian where that is 0. sigma is above 0, in units of x.
 */
export function skewedGaussian(options: ModelOptions = {}): PeakModel<PeakParameterNames<'skewedGaussian'>> {
  return singlePeak(options, 'skewedGaussian')
}

/** What is under peaks, by the names of its coefficients. */
const baselines = {
  none: [],
  constant: ['offset'],
  line: ['offset', 'slope'],
  quadratic: ['offset', 'slope', 'curvature'],
} as const

/** What is under peaks. */
export type PeakBaseline = keyof typeof baselines

const peaksTable = {
  /** How many peaks there are, from 1 on: all parameters are 256 at most; 2. */
  count: finite(2),
  /** 'gaussian' */
  shape: keyOption<PeakShape, 'gaussian'>(shapes, 'gaussian'),
  /** What is under them: 'none', 'constant', 'line' or 'quadratic'; 'constant'. */
  baseline: keyOption<PeakBaseline, 'constant'>(baselines, 'constant'),
}

const table = { ...commonOptions, ...peaksTable }

// Editors do not show comments on what a spread brings.
export interface PeaksOptions extends ModelOptions, GivenOf<typeof peaksTable> {}

type NumberedParameter = `${PeakParameterNames<PeakShape>}${number}`
type BaselineNames = (typeof baselines)['quadratic'][number]

/**
 * The sum of peaks of one shape, and the ground under them: height1, center1, sigma1 (and fraction1), height2, …, and
 * offset + slope·x + curvature·x² as far as there is a ground. They are numbered from left to right where they are
 * guessed.
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
