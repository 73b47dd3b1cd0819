import { kernel, twice } from '../arena/kernel.js'
import { AdagradKernel } from '../arena/manifest.js'
import { choice, nonNegative } from '../options/kinds.js'
import { defineDirection } from './cautious.js'
import { maskedByEps } from './define.js'
import { preset, type RuleOf, rule } from './rule.js'

export const AdagradLoop = twice<typeof AdagradKernel>(
  (f) =>
    (theta, g, { s }, { decay, lr, c, eps }, from, to) => {
      for (let i = from; i < to; i++) {
        s[i] = f(s[i] + f(g[i] * g[i]))
        const sigma = f(f(Math.sqrt(f(c * s[i]))) + eps)
        theta[i] = f(f(theta[i] * decay) - f(lr * (sigma === 0 ? 0 : f(g[i] / sigma))))
      }
    },
)

/** The coefficient for η is η/(1 + (t−1)·lrDecay); the coefficient c is 1, or 1/t in the essay's form. */
export const definition = defineDirection('adagrad', {
  options: {
    /**
     * `'torch'`, the default, divides by √s + ε; `'essay'` divides by √(s/t) + ε and has a default ε of 0
     */
    form: choice('torch', 'essay'),
    /** the `'essay'` form with η/√t equals the `'torch'` form with η */
    lr: 1e-2,
    /** ≥ 0: the learning rate of update t, counted from 1, is η/(1 + (t−1)·lrDecay) */
    lrDecay: nonNegative(0),
    /** λ·θ is added to the gradient */
    weightDecay: 0,
    /** ≥ 0: initial value of the sum of squares s */
    initialAccumulator: nonNegative(0),
    /** if √s + ε is exactly 0, the parameter keeps its value */
    eps: 1e-10,
    maximize: false,
  },
  implied: ({ form }) => (form === 'essay' ? { eps: 0 } : {}),
  takesRows: true,
  kernels: [kernel(AdagradKernel, AdagradLoop)],
  stages: () => [AdagradKernel],
  coefficients({ eps }, row) {
    row[AdagradKernel.row.eps] = eps
  },
  corrections({ form, lr, lrDecay }, { t }, row) {
    row[AdagradKernel.row.lr] = lr / (1 + (t - 1) * lrDecay)
    row[AdagradKernel.row.c] = form === 'essay' ? 1 / t : 1
  },
  l2: ({ weightDecay }) => weightDecay,
  starts: ({ initialAccumulator }) => ({ s: initialAccumulator }),
  flushes: maskedByEps,
})

/** Adagrad's description; see {@link adagrad}. */
export interface Adagrad extends RuleOf<typeof definition> {}

/**
 * Adagrad (Duchi, Hazan and Singer, 2011): s ← s + g·g, θ ← θ − η·g/(√s + ε).
 *
 * The defaults are PyTorch's defaults. `adagrad.optax` uses Optax's defaults: the sum starts at 0.1, and 1e-7 is added
 * under the root.
 *
 * State: s. @throws OptionError if an option is unknown or out of its range
 */
export const adagrad = Object.assign(rule<Adagrad>(definition), {
  optax: preset<Adagrad>(definition, { initialAccumulator: 0.1 + 1e-7, eps: 0 }),
})
