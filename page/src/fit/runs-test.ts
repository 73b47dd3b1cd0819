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

/** Residuals of rows with equal x count once, with their mean. */
export function runsTest(x: ArrayLike<number>, residuals: ArrayLike<number>): RunsTest {
  const order = Array.from(x, (_, i) => i).sort((a, b) => x[a] - x[b])
  const sums: number[] = []
  for (const [k, i] of order.entries()) {
    if (k > 0 && x[i] === x[order[k - 1]]) sums[sums.length - 1] += residuals[i]
    else sums.push(residuals[i])
  }
  const signs = sums.filter((sum) => sum !== 0 && !Number.isNaN(sum)).map((sum) => sum > 0)
  const runs = signs.filter((sign, i) => i === 0 || sign !== signs[i - 1]).length
  const above = signs.filter(Boolean).length
  return { runs, pValue: probabilityOfAtMost(runs, above, signs.length - above) }
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
