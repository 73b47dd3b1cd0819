import { kernel, twice } from '../arena/kernel.js'
import { NAdamKernel } from '../arena/manifest.js'
import { pow } from '../functions/pow.js'
import { nonNegative, nullable } from '../options/kinds.js'
import { decayOptions, decoupledDecay, defineDirection } from './cautious.js'
import { maskedByEps } from './define.js'
import { multiplyBetas, products, writeBetas } from './moments.js'
import { preset, type RuleOf, rule } from './rule.js'

export const NAdamLoop = twice<typeof NAdamKernel>(
  (f) =>
    (
      theta,
      g,
      { m, v },
      { decay, c0, c1, c2, eps, beta1, oneMinusBeta1, beta2, oneMinusBeta2 },
      from,
      to,
    ) => {
      for (let i = from; i < to; i++) {
        m[i] = f(f(beta1 * m[i]) + f(oneMinusBeta1 * g[i]))
        v[i] = f(f(beta2 * v[i]) + f(oneMinusBeta2 * f(g[i] * g[i])))
        const ahead = f(f(c0 * g[i]) + f(c1 * m[i]))
        const divisor = f(f(f(Math.sqrt(v[i])) * c2) + eps)
        theta[i] = f(f(theta[i] * decay) - (divisor === 0 ? 0 : f(ahead / divisor)))
      }
    },
)

interface Momenta {
  readonly beta1: number
  readonly momentumDecay: number | null
}

/** The momentum factor μₜ = β₁·(1 − ½·0.96^(t·ψ)), or β₁ if ψ is null. */
function computeMomentum(t: number, { beta1, momentumDecay }: Momenta): number {
  return momentumDecay === null ? beta1 : beta1 * (1 - 0.5 * pow(0.96, t * momentumDecay))
}

/**
 * c₀ = η·(1−μₜ)/(1−∏μ), c₁ = η·μₜ₊₁/(1−μₜ₊₁·∏μ), c₂ = 1/√(1−∏β₂), where μₜ = β₁·(1 − ½·0.96^(t·ψ)),
 * or β₁ if ψ is null. d = 1, or 1 − η·λ with `decoupledWeightDecay`.
 */
export const definition = defineDirection('nadam', {
  options: {
    lr: 2e-3,
    /** decay rate of the first moment m */
    beta1: 0.9,
    /** decay rate of the second moment v */
    beta2: 0.999,
    /** if the divisor is exactly 0, the quotient is 0 */
    eps: 1e-8,
    /** ψ ≥ 0 in μₜ = β₁·(1 − ½·0.96^(t·ψ)); null uses μₜ = β₁ at every update, as in Optax */
    momentumDecay: nullable(nonNegative(), 4e-3),
    /** λ·θ is added to the gradient, unless `decoupledWeightDecay` is true */
    weightDecay: 0,
    decoupledWeightDecay: false,
    ...decayOptions,
    maximize: false,
  },
  kernels: [kernel(NAdamKernel, NAdamLoop)],
  stages: () => [NAdamKernel],
  clock: { ...products, momenta: 1 },
  advance(clock, rule, next) {
    multiplyBetas(clock, rule, next)
    next.momenta = clock.momenta * computeMomentum(next.t, rule)
  },
  coefficients: writeBetas,
  corrections(rule, { t, momenta, product2 }, row) {
    const next = computeMomentum(t + 1, rule)
    row[NAdamKernel.row.c0] = (rule.lr * (1 - computeMomentum(t, rule))) / (1 - momenta)
    row[NAdamKernel.row.c1] = (rule.lr * next) / (1 - momenta * next)
    row[NAdamKernel.row.c2] = 1 / Math.sqrt(1 - product2)
  },
  decay: (rule) => (rule.decoupledWeightDecay ? decoupledDecay(rule) : 1),
  l2: ({ weightDecay, decoupledWeightDecay }) => (decoupledWeightDecay ? 0 : weightDecay),
  flushes: maskedByEps,
})

/** NAdam's description; see {@link nadam}. */
export interface NAdam extends RuleOf<typeof definition> {}

/**
 * NAdam (Dozat, 2016) is Adam with Nesterov's momentum, as in `torch.optim.NAdam`: μₜ = β₁·(1 − ½·0.96^(t·ψ)), θ ← θ −
 * η·m̂/(√v̂ + ε), where m̂ = (1−μₜ)·g/(1−∏μ) + μₜ₊₁·m/(1−μₜ₊₁·∏μ).
 *
 * `nadam.optax` uses the form of Optax: μₜ = β₁, and decoupled weight decay. Optax's `nadamw` uses a λ of 1e-4.
 *
 * State: m, v. @throws OptionError if an option is unknown or out of its range
 */
export const nadam = Object.assign(rule<NAdam>(definition), {
  optax: preset<NAdam>(definition, { momentumDecay: null, decoupledWeightDecay: true }),
})
