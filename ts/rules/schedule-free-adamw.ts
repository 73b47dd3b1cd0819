import { ScheduleFreeAdamKernel } from '../arena/manifest.js'
import { nonNegative } from '../options/kinds.js'
import { define, maskedByEps } from './define.js'
import { multiplyBetas, products } from './moments.js'
import { type RuleOf, rule } from './rule.js'
import {
  Adam,
  AdamPoint,
  addWeight,
  warmedUpRate,
  weightCounters,
  writeAdaptive,
  writeRate,
} from './schedule-free.js'

/** β is β₁. γ = η, or η·(t/warmupSteps) during the warm-up. c = w/Σw, w = tʳ·γₘₐₓᵖ, c₂ = 1/√(1−∏β₂). */
export const definition = define('scheduleFreeAdamW', {
  options: {
    /** keep the learning rate constant, because Schedule-Free rules need no schedule */
    lr: 0.0025,
    /** weight of x in the gradient point y = (1−β₁)·z + β₁·x */
    beta1: 0.9,
    /** decay rate of the second moment v */
    beta2: 0.999,
    /** if the divisor is exactly 0, the quotient is 0 */
    eps: 1e-8,
    /** γ·λ·y is subtracted from z */
    weightDecay: 0,
    /** ≥ 0: number of updates during which η grows linearly, starting with η/warmupSteps */
    warmupSteps: nonNegative(0),
    /** exponent r ≥ 0 of t in the weights tʳ·γₘₐₓᵖ of the average */
    r: nonNegative(0),
    /** exponent p ≥ 0 of the largest γ so far in the weights tʳ·γₘₐₓᵖ of the average */
    weightLrPower: nonNegative(2),
    maximize: false,
  },
  kernels: [Adam, AdamPoint],
  stages: () => [Adam],
  point: () => AdamPoint,
  wantsPoint: true,
  clock: { ...products, ...weightCounters },
  advance(clock, rule, next) {
    multiplyBetas(clock, rule, next)
    addWeight(clock, rule, warmedUpRate(next.t, rule), next)
  },
  coefficients: writeAdaptive,
  corrections(rule, clock, row, positions) {
    writeRate(clock, rule, warmedUpRate(clock.t, rule), row, positions)
    row[ScheduleFreeAdamKernel.row.c2] = 1 / Math.sqrt(1 - clock.product2)
    row[ScheduleFreeAdamKernel.row.unrectified] = 0
  },
  starts: () => ({ z: 'parameters' }),
  flushes: maskedByEps,
})

/** Schedule-Free AdamW's description; see {@link scheduleFreeAdamW}. */
export interface ScheduleFreeAdamW extends RuleOf<typeof definition> {}

/**
 * Schedule-Free AdamW (Defazio et al., 2024, algorithm 1): v ← β₂·v + (1−β₂)·g², z ← z − γ·(g/(√v̂ + ε) + λ·y) and x ←
 * (1−c)·x + c·z, with the gradient g at y = (1−β₁)·z + β₁·x. The parameters are the average x, which is the result of
 * the run. **Evaluate the gradient at `optimizer.gradientPoint()`**, which is y. A step without a call of this method
 * throws an error. The weight is c = w/Σw with w = tʳ·γₘₐₓᵖ. After the warm-up, γ is η, without bias correction.
 *
 * State: z, which starts from the parameters, v, and the last `point`.
 * @throws OptionError if an option is unknown or out of its range
 */
export const scheduleFreeAdamW = rule<ScheduleFreeAdamW>(definition)
