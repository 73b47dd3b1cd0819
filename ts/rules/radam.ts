import type { Scheduled } from '../schedules.js'
import { adamOptions, countBetas, writeAdam } from './adam.js'
import { atLeast, type Definition, describe, flag, type Kernel, type Options, oneOf } from './rule.js'

/** RAdam's description; see {@link radam}. */
export interface RAdam {
  readonly name: 'radam'
  readonly form: 'torch' | 'optax'
  readonly lr: Scheduled
  readonly beta1: number
  readonly beta2: number
  readonly eps: number
  readonly weightDecay: Scheduled
  readonly decoupledWeightDecay: boolean
  readonly threshold: number
  readonly maximize: boolean
}

/** m and v as in Adam, then θ ← d·θ − (c₁·m) / (√v·c₂ + ε), or θ ← d·θ − c₁·m unrectified. */
export const RAdam: Kernel =
  (f) =>
  (
    theta,
    g,
    [m, v],
    [decay, c1, c2, eps, beta1, oneMinusBeta1, beta2, oneMinusBeta2, unrectified],
    from,
    to,
  ) => {
    for (let i = from; i < to; i++) {
      m[i] = f(f(beta1 * m[i]) + f(oneMinusBeta1 * g[i]))
      v[i] = f(f(beta2 * v[i]) + f(oneMinusBeta2 * f(g[i] * g[i])))
      const divisor = unrectified === 0 ? f(f(f(Math.sqrt(v[i])) * c2) + eps) : 1
      theta[i] = f(f(theta[i] * decay) - (divisor === 0 ? 0 : f(f(c1 * m[i]) / divisor)))
    }
  }

export const radamDefinition: Definition<RAdam> = {
  name: 'radam',
  options: {
    form: oneOf('torch', 'optax'),
    lr: adamOptions.lr,
    beta1: adamOptions.beta1,
    beta2: adamOptions.beta2,
    eps: adamOptions.eps,
    weightDecay: adamOptions.weightDecay,
    decoupledWeightDecay: flag,
    threshold: atLeast(4),
    maximize: flag,
  },
  defaults: {
    form: 'torch',
    lr: 1e-3,
    beta1: 0.9,
    beta2: 0.999,
    eps: 1e-8,
    weightDecay: 0,
    decoupledWeightDecay: false,
    threshold: 5,
    maximize: false,
  },
  kernel: () => 'RAdam',
  state: () => ['m', 'v'],
  coefficients: (rule, row) => {
    writeAdam(row, rule, rule.decoupledWeightDecay ? 1 - rule.lr * rule.weightDecay : 1)
  },
  corrections: ({ form, lr, beta1, beta2, threshold }, clock, row) => {
    countBetas(clock, beta1, beta2)
    const bias1 = 1 - clock.product1
    const bias2 = 1 - clock.product2
    const rhoInf = 2 / (1 - beta2) - 1
    const rho = rhoInf - (2 * clock.t * clock.product2) / bias2
    // At 4 r would be 0, or with β₂ = 0.6, where ρ ends there, 0/0.
    const rectified = rho > 4 && (form === 'optax' ? rho >= threshold : rho > threshold)
    const r = rectified
      ? Math.sqrt(((rho - 4) * (rho - 2) * rhoInf) / ((rhoInf - 4) * (rhoInf - 2) * rho))
      : 1
    // Torch adds ε to √v as it is, Optax to √v̂.
    const uncorrected = rectified && form === 'torch'
    row[1] = (lr * r * (uncorrected ? Math.sqrt(bias2) : 1)) / bias1
    row[2] = uncorrected ? 1 : 1 / Math.sqrt(bias2)
    row[8] = rectified ? 0 : 1
  },
  l2: ({ weightDecay, decoupledWeightDecay }) => (decoupledWeightDecay ? 0 : weightDecay),
}

/**
 * RAdam (Liu et al., 2020, algorithm 2): with ρ∞ = 2/(1−β₂) − 1 and ρₜ = ρ∞ − 2tβ₂ᵗ/(1−β₂ᵗ),
 * θ ← θ − η·rₜ·m̂/(√v̂ + ε) where ρₜ is above the threshold, else θ ← θ − η·m̂;
 * rₜ = √( (ρₜ−4)(ρₜ−2)ρ∞ / ((ρ∞−4)(ρ∞−2)ρₜ) ).
 *
 * - `form: 'torch'`, the default: ε is added to √v before its bias correction; `'optax'`: after it
 * - `threshold` ≥ 4, 5 as in Torch and Optax; the paper has 4. With β₂ ≤ 0.6 it never rectifies.
 * - `lr` η ≥ 0, 1e-3; may be scheduled
 * - `beta1`, `beta2` in [0, 1), 0.9 and 0.999
 * - `eps` ε ≥ 0, 1e-8
 * - `weightDecay` λ ≥ 0, 0, added to the gradient, or with `decoupledWeightDecay` taken from the
 *   parameters as in AdamW; may be scheduled
 * - `maximize`: climbs instead
 *
 * State: m, v. @throws OptionError where an option is unknown or out of its range
 */
export function radam(options: Options<RAdam> = {}): RAdam {
  return describe(radamDefinition, options)
}
