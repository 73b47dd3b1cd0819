import { kernel, twice } from '../arena/kernel.js'
import { AdanKernel } from '../arena/manifest.js'
import { fraction } from '../options/kinds.js'
import { defineDirection } from './cautious.js'
import { maskedByEps } from './define.js'
import { flushTrace, multiplyBetas, products } from './moments.js'
import { type RuleOf, rule } from './rule.js'

export const AdanLoop = twice<typeof AdanKernel>(
  (f) =>
    (
      theta,
      g,
      { m, n, q, previous },
      { decay, c1, c2, c3, eps, beta1, oneMinusBeta1, beta2, oneMinusBeta2, beta3, oneMinusBeta3, ahead },
      from,
      to,
    ) => {
      for (let i = from; i < to; i++) {
        const change = f(g[i] - previous[i])
        const expected = f(g[i] + f(ahead * change))
        previous[i] = g[i]
        m[i] = f(f(beta1 * m[i]) + f(oneMinusBeta1 * g[i]))
        n[i] = f(f(beta2 * n[i]) + f(oneMinusBeta2 * change))
        q[i] = f(f(beta3 * q[i]) + f(oneMinusBeta3 * f(expected * expected)))
        const divisor = f(f(f(Math.sqrt(q[i])) * c3) + eps)
        const momentum = f(f(c1 * m[i]) + f(c2 * n[i]))
        theta[i] = f(f(theta[i] * decay) - (divisor === 0 ? 0 : f(momentum / divisor)))
      }
    },
)

interface Decay {
  readonly lr: number
  readonly weightDecay: number
  readonly proximal: boolean
}

const computeDecay = ({ lr, weightDecay, proximal }: Decay) =>
  proximal ? 1 / (1 + lr * weightDecay) : 1 - lr * weightDecay

/**
 * ahead = β₂; at t = 1, both ahead and 1−β₂ are 0. d = 1/(1 + η·λ) and r = η·d; without `proximal`, d = 1 − η·λ and r =
 * η. c₁ = r/(1−∏β₁), c₂ = (r·β₂)/(1−∏β₂), c₃ = 1/√(1−∏β₃).
 */
export const definition = defineDirection('adan', {
  options: {
    lr: 1e-3,
    /** decay rate of the first moment m; β₁ in the paper is 1 minus this decay rate */
    beta1: 0.98,
    /** decay rate of n, the average change of the gradient */
    beta2: 0.92,
    /** decay rate β₃ in [0, 1) of q, the mean square */
    beta3: fraction(0.99),
    /** if the divisor is exactly 0, only weight decay changes the parameter */
    eps: 1e-8,
    weightDecay: 0,
    /**
     * divides the parameters by 1 + η·λ after the step, as in the paper; false multiplies by 1 − η·λ before the step,
     * as in AdamW
     */
    proximal: true,
    maximize: false,
  },
  kernels: [kernel(AdanKernel, AdanLoop)],
  stages: () => [AdanKernel],
  clock: { ...products, product3: 1 },
  advance(clock, rule, next) {
    multiplyBetas(clock, rule, next)
    next.product3 = flushTrace(clock.product3 * rule.beta3)
  },
  coefficients({ beta1, beta2, beta3, eps }, row) {
    row[AdanKernel.row.eps] = eps
    row[AdanKernel.row.beta1] = beta1
    row[AdanKernel.row.oneMinusBeta1] = 1 - beta1
    row[AdanKernel.row.beta2] = beta2
    row[AdanKernel.row.beta3] = beta3
    row[AdanKernel.row.oneMinusBeta3] = 1 - beta3
  },
  corrections(rule, { t, product1, product2, product3 }, row) {
    const { beta2 } = rule
    // (θ − u)/(1 + η·λ) is d·θ − d·u.
    const rate = rule.lr * (rule.proximal ? computeDecay(rule) : 1)
    row[AdanKernel.row.c1] = rate / (1 - product1)
    row[AdanKernel.row.c2] = (rate * beta2) / (1 - product2)
    row[AdanKernel.row.c3] = 1 / Math.sqrt(1 - product3)
    // The first gradient has no predecessor, so its change is 0.
    row[AdanKernel.row.oneMinusBeta2] = t === 1 ? 0 : 1 - beta2
    row[AdanKernel.row.ahead] = t === 1 ? 0 : beta2
  },
  decay: computeDecay,
  flushes: maskedByEps,
})

/** Adan's description; see {@link adan}. */
export interface Adan extends RuleOf<typeof definition> {}

/**
 * Adan (Xie et al., 2022, algorithm 1) is Adam with Nesterov's momentum from the change of the gradient, δ = g − gₜ₋₁
 * (0 at the first update). The moment m averages g, n averages δ, and q averages (g + β₂·δ)²: θ ← (θ − η·(m̂ +
 * β₂·n̂)/(√q̂ + ε)) / (1 + η·λ).
 *
 * Each of Adan's β is a decay rate, as in the authors' code. In Adan's paper, β is 1 minus the decay rate, and ε is
 * inside the root. Optax 0.2.8 implements a different Adan, with 1 − β₂ instead of β₂ in the step and in q. Adan's
 * restart condition is not implemented.
 *
 * State: m, n, q, `previous`. @throws OptionError if an option is unknown or out of its range
 */
export const adan = rule<Adan>(definition)
