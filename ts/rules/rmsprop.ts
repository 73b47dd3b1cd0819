import { RmsPropKernel, RmsPropMomentumKernel } from '../manifest.js'
import { defineDirection } from './cautious.js'
import { besideEps } from './define.js'
import { kernel, twice } from './kernel.js'
import { flag, fraction, nonNegative, oneOf, scheduled } from './options.js'
import { type RuleOf, rule } from './rule.js'

/** v ← α·v + (1−α)·(g·g), σ = √v + ε, u = η·(g/σ), where g/σ counts as 0 if σ is 0. */
export const RmsPropLoop = twice<typeof RmsPropKernel>(
  (f) =>
    (theta, g, { v }, { decay, lr, alpha, rest, eps }, from, to) => {
      for (let i = from; i < to; i++) {
        v[i] = f(f(alpha * v[i]) + f(rest * f(g[i] * g[i])))
        const sigma = f(f(Math.sqrt(v[i])) + eps)
        theta[i] = f(f(theta[i] * decay) - f(lr * (sigma === 0 ? 0 : f(g[i] / sigma))))
      }
    },
)

/** v and σ as before, b ← μ·b + g/σ, u = η·b. */
export const RmsPropMomentumLoop = twice<typeof RmsPropMomentumKernel>(
  (f) =>
    (theta, g, { v, b }, { decay, lr, alpha, rest, eps, mu }, from, to) => {
      for (let i = from; i < to; i++) {
        v[i] = f(f(alpha * v[i]) + f(rest * f(g[i] * g[i])))
        const sigma = f(f(Math.sqrt(v[i])) + eps)
        b[i] = f(f(mu * b[i]) + (sigma === 0 ? 0 : f(g[i] / sigma)))
        theta[i] = f(f(theta[i] * decay) - f(lr * b[i]))
      }
    },
)

export const definition = defineDirection('rmsprop', {
  options: {
    /**
     * `'torch'`, the default: v starts from 0; `'essay'`: from the first gradient's square, and ε = 0
     * unless given, so that the first step is η·sign(g)
     */
    form: oneOf('torch', 'essay'),
    /** η ≥ 0; may be scheduled */
    lr: scheduled(nonNegative, 1e-2),
    /** α in [0, 1) */
    alpha: fraction(0.99),
    /** ε ≥ 0; where √v + ε is exactly 0, the quotient counts as 0 */
    eps: nonNegative(1e-8),
    /** λ ≥ 0, added to the gradient; may be scheduled */
    weightDecay: scheduled(nonNegative, 0),
    /** μ ≥ 0; may be scheduled */
    momentum: scheduled(nonNegative, 0),
    /** climbs instead */
    maximize: flag(false),
  },
  implied: ({ form }) => (form === 'essay' ? { eps: 0 } : {}),
  kernels: [kernel(RmsPropKernel, RmsPropLoop), kernel(RmsPropMomentumKernel, RmsPropMomentumLoop)],
  stages: ({ momentum }) => [momentum === 0 ? RmsPropKernel : RmsPropMomentumKernel],
  coefficients({ lr, eps, momentum }, row) {
    row[RmsPropMomentumKernel.row.lr] = lr
    row[RmsPropMomentumKernel.row.eps] = eps
    row[RmsPropMomentumKernel.row.mu] = momentum
  },
  corrections({ form, alpha }, { t }, row) {
    const kept = form === 'essay' && t === 1 ? 0 : alpha
    row[RmsPropMomentumKernel.row.alpha] = kept
    row[RmsPropMomentumKernel.row.rest] = 1 - kept
  },
  l2: ({ weightDecay }) => weightDecay,
  flushes: besideEps,
})

/** RMSProp's description; see {@link rmsprop}. */
export interface RmsProp extends RuleOf<typeof definition> {}

/**
 * RMSProp (Hinton, Coursera lecture 6e, 2012): v ← α·v + (1−α)·g², θ ← θ − η·g/(√v + ε); with
 * momentum, b ← μ·b + g/(√v + ε) and θ ← θ − η·b, as in `torch.optim.RMSprop`.
 *
 * State: v, and b where there is momentum.
 * @throws OptionError where an option is unknown or out of its range
 */
export const rmsprop = rule<RmsProp>(definition)
