import { kernel, twice } from '../arena/kernel.js'
import { AdamaxKernel } from '../arena/manifest.js'
import { choice } from '../options/kinds.js'
import { defineDirection } from './cautious.js'
import { maskedByEps } from './define.js'
import { multiplyBetas, products } from './moments.js'
import { preset, type RuleOf, rule } from './rule.js'

export const AdamaxLoop = twice<typeof AdamaxKernel>(
  (f) =>
    (theta, g, { m, n }, { decay, c1, beta1, oneMinusBeta1, beta2, inside, outside }, from, to) => {
      for (let i = from; i < to; i++) {
        m[i] = f(f(beta1 * m[i]) + f(oneMinusBeta1 * g[i]))
        const faded = f(beta2 * n[i])
        const size = f(Math.abs(g[i]) + inside)
        // A NaN in g propagates; a NaN in n is overwritten.
        n[i] = faded > size ? faded : size
        const divisor = f(n[i] + outside)
        theta[i] = f(f(theta[i] * decay) - (divisor === 0 ? 0 : f(f(c1 * m[i]) / divisor)))
      }
    },
)

/**
 * c₁ = η/(1−∏β₁). With `epsPlacement: 'gradient'`, inside = ε and outside = 0; with `'divisor'`, inside = 0 and outside
 * = ε.
 */
export const definition = defineDirection('adamax', {
  options: {
    lr: 2e-3,
    /** decay rate of the first moment m */
    beta1: 0.9,
    /** decay rate of n, which is the decaying maximum of |g| */
    beta2: 0.999,
    /** if the divisor is exactly 0, the parameter keeps its value */
    eps: 1e-8,
    /** `'gradient'`, the default, adds ε to |g|, as in PyTorch; `'divisor'` adds ε to n */
    epsPlacement: choice('gradient', 'divisor'),
    /** λ·θ is added to the gradient */
    weightDecay: 0,
    maximize: false,
  },
  kernels: [kernel(AdamaxKernel, AdamaxLoop)],
  stages: () => [AdamaxKernel],
  clock: products,
  advance: multiplyBetas,
  coefficients({ beta1, beta2, eps, epsPlacement }, row) {
    row[AdamaxKernel.row.beta1] = beta1
    row[AdamaxKernel.row.oneMinusBeta1] = 1 - beta1
    row[AdamaxKernel.row.beta2] = beta2
    row[AdamaxKernel.row.inside] = epsPlacement === 'gradient' ? eps : 0
    row[AdamaxKernel.row.outside] = epsPlacement === 'gradient' ? 0 : eps
  },
  corrections({ lr }, { product1 }, row) {
    row[AdamaxKernel.row.c1] = lr / (1 - product1)
  },
  l2: ({ weightDecay }) => weightDecay,
  flushes: maskedByEps,
})

/** Adamax's description; see {@link adamax}. */
export interface Adamax extends RuleOf<typeof definition> {}

/**
 * Adamax (Kingma and Ba, 2015, algorithm 2) is Adam with a decaying maximum of |g| instead of the root mean square, as
 * in `torch.optim.Adamax`: m ← β₁·m + (1−β₁)·g, n ← max(β₂·n, |g| + ε), θ ← θ − η·m̂/n, with m̂ = m/(1−β₁ᵗ).
 *
 * `adamax.tfjs` uses the form and the defaults of TensorFlow.js: n ← max(β₂·n, |g|), θ ← θ − η·m̂/(n + ε).
 *
 * State: m, n. @throws OptionError if an option is unknown or out of its range
 */
export const adamax = Object.assign(rule<Adamax>(definition), {
  tfjs: preset<Adamax>(definition, { eps: 1e-7, epsPlacement: 'divisor' }),
})
