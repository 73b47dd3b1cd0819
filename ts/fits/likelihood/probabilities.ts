/** Cumulative distribution functions and quantiles of responses. */

import { normcdf, norminv } from '../../functions/erf.js'
import { exp } from '../../functions/exp.js'
import { lgamma } from '../../functions/gamma.js'
import { log } from '../../functions/log.js'
import { log1p } from '../../functions/logarithms.js'
import { fSurvival } from '../uncertainty/f-distribution.js'
import { studentQuantile } from '../uncertainty/student-t.js'
import type { DistributionName } from './families.js'

/** Prediction and options of a distribution in one row. */
export interface RowDistribution {
  readonly f: number
  readonly sigma: number
  readonly df: number
  readonly theta: number
  readonly shape: number
  readonly trials: number
}

const MAX_TERMS = 100_000
const TINY = 1e-300

/** The regularized incomplete gamma function P(a, x) and its complement Q, by a series or a continued fraction. */
export function incompleteGamma(a: number, x: number): readonly [lower: number, upper: number] {
  if (!(x > 0)) return [0, 1]
  if (x === Infinity) return [1, 0]
  const front = exp(a * log(x) - x - lgamma(a))
  if (x < a + 1) {
    let term = 1 / a
    let sum = term
    for (let n = 1; n < MAX_TERMS && term > sum * 1e-17; n++) {
      term *= x / (a + n)
      sum += term
    }
    return [front * sum, 1 - front * sum]
  }
  const tail = front * lentz(x + 1 - a, (n) => [-n * (n - a), x + 2 * n + 1 - a])
  return [1 - tail, tail]
}

/** The regularized incomplete beta function I_x(a, b) (DLMF 8.17.22). */
export function incompleteBeta(x: number, a: number, b: number): number {
  if (!(x > 0)) return 0
  if (x >= 1) return 1
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a)
  const front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x)) / a
  const fraction = lentz(1, (n) => {
    const m = Math.floor(n / 2)
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m))
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1))
    return [n % 2 === 0 ? even : odd, 1]
  })
  return front * fraction
}

/** The value 1/(first + a₁/(b₁ + a₂/(b₂ + …))) by the modified algorithm of Lentz. */
function lentz(first: number, term: (n: number) => readonly [a: number, b: number]): number {
  let value = first || TINY
  let c = value
  let d = 0
  for (let n = 1; n < MAX_TERMS; n++) {
    const [a, b] = term(n)
    d = 1 / (b + a * d || TINY)
    c = b + a / c || TINY
    const factor = c * d
    value *= factor
    if (Math.abs(factor - 1) < 1e-16) break
  }
  return 1 / value
}

function studentCdf(z: number, df: number): number {
  const tail = fSurvival(z * z, 1, df) / 2
  return z < 0 ? tail : 1 - tail
}

/** Probability of a response of at most y. */
export function cdf(name: DistributionName, y: number, row: RowDistribution): number {
  const { f, sigma, df, theta, shape, trials } = row
  switch (name) {
    case 'normal':
      return normcdf((y - f) / sigma)
    case 'lognormal':
      return y > 0 ? normcdf(log(y / f) / sigma) : 0
    case 'student':
      return studentCdf((y - f) / sigma, df)
    case 'gamma':
      return incompleteGamma(shape, (shape * y) / f)[0]
    case 'poisson':
      return y < 0 ? 0 : incompleteGamma(Math.floor(y) + 1, f)[1]
    case 'negative-binomial':
      return y < 0 ? 0 : incompleteBeta(theta / (theta + f), theta, Math.floor(y) + 1)
    case 'binomial':
      if (y < 0) return 0
      return y >= trials ? 1 : incompleteBeta(1 - f, trials - Math.floor(y), Math.floor(y) + 1)
  }
}

/** Smallest response whose cumulative probability is at least p. */
export function quantile(name: DistributionName, p: number, row: RowDistribution): number {
  const { f, sigma, df, shape, trials } = row
  switch (name) {
    case 'normal':
      return f + sigma * norminv(p)
    case 'lognormal':
      return f * exp(sigma * norminv(p))
    case 'student': {
      const t = studentQuantile(Math.abs(2 * p - 1), df)
      return f + sigma * (p < 0.5 ? -t : t)
    }
    case 'gamma':
      return bisect((y) => cdf(name, y, row) - p, f / shape, f)
    default:
      return discreteQuantile((y) => cdf(name, y, row), p, name === 'binomial' ? trials : Infinity)
  }
}

/** Root of an increasing function of a positive number. */
function bisect(value: (y: number) => number, ...guesses: readonly number[]): number {
  let [low, high] = [Math.min(...guesses), Math.max(...guesses)]
  while (low > TINY && value(low) > 0) low /= 16
  while (high < 1e300 && value(high) < 0) high *= 2
  for (let k = 0; k < 200 && high - low > 1e-14 * high; k++) {
    const middle = (low + high) / 2
    if (value(middle) < 0) low = middle
    else high = middle
  }
  return (low + high) / 2
}

function discreteQuantile(probability: (y: number) => number, p: number, most: number): number {
  if (Number.isNaN(probability(0))) return NaN
  let high = 1
  while (high < most && high < 1e15 && probability(high) < p) high *= 2
  high = Math.min(high, most)
  let low = -1
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (probability(middle) < p) low = middle
    else high = middle
  }
  return high
}
