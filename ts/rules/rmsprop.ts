import type { Scheduled } from '../schedules.js'
import {
  type Definition,
  describe,
  flag,
  fraction,
  type Kernel,
  nonNegative,
  type Options,
  oneOf,
  scheduled,
  withoutEps,
} from './rule.js'

/** RMSProp's description; see {@link rmsprop}. */
export interface RmsProp {
  readonly name: 'rmsprop'
  readonly form: 'torch' | 'essay'
  readonly lr: Scheduled
  readonly alpha: number
  readonly eps: number
  readonly weightDecay: Scheduled
  readonly momentum: Scheduled
  readonly maximize: boolean
}

/** v ← α·v + (1−α)·(g·g), σ = √v + ε, θ ← θ − η·(g/σ); where σ is 0, g/σ counts as 0. */
export const RmsProp: Kernel =
  (f) =>
  (theta, g, [v], [lr, alpha, oneMinusAlpha, eps], from, to) => {
    for (let i = from; i < to; i++) {
      v[i] = f(f(alpha * v[i]) + f(oneMinusAlpha * f(g[i] * g[i])))
      const sigma = f(f(Math.sqrt(v[i])) + eps)
      theta[i] = f(theta[i] - f(lr * (sigma === 0 ? 0 : f(g[i] / sigma))))
    }
  }

/** v and σ as before, b ← μ·b + g/σ, θ ← θ − η·b. */
export const RmsPropMomentum: Kernel =
  (f) =>
  (theta, g, [v, b], [lr, alpha, oneMinusAlpha, eps, mu], from, to) => {
    for (let i = from; i < to; i++) {
      v[i] = f(f(alpha * v[i]) + f(oneMinusAlpha * f(g[i] * g[i])))
      const sigma = f(f(Math.sqrt(v[i])) + eps)
      b[i] = f(f(mu * b[i]) + (sigma === 0 ? 0 : f(g[i] / sigma)))
      theta[i] = f(theta[i] - f(lr * b[i]))
    }
  }

export const rmspropDefinition: Definition<RmsProp> = {
  name: 'rmsprop',
  options: {
    form: oneOf('torch', 'essay'),
    lr: scheduled(nonNegative),
    alpha: fraction,
    eps: nonNegative,
    weightDecay: scheduled(nonNegative),
    momentum: scheduled(nonNegative),
    maximize: flag,
  },
  defaults: {
    form: 'torch',
    lr: 1e-2,
    alpha: 0.99,
    eps: 1e-8,
    weightDecay: 0,
    momentum: 0,
    maximize: false,
  },
  kernel: ({ momentum }) => (momentum === 0 ? 'RmsProp' : 'RmsPropMomentum'),
  state: ({ momentum }) => (momentum === 0 ? ['v'] : ['v', 'b']),
  coefficients: ({ lr, eps, momentum }, row) => {
    row[0] = lr
    row[3] = eps
    row[4] = momentum
  },
  corrections: ({ form, alpha }, { t }, row) => {
    const kept = form === 'essay' && t === 1 ? 0 : alpha
    row[1] = kept
    row[2] = 1 - kept
  },
  l2: ({ weightDecay }) => weightDecay,
}

/**
 * RMSProp (Hinton, Coursera lecture 6e, 2012): v ← α·v + (1−α)·g², θ ← θ − η·g/(√v + ε); with
 * momentum, b ← μ·b + g/(√v + ε) and θ ← θ − η·b, as in `torch.optim.RMSprop`.
 *
 * - `form: 'torch'`, the default: v starts from 0; `'essay'`: from the first gradient's square, and
 *   ε = 0 unless given, so that the first step is η·sign(g)
 * - `lr` η ≥ 0, 1e-2; may be scheduled
 * - `alpha` α in [0, 1), 0.99
 * - `eps` ε ≥ 0, 1e-8; where √v + ε is exactly 0, the quotient counts as 0
 * - `weightDecay` λ ≥ 0, 0, added to the gradient; may be scheduled
 * - `momentum` μ ≥ 0, 0; may be scheduled
 * - `maximize`: climbs instead
 *
 * State: v, and b where there is momentum.
 * @throws OptionError where an option is unknown or out of its range
 */
export function rmsprop(options: Options<RmsProp> = {}): RmsProp {
  return describe(rmspropDefinition, withoutEps(options))
}
