import { SignSgdKernel } from '../manifest.js'
import { defineDirection } from './cautious.js'
import { kernel, signum, twice } from './kernel.js'
import { flag, nonNegative, scheduled } from './options.js'
import { type RuleOf, rule } from './rule.js'

/** u = η·sign(g). */
export const SignSgdLoop = twice<typeof SignSgdKernel>((f) => (theta, g, _, { decay, lr }, from, to) => {
  for (let i = from; i < to; i++) {
    theta[i] = f(f(theta[i] * decay) - f(lr * signum(g[i])))
  }
})

export const definition = defineDirection('signSgd', {
  options: {
    /** η ≥ 0; may be scheduled */
    lr: scheduled(nonNegative, 1e-3),
    /** climbs instead */
    maximize: flag(false),
  },
  kernels: [kernel(SignSgdKernel, SignSgdLoop)],
  stages: () => [SignSgdKernel],
  coefficients({ lr }, row) {
    row[SignSgdKernel.row.lr] = lr
  },
})

/** The description of signSGD; see {@link signSgd}. */
export interface SignSgd extends RuleOf<typeof definition> {}

/**
 * The sign of the gradient (signSGD: Bernstein et al., 2018, algorithm 1): θ ← θ − η·sign(g). Where the
 * gradient is 0 the parameter stays.
 *
 * @throws OptionError where an option is unknown or out of its range
 */
export const signSgd = rule<SignSgd>(definition)
