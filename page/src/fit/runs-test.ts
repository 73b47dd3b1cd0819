/**
 * The runs test of Wald and Wolfowitz (Annals of Mathematical Statistics 11:147, 1940) on the signs of residuals. A
 * model that misses part of the data leaves long runs of residuals with one sign.
 */

/** Number of residuals up to which the exact distribution is computed. */
const MAX_EXACT = 120

export interface RunsTest {
  /** Number of runs of residuals with equal signs, in the order of x. */
  readonly runs: number
  /** Probability of at most this many runs if the signs are random; NaN with fewer than two residuals of each sign. */
  readonly pValue: number
}

/** The residuals in the order of x. Rows with equal x count once, with their mean. */
function orderedMeans(x: ArrayLike<number>, residuals: ArrayLike<number>): number[] {
  const order = Array.from(x, (_, i) => i).sort((a, b) => x[a] - x[b])
  const means: { sum: number; count: number }[] = []
  for (const [k, i] of order.entries()) {
    const last = means[means.length - 1]
    if (k > 0 && x[i] === x[order[k - 1]]) {
      last.sum += residuals[i]
      last.count++
    } else means.push({ sum: residuals[i], count: 1 })
  }
  return means.map(({ sum, count }) => sum / count).filter((mean) => !Number.isNaN(mean))
}

/** Residuals of rows with equal x count once, with their mean. */
export function runsTest(x: ArrayLike<number>, residuals: ArrayLike<number>): RunsTest {
  const signs = orderedMeans(x, residuals)
    .filter((mean) => mean !== 0)
    .map((mean) => mean > 0)
  const runs = signs.filter((sign, i) => i === 0 || sign !== signs[i - 1]).length
  const above = signs.filter(Boolean).length
  return { runs, pValue: probabilityOfAtMost(runs, above, signs.length - above) }
}

/**
 * Probability of at least this correlation between neighboring residuals if the residuals are independent. A model that
 * misses a peak leaves few but large residuals of one sign, which the number of runs hardly shows. The sum of the
 * products of neighbors, divided by the root of the sum of their squares, is nearly a standard normal number, whatever
 * the variance of each residual.
 */
export function serialPValue(x: ArrayLike<number>, residuals: ArrayLike<number>): number {
  const means = orderedMeans(x, residuals)
  const products = means.slice(1).map((mean, i) => mean * means[i])
  const sum = products.reduce((total, product) => total + product, 0)
  const squares = products.reduce((total, product) => total + product * product, 0)
  return normalTail(sum / Math.sqrt(squares))
}

function probabilityOfAtMost(runs: number, a: number, b: number): number {
  if (a < 2 || b < 2) return NaN
  const n = a + b
  if (n <= MAX_EXACT) {
    const logs = [0]
    for (let i = 1; i <= n; i++) logs.push(logs[i - 1] + Math.log(i))
    const choose = (m: number, k: number) => (k < 0 || k > m ? 0 : Math.exp(logs[m] - logs[k] - logs[m - k]))
    let sum = 0
    for (let r = 2; r <= runs; r++) {
      const k = r >> 1
      sum +=
        r % 2 === 0
          ? 2 * choose(a - 1, k - 1) * choose(b - 1, k - 1)
          : choose(a - 1, k) * choose(b - 1, k - 1) + choose(a - 1, k - 1) * choose(b - 1, k)
    }
    return Math.min(1, sum / choose(n, a))
  }
  const mean = 1 + (2 * a * b) / n
  const variance = ((mean - 1) * (mean - 2)) / (n - 1)
  return normalTail(-(runs + 0.5 - mean) / Math.sqrt(variance))
}

/** Probability that a standard normal number exceeds z, by formula 26.2.17 of Abramowitz and Stegun. */
export function normalTail(z: number): number {
  if (z < 0) return 1 - normalTail(-z)
  const t = 1 / (1 + 0.2316419 * z)
  const sum = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
  return (sum * Math.exp((-z * z) / 2)) / Math.sqrt(2 * Math.PI)
}

/** Probability of at least this χ², by the approximation of Wilson and Hilferty (PNAS 17:684, 1931). */
export function chiSquaredTail(chiSquared: number, degreesOfFreedom: number): number {
  const part = 2 / (9 * degreesOfFreedom)
  return normalTail((Math.cbrt(chiSquared / degreesOfFreedom) - (1 - part)) / Math.sqrt(part))
}
