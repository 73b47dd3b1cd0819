import { kernel, twice } from '../arena/kernel.js'
import { SignSgdKernel, SignumKernel } from '../arena/manifest.js'
import { signum } from '../core/numbers.js'
import { fraction } from '../options/kinds.js'
import { scheduled } from '../schedules/option.js'
import { defineDirection } from './cautious.js'
import { type RuleOf, rule } from './rule.js'

export const SignSgdLoop = twice<typeof SignSgdKernel>((f) => (theta, g, _, { decay, lr }, from, to) => {
  for (let i = from; i < to; i++) {
    theta[i] = f(f(theta[i] * decay) - f(lr * signum(g[i])))
  }
})

/** The kernel of Signum, whose β is the option `momentum`. */
export const SignumLoop = twice<typeof SignumKernel>(
  (f) =>
    (theta, g, { m }, { decay, lr, beta, oneMinusBeta }, from, to) => {
      for (let i = from; i < to; i++) {
        m[i] = f(f(beta * m[i]) + f(oneMinusBeta * g[i]))
        theta[i] = f(f(theta[i] * decay) - f(lr * signum(m[i])))
      }
    },
)

export const definition = defineDirection('signSgd', {
  options: {
    lr: 1e-3,
    /** decay rate β in [0, 1) of the average gradient m, whose sign is the step (Signum); may be scheduled */
    momentum: scheduled(fraction, 0),
    maximize: false,
  },
  kernels: [kernel(SignSgdKernel, SignSgdLoop), kernel(SignumKernel, SignumLoop)],
  stages: ({ momentum }) => [momentum === 0 ? SignSgdKernel : SignumKernel],
  coefficients({ lr, momentum }, row) {
    row[SignumKernel.row.lr] = lr
    row[SignumKernel.row.beta] = momentum
    row[SignumKernel.row.oneMinusBeta] = 1 - momentum
  },
})

/** The description of signSGD; see {@link signSgd}. */
export interface SignSgd extends RuleOf<typeof definition> {}

/**
 * The sign of the gradient (signSGD: Bernstein et al., 2018, algorithm 1): θ ← θ − η·sign(g). With momentum, the rule
 * is Signum (algorithm 2): m ← β·m + (1−β)·g, θ ← θ − η·sign(m). If g or m is 0, the parameter keeps its value.
 *
 * State: m, if momentum is used.
 * @throws OptionError if an option is unknown or out of its range
 */
export const signSgd = rule<SignSgd>(definition)
