import type { Scheduled } from '../schedules.js'
import {
  type Definition,
  describe,
  flag,
  type Kernel,
  nonNegative,
  type Options,
  oneOf,
  scheduled,
  withoutEps,
} from './rule.js'

/** Adagrad's description; see {@link adagrad}. */
export interface Adagrad {
  readonly name: 'adagrad'
  readonly form: 'torch' | 'essay'
  readonly lr: Scheduled
  readonly lrDecay: number
  readonly weightDecay: Scheduled
  readonly initialAccumulator: number
  readonly eps: number
  readonly maximize: boolean
}

/** s ← s + g·g, σ = √(c·s) + ε, θ ← θ − η·(g/σ); where σ is 0 the parameter stays. */
export const Adagrad: Kernel =
  (f) =>
  (theta, g, [s], [lr, c, eps], from, to) => {
    for (let i = from; i < to; i++) {
      s[i] = f(s[i] + f(g[i] * g[i]))
      const sigma = f(f(Math.sqrt(f(c * s[i]))) + eps)
      theta[i] = f(theta[i] - f(lr * (sigma === 0 ? 0 : f(g[i] / sigma))))
    }
  }

export const adagradDefinition: Definition<Adagrad> = {
  name: 'adagrad',
  options: {
    form: oneOf('torch', 'essay'),
    lr: scheduled(nonNegative),
    lrDecay: nonNegative,
    weightDecay: scheduled(nonNegative),
    initialAccumulator: nonNegative,
    eps: nonNegative,
    maximize: flag,
  },
  defaults: {
    form: 'torch',
    lr: 1e-2,
    lrDecay: 0,
    weightDecay: 0,
    initialAccumulator: 0,
    eps: 1e-10,
    maximize: false,
  },
  kernel: () => 'Adagrad',
  state: () => ['s'],
  initialState: ({ initialAccumulator }) => initialAccumulator,
  coefficients: ({ eps }, row) => {
    row[2] = eps
  },
  corrections: ({ form, lr, lrDecay }, { t }, row) => {
    row[0] = lr / (1 + (t - 1) * lrDecay)
    row[1] = form === 'essay' ? 1 / t : 1
  },
  l2: ({ weightDecay }) => weightDecay,
}

/**
 * Adagrad (Duchi, Hazan and Singer, 2011): s ← s + g·g, θ ← θ − η·g/(√s + ε).
 *
 * - `form: 'torch'`, the default: the sum of squares; `'essay'`: their mean, √(s/t), and ε = 0
 *   unless given. With η/√t the essay's form is the other.
 * - `lr` η ≥ 0, 1e-2; may be scheduled
 * - `lrDecay` ≥ 0, 0: update t (from 1) has η/(1 + (t−1)·lrDecay)
 * - `weightDecay` λ ≥ 0, 0, added to the gradient; may be scheduled
 * - `initialAccumulator` ≥ 0, 0: what s starts from
 * - `eps` ε ≥ 0, 1e-10; where √s + ε is exactly 0 the parameter stays
 * - `maximize`: climbs instead
 *
 * State: s. @throws OptionError where an option is unknown or out of its range
 */
export function adagrad(options: Options<Adagrad> = {}): Adagrad {
  return describe(adagradDefinition, withoutEps(options))
}
