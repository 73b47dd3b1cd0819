import { advance, check, kernels, stages } from './adam-loops.js'
import { decayOptions, decoupledDecay, defineDirection } from './cautious.js'
import { maskedByEps } from './define.js'
import { correctAmsgrad, products, writeBetas } from './moments.js'
import { preset, type RuleOf, rule } from './rule.js'

/** d = 1 − η·λ, c₁ = η/(1−∏β₁), c₂ = 1/√(1−∏β₂), h = 1. */
export const definition = defineDirection('adamw', {
  options: {
    lr: 1e-3,
    beta1: 0.9,
    beta2: 0.999,
    /** where the divisor is exactly 0 the parameter only decays */
    eps: 1e-8,
    /** taken from the parameters as η·λ·θ */
    weightDecay: 1e-2,
    ...decayOptions,
    amsgrad: false,
    /** corrections by the updates of each row, not of the tensor, with gradients by `sparseRows`, whose import it wants */
    perRow: false,
    maximize: false,
  },
  takesRows: true,
  kernels,
  stages,
  clock: products,
  advance,
  coefficients: writeBetas,
  corrections: correctAmsgrad,
  decay: decoupledDecay,
  check,
  flushes: maskedByEps,
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
