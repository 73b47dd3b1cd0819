import { kernel, twice } from '../arena/kernel.js'
import { LaPropKernel } from '../arena/manifest.js'
import { defineDirection } from './cautious.js'
import { maskedByEps } from './define.js'
import { flushTrace } from './moments.js'
import { type RuleOf, rule } from './rule.js'

export const LaPropLoop = twice<typeof LaPropKernel>(
  (f) =>
    (theta, g, { m, v }, { decay, c1, c2, eps, beta1, taken1, beta2, oneMinusBeta2 }, from, to) => {
      for (let i = from; i < to; i++) {
        v[i] = f(f(beta2 * v[i]) + f(oneMinusBeta2 * f(g[i] * g[i])))
        const divisor = f(f(f(Math.sqrt(v[i])) * c2) + eps)
        m[i] = f(f(beta1 * m[i]) + f(taken1 * (divisor === 0 ? 0 : f(g[i] / divisor))))
        theta[i] = f(f(theta[i] * decay) - f(c1 * m[i]))
      }
    },
)

const computeDecay = ({ lr, weightDecay }: { readonly lr: number; readonly weightDecay: number }) =>
  1 - lr * weightDecay

/**
 * taken₁ = η·(1−β₁), d = 1 − η·λ, c₂ = 1/√(1−∏β₂). c₁ = (η/η̄)·d, or 0 if η̄ is 0, where η̄' = β₁·η̄ + (1−β₁)·η starts
 * at 0.
 */
export const definition = defineDirection('laprop', {
  options: {
    lr: 4e-4,
    /** decay rate of m, the first moment of the quotients g/√v̂ */
    beta1: 0.9,
    /** decay rate of the second moment v */
    beta2: 0.999,
    /** if the divisor is exactly 0, the quotient is 0 */
    eps: 1e-15,
    /** decoupled: η·λ·θ is subtracted from the parameters after the step */
    weightDecay: 0,
    maximize: false,
  },
  kernels: [kernel(LaPropKernel, LaPropLoop)],
  stages: () => [LaPropKernel],
  /** The product ∏β₂, and the average of η with the decay rate of m. */
  clock: { product2: 1, averageLr: 0 },
  advance(clock, { lr, beta1, beta2 }, next) {
    next.product2 = flushTrace(clock.product2 * beta2)
    next.averageLr = beta1 * clock.averageLr + (1 - beta1) * lr
  },
  coefficients({ lr, beta1, beta2, eps }, row) {
    row[LaPropKernel.row.eps] = eps
    row[LaPropKernel.row.beta1] = beta1
    row[LaPropKernel.row.taken1] = lr * (1 - beta1)
    row[LaPropKernel.row.beta2] = beta2
    row[LaPropKernel.row.oneMinusBeta2] = 1 - beta2
  },
  corrections(rule, { product2, averageLr }, row) {
    // (θ − u)·d is d·θ − d·u.
    row[LaPropKernel.row.c1] = averageLr === 0 ? 0 : (rule.lr / averageLr) * computeDecay(rule)
    row[LaPropKernel.row.c2] = 1 / Math.sqrt(1 - product2)
  },
  decay: computeDecay,
  flushes: maskedByEps,
})

/** LaProp's description; see {@link laprop}. */
export interface LaProp extends RuleOf<typeof definition> {}

/**
 * LaProp (Ziyin, Wang and Ueda, 2020, algorithm 1) averages normalized gradients: m ← β₁·m + η(1−β₁)·g/(√v̂ + ε), θ ←
 * (1 − η·λ)·(θ − m·η/η̄). The average η̄ of η has the same decay rate as m. If η is constant, the factor η/η̄ is Adam's
 * bias correction.
 *
 * The defaults are the defaults of the authors and of timm. If η is exactly 0, θ stays unchanged; the implementations
 * of the authors and timm change θ by m. In the authors' code, λ is not multiplied by η.
 *
 * State: m, v. @throws OptionError if an option is unknown or out of its range
 */
export const laprop = rule<LaProp>(definition)
