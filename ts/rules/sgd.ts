import { kernel, twice } from '../arena/kernel.js'
import { GradientDescentKernel, SgdMomentumKernel, SgdNesterovKernel } from '../arena/manifest.js'
import { OptionError } from '../core/errors.js'
import { nonNegative } from '../options/kinds.js'
import { scheduled } from '../schedules/option.js'
import { decayOptions, decoupledDecay, defineDirection } from './cautious.js'
import { GradientDescentLoop } from './gradient-descent.js'
import { type RuleOf, rule } from './rule.js'

/** With `momentum`. */
export const SgdMomentumLoop = twice<typeof SgdMomentumKernel>(
  (f) =>
    (theta, g, { b }, { decay, lr, mu, undampened }, from, to) => {
      for (let i = from; i < to; i++) {
        b[i] = f(f(mu * b[i]) + f(undampened * g[i]))
        theta[i] = f(f(theta[i] * decay) - f(lr * b[i]))
      }
    },
)

/** With `nesterov`. */
export const SgdNesterovLoop = twice<typeof SgdNesterovKernel>(
  (f) =>
    (theta, g, { b }, { decay, lr, mu, undampened }, from, to) => {
      for (let i = from; i < to; i++) {
        b[i] = f(f(mu * b[i]) + f(undampened * g[i]))
        theta[i] = f(f(theta[i] * decay) - f(lr * f(g[i] + f(mu * b[i]))))
      }
    },
)

/** undampened is 1 − dampening, and 1 at t = 1. d = 1, or 1 − η·λ with `decoupledWeightDecay`. */
export const definition = defineDirection('sgd', {
  options: {
    lr: 1e-3,
    /** factor μ ≥ 0 of the momentum; may be scheduled */
    momentum: scheduled(nonNegative, 0),
    /** dampening τ ≥ 0: each gradient after the first gradient is multiplied by 1−τ and added to b */
    dampening: nonNegative(0),
    /** λ·θ is added to the gradient, unless `decoupledWeightDecay` is true */
    weightDecay: 0,
    /** uses SGDW (Loshchilov and Hutter, 2019, algorithm 1), which subtracts η·λ·θ from the parameters */
    decoupledWeightDecay: false,
    ...decayOptions,
    /** Nesterov's momentum, θ ← θ − η·(g + μ·b); requires `momentum` > 0 and no dampening */
    nesterov: false,
    maximize: false,
  },
  check({ momentum, dampening, nesterov }) {
    if (nesterov && (momentum === 0 || dampening !== 0)) {
      throw new OptionError(
        'sgd: nesterov',
        'a momentum > 0 and no dampening',
        `a momentum of ${momentum} and a dampening of ${dampening}`,
      )
    }
  },
  takesRows: true,
  kernels: [
    kernel(GradientDescentKernel, GradientDescentLoop),
    kernel(SgdMomentumKernel, SgdMomentumLoop),
    kernel(SgdNesterovKernel, SgdNesterovLoop),
  ],
  stages({ momentum, nesterov }) {
    if (momentum === 0) return [GradientDescentKernel]
    return [nesterov ? SgdNesterovKernel : SgdMomentumKernel]
  },
  coefficients({ lr, momentum }, row) {
    row[SgdMomentumKernel.row.lr] = lr
    row[SgdMomentumKernel.row.mu] = momentum
  },
  corrections({ dampening }, { t }, row) {
    row[SgdMomentumKernel.row.undampened] = t === 1 ? 1 : 1 - dampening
  },
  decay: (rule) => (rule.decoupledWeightDecay ? decoupledDecay(rule) : 1),
  l2: ({ weightDecay, decoupledWeightDecay }) => (decoupledWeightDecay ? 0 : weightDecay),
})

/** Torch's SGD's description; see {@link sgd}. */
export interface Sgd extends RuleOf<typeof definition> {}

/**
 * SGD (Robbins and Monro, 1951), as defined by `torch.optim.SGD`: g ← g + λ·θ, b ← μ·b + (1−τ)·g (at the first update b
 * ← g), θ ← θ − η·b. With `nesterov`, θ ← θ − η·(g + μ·b). With `decoupledWeightDecay`, the rule is SGDW (Loshchilov
 * and Hutter, 2019, algorithm 1): θ ← (1 − η·λ)·θ replaces g ← g + λ·θ.
 *
 * State: b, if momentum is used.
 * @throws OptionError if an option is unknown or out of its range
 */
export const sgd = rule<Sgd>(definition)
