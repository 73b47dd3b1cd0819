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
 * ahead = β₂, which is 0 at t = 1, and so is 1−β₂; d = 1/(1 + η·λ) and r = η·d, or without `proximal` d = 1
 * − η·λ and r = η; c₁ = r/(1−∏β₁), c₂ = (r·β₂)/(1−∏β₂), c₃ = 1/√(1−∏β₃).
 */
export const definition = defineDirection('adan', {
  options: {
    lr: 1e-3,
    /** the part of m that is kept, where the paper says what is taken up */
    beta1: 0.98,
    /** of the gradient's change */
    beta2: 0.92,
    /** β₃ in [0, 1), of the squares */
    beta3: fraction(0.99),
    /** where the divisor is exactly 0 the parameter only decays */
    eps: 1e-8,
    weightDecay: 0,
    /** the decay divides by 1 + η·λ after the step, as in the paper; else it is AdamW's */
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
    // Before the first gradient there was none to change.
    row[AdanKernel.row.oneMinusBeta2] = t === 1 ? 0 : 1 - beta2
    row[AdanKernel.row.ahead] = t === 1 ? 0 : beta2
  },
  decay: computeDecay,
  flushes: maskedByEps,
})

/** Adan's description; see {@link adan}. */
export interface Adan extends RuleOf<typeof definition> {}

/**
 * Adan (Xie et al., 2022, algorithm 1): Adam with Nesterov's momentum by the change of the gradient, δ = g − gₜ₋₁ (0
 * at first): m of g, n of δ, q of (g + β₂·δ)², θ ← (θ − η·(m̂ + β₂·n̂)/(√q̂ + ε)) / (1 + η·λ).
 *
 * β are what is kept, as in the authors' code; the paper's are 1 − β, and its ε is inside the root. Optax 0.2.8 is
 * another rule: it has 1 − β₂ where β₂ belongs, in the step and in q. There is no restart.
 *
 * State: m, n, q, `previous`. @throws OptionError where an option is unknown or out of its range
 */
export const adan = rule<Adan>(definition)
