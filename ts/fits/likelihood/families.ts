/** The likelihood of a row for each distribution, as named lines. */

import type { Builder } from '../../expressions/differentiate.js'
import { defineLines, INFINITY, type NamedNodes } from '../../expressions/lines.js'
import { betaTails, gammaTails, studentTails } from './tails.js'

/** Names of the distributions. */
export type DistributionName =
  | 'normal'
  | 'lognormal'
  | 'student'
  | 'poisson'
  | 'negative-binomial'
  | 'binomial'
  | 'gamma'

/** Side of the limit y on which the value of a censored row lies. */
export type CensoredSide = 'below' | 'above'

/** Values of the response that a distribution can have. */
interface ResponseDomain {
  readonly expected: string
  readonly accepts: (y: number, trials: number) => boolean
}

/** An open interval of values of the model. */
interface PredictionDomain {
  readonly expected: string
  readonly low: number
  readonly high: number
}

/** The likelihood of a row. */
export interface LikelihoodFamily {
  readonly name: DistributionName
  /**
   * Adds the lines of a row to a graph. The names are y, f, and the options of the distribution. The lines are `cost`
   * (−2 log L with all constants), `deviance` (0 if the mean fits y exactly), `mean` and `variance`.
   */
  readonly lines: (b: Builder, names: NamedNodes) => NamedNodes
  /** −2 log of the probability of values below y, or above y, for censored rows. */
  readonly censored: (b: Builder, names: NamedNodes, side: CensoredSide) => number
  /** Options that are expressions and must be > 0, in order. */
  readonly positive: readonly string[]
  readonly response: ResponseDomain
  /** Values that the mean (or the probability) can have. */
  readonly prediction: PredictionDomain
  /** Whether the response is a count. */
  readonly isDiscrete: boolean
}

const LOG_2PI = 1.8378770664093453
const LOG_PI = 1.1447298858494002

const anyNumber = { expected: 'finite', low: -Infinity, high: Infinity }
const aboveZero = { expected: '> 0', low: 0, high: Infinity }
const anyResponse = { expected: 'finite', accepts: Number.isFinite }
const positiveResponse = { expected: 'numbers > 0', accepts: (y: number) => y > 0 && y < Infinity }
const counts = {
  expected: 'counts: integers ≥ 0',
  accepts: (y: number) => Number.isSafeInteger(y) && y >= 0,
}

/**
 * Shifts a prediction whose logarithm is multiplied by 0, because 0·log 0 is not a number. The square of the shift is
 * representable, and predictions beyond the limit still have no logarithm.
 */
const shifts = { FROM_ZERO: 1e-150, FROM_ONE: Number.EPSILON / 2 }

/**
 * −2 log Φ(z), accurate in both tails. The branches are limited to the half line in which they are selected, so that
 * the other branch stays finite.
 */
const censoredCost = defineLines(
  `
  left = max(-z*ROOT_HALF, 0)
  right = max(z, 0)
  cost = z < 0 ? 2*(left*left - log(erfcx(left)/2)) : -2*log1p(-erfc(right*ROOT_HALF)/2)
`,
  { ROOT_HALF: Math.SQRT1_2 },
)

/** The costs of censored rows, if the line `z` is a normal variate. */
const normalCost =
  (standardized: ReturnType<typeof defineLines>): LikelihoodFamily['censored'] =>
  (b, names, side) => {
    const { z } = standardized(b, names)
    return censoredCost(b, { z: side === 'below' ? z : b.negate(z) }).cost
  }

const studentScore = defineLines('z = (y - f)/sigma')
const gammaRatio = defineLines('x = shape*(y/f)')
/** Counts below y are at most y − 1, and counts above y at least y + 1. */
const firstAbove = defineLines('least = y + 1')
const negativeBinomialChances = defineLines(`
  p = theta/(theta + f)
  q = f/(theta + f)
`)
const binomialChances = defineLines(`
  q = 1 - f
  others = trials - y
  most = others + 1
`)

/** Normal distribution with mean f and standard deviation sigma. The factor is 1 for maximum likelihood. */
export const normalFamily: LikelihoodFamily = {
  name: 'normal',
  lines: defineLines(
    `
    z = (y - f)/sigma
    deviance = z*z
    cost = deviance + factor*(2*log(sigma)) + LOG_2PI
    mean = f
    variance = sigma*sigma
  `,
    { LOG_2PI },
  ),
  censored: normalCost(defineLines('z = (y - f)/sigma')),
  positive: ['sigma'],
  response: anyResponse,
  prediction: anyNumber,
  isDiscrete: false,
}

/** Log-normal distribution: log y is normal with mean log f and standard deviation sigma, so f is the median. */
export const lognormalFamily: LikelihoodFamily = {
  name: 'lognormal',
  lines: defineLines(
    `
    z = log(y/f)/sigma
    deviance = z*z
    cost = deviance + factor*(2*log(sigma)) + LOG_2PI + 2*log(y)
    growth = sigma*sigma
    mean = f*exp(growth/2)
    variance = expm1(growth)*(mean*mean)
  `,
    { LOG_2PI },
  ),
  censored: normalCost(defineLines('z = log(y/f)/sigma')),
  positive: ['sigma'],
  response: positiveResponse,
  prediction: aboveZero,
  isDiscrete: false,
}

