import { kernel, twice } from '../arena/kernel.js'
import { AdadeltaKernel } from '../arena/manifest.js'
import { fraction, positive } from '../options/kinds.js'
import { defineDirection } from './cautious.js'
import { maskedByEps } from './define.js'
import { type RuleOf, rule } from './rule.js'

export const AdadeltaLoop = twice<typeof AdadeltaKernel>(
  (f) =>
    (theta, g, { v, w }, { decay, lr, rho, oneMinusRho, eps }, from, to) => {
      for (let i = from; i < to; i++) {
        v[i] = f(f(rho * v[i]) + f(oneMinusRho * f(g[i] * g[i])))
        const divisor = f(Math.sqrt(f(v[i] + eps)))
        const ratio = divisor === 0 ? 0 : f(f(Math.sqrt(f(w[i] + eps))) / divisor)
        const delta = f(ratio * g[i])
        w[i] = f(f(rho * w[i]) + f(oneMinusRho * f(delta * delta)))
        theta[i] = f(f(theta[i] * decay) - f(lr * delta))
      }
    },
)

export const definition = defineDirection('adadelta', {
  options: {
    /** the paper has no learning rate, which corresponds to η = 1 */
    lr: 1,
    /** ρ in [0, 1) */
    rho: fraction(0.9),
    /** ε > 0; the first steps have a size of about √ε */
    eps: positive(1e-6),
    /** λ·θ is added to the gradient */
    weightDecay: 0,
    maximize: false,
  },
  kernels: [kernel(AdadeltaKernel, AdadeltaLoop)],
  stages: () => [AdadeltaKernel],
  coefficients({ lr, rho, eps }, row) {
    row[AdadeltaKernel.row.lr] = lr
    row[AdadeltaKernel.row.rho] = rho
    row[AdadeltaKernel.row.oneMinusRho] = 1 - rho
    row[AdadeltaKernel.row.eps] = eps
  },
  l2: ({ weightDecay }) => weightDecay,
  flushes: maskedByEps,
})

/** Adadelta's description; see {@link adadelta}. */
export interface Adadelta extends RuleOf<typeof definition> {}

/**
 * Adadelta (Zeiler, 2012, algorithm 1), as in `torch.optim.Adadelta` and Optax: v ← ρ·v + (1−ρ)·g², Δ = √(w + ε)/√(v +
 * ε)·g, w ← ρ·w + (1−ρ)·Δ², θ ← θ − η·Δ. (TensorFlow.js divides by the root of the previous v.)
 *
 * State: v, the mean of g², and w, the mean of Δ².
 * @throws OptionError if an option is unknown or out of its range
 */
export const adadelta = rule<Adadelta>(definition)
