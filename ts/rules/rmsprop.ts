import { kernel, twice } from '../arena/kernel.js'
import {
  RmsPropCenteredKernel,
  RmsPropCenteredMomentumKernel,
  RmsPropKernel,
  RmsPropMomentumKernel,
} from '../arena/manifest.js'
import { choice, fraction, nonNegative } from '../options/kinds.js'
import { scheduled } from '../schedules/option.js'
import { defineDirection } from './cautious.js'
import { maskedByEps } from './define.js'
import { preset, type RuleOf, rule } from './rule.js'

export const RmsPropLoop = twice<typeof RmsPropKernel>(
  (f) =>
    (theta, g, { v }, { decay, lr, alpha, oneMinusAlpha, inside, outside }, from, to) => {
      for (let i = from; i < to; i++) {
        v[i] = f(f(alpha * v[i]) + f(oneMinusAlpha * f(g[i] * g[i])))
        const sigma = f(f(Math.sqrt(f(v[i] + inside))) + outside)
        theta[i] = f(f(theta[i] * decay) - f(lr * (sigma === 0 ? 0 : f(g[i] / sigma))))
      }
    },
)

/** With `momentum`. */
export const RmsPropMomentumLoop = twice<typeof RmsPropMomentumKernel>(
  (f) =>
    (theta, g, { v, b }, { decay, lr, alpha, oneMinusAlpha, inside, outside, inner, mu }, from, to) => {
      for (let i = from; i < to; i++) {
        v[i] = f(f(alpha * v[i]) + f(oneMinusAlpha * f(g[i] * g[i])))
        const sigma = f(f(Math.sqrt(f(v[i] + inside))) + outside)
        b[i] = f(f(mu * b[i]) + f(inner * (sigma === 0 ? 0 : f(g[i] / sigma))))
        theta[i] = f(f(theta[i] * decay) - f(lr * b[i]))
      }
    },
)

/** With `centered`. */
export const RmsPropCenteredLoop = twice<typeof RmsPropCenteredKernel>(
  (f) =>
    (theta, g, { v, a }, { decay, lr, alpha, oneMinusAlpha, inside, outside }, from, to) => {
      for (let i = from; i < to; i++) {
        v[i] = f(f(alpha * v[i]) + f(oneMinusAlpha * f(g[i] * g[i])))
        a[i] = f(f(alpha * a[i]) + f(oneMinusAlpha * g[i]))
        const variance = f(v[i] - f(a[i] * a[i]))
        // A NaN propagates.
        const sigma = f(f(Math.sqrt(f((variance < 0 ? 0 : variance) + inside))) + outside)
        theta[i] = f(f(theta[i] * decay) - f(lr * (sigma === 0 ? 0 : f(g[i] / sigma))))
      }
    },
)

/** The kernel of RMSProp with the options `centered` and `momentum`. */
export const RmsPropCenteredMomentumLoop = twice<typeof RmsPropCenteredMomentumKernel>(
  (f) =>
    (theta, g, { v, a, b }, { decay, lr, alpha, oneMinusAlpha, inside, outside, inner, mu }, from, to) => {
      for (let i = from; i < to; i++) {
        v[i] = f(f(alpha * v[i]) + f(oneMinusAlpha * f(g[i] * g[i])))
        a[i] = f(f(alpha * a[i]) + f(oneMinusAlpha * g[i]))
        const variance = f(v[i] - f(a[i] * a[i]))
        const sigma = f(f(Math.sqrt(f((variance < 0 ? 0 : variance) + inside))) + outside)
        b[i] = f(f(mu * b[i]) + f(inner * (sigma === 0 ? 0 : f(g[i] / sigma))))
        theta[i] = f(f(theta[i] * decay) - f(lr * b[i]))
      }
    },
)

/**
 * With `epsPlacement: 'inside'`, inside = ε and outside = 0. With `'outside'`, inside = 0 and outside = ε. With
 * momentum, `lrPlacement` decides whether the coefficient `inner` or the coefficient for η equals η; the other
 * coefficient is 1. In the essay's form, α = 0 at t = 1.
 */
