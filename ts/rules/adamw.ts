import { kernel } from '../arena/kernel.js'
import { AdamKernel, AmsGradKernel } from '../arena/manifest.js'
import { flag, fraction, nonNegative } from '../options/kinds.js'
import { scheduled } from '../schedules/option.js'
import { AdamLoop, AmsGradLoop, correctLargest, multiplyBetas, products, writeBetas } from './adam.js'
import { decays, decoupled, defineDirection } from './cautious.js'
import { besideEps } from './define.js'
import { preset, type RuleOf, rule } from './rule.js'

/** d = 1 − η·λ, c₁ = η/(1−∏β₁), c₂ = 1/√(1−∏β₂), h = 1. */
export const definition = defineDirection('adamw', {
  options: {
    /** η ≥ 0; may be scheduled */
    lr: scheduled(nonNegative, 1e-3),
    /** β₁ in [0, 1) */
    beta1: fraction(0.9),
    /** β₂ in [0, 1) */
    beta2: fraction(0.999),
    /** ε ≥ 0; where the divisor is exactly 0 the parameter only decays */
    eps: nonNegative(1e-8),
    /** λ ≥ 0, taken from the parameters as η·λ·θ; may be scheduled */
    weightDecay: scheduled(nonNegative, 1e-2),
    ...decays,
    /** the largest v so far under the root (Reddi, Kale and Kumar, 2018) */
    amsgrad: flag(false),
    /** climbs instead */
    maximize: flag(false),
  },
  kernels: [kernel(AdamKernel, AdamLoop), kernel(AmsGradKernel, AmsGradLoop)],
  stages: ({ amsgrad }) => [amsgrad ? AmsGradKernel : AdamKernel],
  clock: products,
  advance: multiplyBetas,
  coefficients: writeBetas,
  corrections: correctLargest,
  decay: decoupled,
  flushes: besideEps,
})

/** AdamW's description; see {@link adamw}. */
export interface AdamW extends RuleOf<typeof definition> {}

/**
 * AdamW (Loshchilov and Hutter, 2019, algorithm 2): Adam with the decay taken from the parameters,
 * θ ← (1 − η·λ)·θ − η·m̂/(√v̂ + ε), not added to the gradient.
 *
 * A term λ'·‖θ‖² in the loss, as the essay has it, has the gradient 2·λ'·θ: say `weightDecay: 2·λ'`. Defaults are
 * Torch's; `adamw.optax` has Optax's λ of 1e-4.
 *
 * State: m, v, and `largest` with AMSGrad.
 * @throws OptionError where an option is unknown or out of its range
 */
export const adamw = Object.assign(rule<AdamW>(definition), {
  optax: preset<AdamW>(definition, { weightDecay: 1e-4 }),
})
