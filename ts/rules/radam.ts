import { kernel, twice } from '../arena/kernel.js'
import { RAdamKernel } from '../arena/manifest.js'
import { atLeast, choice } from '../options/kinds.js'
import { decayOptions, decoupledDecay, defineDirection } from './cautious.js'
import { type CounterOf, maskedByEps } from './define.js'
import { multiplyBetas, products, writeBetas } from './moments.js'
import { preset, type RuleOf, rule } from './rule.js'

export const RAdamLoop = twice<typeof RAdamKernel>(
  (f) =>
    (
      theta,
      g,
      { m, v },
      { decay, c1, c2, eps, beta1, oneMinusBeta1, beta2, oneMinusBeta2, unrectified },
      from,
      to,
    ) => {
      for (let i = from; i < to; i++) {
        m[i] = f(f(beta1 * m[i]) + f(oneMinusBeta1 * g[i]))
        v[i] = f(f(beta2 * v[i]) + f(oneMinusBeta2 * f(g[i] * g[i])))
        const divisor = unrectified === 0 ? f(f(f(Math.sqrt(v[i])) * c2) + eps) : 1
        theta[i] = f(f(theta[i] * decay) - (divisor === 0 ? 0 : f(f(c1 * m[i]) / divisor)))
      }
    },
)

/**
 * The rectification rₜ; null if ρₜ is not above the threshold. If `reaches` is true, the rectification also applies if
 * ρₜ equals the threshold.
 */
export function rectification(
  { t, product2 }: CounterOf<typeof products>,
  beta2: number,
  threshold = 4,
  reaches = false,
): number | null {
  const rhoInf = 2 / (1 - beta2) - 1
  const rho = rhoInf - (2 * t * product2) / (1 - product2)
  // At ρ = 4 r would be 0, or 0/0 with β₂ = 0.6, whose ρ∞ is 4.
  const isRectified = rho > 4 && (reaches ? rho >= threshold : rho > threshold)
  if (!isRectified) return null
  return Math.sqrt(((rho - 4) * (rho - 2) * rhoInf) / ((rhoInf - 4) * (rhoInf - 2) * rho))
}

/**
 * c₁ = η·r/(1−∏β₁), c₂ = 1/√(1−∏β₂). Corrections in PyTorch's form: c₁ = η·r·√(1−∏β₂)/(1−∏β₁), c₂ = 1. Without
 * rectification: c₁ = η/(1−∏β₁). d = 1, or 1 − η·λ with `decoupledWeightDecay`.
 */
export const definition = defineDirection('radam', {
  options: {
    /** `'torch'`, the default, adds ε to √v before the bias correction; `'optax'` adds ε after the bias correction */
    form: choice('torch', 'optax'),
    lr: 1e-3,
    /** decay rate of the first moment m */
    beta1: 0.9,
    /** decay rate of the second moment v; at 0.6 or less, no step is rectified */
    beta2: 0.999,
    /** if the divisor is exactly 0, the quotient is 0 */
    eps: 1e-8,
    /** λ·θ is added to the gradient, unless `decoupledWeightDecay` is true */
    weightDecay: 0,
    decoupledWeightDecay: false,
    ...decayOptions,
    /**
     * threshold ≥ 4: a step is rectified if ρₜ is above the threshold; PyTorch and Optax use 5, and the paper uses 4
     */
    threshold: atLeast(4, 5),
    maximize: false,
  },
  kernels: [kernel(RAdamKernel, RAdamLoop)],
  stages: () => [RAdamKernel],
  clock: products,
  advance: multiplyBetas,
  coefficients: writeBetas,
  corrections({ form, lr, beta2, threshold }, clock, row) {
    const bias1 = 1 - clock.product1
    const bias2 = 1 - clock.product2
    const r = rectification(clock, beta2, threshold, form === 'optax')
    // PyTorch adds ε to √v, and Optax adds ε to √v̂.
    const uncorrected = r !== null && form === 'torch'
    row[RAdamKernel.row.c1] = (lr * (r ?? 1) * (uncorrected ? Math.sqrt(bias2) : 1)) / bias1
    row[RAdamKernel.row.c2] = uncorrected ? 1 : 1 / Math.sqrt(bias2)
    row[RAdamKernel.row.unrectified] = r === null ? 1 : 0
  },
  decay: (rule) => (rule.decoupledWeightDecay ? decoupledDecay(rule) : 1),
  l2: ({ weightDecay, decoupledWeightDecay }) => (decoupledWeightDecay ? 0 : weightDecay),
  flushes: maskedByEps,
})

/** RAdam's description; see {@link radam}. */
export interface RAdam extends RuleOf<typeof definition> {}

/**
 * RAdam (Liu et al., 2020, algorithm 2): with ρ∞ = 2/(1−β₂) − 1 and ρₜ = ρ∞ − 2tβ₂ᵗ/(1−β₂ᵗ), θ ← θ − η·rₜ·m̂/(√v̂ + ε)
 * if ρₜ is above the threshold, else θ ← θ − η·m̂. rₜ = √( (ρₜ−4)(ρₜ−2)ρ∞ / ((ρ∞−4)(ρ∞−2)ρₜ) ). `radam.optax` uses the
 * form of Optax.
 *
 * State: m, v. @throws OptionError if an option is unknown or out of its range
 */
export const radam = Object.assign(rule<RAdam>(definition), {
  optax: preset<RAdam>(definition, { form: 'optax' }),
})
