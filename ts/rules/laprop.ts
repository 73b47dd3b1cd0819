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
 * taken₁ = η·(1−β₁), d = 1 − η·λ, c₁ = (η/η̄)·d, or 0 where η̄ is; η̄' = β₁·η̄ + (1−β₁)·η from 0; c₂ =
 * 1/√(1−∏β₂).
 */
export const definition = defineDirection('laprop', {
  options: {
    lr: 4e-4,
    beta1: 0.9,
    beta2: 0.999,
    /** where the divisor is exactly 0 so is the quotient */
    eps: 1e-15,
    /** taken from the parameters after the step as η·λ·θ */
    weightDecay: 0,
    maximize: false,
  },
  kernels: [kernel(LaPropKernel, LaPropLoop)],
  stages: () => [LaPropKernel],
  /** ∏β₂, and an average of η that forgets as m does. */
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
 * LaProp (Ziyin, Wang and Ueda, 2020, algorithm 1): the gradient is divided before the momentum takes it up,
 * m ← β₁·m + η(1−β₁)·g/(√v̂ + ε), θ ← (1 − η·λ)·(θ − m·η/η̄), where η̄ is an average of η as m is one of its
 * quotients: with one η that is Adam's correction of the bias.
 *
 * Defaults are the authors' and timm's. They move by m, not m·η/η̄, where η is exactly 0; here nothing moves. The
 * authors' λ is not times η.
 *
 * State: m, v. @throws OptionError where an option is unknown or out of its range
 */
export const laprop = rule<LaProp>(definition)
