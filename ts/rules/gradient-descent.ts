import { kernel, twice } from '../arena/kernel.js'
import { GradientDescentKernel } from '../arena/manifest.js'
import { defineDirection } from './cautious.js'
import { type RuleOf, rule } from './rule.js'

export const GradientDescentLoop = twice<typeof GradientDescentKernel>(
  (f) =>
    (theta, g, _, { decay, lr }, from, to) => {
      for (let i = from; i < to; i++) {
        theta[i] = f(f(theta[i] * decay) - f(lr * g[i]))
      }
    },
)

export const definition = defineDirection('gradientDescent', {
  options: {
    lr: 1e-3,
    maximize: false,
  },
  takesRows: true,
  kernels: [kernel(GradientDescentKernel, GradientDescentLoop)],
  stages: () => [GradientDescentKernel],
  coefficients({ lr }, row) {
    row[GradientDescentKernel.row.lr] = lr
  },
})

/** Gradient descent's description; see {@link gradientDescent}. */
export interface GradientDescent extends RuleOf<typeof definition> {}

/**
 * Gradient descent (Cauchy, 1847): θ ← θ − η·g.
 *
 * No state. @throws OptionError if an option is unknown or out of its range
 */
export const gradientDescent = rule<GradientDescent>(definition)
