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
} from './rule.js'

/** Nesterov's momentum's description; see {@link nesterov}. */
export interface Nesterov {
  readonly name: 'nesterov'
  readonly lr: Scheduled
  readonly momentum: Scheduled
  readonly form: 'reparametrised' | 'shifted'
  readonly maximize: boolean
}

/** v' = α·v − η·g, u ← (u − α·v) + (1+α)·v'. */
export const Nesterov: Kernel =
  (f) =>
  (theta, g, [v], [lr, alpha, onePlusAlpha], from, to) => {
    for (let i = from; i < to; i++) {
      const coasted = f(alpha * v[i])
      v[i] = f(coasted - f(lr * g[i]))
      theta[i] = f(f(theta[i] - coasted) + f(onePlusAlpha * v[i]))
    }
  }

/** Not an update: writes the point θ + α·v, at which the shifted form wants the gradient. */
export const Lookahead: Kernel =
  (f) =>
  (theta, _, [v, point], [, alpha], from, to) => {
    for (let i = from; i < to; i++) {
      point[i] = f(theta[i] + f(alpha * v[i]))
    }
  }

export const nesterovDefinition: Definition<Nesterov> = {
  name: 'nesterov',
  options: {
    lr: scheduled(nonNegative),
    momentum: scheduled(fraction),
    form: oneOf('reparametrised', 'shifted'),
    maximize: flag,
  },
  defaults: { lr: 1e-3, momentum: 0.9, form: 'reparametrised', maximize: false },
  kernel: ({ form }) => (form === 'shifted' ? 'Momentum' : 'Nesterov'),
  state: ({ form }) => (form === 'shifted' ? ['v', 'point'] : ['v']),
  coefficients: ({ lr, momentum }, row) => {
    row[0] = lr
    row[1] = momentum
    row[2] = 1 + momentum
  },
}

/**
 * Nesterov's momentum (Nesterov, 1983; as Sutskever et al., 2013, equations 3 and 4, write it).
 *
 * - `form: 'reparametrised'`, the default: v' = α·v − η·∇F(u), u ← u − α·v + (1+α)·v'
 * - `form: 'shifted'`: v ← α·v − η·∇F(θ + α·v), θ ← θ + v; take the gradient at
 *   `optimizer.lookahead()`. Both visit the same points under u = θ + α·v.
 * - `lr` η ≥ 0, 1e-3; may be scheduled
 * - `momentum` α in [0, 1), 0.9; may be scheduled
 * - `maximize`: climbs instead
 *
 * State: v; shifted, also the last lookahead `point`.
 * @throws OptionError where an option is unknown or out of its range
 */
export function nesterov(options: Options<Nesterov> = {}): Nesterov {
  return describe(nesterovDefinition, options)
}
