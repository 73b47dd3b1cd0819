/** Distributions of the response: values of the option `distribution` of fits. */

import { OptionError } from '../../core/errors.js'
import { choice, type GivenOf, option, optional, type ValuesOf } from '../../options/kinds.js'
import { readOptions } from '../../options/read.js'
import type { FitData, FitValues } from '../problem/options.js'
import {
  Distribution,
  type DistributionFits,
  type GroupRequest,
  type SharedDistributionFits,
} from '../solve/distribution.js'
import {
  binomialFamily,
  gammaFamily,
  type LikelihoodFamily,
  lognormalFamily,
  negativeBinomialFamily,
  normalFamily,
  poissonFamily,
  studentFamily,
} from './families.js'
import { type Likelihood, namesOfDistribution } from './problem.js'
import { LikelihoodRun } from './run.js'
import { SharedLikelihoodRun } from './shared-run.js'

class FamilyDistribution extends Distribution {
  readonly name: string
  readonly uses: readonly string[]
  readonly #likelihood: Likelihood

  constructor(likelihood: Likelihood) {
    super()
    this.uses = namesOfDistribution(likelihood)
    this.name = likelihood.family.name
    this.#likelihood = likelihood
    Object.freeze(this)
  }

  createFits(model: unknown, data: unknown, options: FitValues): DistributionFits {
    return new LikelihoodRun(this.#likelihood, model, data as FitData, options)
  }

  createSharedFits(request: GroupRequest): SharedDistributionFits {
    return new SharedLikelihoodRun(this.#likelihood, request)
  }
}

type OptionText = string | number

/** An option that is an expression of f, columns and parameters, or a number. */
const text = (value: string) =>
  option<OptionText, OptionText>('an expression, or a number > 0', value, (x) =>
    typeof x === 'number' ? x > 0 && x < Infinity : typeof x === 'string' && x.trim() !== '',
  )
const column = () =>
  optional(
    option<string, undefined>('the name of a column', undefined, (x) => typeof x === 'string' && x !== ''),
  )

const censoring = {
  /** Column that marks the rows whose value lies below y, a limit of quantification. The mark is not 0. */
  below: column(),
  /** Column that marks the rows whose value lies above y. The mark is not 0. */
  above: column(),
}

const normalTable = {
  /** Standard deviation: an expression of f (the model's value), columns and parameters; default the parameter sigma */
  sigma: text('sigma'),
  ...censoring,
  /**
   * 'ml' (default) maximizes the likelihood; 'reml' lets log σ count (n − p)/n times for p parameters of the model, so
   * that a constant σ² is χ²/(n − p)
   */
  estimate: choice('ml', 'reml'),
}

const studentTable = {
  /** Scale: an expression as for normal(); default the parameter sigma */
  sigma: text('sigma'),
  /** Degrees of freedom: an expression or a number; default the parameter df */
  df: text('df'),
  ...censoring,
}
const negativeBinomialTable = {
  /** Size: the variance is f + f²/theta; an expression or a number; default the parameter theta */
  theta: text('theta'),
  ...censoring,
}
const gammaTable = {
  /** Shape: the variance is f²/shape; an expression or a number; default the parameter shape */
  shape: text('shape'),
  ...censoring,
}
const binomialTable = {
  /** Number of trials per row: the name of a column, or a number; no default */
  trials: optional(text('1')),
  ...censoring,
}

const poissonTable = censoring

/** Options of {@link normal} and {@link lognormal}. */
export interface NormalOptions extends GivenOf<typeof normalTable> {}
/** Options of {@link student}. */
export interface StudentOptions extends GivenOf<typeof studentTable> {}
/** Options of {@link poisson}. */
export interface PoissonOptions extends GivenOf<typeof poissonTable> {}
/** Options of {@link negativeBinomial}. */
export interface NegativeBinomialOptions extends GivenOf<typeof negativeBinomialTable> {}
/** Options of {@link gamma}. */
export interface GammaOptions extends GivenOf<typeof gammaTable> {}
/** Options of {@link binomial}. */
export interface BinomialOptions {
  /** Number of trials per row: the name of a column, or a number */
  readonly trials: string | number
  /** Column that marks the rows with fewer successes than y. The mark is not 0. */
  readonly below?: string
  /** Column that marks the rows with more successes than y. The mark is not 0. */
  readonly above?: string
}

function make(
  family: LikelihoodFamily,
  texts: Readonly<Record<string, OptionText>>,
  more?: Partial<ValuesOf<typeof normalTable>>,
): Distribution {
  const entries = Object.entries(texts).map(([name, given]) => [name, String(given)] as const)
  return new FamilyDistribution({
    family,
    texts: Object.fromEntries(entries),
    below: more?.below,
    above: more?.above,
    isRestricted: more?.estimate === 'reml',
  })
}

/**
 * Normal distribution of the response around the model's value f, with a standard deviation that may depend on f,
 * columns and parameters. The fit maximizes the likelihood, and estimates the parameters of σ like all others. A
 * parameter that only σ uses is at least 0, unless `start` gives a bound.
 *
 * @param options `sigma`, an expression such as 'sqrt(add^2 + (prop*f)^2)'; `below` and `above`, columns that mark
 * censored rows (M3 method, Beal, 2001); and `estimate`, 'ml' or 'reml'
 * @throws OptionError if an option is invalid
 * @example
 * fit(model, data, { distribution: normal({ sigma: 'sqrt(add^2 + (prop*f)^2)' }), start: { a: 1, b: 1, add: 0.1, prop: 0.1 } })
 */
export function normal(options: NormalOptions = {}): Distribution {
  const { sigma, ...more } = readOptions('options', options, normalTable)
  return make(normalFamily, { sigma }, more)
}

/**
 * Log-normal distribution: log y is normal with mean log f and standard deviation σ. The model's value f is the median
 * of y. The options are the same as for {@link normal}.
 *
 * @throws OptionError if an option is invalid
 */
export function lognormal(options: NormalOptions = {}): Distribution {
  const { sigma, ...more } = readOptions('options', options, normalTable)
  return make(lognormalFamily, { sigma }, more)
}

/**
 * Student's t distribution of the response around f, for data with outliers. σ is the scale, and the variance is
 * σ²·df/(df − 2).
 *
 * @param options `sigma` and `df`; and `below` and `above`, columns that mark censored rows
 * @throws OptionError if an option is invalid
 * @example
 * fit(model, data, { distribution: student({ df: 4 }), start: { a: 1, sigma: 1 } })
 */
export function student(options: StudentOptions = {}): Distribution {
  const { sigma, df, ...more } = readOptions('options', options, studentTable)
  return make(studentFamily, { sigma, df }, more)
}

/**
 * Poisson distribution of counts, with mean f.
 *
 * @param options `below` and `above`, columns that mark censored rows: counts less than y, or greater than y
 * @throws OptionError if an option is invalid
 */
export function poisson(options: PoissonOptions = {}): Distribution {
  return make(poissonFamily, {}, readOptions('options', options, poissonTable))
}

/**
 * Negative binomial distribution of counts with mean f and variance f + f²/theta, as in R's `MASS::glm.nb`.
 *
 * @param options `theta`, an expression or a number; default the parameter theta; `below` and `above`, as for
 * {@link poisson}
 * @throws OptionError if an option is invalid
 */
export function negativeBinomial(options: NegativeBinomialOptions = {}): Distribution {
  const { theta, ...more } = readOptions('options', options, negativeBinomialTable)
  return make(negativeBinomialFamily, { theta }, more)
}

/**
 * Binomial distribution of y successes among the trials of a row. The model's value f is the probability of success.
 *
 * @param options `trials`, the name of a column or a number; `below` and `above`, as for {@link poisson}
 * @throws OptionError if `trials` is missing or invalid
 */
export function binomial(options: BinomialOptions): Distribution {
  const { trials, ...more } = readOptions('options', options, binomialTable)
  if (trials === undefined) throw new OptionError('trials', 'the name of a column, or a number', undefined)
  return make(binomialFamily, { trials }, more)
}

/**
 * Gamma distribution of positive responses, with mean f and variance f²/shape.
 *
 * @param options `shape`, an expression or a number; default the parameter shape; `below` and `above`, columns that mark
 * censored rows
 * @throws OptionError if an option is invalid
 */
export function gamma(options: GammaOptions = {}): Distribution {
  const { shape, ...more } = readOptions('options', options, gammaTable)
  return make(gammaFamily, { shape }, more)
}
