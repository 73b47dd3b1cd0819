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

/** The rate γ, and the rectification r; r is null if the update is not rectified. */
function computeRate(clock: CounterOf<typeof products>, { lr, beta2, silentSgdPhase }: Rates) {
  const r = rectification(clock, beta2)
  return { r, gamma: r === null ? (silentSgdPhase ? 0 : lr) : lr * r }
}

/**
 * β is β₁. γ = η·r with `radam`'s r if ρ > 4; otherwise γ is 0, or η without `silentSgdPhase`. c and c₂ are defined as
 * in `scheduleFreeAdamW`.
 */
export const definition = define('scheduleFreeRAdam', {
  options: {
    /** keep the learning rate constant, because Schedule-Free rules need no schedule */
    lr: 0.0025,
    /** weight of x in the gradient point y = (1−β₁)·z + β₁·x */
    beta1: 0.9,
    /** decay rate of the second moment v; at 0.6 or less, no step is rectified */
    beta2: 0.999,
    /** if the divisor is exactly 0, the quotient is 0 */
    eps: 1e-8,
    /** γ·λ·y is subtracted from z */
    weightDecay: 0,
    /** exponent r ≥ 0 of t in the weights tʳ·γₘₐₓᵖ of the average */
    r: nonNegative(0),
    /** exponent p ≥ 0 of the largest γ so far in the weights tʳ·γₘₐₓᵖ of the average */
    weightLrPower: nonNegative(2),
    /**
     * keeps the parameters unchanged during the first updates, which are not rectified; false makes SGD steps instead
     */
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
 * Schedule-Free RAdam (Defazio et al., 2024), from the authors' package: {@link scheduleFreeAdamW} with RAdam's
 * rectification as the warm-up. If ρₜ > 4, γ = η·rₜ (see {@link radam}). Otherwise the parameters keep their values or,
 * without `silentSgdPhase`, the step is η·g. **Evaluate the gradient at `optimizer.gradientPoint()`**. A step without a
 * call of this method throws an error.
 *
 * State: z, which starts from the parameters, v, and the last `point`.
 * @throws OptionError if an option is unknown or out of its range
 */
export const scheduleFreeRAdam = rule<ScheduleFreeRAdam>(definition)
