/**
 * Fisher's F distribution. For infinite denominator degrees of freedom, the F distribution is the χ² distribution
 * divided by the numerator degrees of freedom. Tail probabilities are sums and continued fractions of positive terms,
 * so even tiny tail probabilities are accurate.
 */

import { elementary } from '../../functions/index.js'

const { exp, log } = elementary('float64')

/**
 * Smallest F for which the tail probability with one numerator degree of freedom is computed by a continued fraction.
 */
const TAIL_START = 4
/** Number of pairs of terms in the continued fraction of a tail probability. */
const MAX_TERMS = 64
/** Smallest a for which Γ(a + ½)/Γ(a)/√a is computed from its asymptotic series. */
const ASYMPTOTIC_START = 64
/** Coefficients of the asymptotic series of Γ(a + ½)/Γ(a)/√a, in powers of 1/a. */
const RATIO_SERIES = [1, -1 / 8, 1 / 128, 5 / 1024, -21 / 32768, -399 / 262144, 869 / 4194304]

/**
 * Survival function P(F > f), accurate in the tail.
 *
 * @param numerator numerator degrees of freedom, an integer ≥ 1
 * @param denominator denominator degrees of freedom, an integer ≥ 1, or ∞ for P(χ² > numerator·f)
 */
export function fSurvival(f: number, numerator: number, denominator: number): number {
  if (!(f > 0)) return f <= 0 ? 1 : NaN
  const { half, far, power, root } = computeSeries(f, numerator, denominator)
  if (half === Infinity) return 0
  const isOdd = numerator % 2 === 1
  // Terms x^a·y^b/(b·B(a, b)), by which P grows with b = numerator/2 (Abramowitz and Stegun, 26.5.16).
  let term = isOdd ? root : power
  let sum = isOdd ? survivalOfOne(f * numerator, denominator) : power
  for (let b = isOdd ? 0.5 : 0; b < numerator / 2; b++) {
    if (b > 0) sum += term
    term *= (far * (1 + (2 * b) / denominator)) / (b + 1)
  }
  return sum
}

/** Probability P(|T| > t) for f = t², where T has Student's or the normal distribution. */
function survivalOfOne(f: number, below: number): number {
  return f < TAIL_START ? 1 - fProbability(f, below) : continuedFraction(f, below)
}

/**
 * Probability P(|T| < t) for f = t², where T has Student's distribution.
 *
 * @param below degrees of freedom, or ∞ for the normal distribution
 */
export function fProbability(f: number, below: number): number {
  if (f >= TAIL_START) return 1 - continuedFraction(f, below)
  const { far, root } = computeSeries(f, 1, below)
  let term = root
  let sum = root
  for (let n = 0; term > sum * 1e-17; n++) {
    term *= (far * (1 + (2 * n + 1) / below)) / (n + 1.5)
    sum += term
  }
  return sum
}

/** Density of |T| at t, where T has Student's or the normal distribution. */
export function density(t: number, below: number): number {
  return computeSeries(t * t, 1, below).root / t
}

/** Probability P(|T| > t) by Gauss's continued fraction of ₂F₁(1, ½; a + 1; −x/y), with a = below/2. */
function continuedFraction(f: number, below: number): number {
  const { half, far, root } = computeSeries(f, 1, below)
  const share = 2 / below
  let rest = 1
  for (let n = MAX_TERMS; n > 0; n--) {
    const [last, next] = [1 + 2 * n * share, 1 + (2 * n + 1) * share]
    rest = 1 + (((n + 0.5) / half) * (1 + n * share)) / (last * next) / rest
    rest = 1 + ((n / half) * (1 + (n - 0.5) * share)) / ((1 + (2 * n - 1) * share) * last) / rest
  }
  rest = 1 + 0.5 / half / (1 + share) / rest
  return root / (2 * far) / rest
}

/**
 * The quantities above·f/2, a·y, x^a, and x^a·√y/(½·B(a, ½)), with a = below/2, x = 1/(1 + above·f/below) and
 * y = 1 − x.
 */
function computeSeries(f: number, above: number, below: number) {
  const half = (above * f) / 2
  const ratio = (above * f) / below
  const far = half / (1 + ratio)
  // The code computes log(1 + ratio)/ratio. The rounded sum 1 + ratio is used twice, so that its rounding error cancels
  // (Kahan).
  const sum = 1 + ratio
  const power = exp(-half * (sum === 1 ? 1 : log(sum) / (sum - 1)))
  return { half, far, power, root: 2 * power * Math.sqrt(far / Math.PI) * gammaRatio(below / 2) }
}

/** The ratio Γ(a + ½)/Γ(a)/√a. */
function gammaRatio(a: number): number {
  if (a < ASYMPTOTIC_START) return (gammaRatio(a + 1) * Math.sqrt((a + 1) * a)) / (a + 0.5)
  return RATIO_SERIES.reduceRight((sum, coefficient) => sum / a + coefficient, 0)
}
