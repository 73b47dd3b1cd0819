import { ScheduleFreeAdamKernel } from '../arena/manifest.js'
import { nonNegative } from '../options/kinds.js'
import { type CounterOf, define, maskedByEps } from './define.js'
import { multiplyBetas, products } from './moments.js'
import { rectification } from './radam.js'
import { type RuleOf, rule } from './rule.js'
import { Adam, AdamPoint, addWeight, weightCounters, writeAdaptive, writeRate } from './schedule-free.js'

interface Rates {
  readonly lr: number
  readonly beta2: number
  readonly silentSgdPhase: boolean
}

/** γ; with what is rectified, or null. */
function computeRate(clock: CounterOf<typeof products>, { lr, beta2, silentSgdPhase }: Rates) {
  const r = rectification(clock, beta2)
  return { r, gamma: r === null ? (silentSgdPhase ? 0 : lr) : lr * r }
}

/**
 * β is β₁; γ = η·r, with `radam`'s r where ρ > 4; not rectified, γ is 0 or η; c and c₂ as in
 * `scheduleFreeAdamW`.
 */
export const definition = define('scheduleFreeRAdam', {
  options: {
    /** no schedule is needed */
    lr: 0.0025,
    /** how near to x, and not to z, the gradient is taken */
    beta1: 0.9,
    /** with 0.6 or less it never rectifies */
    beta2: 0.999,
    /** where the divisor is exactly 0 so is the quotient */
    eps: 1e-8,
    /** taken from z as γ·λ·y */
    weightDecay: 0,
    /** r ≥ 0 of the weights tʳ·γₘₐₓᵖ of the average */
    r: nonNegative(0),
    /** p ≥ 0 of these weights */
    weightLrPower: nonNegative(2),
    /** stands still where it is not rectified, the first updates; else these are SGD's */
    silentSgdPhase: true,
    maximize: false,
  },
  kernels: [Adam, AdamPoint],
  stages: () => [Adam],
  point: () => AdamPoint,
  wantsPoint: true,
  clock: { ...products, ...weightCounters },
  advance(clock, rule, next) {
    multiplyBetas(clock, rule, next)
    addWeight(clock, rule, computeRate(next, rule).gamma, next)
  },
  coefficients: writeAdaptive,
  corrections(rule, clock, row, positions) {
    const { r, gamma } = computeRate(clock, rule)
    writeRate(clock, rule, gamma, row, positions)
    row[ScheduleFreeAdamKernel.row.c2] = 1 / Math.sqrt(1 - clock.product2)
    row[ScheduleFreeAdamKernel.row.unrectified] = r === null ? 1 : 0
  },
  starts: () => ({ z: 'parameters' }),
  flushes: maskedByEps,
})

/** Schedule-Free RAdam's description; see {@link scheduleFreeRAdam}. */
export interface ScheduleFreeRAdam extends RuleOf<typeof definition> {}

/**
 * Schedule-Free RAdam (Defazio et al., 2024), of the authors' package: {@link scheduleFreeAdamW} with RAdam's
 * rectification for a warm-up. Where ρₜ > 4, γ = η·rₜ (see {@link radam}); otherwise the parameters stand still, or
 * g itself is the step, by `silentSgdPhase`. **The gradient is taken at `optimizer.gradientPoint()`**, and a step without a
 * look at it is an error.
 *
 * State: z, which starts from the parameters, v, and the last `point`.
 * @throws OptionError where an option is unknown or out of its range
 */
export const scheduleFreeRAdam = rule<ScheduleFreeRAdam>(definition)
