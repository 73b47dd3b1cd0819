import { kernel, twice } from '../arena/kernel.js'
import { LionKernel } from '../arena/manifest.js'
import { signum } from '../core/numbers.js'
import { decayOptions, decoupledDecay, defineDirection } from './cautious.js'
import { preset, type RuleOf, rule } from './rule.js'

export const LionLoop = twice<typeof LionKernel>(
  (f) =>
    (theta, g, { m }, { decay, lr, beta1, oneMinusBeta1, beta2, oneMinusBeta2 }, from, to) => {
      for (let i = from; i < to; i++) {
        const u = f(lr * signum(f(f(beta1 * m[i]) + f(oneMinusBeta1 * g[i]))))
        m[i] = f(f(beta2 * m[i]) + f(oneMinusBeta2 * g[i]))
        theta[i] = f(f(theta[i] * decay) - u)
      }
    },
)

/** d = 1 − η·λ. */
export const definition = defineDirection('lion', {
  options: {
    /** for Lion, use a third to a tenth of AdamW's learning rate */
    lr: 1e-4,
    /** weight of the momentum m in the direction */
    beta1: 0.9,
    /** decay rate of the momentum m */
    beta2: 0.99,
    /** decoupled: η·λ·θ is subtracted from the parameters; for Lion, use three to ten times AdamW's weight decay */
    weightDecay: 0,
    ...decayOptions,
    maximize: false,
  },
  kernels: [kernel(LionKernel, LionLoop)],
  stages: () => [LionKernel],
  coefficients({ lr, beta1, beta2 }, row) {
    row[LionKernel.row.lr] = lr
    row[LionKernel.row.beta1] = beta1
    row[LionKernel.row.oneMinusBeta1] = 1 - beta1
    row[LionKernel.row.beta2] = beta2
    row[LionKernel.row.oneMinusBeta2] = 1 - beta2
  },
  decay: decoupledDecay,
})

/** Lion's description; see {@link lion}. */
export interface Lion extends RuleOf<typeof definition> {}

/**
 * Lion (Chen et al., 2023, algorithm 2): θ ← (1 − η·λ)·θ − η·sign(β₁·m + (1−β₁)·g), m ← β₂·m + (1−β₂)·g. The sign of 0
 * is 0, and the sign of NaN is NaN.
 *
 * The defaults are the defaults of the paper and of timm. `lion.optax` uses Optax's λ of 1e-3, and `lion.keras` uses
 * Keras' η of 1e-3.
 *
 * State: m. @throws OptionError if an option is unknown or out of its range
 */
export const lion = Object.assign(rule<Lion>(definition), {
  optax: preset<Lion>(definition, { weightDecay: 1e-3 }),
  keras: preset<Lion>(definition, { lr: 1e-3 }),
})
