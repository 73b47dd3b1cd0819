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
        // A NaN stays.
        const sigma = f(f(Math.sqrt(f((variance < 0 ? 0 : variance) + inside))) + outside)
        theta[i] = f(f(theta[i] * decay) - f(lr * (sigma === 0 ? 0 : f(g[i] / sigma))))
      }
    },
)

/** With both. */
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
 * One of inside and outside is ε, and the other one 0. With momentum one of inner and η here is η, and the
 * other one 1. In the essay's form α = 0 at t = 1.
 */
export const definition = defineDirection('rmsprop', {
  options: {
    /**
     * `'torch'`, the default: v starts from 0; `'essay'`: from the first gradient's square, and ε = 0
     * unless given, so that the first step is η·sign(g)
     */
    form: choice('torch', 'essay'),
    lr: 1e-2,
    /** α in [0, 1) */
    alpha: fraction(0.99),
    /** where the divisor is exactly 0, the quotient counts as 0 */
    eps: 1e-8,
    /** `'outside'`, the default: √v + ε, as in Torch; `'inside'`: √(v + ε) */
    epsPlacement: choice('outside', 'inside'),
    /** divides by the root of the variance, v − a² with a the average gradient, or 0 if that is negative */
    centered: false,
    /** added to the gradient */
    weightDecay: 0,
    /** μ ≥ 0; may be scheduled */
    momentum: scheduled(nonNegative, 0),
    /** of η, with momentum: `'outside'`, the default, of b, as in Torch; or `'inside'` */
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
 * RMSProp (Hinton, Coursera lecture 6e, 2012): v ← α·v + (1−α)·g², θ ← θ − η·g/(√v + ε); with
 * momentum, b ← μ·b + g/(√v + ε) and θ ← θ − η·b, as in `torch.optim.RMSprop`. With `centered` (Graves, 2013)
 * max(v − a², 0) stands for v under the root, and a ← α·a + (1−α)·g.
 *
 * `rmsprop.optax` has the form and the values of Optax, √(v + ε) and b ← μ·b + η·g/√(v + ε), θ ← θ − b;
 * `rmsprop.tfjs` those of TensorFlow.js, but that its centered form takes the ε away.
 *
 * State: v, a where it is centered, and b where there is momentum.
 * @throws OptionError where an option is unknown or out of its range
 */
export const rmsprop = Object.assign(rule<RmsProp>(definition), {
  optax: preset<RmsProp>(definition, { alpha: 0.9, epsPlacement: 'inside', lrPlacement: 'inside' }),
  tfjs: preset<RmsProp>(definition, { alpha: 0.9, eps: 1e-7, epsPlacement: 'inside', lrPlacement: 'inside' }),
})
