import type { Scheduled } from '../schedules.js'
import {
  type Definition,
  describe,
  flag,
  fraction,
  type Kernel,
  nonNegative,
  type Options,
  scheduled,
} from './rule.js'

/** The heavy ball's description; see {@link momentum}. */
export interface Momentum {
  readonly name: 'momentum'
  readonly lr: Scheduled
  readonly momentum: Scheduled
  readonly maximize: boolean
}

/** v ← α·v − η·g, θ ← θ + v. */
export const Momentum: Kernel =
  (f) =>
  (theta, g, [v], [lr, alpha], from, to) => {
    for (let i = from; i < to; i++) {
      v[i] = f(f(alpha * v[i]) - f(lr * g[i]))
      theta[i] = f(theta[i] + v[i])
    }
  }

export const momentumDefinition: Definition<Momentum> = {
  name: 'momentum',
  options: { lr: scheduled(nonNegative), momentum: scheduled(fraction), maximize: flag },
  defaults: { lr: 1e-3, momentum: 0.9, maximize: false },
  kernel: () => 'Momentum',
  state: () => ['v'],
  coefficients: ({ lr, momentum }, row) => {
    row[0] = lr
    row[1] = momentum
  },
}

/**
 * Momentum, the heavy ball (Polyak, 1964; as Sutskever et al., 2013, equations 1 and 2, write it), with
 * the learning rate inside the velocity: v ← α·v − η·g, θ ← θ + v. (Torch's is `sgd({ momentum })`.)
 *
 * - `lr` η ≥ 0, 1e-3; may be scheduled
 * - `momentum` α in [0, 1), 0.9; may be scheduled
 * - `maximize`: climbs instead
 *
 * State: v. @throws OptionError where an option is unknown or out of its range
 */
export function momentum(options: Options<Momentum> = {}): Momentum {
  return describe(momentumDefinition, options)
}
