import { OptionError } from '../errors.js'
import type { Scheduled } from '../schedules.js'
import { type Definition, describe, flag, type Kernel, nonNegative, type Options, scheduled } from './rule.js'

/** Torch's SGD's description; see {@link sgd}. */
export interface Sgd {
  readonly name: 'sgd'
  readonly lr: Scheduled
  readonly momentum: Scheduled
  readonly dampening: number
  readonly weightDecay: Scheduled
  readonly nesterov: boolean
  readonly maximize: boolean
}

/** b ← μ·b + (1−τ)·g, θ ← θ − η·b. */
export const SgdMomentum: Kernel =
  (f) =>
  (theta, g, [b], [lr, mu, undampened], from, to) => {
    for (let i = from; i < to; i++) {
      b[i] = f(f(mu * b[i]) + f(undampened * g[i]))
      theta[i] = f(theta[i] - f(lr * b[i]))
    }
  }

/** b ← μ·b + (1−τ)·g, θ ← θ − η·(g + μ·b). */
export const SgdNesterov: Kernel =
  (f) =>
  (theta, g, [b], [lr, mu, undampened], from, to) => {
    for (let i = from; i < to; i++) {
      b[i] = f(f(mu * b[i]) + f(undampened * g[i]))
      theta[i] = f(theta[i] - f(lr * f(g[i] + f(mu * b[i]))))
    }
  }

export const sgdDefinition: Definition<Sgd> = {
  name: 'sgd',
  options: {
    lr: scheduled(nonNegative),
    momentum: scheduled(nonNegative),
    dampening: nonNegative,
    weightDecay: scheduled(nonNegative),
    nesterov: flag,
    maximize: flag,
  },
  defaults: { lr: 1e-3, momentum: 0, dampening: 0, weightDecay: 0, nesterov: false, maximize: false },
  check: ({ momentum, dampening, nesterov }) => {
    if (nesterov && (momentum === 0 || dampening !== 0)) {
      throw new OptionError(
        'sgd: nesterov',
        'a momentum > 0 and no dampening with it',
        `a momentum of ${momentum} and a dampening of ${dampening}`,
      )
    }
  },
  kernel: ({ momentum, nesterov }) =>
    momentum === 0 ? 'GradientDescent' : nesterov ? 'SgdNesterov' : 'SgdMomentum',
  state: ({ momentum }) => (momentum === 0 ? [] : ['b']),
  coefficients: ({ lr, momentum }, row) => {
    row[0] = lr
    row[1] = momentum
  },
  corrections: ({ dampening }, { t }, row) => {
    row[2] = t === 1 ? 1 : 1 - dampening
  },
  l2: ({ weightDecay }) => weightDecay,
}

/**
 * SGD as `torch.optim.SGD` defines it: g ← g + λ·θ, b ← μ·b + (1−τ)·g (at the first update b ← g),
 * θ ← θ − η·b, or with `nesterov` θ ← θ − η·(g + μ·b).
 *
 * - `lr` η ≥ 0, 1e-3; may be scheduled
 * - `momentum` μ ≥ 0, 0; may be scheduled
 * - `dampening` τ ≥ 0, 0
 * - `weightDecay` λ ≥ 0, 0, added to the gradient; may be scheduled
 * - `nesterov`: wants a momentum > 0 and no dampening
 * - `maximize`: climbs instead
 *
 * State: b, where there is momentum.
 * @throws OptionError where an option is unknown or out of its range
 */
export function sgd(options: Options<Sgd> = {}): Sgd {
  return describe(sgdDefinition, options)
}
