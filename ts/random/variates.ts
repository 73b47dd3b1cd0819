/** Random variates of several distributions, computed from reproducible random words. */

import { cos, exp, log } from '../functions/index.js'
import { fraction } from './random.js'

/** A normal random variate. */
export const normal = (next: () => number): number => toNormal(fraction(next), fraction(next))

/** Transforms two uniform numbers in [0, 1) to a normal variate (Box and Muller, 1958). */
export function toNormal(u: number, v: number): number {
  return Math.sqrt(-2 * log(1 - u)) * cos(2 * Math.PI * v)
}

/** Means below this limit use inversion, because the counts are then small. */
const MAX_INVERSION_MEAN = 10

/** A Poisson random variate. @param mean the mean, finite and ≥ 0 */
export function poisson(mean: number, next: () => number): number {
  return mean < MAX_INVERSION_MEAN ? poissonByInversion(mean, next) : poissonByRejection(mean, next)
}

function poissonByInversion(mean: number, next: () => number): number {
  let rest = fraction(next)
  let chance = exp(-mean)
  let count = 0
  // The loop stops when the probability underflows to 0, because the rounded probabilities may not add up to 1.
  while (rest >= chance && chance > 0) {
    rest -= chance
    count++
    chance *= mean / count
  }
  return count
}

/** Transformed rejection with squeeze (PTRS), with the constants of Hörmann (1993). */
function poissonByRejection(mean: number, next: () => number): number {
  const b = 0.931 + 2.53 * Math.sqrt(mean)
  const a = -0.059 + 0.02483 * b
  const height = 1.1239 + 1.1328 / (b - 3.4)
  const inside = 0.9277 - 3.6224 / (b - 2)
  for (;;) {
    const u = fraction(next) - 0.5
    const v = fraction(next)
    const edge = 0.5 - Math.abs(u)
    const count = Math.floor(((2 * a) / edge + b) * u + mean + 0.43)
    if (edge >= 0.07 && v <= inside) return count
    if (!(count >= 0) || (edge < 0.013 && v > edge)) continue
    const chance = count * log(mean) - mean - logFactorial(count)
    if (log((v * height) / (a / (edge * edge) + b)) <= chance) return count
  }
}

/** Computes log(n!) from Stirling's series of log Γ, for arguments from 10 on. */
function logFactorial(n: number): number {
  let x = n + 1
  let below = 0
  for (; x < 10; x++) below += log(x)
  const square = 1 / (x * x)
  const series = (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square / 1680))) / x
  return (x - 0.5) * log(x) - x + log(2 * Math.PI) / 2 + series - below
}
