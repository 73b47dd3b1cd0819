import { kernel, twice } from '../arena/kernel.js'
import { AdaBeliefKernel } from '../arena/manifest.js'
import { nonNegative } from '../options/kinds.js'
import { decayOptions, decoupledDecay, defineDirection } from './cautious.js'
import { maskedByEps } from './define.js'
import { correctBias, multiplyBetas, products, writeBetas } from './moments.js'
import { type RuleOf, rule } from './rule.js'

export const AdaBeliefLoop = twice<typeof AdaBeliefKernel>(
  (f) =>
    (
      theta,
      g,
      { m, v },
      { decay, c1, c2, eps, beta1, oneMinusBeta1, beta2, oneMinusBeta2, inner },
      from,
      to,
    ) => {
      for (let i = from; i < to; i++) {
        m[i] = f(f(beta1 * m[i]) + f(oneMinusBeta1 * g[i]))
        const surprise = f(g[i] - m[i])
        v[i] = f(f(f(beta2 * v[i]) + f(oneMinusBeta2 * f(surprise * surprise))) + inner)
        const divisor = f(f(f(Math.sqrt(v[i])) * c2) + eps)
        theta[i] = f(f(theta[i] * decay) - (divisor === 0 ? 0 : f(f(c1 * m[i]) / divisor)))
      }
    },
)

/** Coefficients: d = 1 − η·λ, c₁ = η/(1−∏β₁) and c₂ = 1/√(1−∏β₂); inner is ε'. */
export const definition = defineDirection('adabelief', {
  options: {
    lr: 1e-3,
    /** decay rate of the first moment m */
    beta1: 0.9,
    /** decay rate of v, the second moment of g − m */
    beta2: 0.999,
    /** if the divisor is exactly 0, only weight decay changes the parameter */
    eps: 1e-16,
    /** ε' ≥ 0, added to v at each update */
    epsRoot: nonNegative(1e-16),
    /** decoupled: η·λ·θ is subtracted from the parameters */
    weightDecay: 0,
    ...decayOptions,
    maximize: false,
  },
  kernels: [kernel(AdaBeliefKernel, AdaBeliefLoop)],
  stages: () => [AdaBeliefKernel],
  clock: products,
  advance: multiplyBetas,
  coefficients(rule, row, positions) {
    writeBetas(rule, row, positions)
    row[AdaBeliefKernel.row.inner] = rule.epsRoot
  },
  corrections: correctBias,
  decay: decoupledDecay,
  flushes: maskedByEps,
})

/** AdaBelief's description; see {@link adabelief}. */
export interface AdaBelief extends RuleOf<typeof definition> {}

/**
 * AdaBelief (Zhuang et al., 2020, algorithm 2) is AdamW with a second moment of g − m instead of g: v ← β₂·v +
 * (1−β₂)·(g−m)² + ε', where m is the new first moment. The authors of AdaBelief use one option for both ε and ε'.
 * AdaBelief's optional rectification is not implemented.
 *
 * State: m, v. @throws OptionError if an option is unknown or out of its range
 */
export const adabelief = rule<AdaBelief>(definition)
