import { kernel, twice } from '../arena/kernel.js'
import { StableAdamWKernel, StableMomentsKernel } from '../arena/manifest.js'
import { define, maskedByEps } from './define.js'
import { multiplyBetas, products } from './moments.js'
import { type RuleOf, rule } from './rule.js'

const StableMomentsLoop = twice<typeof StableMomentsKernel>(
  (f) =>
    (_theta, g, { m, v }, { eps, beta1, oneMinusBeta1, beta2, oneMinusBeta2 }, from, to, _, direction) => {
      for (let i = from; i < to; i++) {
        m[i] = f(f(beta1 * m[i]) + f(oneMinusBeta1 * g[i]))
        v[i] = f(f(beta2 * v[i]) + f(oneMinusBeta2 * f(g[i] * g[i])))
        const root = f(Math.sqrt(v[i]))
        // A NaN in v propagates.
        const divisor = eps > root ? eps : root
        direction[i] = divisor === 0 ? 0 : f(g[i] / divisor)
      }
    },
)

const StableAdamWLoop = twice<typeof StableAdamWKernel>(
  (f) =>
    (theta, _g, { m, v }, { eps }, from, to, { rate, decay }) => {
      for (let i = from; i < to; i++) {
        const divisor = f(f(Math.sqrt(v[i])) + eps)
        theta[i] = f(f(theta[i] * decay) - f(rate * (divisor === 0 ? 0 : f(m[i] / divisor))))
      }
    },
)

/**
 * The coefficients for β₁ and β₂ include the bias correction, 1−β̂ = (1−β)/(1−∏β). rate = η/max(1, √(Σu²/n)), d = 1 −
 * rate·λ.
 */
export const definition = define('stableAdamW', {
  options: {
    lr: 1e-3,
    /** decay rate of the first moment m */
    beta1: 0.9,
    /** decay rate of the second moment v */
    beta2: 0.99,
    /** if a divisor is exactly 0, the quotient is 0 */
    eps: 1e-8,
    /** decoupled: rate·λ·θ is subtracted from the parameters, where rate is the tensor's rate */
    weightDecay: 1e-2,
    maximize: false,
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
    const [oneMinusBeta1, oneMinusBeta2] = [(1 - beta1) / (1 - product1), (1 - beta2) / (1 - product2)]
    row[StableMomentsKernel.row.beta1] = 1 - oneMinusBeta1
    row[StableMomentsKernel.row.oneMinusBeta1] = oneMinusBeta1
    row[StableMomentsKernel.row.beta2] = 1 - oneMinusBeta2
    row[StableMomentsKernel.row.oneMinusBeta2] = oneMinusBeta2
  },
  between({ lr, weightDecay }, _, { ratios, rate, decay }, i, _stage, length) {
    const rms = Math.sqrt(ratios[i] / length)
    rate[i] = rms > 1 ? lr / rms : lr
    decay[i] = 1 - rate[i] * weightDecay
  },
  flushes: maskedByEps,
})

/** StableAdamW's description; see {@link stableAdamW}. */
export interface StableAdamW extends RuleOf<typeof definition> {}

/**
 * StableAdamW (Wortsman et al., 2023, algorithm 2) is AdamW with update clipping. If RMS(g/max(√v, ε)) of a tensor is
 * above 1, the tensor's η is divided by this RMS. The bias correction is part of the decay rates: β̂ =
 * β·(1−βᵗ⁻¹)/(1−βᵗ).
 *
 * State: m, v.
 * @throws OptionError if an option is unknown or out of its range
 */
export const stableAdamW = rule<StableAdamW>(definition)