/** Student's t distribution with location f, scale sigma and df degrees of freedom. */
export const studentFamily: LikelihoodFamily = {
  name: 'student',
  lines: defineLines(
    `
    z = (y - f)/sigma
    deviance = (df + 1)*log1p(z*z/df)
    shape = 2*(lgamma(df/2) - lgamma((df + 1)/2)) + log(df) + LOG_PI
    cost = deviance + 2*log(sigma) + shape
    mean = f
    variance = 2 < df ? sigma*sigma*(df/(df - 2)) : INFINITY
  `,
    { LOG_PI, INFINITY },
  ),
  censored: (b, names, side) => studentTails(b, { df: names.df, ...studentScore(b, names) })[side],
  positive: ['sigma', 'df'],
  response: anyResponse,
  prediction: anyNumber,
  isDiscrete: false,
}

/** Poisson distribution with mean f. */
export const poissonFamily: LikelihoodFamily = {
  name: 'poisson',
  lines: defineLines(
    `
    positive = 0 < y ? f : f + FROM_ZERO
    cost = 2*(f - y*log(positive) + lgamma(y + 1))
    logs = 0 < y ? y*log(y/f) : 0
    deviance = 2*(f - y + logs)
    mean = f
    variance = f
  `,
    shifts,
  ),
  censored: (b, names, side) => {
    // P(count < y) = Q(y, f), and P(count > y) = P(y + 1, f).
    const least = side === 'below' ? names.y : firstAbove(b, names).least
    return gammaTails(b, least, names.f)[side === 'below' ? 'above' : 'below']
  },
  positive: [],
  response: counts,
  prediction: aboveZero,
  isDiscrete: true,
}

/** Negative binomial distribution with mean f and variance f + f²/theta, as in MASS::glm.nb. */
export const negativeBinomialFamily: LikelihoodFamily = {
  name: 'negative-binomial',
  lines: defineLines(
    `
    gammas = lgamma(y + theta) - lgamma(theta) - lgamma(y + 1)
    positive = 0 < y ? f : f + FROM_ZERO
    cost = 2*(theta*log1p(f/theta) + y*log1p(theta/positive) - gammas)
    logs = 0 < y ? y*log(y/f) : 0
    deviance = 2*(logs - (y + theta)*log1p((y - f)/(f + theta)))
    mean = f
    variance = f + f*f/theta
  `,
    shifts,
  ),
  censored: (b, names, side) => {
    const second = side === 'below' ? names.y : firstAbove(b, names).least
    return betaTails(b, { ...negativeBinomialChances(b, names), first: names.theta, second })[side]
  },
  positive: ['theta'],
  response: counts,
  prediction: aboveZero,
  isDiscrete: true,
}

/** Binomial distribution of y successes among the trials, with probability f. */
export const binomialFamily: LikelihoodFamily = {
  name: 'binomial',
  lines: defineLines(
    `
    misses = trials - y
    gammas = lgamma(trials + 1) - lgamma(y + 1) - lgamma(misses + 1)
    aboveZero = 0 < y ? f : f + FROM_ZERO
    belowOne = 0 < misses ? f : f - FROM_ONE
    cost = -2*(gammas + y*log(aboveZero) + misses*log1p(-belowOne))
    mean = trials*f
    hits = 0 < y ? y*log(y/mean) : 0
    others = 0 < misses ? misses*log(misses/(trials - mean)) : 0
    deviance = 2*(hits + others)
    variance = mean*(1 - f)
  `,
    shifts,
  ),
  censored: (b, names, side) => {
    const { q, others, most } = binomialChances(b, names)
    const [first, second] = side === 'below' ? [most, names.y] : [others, firstAbove(b, names).least]
    return betaTails(b, { p: q, q: names.f, first, second })[side]
  },
  positive: ['trials'],
  response: {
    expected: 'counts: integers from 0 to the trials',
    accepts: (y, trials) => Number.isSafeInteger(y) && y >= 0 && y <= trials,
  },
  prediction: { expected: 'a probability between 0 and 1', low: 0, high: 1 },
  isDiscrete: true,
}

/** Gamma distribution with mean f and variance f²/shape. */
export const gammaFamily: LikelihoodFamily = {
  name: 'gamma',
  lines: defineLines(`
    ratio = y/f
    cost = 2*(shape*(ratio - log(ratio) - log(shape)) + log(y) + lgamma(shape))
    deviance = 2*shape*(ratio - 1 - log(ratio))
    mean = f
    variance = f*f/shape
  `),
  censored: (b, names, side) => gammaTails(b, names.shape, gammaRatio(b, names).x)[side],
  positive: ['shape'],
  response: positiveResponse,
  prediction: aboveZero,
  isDiscrete: false,
}
