import { advance, check, kernels, stages } from './adam-loops.js'
import { decayOptions, decoupledDecay, defineDirection } from './cautious.js'
import { maskedByEps } from './define.js'
import { correctAmsgrad, products, writeBetas } from './moments.js'
import { preset, type RuleOf, rule } from './rule.js'

/** d = 1 − η·λ, c₁ = η/(1−∏β₁), c₂ = 1/√(1−∏β₂), h = 1. */
export const definition = defineDirection('adamw', {
  options: {
    lr: 1e-3,
    /** decay rate of the first moment m */
    beta1: 0.9,
    /** decay rate of the second moment v */
    beta2: 0.999,
    /** if the divisor is exactly 0, only weight decay changes the parameter */
    eps: 1e-8,
    /** decoupled: η·λ·θ is subtracted from the parameters */
    weightDecay: 1e-2,
    ...decayOptions,
    amsgrad: false,
    /**
     * corrects the bias of each row by the row's number of updates; only for gradients from `sparseRows`, which the
     * program must import
     */
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
 * AdamW (Loshchilov and Hutter, 2019, algorithm 2) is Adam whose weight decay is not part of the gradient: θ ← (1 −
 * η·λ)·θ − η·m̂/(√v̂ + ε).
 *
 * The essay adds λ'·‖θ‖² to the loss. The gradient of λ'·‖θ‖² is 2·λ'·θ, so pass `weightDecay: 2·λ'`. The defaults are
 * PyTorch's defaults. `adamw.optax` uses Optax's λ of 1e-4.
 *
 * State: m, v, and `largest` with AMSGrad.
 * @throws OptionError if an option is unknown or out of its range
 */
export const adamw = Object.assign(rule<AdamW>(definition), {
  optax: preset<AdamW>(definition, { weightDecay: 1e-4 }),
})
