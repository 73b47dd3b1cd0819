import { kernel, twice } from '../arena/kernel.js'
import { LambKernel, ScaledKernel } from '../arena/manifest.js'
import { define } from './define.js'
import { multiplyBetas, products } from './moments.js'
import { Scaled } from './norms.js'
import { preset, type RuleOf, rule } from './rule.js'

const LambLoop = twice<typeof LambKernel>(
  (f) =>
    (
      theta,
      g,
      { m, v },
      { c1, c2, eps, beta1, taken1, beta2, oneMinusBeta2, lambda },
      from,
      to,
      _,
      direction,
    ) => {
      for (let i = from; i < to; i++) {
        m[i] = f(f(beta1 * m[i]) + f(taken1 * g[i]))
        v[i] = f(f(beta2 * v[i]) + f(oneMinusBeta2 * f(g[i] * g[i])))
        const divisor = f(f(f(Math.sqrt(v[i])) * c2) + eps)
        direction[i] = f((divisor === 0 ? 0 : f(f(c1 * m[i]) / divisor)) + f(lambda * theta[i]))
      }
    },
)

/**
 * c₁ = 1/(1−∏β₁), c₂ = 1/√(1−∏β₂). taken₁ = 1−β₁, or 1 without `gradAveraging`. With `decoupled`, λ = 0 and d = 1 −
 * η·λ. rate = η·(d·√Σθ²/√Σu²).
 */
export const definition = define('lamb', {
  options: {
    lr: 1e-3,
    /** decay rate of the first moment m */
    beta1: 0.9,
    /** decay rate of the second moment v */
    beta2: 0.999,
    /** if the divisor is exactly 0, the quotient is 0 */
    eps: 1e-6,
    /** λ·θ is part of the direction */
    weightDecay: 0,
    /** subtracts η·λ·θ from the parameters before their norm is computed, instead of adding λ·θ to the direction */
    decoupled: false,
    /** scales the step by the ratio of norms even if λ is 0; false uses a ratio of 1 if λ is 0 */
    alwaysAdapt: true,
    /** limits the ratio of norms to 1 */
    trustClip: false,
    /** m averages the gradients with the factor 1−β₁; false adds g instead of (1−β₁)·g */
    gradAveraging: true,
    maximize: false,
  },
  kernels: [kernel(LambKernel, LambLoop), Scaled],
  stages: () => [LambKernel, ScaledKernel],
  clock: products,
  advance: multiplyBetas,
  coefficients({ beta1, beta2, eps, weightDecay, decoupled, gradAveraging }, row) {
    row[LambKernel.row.eps] = eps
    row[LambKernel.row.beta1] = beta1
    row[LambKernel.row.taken1] = gradAveraging ? 1 - beta1 : 1
    row[LambKernel.row.beta2] = beta2
    row[LambKernel.row.oneMinusBeta2] = 1 - beta2
    row[LambKernel.row.lambda] = decoupled ? 0 : weightDecay
  },
  corrections(_, { product1, product2 }, row) {
    row[LambKernel.row.c1] = 1 / (1 - product1)
    row[LambKernel.row.c2] = 1 / Math.sqrt(1 - product2)
  },
  between({ lr, weightDecay, decoupled, alwaysAdapt, trustClip }, _, { parameters, direction, rate }, i) {
    // Weight decay before the step also scales the norm of the parameters.
    const norm = Math.sqrt(parameters[i]) * (decoupled ? Math.abs(1 - lr * weightDecay) : 1)
    const adapts = (alwaysAdapt || weightDecay !== 0) && norm > 0 && direction[i] > 0
    const ratio = adapts ? norm / Math.sqrt(direction[i]) : 1
    rate[i] = lr * (trustClip && ratio > 1 ? 1 : ratio)
  },
  decay: ({ lr, weightDecay, decoupled }) => (decoupled ? 1 - lr * weightDecay : 1),
  // No subnormal number may be flushed to 0, because the ratio of norms enlarges even the smallest u.
  flushes: () => false,
})

/** LAMB's description; see {@link lamb}. */
export interface Lamb extends RuleOf<typeof definition> {}

/**
 * LAMB (You et al., 2020, algorithm 2) scales Adam's direction u = m̂/(√v̂ + ε) + λ·θ per tensor by the ratio of norms
 * ‖θ‖/‖u‖: θ ← θ − η·(‖θ‖/‖u‖)·u. LAMB's ratio is 1 if one of the norms is 0.
 *
 * The defaults are Optax's defaults. `lamb.timm` uses timm's defaults: λ is 0.01, and the ratio is 1 if λ is 0. timm
 * also clips the global norm to 1 before the step, like the optimizer's option `clip: { norm: 1 }`.
 *
 * State: m, v.
 * @throws OptionError if an option is unknown or out of its range
 */
export const lamb = Object.assign(rule<Lamb>(definition), {
  timm: preset<Lamb>(definition, { weightDecay: 0.01, alwaysAdapt: false }),
})