export const definition = defineDirection('rmsprop', {
  options: {
    /**
     * `'torch'`, the default, starts v at 0; `'essay'` starts v at the square of the first gradient and has a default ε
     * of 0, so the first step is η·sign(g)
     */
    form: choice('torch', 'essay'),
    lr: 1e-2,
    /** decay rate α in [0, 1) of v */
    alpha: fraction(0.99),
    /** if the divisor is exactly 0, the quotient is 0 */
    eps: 1e-8,
    /** `'outside'`, the default, divides by √v + ε, as in PyTorch; `'inside'` divides by √(v + ε) */
    epsPlacement: choice('outside', 'inside'),
    /** replaces v by the variance v − a², where a is the average gradient; a negative variance counts as 0 */
    centered: false,
    /** λ·θ is added to the gradient */
    weightDecay: 0,
    /** factor μ ≥ 0 of the momentum; may be scheduled */
    momentum: scheduled(nonNegative, 0),
    /**
     * position of η with momentum: `'outside'`, the default, multiplies b by η, as in PyTorch; `'inside'` multiplies
     * the quotients in b by η
     */
    lrPlacement: choice('outside', 'inside'),
    maximize: false,
  },
  implied: ({ form }) => (form === 'essay' ? { eps: 0 } : {}),
  takesRows: true,
  kernels: [
    kernel(RmsPropKernel, RmsPropLoop),
    kernel(RmsPropMomentumKernel, RmsPropMomentumLoop),
    kernel(RmsPropCenteredKernel, RmsPropCenteredLoop),
    kernel(RmsPropCenteredMomentumKernel, RmsPropCenteredMomentumLoop),
  ],
  stages({ centered, momentum }) {
    if (momentum === 0) return [centered ? RmsPropCenteredKernel : RmsPropKernel]
    return [centered ? RmsPropCenteredMomentumKernel : RmsPropMomentumKernel]
  },
  coefficients({ lr, lrPlacement, eps, epsPlacement, momentum }, row) {
    const isInside = momentum !== 0 && lrPlacement === 'inside'
    row[RmsPropMomentumKernel.row.lr] = isInside ? 1 : lr
    row[RmsPropMomentumKernel.row.inner] = isInside ? lr : 1
    row[RmsPropMomentumKernel.row.inside] = epsPlacement === 'inside' ? eps : 0
    row[RmsPropMomentumKernel.row.outside] = epsPlacement === 'inside' ? 0 : eps
    row[RmsPropMomentumKernel.row.mu] = momentum
  },
  corrections({ form, alpha }, { t }, row) {
    const kept = form === 'essay' && t === 1 ? 0 : alpha
    row[RmsPropMomentumKernel.row.alpha] = kept
    row[RmsPropMomentumKernel.row.oneMinusAlpha] = 1 - kept
  },
  l2: ({ weightDecay }) => weightDecay,
  flushes: maskedByEps,
})

/** RMSProp's description; see {@link rmsprop}. */
export interface RmsProp extends RuleOf<typeof definition> {}

/**
 * RMSProp (Hinton, Coursera lecture 6e, 2012): v ← α·v + (1−α)·g², θ ← θ − η·g/(√v + ε). With momentum, b ← μ·b + g/(√v
 * + ε) and θ ← θ − η·b, as in `torch.optim.RMSprop`. With `centered` (Graves, 2013), max(v − a², 0) replaces v under
 * the root, and a ← α·a + (1−α)·g.
 *
 * `rmsprop.optax` uses the form and the defaults of Optax: √(v + ε) and b ← μ·b + η·g/√(v + ε), θ ← θ − b.
 * `rmsprop.tfjs` uses the form and the defaults of TensorFlow.js, except that TensorFlow.js subtracts ε in the centered
 * form.
 *
 * State: v; with `centered` also a, and with momentum also b.
 * @throws OptionError if an option is unknown or out of its range
 */
export const rmsprop = Object.assign(rule<RmsProp>(definition), {
  optax: preset<RmsProp>(definition, { alpha: 0.9, epsPlacement: 'inside', lrPlacement: 'inside' }),
  tfjs: preset<RmsProp>(definition, { alpha: 0.9, eps: 1e-7, epsPlacement: 'inside', lrPlacement: 'inside' }),
})
