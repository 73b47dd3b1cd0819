import { kernel, twice } from '../arena/kernel.js'
import { AdEmaMixKernel } from '../arena/manifest.js'
import { exp } from '../functions/exp.js'
import { log } from '../functions/log.js'
import { fraction, nonNegative } from '../options/kinds.js'
import { decayOptions, decoupledDecay, defineDirection } from './cautious.js'
import { maskedByEps } from './define.js'
import { multiplyBetas, products } from './moments.js'
import { type RuleOf, rule } from './rule.js'

export const AdEMAMixLoop = twice<typeof AdEmaMixKernel>(
  (f) =>
    (
      theta,
      g,
      { m1, m2, v },
      { decay, c1, c2, c3, eps, beta1, oneMinusBeta1, beta2, oneMinusBeta2, beta3, oneMinusBeta3 },
      from,
      to,
    ) => {
      for (let i = from; i < to; i++) {
        m1[i] = f(f(beta1 * m1[i]) + f(oneMinusBeta1 * g[i]))
        m2[i] = f(f(beta3 * m2[i]) + f(oneMinusBeta3 * g[i]))
        v[i] = f(f(beta2 * v[i]) + f(oneMinusBeta2 * f(g[i] * g[i])))
        const divisor = f(f(f(Math.sqrt(v[i])) * c2) + eps)
        const mixed = f(f(c1 * m1[i]) + f(c3 * m2[i]))
        theta[i] = f(f(theta[i] * decay) - (divisor === 0 ? 0 : f(mixed / divisor)))
      }
    },
)

/**
 * The value of β₃ at a fraction of its warm-up. 1/log β₃ is interpolated linearly between 1/log β₁ and 1/log β₃, so
 * that the memory 1/|log β| grows by the same amount per update.
 */
function warmed(beta1: number, beta3: number, part: number): number {
  return Math.min(exp(1 / ((1 - part) / log(beta1) + part / log(beta3))), beta3)
}

/**
 * d = 1 − η·λ, c₁ = η/(1−∏β₁), c₂ = 1/√(1−∏β₂). c₃ = η·α; during the warm-up of T updates, c₃ = η·((α·t)/T). During the
 * warm-up, β₃ is replaced by min(exp(1/((1−s)/log β₁ + s/log β₃)), β₃), where s = t/T.
 */
export const definition = defineDirection('ademamix', {
  options: {
    lr: 1e-3,
    /** decay rate of the fast momentum m1 */
    beta1: 0.9,
    /** decay rate of the second moment v */
    beta2: 0.999,
    /** decay rate β₃ in [0, 1) of the slow momentum m2 */
    beta3: fraction(0.9999),
    /** weight α ≥ 0 of the slow momentum */
    alpha: nonNegative(5),
    /** ≥ 0: number of updates during which α rises from 0; the paper uses the length of the run */
    alphaWarmup: nonNegative(0),
    /** ≥ 0: number of updates during which β₃ rises from β₁; the paper uses the length of the run */
    beta3Warmup: nonNegative(0),
    /** if the divisor is exactly 0, only weight decay changes the parameter */
    eps: 1e-8,
    /** decoupled: η·λ·θ is subtracted from the parameters */
    weightDecay: 0,
    ...decayOptions,
    maximize: false,
  },
  kernels: [kernel(AdEmaMixKernel, AdEMAMixLoop)],
  stages: () => [AdEmaMixKernel],
  clock: products,
  advance: multiplyBetas,
  coefficients({ eps, beta1, beta2 }, row) {
    row[AdEmaMixKernel.row.eps] = eps
    row[AdEmaMixKernel.row.beta1] = beta1
    row[AdEmaMixKernel.row.oneMinusBeta1] = 1 - beta1
    row[AdEmaMixKernel.row.beta2] = beta2
    row[AdEmaMixKernel.row.oneMinusBeta2] = 1 - beta2
  },
  corrections({ lr, beta1, beta3, alpha, alphaWarmup, beta3Warmup }, { t, product1, product2 }, row) {
    const slow = t < beta3Warmup ? warmed(beta1, beta3, t / beta3Warmup) : beta3
    row[AdEmaMixKernel.row.c1] = lr / (1 - product1)
    row[AdEmaMixKernel.row.c2] = 1 / Math.sqrt(1 - product2)
    row[AdEmaMixKernel.row.c3] = lr * (t < alphaWarmup ? (alpha * t) / alphaWarmup : alpha)
    row[AdEmaMixKernel.row.beta3] = slow
    row[AdEmaMixKernel.row.oneMinusBeta3] = 1 - slow
  },
  decay: decoupledDecay,
  flushes: maskedByEps,
})

/** AdEMAMix's description; see {@link ademamix}. */
export interface AdEMAMix extends RuleOf<typeof definition> {}

/**
 * AdEMAMix (Pagliardini, Ablin and Grangier, 2024, algorithm 1) is AdamW with a second, much slower momentum m₂: θ ← (1
 * − η·λ)·θ − η·(m̂₁ + α·m₂)/(√v̂ + ε). During a warm-up of T updates, α(t) = α·t/T, and β₃(t) = exp(log β₁·log β₃ /
 * ((1−t/T)·log β₃ + (t/T)·log β₁)), at most β₃.
 *
 * The default α of 5 is Optax's default. The authors' code uses 2, and the paper uses 4 to 10. The count t of the
 * tensor's updates starts at 1, whereas Optax's schedules count from 0.
 *
 * State: m1, m2, v. @throws OptionError if an option is unknown or out of its range
 */
export const ademamix = rule<AdEMAMix>(definition)
