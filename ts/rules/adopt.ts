import { kernel, twice } from '../arena/kernel.js'
import { AdoptKernel, PIPELINE_DECAY } from '../arena/manifest.js'
import { pow } from '../functions/pow.js'
import { nonNegative, nullable } from '../options/kinds.js'
import { decayOptions, decoupledDecay, defineDirection } from './cautious.js'
import { maskedByEps } from './define.js'
import { preset, type RuleOf, rule } from './rule.js'

export const AdoptLoop = twice<typeof AdoptKernel>(
  (f) =>
    (
      theta,
      g,
      { m, v },
      { decay, lr, low, high, eps, beta1, oneMinusBeta1, beta2, oneMinusBeta2 },
      from,
      to,
    ) => {
      for (let i = from; i < to; i++) {
        const root = f(Math.sqrt(v[i]))
        // A NaN in v propagates.
        const divisor = eps > root ? eps : root
        const divided = divisor === 0 ? 0 : f(g[i] / divisor)
        const clipped = divided < low ? low : divided > high ? high : divided
        m[i] = f(f(beta1 * m[i]) + f(oneMinusBeta1 * clipped))
        v[i] = f(f(beta2 * v[i]) + f(oneMinusBeta2 * f(g[i] * g[i])))
        theta[i] = f(f(theta[i] * decay) - f(lr * m[i]))
      }
    },
)

/**
 * high = (t−1)ᵏ, where k is `clipExponent`, and low = −high. d = 1, or 1 − η·λ with `decoupledWeightDecay`. At t = 1,
 * the coefficients η, 1−β₁ and β₂ are 0, and d = 1.
 */
export const definition = defineDirection('adopt', {
  options: {
    lr: 1e-3,
    /** decay rate of m, the first moment of the quotients g/√v */
    beta1: 0.9,
    /** decay rate of the second moment v */
    beta2: 0.9999,
    /** lower bound of the divisor √v; if the divisor is exactly 0, the quotient is 0 */
    eps: 1e-6,
    /** exponent k ≥ 0: the quotient is clipped to ± (t−1)ᵏ; null does not clip */
    clipExponent: nullable(nonNegative(), 0.25),
    /** λ·θ is added to the gradient, unless `decoupledWeightDecay` is true */
    weightDecay: 0,
    /** weight decay begins at the second update */
    decoupledWeightDecay: false,
    ...decayOptions,
    maximize: false,
  },
  kernels: [kernel(AdoptKernel, AdoptLoop)],
  stages: () => [AdoptKernel],
  coefficients({ eps, beta1 }, row) {
    row[AdoptKernel.row.eps] = eps
    row[AdoptKernel.row.beta1] = beta1
  },
  corrections(rule, { t }, row) {
    const { lr, beta1, beta2, clipExponent } = rule
    // The first update only initializes v.
    const moves = t > 1
    const kept = moves ? beta2 : 0
    row[AdoptKernel.row.lr] = moves ? lr : 0
    row[AdoptKernel.row.high] = clipExponent === null ? Infinity : pow(t - 1, clipExponent)
    row[AdoptKernel.row.low] = -row[AdoptKernel.row.high]
    row[AdoptKernel.row.oneMinusBeta1] = moves ? 1 - beta1 : 0
    row[AdoptKernel.row.beta2] = kept
    row[AdoptKernel.row.oneMinusBeta2] = 1 - kept
    row[PIPELINE_DECAY] = moves && rule.decoupledWeightDecay ? decoupledDecay(rule) : 1
  },
  l2: ({ weightDecay, decoupledWeightDecay }) => (decoupledWeightDecay ? 0 : weightDecay),
  flushes: maskedByEps,
})

/** ADOPT's description; see {@link adopt}. */
export interface Adopt extends RuleOf<typeof definition> {}

/**
 * ADOPT (Taniguchi et al., 2024, algorithm 2) divides the gradient by the root of the previous v and clips the
 * quotient: m ← β₁·m + (1−β₁)·clip(g/max(√v, ε), ±(t−1)^¼), θ ← θ − η·m, then v ← β₂·v + (1−β₂)·g². The first update
 * only sets v ← g².
 *
 * The defaults are the defaults of the authors and of Optax. `adopt.timm` uses timm's exponent, 0.333.
 *
 * State: m, v. @throws OptionError if an option is unknown or out of its range
 */
export const adopt = Object.assign(rule<Adopt>(definition), {
  timm: preset<Adopt>(definition, { clipExponent: 0.333 }),
})
