import { kernel, twice } from '../arena/kernel.js'
import { StableAdamWKernel, StableMomentsKernel } from '../arena/manifest.js'
import { flag, fraction, nonNegative } from '../options/kinds.js'
import { scheduled } from '../schedules/option.js'
import { multiplyBetas, products } from './adam.js'
import { besideEps, define } from './define.js'
import { type RuleOf, rule } from './rule.js'

/** m ← β̂₁·m + (1−β̂₁)·g, v ← β̂₂·v + (1−β̂₂)·(g·g); what is left is g / max(√v, ε). */
const StableMomentsLoop = twice<typeof StableMomentsKernel>(
  (f) =>
    (_theta, g, { m, v }, { eps, beta1, rest1, beta2, rest2 }, from, to, _, direction) => {
      for (let i = from; i < to; i++) {
        m[i] = f(f(beta1 * m[i]) + f(rest1 * g[i]))
        v[i] = f(f(beta2 * v[i]) + f(rest2 * f(g[i] * g[i])))
        const root = f(Math.sqrt(v[i]))
        // A NaN in v is taken over.
        const divisor = eps > root ? eps : root
        direction[i] = divisor === 0 ? 0 : f(g[i] / divisor)
      }
    },
)

/** θ ← d·θ − rate·m/(√v + ε). */
const StableAdamWLoop = twice<typeof StableAdamWKernel>(
  (f) =>
    (theta, _g, { m, v }, { eps }, from, to, { rate, decay }) => {
      for (let i = from; i < to; i++) {
        const divisor = f(f(Math.sqrt(v[i])) + eps)
        theta[i] = f(f(theta[i] * decay) - f(rate * (divisor === 0 ? 0 : f(m[i] / divisor))))
      }
    },
)

export const definition = define('stableAdamW', {
  options: {
    /** η ≥ 0; may be scheduled */
    lr: scheduled(nonNegative, 1e-3),
    /** β₁ in [0, 1) */
    beta1: fraction(0.9),
    /** β₂ in [0, 1) */
    beta2: fraction(0.99),
    /** ε ≥ 0; where a divisor is exactly 0 so is the quotient */
    eps: nonNegative(1e-8),
    /** λ ≥ 0, taken from the parameters by the tensor's own rate; may be scheduled */
    weightDecay: scheduled(nonNegative, 1e-2),
    /** climbs instead */
    maximize: flag(false),
  },
  kernels: [kernel(StableMomentsKernel, StableMomentsLoop), kernel(StableAdamWKernel, StableAdamWLoop)],
  stages: () => [StableMomentsKernel, StableAdamWKernel],
  clock: products,
  advance: multiplyBetas,
  coefficients({ eps }, row) {
    row[StableMomentsKernel.row.eps] = eps
  },
  corrections({ beta1, beta2 }, { product1, product2 }, row) {
    // 1 − β̂ = (1−β)/(1−∏β)
    const [rest1, rest2] = [(1 - beta1) / (1 - product1), (1 - beta2) / (1 - product2)]
    row[StableMomentsKernel.row.beta1] = 1 - rest1
    row[StableMomentsKernel.row.rest1] = rest1
    row[StableMomentsKernel.row.beta2] = 1 - rest2
    row[StableMomentsKernel.row.rest2] = rest2
  },
  between({ lr, weightDecay }, _, { ratios, rate, decay }, i, _stage, length) {
    const rms = Math.sqrt(ratios[i] / length)
    rate[i] = rms > 1 ? lr / rms : lr
    decay[i] = 1 - rate[i] * weightDecay
  },
  flushes: besideEps,
})

/** StableAdamW's description; see {@link stableAdamW}. */
export interface StableAdamW extends RuleOf<typeof definition> {}

/**
 * StableAdamW (Wortsman et al., 2023, algorithm 2): AdamW, whose η is divided by RMS(g/max(√v, ε)) for each
 * tensor where that is above 1, and whose β correct the bias as β̂ = β·(1−βᵗ⁻¹)/(1−βᵗ).
 *
 * State: m, v.
 * @throws OptionError where an option is unknown or out of its range
 */
export const stableAdamW = rule<StableAdamW>(definition)
