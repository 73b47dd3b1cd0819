/** Code that the Schedule-Free rules share. crates/kernels/src/rules/schedule_free.rs states the equations. */

import { kernel, twice } from '../arena/kernel.js'
import {
  ScheduleFreeAdamKernel,
  ScheduleFreeAdamPointKernel,
  ScheduleFreePointKernel,
  ScheduleFreeSgdKernel,
} from '../arena/manifest.js'
import { pow } from '../functions/pow.js'
import type { CounterOf } from './define.js'
import type { PositionsOf } from './moments.js'

const SgdLoop = twice<typeof ScheduleFreeSgdKernel>(
  (f) =>
    (theta, g, { z }, { gamma, c, oneMinusBeta, lambda }, from, to) => {
      for (let i = from; i < to; i++) {
        const x = theta[i]
        const y = f(x + f(oneMinusBeta * f(z[i] - x)))
        z[i] = f(z[i] - f(gamma * f(g[i] + f(lambda * y))))
        theta[i] = f(x + f(c * f(z[i] - x)))
      }
    },
)

const AdamLoop = twice<typeof ScheduleFreeAdamKernel>(
  (f) =>
    (
      theta,
      g,
      { z, v },
      { gamma, c, oneMinusBeta, lambda, c2, eps, beta2, oneMinusBeta2, unrectified },
      from,
      to,
    ) => {
      for (let i = from; i < to; i++) {
        v[i] = f(f(beta2 * v[i]) + f(oneMinusBeta2 * f(g[i] * g[i])))
        const divisor = unrectified === 0 ? f(f(f(Math.sqrt(v[i])) * c2) + eps) : 1
        const x = theta[i]
        const y = f(x + f(oneMinusBeta * f(z[i] - x)))
        z[i] = f(z[i] - f(gamma * f((divisor === 0 ? 0 : f(g[i] / divisor)) + f(lambda * y))))
        theta[i] = f(x + f(c * f(z[i] - x)))
      }
    },
)

/** Computes no update, but only y, the point at which the gradient is needed. */
const PointLoop = twice<typeof ScheduleFreePointKernel>(
  (f) =>
    (theta, _, { z, point }, { oneMinusBeta }, from, to) => {
      for (let i = from; i < to; i++) point[i] = f(theta[i] + f(oneMinusBeta * f(z[i] - theta[i])))
    },
)

/** Computes no update, but only y, the point at which the gradient is needed. */
const AdamPointLoop = twice<typeof ScheduleFreeAdamPointKernel>(
  (f) =>
    (theta, _, { z, point }, { oneMinusBeta }, from, to) => {
      for (let i = from; i < to; i++) point[i] = f(theta[i] + f(oneMinusBeta * f(z[i] - theta[i])))
    },
)

export const Sgd = kernel(ScheduleFreeSgdKernel, SgdLoop)
export const Adam = kernel(ScheduleFreeAdamKernel, AdamLoop)
export const Point = kernel(ScheduleFreePointKernel, PointLoop)
export const AdamPoint = kernel(ScheduleFreeAdamPointKernel, AdamPointLoop)

/** The largest γ so far, and the sum of the weights w so far. */
export const weightCounters = { lrMax: 0, weightSum: 0 }

interface WeightPowers {
  readonly r: number
  readonly weightLrPower: number
}

/** w = tʳ·γₘₐₓᵖ. */
function averagingWeight(
  { t, lrMax }: CounterOf<typeof weightCounters>,
  { r, weightLrPower }: WeightPowers,
): number {
  return power(t, r) * power(lrMax, weightLrPower)
}

const power = (x: number, y: number): number => (y === 0 ? 1 : y === 1 ? x : y === 2 ? x * x : pow(x, y))

/** Records an update with the rate γ in the counter. */
export function addWeight(
  clock: CounterOf<typeof weightCounters>,
  powers: WeightPowers,
  gamma: number,
  next: CounterOf<typeof weightCounters>,
): void {
  next.lrMax = Math.max(clock.lrMax, gamma)
  next.weightSum = clock.weightSum + averagingWeight(next, powers)
}

/** Writes γ and c = w/Σw to the coefficients; c is 0 if the sum of the weights is 0. */
export function writeRate(
  clock: CounterOf<typeof weightCounters>,
  powers: WeightPowers,
  gamma: number,
  row: Float64Array,
  positions: PositionsOf<'gamma' | 'c'>,
): void {
  row[positions.gamma] = gamma
  row[positions.c] = clock.weightSum === 0 ? 0 : averagingWeight(clock, powers) / clock.weightSum
}

/** The rate γ of an update: η, or a fraction of η during the warm-up. */
export function warmedUpRate(
  t: number,
  { lr, warmupSteps }: { readonly lr: number; readonly warmupSteps: number },
): number {
  return t < warmupSteps ? lr * (t / warmupSteps) : lr
}

interface AdaptiveOptions {
  readonly beta1: number
  readonly beta2: number
  readonly eps: number
  readonly weightDecay: number
}

/** Writes the constant coefficients of a rule with the state v. */
export function writeAdaptive({ beta1, beta2, eps, weightDecay }: AdaptiveOptions, row: Float64Array): void {
  row[ScheduleFreeAdamKernel.row.oneMinusBeta] = 1 - beta1
  row[ScheduleFreeAdamKernel.row.lambda] = weightDecay
  row[ScheduleFreeAdamKernel.row.eps] = eps
  row[ScheduleFreeAdamKernel.row.beta2] = beta2
  row[ScheduleFreeAdamKernel.row.oneMinusBeta2] = 1 - beta2
}
