import { kernel, twice } from '../arena/kernel.js'
import { MomentumKernel } from '../arena/manifest.js'
import { fraction } from '../options/kinds.js'
import { scheduled } from '../schedules/option.js'
import { defineDirection } from './cautious.js'
import { type RuleOf, rule } from './rule.js'

export const MomentumLoop = twice<typeof MomentumKernel>(
  (f) =>
    (theta, g, { v }, { lr, alpha }, from, to) => {
      for (let i = from; i < to; i++) {
        v[i] = f(f(alpha * v[i]) - f(lr * g[i]))
        theta[i] = f(theta[i] + v[i])
      }
    },
)

export const definition = defineDirection('momentum', {
  options: {
    lr: 1e-3,
    /** factor α in [0, 1) of the velocity; may be scheduled */
    momentum: scheduled(fraction, 0.9),
    maximize: false,
  },
  kernels: [kernel(MomentumKernel, MomentumLoop)],
  stages: () => [MomentumKernel],
  coefficients({ lr, momentum }, row) {
    row[MomentumKernel.row.lr] = lr
    row[MomentumKernel.row.alpha] = momentum
  },
})

/** The heavy ball's description; see {@link momentum}. */
export interface Momentum extends RuleOf<typeof definition> {}

/**
 * Momentum, also called the heavy ball (Polyak, 1964), in the form of Sutskever et al. (2013, equations 1 and 2), with
 * the learning rate inside the velocity: v ← α·v − η·g, θ ← θ + v. (PyTorch's form is `sgd({ momentum })`.)
 *
 * State: v. @throws OptionError if an option is unknown or out of its range
 */
export const momentum = rule<Momentum>(definition)
